"""Deliveries, uploads, removals and the owner's delete, in any order and with crashes anywhere.

Each run is a thread that waits before its every call until the history continues it, crashes it or
refuses the call, so that the seed alone decides. `SEEDS=100000:200000` runs other seeds.
"""

import contextlib
import hashlib
import io
import os
import random
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

import thumbnailer.uploads as core
from shared.dynamodb import from_item, to_item
from shared.photos import MEDIA_PREFIX, Photo, Status, upload_key
from tests.support.faults import CrashError, refusal
from thumbnailer.notifications import RemovedObject, UploadedObject
from thumbnailer.renditions import EncodedRendition, RenderedPhoto, UnusablePhotoError

PHOTO_ID = "019a9fb2-0c7b-7c3e-9a52-6f0d3b1e8a41"
NOW = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)
FAULT_ERRORS = (CrashError, ClientError, ReadTimeoutError)
FAULTS = (
    "crashes",
    "is refused",
    "crashes after the call",
    "times out after the call",
    "is sent twice",
)
OWNER = None
REMOVED = RemovedObject("uploads", upload_key(PHOTO_ID), "AWS:EXAMPLE")

type Event = UploadedObject | RemovedObject


def render(data: bytes) -> RenderedPhoto:
    if data == b"broken":
        raise UnusablePhotoError("broken")
    encoded = EncodedRendition(data, 1, 1)
    return RenderedPhoto("image/jpeg", 1, 1, "#008080", {"thumb": encoded, "large": encoded})


class Run:
    """A task in a thread of its own that makes one call to AWS at a time."""

    current = threading.local()

    def __init__(self, work: Callable[[], object]) -> None:
        self.alive = True
        self.error: BaseException | None = None
        self._fault = ""
        self._go = threading.Semaphore(0)
        self._stopped = threading.Semaphore(0)
        threading.Thread(target=self._run, args=[work], daemon=True).start()
        self._stopped.acquire()

    def _run(self, work: Callable[[], object]) -> None:
        Run.current.run = self
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - the history checks it, in its own thread
            self.error = error
        self.alive = False
        self._stopped.release()

    def advance(self, fault: str) -> None:
        """Run until its next call, or its end."""
        self._fault = fault
        self._go.release()
        self._stopped.acquire()

    def call[T](self, effect: Callable[[], T]) -> T:
        """A call to AWS with the fault that the history chooses."""
        self._stopped.release()
        self._go.acquire()
        match self._fault:
            case "crashes":
                raise CrashError
            case "is refused":
                raise refusal("SlowDown")
            case "crashes after the call":
                effect()
                raise CrashError
            case "times out after the call":
                effect()
                raise ReadTimeoutError(endpoint_url="https://aws")
            case "is sent twice":  # its first answer was lost, and botocore tried again
                with contextlib.suppress(ClientError):
                    effect()
        return effect()


class RefusedError(ClientError):
    """DynamoDB's ConditionalCheckFailedException."""


