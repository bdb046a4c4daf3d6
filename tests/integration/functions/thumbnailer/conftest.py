import io
from collections.abc import Iterator
from types import ModuleType

import pytest

from tests.support.faults import At, once
from tests.support.moto_stack import MotoStack, mocked_stack
from tests.support.uploads import Invoke, LambdaContext, Output, Uploads, Written


@pytest.fixture(scope="module")
def stack() -> Iterator[MotoStack]:
    """One for all tests of a file: each has photos of its own."""
    with pytest.MonkeyPatch.context() as monkeypatch, mocked_stack(monkeypatch) as stack:
        yield stack


@pytest.fixture(scope="module")
def module(stack: MotoStack) -> ModuleType:
    """The handler as a new execution environment has it."""
    return stack.handler("thumbnailer")


@pytest.fixture(scope="module")
def uploads(stack: MotoStack) -> Uploads:
    return Uploads(stack)


@pytest.fixture
def invoke(module: ModuleType) -> Invoke:
    return lambda event: module.handler(event, LambdaContext())


@pytest.fixture
def at(module: ModuleType) -> At:
    """Do something at the function's next such moment, as `before-call.s3.PutObject`."""
    return lambda moment, act: once(getattr(module.thumbnailer, moment.split(".")[1]), moment, act)


@pytest.fixture(autouse=True)
def output(
    module: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Written:
    """All that the function wrote in this test: ask once, at the end."""
    log = io.StringIO()
    monkeypatch.setattr(module.logger.handlers[0], "stream", log)
    return lambda: Output(log.getvalue() + capsys.readouterr().out)
