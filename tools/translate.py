"""`python -m tools.translate`: prints template.yaml after all its transforms."""

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
    """No managed policies: the template declares every role, so the transform needs none."""

    def load(self) -> dict[str, str]:
        return {}


def load_template() -> dict[str, Any]:
    """A copy of template.yaml with its included files inserted; the caller may change it."""
    return dict(json.loads(_load_source()))


@functools.cache  # it takes a quarter of a second, and tests need it many times
def _load_source() -> str:
    return json.dumps(read_template(ROOT / "template.yaml"))


def read_template(path: Path) -> dict[str, Any]:
    """The template in a file, with its included files inserted."""
    return dict(_with_included(yaml_parse(path.read_text()), path.parent))


def translate(template: dict[str, Any], parameters: dict[str, str]) -> dict[str, Any]:
    """The template after the SAM transform, as if local artifacts had been uploaded.

    Changes `template`.
    """
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns of its feature toggles
    template.pop("Metadata", None)
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        for uri in ("CodeUri", "ContentUri", "DefinitionUri"):
            if uri in properties and not properties[uri].startswith("s3://"):
                properties[uri] = "s3://artifacts/built"
    return dict(transform(template, parameters, _NoManagedPolicies()))


def _with_included(node: Any, folder: Path) -> Any:
    """Resolve AWS::Include; CloudFormation does this before the SAM transform."""
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
            raise ValueError(f"template.yaml: expected AWS::Include of a file, not {other}")


def main() -> None:
    json.dump(translate(load_template(), {}), sys.stdout, indent=2)


if __name__ == "__main__":
    main()
