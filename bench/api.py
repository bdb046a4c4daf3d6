"""The API's warm processor time per request by layer, compared with two frameworks and two calls.

`.venv-bench/bin/python bench/api.py`, after `make .venv-bench/installed`. The clients of AWS are
replaced by objects that answer at once, so that only the function's own work is measured. Only the
compared calls (GetItem, and the route's own) go through botocore, to a server on loopback in
another thread; the times are those of the calling thread. Contenders take turns; the figures are
medians. A list is measured with rows that the function has converted before, and with new ones.
"""

import argparse
import functools
import statistics
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
from api_contenders import FASTAPI, POWERTOOLS, AnsweringClient, logged
from api_requests import CONTEXT, EVENTS, ITEM, PAGE_SIZE, PHOTO, ROWS, written_nowhere
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from botocore.session import get_session
from results import exit_status, print_table, verdict

from gallery_api import handler as gallery_api
from gallery_api.bodies import decode_body
from gallery_api.models import NewPhoto, PhotoPage, public_photo
from gallery_api.routes import feed
from shared.dynamodb import from_item, to_item
from shared.events import check_event
from shared.photos import Photo

MAX_TIMES = 0.10
NEW_ROWS = "GET /photos, new rows"
ROUTES = ("GET /photos/{photo_id}", "GET /photos", NEW_ROWS, "POST /photos")
OURS, CALL, OWN_CALL = "ours", "one GetItem", "the route's own call"
HANDLERS: dict[str, Callable[[Any, Any], dict[str, Any]]] = {
    OURS: gallery_api.handler,
    "FastAPI, Mangum": FASTAPI,
    "Powertools, validating": POWERTOOLS,
}

# The layers of our handler, each alone.
resolver = APIGatewayRestResolver()


@resolver.get("/photos/<photo_id>")
@resolver.get("/photos")
@resolver.post("/photos")
def empty(photo_id: str = "") -> dict[str, str]:
    return {"photo_id": photo_id}


def event_of(route: str) -> Any:
    return EVENTS[route.removesuffix(", new rows")]


def with_new_rows(work: Callable[[], Any]) -> Callable[[], Any]:
    """The work after the function's cached rows were cleared."""

    def clear_and_work() -> Any:
        feed._kept.clear()  # noqa: SLF001
        return work()

    return clear_and_work


def layers(route: str) -> dict[str, Callable[[], object]]:
    event = event_of(route)
    request = APIGatewayProxyEvent(event)
    page = PhotoPage([public_photo(PHOTO)] * PAGE_SIZE, "x")
    one = public_photo(PHOTO)

    def rows() -> object:
        return [feed._public_photo(row) for row in ROWS[:PAGE_SIZE]]  # noqa: SLF001

    by_route: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "GET /photos/{photo_id}": (
            lambda: public_photo(from_item(ITEM, Photo)),
            lambda: msgspec.json.encode(one),
        ),
        "GET /photos": (rows, lambda: msgspec.json.encode(page)),
        NEW_ROWS: (with_new_rows(rows), lambda: msgspec.json.encode(page)),
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


ANSWERS = {"GetItem": {"Item": ITEM}, "Query": {"Items": ROWS}, "PutItem": {}}


class LoopbackTable(BaseHTTPRequestHandler):
    """DynamoDB's answers."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = msgspec.json.encode(ANSWERS[self.headers["X-Amz-Target"].partition(".")[2]])
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


def measured_routes(runs: int) -> dict[str, dict[str, float]]:
    """The times of all contenders and layers, by route."""
    client = AnsweringClient()
    gallery_api.resources = msgspec.structs.replace(
        gallery_api.resources, dynamodb=client, s3=client, kinesis=client
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), LoopbackTable)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    dynamodb = get_session().create_client(
        "dynamodb", endpoint_url=f"http://127.0.0.1:{server.server_port}"
    )
    key = {"photo_id": {"S": PHOTO.photo_id}}
    get = functools.partial(dynamodb.get_item, TableName="Photos", Key=key)
    query = functools.partial(
        dynamodb.query,
        TableName="Catalog",
        KeyConditionExpression="feed = :partition",
        ExpressionAttributeValues=to_item({":partition": "photos"}),
    )
    put = functools.partial(dynamodb.put_item, TableName="Photos", Item=ITEM)
    measured = {}
    for route, own_call in zip(ROUTES, (get, query, query, put), strict=True):
        contenders: dict[str, Callable[[], Any]] = {
            name: functools.partial(handler, event_of(route), CONTEXT)
            for name, handler in HANDLERS.items()
        }
        if route == NEW_ROWS:
            contenders[OURS] = with_new_rows(contenders[OURS])
        for name, contender in contenders.items():
            answer = contender()
            if answer["statusCode"] >= 300:
                sys.exit(f"{name}: {route} answered {answer['statusCode']}: {answer['body']}")
        calls = {CALL: get, OWN_CALL: own_call}
        measured[route] = timed({**contenders, **calls, **layers(route)}, runs)
    server.shutdown()
    return measured


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=60, help="of each contender (default 60)")
    runs = parser.parse_args().runs
    with written_nowhere():
        measured = measured_routes(runs)
    ratios = {route: times[OURS] / times[CALL] for route, times in measured.items()}
    print_table(
        "Everything but AWS calls, milliseconds of processor time",
        ("", *HANDLERS, CALL, f"ours to it, at most {MAX_TIMES:.2f}", OWN_CALL, "ours to that"),
        [
            (
                route,
                *(f"{times[name]:.3f}" for name in (*HANDLERS, CALL)),
                f"{ratios[route]:.2f}, {verdict(met=ratios[route] <= MAX_TIMES)}",
                f"{times[OWN_CALL]:.3f}",
                f"{times[OURS] / times[OWN_CALL]:.2f}",
            )
            for route, times in measured.items()
        ],
    )
    by_layer: dict[str, list[float]] = {
        name: [times[name] for times in measured.values()] for name in layers(ROUTES[0])
    }
    by_layer["the route itself"] = [
        times[OURS] - sum(times[name] for name in by_layer) for times in measured.values()
    ]
    print_table(
        "Ours by layer, microseconds",
        ("", *measured),
        [
            (name, *(f"{milliseconds * 1000:.0f}" for milliseconds in each))
            for name, each in by_layer.items()
        ],
    )
    return exit_status(met=all(each <= MAX_TIMES for each in ratios.values()))


if __name__ == "__main__":
    sys.exit(main())
