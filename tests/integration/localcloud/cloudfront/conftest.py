"""A stub of the AWS APIs, and the origins that CloudFront reaches in it."""

from collections.abc import Iterator

import pytest

from localcloud.cloudfront.origins import Origins
from tests.integration.localcloud.cloudfront.stub_cloud import StubCloud, stub_cloud


@pytest.fixture
def stub() -> Iterator[StubCloud]:
    with stub_cloud() as stub:
        yield stub


@pytest.fixture
def origins(stub: StubCloud) -> Iterator[Origins]:
    origins = Origins(stub.cloud)
    yield origins
    origins.close()
