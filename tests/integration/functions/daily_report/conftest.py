import io
from collections.abc import Iterator
from types import ModuleType

import pytest

from tests.integration.functions.daily_report.gallery import Gallery, LambdaContext
from tests.support.moto_stack import MotoStack, mocked_stack
from tests.support.uploads import Output, Written


@pytest.fixture(scope="module")
def stack() -> Iterator[MotoStack]:
    """One for all tests of a file: importing the function is what takes the time."""
    with pytest.MonkeyPatch.context() as monkeypatch, mocked_stack(monkeypatch) as stack:
        yield stack


@pytest.fixture(scope="module")
def module(stack: MotoStack) -> ModuleType:
    """The handler as a new execution environment has it."""
    return stack.handler("daily_report")


@pytest.fixture
def gallery(stack: MotoStack, module: ModuleType) -> Gallery:
    """Tables and buckets, empty; and the function that reports on them."""
    gallery = Gallery(stack, lambda event: dict(module.handler(event, LambdaContext())))
    gallery.clear()
    return gallery


@pytest.fixture(autouse=True)
def output(
    module: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Written:
    """All that the function wrote in this test: ask once, at the end."""
    log = io.StringIO()
    monkeypatch.setattr(module.logger.handlers[0], "stream", log)
    return lambda: Output(log.getvalue() + capsys.readouterr().out)
