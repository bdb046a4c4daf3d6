"""One photo's journey through the functions: its log lines merged, sorted and summarized."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

import msgspec

from shared.photos import Status

# Fields that every line has, or that have a column of their own.
_COMMON_FIELDS: Final = {
    "cold_start", "correlation_id", "errorMessage", "exception_name", "function_arn",
    "function_memory_size", "function_name", "function_request_id", "level", "location", "message",
    "photo_id", "sampling_rate", "service", "stackTrace", "stack_trace", "timestamp",
    "xray_trace_id",
}  # fmt: skip
_ERROR_LEVELS: Final = {"ERROR", "CRITICAL"}
_MILESTONES: Final = ("created", "uploaded", "ready", "replicated")


class LogLine(msgspec.Struct, frozen=True):
    """One log line; for plain text `entry` has only `message`."""

    at: datetime
    function: str
    entry: dict[str, Any]

    @property
    def correlation_id(self) -> str | None:
        """The id of the API request, also in its access log, or the daily report's execution."""
        found = self.entry.get("correlation_id")
        return str(found) if found else None

    @property
    def level(self) -> str:
        return str(self.entry.get("level", ""))

    @property
    def message(self) -> str:
        """The event name, or the message of an exception that Lambda logged."""
        return str(self.entry.get("message") or self.entry.get("errorMessage", ""))


def created_at(photo_id: str) -> datetime:
    """When the photo was created: a UUIDv7 begins with its milliseconds."""
    return datetime.fromtimestamp(int(photo_id.replace("-", "")[:12], 16) / 1000, UTC)


def read_line(function: str, timestamp: int, text: str) -> LogLine:
    """Parse a log event, with the time in the line itself if that has milliseconds.

    `timestamp` is the event's time in milliseconds. The laptop cloud gives all lines of an
    invocation the same one.
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
    """The requests that changed the photo: correlation id, time of the first and the last line.

    Executions of the daily report are left out: their other lines are about other photos.
    """
    found: dict[str, list[datetime]] = {}
    for line in without_reads(lines):
        request = line.correlation_id
        if request and not request.startswith("arn:"):
            found.setdefault(request, []).append(line.at)
    return {request: (min(moments), max(moments)) for request, moments in found.items()}


def journey(photo_id: str, lines: Iterable[LogLine]) -> list[LogLine]:
    """The lines about this photo or about no photo, each once, in order of time."""
    own = [line for line in lines if line.entry.get("photo_id", photo_id) == photo_id]
    once = {(line.at, line.function, json.dumps(line.entry)): line for line in own}
    return sorted(once.values(), key=lambda line: line.at)


def without_reads(lines: Iterable[LogLine]) -> list[LogLine]:
    """Remove the lines of successful requests that only read the photo or sent a view."""
    lines = list(lines)
    failed = {
        line.correlation_id
        for line in lines
        if line.level in _ERROR_LEVELS or _is_refused(line.entry)
    }
    reads = {line.correlation_id for line in lines if _is_read(line.entry)} - failed - {None}
    return [line for line in lines if line.correlation_id not in reads]


def without_repeated_exceptions(lines: Iterable[LogLine]) -> list[LogLine]:
    """Remove Lambda's report of an exception directly after the function's own line about it."""
    lines = list(lines)
    kept = lines[:1]
    for before, line in pairwise(lines):
        own = (before.function, before.entry.get("function_request_id"))
        if (
            "errorType" not in line.entry
            or before.level not in _ERROR_LEVELS
            or own != (line.function, line.entry.get("requestId"))
        ):
            kept.append(line)
    return kept


def _is_refused(entry: Mapping[str, Any]) -> bool:
    """Whether API Gateway answered with 5xx; after a timeout only its access log says so."""
    return str(entry.get("status", "")).startswith("5")


def _is_read(entry: Mapping[str, Any]) -> bool:
    method = entry.get("method")
    return method == "GET" or (method == "POST" and str(entry.get("path")).endswith("/views"))


def last_line(exception: object) -> str:
    """The type and the message of an exception, without its stack trace."""
    return str(exception).rstrip().rpartition("\n")[2]


def own_fields(line: LogLine, photo_id: str) -> str:
    """The fields that not every line has, as `name=value`, with `…` for the photo's id.

    Fields without a value are left out.
    """
    fields = {name: value for name, value in line.entry.items() if name not in _COMMON_FIELDS}
    if line.level not in _ERROR_LEVELS:
        fields.pop("position", None)  # only useful for a failed record
    if "exception" in fields:
        fields["exception"] = last_line(fields["exception"])
    written = []
    for name, value in fields.items():
        if value in (None, "", "-"):  # API Gateway logs a variable without a value as `-`
            continue
        text = value if isinstance(value, str) else json.dumps(value)
        written.append(f"{name}={text}".replace(photo_id, "…"))
    return " ".join(written)


def milestones(photo: Mapping[str, Any], row: Mapping[str, Any] | None) -> list[tuple[str, int]]:
    """The steps since the photo was created, each with its milliseconds, from record and row.

    The row of a deleted photo is a tombstone, which does not say when the photo was replicated.
    A step that is older than the one before it is left out: a sample event has a time of its own.
    """
    known = {**photo}
    if row and row["status"] == photo["status"] == Status.READY:
        known["replicated_at"] = row["replicated_at"]
    times: list[tuple[str, datetime]] = []
    for name in _MILESTONES:
        if text := known.get(f"{name}_at"):
            moment = datetime.fromisoformat(text)
            if not times or moment >= times[-1][1]:
                times.append((name, moment))
    return [
        (name, round((time - before).total_seconds() * 1000))
        for (_, before), (name, time) in pairwise(times)
    ]
