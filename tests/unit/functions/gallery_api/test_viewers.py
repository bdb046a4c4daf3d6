"""The viewer's address in a request, and its pseudonym."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gallery_api.viewers import Pseudonyms, viewer_address

VIEWER, CLOUDFRONT, FORGED = "192.0.2.1", "198.51.100.2", "203.0.113.9"
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def request(*lines: str, source: str = CLOUDFRONT) -> dict[str, Any]:
    return {
        "requestContext": {"identity": {"sourceIp": source}},
        "multiValueHeaders": {"X-Forwarded-For": list(lines)} if lines else None,
    }


@pytest.mark.parametrize(
    "lines",
    [
        (f"{VIEWER}, {CLOUDFRONT}",),
        (VIEWER, CLOUDFRONT),
        (f"{FORGED}, {VIEWER}, {CLOUDFRONT}",),
        (f"{FORGED},{CLOUDFRONT},{VIEWER},{CLOUDFRONT}",),
        (f"nonsense, , {VIEWER}, {CLOUDFRONT}",),
        (VIEWER,),  # the laptop's gateway appends nothing
    ],
)
def test_address_is_the_entry_that_cloudfront_appended(lines: tuple[str, ...]):
    assert viewer_address(request(*lines), behind_cloudfront=True) == VIEWER


@given(st.text(max_size=60))
def test_viewer_cannot_choose_its_address_by_the_header(text: str):
    lines = (f"{text}, {VIEWER}, {CLOUDFRONT}",)
    assert viewer_address(request(*lines), behind_cloudfront=True) == VIEWER


@pytest.mark.parametrize("lines", [(), ("",), ("unknown",), (f"unknown, {CLOUDFRONT}",)])
def test_request_without_an_address_has_none(lines: tuple[str, ...]):
    assert viewer_address(request(*lines), behind_cloudfront=True) == ""


def test_header_is_not_trusted_where_anyone_can_call_the_api():
    asked = request(f"{FORGED}, {VIEWER}", source=VIEWER)
    assert viewer_address(asked, behind_cloudfront=False) == VIEWER


class RefusedError(Exception):
    def __init__(self, item: dict[str, Any]) -> None:
        self.response = {"Item": item}


class Table:
    """The idempotency table, as much as the salts need."""

    exceptions = SimpleNamespace(ConditionalCheckFailedException=RefusedError)

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.calls = 0

    def put_item(self, **call: Any) -> None:
        assert call["ConditionExpression"] == "attribute_not_exists(id)"
        self.calls += 1
        key = call["Item"]["id"]["S"]
        if key in self.items:
            raise RefusedError(self.items[key])
        self.items[key] = call["Item"]


class Environments:
    """Several execution environments with one table and one clock."""

    def __init__(self) -> None:
        self.now = NOW
        self.table: Any = Table()

    def new(self) -> Pseudonyms:
        return Pseudonyms(self.table, "idempotency", lambda: self.now)


def test_all_environments_give_an_address_the_same_pseudonym():
    environments = Environments()
    one, another = environments.new(), environments.new()
    assert one.of(VIEWER) == another.of(VIEWER) == one.of(VIEWER)
    assert one.of(VIEWER) != one.of(FORGED)
    assert environments.table.calls == 2


def test_pseudonyms_of_two_days_have_nothing_in_common():
    environments = Environments()
    pseudonyms = environments.new()
    today = pseudonyms.of(VIEWER)
    environments.now += timedelta(days=1)
    assert pseudonyms.of(VIEWER) != today
    items = environments.table.items
    assert [*items] == ["viewer-salt#2026-11-28", "viewer-salt#2026-11-29"]
    salts = {bytes(item["salt"]["B"]) for item in items.values()}
    assert sorted(map(len, salts)) == [32, 32]


def test_salt_expires_two_days_later():
    environments = Environments()
    environments.new().of(VIEWER)
    [item] = environments.table.items.values()
    assert item["expiration"] == {"N": str(int((NOW + timedelta(days=2)).timestamp()))}


def test_pseudonym_does_not_contain_the_address():
    pseudonym = Environments().new().of(VIEWER)
    assert len(pseudonym) == 12
    assert VIEWER not in pseudonym


def test_addresses_of_one_ipv6_network_are_one_viewer():
    pseudonyms = Environments().new()
    assert pseudonyms.of("2001:db8:1:2::1") == pseudonyms.of("2001:db8:1:2:ffff::9")
    assert pseudonyms.of("2001:db8:1:2::1") != pseudonyms.of("2001:db8:1:3::1")
