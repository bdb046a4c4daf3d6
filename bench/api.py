"""The API's warm processor time per request by layer, compared with two frameworks; its AWS calls.

`.venv-bench/bin/python bench/api.py`, after `make .venv-bench/installed`. The clients of AWS are
replaced by objects that answer at once, so that only the function's own work is measured. All
contenders read the same item, answer the same photo, and write a log line by the same logger. One
call of DynamoDB is measured with botocore against a server on loopback in another thread; the times
are those of the calling thread. Contenders take turns; the figures are medians.
"""

import argparse
import asyncio
import io
import json
import logging
import os
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, Literal

import fastapi
import mangum
import msgspec
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.logging.correlation_paths import API_GATEWAY_REST
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.session import get_session
from pydantic import BaseModel, ConfigDict, Field
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "functions"), str(ROOT / "layers")]
os.environ |= {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_REGION": "eu-central-1",
    "POWERTOOLS_METRICS_NAMESPACE": "gallery",
    "POWERTOOLS_SERVICE_NAME": "gallery_api",
    "API_CALLERS": "cloudfront",
    "REPEATED_VIEWS": "counted",
    "PHOTOS_TABLE": "Photos",
    "CATALOG_TABLE": "Catalog",
    "VIEWS_TABLE": "Views",
    "VIEWS_STREAM": "ViewsStream",
    "IDEMPOTENCY_TABLE": "Idempotency",
    "UPLOADS_BUCKET": "uploads",
    "MEDIA_BUCKET": "media",
}

from gallery_api import handler as gallery_api  # noqa: E402 - only now is it found
from gallery_api.bodies import decode_body  # noqa: E402
from gallery_api.models import ContentType, NewPhoto, PhotoPage, public_photo  # noqa: E402
from shared.dynamodb import from_item, to_item  # noqa: E402
from shared.events import check_event  # noqa: E402
from shared.photos import MAX_UPLOAD_BYTES, Photo, Rendition, Status  # noqa: E402

MOST_TIMES = 0.10
PAGE = 30
OWNER = "3f1c2b7a-90d4-4c1e-8f0a-5d6e7f809112"  # who is signed in, in the events
ROUTES = {
    "GET /health": "get_health",
    "GET /photos": "list_photos",
    "GET /me/photos": "list_own_photos",
    "POST /photos": "create_photo",
    "POST /photos, with a key": "create_photo_with_key",
    "GET /photos/{photo_id}": "get_photo",
    "DELETE /photos/{photo_id}": "delete_photo",
    "POST /photos/{photo_id}/views": "record_view",
    "GET /photos/{photo_id}/views": "get_views",
}
EVENTS = {
    route: json.loads((ROOT / "events" / f"api_{name}.json").read_text())
    for route, name in ROUTES.items()
}
CONTEXT = SimpleNamespace(
    function_name="gallery_api",
    function_version="42",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:eu-central-1:123456789012:function:gallery_api:live",
    aws_request_id="5f1f3d5e-0d5b-4f5c-9f0a-1f2e3d4c5b6a",
    get_remaining_time_in_millis=lambda: 25_000,
)
PHOTO = Photo(
    photo_id="019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60",
    version=2,
    status=Status.READY,
    owner=OWNER,
    title="Harbour at dawn",
    content_type="image/jpeg",
    bytes=3_145_728,
    created_at="2026-11-20T12:34:56.789Z",
    width=4000,
    height=3000,
    color="#8090a0",
    etag="0123456789abcdef0123456789abcdef",
    renditions={
        name: Rendition(f"photos/019aa1a0/0123456789abcdef/{name}.webp", width, width, 9_000)
        for name, width in {"thumb": 256, "small": 640, "large": 1600}.items()
    },
    uploaded_at="2026-11-20T12:34:58.789Z",
    ready_at="2026-11-20T12:34:59.789Z",
    correlation_id="c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
)
ITEM = to_item(PHOTO)


