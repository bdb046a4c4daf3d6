"""The most viewed photos by the index of totals."""

import heapq
import json
from collections import defaultdict
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daily_report import ranking
from daily_report import state as report_state
from daily_report.state import MOST_VIEWED, State
from fakes.large_gallery import LargeGallery, view_row
from fakes.stores import NOW, photo_id, steps
from shared.view_rows import TOTALS

EVENT: dict[str, Any] = {"run": {"execution": "one", "started_at": NOW.isoformat()}}
DELETED = {"expires_at": {"N": "1797776096"}}


def report_of(gallery: LargeGallery, **more: Any) -> dict[str, Any]:
    def step(event: dict[str, Any]) -> dict[str, Any]:
        state = msgspec.convert(event, State)
        gallery.report.step(state, lambda: 1)
        return {**msgspec.to_builtins(state), "done": state.done}

    *_, last = steps(step, EVENT | more)
    return dict(json.loads(gallery.buckets.body("reports-bucket", last["report"])))


def top_of(report: dict[str, Any]) -> list[tuple[int, str]]:
    return [(top["views"], top["photo_id"]) for top in report["top_photos"]]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    totals=st.dictionaries(
        st.tuples(st.integers(0, 40), st.sampled_from(TOTALS)),
        st.tuples(
            st.integers(0, 5).flatmap(lambda digits: st.integers(1, 16**digits)), st.booleans()
        ),
        max_size=120,
    ),
    page_size=st.sampled_from((1, 2, 20)),
)
def test_ranking_is_that_of_all_sums(
    totals: dict[tuple[int, str], tuple[int, bool]], page_size: int
):
    gallery, sums = LargeGallery(), defaultdict[str, int](int)
    for (number, period), (views, is_deleted) in totals.items():
        gallery.tables.put(
            "views", view_row(number, period, views, **(DELETED if is_deleted else {}))
        )
        if not is_deleted:
            sums[photo_id(number)] += views
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "PAGE_SIZE", page_size)
        report = report_of(gallery)
    assert top_of(report) == heapq.nlargest(
        MOST_VIEWED, ((views, photo) for photo, views in sums.items())
    )
    assert report["ranking"]["complete"]


def test_only_totals_are_read_whose_photo_may_be_among_the_most_viewed():
    gallery = LargeGallery()
    for number in range(16 * 60):
        gallery.tables.put("views", view_row(number, "total", 100_000 if number < 11 else 200))
    report = report_of(gallery)
    assert report["top_photos"] == [
        {"photo_id": photo_id(number), "views": 100_000} for number in range(10, 0, -1)
    ]
    # A page of each group shows that the rest has two digits, and 17 * 255 < 100,000.
    assert report["ranking"] == {
        "complete": True,
        "entries": len(ranking.RANK_GROUPS) * ranking.PAGE_SIZE,
    }


def test_photo_whose_views_are_spread_evenly_is_found_behind_larger_totals():
    """The bound is that of all its keys: each of its totals is smaller by a digit than others."""
    gallery = LargeGallery()
    for number in range(100):
        gallery.tables.put("views", view_row(number, "total", 256 + number))
    for period in TOTALS:
        gallery.tables.put("views", view_row(100, period, 255))
    assert top_of(report_of(gallery))[0] == (17 * 255, photo_id(100))


def test_ranking_of_many_photos_alike_ends_after_a_number_of_entries(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(report_state, "MAX_RANKED", 500)
    gallery = LargeGallery()
    for number in range(2_000):
        gallery.tables.put("views", view_row(number, "total", 20 + number % 7))
    for number in range(2_000, 2_100):
        gallery.tables.put("views", view_row(number, "total", 300))
    report = report_of(gallery)
    assert not report["ranking"]["complete"]
    entries = report["ranking"]["entries"]
    assert 500 <= entries < 500 + len(ranking.RANK_GROUPS) * ranking.PAGE_SIZE
    assert gallery.tables.calls["Query"] <= 2 * entries
    assert top_of(report) == [(300, photo_id(number)) for number in range(2_099, 2_089, -1)], (
        "the largest magnitudes come first"
    )
    assert report["views"]["total"] == sum(20 + number % 7 for number in range(2_000)) + 30_000


def test_execution_of_a_share_ranks_nothing():
    gallery = LargeGallery(200)
    report = report_of(gallery, photos_per_share=10)
    once = gallery.tables.calls["Query"]
    assert report["top_photos"][0] == {"photo_id": photo_id(190), "views": 2 * 190}
    assert once == len(ranking.RANK_GROUPS) + 20 - 1, "a page of each group, and each viewed photo"
    assert "top_photos" not in json.loads(
        gallery.buckets.body("reports-bucket", "parts/2026-11-21/0.json")
    )


def test_photo_whose_total_cannot_be_read_is_ranked_by_the_others():
    gallery = LargeGallery()
    gallery.tables.put("views", view_row(1, "total", 7))
    gallery.tables.put("views", view_row(1, "total#0", 7) | {"views": {"S": "many"}})
    report = report_of(gallery)
    assert top_of(report) == [(7, photo_id(1))]
    assert report["malformed"] == {"views": 1}
