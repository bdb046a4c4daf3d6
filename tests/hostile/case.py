"""A case of the attack: a request or action, and the outcomes that are accepted."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.hostile.outcomes import api_outcome
from tests.hostile.raw_http import Headers
from tests.hostile.target import SECRET, Target

type Attack = Callable[[Target], str]


@dataclass(frozen=True)
class Case:
    """One attack. It fails, as it must, if the outcome that it returns is one of `expected`."""

    group: str
    name: str
    expected: tuple[str, ...]
    attack: Attack


def api(
    method: str,
    path: str,
    *,
    token: Callable[[Target], str] | str | None = None,
    headers: Headers = (),
    body: bytes | str | None = None,
) -> Attack:
    """A request to the API; a `token` that is made from those of the target is a function."""
    sent = body.encode() if isinstance(body, str) else body

    def attack(target: Target) -> str:
        given = token(target) if callable(token) else token
        return api_outcome(target.ask(method, path, headers, sent, given), [SECRET])

    return attack


def create(headers: Headers = (), **fields: Any) -> Attack:
    """A request to create a photo with these fields beside the correct ones."""
    body = {"title": "Hostile", "content_type": "image/png", "bytes": 1000, **fields}
    return api("POST", "/api/photos", token="owner", headers=headers, body=json.dumps(body))
