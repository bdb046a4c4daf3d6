"""The permissions of roles are compared with the requests that they made."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from tools.vetting.deployment import Deployment, deployed
from tools.vetting.grants import (
    Accepted,
    Decision,
    Grant,
    GrantedStack,
    GrantFinding,
    differences,
    grants_of,
    problems,
    read_accepted,
    read_recording,
)
from tools.vetting.invariants import Principal, principals

ID: Final = "019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60"


@pytest.fixture(scope="module")
def prod() -> Deployment:
    return deployed("prod", ApiAccessLogs="none")


@pytest.fixture
def grants(prod: Deployment) -> set[Grant]:
    """Those of the real policies, on resources that have a name."""
    return {each for each in grants_of(principals(prod)) if each.resource != "*"}


def used(grants: set[Grant]) -> set[Decision]:
    """A decision for each grant, as if every wildcard stood for an id."""
    return {
        Decision(each.role, each.action, each.resource.replace("*", ID), allowed=True)
        for each in grants
    }


def test_grants_that_are_all_used_have_no_differences(grants: set[Grant]):
    assert len(grants) > 60
    assert differences(used(grants), grants) == set()


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:DeleteObject", "arn:aws:s3:::lambda-gallery-mediabucket-0a1b2c/photos/*"),
        (
            "dynamodb:Scan",
            "arn:aws:dynamodb:us-east-1:123456789012:table/lambda-gallery-ViewsTable",
        ),
        ("s3:*", "*"),
    ],
)
def test_an_inserted_grant_is_found(grants: set[Grant], action: str, resource: str):
    inserted = Grant("CatalogReplicatorRole", action, resource)
    assert differences(used(grants), {*grants, inserted}) == {
        GrantFinding("unused", inserted.role, action, resource)
    }


def test_each_removed_grant_is_found(grants: set[Grant]):
    for removed in grants:
        [decision] = used({removed})
        allowed = any(each.covers(decision) for each in grants - {removed})
        found = differences(used(grants), grants - {removed})
        denied = GrantFinding("denied", decision.role, decision.action, decision.resource)
        assert found == (set() if allowed else {denied}), removed


def test_a_denied_request_is_found_even_if_a_grant_covers_it(grants: set[Grant]):
    [first, *_] = grants
    [decision] = used({first})
    denied = msgspec.structs.replace(decision, allowed=False)
    assert differences({*used(grants), denied}, grants) == {
        GrantFinding("denied", denied.role, denied.action, denied.resource)
    }


@pytest.mark.parametrize(
    ("pattern", "resource", "is_wide"),
    [
        ("arn:aws:s3:::media/photos/*", f"arn:aws:s3:::media/photos/{ID}/etag/thumb.webp", False),
        ("arn:aws:s3:::media/*", f"arn:aws:s3:::media/photos/{ID}/etag/thumb.webp", True),
        ("arn:aws:s3:::media*", "arn:aws:s3:::media?prefix=photos/", True),
        ("arn:aws:s3:::media?prefix=photos/*/", f"arn:aws:s3:::media?prefix=photos/{ID}/", False),
        ("arn:aws:s3:::media?prefix=photos/", "arn:aws:s3:::media?prefix=photos/", False),
        ("arn:aws:lambda:r:a:function:f:*", "arn:aws:lambda:r:a:function:f:12", False),
        ("arn:aws:lambda:r:a:function:f:*", "arn:aws:lambda:r:a:function:f:live", True),
        ("arn:aws:dynamodb:r:a:table/t", "arn:aws:dynamodb:r:a:table/t", False),
        ("*", "arn:aws:dynamodb:r:a:table/t", True),
    ],
)
def test_a_wildcard_stands_for_ids_only(pattern: str, resource: str, is_wide: bool):
    grant, decision = Grant("Role", "a:B", pattern), Decision("Role", "a:B", resource, allowed=True)
    wide = {GrantFinding("wide", "Role", "a:B", pattern)}
    assert differences({decision}, {grant}) == (wide if is_wide else set())


def test_a_listing_is_granted_by_prefix():
    listing: dict[str, Any] = {
        "Effect": "Allow",
        "Action": "s3:ListBucket",
        "Resource": "arn:aws:s3:::media",
    }
    condition = {"StringLike": {"s3:prefix": ["photos/*/", "uploads/"]}}
    assert {
        each.resource for each in grants_of([Principal("R", [{**listing, "Condition": condition}])])
    } == {
        "arn:aws:s3:::media?prefix=photos/*/",
        "arn:aws:s3:::media?prefix=uploads/",
    }
    [whole] = grants_of([Principal("R", [listing])])
    assert whole.covers(Decision("R", "s3:ListBucket", "arn:aws:s3:::media", allowed=True))
    assert whole.covers(Decision("R", "s3:ListBucket", "arn:aws:s3:::media?prefix=a", allowed=True))


def test_a_denial_grants_nothing():
    denial = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::media/*"}
    assert list(grants_of([Principal("R", [denial])])) == []


def test_only_findings_that_are_not_accepted_are_problems():
    findings = {
        GrantFinding("unused", "ARole", "sqs:SendMessage", "queue"),
        GrantFinding("unused", "BRole", "sqs:SendMessage", "Queue/other"),
    }
    by_role = Accepted("unused", ["sqs:SendMessage"], "why", roles=("A*",))
    by_resource = Accepted("unused", ["sqs:SendMessage"], "why", resources=("queue/*",))
    assert problems(findings, [by_role, by_resource]) == []
    assert problems(findings, [by_role]) == [
        "BRole never used its grant of sqs:SendMessage on Queue/other"
    ]
    assert problems(set(), [by_role]) == [
        "accepted_grants.toml: the entry for sqs:SendMessage of A* (unused) matches no finding;"
        " remove it"
    ]


def test_every_acceptance_has_a_reason():
    assert read_accepted()
    assert all(len(each.reason) > 30 for each in read_accepted())


def record(folder: Path, port: int, suffix: str, *decisions: Decision) -> None:
    """What a laptop cloud leaves in the folder."""
    names = {"ApiRole": f"stack-ApiRole-{suffix}", "Media": f"stack-media-{suffix}"}
    statement = {
        "Effect": "Allow",
        "Action": ["s3:GetObject"],
        "Resource": f"arn:aws:s3:::stack-media-{suffix}/photos/*",
    }
    stack = GrantedStack(names, [Principal("ApiRole", [statement])])
    (folder / f"{port}.stack.json").write_bytes(msgspec.json.encode(stack))
    lines = [msgspec.json.encode(each) for each in decisions]
    (folder / f"{port}.jsonl").write_bytes(b"\n".join(lines))


def test_recordings_of_two_clouds_are_one(tmp_path: Path):
    def decisions(suffix: str) -> Iterator[Decision]:
        bucket = f"arn:aws:s3:::stack-media-{suffix}"
        yield Decision(
            f"stack-ApiRole-{suffix}", "s3:GetObject", f"{bucket}/photos/1", allowed=True
        )
        yield Decision("of-another-stack", "s3:GetObject", f"{bucket}/photos/1", allowed=False)

    record(tmp_path, 4566, "AAAA", *decisions("AAAA"))
    record(tmp_path, 4568, "BBBB")
    found, grants = read_recording(tmp_path)
    assert found == {
        Decision("ApiRole", "s3:GetObject", "arn:aws:s3:::Media/photos/1", allowed=True)
    }
    assert grants == {Grant("ApiRole", "s3:GetObject", "arn:aws:s3:::Media/photos/*")}


def test_a_recording_without_decisions_is_refused(tmp_path: Path):
    record(tmp_path, 4566, "AAAA")
    with pytest.raises(FileNotFoundError, match="no recorded decisions"):
        read_recording(tmp_path)