# What AWS answers, as far as the routes read it.
class AnsweringClient:
    """A client whose calls answer at once."""

    def __init__(self) -> None:
        self.exceptions = SimpleNamespace(ConditionalCheckFailedException=LookupError)

    def get_item(self, **_: object) -> dict[str, Any]:
        return {"Item": ITEM}

    def query(self, **_: object) -> dict[str, Any]:
        return {"Items": [ITEM] * (PAGE + 1)}

    def put_item(self, **_: object) -> dict[str, Any]:
        return {}

    def generate_presigned_url(self, *_: object, **__: object) -> str:
        return "https://uploads.s3.eu-central-1.amazonaws.com/uploads/019aa1a0?X-Amz-Signature=0123"


# A photo that was seen in each of the last 60 minutes, and has three renditions.
_MINUTES = [
    f"minute#{datetime.now(UTC) - timedelta(minutes=age):%Y-%m-%dT%H:%MZ}" for age in range(60)
]
_VIEWS = [
    to_item(
        {"photo_id": PHOTO.photo_id, "period": period, "views": 7, "counted_at": PHOTO.ready_at}
    )
    for period in ["total", *_MINUTES]
]
_RENDITIONS = "".join(
    f"<Contents><Key>{rendition.key}</Key></Contents>" for rendition in PHOTO.renditions.values()
)
BODIES = {
    "GetItem": json.dumps({"Item": ITEM}),
    "Query": json.dumps({"Items": [ITEM] * (PAGE + 1)}),
    "Query of views": json.dumps({"Items": _VIEWS}),
    "UpdateItem": json.dumps({"Attributes": ITEM}),
    "BatchWriteItem": json.dumps({"UnprocessedItems": {}}),
    "PutRecord": json.dumps({"ShardId": "shardId-000000000000", "SequenceNumber": "4" * 56}),
    "ListObjectsV2": f"<ListBucketResult>{_RENDITIONS}</ListBucketResult>",
    "DeleteObject": "",
}


class CountedRequests:
    """Counts requests of real clients and their bytes, and answers before they leave."""

    def __init__(self, *clients: Any) -> None:
        self.names: list[str] = []
        self.sent = self.received = 0
        for client in clients:
            client.meta.events.register("before-send", self.answer)

    def answer(self, request: Any, event_name: str, **_: object) -> AWSResponse:
        name = event_name.rpartition(".")[2]
        of_views = name == "Query" and b'"Views"' in request.body
        body = BODIES.get(f"{name} of views" if of_views else name, "{}").encode()
        self.names.append(name)
        headers = sum(len(f"{key}: {value}\r\n") for key, value in request.headers.items())
        self.sent += headers + len(request.body or b"")
        self.received += len(body)
        return AWSResponse(request.url, 200, HTTPHeaders(), _AnsweredBody(body))


class _AnsweredBody(io.BytesIO):
    def stream(self, **_: object) -> list[bytes]:
        return [self.read()]


