"""The API refuses requests without CloudFront, and a rotation of the secret fails no request."""

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping

import httpx
import pytest
from rich.console import Console

from demo.application import STACK
from localcloud.cloud import Cloud
from localcloud.cloudfront import Served
from ops import stack_events
from ops.rotate_origin_secret import OriginSecret, Step
from ops.stacks import find_stack, open_account, read_stage
from tests.support.waiting import awaited


def logged(cloud: Cloud, stack: Mapping[str, str]) -> int:
    """How many lines the API's function and Lambda have written about its runs."""
    group = stack["GalleryApiLogGroupName"]
    pages = cloud.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    return sum(len(page["events"]) for page in pages)


def sent_by(cdn: Served) -> str:
    """The Referer that CloudFront currently sends to the API."""
    [(name, value)] = cdn.edge.distribution.behaviour("/api/health").origin.custom_headers
    assert name == "Referer"
    return value


def open_origin_secret() -> OriginSecret:
    """As a new run of the tool does."""
    stage = read_stage("local")
    account = open_account(stage, None)
    stack = find_stack(account, STACK)
    assert stack
    assert stage.artifacts_bucket
    console = Console(quiet=True)
    return OriginSecret(account, stack, stage.artifacts_bucket, console, poll_seconds=0.2)


@contextlib.contextmanager
def requests_during(url: str) -> Iterator[list[int]]:
    """Statuses of the answers to a client of the gallery during the block."""
    statuses: list[int] = []
    ended = threading.Event()

    def ask() -> None:
        with httpx.Client(timeout=60) as http:
            while not ended.is_set():
                statuses.append(http.get(url).status_code)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield statuses
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("path", ["/health", "/photos", "/me/photos"])
def test_request_that_bypasses_cloudfront_does_not_reach_the_function(
    path: str, cloud: Cloud, stack: Mapping[str, str], cdn: Served, id_token: str
):
    signed_in = {"Authorization": id_token}
    with httpx.Client(timeout=60) as http:
        assert http.get(f"{cdn.url}/api{path}", headers=signed_in).status_code == 200
        before = awaited(lambda: logged(cloud, stack))
        for referer in ({}, {"Referer": f"{cdn.url}/"}, {"Referer": f"{sent_by(cdn)}x"}):
            answer = http.get(f"{stack['ApiUrl']}{path}", headers=signed_in | referer)
            assert answer.status_code == 403, referer
        assert logged(cloud, stack) == before
        known = signed_in | {"Referer": sent_by(cdn)}
        assert http.get(f"{stack['ApiUrl']}{path}", headers=known).status_code == 200
        awaited(lambda: logged(cloud, stack) > before)


def test_request_without_a_token_is_refused_before_its_body_is_checked(stack: Mapping[str, str]):
    answer = httpx.get(
        f"{stack['ApiUrl']}/me/photos", headers={"Authorization": "forged"}, timeout=60
    )
    assert answer.status_code == 401


def test_a_viewers_own_referer_is_replaced(cdn: Served):
    for referer in ("https://elsewhere.example/page", "forged", ""):
        answer = httpx.get(f"{cdn.url}/api/health", headers={"Referer": referer}, timeout=60)
        assert answer.status_code == 200, referer


def test_no_log_of_the_function_has_the_secret(cloud: Cloud, stack: Mapping[str, str], cdn: Served):
    assert httpx.get(f"{cdn.url}/api/health", timeout=60).status_code == 200
    client, group = cloud.client("logs"), stack["GalleryApiLogGroupName"]
    messages = [
        event["message"]
        for page in client.get_paginator("filter_log_events").paginate(logGroupName=group)
        for event in page["events"]
    ]
    assert messages
    assert not [each for each in messages if sent_by(cdn) in each]


def test_rotation_in_five_runs_refuses_no_request(
    cloud: Cloud, stack: Mapping[str, str], cdn: Served, monkeypatch: pytest.MonkeyPatch
):
    """Each step is a run of its own, as if the one before had been killed."""
    monkeypatch.setattr(stack_events, "_POLL_SECONDS", 0.2)
    old = sent_by(cdn)
    done = []
    with requests_during(f"{cdn.url}/api/health") as statuses:
        while not done or open_origin_secret().rotation().is_unfinished:
            secret = open_origin_secret()
            step, then = secret.rotation().next_step()
            secret.take(step, then)
            done.append(step)
            if step is Step.SEND:  # the laptop's CloudFront follows within two seconds
                awaited(lambda: sent_by(cdn) != old)
    assert done == list(Step)
    assert set(statuses) == {200}
    new = sent_by(cdn)
    for referer, status in ((old, 403), (new, 200)):
        answer = httpx.get(f"{stack['ApiUrl']}/health", headers={"Referer": referer}, timeout=60)
        assert answer.status_code == status
    secrets = cloud.client("secretsmanager")
    stored = secrets.get_secret_value(SecretId=stack["OriginSecretArn"])["SecretString"]
    assert list(json.loads(stored).values()) == [new]
