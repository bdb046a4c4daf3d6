"""A function URL, an HTTP API, a loop, a nested application, and values of other stacks."""

import json

import httpx
import pytest

from localcloud import invocation
from localcloud.outside_values import OutsideValues
from tests.applications.conftest import running

OUTSIDE = OutsideValues(
    {"/links/domain": "example.com", "/links/contact": "ann"}, {"team": "growth", "unused": "x"}
)


@pytest.mark.slow
def test_link_is_written_by_a_function_of_a_loop_and_read_by_both_addresses():
    with running("links", OUTSIDE) as links:

        def invoked(function: str, event: object) -> object:
            name = links.stack.function_name(function)
            answer = invocation.invoke(links.cloud, name, json.dumps(event).encode())
            return json.loads(answer.payload)

        def got(url: str) -> httpx.Response:
            return httpx.get(url, trust_env=False, timeout=30)

        public = invoked("PublicWriter", {"url": "https://example.com/a"})
        private = invoked("PrivateWriter", {"url": "https://example.com/b"})
        [url], [address] = links.stack.function_urls().values(), links.stack.addresses().values()
        assert got(f"{url}/{public}").json()["kind"] == "Public"
        assert got(f"{address}/{private}").json()["kind"] == "Private"
        outside = {"domain": "example.com", "contact": "ann", "team": "growth"}
        assert got(address).json() == outside
        assert invoked("Statistics/CountFunction", {}) == 2
        unknown = got(f"{address}/unknown")
        assert (unknown.status_code, unknown.json()) == (500, {"message": "Internal Server Error"})
        assert got(f"{url}/unknown").status_code == 502
