"""The requests and faults of a run, drawn from its seed.

The same seed gives the same requests, in the same order, and the same faults at the same points of
the progress. The scheduler of the machine still decides which instruction a kill hits.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

VIEWS_PER_PUT: Final = 100
_VIEWS_PER_API_VIEW: Final = 20
_PUTS_PER_POISON: Final = 8
_POPULAR: Final = 6
_SMALLEST_UPLOADS: Final = 20
_SMALLEST_VIEWS: Final = 2_000
READS: Final = ("feed", "photo", "views", "page", "rendition")


class Fault(StrEnum):
    """A kind of kill; the value is what the summary prints."""

    API = "gallery_api killed during an invocation"
    THUMBNAILER = "thumbnailer killed during an invocation"
    COUNTER = "view_counter killed during an invocation"
    REPLICATOR = "catalog_replicator killed during an invocation"
    FROZEN = "frozen environment killed"
    KEEPER = "keeper of the environments killed"
    ENGINE = "stream engine killed"
    CLOUDFRONT = "CloudFront killed"


KILLS: Final = {
    Fault.API: 6,
    Fault.THUMBNAILER: 5,
    Fault.COUNTER: 5,
    Fault.REPLICATOR: 4,
    Fault.FROZEN: 4,
    Fault.KEEPER: 2,
    Fault.ENGINE: 8,
    Fault.CLOUDFRONT: 6,
}
"""How often each kind of fault happens in a run."""


class UploadKind(StrEnum):
    """What happens to a photo after its creation."""

    KEPT = "kept"
    UNUSABLE = "not a photo"
    DELETED = "deleted after the upload"
    DELETED_EARLY = "deleted before the upload"


UPLOAD_KINDS: Final = {
    UploadKind.KEPT: 65,
    UploadKind.UNUSABLE: 8,
    UploadKind.DELETED: 20,
    UploadKind.DELETED_EARLY: 7,
}
"""Shares in percent."""


@dataclass(frozen=True)
class Upload:
    """Create a photo, upload its file and perhaps delete it."""

    number: int
    kind: UploadKind


@dataclass(frozen=True)
class PutViews:
    """Put views into the stream by PutRecords, with this number of poison records among them."""

    number: int
    poison: int


@dataclass(frozen=True)
class ApiView:
    """Record one view by the API."""

    number: int


@dataclass(frozen=True)
class ReadPage:
    """Read one of `READS`."""

    number: int
    what: str


type Operation = Upload | PutViews | ApiView | ReadPage


@dataclass(frozen=True)
class Plan:
    """`faults` are pairs of a share of the operations, from 0 to 1, and what happens then.

    `popular` are uploaded before the first fault and kept.
    """

    seed: int
    uploads: int
    views: int
    popular: tuple[Upload, ...]
    operations: tuple[Operation, ...]
    faults: tuple[tuple[float, Fault], ...]

    @property
    def repeat(self) -> str:
        """The command that runs the same plan again."""
        return f"make chaos SEED={self.seed} UPLOADS={self.uploads} VIEWS={self.views}"


def plans_of(environment: Mapping[str, str]) -> list[Plan]:
    """The plans that SEED, UPLOADS and VIEWS ask for; SEED may have several numbers.

    Raises:
        ValueError: one of them is not a number, or too small for every kind of fault to happen.
    """
    seeds = environment.get("SEED", "").split() or [str(random.SystemRandom().randrange(2**32))]
    uploads = _number("UPLOADS", environment.get("UPLOADS") or "300", _SMALLEST_UPLOADS)
    views = _number("VIEWS", environment.get("VIEWS") or "30000", _SMALLEST_VIEWS)
    return [make_plan(_number("SEED", seed, 0), uploads, views) for seed in seeds]


def make_plan(seed: int, uploads: int, views: int) -> Plan:
    """The plan of a seed; `views` includes those by the API."""
    chance = random.Random(seed)  # noqa: S311 - it repeats the plan
    kinds = chance.choices(list(UPLOAD_KINDS), list(UPLOAD_KINDS.values()), k=uploads - _POPULAR)
    by_api = views // _VIEWS_PER_API_VIEW
    puts = (views - by_api) // VIEWS_PER_PUT
    operations: list[Operation] = [
        *(Upload(_POPULAR + number, kind) for number, kind in enumerate(kinds)),
        *(PutViews(number, int(number % _PUTS_PER_POISON == 0)) for number in range(puts)),
        *(ApiView(number) for number in range(by_api)),
        *(ReadPage(number, chance.choice(READS)) for number in range(by_api)),
    ]
    chance.shuffle(operations)
    faults = [fault for fault, count in KILLS.items() for _ in range(count)]
    chance.shuffle(faults)
    shares = sorted(chance.uniform(0.02, 0.95) for _ in faults)
    return Plan(
        seed=seed,
        uploads=uploads,
        views=by_api + puts * VIEWS_PER_PUT,
        popular=tuple(Upload(number, UploadKind.KEPT) for number in range(_POPULAR)),
        operations=tuple(operations),
        faults=tuple(zip(shares, faults, strict=True)),
    )


def _number(name: str, text: str, least: int) -> int:
    if not text.isdecimal() or int(text) < least:
        raise ValueError(f"{name}={text}: expected a whole number of at least {least}.")
    return int(text)
