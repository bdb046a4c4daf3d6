"""Random histories: how they are drawn and run, and how many there are."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.simulation import tally
from tests.simulation.call_faults import FAULTS, NO_FAULT
from tests.simulation.functions import Function
from tests.simulation.moves import Move, Setup
from tests.simulation.photos_world import PhotosWorld
from tests.simulation.views_world import ViewsWorld

# How often each move is chosen; moves with a fault, for each fault.
WITH_FAULT = {"run_engine_once": 6, "advance": 6, "redrive": 2, "deliver_again": 1}
WITHOUT_FAULT = {
    "send": 70,
    "begin": 56,
    "finish": 56,
    "deploy": 28,
    "throttle": 21,
} | dict.fromkeys(
    ("save_checkpoints", "restart", "wait", "outage", "late_call", "poison", "reshard"), 14
)
CHOICES = (*(NO_FAULT,) * 5, *FAULTS)  # of faults
VERBS = [
    *((verb, NO_FAULT) for verb, weight in WITHOUT_FAULT.items() for _ in range(weight)),
    *(
        (verb, fault)
        for verb, weight in WITH_FAULT.items()
        for fault in CHOICES
        for _ in range(weight)
    ),
]
WORLDS = {"view_counter": ViewsWorld, "catalog_replicator": PhotosWorld}


def histories(parts: int = 10) -> st.SearchStrategy[list[Move]]:
    """About fifty moves in several lists: a list cannot shrink below its minimum length."""
    move = st.tuples(st.sampled_from(VERBS), st.integers(0, 999)).map(
        lambda drawn: Move(drawn[0][0], drawn[1], drawn[0][1])
    )
    part = st.lists(move, max_size=20)
    return st.tuples(*[part] * parts).map(lambda drawn: [move for part in drawn for move in part])


def setups() -> st.SearchStrategy[Setup]:
    return st.builds(
        Setup,
        batch_size=st.sampled_from((3, 5, 8, 20, 1)),
        retries=st.sampled_from((1, 0, 2, 10)),
        rows=st.sampled_from((4, 3, 6, 100)),
        shards=st.sampled_from((1, 2)),
        paces=st.sampled_from(((1, 1), (2, 1), (1, 3))),
    )


def many(examples: int, **more: Any) -> Callable[[Any], Any]:
    """Run this number of histories; eight times as many, 10,000 in all, if SIMULATION=long."""
    return settings(
        max_examples=examples * (8 if tally.LONG else 1),
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
        **more,
    )


def run_history(function: Function, setup: Setup, moves: Sequence[Move]) -> None:
    """Run a history of that function, and count it as passed."""
    started = time.monotonic()
    WORLDS[function.folder](function, setup).run(moves)
    tally.histories[function.folder] += 1
    tally.seconds[function.folder] += time.monotonic() - started
