"""An invocation that localcloud refuses says why."""

from typing import Any

import pytest

from localcloud import invocation
from localcloud.cloud import Cloud, CloudError


@pytest.mark.parametrize(
    ("configuration", "runtime"),
    [({"Runtime": "nodejs22.x"}, r"nodejs22\.x"), ({"PackageType": "Image"}, "of its image")],
)
def test_runtime_that_is_not_supported_is_named(
    monkeypatch: pytest.MonkeyPatch, configuration: dict[str, Any], runtime: str
):
    class Lambda:
        def get_function_configuration(self, **_: str) -> dict[str, Any]:
            return configuration

    monkeypatch.setattr(invocation, "root_client", lambda *_, **__: Lambda())
    with pytest.raises(CloudError, match=f"has the runtime {runtime}: localcloud runs"):
        invocation.invoke(Cloud("127.0.0.1", 1), "resize", b"{}")


def test_event_must_be_json():
    with pytest.raises(CloudError, match="The event is not JSON"):
        invocation.invoke(Cloud("127.0.0.1", 1), "resize", b"{")
