"""A stub of a laptop cloud on loopback.

It has a bucket named site, an API named abc123, and a function with a function URL.
"""

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from localcloud.cloud import Cloud
from tests.support.distributions import FUNCTION_URL, distribution

GRANT = {
    "Effect": "Allow",
    "Principal": {"Service": "cloudfront.amazonaws.com"},
    "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::site/*",
    "Condition": {"StringEquals": {"AWS:SourceArn": distribution().arn}},
}
ALIAS = "arn:aws:lambda:us-east-1:000000000000:function:views:live"
URL_GRANTS = [
    {
        **GRANT,
        "Action": "lambda:InvokeFunctionUrl",
        "Resource": ALIAS,
        "Condition": {
            "ArnLike": {"AWS:SourceArn": distribution().arn},
            "StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"},
        },
    },
    {
        **GRANT,
        "Action": "lambda:InvokeFunction",
        "Resource": ALIAS,
        "Condition": {
            "ArnLike": {"AWS:SourceArn": distribution().arn},
            "Bool": {"lambda:InvokedViaFunctionUrl": "true"},
        },
    },
]
LISTING = {**GRANT, "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::site"}


@dataclass
class StubCloud:
    """What it holds, the keys that were read, and the paths as they were sent."""

    cloud: Cloud
    objects: dict[str, bytes] = field(default_factory=dict)
    statements: list[Any] = field(default_factory=lambda: [GRANT, LISTING])
    grants: list[Any] = field(default_factory=lambda: list(URL_GRANTS))
    reads: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


@contextlib.contextmanager
def stub_cloud() -> Iterator[StubCloud]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            stub.paths.append(url.path)
            if ".execute-api." in self.headers["Host"] or ".lambda-url." in self.headers["Host"]:
                self._echo()
            elif "/functions" in url.path:
                self._answer(200, json.dumps(self._of_lambda(url.path)).encode())
            elif url.query == "policy":
                self._answer(200, json.dumps({"Statement": stub.statements}).encode())
            else:
                self._object(unquote(url.path).removeprefix("/site/"))

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_POST(self) -> None:
            self.do_GET()

        do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_POST  # noqa: N815 - of http.server

        def _echo(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            seen = {
                "method": self.command,
                "path": self.path,
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "body": body.decode(),
            }
            self._answer(200, json.dumps(seen).encode(), "application/json")

        def _of_lambda(self, path: str) -> dict[str, Any]:
            if path.endswith("/urls"):
                url = {"FunctionUrl": f"https://{FUNCTION_URL.domain}/", "FunctionArn": ALIAS}
                return {"FunctionUrlConfigs": [url]}
            if path.endswith("/policy"):
                return {"Policy": json.dumps({"Statement": stub.grants})}
            return {"Functions": [{"FunctionName": "views"}]}

        def _object(self, key: str) -> None:
            stub.reads.append(key)
            if key not in stub.objects:
                self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>", "application/xml")
            elif self.headers.get("If-None-Match") == f'"{len(stub.objects[key])}"':
                self._answer(304, b"")
            else:
                self._answer(200, stub.objects[key], "text/html")

        def _answer(self, status: int, body: bytes, content_type: str = "text/plain") -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("ETag", f'"{len(body)}"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        stub = StubCloud(Cloud("127.0.0.1", server.server_address[1]))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield stub
        finally:
            server.shutdown()
            thread.join()
