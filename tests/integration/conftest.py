from collections.abc import Iterator

import pytest

from tests.stack import Stack, mocked_stack


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    with mocked_stack(monkeypatch) as stack:
        yield stack
