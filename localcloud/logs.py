"""Follows a laptop cloud: the functions' logs, and deliveries from streams and queues."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from operator import itemgetter
from typing import Any, Final

from localcloud.cloud import Cloud
from localcloud.event_sources.engine import Counters
from localcloud.event_sources.poller import EventSources

_POLL_SECONDS: Final = 0.5
_GROUPS_SECONDS: Final = 10


def follow(
    cloud: Cloud, groups: Callable[[], Mapping[str, Mapping[str, str]]]
) -> Iterator[list[tuple[str, str]]]:
    """Yield the new log events twice a second, each as (function, message).

    `groups` returns the functions of each log group, as `Stack.log_groups`. It is called every ten
    seconds, because a deployment can add functions.
    """
    logs = cloud.client("logs")
    tokens: dict[tuple[str, str], str] = {}
    known, asked = groups(), time.monotonic()
    while True:
        if time.monotonic() - asked > _GROUPS_SECONDS:
            known, asked = groups(), time.monotonic()
        news = [
            (event["timestamp"], function, event["message"].rstrip())
            for group, functions in known.items()
            for function, event in _news(logs, group, functions, tokens)
        ]
        yield [(function, message) for _, function, message in sorted(news, key=itemgetter(0))]
        time.sleep(_POLL_SECONDS)


class Deliveries:
    """Counts what event source mappings deliver; `names` has logical ids by functions' names."""

    def __init__(self, event_sources: EventSources, names: Mapping[str, str]) -> None:
        self._event_sources = event_sources
        self._names = names
        self._before: dict[tuple[str, str], Counters] = {}

    def news(self) -> list[str]:
        """A line for each mapping that has delivered something since the last call."""
        now = {arns: replace(each) for arns, each in self._event_sources.counters().items()}
        lines = []
        for (source, function), counters in now.items():
            if counters != self._before.get((source, function), Counters()):
                name = function.split(":")[6]
                counted = ", ".join(
                    [
                        _number_of(counters.processed, "record", "records"),
                        _number_of(counters.invocations, "invocation", "invocations"),
                        _number_of(counters.retries, "retry", "retries"),
                        f"{counters.discarded:,} discarded",
                    ]
                )
                lines.append(f"event source → {self._names.get(name, name)} {counted}")
        self._before = now
        return lines


def _number_of(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"


def _news(
    logs: Any, group: str, functions: Mapping[str, str], tokens: dict[tuple[str, str], str]
) -> Iterator[tuple[str, Any]]:
    try:
        pages = list(logs.get_paginator("describe_log_streams").paginate(logGroupName=group))
    except logs.exceptions.ResourceNotFoundException:  # the first invocation creates the group
        return
    for stream in [each["logStreamName"] for page in pages for each in page["logStreams"]]:
        function = functions.get(_function_of(group, stream))
        if function is None:
            continue
        position = {"nextToken": tokens[group, stream]} if (group, stream) in tokens else {}
        answer = logs.get_log_events(
            logGroupName=group, logStreamName=stream, startFromHead=True, **position
        )
        tokens[group, stream] = answer["nextForwardToken"]
        yield from ((function, event) for event in answer["events"])


def _function_of(group: str, stream: str) -> str:
    """The name of the function that writes the log stream; a shared log group has several."""
    name = stream.rpartition("/")[2].partition("[")[0]
    return name or group.removeprefix("/aws/lambda/")
