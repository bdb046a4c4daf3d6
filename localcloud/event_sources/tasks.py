"""Units of work of an engine, the task of each, and the results of tasks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from localcloud.event_sources.answers import Answer, NotInvokedError
from localcloud.event_sources.failures import DestinationError, Discarded
from localcloud.event_sources.records import Page, Shard, Source, SourceError

type Invoke = Callable[[str], Answer]
"""Takes the event as JSON. Any exception but NotInvokedError means that the function failed."""

type Destination = Callable[[Discarded], None]
"""May raise DestinationError."""


@dataclass(frozen=True)
class List:
    """List the shards of the stream."""


@dataclass(frozen=True)
class Read:
    """Read the next records of a shard."""

    shard_id: str


@dataclass(frozen=True)
class Deliver:
    """Invoke the function with the next batch of a key group, or discard that batch."""

    shard_id: str
    group: int


type Unit = List | Read | Deliver


@dataclass(frozen=True)
class Listing:
    begun: float
    wants_newest: bool


@dataclass(frozen=True)
class Reading:
    shard_id: str
    begun: float
    after: str | None
    limit: int


@dataclass(frozen=True)
class BatchInvocation:
    shard_id: str
    group: int
    event: str


@dataclass(frozen=True)
class Discarding:
    shard_id: str
    group: int
    discarded: Discarded


type Task = Listing | Reading | BatchInvocation | Discarding


@dataclass(frozen=True)
class Shards:
    """The shards of the stream, and the newest record of each if the task asked for it."""

    shards: Sequence[Shard]
    newest: Mapping[str, str | None]


@dataclass(frozen=True)
class Raised:
    """The invocation ended without an answer."""

    error: Exception


@dataclass(frozen=True)
class Kept:
    """The discarded records are in the destination, or there is none."""


type Result = (
    Shards | Page | Answer | Raised | Kept | SourceError | NotInvokedError | DestinationError
)


def invoked(invoke: Invoke, event: str) -> Answer | Raised:
    """The answer of the function, or what it raised.

    Raises:
        NotInvokedError: the event did not reach the function.
    """
    try:
        return invoke(event)
    except NotInvokedError:
        raise
    except Exception as error:  # noqa: BLE001 - a function may raise anything
        return Raised(error)


def perform(task: Task, source: Source, invoke: Invoke, destination: Destination | None) -> Result:
    """Talk to the stream, the function or the destination."""
    try:
        match task:
            case Listing():
                shards = source.shards()
                wanted = shards if task.wants_newest else ()
                return Shards(
                    shards, {each.shard_id: source.newest(each.shard_id) for each in wanted}
                )
            case Reading():
                return source.read(task.shard_id, task.after, task.limit)
            case BatchInvocation():
                return invoked(invoke, task.event)
            case Discarding():
                if destination:
                    destination(task.discarded)
                return Kept()
    except (SourceError, NotInvokedError, DestinationError) as error:
        return error
