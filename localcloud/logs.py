"""The functions' logs as they are written, one line an entry."""

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


def _news(logs: Any, group: str, tokens: dict[tuple[str, str], str]) -> Iterator[Any]:
    pages = logs.get_paginator("describe_log_streams").paginate(logGroupName=group)
    for stream in [each["logStreamName"] for page in pages for each in page["logStreams"]]:
        position = {"nextToken": tokens[group, stream]} if (group, stream) in tokens else {}
        answer = logs.get_log_events(
            logGroupName=group, logStreamName=stream, startFromHead=True, **position
        )
        tokens[group, stream] = answer["nextForwardToken"]
        yield from answer["events"]
