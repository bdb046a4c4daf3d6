from types import ModuleType

import pytest

from tests.support.faults import At, once
from tests.support.moto_stack import MotoStack
from tests.support.uploads import Invoke, LambdaContext, Uploads


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
