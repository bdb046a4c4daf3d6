import io
from collections.abc import Iterator
from types import ModuleType

import pytest

from tests.support.moto_stack import MotoStack, mocked_stack
from tests.support.photo_stream import Catalog, Invoke, LambdaContext
from tests.support.uploads import Output, Written


@pytest.fixture(scope="module")
def stack() -> Iterator[MotoStack]:
    """One for all tests of a file: importing the function is what takes the time."""
    with pytest.MonkeyPatch.context() as monkeypatch, mocked_stack(monkeypatch) as stack:
        yield stack


@pytest.fixture(scope="module")
def module(stack: MotoStack) -> ModuleType:
    """The handler as a new execution environment has it."""
    return stack.handler("catalog_replicator")


@pytest.fixture
def catalog(stack: MotoStack) -> Catalog:
    """The catalog, empty."""
    catalog = Catalog(stack)
    catalog.clear()
    return catalog


@pytest.fixture
def invoke(module: ModuleType) -> Invoke:
    """The function, with all the time that it wants; it returns the positions that it reports."""

    def invoke(event: object, context: LambdaContext | None = None) -> list[str]:
        answer = module.handler(event, context or LambdaContext())
        assert answer.keys() == {"batchItemFailures"}
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    return invoke


@pytest.fixture(autouse=True)
def output(
    module: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Written:
    """All that the function wrote in this test: ask once, at the end."""
    log = io.StringIO()
    monkeypatch.setattr(module.logger.handlers[0], "stream", log)
    return lambda: Output(log.getvalue() + capsys.readouterr().out)
