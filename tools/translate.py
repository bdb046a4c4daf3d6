"""`python -m tools.translate`: template.yaml as CloudFormation sees it, after all transforms."""

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
    return dict(json.loads(_load_source()))


@functools.cache  # it takes a quarter of a second, and tests ask for it a hundred times
def _load_source() -> str:
    return json.dumps(read_template(ROOT / "template.yaml"))


def read_template(path: Path) -> dict[str, Any]:
    """The template in a file, with the files that it includes in their places."""
    return dict(_with_included(yaml_parse(path.read_text()), path.parent))


def translate(template: dict[str, Any], parameters: dict[str, str]) -> dict[str, Any]:
    """The template after the SAM transform, as if local artifacts had been uploaded.

    Changes `template`.
    """
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns of its own switches
    template.pop("Metadata", None)
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        for uri in ("CodeUri", "ContentUri", "DefinitionUri"):
            if uri in properties and not properties[uri].startswith("s3://"):
                properties[uri] = "s3://artifacts/built"
    return dict(transform(template, parameters, _NoManagedPolicies()))


def _with_included(node: Any, folder: Path) -> Any:
    """AWS::Include as CloudFormation does it, which is before the SAM transform."""
    if isinstance(node, list):
        return [_with_included(each, folder) for each in node]
    if not isinstance(node, dict):
        return node
    found = {name: _with_included(value, folder) for name, value in node.items()}
    match found.pop("Fn::Transform", None):
        case {"Name": "AWS::Include", "Parameters": {"Location": str(location)}}:
            file = folder / location
            return found | _with_included(yaml_parse(file.read_text()), file.parent)
        case None:
            return found
        case other:
            raise ValueError(f"template.yaml: {other} is no AWS::Include of a file")


def main() -> None:
    json.dump(translate(load_template(), {}), sys.stdout, indent=2)


if __name__ == "__main__":
    main()
