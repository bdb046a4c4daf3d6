"""Many readers at once; bench/laptop.py has the timings."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx

from demo.client import Gallery

READERS = 40


def test_forty_readers_at_once_all_get_the_photo(url: str, gallery: Gallery):
    photo_id = gallery.create_photo("read by many", "image/jpeg", 1)["photo"]["photo_id"]

    def read(_: int) -> list[int]:
        with httpx.Client(base_url=f"{url}/api", timeout=120, trust_env=False) as client:
            return [client.get(f"/photos/{photo_id}").status_code for _ in range(3)]

    with ThreadPoolExecutor(READERS) as threads:
        statuses = [status for each in threads.map(read, range(READERS)) for status in each]
    assert Counter(statuses) == {200: 3 * READERS}