# The contenders: what their documentation shows, with the same models and the same log line.
class NewPhotoModel(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
    content_type: ContentType
    bytes: Annotated[int, Field(ge=1, le=MAX_UPLOAD_BYTES)]


class RenditionModel(BaseModel):
    path: str
    width: int
    height: int
    bytes: int


class PhotoModel(BaseModel):
    photo_id: str
    status: Literal["PENDING", "READY", "FAILED"]
    error: str | None = None
    title: str
    content_type: str
    bytes: int
    width: int | None = None
    height: int | None = None
    color: str | None = None
    renditions: dict[str, RenditionModel] = {}
    created_at: str
    uploaded_at: str | None = None
    ready_at: str | None = None
    replicated_at: str | None = None
    version: int


class PageModel(BaseModel):
    photos: list[PhotoModel]
    cursor: str | None


class CreatedModel(BaseModel):
    photo: PhotoModel
    upload: dict[str, str]


client = AnsweringClient()
logger = gallery_api.logger


def as_model(item: dict[str, Any]) -> PhotoModel:
    values = from_item(item, dict)
    for rendition in values.get("renditions", {}).values():
        rendition["path"] = f"/{rendition['key']}"
    return PhotoModel.model_validate(values)


def read() -> PhotoModel:
    return as_model(client.get_item()["Item"])


def read_page() -> PageModel:
    return PageModel(photos=[as_model(item) for item in client.query()["Items"][:PAGE]], cursor="x")


def create(new: NewPhotoModel) -> CreatedModel:
    photo = PhotoModel(
        photo_id=PHOTO.photo_id,
        status="PENDING",
        created_at=PHOTO.created_at,
        version=1,
        **new.model_dump(),
    )
    client.put_item(Item=to_item(photo.model_dump(exclude_none=True)))
    return CreatedModel(photo=photo, upload={"url": client.generate_presigned_url()})


fast = fastapi.FastAPI()


@fast.get("/photos/{photo_id}")
async def fast_get(photo_id: str) -> PhotoModel:
    logger.append_keys(photo_id=photo_id)
    return read()


@fast.get("/photos")
async def fast_list() -> PageModel:
    return read_page()


@fast.post("/photos", status_code=201)
async def fast_create(new: NewPhotoModel) -> CreatedModel:
    return create(new)


powertools = APIGatewayRestResolver(enable_validation=True)


@powertools.get("/photos/<photo_id>")
def powertools_get(photo_id: str) -> PhotoModel:
    logger.append_keys(photo_id=photo_id)
    return read()


@powertools.get("/photos")
def powertools_list() -> PageModel:
    return read_page()


@powertools.post("/photos")
def powertools_create(new: NewPhotoModel) -> CreatedModel:
    return create(new)


def logged(answer: Callable[[dict[str, Any], Any], dict[str, Any]]) -> Callable[..., Any]:
    """A handler that writes the log line of the API."""

    @logger.inject_lambda_context(correlation_id_path=API_GATEWAY_REST, clear_state=True)
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        answered = answer(event, context)
        logger.info(
            "request_answered",
            method=event["httpMethod"],
            path=event["path"],
            status=answered["statusCode"],
            viewer_address="192.0.2.1",
        )
        return answered

    return handler


# The layers of our handler, each alone.
resolver = APIGatewayRestResolver()


@resolver.get("/photos/<photo_id>")
@resolver.get("/photos")
@resolver.post("/photos")
def empty(photo_id: str = "") -> dict[str, str]:
    return {"photo_id": photo_id}


def layers(route: str) -> dict[str, Callable[[], object]]:
    event = EVENTS[route]
    request = APIGatewayProxyEvent(event)
    page = PhotoPage([public_photo(PHOTO)] * PAGE, "x")
    one = public_photo(PHOTO)
    by_route: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "GET /photos/{photo_id}": (
            lambda: public_photo(from_item(ITEM, Photo)),
            lambda: msgspec.json.encode(one),
        ),
        "GET /photos": (
            lambda: [public_photo(from_item(ITEM, dict)) for _ in range(PAGE)],
            lambda: msgspec.json.encode(page),
        ),
        "POST /photos": (lambda: decode_body(request, NewPhoto), lambda: msgspec.json.encode(one)),
    }
    validate, serialize = by_route[route]
    line = logged(lambda *_: {"statusCode": 200})
    return {
        "check of the event": lambda: check_event(
            "gallery_api",
            "requests",
            event,
            gallery_api._Request,  # noqa: SLF001
        ),
        "Powertools resolver": lambda: resolver.resolve(event, CONTEXT),
        "validation": validate,
        "serialization": serialize,
        "log line": lambda: line(event, CONTEXT),
    }


class LoopbackTable(BaseHTTPRequestHandler):
    """DynamoDB's answer to GetItem."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = BODIES["GetItem"].encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write no line per request."""


