from types import ModuleType

import pytest

from tests.integration.functions.daily_report.gallery import Gallery, LambdaContext
from tests.support.moto_stack import MotoStack


@pytest.fixture
def gallery(stack: MotoStack, module: ModuleType) -> Gallery:
    """Tables and buckets, empty; and the function that reports on them."""
    gallery = Gallery(stack, lambda event: dict(module.handler(event, LambdaContext())))
    gallery.clear()
    return gallery
