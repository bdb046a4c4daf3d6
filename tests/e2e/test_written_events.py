"""Each built function answers each of its events as events/README.md says.

The runtime client is Lambda's, the artifact sam's, and the role the function's own. This file runs
after the other tests of the gallery, because the events change its data.
"""

from collections.abc import Mapping

import pytest

from demo.application import STACK
from demo.sample_photos import put_sample_photos
from localcloud.cloud import Cloud
from localcloud.invocation import invoke
from localcloud.stack import Stack
from tests.support.sample_events import SampleEvent, answer_in_short, sample_events


@pytest.fixture(scope="module")
def sample_photos(cloud: Cloud, stack: Mapping[str, str]) -> Stack:
    put_sample_photos(cloud, stack)
    return Stack(cloud, STACK)


@pytest.mark.parametrize("event", sample_events(), ids=lambda event: event.name)
def test_event_gets_the_answer_of_the_table(event: SampleEvent, sample_photos: Stack, cloud: Cloud):
    answer = invoke(cloud, sample_photos.function_name(event.function), event.payload)
    assert answer_in_short(answer.payload) == event.answer, answer.log.decode()
    if event.name == "cloudfront_photo_page":
        assert b"catalog_lookup_failed" in answer.log
        assert b"Traceback" not in answer.log
