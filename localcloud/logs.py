"""The functions' logs as they are written, one line an entry."""

import json
import time
from collections.abc import Iterator, Mapping
from operator import itemgetter
from typing import Any

from localcloud.cloud import Cloud


def follow(cloud: Cloud, groups: Mapping[str, str]) -> Iterator[list[tuple[str, str]]]:
    """What is new, twice a second: (function, message); `groups` is log group → function."""
    logs = cloud.client("logs")
    tokens: dict[tuple[str, str], str] = {}
    while True:
        news = [
            (event["timestamp"], function, event["message"].rstrip())
            for group, function in groups.items()
            for event in _news(logs, group, tokens)
        ]
        yield [(function, message) for _, function, message in sorted(news, key=itemgetter(0))]
        time.sleep(0.5)


def summary(message: str) -> str | None:
    """A log line for a person: of structured ones, level, message and what they are about.

    None for what only machines read: metrics, and the runtime's own lines.
    """
    try:
        entry = json.loads(message)
    except ValueError:
        return None if message.startswith(("START ", "END ", "REPORT ")) else message
    if not isinstance(entry, dict) or "message" not in entry:
        return None
    about = [str(entry[key]) for key in ("method", "path", "status", "finding") if key in entry]
    if entry.get("photo_id") and entry["photo_id"] not in entry.get("path", ""):
        about.append(entry["photo_id"])
    return " ".join([f"{entry.get('level', 'INFO'):7}", entry["message"], *about])


def _news(logs: Any, group: str, tokens: dict[tuple[str, str], str]) -> Iterator[Any]:
    pages = logs.get_paginator("describe_log_streams").paginate(logGroupName=group)
    for stream in [each["logStreamName"] for page in pages for each in page["logStreams"]]:
        position = {"nextToken": tokens[group, stream]} if (group, stream) in tokens else {}
        answer = logs.get_log_events(
            logGroupName=group, logStreamName=stream, startFromHead=True, **position
        )
        tokens[group, stream] = answer["nextForwardToken"]
        yield from answer["events"]
