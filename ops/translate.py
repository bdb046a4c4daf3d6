"""`python -m ops.translate`: template.yaml as CloudFormation sees it, after all its transforms."""

import copy
import functools
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any, Final

from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

ROOT: Final = Path(__file__).parents[1]


class _NoManagedPolicies:
    """Every role is written out, so the transform has no managed policy to look up."""

    def load(self) -> dict[str, str]:
        return {}


def load_template() -> dict[str, Any]:
    """template.yaml with its included files in their places; a copy, to be changed at will."""
    return copy.deepcopy(_read_template())


@functools.cache  # it takes a quarter of a second, and tests ask for it a hundred times
def _read_template() -> dict[str, Any]:
    return dict(_with_included(yaml_parse((ROOT / "template.yaml").read_text())))


def translate(template: dict[str, Any], parameters: dict[str, str]) -> dict[str, Any]:
    """The template after the SAM transform, with local paths standing in for uploaded artifacts."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns of its own switches
    template.pop("Metadata", None)
    for resource in template["Resources"].values():
        for uri in ("CodeUri", "ContentUri", "DefinitionUri"):
            if uri in resource.get("Properties", {}):
                resource["Properties"][uri] = "s3://artifacts/built"
    return dict(transform(template, parameters, _NoManagedPolicies()))


def _with_included(node: Any) -> Any:
    """AWS::Include as CloudFormation does it, which is before the SAM transform."""
    if isinstance(node, list):
        return [_with_included(each) for each in node]
    if not isinstance(node, dict):
        return node
    found = {name: _with_included(value) for name, value in node.items()}
    match found.pop("Fn::Transform", None):
        case {"Name": "AWS::Include", "Parameters": {"Location": str(location)}}:
            return found | _with_included(yaml_parse((ROOT / location).read_text()))
        case None:
            return found
        case other:
            raise ValueError(f"template.yaml: {other} is no AWS::Include of a file")


def main() -> None:
    json.dump(translate(load_template(), {}), sys.stdout, indent=2)


if __name__ == "__main__":
    main()
