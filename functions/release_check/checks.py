"""What a new version of the API must answer to requests.json before it gets traffic."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

# For every call but the first, which is a cold start. Most calls take tens of milliseconds. The
# first call on a new connection to DynamoDB takes a few hundred. The limit leaves room for another
# cold start: Lambda may start an execution environment for any call.
SLOWEST_SECONDS: Final = 3.0
# A call takes 21 s at most, and so does the report after it.
RESERVE_SECONDS: Final = 48.0
# The POST is signed in, so only its body can be the reason to reject it. Each field of the body is
# invalid, so that a version that has lost one of the rules still writes nothing.
REQUESTS: Final = msgspec.json.decode(Path(__file__).with_name("requests.json").read_bytes())


class ApiAnswer(msgspec.Struct, rename="camel"):
    """The function's answer, as API Gateway reads it."""

    status_code: int
    multi_value_headers: dict[str, list[str]]
    body: str


def check(
    invoke: Callable[..., Mapping[str, Any]],
    version_arn: str,
    clock: Callable[[], float],
    time_left: Callable[[], float],
) -> Iterator[tuple[str, int, str]]:
    """For each request: its name, the milliseconds until its answer, and the reason to refuse.

    The reason is empty if the answer is right. `invoke` is that of botocore's Lambda client.
    `clock` and `time_left` return seconds.
    """
    for number, (request, event) in enumerate(REQUESTS.items()):
        if time_left() <= 0:
            yield request, 0, "not asked, because too little time was left"
            continue
        started = clock()
        try:
            answer = invoke(FunctionName=version_arn, Payload=msgspec.json.encode(event))
            reason = _reason_to_refuse(request, answer, version_arn.rpartition(":")[2])
        except (BotoCoreError, ClientError) as error:
            reason = f"no answer: {error}"
        seconds = clock() - started
        if number and not reason and seconds > SLOWEST_SECONDS:
            reason = f"answered after {seconds:.1f} s, which must not be over {SLOWEST_SECONDS} s"
        yield request, round(seconds * 1000), reason


def _reason_to_refuse(request: str, invoked: Mapping[str, Any], version: str) -> str:
    payload = invoked["Payload"].read()
    shown = payload[:500].decode(errors="replace")
    if "FunctionError" in invoked:
        return f"the function failed: {shown}"
    try:
        answer = msgspec.json.decode(payload, type=ApiAnswer)
        body = msgspec.json.decode(answer.body)
    except ValueError as error:
        return f"the answer is not an HTTP answer with a JSON body ({error}): {shown}"
    content_type = ", ".join(answer.multi_value_headers.get("Content-Type", []))
    match f"{request}: {answer.status_code} {content_type}", body:
        case "GET /health: 200 application/json", {"version": found} if found == version:
            return ""
        case "GET /photos: 200 application/json", {"photos": list(), "cursor": None | str()}:
            return ""
        case "POST /photos: 400 application/problem+json", {"errors": [{"pointer": str()}, *_]}:
            return ""
    return f"unexpected answer of version {version}: {shown}"
