"""What the small gallery does not show: more shards, provisioned concurrency, cold starts."""

from typing import Any

import pytest

from ops.cost.load import load_of
from ops.cost.prices import load_prices
from ops.cost.scenario import Scenario, without_traffic
from ops.cost.stack_settings import StackSettings
from ops.cost.usage import bill, provisioned_environments
from tests.unit.ops.cost.small_gallery import STACK, figures, small_gallery, stack

PRICES = load_prices()


def quantities(scenario: Scenario, of: StackSettings = STACK, **changes: Any) -> dict[str, float]:
    lines = bill(scenario, of, figures(**changes), PRICES).lines
    found: dict[str, float] = {}
    for line in lines:
        found[line.meter] = found.get(line.meter, 0) + line.quantity
    return found


def test_as_many_shards_are_billed_as_the_peak_needs():
    """2,400 views a second at the peak need three."""
    scenario = small_gallery(views_per_day=86_400 * 800, peak_factor=3)
    assert quantities(scenario)["kinesis_shards"] == 3 * 730
    assert quantities(scenario, stack(shards=5))["kinesis_shards"] == 5 * 730


def test_views_through_the_function_url_do_not_pass_the_gateway():
    through_rest = quantities(small_gallery(), stack(access_logs=True))
    through_url = quantities(small_gallery(), stack(access_logs=True, views_through_url=True))
    fetches = load_of(small_gallery(), STACK, figures(), shards=1).fetches
    views = sum(rate for route, rate in fetches.items() if route.endswith("/views")) * 2_628_000
    assert views > 1_000_000
    assert through_rest["api_requests"] - through_url["api_requests"] == pytest.approx(views)
    share = through_url["api_requests"] / through_rest["api_requests"]
    assert through_url["access_logs_in"] == pytest.approx(through_rest["access_logs_in"] * share)
    assert through_url["traces"] < through_rest["traces"]
    for meter in ("lambda_requests", "cloudfront_requests", "kinesis_puts", "dynamodb_reads"):
        assert through_url[meter] == through_rest[meter], meter


def test_an_on_demand_stream_is_billed_for_its_bytes():
    found = quantities(small_gallery(), stack(on_demand_stream=True, shards=0))
    assert "kinesis_shards" not in found
    assert found["kinesis_stream"] == 730
    assert found["kinesis_in"] == pytest.approx(1.01 * 2_628_000 * 1024)  # each a whole kilobyte
    assert found["kinesis_out"] == pytest.approx(1.01 * 2_628_000 * 129)


@pytest.mark.parametrize(
    ("times", "environments"),
    [
        (0, 1),
        (1, 1),  # 0.070 at once
        (25, 3),  # 1.75 at once, of which 0.7 an environment
        (1000, 10),
    ],
)
def test_provisioned_environments_follow_the_load_within_their_bounds(
    times: float, environments: int
):
    of = stack(provisioned_minimum=1, provisioned_maximum=10)
    load = load_of(small_gallery().scaled(times), of, figures(), shards=2)
    assert provisioned_environments(load, of) == environments


def test_load_above_provisioned_concurrency_costs_the_on_demand_price():
    """0.7 seconds a request make 2.3 at once of the small gallery, for 2 environments."""
    of = figures(api_wait_ms=700, api_view_wait_ms=700)
    lines = bill(small_gallery(), STACK, of, PRICES).lines
    api = {line.meter: line.quantity for line in lines if line.what == "gallery_api"}
    on_provisioned, elsewhere = api["lambda_on_provisioned_arm64"], api["lambda_arm64"]
    at_once = 3.25524 * 0.712605
    assert on_provisioned / (on_provisioned + elsewhere) == pytest.approx(2 / at_once, rel=1e-3)


def test_a_cold_start_is_billed_but_not_of_provisioned_environments():
    cold = quantities(small_gallery(cold_start_share=0.1))
    warm = quantities(small_gallery())
    # Counter, replicator and report at half a gigabyte, the thumbnailer at 1.73: 70 ms more each.
    calls = 0.5 * (0.66525 + 0.02 + 11 / 86_400) + 0.01 * 1769 / 1024
    more = cold["lambda_arm64"] - warm["lambda_arm64"]
    assert more == pytest.approx(calls * 0.07 * 2_628_000, rel=1e-3)
    assert cold["lambda_on_provisioned_arm64"] == warm["lambda_on_provisioned_arm64"]


