"""Many readers at once; bench/laptop.py has the timings."""

import contextlib
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from urllib.parse import urlsplit

import httpx

from demo.client import Gallery
from localcloud.cloud import Cloud
from localcloud.event_sources.poller import EventSources
from tests.support.gallery_photos import listed_photo
from tests.support.waiting import awaited

READERS = 40
POLLING = 50
SECONDS = 10


def test_forty_readers_at_once_all_get_the_photo(url: str, gallery: Gallery):
    photo_id = gallery.create_photo("read by many", "image/jpeg", 1)["photo"]["photo_id"]

    def read(_: int) -> list[int]:
        with httpx.Client(base_url=f"{url}/api", timeout=120, trust_env=False) as client:
            return [client.get(f"/photos/{photo_id}").status_code for _ in range(3)]

    with ThreadPoolExecutor(READERS) as threads:
        statuses = [status for each in threads.map(read, range(READERS)) for status in each]
    assert Counter(statuses) == {200: 3 * READERS}


def test_fifty_polling_clients_cost_at_most_two_invocations_a_second_per_address(
    cloud: Cloud, stack: dict[str, str], url: str, gallery: Gallery, event_sources: EventSources
):
    """They ask for what the page polls, without its pauses; a slow machine asks less."""
    photo = f"/photos/{listed_photo(gallery, event_sources)}"
    addresses = ("/photos?limit=30", photo, f"{photo}/views")
    began_at, began = time.time(), time.monotonic()

    def poll(_: int) -> list[int]:
        statuses = []
        # Not httpx, which would need most of the processor.
        with contextlib.closing(HTTPConnection(urlsplit(url).netloc, timeout=120)) as connection:
            while time.monotonic() < began + SECONDS:
                for address in addresses:
                    connection.request("GET", f"/api{address}")
                    answer = connection.getresponse()
                    answer.read()
                    statuses.append(answer.status)
        return statuses

    with ThreadPoolExecutor(POLLING) as threads:
        statuses = [status for each in threads.map(poll, range(POLLING)) for status in each]
    seconds = time.monotonic() - began
    assert set(statuses) == {200}

    def invocations() -> Counter[str]:
        found = answered_reads(cloud, stack["GalleryApiLogGroupName"], began_at)
        return Counter({address: found[address.partition("?")[0]] for address in addresses})

    found = awaited(lambda: (found := invocations()).total() >= len(addresses) and found)
    print(f"{len(statuses):,} requests in {seconds:.1f} s, invocations: {dict(found)}")
    assert max(found.values()) <= 2 * seconds + 1, found


def answered_reads(cloud: Cloud, group: str, since: float) -> Counter[str]:
    """How often the API's function has logged a GET, by path; on the laptop it logs each one."""
    pages = cloud.client("logs").get_paginator("filter_log_events")
    found: Counter[str] = Counter()
    for page in pages.paginate(logGroupName=group, startTime=int(since * 1000)):
        for event in page["events"]:
            if "request_answered" in event["message"]:
                entry = json.loads(event["message"])
                found[entry["path"]] += entry["method"] == "GET"
    return found
