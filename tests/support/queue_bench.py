"""The engine of a queue on a queue in memory, with a clock that only `run_for` advances."""

import json
from collections.abc import Callable
from typing import Any

from fakes.memory_queue import MemoryQueue
from localcloud.event_sources.answers import Answer
from localcloud.event_sources.mappings import EventSourceMapping
from localcloud.event_sources.queue_engine import QueueEngine
from localcloud.event_sources.tasks import Unit
from tests.support.event_source_bench import START

QUEUE_ARN = "arn:aws:sqs:us-east-1:000000000000:invoices"
STEP = 0.5  # seconds between two receives

type Function = Callable[[list[Any]], Any]


def queue_mapping(source_arn: str = QUEUE_ARN, **settings: Any) -> EventSourceMapping:
    api = {
        "UUID": "0a1b2c3d-0000-4000-8000-000000000003",
        "EventSourceArn": source_arn,
        "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:book",
        **settings,
    }
    return EventSourceMapping.from_api(api, "arn:aws:iam::000000000000:role/book")


class QueueBench:
    """`batches` has the bodies of each event, with the second in which it was sent."""

    def __init__(
        self,
        function: Function = lambda _: None,
        *,
        visibility_timeout: float = 30,
        maximum_receives: int = 0,
        fifo: bool = False,
        **settings: Any,
    ) -> None:
        self.now = START
        self.mapping = queue_mapping(QUEUE_ARN + (".fifo" if fifo else ""), **settings)
        self.queue = MemoryQueue(
            self.mapping, self.clock, visibility_timeout, maximum_receives=maximum_receives
        )
        self.function = function
        self.events: list[dict[str, Any]] = []
        self.seconds: list[float] = []
        self.reports: list[str] = []
        self.engine = QueueEngine(
            self.mapping,
            self.queue,
            self._invoke,
            self.clock,
            backoff=lambda _: 1,
            report=self.reports.append,
        )

    def clock(self) -> float:
        return self.now

    @property
    def batches(self) -> list[list[str]]:
        return [[record["body"] for record in event["Records"]] for event in self.events]

    def send(self, *bodies: str, group: str | None = None) -> list[str]:
        return [self.queue.send(body, group) for body in bodies]

    def step(self, unit: Unit) -> bool:
        """Do one unit from begin to finish; True if it changed anything."""
        task = self.engine.begin(unit)
        return self.engine.finish(task, self.engine.perform(task))

    def run(self) -> None:
        """Do everything that is due now."""
        moved = True
        while moved:
            moved = False
            for unit in self.engine.ready():
                if unit in self.engine.ready():
                    moved |= self.step(unit)

    def run_for(self, seconds: float) -> None:
        until = self.now + seconds
        self.run()
        while self.now < until:
            self.now = min(self.now + STEP, until)
            self.run()

    def _invoke(self, event: str) -> Answer:
        self.events.append(json.loads(event))
        self.seconds.append(self.now - START)
        payload = self.function(self.events[-1]["Records"])
        return payload if isinstance(payload, Answer) else Answer(payload)
