"""What a new version of the API must answer before it gets traffic; requests.json asks it."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

# Of every call but the first, which is a cold start. Most take tens of milliseconds, the first on a
# new connection to DynamoDB some hundred. The rest leaves room for another cold start: Lambda may
# give any call an environment of its own, and that is no reason to refuse a release.
SLOWEST_SECONDS: Final = 3.0
# With less left nothing is asked: an answer may take 21 s, and so may the report after it.
LONGEST_ENDING_MS: Final = 48_000
# The caller is signed in, so that it is the handler that must reject the POST. That breaks every
# rule of a new photo at once: a version that forgot one of them still writes nothing.
REQUESTS: Final = msgspec.json.decode(Path(__file__).with_name("requests.json").read_bytes())


class Answer(msgspec.Struct, rename="camel"):
    """What API Gateway would make its answer of."""

    status_code: int
    multi_value_headers: dict[str, list[str]]
    body: str


def check(
    invoke: Callable[..., Mapping[str, Any]],
    version_arn: str,
    clock: Callable[[], float],
    milliseconds_left: Callable[[], int],
) -> Iterator[tuple[str, int, str]]:
    """Each request, the milliseconds until its answer, and the reason for a no-go or nothing.

    `invoke` is boto3's, `clock` in seconds.
    """
    for number, (request, event) in enumerate(REQUESTS.items()):
        if milliseconds_left() < LONGEST_ENDING_MS:
            yield request, 0, "not asked, because too little time was left"
            continue
        started = clock()
        try:
            answer = invoke(FunctionName=version_arn, Payload=msgspec.json.encode(event))
            reason = _wrong(request, answer, version_arn.rpartition(":")[2])
        except (BotoCoreError, ClientError) as error:
            reason = f"no answer: {error}"
        seconds = clock() - started
        if number and not reason and seconds > SLOWEST_SECONDS:
            reason = f"answered after {seconds:.1f} s, which must not be over {SLOWEST_SECONDS} s"
        yield request, round(seconds * 1000), reason


def _wrong(request: str, invoked: Mapping[str, Any], version: str) -> str:
    payload = invoked["Payload"].read()
    shown = payload[:500].decode(errors="replace")
    if "FunctionError" in invoked:
        return f"the function failed: {shown}"
    try:
        answer = msgspec.json.decode(payload, type=Answer)
        body = msgspec.json.decode(answer.body)
    except ValueError as error:
        return f"no HTTP answer with JSON in it ({error}): {shown}"
    content_type = ", ".join(answer.multi_value_headers.get("Content-Type", []))
    match f"{request}: {answer.status_code} {content_type}", body:
        case "GET /health: 200 application/json", {"version": found} if found == version:
            return ""
        case "GET /photos: 200 application/json", {"photos": list(), "cursor": None | str()}:
            return ""
        case "POST /photos: 400 application/problem+json", {"errors": [{"pointer": str()}, *_]}:
            return ""
    return f"not what version {version} should answer: {shown}"
