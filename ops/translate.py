"""`python -m ops.translate`: template.yaml as CloudFormation sees it, after the SAM transform."""

import json
import os
import sys
from pathlib import Path
from typing import Any, Final

from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

TEMPLATE: Final = Path(__file__).parents[1] / "template.yaml"


class _NoManagedPolicies:
    """Every role is written out, so the transform has no managed policy to look up."""

    def load(self) -> dict[str, str]:
        return {}


def translate(template: dict[str, Any], parameters: dict[str, str]) -> dict[str, Any]:
    """The template after the SAM transform, with local paths standing in for uploaded artifacts."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    for resource in template["Resources"].values():
        for uri in ("CodeUri", "ContentUri"):
            if uri in resource.get("Properties", {}):
                resource["Properties"][uri] = "s3://artifacts/built"
    return dict(transform(template, parameters, _NoManagedPolicies()))


def main() -> None:
    template = yaml_parse(TEMPLATE.read_text())
    json.dump(translate(template, {}), sys.stdout, indent=2)


if __name__ == "__main__":
    main()
