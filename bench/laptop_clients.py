"""The clients of bench/laptop.py, in a process of their own: each sends its requests in sequence.

Reads what to send from standard input and writes what came of it to standard output, both as JSON.
"""

import asyncio
import json
import resource
import sys
import time
from collections import Counter
from typing import Any


class ClientFigures:
    """Statuses and latencies of all clients."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.milliseconds: list[float] = []

    def add(self, status: str, began: float) -> None:
        self.statuses[status] += 1
        self.milliseconds.append((time.perf_counter() - began) * 1000)


async def client(
    address: tuple[str, int], request: bytes, until: float, measured: ClientFigures
) -> None:
    """Send the request again and again on one connection, and on a new one when that is closed."""
    while time.perf_counter() < until:
        reader, writer = await asyncio.open_connection(*address)
        try:
            while time.perf_counter() < until:
                began = time.perf_counter()
                writer.write(request)
                measured.add(await answered(reader), began)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            if not isinstance(error, asyncio.IncompleteReadError) or error.partial:
                measured.statuses[type(error).__name__] += 1
            # else ministack has closed the connection, which it does after 1,000 requests
        finally:
            writer.close()


async def answered(reader: asyncio.StreamReader) -> str:
    """The status of the next answer, whose body is read and dropped."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status, *lines = head.split("\r\n")
    length = next(line[15:] for line in lines if line.lower().startswith("content-length:"))
    await reader.readexactly(int(length))
    return status.split()[1]


async def main() -> None:
    asked: dict[str, Any] = json.load(sys.stdin)
    measured = ClientFigures()
    began = time.perf_counter()
    until = began + asked["seconds"]
    async with asyncio.TaskGroup() as tasks:
        for _ in range(asked["clients"]):
            address = (asked["host"], asked["port"])
            tasks.create_task(client(address, asked["request"].encode(), until, measured))
    seconds = time.perf_counter() - began
    usage = resource.getrusage(resource.RUSAGE_SELF)
    result = {
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "statuses": measured.statuses,
        "milliseconds": measured.milliseconds,
    }
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
