"""Checks before a deployment what of a template localcloud does not support."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.table import Table

from localcloud.application import Application
from localcloud.cloud import MINISTACK_PYTHON, ROOT, Cloud, CloudError
from localcloud.ministack.resource_types import REFUSED, Limitation
from localcloud.templates import (
    PYTHON,
    Template,
    function_defaults,
    read_template,
    resources_of,
)

_PROGRAM: Final = ROOT / "localcloud" / "ministack" / "template_check.py"
_LOCAL_PATHS: Final = ("CodeUri", "ContentUri", "DefinitionUri")


@dataclass(frozen=True)
class Checked:
    """The result for a template: its limitations on this machine, and all its resource types."""

    limitations: Sequence[Limitation]
    types: frozenset[str]

    def table(self) -> Table:
        """The limitations for a person."""
        table = Table(title="Not as on AWS", title_justify="left")
        for column in ("resource", "type", "what happens", "why"):
            table.add_column(column)
        for each in self.limitations:
            table.add_row(each.logical_id, each.type, each.outcome, each.reason)
        return table

    def require_nothing_refused(self) -> None:
        """
        Raises:
            CloudError: a resource would make the deployment fail.
        """
        refused = [each for each in self.limitations if each.outcome == REFUSED]
        if refused:
            lines = ["This template cannot be deployed here, because of:"]
            lines += [f"{each.logical_id} ({each.type}): {each.reason}." for each in refused]
            lines += ["Put these resources under a condition that is false here."]
            raise CloudError("\n".join(lines))


def check(application: Application, cloud: Cloud) -> Checked:
    """Transform the template as CloudFormation does, and check every resource.

    Raises:
        CloudError: the template cannot be read or transformed.
    """
    given = {
        "template": _as_uploaded(read_template(application.template)),
        "parameters": dict(application.parameters),
        "python": PYTHON,
    }
    done = subprocess.run(
        [MINISTACK_PYTHON, _PROGRAM],
        input=json.dumps(given, default=str),
        env=cloud.environment,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise CloudError(f"The template could not be checked: {done.stderr.strip()[-2_000:]}")
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise CloudError(f"{application.template} is not a valid template: {answer['error']}")
    found = [Limitation(*each) for each in answer["limitations"]]
    return Checked(found, frozenset(answer["types"]))


def _as_uploaded(template: Template) -> Template:
    """The template with a URL in S3 for each local path, as after the upload of `sam deploy`."""
    sections = [function_defaults(template)]
    sections += [each.get("Properties") or {} for _, each in resources_of(template)]
    for properties in sections:
        for name in _LOCAL_PATHS:
            if isinstance(properties.get(name), str):
                properties[name] = "s3://artifacts/built"
        if isinstance(properties.get("Location"), str):
            properties["Location"] = "https://artifacts.s3.amazonaws.com/built"
    for _, resource in resources_of(template):
        if resource.get("Type") == "AWS::Serverless::Function":
            properties = resource["Properties"] = resource.get("Properties") or {}
            if properties.get("PackageType") == "Image":
                properties.setdefault("ImageUri", "000000000000.dkr.ecr.us-east-1.amazonaws.com/x")
            elif "InlineCode" not in properties and "CodeUri" not in sections[0]:
                properties.setdefault("CodeUri", "s3://artifacts/built")
    return template
