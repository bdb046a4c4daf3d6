"""A photo's page: preloaded and indexed when READY, and only then."""

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_headers import photo_pages
from edge_headers.photo_pages import (
    FAILED_SECONDS,
    LIMIT_SECONDS,
    OTHER_SECONDS,
    READY_SECONDS,
    Memory,
    headers_of,
    photo_headers,
)
from shared.photo_ids import new_photo_id

PHOTO = "019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60"
OTHER_PHOTO = f"{PHOTO[:-1]}1"
KEY = f"photos/{PHOTO}/7d7ac77c0c54d8b35d70c2670e0b6631/large.webp"
LINK = f'</{KEY}>; rel=preload; as=image; type="image/webp"; fetchpriority=high'
TAG = {"x-amz-meta-cache-tag": f"photo-{PHOTO}"}
NO_PHOTO = {"X-Robots-Tag": "noindex", "Cache-Control": "public, max-age=0, s-maxage=1"}
PRELOADED = {"Link": LINK} | TAG
NOT_INDEXED = NO_PHOTO | TAG
NOW = 1_795_178_096.0


def row(status: str = "READY", key: str = KEY) -> dict[str, Any]:
    large = {"M": {"key": {"S": key}, "width": {"N": "1600"}}}
    return {"status": {"S": status}, "renditions": {"M": {"large": large}}}


class Rows:
    """Replaces the catalog: counts the look-ups, and raises the given error."""

    def __init__(self) -> None:
        self.found: Any = row()
        self.asked: list[str] = []

    def get_row(self, photo_id: str, *_: object) -> Any:
        self.asked.append(photo_id)
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> Rows:
    rows = Rows()
    monkeypatch.setattr(photo_pages, "get_row", rows.get_row)
    monkeypatch.setattr(photo_pages, "memory", Memory())
    return rows


def page(query: str = f"id={PHOTO}", now: float = NOW) -> dict[str, str]:
    return photo_headers(query, {}, {}, now)


def test_a_ready_photo_is_preloaded_and_may_be_indexed(rows: Rows):
    assert page() == PRELOADED
    assert rows.asked == [PHOTO]


@pytest.mark.parametrize("found", [None, row("PENDING"), row("FAILED"), row("DELETED")])
def test_any_other_photo_is_not_indexed_and_its_page_cached_for_a_second(rows: Rows, found: Any):
    rows.found = found
    assert page() == NOT_INDEXED


@pytest.mark.parametrize(
    "query",
    [
        "",
        "id=",
        "id",
        f"ID={PHOTO}",
        f"id={PHOTO.upper()}",
        f"id={PHOTO}0",
        f"id={PHOTO}\n",
        f"id={PHOTO}&id={PHOTO}",
        f"id=x&id={PHOTO}",
        f"%69d=x&id={PHOTO}",
        f"id={PHOTO.replace('-7', '-4')}",
        "id=../../secret",
    ],
)
def test_query_without_a_photo_id_is_not_looked_up_and_not_indexed(rows: Rows, query: str):
    assert page(query) == NO_PHOTO
    assert rows.asked == []


@pytest.mark.parametrize(
    "failure",
    [TimeoutError(), ConnectionRefusedError(), KeyError("AWS_ACCESS_KEY_ID"), RecursionError()],
)
def test_a_failed_look_up_is_logged_once_and_cached_for_seconds(
    rows: Rows, caplog: pytest.LogCaptureFixture, failure: Exception
):
    rows.found = failure
    assert page() == NOT_INDEXED
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert PHOTO in record.getMessage()
    assert repr(failure) in record.getMessage()
    assert bool(record.exc_info) is not isinstance(failure, OSError)
    rows.found = row()
    again = NOW + LIMIT_SECONDS + FAILED_SECONDS
    assert page(now=again - 0.001) == NOT_INDEXED
    assert page(f"id={OTHER_PHOTO}", again - 0.001)["X-Robots-Tag"] == "noindex"
    assert rows.asked == [PHOTO]
    assert page(now=again) == PRELOADED
    assert len(caplog.records) == 1


def test_cached_photos_are_used_while_the_catalog_fails(rows: Rows):
    assert page() == PRELOADED
    rows.found = TimeoutError()
    page(f"id={OTHER_PHOTO}", NOW + 1)
    assert page(now=NOW + READY_SECONDS - 0.001) == PRELOADED
    assert page(now=NOW + READY_SECONDS) == NOT_INDEXED
    assert rows.asked == [PHOTO, OTHER_PHOTO]


