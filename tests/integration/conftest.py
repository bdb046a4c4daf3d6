from collections.abc import Iterator

import pytest

from tests.support.moto_stack import MotoStack, mocked_stack


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[MotoStack]:
    with mocked_stack(monkeypatch) as stack:
        yield stack
