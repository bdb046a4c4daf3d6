"""A REST API, an HTTP API and a table, with python3.12, arm64, and Powertools from PyPI."""

import json
from collections.abc import Iterator

import httpx
import pytest

from localcloud.running_application import RunningApplication
from tests.applications.conftest import running


@pytest.fixture(scope="module")
def orders() -> Iterator[RunningApplication]:
    with running("orders") as application:
        yield application


def post(orders: RunningApplication) -> httpx.Response:
    url = orders.stack.addresses()["OrdersApi"]
    return httpx.post(f"{url}/orders", json={"item": "a chair"}, trust_env=False, timeout=30)


def test_order_is_created_and_read_by_both_apis(orders: RunningApplication):
    created = post(orders)
    assert created.status_code == 201, created.text
    order = created.json()
    assert (order["item"], order["retention_days"], order["page_size"]) == ("a chair", 30, 25)
    addresses = orders.stack.addresses()
    assert addresses.keys() == {"OrdersApi", "ServerlessHttpApi"}
    for url in addresses.values():
        found = httpx.get(f"{url}/orders/{order['order_id']}", trust_env=False, timeout=30)
        assert (found.status_code, found.json()) == (200, order), url
    missing = httpx.get(f"{url}/orders/none", trust_env=False, timeout=30)
    assert missing.status_code == 404


def test_function_is_refused_what_its_role_does_not_allow(orders: RunningApplication):
    role = orders.stack.of_type("AWS::IAM::Role")["CreateOrderFunctionRole"]
    iam = orders.cloud.client("iam")
    [policy] = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    iam.delete_role_policy(RoleName=role, PolicyName=policy)
    try:
        assert post(orders).status_code == 502
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))
    assert post(orders).status_code == 201


def test_output_that_refers_to_a_resource_that_is_left_out_is_left_out(orders: RunningApplication):
    assert orders.outputs.keys() == {"ApiUrl", "TableName"}
