"""Counts of the simulation, for the summary of pytest."""

import contextlib
import os
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# In the environment it reaches the workers of pytest-xdist, which all use the same one then.
SEED = int(os.environ.get("SIMULATION_SEED") or random.SystemRandom().randrange(2**32))
os.environ["SIMULATION_SEED"] = str(SEED)
LONG = os.environ.get("SIMULATION") == "long"

histories: Counter[str] = Counter()
seconds: Counter[str] = Counter()
events: Counter[str] = Counter()
faults: Counter[str] = Counter()
mutations: dict[str, str] = {}


@contextlib.contextmanager
def not_counting() -> Iterator[None]:
    """Histories of a mutation are not counted."""
    before = events.copy(), faults.copy()
    yield
    for counter, counts in zip((events, faults), before, strict=True):
        counter.clear()
        counter.update(counts)


def dump() -> list[dict[str, Any]]:
    """The counts of this process, for `add` in another one."""
    return [dict(each) for each in (histories, seconds, events, faults, mutations)]


def add(dumped: Sequence[Mapping[str, Any]]) -> None:
    """Add the counts of another process."""
    counted: list[dict[str, Any]] = [histories, seconds, events, faults, mutations]
    for known, more in zip(counted, dumped, strict=True):
        known.update(more)


def lines() -> list[str]:
    """The summary; empty if no history was run."""
    if not histories and not mutations:
        return []
    spent = ", ".join(
        f"{count:,} of {name} ({count / seconds[name]:.0f}/s)"
        for name, count in sorted(histories.items())
    )
    return [
        f"survived {histories.total():,} histories: {spent}",
        f"  in which: {_listed(events)}",
        f"survived {faults.total():,} faults: {_listed(faults)}",
        *(f"found without {name}: {how}" for name, how in mutations.items()),
        f"the same again: SIMULATION_SEED={SEED}{' SIMULATION=long' if LONG else ''}",
    ]


def _listed(counter: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counter.most_common())