@pytest.mark.parametrize(
    "found",
    [
        {"status": {"S": "READY"}},
        row(key=""),
        row(key=KEY.replace("large", "small")),
        row(key=KEY.replace(PHOTO[:4], "0000")),
        row(key=KEY + "\n"),
        row(key=KEY.replace("7d7a", '7>;"\r\nSet-Cookie: a=b')),
        row(key=f"photos/{PHOTO}/../../large.webp"),
        "no item at all",
    ],
)
def test_a_row_of_another_shape_adds_no_header(
    rows: Rows, found: Any, caplog: pytest.LogCaptureFixture
):
    rows.found = found
    assert page() == page(now=NOW + FAILED_SECONDS - 0.001) == NOT_INDEXED
    assert len(caplog.records) == len(rows.asked) == 1
    rows.found = row()  # another photo's row is read meanwhile
    page(f"id={OTHER_PHOTO}", NOW + FAILED_SECONDS - 0.001)
    assert page(now=NOW + FAILED_SECONDS) == PRELOADED
    assert rows.asked == [PHOTO, OTHER_PHOTO, PHOTO]


@given(st.text())
def test_no_key_but_the_one_of_this_photo_becomes_a_link(key: str):
    with pytest.raises(ValueError, match="not the key of a large rendition"):
        headers_of(PHOTO, row(key=key))


def test_a_ready_photo_is_cached_for_seconds(rows: Rows):
    page()
    rows.found = None
    assert page(now=NOW + READY_SECONDS - 0.001) == PRELOADED
    assert len(rows.asked) == 1
    assert page(now=NOW + READY_SECONDS) == NOT_INDEXED
    assert len(rows.asked) == 2


def test_cached_photos_are_not_used_after_the_clock_was_set_back(rows: Rows):
    assert page() == PRELOADED
    rows.found = OSError("no catalog")
    assert page(now=NOW - 7200) == NOT_INDEXED
    rows.found = row()
    assert page(now=NOW - 14_400) == PRELOADED


@pytest.mark.parametrize("seconds", [61, 3600, 10**8])
def test_id_from_the_future_is_not_looked_up(rows: Rows, seconds: int):
    photo_id = new_photo_id(datetime.fromtimestamp(NOW + seconds, UTC))
    assert page(f"id={photo_id}") == {**NO_PHOTO, "x-amz-meta-cache-tag": f"photo-{photo_id}"}
    assert rows.asked == []


def test_id_of_a_clock_that_is_slightly_ahead_is_looked_up(rows: Rows):
    page(f"id={new_photo_id(datetime.fromtimestamp(NOW + 59, UTC))}")
    assert len(rows.asked) == 1


def test_photo_that_is_not_ready_is_cached_for_seconds(rows: Rows):
    rows.found = None
    page()
    rows.found = row()
    assert page(now=NOW + OTHER_SECONDS - 0.001) == NOT_INDEXED
    assert len(rows.asked) == 1
    assert page(now=NOW + OTHER_SECONDS) == PRELOADED


def test_memory_is_bounded_and_removes_the_least_recently_requested(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(photo_pages, "REMEMBERED", 2)
    rows.found = None
    first, second, third = (f"{PHOTO[:-1]}{digit}" for digit in "123")
    for photo_id in (first, second, first, third, first):
        page(f"id={photo_id}")
    assert rows.asked == [first, second, third]
    assert len(photo_pages.memory.headers) == 2


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A catalog that answers when the test is over."""
    over = threading.Event()
    monkeypatch.setattr(photo_pages, "memory", Memory())
    monkeypatch.setattr(photo_pages, "get_row", lambda *_: over.wait() and row())
    monkeypatch.setattr(photo_pages, "LIMIT_SECONDS", 0.02)
    yield over
    over.set()


def test_a_catalog_that_does_not_answer_delays_no_page(
    stuck: threading.Event, caplog: pytest.LogCaptureFixture
):
    assert [page() for _ in range(30)] == [NOT_INDEXED] * 30
    assert not stuck.is_set()
    [record] = caplog.records
    assert "TimeoutError" in record.getMessage()
