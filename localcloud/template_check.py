"""Checks before a deployment what of a template localcloud does not support."""

import itertools
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from localcloud.application import Application
from localcloud.arguments import DEFAULT_PORT
from localcloud.cloud import MINISTACK_PYTHON, ROOT, Cloud, CloudError
from localcloud.ministack.resource_types import REFUSED, Limitation
from localcloud.templates import (
    PYTHON,
    Template,
    function_defaults,
    missing_files,
    nested_templates,
    read_template,
    resources_of,
)

_PROGRAM: Final = ROOT / "localcloud" / "ministack" / "template_check.py"
_APPLICATION: Final = "AWS::Serverless::Application"
_STACK: Final = "AWS::CloudFormation::Stack"
_NO_FILE: Final = "its template is not a file on this machine"
_STORED: Final = "AWS::SSM::Parameter::Value<"
_PER_CALL: Final = 10  # names in one GetParameters
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
            table.add_column(column, overflow="fold")  # a name that is cut off names nothing
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
            lines += [
                "Leave these resources out, or put them under a condition that is false here."
            ]
            raise CloudError("\n".join(lines))


def check(application: Application, cloud: Cloud) -> Checked:
    """Transform the template as CloudFormation does, and check every resource.

    Raises:
        CloudError: the template, or one of a nested application, cannot be read or transformed, or
            names a file that does not exist.
    """
    return _check(application.template, application.parameters, cloud)


def known_types() -> list[str]:
    """The resource types that a deployment creates.

    Raises:
        CloudError: the program that knows them failed.
    """
    empty: Template = {"Resources": {}}
    not_running = Cloud("127.0.0.1", DEFAULT_PORT)
    known: list[str] = _answer_of_program(Path(), empty, {}, {}, not_running)["known"]
    return known


def _check(path: Path, parameters: Mapping[str, str | None], cloud: Cloud) -> Checked:
    """A parameter whose value only the deployment knows is None."""
    known = {name: value for name, value in parameters.items() if value is not None}
    template = read_template(path, known)
    if missing := missing_files(template, path.parent):
        raise CloudError("\n".join([f"{path} names files that do not exist.", *missing]))
    if of_repository := _of_repository(template):
        return Checked(of_repository, frozenset())  # the transform would ask the repository
    files = {name: file for name, _, file in nested_templates(template, path.parent)}
    for name in (template.get("Parameters") or {}).keys() & (parameters.keys() - known.keys()):
        template["Parameters"][name] = {"Type": "String", "Default": ""}
    stored = _stored_values(template, known, cloud)
    answer = _answer_of_program(path, _as_uploaded(template), known, stored, cloud)
    _require_exports(path, answer["imports"], cloud)
    limitations = [Limitation(*each) for each in answer["limitations"]]
    types = set(answer["types"])
    for logical_id, given in answer["nested"].items():
        if logical_id not in files:
            limitations.append(Limitation(logical_id, _STACK, REFUSED, _NO_FILE))
            continue
        nested = _check(files[logical_id], given, cloud)
        limitations += [
            each._replace(logical_id=f"{logical_id}/{each.logical_id}")
            for each in nested.limitations
        ]
        types |= nested.types
    return Checked(limitations, frozenset(types))


def _of_repository(template: Template) -> list[Limitation]:
    """The applications that come from the AWS Serverless Application Repository."""
    return [
        Limitation(logical_id, _APPLICATION, REFUSED, _NO_FILE)
        for logical_id, resource in resources_of(template)
        if resource.get("Type") == _APPLICATION
        and not isinstance((resource.get("Properties") or {}).get("Location"), str)
    ]


def _stored_values(
    template: Template, parameters: Mapping[str, str], cloud: Cloud
) -> dict[str, str]:
    """What Parameter Store has for the template's parameters that read from it."""
    names = {
        str(parameters.get(name, definition.get("Default")))
        for name, definition in (template.get("Parameters") or {}).items()
        if str(definition.get("Type")).startswith(_STORED)
    }
    found: dict[str, str] = {}
    for batch in itertools.batched(sorted(names), _PER_CALL, strict=False):
        answer = cloud.client("ssm").get_parameters(Names=batch)
        found |= {each["Name"]: each["Value"] for each in answer["Parameters"]}
    return found


def _require_exports(path: Path, imported: Sequence[str], cloud: Cloud) -> None:
    """
    Raises:
        CloudError: the laptop cloud lacks an export.
    """
    if not imported:
        return
    pages = cloud.client("cloudformation").get_paginator("list_exports").paginate()
    exported = {each["Name"] for page in pages for each in page["Exports"]}
    if lacking := sorted(set(imported) - exported):
        options = " ".join(f"--export {name}=VALUE" for name in lacking)
        raise CloudError(
            f"{path} imports {', '.join(lacking)} from other stacks, and localcloud runs only"
            f" this one. Give `up` {options}."
        )


def _answer_of_program(
    path: Path,
    template: Template,
    parameters: Mapping[str, str],
    stored: Mapping[str, str],
    cloud: Cloud,
) -> dict[str, Any]:
    given = {"template": template, "parameters": parameters, "stored": stored, "python": PYTHON}
    done = subprocess.run(
        [MINISTACK_PYTHON, _PROGRAM],
        input=json.dumps(given, default=str),
        env=cloud.environment,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise CloudError(f"{path} could not be checked: {done.stderr.strip()[-2_000:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    if "error" in answer:
        raise CloudError(f"{path} is not a valid template: {answer['error']}")
    return answer


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
