"""A photo that is viewed more often than one shard allows, and shards of 1,000 records a second."""

import hashlib
import random
from collections import Counter
from datetime import timedelta

import pytest

from fakes.view_records import NOW, photo
from gallery_api.hot_photos import HotPhotos

HOT, COLD = photo(0), photo(1)
SHARD_RECORDS = 1000
SHARDS = 29  # what a billion views a day need


class Traffic:
    """Seconds of views, sent by several execution environments as `record_view` sends them."""

    def __init__(self, environments: int = 20) -> None:
        self.now = NOW
        self.environments = [HotPhotos(lambda: self.now) for _ in range(environments)]
        self.refused = 0
        self.keys: Counter[str] = Counter()
        random.seed(7)

    def second(self, views: int) -> None:
        taken: Counter[int] = Counter()
        self.keys.clear()
        self.refused = 0
        for number in range(views):
            self.now += timedelta(seconds=1 / views)
            environment = self.environments[number % len(self.environments)]
            if not self._put(environment, taken):
                environment.spread(HOT)
                self.refused += not self._put(environment, taken)

    def _put(self, environment: HotPhotos, taken: Counter[int]) -> bool:
        key = environment.partition_key(HOT)
        shard = hashlib.md5(key.encode(), usedforsecurity=False).digest()[0] * SHARDS // 256
        if taken[shard] == SHARD_RECORDS:
            return False
        taken[shard] += 1
        self.keys[key] += 1
        return True


def test_photo_has_its_own_key_until_a_view_is_refused():
    hot = HotPhotos(lambda: NOW)
    assert hot.partition_key(HOT) == HOT
    hot.spread(HOT)
    assert {hot.partition_key(HOT) for _ in range(1000)} == {f"{HOT}#{n:x}" for n in range(16)}
    assert hot.partition_key(COLD) == COLD


def test_further_keys_are_used_for_thirty_seconds():
    traffic = Traffic(environments=1)
    [hot] = traffic.environments
    hot.spread(HOT)
    traffic.now += timedelta(seconds=29.9)
    assert hot.partition_key(HOT) != HOT
    traffic.now += timedelta(seconds=0.1)
    assert hot.partition_key(HOT) == HOT
    hot.spread(COLD)
    assert hot.until.keys() == {COLD}


@pytest.mark.parametrize("views", [1665, 3000, 5000])
def test_stream_takes_all_views_of_a_photo_after_a_second(views: int):
    """In the first second, one key of the photo is in the shard that is full."""
    traffic = Traffic()
    traffic.second(views)
    assert traffic.refused < views / 200
    for _ in range(5):
        traffic.second(views)
        assert traffic.refused == 0
    assert len(traffic.keys) == 16


def test_photo_that_one_shard_can_take_keeps_its_own_key():
    traffic = Traffic()
    traffic.second(SHARD_RECORDS)
    assert (traffic.keys, traffic.refused) == ({HOT: SHARD_RECORDS}, 0)


def test_views_have_the_photos_own_key_again_when_it_is_viewed_less():
    traffic = Traffic()
    traffic.second(5000)
    traffic.now += timedelta(seconds=30)
    traffic.second(900)
    assert traffic.keys == {HOT: 900}
