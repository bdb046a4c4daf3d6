"""`make redrive` against the bucket in memory: the parts of `ops.redrive` that do the work."""

import contextlib
import io
import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.event_sources.answers import Answer, NotInvokedError
from ops import redrive as tool
from ops.failures import Target, Targets
from tests.simulation import tally
from tests.simulation.clients import Bucket
from tests.simulation.functions import ACCOUNT, BUCKET, MAPPINGS, SOURCES
from tests.support.faults import refusal

type Invoke = Callable[[str], Answer]


def _target(folder: str, source: str) -> Target:
    return Target(
        folder=folder,
        arn=f"arn:aws:lambda:{ACCOUNT}:function:{folder}",
        source=source.partition("/stream/")[0] if folder == "catalog_replicator" else source,
        mapping=MAPPINGS.get(folder),
    )


_TARGETS = Targets(
    thumbnailer=_target("thumbnailer", "uploads"),
    view_counter=_target("view_counter", SOURCES["view_counter"]),
    catalog_replicator=_target("catalog_replicator", SOURCES["catalog_replicator"]),
)


def redrive(bucket: Bucket, invoke: Invoke, report: Callable[[str], None]) -> None:
    """Replay all failures, and delete those that were processed; an error of AWS ends it."""
    stack = tool.FailureSource(bucket, _NoQueue(), _Lambda(invoke), BUCKET, "queue", _TARGETS)
    with contextlib.suppress(ClientError, BotoCoreError):
        waiting = []
        for each in tool.failures(stack, tool.KINDS):
            if isinstance(each, tool.Refusal):
                report(each.reason)
            else:
                waiting.append(each)
        for failure in sorted(waiting, key=lambda each: (each.kind, each.since)):
            tally.events["replays"] += 1
            if tool.replay(stack, failure) is None:
                tool.delete(stack, failure)


class _NoQueue:
    """The failed-events queue: always empty, because streams have another destination."""

    def receive_message(self, **_: object) -> dict[str, Any]:
        return {}


class _Lambda:
    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    def invoke(self, *, Payload: str, **_: object) -> dict[str, Any]:  # noqa: N803
        try:
            answer = self._invoke(Payload)
        except NotInvokedError as error:
            raise refusal("TooManyRequestsException") from error
        except Exception as error:  # noqa: BLE001 - the function's own
            return _answer({"errorMessage": str(error)}, FunctionError="Unhandled")
        if answer.function_error:
            return _answer({"errorMessage": "crashed"}, FunctionError="Unhandled")
        return _answer(answer.payload)


def _answer(payload: Any, **more: str) -> dict[str, Any]:
    return {"Payload": io.BytesIO(json.dumps(payload).encode()), **more}
