"""The model of CloudFront's caches, compared with a simulation of single requests."""

import random
from typing import Any

import pytest

from ops.cost import load
from ops.cost.edge_caching import NO_CACHES, EdgeCaches
from ops.cost.view_counting import popularity
from tests.unit.ops.cost.small_gallery import STACK, figures, small_gallery

SECONDS = 400
ADDRESSES = 300


def fetched_lists(*about: Any) -> float:
    """Lists per second that reach the API."""
    return load.load_of(*about, shards=1).fetches["GET /photos"]


class Cache:
    """Keeps an answer for `seconds`; a request after that is fetched, here at once."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._fetched_at: dict[int, float] = {}

    def misses(self, address: int, now: float) -> bool:
        if now - self._fetched_at.get(address, -1e9) < self._seconds:
            return False
        self._fetched_at[address] = now
        return True


def simulated(rate: float, caches: int, seconds: float, *, locations: int = 0) -> float:
    """Fetches a second from the origin, with this many caches in front of each regional one."""
    chance = random.Random(7)  # noqa: S311
    weights = [1 / rank for rank in range(1, ADDRESSES + 1)]
    regional = [Cache(seconds) for _ in range(caches)]
    local = [[Cache(seconds) for _ in range(locations)] for _ in range(caches)]
    now = fetched = 0.0
    while now < SECONDS:
        now += chance.expovariate(rate)
        [address] = chance.choices(range(ADDRESSES), weights)
        region = chance.randrange(caches)
        if locations and not chance.choice(local[region]).misses(address, now):
            continue
        fetched += regional[region].misses(address, now)
    return fetched / SECONDS


def computed(rate: float, caches: int, seconds: float) -> float:
    layer = EdgeCaches(caches, seconds)
    photos = popularity(ADDRESSES, 1)
    return sum(count * layer.fetches(rate * share) for count, share in photos)


@pytest.mark.parametrize(
    ("rate", "caches", "seconds"), [(100, 1, 1), (100, 7, 1), (20, 7, 1), (100, 3, 10)]
)
def test_model_computes_the_fetches_of_a_simulation(rate: float, caches: int, seconds: float):
    assert computed(rate, caches, seconds) == pytest.approx(
        simulated(rate, caches, seconds), rel=0.03
    )


def test_caches_in_front_of_the_regional_ones_only_reduce_the_fetches():
    assert simulated(100, 3, 1, locations=5) < computed(100, 3, 1)


def test_unequal_shares_of_the_caches_only_reduce_the_fetches():
    equal = EdgeCaches(2, 1).fetches(10)
    assert EdgeCaches(1, 1).fetches(9) + EdgeCaches(1, 1).fetches(1) < equal


def test_each_cache_fetches_a_hot_address_at_most_once_in_the_seconds():
    assert EdgeCaches(7, 1).fetches(1e6) == pytest.approx(7, rel=1e-4)
    assert EdgeCaches(7, 1).fetches(0.001) == pytest.approx(0.001, rel=1e-3)


def test_next_pages_of_one_first_page_are_shared_by_its_visitors():
    """Two caches fetch a first page a second, each for 100 visitors, who continue within 10 s."""
    busy = fetched_lists(
        small_gallery(visits_per_day=200 * 86_400, lists_per_visit=2), STACK, figures()
    )
    first = 2 / (1 + 1 / 100)
    visitors = 200 / first
    by_hand = first + first * visitors / (1 + visitors / 10) + 0.02
    assert busy == pytest.approx(by_hand, rel=1e-3)


def test_rare_visitors_share_no_page():
    found = fetched_lists(small_gallery(visits_per_day=8.64, lists_per_visit=3), STACK, figures())
    assert found == pytest.approx(0.0003 + 0.02, rel=0.01)


def test_every_request_is_fetched_without_caches():
    assert NO_CACHES.fetches(1000) == 1000
