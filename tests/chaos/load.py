"""Clients that send the requests of a plan and repeat failed requests as a person would."""

import io
import json
import queue
import random
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
from botocore.exceptions import BotoCoreError, ClientError
from PIL import Image

from localcloud.clients import root_client
from localcloud.cloud import Cloud
from localcloud.execution.time_limits import TimeLimits
from shared.timestamps import iso_milliseconds
from shared.view_rows import SUFFIXES
from tests.chaos.ledger import Ledger
from tests.chaos.plan import (
    VIEWS_PER_PUT,
    ApiView,
    Operation,
    PutViews,
    ReadPage,
    Upload,
    UploadKind,
)
from tests.e2e.conftest import OWN_ENVIRONMENT
from tests.simulation.views_world import poison

CLIENTS: Final = 6
FACTOR: Final = max(5, TimeLimits.of(OWN_ENVIRONMENT).factor)
"""Multiplies every timeout, so that no outcome depends on the speed of the machine."""
_REQUEST_SECONDS: Final = 12 * FACTOR
_REPEAT_SECONDS: Final = 120 * FACTOR  # until a test fails
_PAUSE_SECONDS: Final = 0.1
_CREATION_ATTEMPTS: Final = 15
_REFUSALS: Final = 50
_UPLOAD_LIFETIME: Final = timedelta(minutes=15)
_OFFSETS: Final = (0, -40, -90, 30)  # seconds of a view's time from now
_BUSY: Final = {httpx.codes.TOO_MANY_REQUESTS, httpx.codes.CONFLICT}


class NoAnswerError(Exception):
    """The request may have had its effect or not."""


class SignedOutError(NoAnswerError):
    """The request had no effect: its token had expired."""


