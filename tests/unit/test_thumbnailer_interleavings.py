"""Deliveries, uploads and the owner's delete in any order, cut between any two calls of AWS.

Each delivery is a thread that waits before its every call until the machine lets it go on, crashes
it, or refuses the call; so a failing order is shrunk by hypothesis, and can be read.
"""

import contextlib
import hashlib
import io
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import thumbnailer.uploads as core
from shared.dynamodb import from_item, to_item
from shared.photos import Photo, Status, upload_key
from tests.faults import CrashError, refusal
from thumbnailer.notifications import Upload
from thumbnailer.renditions import EncodedRendition, RenderedPhoto, UnusablePhotoError

PHOTO_ID = "019a9fb2-0c7b-7c3e-9a52-6f0d3b1e8a41"
NOW = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)
FAULTS = (CrashError, ClientError, ReadTimeoutError)
FATES = ("goes on", "crashes", "is refused", "crashes after", "times out after", "is sent twice")


def render(data: bytes) -> RenderedPhoto:
    if data == b"broken":
        raise UnusablePhotoError("broken")
    encoded = EncodedRendition(data, 1, 1)
    return RenderedPhoto("image/jpeg", 1, 1, "#008080", {"thumb": encoded, "large": encoded})


class Run:
    """A piece of work in a thread of its own, one call of AWS at a time."""

    current = threading.local()

    def __init__(self, work: Callable[[], object]) -> None:
        self.alive = True
        self.error: BaseException | None = None
        self._fate = ""
        self._go = threading.Semaphore(0)
        self._stopped = threading.Semaphore(0)
        threading.Thread(target=self._run, args=[work], daemon=True).start()
        self._stopped.acquire()

    def _run(self, work: Callable[[], object]) -> None:
        Run.current.run = self
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - the machine looks at it, in its own thread
            self.error = error
        finally:
            self.alive = False
            self._stopped.release()

    def advance(self, fate: str = "goes on") -> None:
        """To its next call, or to its end."""
        self._fate = fate
        self._go.release()
        self._stopped.acquire()

    def call[T](self, effect: Callable[[], T]) -> T:
        """A call of AWS, with the fate that the machine has chosen for it."""
        self._stopped.release()
        self._go.acquire()
        match self._fate:
            case "crashes":
                raise CrashError
            case "is refused":
                raise refusal("SlowDown")
            case "crashes after":
                effect()
                raise CrashError
            case "times out after":
                effect()
                raise ReadTimeoutError(endpoint_url="https://aws")
            case "is sent twice":  # its first answer was lost, and botocore tried again
                with contextlib.suppress(ClientError):
                    effect()
        return effect()


class RefusedError(ClientError):
    """DynamoDB's ConditionalCheckFailedException."""


class Aws:
    """What S3 and DynamoDB do when the thumbnailer calls them, on one photo."""

    exceptions = SimpleNamespace(ConditionalCheckFailedException=RefusedError)

    def __init__(self) -> None:
        self.item: dict[str, Any] | None = None
        self.upload: tuple[str, bytes] | None = None
        self.media: set[str] = set()

    def get_item(self, *, ConsistentRead: bool, **_: object) -> dict[str, Any]:  # noqa: N803
        assert ConsistentRead
        return Run.current.run.call(lambda: {"Item": dict(self.item)} if self.item else {})

    def update_item(self, **request: Any) -> None:
        Run.current.run.call(lambda: self._update(**request))

    def _update(self, **request: Any) -> None:
        names, values = request["ExpressionAttributeNames"], request["ExpressionAttributeValues"]
        assert request["ConditionExpression"] == "#status = :pending"
        if self.item is None or self.item["status"] != values[":pending"]:
            response: Any = {"Error": {"Code": "ConditionalCheckFailedException"}}
            raise RefusedError(response | ({"Item": self.item} if self.item else {}), "UpdateItem")
        first, *assignments = request["UpdateExpression"].removeprefix("SET ").split(", ")
        assert first == "#version = #version + :one"
        self.item = dict(self.item) | {"version": {"N": str(int(self.item["version"]["N"]) + 1)}}
        self.item |= {names[name]: values[value] for name, value in map(split, assignments)}

    def get_object(self, *, IfMatch: str, **_: object) -> dict[str, Any]:  # noqa: N803
        return Run.current.run.call(lambda: self._get(IfMatch.strip('"')))

    def _get(self, etag: str) -> dict[str, Any]:
        if self.upload is None:
            raise refusal("NoSuchKey")
        if self.upload[0] != etag:
            raise refusal("PreconditionFailed")
        return {"Body": io.BytesIO(self.upload[1]), "ContentLength": len(self.upload[1])}

    def put_object(self, *, Key: str, **_: object) -> None:  # noqa: N803
        Run.current.run.call(lambda: self.media.add(Key))

    def delete_object(self, *, Key: str, **_: object) -> None:  # noqa: N803
        Run.current.run.call(lambda: self.media.discard(Key))

    def get_paginator(self, _: str) -> "Aws":
        return self

    def paginate(self, *, Prefix: str, **_: object) -> Iterator[dict[str, Any]]:  # noqa: N803
        keys = Run.current.run.call(lambda: sorted(self.media))
        for key in keys:
            assert key.startswith(Prefix)
            yield {"Contents": [{"Key": key}]}


