"""How many photos an unanswered creation may have made."""

import contextlib
import random
from collections.abc import Callable

import httpx
import pytest

from localcloud.cloud import Cloud
from tests.chaos import load
from tests.chaos.ledger import Ledger
from tests.chaos.load import Client


def jumped(ledger: Ledger) -> None:
    with ledger.clock_jumping():
        pass


def answer_with(statuses: list[int], after_first: Callable[[], None]) -> httpx.MockTransport:
    def answer(_: httpx.Request) -> httpx.Response:
        status = statuses.pop(0)
        if len(statuses) == 1:
            after_first()
        return httpx.Response(status, json={"photo_id": "a"})

    return httpx.MockTransport(answer)


@pytest.mark.parametrize(
    ("statuses", "jumps", "extra"),
    [
        ([502, 201], False, 0),
        ([502, 201], True, 1),
        ([401, 201], True, 0),
        ([409, 201], True, 0),
        ([502, 409, 201], True, 1),
    ],
)
def test_repeated_creation_makes_another_photo_only_if_the_clock_jumps(
    monkeypatch: pytest.MonkeyPatch, statuses: list[int], jumps: bool, extra: int
):
    monkeypatch.setattr(load, "_PAUSE_SECONDS", 0)
    ledger = Ledger()
    client = Client(
        Cloud("127.0.0.1", 9),
        url="http://gallery",
        sign_in=lambda: "token",
        stream="views",
        ledger=ledger,
        chance=random.Random(1),  # noqa: S311
    )
    with contextlib.closing(client):
        client._http = httpx.Client(
            transport=answer_with(statuses, lambda: jumped(ledger) if jumps else None)
        )
        assert client._create(1, 9) == {"photo_id": "a"}
    assert ledger.unanswered_creations == extra


def test_clock_counts_as_jumping_until_all_processes_have_noticed_it():
    ledger = Ledger()
    before = ledger.clock_moves
    with ledger.clock_jumping():
        during = ledger.clock_moves
        assert ledger.clock_has_jumped(since=during)
    assert ledger.clock_has_jumped(since=before)
    assert ledger.clock_has_jumped(since=during)
    assert not ledger.clock_has_jumped(since=ledger.clock_moves)
