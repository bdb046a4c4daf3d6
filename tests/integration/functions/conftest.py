"""The function with the name of the test's folder, in moto; its log is captured."""

import io
from collections.abc import Iterator
from types import ModuleType

import pytest

from tests.support.moto_stack import MotoStack, mocked_stack
from tests.support.uploads import Output, Written


@pytest.fixture(scope="module")
def stack() -> Iterator[MotoStack]:
    """One for all tests of a file: importing the function is what takes the time."""
    with pytest.MonkeyPatch.context() as monkeypatch, mocked_stack(monkeypatch) as stack:
        yield stack


@pytest.fixture(scope="module")
def module(stack: MotoStack, request: pytest.FixtureRequest) -> ModuleType:
    """The handler as a new execution environment has it."""
    return stack.handler(request.path.parent.name)


@pytest.fixture(autouse=True)
def caught(request: pytest.FixtureRequest) -> None:
    """Nothing is logged into the stream of an earlier test, which is closed."""
    if "module" in request.fixturenames:
        request.getfixturevalue("output")


@pytest.fixture
def output(
    module: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Written:
    """The function's output in this test; read it once, at the end."""
    log = io.StringIO()
    monkeypatch.setattr(module.logger.handlers[0], "stream", log)
    return lambda: Output(log.getvalue() + capsys.readouterr().out)
