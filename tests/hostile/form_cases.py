"""Idempotency keys and presigned forms that are used against their purpose."""

import base64
import json
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import urlsplit

from tests.hostile import raw_http
from tests.hostile.api_cases import INVALID
from tests.hostile.case import Attack, create
from tests.hostile.outcomes import api_outcome
from tests.hostile.raw_http import Answer
from tests.hostile.target import Target, small_photo

type Form = dict[str, str]
KEYS: Final = {
    "empty": "",
    "256 characters": "k" * 256,
    "tab": "a\tb",
    "control character": "a\x01b",
    "not ASCII": "schlüssel",
}


def idempotency() -> Iterator[tuple[str, tuple[str, ...], Attack]]:
    """Keys that are none, and keys of somebody else."""
    for name, key in KEYS.items():
        yield f"key: {name}", (INVALID, "400"), keyed_by(key)
    yield "another body under a key", ("201, 422 problem",), another_body
    yield "a stranger's request under a key", ("another photo",), key_of_another_owner
    yield "eight requests at once", ("one photo",), eight_at_once
    yield "the key of an invalid request", ("400 problem, 201",), key_of_invalid_request


def keyed_by(key: str) -> Attack:
    """A request with a key that is none; the edge itself may refuse some."""

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


def forms() -> Iterator[tuple[str, tuple[str, ...], Attack]]:
    """Forms that were changed, and files that they do not allow."""
    for name, change in CHANGES.items():
        yield name, ("400", "403"), changed(change)
    for name, value in (
        ("acl", "public-read"),
        ("success_action_redirect", "http://127.0.0.1:9/"),
        ("x-amz-storage-class", "GLACIER"),
        ("x-amz-meta-owner", "someone"),
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-website-redirect-location", "http://127.0.0.1:9/"),
    ):
        yield f"more: {name}", ("400", "403"), changed(_setting(name, value))
    yield (
        "file of more than 25 MB",
        ("400", "403"),
        changed(lambda _: None, file=bytes(25 * 2**20 + 1)),
    )
    yield "empty file", ("400", "403"), changed(lambda _: None, file=b"")
    yield "expired", ("403",), expired
    yield "file of another form's photo", ("403",), crossed
    for method in ("GET", "PUT", "DELETE"):
        yield f"{method} without a signature", ("400", "403", "405"), unsigned(method)
    yield "size 0", (INVALID,), create(bytes=0)
    yield "second file by one form", ("the first",), second_file
    yield "file after the deletion", ("nothing",), after_deletion


def _without(name: str) -> Callable[[Form], None]:
    return lambda form: form.pop(next(field for field in form if field.lower() == name)) and None


def _setting(name: str, value: str) -> Callable[[Form], None]:
    def change(form: Form) -> None:
        form[next((field for field in form if field.lower() == name), name)] = value

    return change


def _with_policy(change: Callable[[dict[str, Any]], None]) -> Callable[[Form], None]:
    def changed_policy(form: Form) -> None:
        policy = json.loads(base64.b64decode(form["policy"]))
        change(policy)
        form["policy"] = base64.b64encode(json.dumps(policy).encode()).decode()

    return changed_policy


CHANGES: Final[dict[str, Callable[[Form], None]]] = {
    "other key": _setting("key", "uploads/another"),
    "key that leaves the prefix": _setting("key", "uploads/../another"),
    "key with ${filename}": _setting("key", "uploads/${filename}"),
    "key of no prefix": _setting("key", "another"),
    "other Content-Type": _setting("content-type", "text/html"),
    "no policy": _without("policy"),
    "no signature": _without("x-amz-signature"),
    "empty signature": _setting("x-amz-signature", ""),
    "other signature": _setting("x-amz-signature", "0" * 64),
    "no credential": _without("x-amz-credential"),
    "credential of another day": _setting(
        "x-amz-credential", "test/20200101/us-east-1/s3/aws4_request"
    ),
    "no algorithm": _without("x-amz-algorithm"),
    "policy that is no JSON": _setting("policy", "e30x"),
    "empty policy": _setting("policy", "e30="),
    "policy that ends later": _with_policy(
        lambda policy: policy.update(expiration="2100-01-01T00:00:00Z")
    ),
    "policy without conditions": _with_policy(lambda policy: policy.update(conditions=[])),
    "no key": _without("key"),
}


