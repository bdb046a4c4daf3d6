from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from fakes.view_records import Clock, Context
from tests.support.faults import At, once
from tests.support.moto_stack import MotoStack, mocked_stack

type Invoke = Callable[..., dict[str, Any]]


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[MotoStack]:
    """One for each test, with empty tables."""
    with mocked_stack(monkeypatch) as stack:
        yield stack


@pytest.fixture
def module(stack: MotoStack, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The handler as a new execution environment has it."""
    # DynamoDB reads 100 items in a transaction since 2022; moto 5.2 knows of 25.
    monkeypatch.setattr("moto.dynamodb.responses.TRANSACTION_MAX_ITEMS", 100)
    return stack.handler("view_counter")


@pytest.fixture
def clock() -> Clock:
    """The remaining time of the invocation; pauses do not slow the test down."""
    return Clock(60)


@pytest.fixture
def invoke(module: ModuleType, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    monkeypatch.setattr(module.time, "sleep", clock.pause)
    return lambda event: module.handler(event, Context(clock))


@pytest.fixture
def at(module: ModuleType) -> At:
    """Do something at the function's next such moment, as `before-call.s3.PutObject`."""
    clients = {"s3": module.s3, "dynamodb": module.view_counter.dynamodb}
    return lambda moment, act: once(clients[moment.split(".")[1]], moment, act)
