"""Counts that are pushed to connected pages, and connections that are gone."""

import contextlib
import json
import queue
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any
from urllib.parse import urlsplit

import pytest
from awscrt.http import HttpHeaders
from awscrt.websocket import (
    OnConnectionSetupData,
    OnConnectionShutdownData,
    OnIncomingFrameCompleteData,
    OnIncomingFramePayloadData,
    Opcode,
    WebSocket,
    connect,
    create_handshake_request,
)

from localcloud.running_application import RunningApplication
from tests.examples.conftest import running
from tests.support.permissions import denied
from tests.support.waiting import awaited

pytestmark = pytest.mark.slow
ORIGIN = "https://poll.example.com"


@pytest.fixture(scope="module")
def poll() -> Iterator[RunningApplication]:
    with running("websocket-live", {"PageOrigin": ORIGIN}) as application:
        yield application


class RefusedError(Exception):
    """The API has refused the connection."""


class Page:
    """A WebSocket connection, and the messages that it gets."""

    def __init__(self, poll: RunningApplication, origin: str = ORIGIN) -> None:
        [url] = poll.stack.addresses().values()
        host, port, path = urlsplit(url).hostname, urlsplit(url).port, urlsplit(url).path
        assert host
        self._messages: queue.Queue[Any] = queue.Queue()
        self._connected: Future[WebSocket] = Future()
        self._closed: Future[None] = Future()
        self._payload = b""
        request = create_handshake_request(host=f"{host}:{port}", path=path)
        HttpHeaders.add(request.headers, "Origin", origin)
        connect(
            host=host,
            port=port,
            handshake_request=request,
            on_connection_setup=self._set_up,
            on_connection_shutdown=self._shut_down,
            on_incoming_frame_payload=self._add,
            on_incoming_frame_complete=self._complete,
        )
        self._socket = self._connected.result(timeout=120)

    def send(self, **message: object) -> None:
        self._socket.send_frame(Opcode.TEXT, json.dumps(message))

    def message(self) -> Any:
        return self._messages.get(timeout=120)

    def counts(self, dish: str) -> int:
        """The next count of a dish that is pushed."""
        while True:
            if dish in (counts := self.message().get("counts", {})):
                return int(counts[dish])

    def close(self) -> None:
        self._socket.close()
        self._closed.result(timeout=120)

    def _set_up(self, data: OnConnectionSetupData) -> None:
        if data.websocket:
            self._connected.set_result(data.websocket)
        else:
            self._connected.set_exception(RefusedError(data.handshake_response_status))

    def _shut_down(self, _: OnConnectionShutdownData) -> None:
        self._closed.set_result(None)

    def _add(self, data: OnIncomingFramePayloadData) -> None:
        self._payload += data.data

    def _complete(self, data: OnIncomingFrameCompleteData) -> None:
        if data.frame.opcode == Opcode.TEXT and data.frame.fin:
            self._messages.put(json.loads(self._payload))
            self._payload = b""


@contextlib.contextmanager
def pages(poll: RunningApplication, number: int) -> Iterator[list[Page]]:
    opened = [Page(poll) for _ in range(number)]
    try:
        yield opened
    finally:
        for page in opened:
            page.close()


def connections(poll: RunningApplication) -> set[str]:
    items = poll.cloud.client("dynamodb").scan(TableName=poll.outputs["Connections"])["Items"]
    return {item["connection"]["S"] for item in items}


def test_every_connected_page_gets_the_count_of_a_vote(poll: RunningApplication):
    with pages(poll, 2) as [first, second]:
        first.send(action="vote", dish="soup", voter="ada")
        assert (first.counts("soup"), second.counts("soup")) == (1, 1)
        second.send(action="vote", dish="soup", voter="ada")  # a repeated vote
        second.send(action="vote", dish="soup", voter="bob")
        while first.counts("soup") < 2:
            pass
        second.send(action="counts")
        while (message := second.message()) != {"counts": {"soup": 2}}:
            assert "error" not in message
    awaited(lambda: not connections(poll))


def test_vote_for_an_unknown_dish_is_refused(poll: RunningApplication):
    with pages(poll, 1) as [page]:
        page.send(action="vote", dish="cake", voter="ada")
        assert "pasta, salad, soup" in page.message()["error"]


def test_page_of_another_origin_is_refused(poll: RunningApplication):
    with pytest.raises(RefusedError):
        Page(poll, origin="https://example.org")
    awaited(lambda: not connections(poll))


def test_connection_that_is_gone_is_removed_with_the_next_push(poll: RunningApplication):
    poll.cloud.client("dynamodb").put_item(
        TableName=poll.outputs["Connections"], Item={"connection": {"S": "0a1b2c3d4e5f6071"}}
    )
    with pages(poll, 1) as [page]:
        page.send(action="vote", dish="salad", voter="ada")
        assert page.counts("salad") == 1
        awaited(lambda: len(connections(poll)) == 1)
    awaited(lambda: not connections(poll))


def test_failed_push_is_reported_and_the_next_one_has_the_whole_count(poll: RunningApplication):
    sqs, url = poll.cloud.client("sqs"), poll.outputs["FailedPushes"]
    with pages(poll, 1) as [page]:
        with denied(poll, "PushRole", "execute-api:ManageConnections"):
            page.send(action="vote", dish="pasta", voter="ada")
            [message] = awaited(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))
        condition = json.loads(message["Body"])["requestContext"]["condition"]
        assert condition == "RetryAttemptsExhausted"
        page.send(action="vote", dish="pasta", voter="bob")
        assert page.counts("pasta") == 2