class Client:
    """One person with a browser; used by one thread."""

    def __init__(
        self,
        cloud: Cloud,
        *,
        url: str,
        sign_in: Callable[[], str],
        stream: str,
        ledger: Ledger,
        chance: random.Random,
    ) -> None:
        self._url = url
        self._sign_in = sign_in
        self._token = {"Authorization": sign_in()}
        self._stream = stream
        self._ledger = ledger
        self._chance = chance
        self._http = httpx.Client(timeout=_REQUEST_SECONDS, trust_env=False)
        self._kinesis = root_client(cloud, "kinesis", read_timeout=round(_REQUEST_SECONDS))

    def close(self) -> None:
        self._http.close()
        self._kinesis.close()

    def do(self, operation: Operation) -> None:
        """Do one operation, and note its result in the ledger."""
        match operation:
            case Upload(number, kind):
                self._upload(number, kind)
            case PutViews(number, bad):
                self._put_views(number, bad)
            case ApiView():
                self._view(self._any_photo())
            case ReadPage(_, what):
                self._read(what)

    def list_photos(self) -> list[dict[str, Any]]:
        """The public list; its photos are noted in the ledger."""
        answer = self._repeated("GET", f"{self._url}/api/photos?limit=100")
        photos: list[dict[str, Any]] = answer.json()["photos"]
        self._ledger.note_listed(photos)
        return photos

    def _upload(self, number: int, kind: UploadKind) -> None:
        data = b"no photo at all" if kind is UploadKind.UNUSABLE else picture(number)
        created = self._create(number, len(data))
        if created is None:
            return
        photo_id = created["photo"]["photo_id"]
        self._ledger.note_created(photo_id)
        if kind is UploadKind.DELETED_EARLY:
            self._delete(photo_id)
        if self._put_file(created["upload"], data):
            self._ledger.note_uploaded(photo_id, usable=kind is not UploadKind.UNUSABLE)
        if kind is UploadKind.DELETED:
            self._delete(photo_id)

    def _put_file(self, signed: dict[str, Any], data: bytes) -> bool:
        """Whether the file is stored; it is not if the signed request has expired."""
        for _ in range(_REFUSALS):
            answer = self._repeated(
                signed["method"],
                signed["url"],
                headers=signed["headers"],
                content=data,
                # 412: the object exists, since an attempt without an answer has stored it.
                accepted=(200, 412, 403),
            )
            if answer.status_code != httpx.codes.FORBIDDEN:
                return True
            ends = datetime.fromisoformat(signed["expires_at"])
            if not ends - _UPLOAD_LIFETIME <= datetime.now(UTC) <= ends:
                return False
            self._pause()  # the clock of S3 may jump some moments later than this one
        raise AssertionError(f"a valid upload was refused: {answer.text}")

    def _create(self, number: int, size: int) -> dict[str, Any] | None:
        """Create a photo under one Idempotency-Key; None if no attempt was answered.

        A claim of a killed invocation lasts as long as the invocation could have. The person does
        not wait for that, and the photo may exist. If the clock jumps over the lifetime of the key,
        a repetition creates another photo, as it does for a person who waits that long.
        """
        body = {"title": f"Photo {number}", "content_type": "image/png", "bytes": size}
        key = str(uuid.uuid4())
        may_exist = False
        for _ in range(_CREATION_ATTEMPTS):
            headers = {**self._token, "Idempotency-Key": key}
            moves = self._ledger.clock_moves
            try:
                answer = self._send("POST", f"{self._url}/api/photos", headers=headers, json=body)
            except SignedOutError:
                pass
            except NoAnswerError:
                may_exist = True
            else:
                if answer.status_code == httpx.codes.CREATED:
                    return dict(answer.json())
                if answer.status_code not in _BUSY:
                    self._ledger.note_violation(f"POST /photos: {answer.status_code} {answer.text}")
                    return None
            self._pause()
            if may_exist and self._ledger.clock_has_jumped(since=moves):
                self._ledger.note_creation_without_answer()
        self._ledger.note_creation_without_answer()
        return None

    def _delete(self, photo_id: str) -> None:
        url = f"{self._url}/api/photos/{photo_id}"
        self._repeated("DELETE", url, headers=self._token, accepted=(204,))
        self._ledger.note_deleted(photo_id)

    def _view(self, photo_id: str) -> None:
        """Record a view. It is not repeated, because each view that is put is counted."""
        try:
            answer = self._send("POST", f"{self._url}/api/photos/{photo_id}/views")
        except NoAnswerError:
            self._ledger.note_view(photo_id, answered=False)
            self._pause()
            return
        match answer.status_code:
            case httpx.codes.ACCEPTED:
                self._ledger.note_view(photo_id, answered=True)
            case httpx.codes.NOT_FOUND:
                pass  # deleted since it was listed
            case status:
                self._ledger.note_violation(f"POST views: {status} {answer.text}")

    def _put_views(self, number: int, bad: int) -> None:
        now = datetime.now(UTC)
        listed = self._listed()
        records = []
        for _ in range(VIEWS_PER_PUT):
            photo_id = self._chance.choice(listed)
            moment = iso_milliseconds(now + timedelta(seconds=self._chance.choice(_OFFSETS)))
            view = {"photo_id": photo_id, "viewed_at": moment}
            key = photo_id + self._chance.choice(("", *SUFFIXES))
            records.append((key, json.dumps(view).encode()))
        kinds = poison(self._chance.choice(listed), iso_milliseconds(now))
        poison_records = [kinds[(number + place) % len(kinds)] for place in range(bad)]
        for each in poison_records:
            records.insert(self._chance.randrange(len(records)), each)
        entries = [{"PartitionKey": key, "Data": data} for key, data in records]
        try:
            answer = self._kinesis.put_records(StreamName=self._stream, Records=entries)
        except (BotoCoreError, ClientError) as error:
            self._ledger.note_no_answer(f"PutRecords: {type(error).__name__}")
            self._ledger.note_put_without_answer(records, poison_records)
            return
        assert answer["FailedRecordCount"] == 0
        self._ledger.note_answer("PutRecords")
        numbers = [each["SequenceNumber"] for each in answer["Records"]]
        self._ledger.note_put(numbers, records, poison_records)

    def _read(self, what: str) -> None:
        photo_id = self._any_photo()
        renditions = self._ledger.renditions
        path = {
            "photo": f"/api/photos/{photo_id}",
            "views": f"/api/photos/{photo_id}/views",
            "page": f"/photo.html?id={photo_id}",
            "rendition": renditions.get(photo_id, "/photo.html"),
        }
        if what == "feed":
            self.list_photos()
            return
        answer = self._repeated("GET", self._url + path[what], accepted=(200, 403, 404))
        if answer.status_code != httpx.codes.OK:
            self._ledger.note_missing(photo_id, f"GET {path[what]}: {answer.status_code}")

    def _any_photo(self) -> str:
        return self._chance.choice(self._listed())

    def _listed(self) -> list[str]:
        return self._ledger.listed() or [photo["photo_id"] for photo in self.list_photos()]

    def _repeated(
        self, method: str, url: str, *, accepted: Sequence[int] = (200,), **arguments: Any
    ) -> httpx.Response:
        """The answer to a request that has no further effect if it is repeated."""
        deadline = time.monotonic() + _REPEAT_SECONDS
        while time.monotonic() < deadline:
            try:
                answer = self._send(method, url, **arguments)
            except NoAnswerError:
                self._pause()
                continue
            if answer.status_code in accepted:
                return answer
            if answer.status_code not in _BUSY:
                raise AssertionError(f"{method} {url}: {answer.status_code} {answer.text}")
            self._pause()
        raise AssertionError(f"{method} {url} was not answered within {_REPEAT_SECONDS} s")

    def _send(self, method: str, url: str, **arguments: Any) -> httpx.Response:
        """The answer of the gallery.

        Raises:
            NoAnswerError: the connection was closed, or another server answered.
            SignedOutError: the client had to sign in again.
        """
        what = f"{method} {url.partition('?')[0].rsplit('/', 1)[-1]}"
        try:
            answer = self._http.request(method, url, **arguments)
        except httpx.TransportError as error:
            self._ledger.note_no_answer(type(error).__name__)
            raise NoAnswerError(what) from error
        if answer.is_server_error:
            self._ledger.note_no_answer(str(answer.status_code))
            raise NoAnswerError(what)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._ledger.note_no_answer("401")
            self._token["Authorization"] = self._sign_in()
            raise SignedOutError(what)
        self._ledger.note_answer(method)
        return answer

    def _pause(self) -> None:
        time.sleep(_PAUSE_SECONDS)  # a person does not repeat a request at once


