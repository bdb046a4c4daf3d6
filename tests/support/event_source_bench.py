"""An engine on a stream in memory, with a clock that only the test advances."""

import base64
import json
from collections.abc import Callable
from typing import Any

from fakes.memory_stream import MemoryStream
from localcloud.event_sources.answers import Answer, NotInvokedError
from localcloud.event_sources.engine import Engine
from localcloud.event_sources.failures import DestinationError, Discarded
from localcloud.event_sources.mappings import EventSourceMapping
from localcloud.event_sources.tasks import Unit

KINESIS_ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/views"
TABLE_ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/photos/stream/2026-11-21T00:00:00.000"
START = 1_800_000_000.0  # 2027-01-15T08:00:00Z

type Function = Callable[[list[Any]], Any]


def kinesis_mapping(**settings: Any) -> EventSourceMapping:
    return EventSourceMapping(
        uuid="0a1b2c3d-0000-4000-8000-000000000001",
        source_arn=KINESIS_ARN,
        function_arn="arn:aws:lambda:us-east-1:000000000000:function:counter:live",
        role_arn="arn:aws:iam::000000000000:role/counter",
        **settings,
    )


def table_mapping(**settings: Any) -> EventSourceMapping:
    return EventSourceMapping(
        uuid="0a1b2c3d-0000-4000-8000-000000000002",
        source_arn=TABLE_ARN,
        function_arn="arn:aws:lambda:us-east-1:000000000000:function:replicator",
        role_arn="arn:aws:iam::000000000000:role/replicator",
        **settings,
    )


def unhandled(_: list[Any]) -> Any:
    raise RuntimeError("the function failed")


def throttled(_: list[Any]) -> Any:
    raise NotInvokedError("TooManyRequestsException: Rate Exceeded.")


def failures(*sequence_numbers: Any) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": each} for each in sequence_numbers]}


def step(engine: Engine, unit: Unit) -> bool:
    """Do one unit from begin to finish; True if it changed anything."""
    task = engine.begin(unit)
    return engine.finish(task, engine.perform(task))


class Bench:
    """`batches` has the data of the records of each event; `kept` what was discarded."""

    def __init__(
        self,
        function: Function = lambda _: None,
        *,
        shards: int = 1,
        mapping: EventSourceMapping | None = None,
        **settings: Any,
    ) -> None:
        self.now = START
        self.jump = 0.0  # difference between the wall clock and `now`
        self.mapping = mapping or kinesis_mapping(**settings)
        self.stream = MemoryStream(self.mapping, self.wall_clock, shards)
        self.function = function
        self.events: list[dict[str, Any]] = []
        self.kept: list[Discarded] = []
        self.destination_error: str | None = None
        self.reports: list[str] = []
        self.engine = self._engine(None)

    def clock(self) -> float:
        return self.now

    def wall_clock(self) -> float:
        return self.now + self.jump

    def restart(self) -> None:
        """Discard the engine, and create a new one from its stored checkpoints."""
        self.engine = self._engine(json.loads(json.dumps(self.engine.checkpoints())))

    def put(self, *data: str, key: str | None = None) -> list[str]:
        """Put records of this data, each with its own key by default; returns sequence numbers."""
        return [self.stream.put(key or each, json.dumps(each).encode()).sequence_number
                for each in data]  # fmt: skip

    def run(self) -> None:
        """Do everything that is due now."""
        steps, moved = 0, True
        while moved:
            assert steps < 100_000, "The engine always has work that is due: is the backoff 0?"
            moved = False
            for unit in self.engine.ready():
                if self.engine._is_due(unit, self.now):
                    moved |= step(self.engine, unit)
                    steps += 1

    def run_for(self, seconds: float) -> None:
        """Run until idle, and whenever something is due within that time."""
        until = self.now + seconds
        self.run()
        while (wait := self.engine.wait()) is not None and self.now + wait <= until:
            self.now += max(wait, 0.001)
            self.run()
        self.now = until
        self.run()

    @property
    def batches(self) -> list[list[Any]]:
        return [data_of(event) for event in self.events]

    @property
    def discarded(self) -> list[list[Any]]:
        return [data_of({"Records": [json.loads(r.body) for r in d.records]}) for d in self.kept]

    def _engine(self, checkpoints: dict[str, Any] | None) -> Engine:
        return Engine(
            self.mapping,
            self.stream,
            self._invoke,
            self.keep,
            self.clock,
            wall_clock=self.wall_clock,
            checkpoints=checkpoints,
            backoff=lambda _: 1,
            report=self.reports.append,
        )

    def _invoke(self, event: str) -> Answer:
        self.events.append(json.loads(event))
        payload = self.function(self.events[-1]["Records"])
        if isinstance(payload, Answer):
            return payload
        return Answer(json.loads(json.dumps(payload)), request_id=f"request-{len(self.events)}")

    def keep(self, discarded: Discarded) -> None:
        if self.destination_error:
            raise DestinationError(self.destination_error)
        self.kept.append(discarded)


def data_of(event: dict[str, Any]) -> list[Any]:
    return [
        json.loads(base64.b64decode(record["kinesis"]["data"]))
        if "kinesis" in record
        else record["dynamodb"]["Keys"]
        for record in event["Records"]
    ]


def sequence_numbers(records: list[Any]) -> list[str]:
    return [record["kinesis"]["sequenceNumber"] for record in records]


def failing_on(*bad: str) -> Function:
    """A function that fails on any batch that contains one of these."""

    def function(records: list[Any]) -> None:
        if set(bad) & set(data_of({"Records": records})):
            raise RuntimeError("it fails on this record")

    return function


def reporting(*bad: str) -> Function:
    """A function that reports each record that is one of these, the latest first."""

    def function(records: list[Any]) -> dict[str, Any]:
        data = data_of({"Records": records})
        numbers = sequence_numbers(records)
        return failures(*[n for n, each in zip(numbers, data, strict=True) if each in bad][::-1])

    return function
