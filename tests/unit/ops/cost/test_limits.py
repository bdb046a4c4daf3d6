import functools
import math

import pytest

from ops.cost.limits import Limit, limits, load_quotas, peak_use
from tests.unit.ops.cost.small_gallery import STACK, figures, small_gallery, stack

LISTS = 0.1 / 1.05 + 0.02  # as in test_by_hand.py
PEAK_API = 0.01 + LISTS + 1.06 + 1.01 + 1.06

# Limit, what the small gallery uses of it each second, and how much there is.
BY_HAND = {
    "the template's throttle of POST /photos": (0.01, 10),
    "the template's throttle of GET /photos": (LISTS, 100),
    "the template's throttle of GET /photos/{photo_id}": (1.06, 100),
    "the template's throttle of POST /photos/{photo_id}/views": (1.01, 500),
    "the template's throttle of GET /photos/{photo_id}/views": (1.06, 100),
    "API Gateway, all routes of the account": (PEAK_API, 10_000),
    "Kinesis, records into all shards": (1.01, 1000),
    "Kinesis, bytes into all shards": (1.01 * 129, 1_048_576),
    "Kinesis, the shards of the most viewed photo's 17 keys": (1.01e-6, 5000),
    # A full batch of 1,000 photos is 20 transactions of 100 rows: 566 ms for 1,980 s of views.
    "view_counter, all parallel batches of all shards busy": (
        100 * 0.505 / 1000 * ((0.008 + 20 * 0.002) * 1769 / 512 + 20 * 0.020),
        100,
    ),
    "DynamoDB, the views partition of the most viewed photo, writes": (4 * 1.01e-6, 1000),
    "DynamoDB, the views partition of the most viewed photo, reads": ((1 + 1) * 1e-6 * 0.5, 3000),
    "DynamoDB, a rank group of the views table's index, writes": (0.03 / 16, 1000),
    "DynamoDB, the catalog's one feed partition, writes": (0.01, 1000),
    "DynamoDB, the catalog's one feed partition, reads": (LISTS * 3, 3000),
    "DynamoDB, writes into table views": (4.04 + 0.03, 40_000),
    "DynamoDB, writes into table photos": (0.04, 40_000),
    "DynamoDB, writes into table catalog": (0.02, 40_000),
    "DynamoDB, reads of table catalog": (LISTS * 3 + 0.755 + 0.14e9 / 8192 / 86_400, 40_000),
    # API, thumbnailer, replicator, counter; the report's 375 s a day.
    "Lambda, concurrent executions of the account": (
        PEAK_API * 0.021536 + 0.01 * 0.54 + 0.02 * 0.01191 + 0.66525 * 0.02695 + 375.24 / 86_400,
        1000,
    ),
    "thumbnailer, reserved concurrency": (0.01 * 0.54, 50),
    "catalog_replicator, a shard of the photos table's stream": (100 * 0.02 * 0.01191, 100),
    "Lambda@Edge, runs": (1.44, 10_000),
    "Lambda@Edge, concurrent executions if all in one region": (0.94 * 0.002 + 0.5 * 0.06, 1000),
    "CloudFront, requests of the distribution": (7.4 + 3 + PEAK_API - LISTS + 0.12, 250_000),
    "CloudFront, data of the distribution": (8 * 315_954, 150e9),
    "S3, reads of the newest photos, which share a prefix": (0.01 * 3 * 2, 5_500),
    "S3, writes into a prefix of the media bucket": (0.03, 3_500),
    "Cognito, InitiateAuth of the account": (0.01, 120),
    # Three segments of an API request, two of any other.
    "X-Ray, segments": (
        3 * (1 + 0.05 * (PEAK_API - 1)) + 2 * (0.66525 + 0.03 + 11 / 86_400),
        2_600,
    ),
    "Step Functions, hours of the daily report until its own time-out": (375.24 / 3600, 12),
}


@functools.cache
def limits_of(**changes: float) -> list[Limit]:
    return limits(small_gallery(**changes), STACK, figures())


def found(name: str, **changes: float) -> Limit:
    [limit] = [each for each in limits_of(**changes) if each.quota.what == name]
    return limit


