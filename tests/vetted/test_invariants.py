"""Grants that violate an invariant of docs/security.md are found, and missing ones too."""

import re
from typing import Final

import pytest

from tools.vetting.deployment import Deployment, deployed
from tools.vetting.invariants import (
    UNAUTHENTICATED,
    Invariant,
    Principal,
    arns,
    principals,
    read_table,
    resource_policies,
    violations,
    who_can,
)

INVARIANTS: Final = read_table("Roles of the stack")


@pytest.fixture(scope="module")
def prod() -> Deployment:
    return deployed("prod")


def widened(action: str) -> str:
    """A grant that is wider than needed: `s3:Put*` instead of `s3:PutObject`."""
    service, name = action.split(":")
    return f"{service}:{re.sub(r'(?<=[a-z])[A-Z].*', '', name).rstrip('*')}*"


def test_an_inserted_grant_is_found_for_every_invariant_and_changes_no_other(prod: Deployment):
    inserted = [
        Principal(
            f"Inserted{number}",
            [
                {
                    "Effect": "Allow",
                    "Action": widened(action),
                    "Resource": [arn.rstrip("*") + "*" for arn in arns(each.resources[-1], [prod])],
                }
            ],
        )
        for number, each in enumerate(INVARIANTS)
        for action in each.actions[-1:]
    ]
    found = violations(INVARIANTS, [*principals(prod), *inserted], prod)
    for number, invariant in enumerate(INVARIANTS):
        assert any(
            each.startswith(f"{invariant.sentence} Violated: Inserted{number} can")
            for each in found
        ), invariant
    by_roles = [each for each in found if "Violated: Inserted" not in each]
    assert not by_roles, f"{by_roles}: correct the row in docs/security.md, or permissions/."


def test_a_grant_that_is_missing_is_found(prod: Deployment):
    weaker = [each for each in principals(prod) if each.name != "ThumbnailerRole"]
    weaker.append(Principal("ThumbnailerRole", []))
    [invariant] = [each for each in INVARIANTS if "writes renditions" in each.sentence]
    assert violations([invariant], weaker, prod) == [
        f"{invariant.sentence} ThumbnailerRole may, says docs/security.md, and cannot."
    ]


def test_a_bucket_that_anybody_may_read_is_found(prod: Deployment):
    public = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"{prod.arn('MediaBucket')}/*",
    }
    [invariant] = [each for each in INVARIANTS if "CloudFront reads renditions" in each.sentence]
    [found] = who_can([invariant], [], [prod], [*resource_policies(prod), public])
    assert UNAUTHENTICATED in {each.who for each in found}


def test_a_deny_and_a_boundary_are_respected(prod: Deployment):
    invariant = Invariant("", ["s3:GetObject"], ["MediaBucket/*"], set())
    reads = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    roles = [
        Principal("Reads", [reads]),
        Principal("Denied", [reads, reads | {"Effect": "Deny"}]),
        Principal("Bounded", [reads], boundary=[reads | {"Action": "s3:PutObject"}]),
    ]
    [found] = who_can([invariant], roles, [prod], [])
    assert {each.who for each in found} == {"Reads"}


def test_a_condition_on_all_keys_of_a_request_is_respected(prod: Deployment):
    key = "dynamodb:LeadingKeys"
    invariant = Invariant("", ["dynamodb:PutItem"], ["PhotosTable"], set(), when={key: ["a#1"]})
    writes = {"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": "*"}
    roles = [
        Principal(operator, [writes | {"Condition": {f"ForAllValues:{operator}": {key: "a#*"}}}])
        for operator in ("StringLike", "StringNotLike")
    ]
    [found] = who_can([invariant], roles, [prod], [])
    assert {each.who for each in found} == {"StringLike"}


def test_an_unknown_resource_in_the_table_is_refused(prod: Deployment):
    with pytest.raises(ValueError, match="'PhotoTable', which is not deployed"):
        arns("PhotoTable", [prod])


def test_roles_are_assumed_by_aws_services_only(prod: Deployment):
    for name, role in prod.of_type("AWS::IAM::Role"):
        for statement in role.properties["AssumeRolePolicyDocument"]["Statement"]:
            assert list(statement["Principal"]) == ["Service"], name
            assert statement["Action"] == "sts:AssumeRole", name
