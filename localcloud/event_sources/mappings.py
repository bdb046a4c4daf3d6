"""The settings of an event source mapping, as the Lambda API returns them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

MAX_OF_ONE_RECEIVE: Final = 10  # messages of one ReceiveMessage

type StartingPosition = Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"]


@dataclass(frozen=True)
class EventSourceMapping:
    """One mapping from a stream or a queue to a function.

    Defaults are AWS's for streams, -1 means no limit.

    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html
    """

    uuid: str
    source_arn: str
    function_arn: str  # with the alias or version that it names
    role_arn: str
    batch_size: int = 100
    window_seconds: float = 0
    parallelization_factor: int = 1
    starting_position: StartingPosition = "TRIM_HORIZON"
    starting_timestamp: float | None = None
    bisects: bool = False
    maximum_retries: int = -1
    maximum_age_seconds: float = -1
    reports_item_failures: bool = False
    filters: tuple[str, ...] = ()  # patterns, as JSON
    destination: str | None = None
    maximum_concurrency: int | None = None  # of a queue

    def __post_init__(self) -> None:
        if self.service not in ("kinesis", "dynamodb", "sqs") or "/consumer/" in self.source_arn:
            raise ValueError(f"{self.source_arn} is not a Kinesis or DynamoDB stream, or a queue.")
        if self.service == "sqs":
            self._check_queue()
        if not 1 <= self.parallelization_factor <= 10:
            raise ValueError(
                f"ParallelizationFactor is {self.parallelization_factor}, not 1 to 10."
            )
        if self.starting_position == "AT_TIMESTAMP" and (
            self.service == "dynamodb" or self.starting_timestamp is None
        ):
            raise ValueError("AT_TIMESTAMP needs StartingPositionTimestamp, and a Kinesis stream.")

    def _check_queue(self) -> None:
        if self.is_fifo and (self.window_seconds or self.batch_size > MAX_OF_ONE_RECEIVE):
            raise ValueError(
                f"{self.source_arn} is a FIFO queue: it allows no batching window, and a BatchSize"
                " of at most 10."
            )
        if self.batch_size > MAX_OF_ONE_RECEIVE and not self.window_seconds:
            raise ValueError(f"A batch of {self.batch_size} messages needs a batching window.")

    @property
    def is_fifo(self) -> bool:
        return self.source_arn.endswith(".fifo")

    @property
    def service(self) -> str:
        return self.source_arn.split(":")[2]

    @property
    def region(self) -> str:
        return self.source_arn.split(":")[3]

    @property
    def function_name(self) -> str:
        return self.function_arn.split(":")[6]

    @classmethod
    def from_api(cls, settings: Mapping[str, Any], role_arn: str) -> Self:
        """The mapping of an item of ListEventSourceMappings.

        Numbers and booleans may be text: ministack keeps the text of a template's parameter.

        Raises:
            ValueError: the mapping has a setting that this engine does not model.
        """
        if int(settings.get("TumblingWindowInSeconds") or 0):
            raise ValueError(f"Mapping {settings['UUID']} has a tumbling window: not modelled.")
        started = settings.get("StartingPositionTimestamp")
        criteria = settings.get("FilterCriteria") or {}
        scaling = settings.get("ScalingConfig") or {}
        size_by_default = 10 if ":sqs:" in settings["EventSourceArn"] else 100
        on_failure = (settings.get("DestinationConfig") or {}).get("OnFailure") or {}
        return cls(
            uuid=settings["UUID"],
            source_arn=settings["EventSourceArn"],
            function_arn=settings["FunctionArn"],
            role_arn=role_arn,
            batch_size=int(settings.get("BatchSize", size_by_default)),
            window_seconds=float(settings.get("MaximumBatchingWindowInSeconds", 0)),
            parallelization_factor=int(settings.get("ParallelizationFactor", 1)),
            starting_position=settings.get("StartingPosition", "TRIM_HORIZON"),
            starting_timestamp=started.timestamp() if started else None,
            bisects=str(settings.get("BisectBatchOnFunctionError", False)).lower() == "true",
            maximum_retries=int(settings.get("MaximumRetryAttempts", -1)),
            maximum_age_seconds=float(settings.get("MaximumRecordAgeInSeconds", -1)),
            reports_item_failures="ReportBatchItemFailures"
            in (settings.get("FunctionResponseTypes") or []),
            filters=tuple(each["Pattern"] for each in criteria.get("Filters") or []),
            destination=on_failure.get("Destination") or None,
            maximum_concurrency=int(scaling.get("MaximumConcurrency") or 0) or None,
        )
