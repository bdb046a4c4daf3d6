from types import ModuleType

import pytest

from tests.support.moto_stack import MotoStack
from tests.support.photo_stream import Catalog, Invoke, LambdaContext


@pytest.fixture
def catalog(stack: MotoStack) -> Catalog:
    """The catalog, empty."""
    catalog = Catalog(stack)
    catalog.clear()
    return catalog


@pytest.fixture
def invoke(module: ModuleType) -> Invoke:
    """The function without a time limit; it returns the positions that it reports."""

    def invoke(event: object, context: LambdaContext | None = None) -> list[str]:
        answer = module.handler(event, context or LambdaContext())
        assert answer.keys() == {"batchItemFailures"}
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    return invoke