def picture(number: int) -> bytes:
    """A small PNG, different for each number."""
    file = io.BytesIO()
    chance = random.Random(number)  # noqa: S311 - a file for each number
    Image.frombytes("RGB", (48, 32), chance.randbytes(48 * 32 * 3)).save(file, "PNG")
    return file.getvalue()


class Load:
    """Several clients that share the operations of a plan."""

    def __init__(self, clients: Sequence[Client], operations: Sequence[Operation]) -> None:
        self.seconds = 0.0
        self._errors: list[BaseException] = []
        self._is_abandoned = False
        self._clients = clients
        self._total = len(operations)
        self._queue: queue.SimpleQueue[Operation] = queue.SimpleQueue()
        for operation in operations:
            self._queue.put(operation)

    def abandon(self) -> None:
        """Begin no more operations, because the test has failed."""
        self._is_abandoned = True

    def progress(self) -> float:
        """The share of the plan's operations that have begun."""
        return 1 - self._queue.qsize() / self._total

    def run(self, more: Callable[[], Operation], is_enough: Callable[[], bool]) -> None:
        """Do all operations, and then those that `more` returns until `is_enough` is true.

        Raises:
            BaseExceptionGroup: a request failed in a way that no fault explains.
        """
        began = time.monotonic()
        threads = [
            threading.Thread(target=self._work, args=(client, more, is_enough), daemon=True)
            for client in self._clients
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.seconds = time.monotonic() - began
        if self._errors:
            raise BaseExceptionGroup("clients failed", self._errors)

    def _work(
        self, client: Client, more: Callable[[], Operation], is_enough: Callable[[], bool]
    ) -> None:
        try:
            while not (self._errors or self._is_abandoned):
                try:
                    operation = self._queue.get_nowait()
                except queue.Empty:
                    if is_enough():
                        return
                    operation = more()
                client.do(operation)
        except BaseException as error:  # noqa: BLE001 - `run` raises it
            self._errors.append(error)