@pytest.mark.parametrize("name", BY_HAND)
def test_peak_use_of_each_limit_equals_the_sum_by_hand(name: str):
    limit = found(name)
    by_hand, there = BY_HAND[name]
    assert limit.used == pytest.approx(by_hand, rel=2e-3)
    assert limit.quota.limit == there


def test_every_published_quota_is_used():
    asked = {limit.quota.what for limit in limits_of()}
    published = {quota.what for quota in load_quotas().values()}
    assert {name for name in published if not any(each.startswith(name) for each in asked)} == set()


@pytest.mark.parametrize(
    ("name", "changes", "used"),
    [
        ("the template's throttle of DELETE /photos/{photo_id}", {"deleted_share": 0.5}, 0.005),
        (
            "CloudFront, paths of invalidations in progress",
            {"deleted_share": 0.5},
            0.005 * 4 * 60,
        ),
        ("the template's throttle of GET /me/photos", {"signed_in_share": 0.3}, 0.1 * 0.3 * 2),
        ("DynamoDB, the catalog's one feed partition, writes", {"failed_share": 0.5}, 0.005),
        (
            "API Gateway, all routes of the account",
            {"peak_factor": 3},
            3 * (PEAK_API - LISTS) + 2 / (1 + 1 / 0.15) + 3 * 0.02,
        ),
    ],
)
def test_a_limit_follows_what_it_depends_on(name: str, changes: dict[str, float], used: float):
    assert found(name, **changes).used == pytest.approx(used, rel=1e-3)


def test_the_factor_is_where_the_limit_is_reached():
    """Also where growth is no straight line: batches grow with the traffic, and so do rows."""
    scenario, quotas = small_gallery(popularity=1, peak_factor=2), load_quotas()
    for limit in limits(scenario, STACK, figures()):
        if math.isinf(limit.times):
            continue
        below, above = (
            next(
                used
                for quota, used in peak_use(more, STACK, figures(), quotas).values()
                if quota.what == limit.quota.what
            )
            for more in (scenario.scaled(limit.times * 0.98), scenario.scaled(limit.times * 1.02))
        )
        assert below < limit.quota.limit * 1.01, limit.quota.what
        assert above > limit.quota.limit * 0.99, limit.quota.what


def test_the_limit_that_is_reached_first_is_at_the_top():
    times = [limit.times for limit in limits_of()]
    assert times == sorted(times)


def test_an_unused_limit_is_never_reached():
    name = "the template's throttle of DELETE /photos/{photo_id}"
    assert found(name, deleted_share=0).times == math.inf


def test_traffic_beyond_a_limit_exceeds_it():
    name = "the template's throttle of POST /photos"
    assert not found(name, photos_per_day=863_000).is_exceeded
    assert found(name, photos_per_day=865_000).is_exceeded


def test_more_shards_take_more_views_but_not_more_of_one_photo():
    by_shards = {
        shards: {
            limit.quota.what: limit
            for limit in limits(small_gallery(popularity=1), stack(shards=shards), figures())
        }
        for shards in (1, 4)
    }
    for name, times in {
        "Kinesis, records into all shards": 4,
        "Kinesis, bytes into all shards": 4,
        "Kinesis, the shards of the most viewed photo's 17 keys": 1,
    }.items():
        one, four = by_shards[1][name].times, by_shards[4][name].times
        assert four == pytest.approx(one * times, rel=0.02)


def test_parallel_batches_are_those_of_the_existing_shards():
    scenario, quotas = small_gallery(views_per_day=86_400 * 2_400), load_quotas()
    one, three = (
        peak_use(scenario, stack(shards=shards), figures(), quotas)["parallel_batches"][1]
        for shards in (1, 3)
    )
    assert one == pytest.approx(3 * three)


def test_a_stack_without_a_distribution_has_no_limits_of_one():
    names = [
        each.quota.what
        for each in limits(small_gallery(), stack(at_the_edge=False), figures())
        if each.quota.what.startswith(("CloudFront", "Lambda@Edge"))
    ]
    assert names == []