class Aws:
    """S3 and DynamoDB as the thumbnailer calls them, for one photo."""

    exceptions = SimpleNamespace(ConditionalCheckFailedException=RefusedError)

    def __init__(self) -> None:
        photo = Photo(PHOTO_ID, 1, Status.PENDING, "maria", "Harbour", "image/jpeg", 1, "2026")
        self.item: dict[str, Any] | None = to_item(photo)
        self.upload: tuple[str, bytes] | None = None
        self.media: set[str] = set()
        self.removals = 0  # of uploads
        self.was_missing = False  # whether the photo was READY without its original at any time
        self.settled_late = False  # whether its original was removed before it was settled

    @property
    def photo(self) -> Photo | None:
        return from_item(self.item, Photo) if self.item else None

    def get_item(self, *, ConsistentRead: bool, **_: object) -> dict[str, Any]:  # noqa: N803
        assert ConsistentRead
        return Run.current.run.call(lambda: {"Item": self.item} if self.item else {})

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
        pairs = [assignment.split(" = ") for assignment in assignments]
        version = {"N": str(int(self.item["version"]["N"]) + 1)}
        self.item = self.item | {"version": version} | {names[n]: values[v] for n, v in pairs}
        self.settled_late = self.upload is None
        self._note_missing_original()

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

    def delete_object(self, *, Key: str, IfMatch: str = "", **_: object) -> None:  # noqa: N803
        if Key == upload_key(PHOTO_ID):
            Run.current.run.call(lambda: self._remove(IfMatch.strip('"')))
        else:
            Run.current.run.call(lambda: self.media.discard(Key))

    def _remove(self, etag: str) -> None:
        self._get(etag)  # it is refused for the same reasons
        self.remove_upload()

    def head_object(self, **_: object) -> None:
        Run.current.run.call(self._head)

    def _head(self) -> None:
        if self.upload is None:
            raise refusal("404")

    def remove_upload(self) -> None:
        """Remove the object and send an event, also if there was no object, as S3 may do."""
        self.upload = None
        self.removals += 1
        self._note_missing_original()

    def _note_missing_original(self) -> None:
        photo = self.photo
        if photo and photo.status is Status.READY and self.upload is None:
            self.was_missing = True

    def get_paginator(self, _: str) -> "Aws":
        return self

    def paginate(self, *, Prefix: str, **_: object) -> Iterator[dict[str, Any]]:  # noqa: N803
        keys = Run.current.run.call(lambda: sorted(self.media))
        yield {"Contents": [{"Key": key} for key in keys if key.startswith(Prefix)]}

    def delete_photo(self) -> None:
        """Delete as the API does: first the record, then the upload, then every rendition."""
        Run.current.run.call(self._mark_deleted)
        Run.current.run.call(self.remove_upload)
        for page in self.paginate(Prefix=f"{MEDIA_PREFIX}{PHOTO_ID}/"):
            for stored in page["Contents"]:
                self.delete_object(Key=stored["Key"])

    def _mark_deleted(self) -> None:
        photo = self.photo
        assert self.item
        assert photo
        self.item = self.item | to_item({"status": Status.DELETED, "version": photo.version + 1})


