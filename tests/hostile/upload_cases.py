"""Misuse of idempotency keys and of presigned uploads."""

import copy
import json
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import boto3
from botocore.config import Config

from shared.photos import upload_key
from tests.hostile import raw_http
from tests.hostile.api_cases import INVALID
from tests.hostile.case import Attack, create
from tests.hostile.outcomes import api_outcome
from tests.hostile.raw_http import Answer
from tests.hostile.target import Target, small_photo

type Signed = dict[str, Any]
KEYS: Final = {
    "empty": "",
    "256 characters": "k" * 256,
    "tab": "a\tb",
    "control character": "a\x01b",
    "not ASCII": "schlüssel",
}


def idempotency() -> Iterator[tuple[str, tuple[str, ...], Attack]]:
    """Invalid keys, and keys of another user."""
    for name, key in KEYS.items():
        yield f"key: {name}", (INVALID, "400"), keyed_by(key)
    yield "another body under a key", ("201, 422 problem",), another_body
    yield "a stranger's request under a key", ("another photo",), key_of_another_owner
    yield "eight requests at once", ("one photo",), eight_at_once
    yield "the key of an invalid request", ("400 problem, 201",), key_of_invalid_request


def keyed_by(key: str) -> Attack:
    """A request with an invalid key; the edge itself may refuse some."""

    def attack(target: Target) -> str:
        answer = _create(target, key)
        at_edge = "x-amzn-requestid" not in answer.headers
        return str(answer.status) if at_edge else api_outcome(answer)

    return attack


def another_body(target: Target) -> str:
    key = secrets.token_hex(8)
    answers = [_create(target, key), _create(target, key, title="Another")]
    return ", ".join(map(api_outcome, answers))


def key_of_another_owner(target: Target) -> str:
    key = secrets.token_hex(8)
    answers = [_create(target, key), _create(target, key, "stranger")]
    if [answer.status for answer in answers] != [201, 201]:
        return ", ".join(map(api_outcome, answers))
    return "another photo" if len({_photo_id(answer) for answer in answers}) == 2 else "the same"


def eight_at_once(target: Target) -> str:
    key = secrets.token_hex(8)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: _create(target, key), range(8)))
    answers.append(_create(target, key))
    wrong = [api_outcome(answer) for answer in answers if answer.status not in {201, 409}]
    photos = {_photo_id(answer) for answer in answers if answer.status == 201}
    return wrong[0] if wrong else "one photo" if len(photos) == 1 else f"{len(photos)} photos"


def key_of_invalid_request(target: Target) -> str:
    key = secrets.token_hex(8)
    return ", ".join(map(api_outcome, [_create(target, key, title=""), _create(target, key)]))


def _create(target: Target, key: str, user: str = "owner", title: str = "Hostile") -> Answer:
    body = json.dumps({"title": title, "content_type": "image/png", "bytes": 1000})
    headers = [("Idempotency-Key", key)]
    return target.ask("POST", "/api/photos", headers, body.encode(), user)


def _photo_id(answer: Answer) -> str:
    return str(json.loads(answer.body)["photo"]["photo_id"])


def uploads() -> Iterator[tuple[str, tuple[str, ...], Attack]]:
    """Signed requests that were changed, and files that they do not allow."""
    for name, change in CHANGES.items():
        yield name, ("400", "403"), changed(change)
    yield "file of one byte more", ("400", "403"), changed(_nothing, lambda data: data + b"x")
    yield "file of one byte less", ("400", "403"), changed(_nothing, lambda data: data[:-1])
    yield "empty file", ("400", "403"), changed(_nothing, lambda _: b"")
    yield "expired", ("403",), expired
    yield "path of another photo", ("403",), path_of_another_upload
    for method in ("GET", "PUT", "POST", "DELETE"):
        yield f"{method} without a signature", ("400", "403", "405"), unsigned(method)
    yield "size 0", (INVALID,), create(bytes=0)
    yield "size of more than 25 MB", (INVALID,), create(bytes=25_000_001)
    yield "second file by one signature", ("the first",), second_file
    yield "file after the deletion", ("nothing",), after_deletion


def _nothing(_: Signed) -> None:
    """Change nothing."""


def _method(method: str) -> Callable[[Signed], None]:
    return lambda signed: signed.update(method=method)


def _header(name: str, value: str) -> Callable[[Signed], None]:
    return lambda signed: signed["headers"].update({name: value})


def _without_header(name: str) -> Callable[[Signed], None]:
    return lambda signed: signed["headers"].pop(name) and None


def _query(name: str, value: str | None) -> Callable[[Signed], None]:
    """Another value of a parameter of the signature, or None for no such parameter."""

    def change(signed: Signed) -> None:
        url = urlsplit(signed["url"])
        given = dict(parse_qsl(url.query, keep_blank_values=True)) | {name: value}
        query = urlencode({each: text for each, text in given.items() if text is not None})
        signed["url"] = url._replace(query=query).geturl()

    return change


def _path(change: Callable[[str], str]) -> Callable[[Signed], None]:
    def changed_path(signed: Signed) -> None:
        url = urlsplit(signed["url"])
        signed["url"] = url._replace(path=change(url.path)).geturl()

    return changed_path


