"""The cost of abuse, computed by hand for some attacks."""

import pytest

from ops.cost.__main__ import SECURITY
from ops.cost.abuse import WINDOW_SECONDS, attacks
from ops.cost.figures import load_figures
from ops.cost.prices import load_prices
from ops.cost.report import with_table
from ops.cost.scenario import load_scenario
from ops.cost.stack_settings import read_stack_settings
from tests.support.repository import load_template

STACK = read_stack_settings(load_template(), {"Stage": "prod"})
SCENARIO = load_scenario("million")
FIGURES = load_figures({})
ATTACKS = {each.what: each for each in attacks(SCENARIO, STACK, FIGURES)}
PRICES = load_prices()


def test_download_costs_a_request_and_its_bytes():
    found = ATTACKS["downloads of renditions from the cache"].usd_per_day(1, PRICES)
    month = 730 * 3600
    by_hand = PRICES["cloudfront_requests"].cost(month, free_tier=False)
    by_hand += PRICES["cloudfront_out"].cost(month * SCENARIO.large_bytes, free_tier=False)
    assert found == pytest.approx(by_hand / (730 / 24))


def test_upload_costs_the_most_expensive_photo():
    """HEIC of bench/hostile_photos.py, on the 1,769 MB of the thumbnailer: a whole core."""
    usage = ATTACKS["`POST /photos`, signed in, each with a file of 25 MB"].usage
    thumbnailer, api = (
        STACK.functions[f"{name}Function"] for name in ("Thumbnailer", "GalleryApi")
    )
    decoding = (5500 + 350) / 1000 * thumbnailer.memory / 1024
    cpu = FIGURES.api_upload_cpu_ms * 1769 / api.memory
    creating = (cpu + FIGURES.api_wait_ms) / 1000 * api.memory / 1024
    assert usage[f"lambda_{api.architecture}"] == pytest.approx(decoding + creating)


def test_window_of_a_client_is_that_of_the_web_acl():
    [rule] = load_template()["Resources"]["ClientsWebAcl"]["Properties"]["Rules"]
    assert rule["Statement"]["RateBasedStatement"]["EvaluationWindowSec"] == WINDOW_SECONDS


def test_twice_the_rate_costs_no_less():
    for attack in ATTACKS.values():
        assert attack.usd_per_day(0, PRICES) == 0
        assert attack.usd_per_day(2, PRICES) > attack.usd_per_day(1, PRICES) > 0


@pytest.mark.parametrize("route", ["POST /photos/{photo_id}/views", "GET /photos/{photo_id}/views"])
def test_attack_on_a_route_is_stopped_by_its_throttle(route: str):
    assert ATTACKS[f"`{route}`"].most == STACK.throttles[route] == 500


def test_view_costs_its_share_of_the_counting():
    view = ATTACKS["`POST /photos/{photo_id}/views`"]
    read = ATTACKS["`GET /photos`"]
    assert view.usage["kinesis_puts"] == 1
    assert 0 < view.usage["dynamodb_writes"] < 1
    assert "dynamodb_writes" not in read.usage


def test_table_is_written_between_its_comments():
    page = SECURITY.read_text()
    changed = with_table(page, "cost of abuse", "another\n")
    assert changed.count("another\n") == page.count("another\n") + 1
    assert with_table(changed, "cost of abuse", "") != page
    table = page.split("abuse -->\n")[1].split("<!-- end")[0]
    assert with_table(changed, "cost of abuse", table) == page
