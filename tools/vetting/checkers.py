"""Runs checkov, and cfn-guard with AWS Control Tower's rules, on templates that are fully resolved.

Both run offline, from the environment .venv-checkers. A finding is either fixed in the template, or
listed in suppressions.toml with the reason.
"""

import json
import platform
import re
import subprocess
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from tools.translate import ROOT

CHECKERS: Final = ROOT / ".venv-checkers"
SUPPRESSIONS: Final = Path(__file__).with_name("suppressions.toml")
_GUARD: Final = CHECKERS / "guard"
_GUARD_NOT_COMPLIANT: Final = 19  # cfn-guard's exit status
_RESOURCE: Final = re.compile(r"/Resources/([A-Za-z0-9]+)")


class CheckerFinding(msgspec.Struct, frozen=True, order=True):
    """A rule that a resource does not follow."""

    rule: str
    resource: str


class Suppression(msgspec.Struct, frozen=True):
    """Findings that are accepted, and why."""

    rules: list[str]
    resources: list[str]
    reason: str

    def findings(self) -> set[CheckerFinding]:
        """Each rule on each resource."""
        return {
            CheckerFinding(rule, resource) for rule in self.rules for resource in self.resources
        }


class CheckerError(Exception):
    """A checker failed; the message has its output."""


def read_suppressions() -> list[Suppression]:
    """The suppressions in suppressions.toml."""
    content = tomllib.loads(SUPPRESSIONS.read_text())
    return msgspec.convert(content["suppressed"], list[Suppression])


def run_checkov(templates: Iterable[Path]) -> set[CheckerFinding]:
    """The failed checks of all templates.

    Raises:
        CheckerError: checkov failed, could not parse a template, or checked nothing.
    """
    files = [str(each) for each in templates]
    command: list[str | Path] = [
        CHECKERS / "bin" / "checkov",
        "--framework",
        "cloudformation",
        "--skip-download",
    ]
    output = _run([*command, "--quiet", "--compact", "--output", "json", "--file", *files], {0, 1})
    report = json.loads(output)
    if not report.get("summary", {}).get("passed") or report["summary"]["parsing_errors"]:
        raise CheckerError(f"checkov checked nothing, or not all, of {files}: {output[:500]}")
    return {
        CheckerFinding(each["check_id"], each["resource"].rpartition(".")[2])
        for each in report["results"]["failed_checks"]
    }


def run_guard(templates: Iterable[Path]) -> set[CheckerFinding]:
    """The rules of Control Tower that a template does not comply with.

    Raises:
        CheckerError: cfn-guard failed, or has no program for this machine.
    """
    files = [str(each) for each in templates]
    data = [argument for each in files for argument in ("--data", each)]
    rules = _GUARD / "rules" / "control-tower" / "cfn-guard"
    command: list[str | Path] = [_guard_program(), "validate", "--rules", rules, *data]
    options = ["--output-format", "json", "--show-summary", "none", "--structured"]
    report = json.loads(_run([*command, *options], {0, _GUARD_NOT_COMPLIANT}))
    if len(report) != len(files) or not all(each["compliant"] for each in report):
        raise CheckerError(f"cfn-guard checked nothing, or not all, of {files}")
    return {
        CheckerFinding(rule["Rule"]["name"], resource)
        for each in report
        for rule in each["not_compliant"]
        for resource in _resources(rule)
    }


def _resources(rule: Mapping[str, Any]) -> set[str]:
    """The logical ids in the paths that a rule failed on."""
    return set(_RESOURCE.findall(json.dumps(rule))) or {"(the template)"}


def _guard_program() -> Path:
    folders = {"Linux": "ubuntu", "Darwin": "macos"}
    machines = {"arm64": "aarch64", "amd64": "x86_64"}
    machine = platform.machine().lower()
    folder = _GUARD / "bin" / folders.get(platform.system(), platform.system())
    program = folder / machines.get(machine, machine) / "cfn-guard"
    if not program.is_file():
        raise CheckerError(f"cfn-guard has no program for {platform.system()} on {machine}")
    return program


def _run(command: list[str | Path], statuses: set[int]) -> str:
    if not (CHECKERS / "installed").is_file():
        raise CheckerError("The environment .venv-checkers is missing: run make check.")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode not in statuses:
        output = (done.stderr or done.stdout).strip()[-2000:]
        raise CheckerError(f"{command[0]} failed (exit status {done.returncode}): {output}")
    return done.stdout
