"""Serves a distribution over HTTP on this machine."""

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import anyio.to_thread
import uvicorn
from botocore.exceptions import BotoCoreError, ClientError
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from localcloud.cloud import Cloud, CloudError, PortError
from localcloud.cloudfront.api import Api
from localcloud.cloudfront.behaviours import NotModelledError
from localcloud.cloudfront.caching import Cache
from localcloud.cloudfront.edge import Edge
from localcloud.cloudfront.messages import Request, Response, error_page
from localcloud.cloudfront.origins import Origins
from localcloud.cloudfront.request_log import request_log

# Whatever the address of the AWS APIs: on plain HTTP, browsers regard only this one as secure.
_ADDRESS: Final = "127.0.0.1"
_CACHE_BYTES: Final = 256 * 2**20
_MAX_BODY: Final = 10 * 2**20  # API Gateway's limit
_THREADS: Final = 40
_CONNECTIONS: Final = 200
_INVALIDATIONS_SECONDS: Final = 0.5
_SETTINGS_EVERY: Final = 4  # the distribution is read at every fourth poll for invalidations
_START_SECONDS: Final = 60
_IDLE_SECONDS: Final = 60  # closing a connection earlier may lose the viewer's next request


@dataclass(frozen=True)
class Served:
    """A distribution that is being served, and its URL."""

    url: str
    edge: Edge


def application(edge: Edge, log: logging.Logger) -> ASGIApp:
    """The ASGI application: logs a line per request, and sends no stack trace to the viewer."""
    threads = anyio.CapacityLimiter(_THREADS)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        began = time.monotonic()
        http = HttpRequest(scope, receive)
        path = scope["raw_path"].decode("latin-1")
        try:
            request = await _request(http, path)
            if request is None:
                response = error_page(413, f"The body has more than {_MAX_BODY:,} bytes.")
            else:
                response = await anyio.to_thread.run_sync(edge.answer, request, limiter=threads)
        except Exception:
            log.exception("%s %s: localcloud's CloudFront failed", http.method, path)
            response = error_page(
                500, "localcloud's CloudFront failed; its log has the stack trace."
            )
        milliseconds = (time.monotonic() - began) * 1_000
        result = (response.header("x-cache") or "Error").partition(" ")[0]
        log.info("%s %s %d %s %.0f ms", http.method, path, response.status, result, milliseconds)
        await _sendable(response)(scope, receive, send)

    return app


def in_background(task: Callable[[], None], log: logging.Logger) -> None:
    """Run a task in a thread that the end of the server does not wait for."""

    def run() -> None:
        try:
            task()
        except Exception:
            log.exception("A request for an expired object failed")

    threading.Thread(target=run, name="edge-background", daemon=True).start()


async def _request(http: HttpRequest, path: str) -> Request | None:
    """The viewer's request, or None if its body is too large."""
    body = bytearray()
    async for chunk in http.stream():
        body += chunk
        if len(body) > _MAX_BODY:
            return None
    return Request(
        http.method,
        path if path.startswith("/") else f"/{path}",
        http.scope["query_string"].decode("latin-1"),
        tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in http.headers.raw
        ),
        bytes(body),
        *(http.client or ("127.0.0.1", 443)),
    )


def _sendable(response: Response) -> HttpResponse:
    sendable = HttpResponse(response.body, response.status)
    sendable.raw_headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in response.headers
    ]
    return sendable


@contextlib.contextmanager
def running(cloud: Cloud, port: int, distribution_id: str | None = None) -> Iterator[Served]:
    """Serve a distribution of a laptop cloud, by default its only one, until the block ends.

    Changes of the distribution take effect within about two seconds, invalidations within one. The
    log, a line per request, is `edge.log` in the cloud's folder, or `edge-PORT.log` if an id is
    given; it is emptied at the start.

    Raises:
        CloudError: there is no distribution, it has a setting that is not modelled, or the port
            is taken.
    """
    with contextlib.ExitStack() as cleanup:
        name = f"edge-{port}.log" if distribution_id else "edge.log"
        log = cleanup.enter_context(request_log(cloud.folder / name))
        listener = cleanup.enter_context(listening(port))
        origins = Origins(cloud)
        cleanup.callback(origins.close)
        api = Api(cloud, distribution_id)
        cache = Cache(_CACHE_BYTES)
        try:
            distribution = api.distribution()
            api.new_invalidations(distribution.id)  # the cache is still empty
        except NotModelledError as error:
            raise CloudError(f"localcloud cannot serve the distribution: {error}") from error
        except (BotoCoreError, ClientError) as error:
            raise CloudError(
                f"The distribution of {cloud.endpoint} cannot be read: {error}"
            ) from error
        edge = Edge(
            distribution=distribution,
            cache=cache,
            fetch=origins.fetch,
            invoke=api.invoke,
            clock=time.time,
            report=log.warning,
            run_in_background=lambda task: in_background(task, log),
        )
        cleanup.enter_context(_following(edge, api, cache, log))
        cleanup.enter_context(_serving(application(edge, log), listener))
        yield Served(f"http://{_ADDRESS}:{port}", edge)


@contextlib.contextmanager
def listening(port: int) -> Iterator[socket.socket]:
    """Listen on a port of the loopback address until the block ends.

    Raises:
        PortError: another process listens there.
    """
    # asyncio sets TCP_NODELAY only on sockets that name their protocol.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_ADDRESS, port))
        except OSError as error:
            raise PortError(
                f"Cannot listen on {_ADDRESS}:{port} for CloudFront: {error.strerror}."
                " Choose another port."
            ) from None
        yield listener


@contextlib.contextmanager
def _serving(app: ASGIApp, listener: socket.socket) -> Iterator[None]:
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, name="edge", daemon=True
    )
    thread.start()
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise CloudError("localcloud's CloudFront did not start.")
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@contextlib.contextmanager
def _following(edge: Edge, api: Api, cache: Cache, log: logging.Logger) -> Iterator[None]:
    """Poll for invalidations and for changes of the distribution until the block ends."""
    ended = threading.Event()

    def poll(count: int) -> None:
        try:
            if paths := api.new_invalidations(edge.distribution.id):
                log.info("invalidation of %s: %d objects", " ".join(paths), cache.invalidate(paths))
            if count % _SETTINGS_EVERY == 0:
                edge.distribution = api.distribution()
        except (CloudError, NotModelledError, BotoCoreError, ClientError) as error:
            log.warning("the distribution and its invalidations cannot be read: %s", error)
        except Exception as error:  # noqa: BLE001 - the next look may succeed
            log.warning("the distribution and its invalidations cannot be read: %r", error)

    def follow() -> None:
        count = 0
        while not ended.wait(_INVALIDATIONS_SECONDS):
            count += 1
            poll(count)

    thread = threading.Thread(target=follow, name="edge-settings", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