def split(assignment: str) -> list[str]:
    return assignment.split(" = ")


class OnePhoto(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.aws = Aws()
        self.aws.item = to_item(
            Photo(PHOTO_ID, 1, Status.PENDING, "maria", "Harbour", "image/jpeg", 1, "2026-11-20")
        )
        self.thumbnailer: Any = core.Thumbnailer(
            s3=self.aws, dynamodb=self.aws, photos_table="", media_bucket="", clock=lambda: NOW
        )
        self.events: list[Upload] = []
        self.owed: list[Upload] = []
        self.runs: list[tuple[Run, Upload | None]] = []
        self.deleted = False

    @precondition(lambda self: len(self.events) < 4)
    @rule(data=st.sampled_from([b"harbour", b"beach", b"broken"]))
    def someone_uploads(self, data: bytes) -> None:
        etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        self.aws.upload = (etag, data)
        event = Upload("uploads", upload_key(PHOTO_ID), etag, NOW)
        self.events.append(event)
        self.owed.append(event)

    @precondition(lambda self: self.owed and len(self.runs) < 4)
    @rule(data=st.data())
    def s3_delivers(self, data: st.DataObject) -> None:
        owed = data.draw(st.integers(0, len(self.owed) - 1))
        self.start(self.owed.pop(owed))

    @precondition(lambda self: self.events and len(self.runs) < 4)
    @rule(event=st.data())
    def s3_delivers_again(self, event: st.DataObject) -> None:
        self.start(event.draw(st.sampled_from(self.events)))

    @precondition(lambda self: self.runs)
    @rule(data=st.data(), fate=st.one_of(st.just("goes on"), st.sampled_from(FATES)))
    def a_call(self, data: st.DataObject, fate: str) -> None:
        chosen = data.draw(st.integers(0, len(self.runs) - 1))
        self.advance(chosen, fate)

    @precondition(lambda self: not self.deleted)
    @rule()
    def owner_deletes(self) -> None:
        self.deleted = True
        self.runs.append((Run(self.delete), None))

    @precondition(lambda self: self.aws.item and status(self.aws) is Status.DELETED)
    @rule()
    def record_expires(self) -> None:
        self.aws.item = None

    def delete(self) -> None:
        """As the API does: the record, then the renditions that it named, then the upload."""
        photo = Run.current.run.call(self.mark_deleted)
        for rendition in photo.renditions.values():
            self.aws.delete_object(Key=rendition.key)
        Run.current.run.call(lambda: setattr(self.aws, "upload", None))

    def mark_deleted(self) -> Photo:
        assert self.aws.item
        photo = from_item(self.aws.item, Photo)
        changed = {"status": Status.DELETED, "version": photo.version + 1}
        self.aws.item = self.aws.item | to_item(changed)
        return photo

    def start(self, event: Upload) -> None:
        self.runs.append((Run(lambda: self.thumbnailer.take(event)), event))

    def advance(self, index: int, fate: str = "goes on") -> None:
        run, event = self.runs[index]
        run.advance(fate if event else "goes on")
        if not run.alive:
            self.runs.pop(index)
            if isinstance(run.error, FAULTS) and event:
                self.owed.append(event)
            elif run.error:
                raise run.error

    @invariant()
    def ready_photo_has_all_its_renditions(self) -> None:
        if self.aws.item and status(self.aws) is Status.READY:
            photo = from_item(self.aws.item, Photo)
            assert {rendition.key for rendition in photo.renditions.values()} <= self.aws.media

    def teardown(self) -> None:
        while self.runs:
            self.advance(0)
        while self.owed:
            self.start(self.owed.pop(0))
            while self.runs:
                self.advance(0)
        self.check_end_state()

    def check_end_state(self) -> None:
        if self.aws.item is None:
            assert not self.aws.media
            return
        photo = from_item(self.aws.item, Photo)
        if self.deleted:
            assert photo.status is Status.DELETED
            assert photo.version in {2, 3}
        elif self.events:
            assert photo.status in {Status.READY, Status.FAILED}
            assert photo.version == 2
            assert photo.etag in {event.etag for event in self.events}
        else:
            assert photo.status is Status.PENDING
        ready = photo.status is Status.READY
        named = photo.renditions.values() if ready else ()
        assert self.aws.media == {rendition.key for rendition in named}


def status(aws: Aws) -> Status:
    assert aws.item
    return Status(aws.item["status"]["S"])


def test_any_order_and_any_crash_end_in_one_state(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(core, "render", render)
    run_state_machine_as_test(
        OnePhoto,
        settings=settings(
            max_examples=300, stateful_step_count=40, deadline=None, database=None, print_blob=True
        ),
    )
