"""A client of the Debug Adapter Protocol, as editors have.

https://microsoft.github.io/debug-adapter-protocol/specification
"""

import itertools
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

type Message = dict[str, Any]


class DebugClient:
    """Attached to a debugger that listens on a port; breakpoints are set by `stop_at`."""

    def __init__(self, port: int, seconds: float = 60) -> None:
        self._socket = _connected(port, seconds)
        self._received = self._socket.makefile("rb")
        self._numbers = itertools.count(1)
        self._unread: list[Message] = []
        self._request("initialize", adapterID="python", pathFormat="path")
        self._attach = self._send("attach", justMyCode=False)
        self._event("initialized")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._request("disconnect", terminateDebuggee=False)
        self._received.close()
        self._socket.close()

    def stop_at(self, file: Path, line: int) -> None:
        """Set one breakpoint, and have the program run until it gets there."""
        breakpoints = [{"line": line}]
        found = self._request("setBreakpoints", source={"path": str(file)}, breakpoints=breakpoints)
        assert [each["line"] for each in found["breakpoints"]] == [line]
        self._request("configurationDone")
        self._response(self._attach)

    def stopped(self) -> tuple[str, int]:
        """Where the program has stopped, once it has: file and line."""
        self._thread = self._event("stopped")["threadId"]
        frames = self._request("stackTrace", threadId=self._thread)["stackFrames"]
        self._frame = frames[0]["id"]
        return frames[0]["source"]["path"], frames[0]["line"]

    def evaluate(self, expression: str) -> str:
        """The value of an expression where the program has stopped."""
        found = self._request("evaluate", expression=expression, frameId=self._frame)
        return str(found["result"])

    def continue_program(self) -> None:
        """Let the program run again."""
        self._request("continue", threadId=self._thread)

    def _send(self, command: str, **arguments: Any) -> int:
        number = next(self._numbers)
        message = {"seq": number, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(message).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        return number

    def _request(self, command: str, **arguments: Any) -> Any:
        return self._response(self._send(command, **arguments))

    def _response(self, number: int) -> Any:
        response = self._awaited(lambda each: each.get("request_seq") == number)
        assert response["success"], response
        return response.get("body")

    def _event(self, name: str) -> Any:
        return self._awaited(lambda each: each.get("event") == name).get("body")

    def _awaited(self, condition: Callable[[Message], bool]) -> Message:
        for message in self._unread:
            if condition(message):
                self._unread.remove(message)
                return message
        while not condition(message := self._read()):
            self._unread.append(message)
        return message

    def _read(self) -> Message:
        length = 0
        while header := self._received.readline().strip():
            length = int(header.partition(b":")[2])
        message: Message = json.loads(self._received.read(length))
        return message


def _connected(port: int, seconds: float) -> socket.socket:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=seconds)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