class History:
    """The history of one photo, drawn from the seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311
        self.log: list[str] = []
        self.aws = Aws()
        clients: Any = {"s3": self.aws, "dynamodb": self.aws}
        self.thumbnailer = core.Thumbnailer(
            **clients,
            photos_table="photos",
            media_bucket="media",
            clock=lambda: NOW,
            found=lambda _: None,
        )
        self.uploads: list[UploadedObject] = []
        self.sent: list[Event] = []
        self.undelivered: list[Event] = []
        self.runs: list[tuple[str, Run, Event | None]] = []
        self.deleted = False
        self.reported = False
        self.replaces = self.random.random() < 0.5

    def run(self) -> None:
        """Random moves first; then S3 and Lambda deliver until everything is processed."""
        moves = (
            self.upload,
            self.deliver,
            self.deliver_again,
            self.advance_some,
            self.delete,
            self.remove_original,
        )
        # Each history has its own weights, so that different kinds of moves dominate.
        weights = [1, 2, *(self.random.choice(each) for each in ((0, 1), (4,), (0, 1), (0, 1)))]
        self.upload()
        for _ in range(self.random.randint(2, 15)):
            self.random.choices(moves, weights)[0]()
            self.send_removals()
        while self.runs or self.undelivered or self.is_abandoned():
            if self.runs:
                self.advance(self.random.choice(self.runs), "continues")
            elif self.undelivered:
                self.deliver()
            else:
                self.upload()
            self.send_removals()
        self.check_end_state()

    def upload(self) -> None:
        """Only the first upload, or in some histories uploads that replace the object."""
        if self.aws.upload and not self.replaces:
            return
        data = self.random.choice((b"harbour", b"harbour", b"beach", b"beach", b"broken"))
        etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        self.aws.upload = (etag, data)
        self.uploads.append(UploadedObject("uploads", upload_key(PHOTO_ID), etag, NOW))
        self.send(self.uploads[-1])
        self.log.append(f"upload {data!r} with ETag {etag[:4]}")

    def remove_original(self) -> None:
        """Remove the original as a person may do by hand."""
        if self.aws.upload:
            self.aws.remove_upload()
            self.log.append("the original is removed by hand")

    def send_removals(self) -> None:
        while self.aws.removals:
            self.aws.removals -= 1
            self.send(REMOVED)

    def send(self, event: Event) -> None:
        self.sent.append(event)
        self.undelivered.append(event)

    def is_abandoned(self) -> bool:
        """Whether the upload was removed before it was processed."""
        photo = self.aws.photo
        return photo is not None and photo.status is Status.PENDING and self.aws.upload is None

    def deliver(self) -> None:
        if self.undelivered:
            self.start(self.undelivered.pop(self.random.randrange(len(self.undelivered))))

    def deliver_again(self) -> None:
        if self.sent:
            self.start(self.random.choice(self.sent))

    def start(self, event: Event) -> None:
        kind = event.etag[:4] if isinstance(event, UploadedObject) else "a removal"
        name = f"run {len(self.log)} of {kind}"
        self.log.append(name)
        self.runs.append((name, Run(lambda: self.handle(event)), event))

    def handle(self, event: Event) -> None:
        if isinstance(event, UploadedObject):
            self.thumbnailer.process(event)
        elif self.thumbnailer.is_missing(event):
            self.reported = True
            assert self.aws.was_missing, "an original is reported that was never missing"

    def delete(self) -> None:
        if not self.deleted:
            self.deleted = True
            self.runs.append(("the owner's delete", Run(self.aws.delete_photo), OWNER))
        elif self.aws.photo and self.aws.photo.status is Status.DELETED:
            self.aws.item = None
            self.log.append("the record expires")

    def advance_some(self) -> None:
        """Advance one run by some calls; the last call may get a fault."""
        if self.runs:
            chosen = self.random.choice(self.runs)
            for _ in range(self.random.randint(0, 6)):
                self.advance(chosen, "continues")
            if self.random.random() < 0.7:
                self.advance(chosen, self.random.choice(FAULTS))

    def advance(self, chosen: tuple[str, Run, Event | None], fault: str) -> None:
        name, run, event = chosen
        if chosen not in self.runs:
            return
        fault = fault if event else "continues"
        if run.alive:
            run.advance(fault)
        self.log.append(f"  {name} {fault}{'' if run.alive else ' and ends'}")
        if not run.alive:
            self.runs.remove(chosen)
            if event and isinstance(run.error, FAULT_ERRORS):
                self.undelivered.append(event)
            elif run.error:
                raise run.error
        if (photo := self.aws.photo) and photo.status is Status.READY:
            named = {rendition.key for rendition in photo.renditions.values()}
            assert named <= self.aws.media, "a READY photo lacks renditions"

    def check_end_state(self) -> None:
        photo = self.aws.photo
        if self.deleted:
            assert photo is None or photo.status is Status.DELETED
        else:
            assert photo
            assert photo.status in {Status.READY, Status.FAILED}
            assert photo.version == 2
            assert photo.etag in {upload.etag for upload in self.uploads}
        ready = photo is not None and photo.status is Status.READY
        named = photo.renditions.values() if photo and ready else ()
        assert self.aws.media == {rendition.key for rendition in named}, (
            "the media bucket has other objects than the renditions of the photo"
        )
        original = self.aws.upload and self.aws.upload[0]
        if self.deleted:
            assert original is None, "the original of a deleted photo was not removed"
        elif photo and original is None:
            accounted = self.reported or self.aws.settled_late or photo.status is Status.FAILED
            assert accounted, "a missing original is not reported"
        elif photo:
            assert original == photo.etag, "the original is not the one of the renditions"


def test_every_order_and_every_crash_end_in_the_expected_state(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(core, "render", render)
    first, last = os.environ.get("SEEDS", "0:1000").split(":")
    for seed in range(int(first), int(last)):
        history = History(seed)
        try:
            history.run()
        except BaseException as error:
            error.add_note("\n".join((f"SEEDS={seed}:{seed + 1}", *history.log)))
            raise