CHANGES: Final[dict[str, Callable[[Signed], None]]] = {
    "other key": _path(lambda path: path + "x"),
    "key that leaves the prefix": _path(lambda path: path.replace("/uploads/", "/uploads/../")),
    "key of no prefix": _path(lambda path: path.replace("/uploads/", "/")),
    "other Content-Type": _header("Content-Type", "text/html"),
    "no Content-Type": _without_header("Content-Type"),
    "other condition": _header("If-None-Match", '"0"'),
    "no condition": _without_header("If-None-Match"),
    "no signature": _query("X-Amz-Signature", None),
    "empty signature": _query("X-Amz-Signature", ""),
    "other signature": _query("X-Amz-Signature", "0" * 64),
    "fewer signed headers": _query("X-Amz-SignedHeaders", "host"),
    "no credential": _query("X-Amz-Credential", None),
    "credential of another day": _query(
        "X-Amz-Credential", "test/20200101/us-east-1/s3/aws4_request"
    ),
    "no algorithm": _query("X-Amz-Algorithm", None),
    "longer lifetime": _query("X-Amz-Expires", "604800"),
    "signed later": _query("X-Amz-Date", "21000101T000000Z"),
    "one more parameter": _query("versionId", "null"),
    "read by the signature": _method("GET"),
    "deleted by the signature": _method("DELETE"),
    "posted by the signature": _method("POST"),
}


def changed(
    change: Callable[[Signed], None], file: Callable[[bytes], bytes] = lambda data: data
) -> Attack:
    """An upload by a signed request that was changed; the photo must stay PENDING."""

    def attack(target: Target) -> str:
        data = small_photo()
        created = target.create(size=len(data))
        signed = copy.deepcopy(created["upload"])
        change(signed)
        return _result(target, upload(target, signed, file(data)), created)

    return attack


def expired(target: Target) -> str:
    """A correct signature that has expired."""
    data = small_photo()
    created = target.create(size=len(data))
    photo_id = created["photo"]["photo_id"]
    # By default boto3 signs URLs by SigV2, whose time ministack does not check.
    s3 = boto3.client("s3", config=Config(signature_version="s3v4"))
    url = s3.generate_presigned_url(
        "put_object",
        Params={
            "Bucket": target.outputs["UploadsBucketName"],
            "Key": upload_key(photo_id),
            "ContentType": "image/png",
            "ContentLength": len(data),
            "IfNoneMatch": "*",
        },
        ExpiresIn=1,
    )
    expired_at = time.time() + 2  # S3 counts whole seconds
    while time.time() < expired_at:
        time.sleep(0.1)
    return _result(target, upload(target, created["upload"] | {"url": url}, data), created)


def path_of_another_upload(target: Target) -> str:
    """The path of one upload with the signature of another."""
    data = small_photo()
    one, other = target.create(size=len(data)), target.create(size=len(data))
    ids = [each["photo"]["photo_id"] for each in (other, one)]
    signed = other["upload"] | {"url": other["upload"]["url"].replace(*ids)}
    return _result(target, upload(target, signed, data), one)


def unsigned(method: str) -> Attack:
    """A request for an original by its key alone."""

    def attack(target: Target) -> str:
        path = "/{uploads}/uploads/{photo_id}"
        return str(target.ask_s3(method, path, body=small_photo()).status)

    return attack


def second_file(target: Target) -> str:
    """Another file of the same size by the same signature, once the first one is the photo."""
    first = small_photo()
    second = first[:-1] + bytes([first[-1] ^ 1])
    created = target.create(size=len(first))
    photo_id = created["photo"]["photo_id"]
    if (answer := upload(target, created["upload"], first)).status >= 300:
        return f"the upload itself: {answer.status}"
    ready = target.settled(photo_id)
    upload(target, created["upload"], second)
    kept = target.original(photo_id, {"the first": first, "the second": second}, "the first")
    return kept if target.settled(photo_id) == ready else f"{kept}, and the record has changed"


def after_deletion(target: Target) -> str:
    """A file for a photo that was deleted."""
    data = small_photo()
    created = target.create(size=len(data))
    photo_id = created["photo"]["photo_id"]
    deleted = target.ask("DELETE", f"/api/photos/{photo_id}", token="owner")
    if deleted.status != 204:
        return api_outcome(deleted)
    upload(target, created["upload"], data)
    return target.original(photo_id, {"the file": data}, "nothing")


def upload(target: Target, signed: Signed, data: bytes) -> Answer:
    """Send a signed request; to this machine, whatever the URL says."""
    place = urlsplit(signed["url"])
    headers = [("Host", place.netloc), *signed["headers"].items()]
    return raw_http.ask(target.api, signed["method"], f"{place.path}?{place.query}", headers, data)


def _result(target: Target, answer: Answer, created: dict[str, Any]) -> str:
    if answer.status < 400:
        return f"{answer.status}: the file was taken"
    photo_id = created["photo"]["photo_id"]
    return str(answer.status) if target.status(photo_id) == "PENDING" else "the photo has changed"