def timed(contenders: dict[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """The median processor time of each contender in milliseconds, run in turns."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(runs):
        for name, work in contenders.items():
            work()  # so that no contender pays for what another has removed from the caches
            began = time.thread_time_ns()
            work()
            times[name].append((time.thread_time_ns() - began) / 1e6)
    return {name: statistics.median(values) for name, values in times.items()}


def count_calls(console: Console, resources: Any) -> None:
    """Print the AWS calls and bytes of each route, by real clients that reach no network."""
    calls = CountedRequests(resources.dynamodb, resources.kinesis, resources.s3)
    table = Table("route", "AWS calls", "sent", "received", "answer", title="calls and bytes")
    for route, event in EVENTS.items():
        calls.names, calls.sent, calls.received = [], 0, 0
        answer = gallery_api.handler(event, CONTEXT)
        size = len(answer["body"]) + sum(
            len(f"{name}: {each}\r\n")
            for name, values in answer["multiValueHeaders"].items()
            for each in values
        )
        if answer["statusCode"] >= 300:
            sys.exit(f"{route} answered {answer['statusCode']}: {answer['body']}")
        counts = Counter(calls.names).items()
        names = ", ".join(name if number == 1 else f"{number} {name}" for name, number in counts)
        table.add_row(route, names, f"{calls.sent:,}", f"{calls.received:,}", f"{size:,}")
    console.print(table)


def main() -> int:
    """Return 0 if every route's own work is within the target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=300, help="of each contender (default 300)")
    runs = parser.parse_args().runs
    console = Console(file=sys.stdout)
    sys.stdout = io.StringIO()  # metrics
    logging.getLogger().setLevel("WARNING")
    gallery_api.logger.registered_handler.stream = io.StringIO()
    count_calls(console, gallery_api.resources)
    gallery_api.resources = msgspec.structs.replace(
        gallery_api.resources, dynamodb=client, s3=client, kinesis=client
    )
    asyncio.set_event_loop(asyncio.new_event_loop())  # Mangum expects one
    adapter = mangum.Mangum(fast, lifespan="off")
    server = ThreadingHTTPServer(("127.0.0.1", 0), LoopbackTable)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    dynamodb = get_session().create_client(
        "dynamodb", endpoint_url=f"http://127.0.0.1:{server.server_port}"
    )
    call = lambda: dynamodb.get_item(TableName="Photos", Key={"photo_id": {"S": "x"}})  # noqa: E731
    table = Table("milliseconds of processor", title="everything but AWS calls")
    for column in (
        "ours",
        "FastAPI, Mangum",
        "Powertools, validating",
        "one GetItem",
        "ours to it",
    ):
        table.add_column(column, justify="right")
    parts = Table("layer, microseconds", title="ours by layer")
    measured: dict[str, dict[str, float]] = {}
    met = True
    for route in ("GET /photos/{photo_id}", "GET /photos", "POST /photos"):
        event = EVENTS[route]
        contenders: dict[str, Callable[[], object]] = {
            "ours": lambda event=event: gallery_api.handler(event, CONTEXT),
            "fast": lambda event=event: logged(adapter)(event, CONTEXT),
            "powertools": lambda event=event: logged(powertools.resolve)(event, CONTEXT),
            "call": call,
        }
        for name in ("ours", "fast", "powertools"):
            answer: Any = contenders[name]()
            if answer["statusCode"] >= 300:
                sys.exit(f"{name}: {route} answered {answer['statusCode']}: {answer['body']}")
        times = timed(contenders | layers(route), runs)
        ratio = times["ours"] / times["call"]
        met = met and ratio <= MOST_TIMES
        table.add_row(
            route,
            *(f"{times[name]:.3f}" for name in ("ours", "fast", "powertools", "call")),
            f"{ratio:.2f} (at most {MOST_TIMES:.2f})",
        )
        measured[route] = times
        parts.add_column(route, justify="right")
    names = list(layers("POST /photos"))
    for name in names:
        parts.add_row(name, *(f"{times[name] * 1000:.0f}" for times in measured.values()))
    rest = (times["ours"] - sum(times[name] for name in names) for times in measured.values())
    parts.add_row("rest: the route itself", *(f"{each * 1000:.0f}" for each in rest))
    server.shutdown()
    console.print(table, parts)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
