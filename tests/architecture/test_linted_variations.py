"""cfn-lint, with CloudFormation's own resource schemas, on what parameters make of the template.

`make check` lints the translated template once, with its conditions in it. Here the conditions are
decided and the values put in, for as few variations as have every value of every parameter that
decides a condition.
"""

import functools
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.references import OTHER, Assumption, condition_values, references
from tests.support.repository import load_template
from tools.intrinsics import Resolver
from tools.translate import translate

# Where any other text would do for a condition, but not for the resource that it makes.
SAMPLES: Final = {
    "AlarmEmail": "operator@example.com",
    "DomainName": "photos.example.com",
    "PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/boundary",
    "RequestsPerClient": "1000",
    "RushHourBegins": "cron(45 17 * * ? *)",
    "RushHourEnds": "cron(0 23 * * ? *)",
    "WebAclArn": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/gallery/0123",
    "EndpointUrl": "http://127.0.0.1:4566",
    "AWS::Region": "eu-central-1",
}
ALSO: Final = {
    "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/0123",
}
TEMPLATE: Final = load_template()
BRANCHES: Final = {each.where for each in references(TEMPLATE)}
CFN_LINT: Final = Path(sys.executable).with_name("cfn-lint")
CANDIDATES: Final = 200
MOST: Final = 8


def values() -> dict[str, list[str]]:
    """The values of each parameter that the conditions can tell apart."""
    return {
        name: [SAMPLES.get(name, each) if each == OTHER else each for each in found]
        for name, found in condition_values(TEMPLATE).items()
    }


def shown(parameters: dict[str, str]) -> set[Assumption | tuple[str, str]]:
    """What a variation tries: the branches of the template that it takes, and its values."""
    given = {name: value for name, value in parameters.items() if name != "AWS::Region"}
    resolver = Resolver(TEMPLATE, given, parameters["AWS::Region"])
    truth = {name: resolver.holds(name) for name in TEMPLATE["Conditions"]}
    branches = BRANCHES | {frozenset({each}) for each in truth.items()}
    return {each for each in branches if each <= truth.items()} | set(parameters.items())


@functools.cache
def variations() -> list[dict[str, str]]:
    """A few that show together what all candidates show, chosen greedily."""
    chance = random.Random(11)  # noqa: S311 - a choice of samples; always the same one
    candidates = [
        {name: chance.choice(found) for name, found in values().items()} for _ in range(CANDIDATES)
    ]
    tried = [(shown(each), each) for each in candidates]
    missing = set().union(*(found for found, _ in tried))
    chosen = []
    while missing:
        found, best = max(tried, key=lambda each: len(each[0] & missing))
        chosen.append(best)
        missing -= found
    return chosen


def decided(parameters: dict[str, str]) -> dict[str, Any]:
    """The template that CloudFormation creates resources from."""
    given = {name: value for name, value in parameters.items() if name != "AWS::Region"} | ALSO
    translated = translate(load_template(), given)
    resolver = Resolver(translated, given, parameters["AWS::Region"])
    there = {
        name: {key: value for key, value in resource.items() if key != "Condition"}
        for name, resource in translated["Resources"].items()
        if "Condition" not in resource or resolver.holds(resource["Condition"])
    }
    return {
        "AWSTemplateFormatVersion": translated["AWSTemplateFormatVersion"],
        "Resources": resolver.value(there),
        "Outputs": resolver.value(translated["Outputs"]),
    }


@pytest.mark.parametrize("region", values()["AWS::Region"])
def test_cfn_lint_finds_nothing(region: str, tmp_path: Path):
    """In one process per region: cfn-lint takes seconds to start and to read its schemas."""
    files = {}
    for number, parameters in enumerate(variations()):
        if parameters["AWS::Region"] == region:
            file = tmp_path / f"{number}.json"
            file.write_text(json.dumps(decided(parameters)))
            files[file] = parameters
    linted = subprocess.run(
        [CFN_LINT, "--regions", region, "--", *files], capture_output=True, text=True, check=False
    )
    assert linted.returncode == 0, f"{files}\n{linted.stdout}{linted.stderr}"


def test_every_branch_is_taken_and_every_value_is_tried():
    tried = set().union(*map(shown, variations()))
    assert {frozenset({(name, True)}) for name in TEMPLATE["Conditions"]} <= tried
    assert {frozenset({(name, False)}) for name in TEMPLATE["Conditions"]} <= tried
    assert tried >= BRANCHES
    assert {(name, value) for name, found in values().items() for value in found} <= tried
    assert len(variations()) <= MOST, "each takes ten seconds"
