"""Lists what of a template is not as on AWS; a program for ministack's environment.

Standard input is JSON: the template, its parameters, the values stored in Parameter Store and the
runtime that functions run on. Standard output is JSON: `limitations`, the `types` of all resources,
all types that are `known`, the parameters of `nested` stacks by logical id, and the exports that it
`imports`, or an `error` in a sentence.
"""

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main() -> None:
    sys.path[0] = str(Path(__file__).parents[2])
    logging.disable(logging.ERROR)  # the SAM transform warns of its own switches
    json.dump(check(json.load(sys.stdin)), sys.stdout)


def check(given: dict[str, Any]) -> dict[str, Any]:
    """Check a template; input and output are those of `main`."""
    from ministack.services import ssm  # noqa: PLC0415
    from ministack.services.cloudformation import engine, provisioners  # noqa: PLC0415

    from localcloud.ministack import api_deployments, deployments, resource_types  # noqa: PLC0415

    api_deployments.install()
    deployments.transform_with_parameters()
    resolve = ssm.resolve_parameter_value
    ssm.resolve_parameter_value = lambda name: given["stored"].get(name) or resolve(name)
    sent = [{"Key": name, "Value": value} for name, value in given["parameters"].items()]
    try:
        values = engine._resolve_parameters(given["template"], sent)  # noqa: SLF001
        template = engine._apply_transforms(given["template"], sent)  # noqa: SLF001
        conditions = engine._evaluate_conditions(template, values)  # noqa: SLF001
    except Exception as error:  # noqa: BLE001 - the transform has no common base of its exceptions
        if lacking := _without_value(given):
            options = " ".join(f"--parameter {name}=VALUE" for name in lacking)
            return {"error": f"{', '.join(lacking)} has no default. Give {options}."}
        if lacking := _not_stored(given, ssm.resolve_parameter_value):
            options = " ".join(f"--ssm-parameter {name}=VALUE" for name in lacking)
            return {"error": f"Parameter Store lacks {', '.join(lacking)}. Give `up` {options}."}
        causes = [str(each.message) for each in getattr(error, "causes", [])]
        return {"error": " ".join(causes) or getattr(error, "message", None) or str(error)}
    if mistakes := resource_types.mistakes(template):
        return {"error": " ".join(mistakes)}
    found = resource_types.limitations(
        template,
        conditions,
        provisioners._RESOURCE_HANDLERS,  # noqa: SLF001
        given["python"],
    )
    types = {resource["Type"] for resource in template["Resources"].values()}
    nested = resource_types.nested_parameters(
        template, conditions, {name: each["Value"] for name, each in values.items()}
    )
    imports = [
        engine._resolve_refs(name, {}, values, conditions, {}, "stack", "")  # noqa: SLF001
        for name in resource_types.imported(template, conditions)
    ]
    return {
        "limitations": found,
        "types": sorted(types),
        "known": sorted(provisioners._RESOURCE_HANDLERS),  # noqa: SLF001
        "nested": nested,
        "imports": [name for name in imports if isinstance(name, str)],
    }


def _without_value(given: dict[str, Any]) -> list[str]:
    """The parameters that have neither a default nor a given value."""
    declared = given["template"].get("Parameters") or {}
    return [
        name
        for name, parameter in declared.items()
        if isinstance(parameter, dict)
        and "Default" not in parameter
        and name not in given["parameters"]
    ]


def _not_stored(given: dict[str, Any], resolve: Callable[[str], str | None]) -> list[str]:
    """The names in Parameter Store that parameters read and that have no value there."""
    names = (
        str(given["parameters"].get(name, parameter.get("Default")))
        for name, parameter in (given["template"].get("Parameters") or {}).items()
        if str(parameter.get("Type")).startswith("AWS::SSM::Parameter::Value<")
    )
    return [name for name in names if resolve(name) is None]


if __name__ == "__main__":
    main()