def changed(change: Callable[[Form], None], file: bytes | None = None) -> Attack:
    """An upload by a form that was changed; the photo must stay PENDING."""

    def attack(target: Target) -> str:
        data = small_photo() if file is None else file
        created = target.create()
        form = dict(created["upload"]["fields"])
        change(form)
        return _told(target, upload(target, created["upload"]["url"], form, data), created)

    return attack


def expired(target: Target) -> str:
    """A form with a correct signature, whose time has passed."""
    created = target.create()
    key = created["upload"]["fields"]["key"]
    form = target.cloud.client("s3").generate_presigned_post(
        target.outputs["UploadsBucketName"], key, ExpiresIn=-60
    )
    answer = upload(target, created["upload"]["url"], form["fields"], small_photo())
    return _told(target, answer, created)


def crossed(target: Target) -> str:
    """The key of one form with the policy and the signature of another."""
    data = small_photo()
    one, other = target.create(size=len(data)), target.create(size=len(data))
    form = {**other["upload"]["fields"], "key": one["upload"]["fields"]["key"]}
    return _told(target, upload(target, one["upload"]["url"], form, data), one)


def unsigned(method: str) -> Attack:
    """A request for an original by its key alone."""

    def attack(target: Target) -> str:
        path = "/{uploads}/uploads/{photo_id}"
        return str(target.ask_s3(method, path, body=small_photo()).status)

    return attack


def second_file(target: Target) -> str:
    """Another file of the same size by the same form, once the first one is the photo."""
    first = small_photo()
    second = first[:-1] + bytes([first[-1] ^ 1])
    created = target.create(size=len(first))
    url, form = created["upload"]["url"], created["upload"]["fields"]
    photo_id = created["photo"]["photo_id"]
    if (answer := upload(target, url, form, first)).status >= 300:
        return f"the form itself: {answer.status}"
    ready = target.settled(photo_id)
    upload(target, url, form, second)
    kept = target.original(photo_id, {"the first": first, "the second": second}, "the first")
    return kept if target.settled(photo_id) == ready else f"{kept}, and the record has changed"


def after_deletion(target: Target) -> str:
    """A file by the form of a photo that was deleted."""
    data = small_photo()
    created = target.create(size=len(data))
    photo_id = created["photo"]["photo_id"]
    deleted = target.ask("DELETE", f"/api/photos/{photo_id}", token="owner")
    if deleted.status != 204:
        return api_outcome(deleted)
    upload(target, created["upload"]["url"], created["upload"]["fields"], data)
    return target.original(photo_id, {"the file": data}, "nothing")


def upload(target: Target, url: str, form: Form, data: bytes) -> Answer:
    """Post a form; to this machine, whatever the URL says."""
    boundary = secrets.token_hex(16)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in form.items()
    ]
    file = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    ).encode()
    body = b"".join([*parts, file, data, f"\r\n--{boundary}--\r\n".encode()])
    place = urlsplit(url)
    headers = [
        ("Host", place.netloc),
        ("Content-Type", f"multipart/form-data; boundary={boundary}"),
    ]
    return raw_http.ask(target.api, "POST", place.path or "/", headers, body)


def _told(target: Target, answer: Answer, created: dict[str, Any]) -> str:
    if answer.status < 400:
        return f"{answer.status}: the file was taken"
    photo_id = created["photo"]["photo_id"]
    return str(answer.status) if target.status(photo_id) == "PENDING" else "the photo has changed"
