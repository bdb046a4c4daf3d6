"""Counts of the simulation, for the summary of pytest."""

import contextlib
import os
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# In the environment, so that all workers of pytest-xdist use the same seed.
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
    """Restore the counts at the end: histories of a mutation are not counted."""
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
    by_function = ", ".join(
        f"{count:,} of {name} ({count / seconds[name]:.0f}/s)"
        for name, count in sorted(histories.items())
    )
    return [
        f"passed {histories.total():,} histories: {by_function}",
        f"  events: {_listed(events)}",
        f"  {faults.total():,} faults: {_listed(faults)}",
        *(f"failed without {name}: {failure}" for name, failure in mutations.items()),
        f"repeat with: SIMULATION_SEED={SEED}{' SIMULATION=long' if LONG else ''}",
    ]


def _listed(counter: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counter.most_common())
