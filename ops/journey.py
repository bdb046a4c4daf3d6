"""One photo's way through the functions, from what they logged: merged, in order, and explained."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

import msgspec

from shared.photos import Status

# What every line has, or is shown in a column of its own.
_FRAME: Final = {
    "cold_start", "correlation_id", "errorMessage", "exception_name", "function_arn",
    "function_memory_size", "function_name", "function_request_id", "level", "location", "message",
    "photo_id", "sampling_rate", "service", "stackTrace", "stack_trace", "timestamp",
    "xray_trace_id",
}  # fmt: skip
_LOUD: Final = {"ERROR", "CRITICAL"}
_MILESTONES: Final = ("created", "uploaded", "ready", "replicated")


class LogLine(msgspec.Struct, frozen=True):
    """One log line; of plain text `entry` has the `message` only."""

    at: datetime
    function: str
    entry: dict[str, Any]

    @property
    def correlation_id(self) -> str | None:
        """The API's request, in its access log too; of the daily report its execution."""
        found = self.entry.get("correlation_id")
        return str(found) if found else None

    @property
    def level(self) -> str:
        return str(self.entry.get("level", ""))

    @property
    def message(self) -> str:
        """Of an exception that a function raised, which Lambda logs, its message."""
        return str(self.entry.get("message") or self.entry.get("errorMessage", ""))


def created_at(photo_id: str) -> datetime:
    """When the photo was created: a UUIDv7 begins with its milliseconds."""
    return datetime.fromtimestamp(int(photo_id.replace("-", "")[:12], 16) / 1000, UTC)


def read_line(function: str, timestamp: int, text: str) -> LogLine:
    """A log event, at the time that the line itself tells if it does so to the millisecond.

    `timestamp`, in milliseconds, is the event's. The laptop gives all lines of an invocation one.
    """
    try:
        entry = json.loads(text)
    except ValueError:
        entry = None
    if not isinstance(entry, dict):
        entry = {"message": text.rstrip()}
    moment = datetime.fromtimestamp(timestamp / 1000, UTC)
    try:
        own = datetime.fromisoformat(entry["timestamp"])
    except (KeyError, TypeError, ValueError):
        own = moment
    return LogLine(own if own.tzinfo and own.microsecond else moment, function, entry)


def requests(lines: Iterable[LogLine]) -> dict[str, tuple[datetime, datetime]]:
    """The requests that changed the photo, by correlation id, with their first and last line.

    Not the daily report's executions: their other lines are about other photos.
    """
    found: dict[str, list[datetime]] = {}
    for line in without_looks(lines):
        if (of := line.correlation_id) and not of.startswith("arn:"):
            found.setdefault(of, []).append(line.at)
    return {of: (min(moments), max(moments)) for of, moments in found.items()}


def journey(photo_id: str, lines: Iterable[LogLine]) -> list[LogLine]:
    """All lines of the photo or of nobody, each once, in the order of time."""
    own = [line for line in lines if line.entry.get("photo_id", photo_id) == photo_id]
    once = {(line.at, line.function, json.dumps(line.entry)): line for line in own}
    return sorted(once.values(), key=lambda line: line.at)


def without_looks(lines: Iterable[LogLine]) -> list[LogLine]:
    """Without the requests that only looked at the photo, or told of a view, and went well."""
    lines = list(lines)
    loud = {line.correlation_id for line in lines if line.level in _LOUD or _is_refused(line.entry)}
    looks = {line.correlation_id for line in lines if _is_look(line.entry)} - loud - {None}
    return [line for line in lines if line.correlation_id not in looks]


def _is_refused(entry: Mapping[str, Any]) -> bool:
    """As the gateway alone knows it when a function ran out of time."""
    return str(entry.get("status", "")).startswith("5")


def _is_look(entry: Mapping[str, Any]) -> bool:
    method = entry.get("method")
    return method == "GET" or (method == "POST" and str(entry.get("path")).endswith("/views"))


def about(line: LogLine, photo_id: str) -> str:
    """What else the line says, as `name=value`, the photo's id as `…`; of an exception its end."""
    said = {name: value for name, value in line.entry.items() if name not in _FRAME}
    if line.level not in _LOUD:
        said.pop("position", None)  # leads to what failed
    if "exception" in said:
        said["exception"] = str(said["exception"]).rstrip().rpartition("\n")[2]
    return " ".join(
        f"{name}={value if isinstance(value, str) else json.dumps(value)}".replace(photo_id, "…")
        for name, value in said.items()
    )


def milestones(photo: Mapping[str, Any], row: Mapping[str, Any] | None) -> list[tuple[str, int]]:
    """How far it has come since it was created, by its record and row: each step, and its ms.

    A deleted photo's row is a tombstone, and no longer tells when the photo was replicated.
    """
    known = {**photo}
    if row and row["status"] == photo["status"] == Status.READY:
        known["replicated_at"] = row["replicated_at"]
    times = [
        (name, datetime.fromisoformat(known[f"{name}_at"]))
        for name in _MILESTONES
        if known.get(f"{name}_at")
    ]
    return [
        (name, round((time - before).total_seconds() * 1000))
        for (_, before), (name, time) in pairwise(times)
    ]
