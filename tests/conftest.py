import gc
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# No outcome depends on the speed of the machine.
settings.register_profile(
    "gallery", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", settings.get_profile("gallery"), max_examples=1000)
settings.load_profile("gallery")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Keep imported modules out of garbage collections, which take seconds with all of them."""
    gc.disable()
    result = yield
    gc.freeze()
    gc.enable()
    return result