def test_a_busy_hour_does_not_make_the_report_longer():
    loads = [
        load_of(small_gallery(), STACK, figures(), shards=1, factor=factor).report_seconds
        for factor in (1, 10)
    ]
    assert loads[0] == loads[1]


def test_access_logs_are_ingested_and_stored():
    quiet, talking = (
        quantities(small_gallery()),
        quantities(small_gallery(), stack(access_logs=True)),
    )
    a_month = 3.25524 * 500 * 2_628_000
    assert "access_logs_in" not in quiet
    assert talking["access_logs_in"] == pytest.approx(a_month, rel=1e-4)
    kept = talking["logs_stored"] - quiet["logs_stored"]
    assert kept == pytest.approx(3.25524 * 500 * 86_400 * 90 * 0.15, rel=1e-4)


def test_caches_and_environments_limit_the_reads_of_a_photos_counts():
    """Two caches and each environment read once a second, 17 keys of 660 bytes: 3 blocks."""
    scenario = small_gallery(photos_viewed=1, views_per_day=86_400 * 10_000)
    load = load_of(scenario, STACK, figures(), shards=20)
    most = (2 + load.concurrency("GalleryApiFunction")) * 0.5 * 3
    assert 0.9 * most < load.hottest_reads < most


def test_originals_stay_standard_without_the_lifecycle():
    found = quantities(small_gallery(), stack(days_to_glacier=None))
    assert "s3_glacier" not in found
    assert found["s3_standard"] == pytest.approx(400e9 + 30e9)


def test_a_deletion_writes_a_tombstone_twice_and_each_row_of_views():
    """0.005 a second: record, tombstone, both with index; total with index, 2.6 minutes; paths."""
    none, some = quantities(small_gallery()), quantities(small_gallery(deleted_share=0.5))
    rows = 1 + 43_200 * 6.06e-5
    more = some["dynamodb_writes"] - none["dynamodb_writes"]
    assert more == pytest.approx(0.005 * (5 + rows) * 2_628_000, rel=1e-3)
    assert some["cloudfront_invalidations"] == pytest.approx(0.005 * 4 * 2_628_000)


def test_a_deletion_invokes_the_thumbnailer_for_as_long_as_a_read():
    """0.01 uploads a second, and 0.005 removed originals."""
    none, some = (
        load_of(small_gallery(deleted_share=share), STACK, figures(), shards=1)
        for share in (0, 0.5)
    )
    name = "ThumbnailerFunction"
    assert some.invocations[name] == pytest.approx(0.015)
    longer = some.concurrency(name) - none.concurrency(name)
    wanted = (figures().api_cpu_ms + figures().api_wait_ms) / 1000
    assert longer == pytest.approx(0.005 * wanted)


def test_a_stack_outside_us_east_1_has_no_cdn():
    found = quantities(small_gallery(), stack(at_the_edge=False))
    assert not [meter for meter in found if meter.startswith(("cloudfront", "edge"))]


def test_idle_cost_is_shards_provisioned_concurrency_alarms_and_daily_reports():
    prices = load_prices()
    found = bill(without_traffic(small_gallery()), STACK, figures(), prices)
    assert found.usd == pytest.approx(
        730 * 0.015 + 2 * 0.5 * 2_628_000 * 0.0000033334 + 5 * 0.10 + 8 / 24 * 0.30, abs=0.01
    )


def test_requests_that_are_not_traced_or_logged_cost_nothing():
    all_of_them = quantities(small_gallery())
    few = quantities(small_gallery(), stack(traced_fraction=0.01, logged_fraction=0.1))
    beyond_one = 3.25524 - 1
    saved = all_of_them["traces"] - few["traces"]
    assert saved == pytest.approx(beyond_one * 0.04 * 2_628_000, rel=1e-4)
    saved = all_of_them["logs_in"] - few["logs_in"]
    assert saved == pytest.approx(3.25524 * 0.9 * 900 * 2_628_000, rel=1e-4)
    none = quantities(small_gallery(), stack(logged_fraction=0.1, logs_successful_runs=False))
    saved = few["logs_in"] - none["logs_in"]
    assert saved == pytest.approx(3.25524 * 500 * 2_628_000, rel=1e-4)
