"""No stream record is lost or counted twice, under all faults between stream and tables."""

import pytest
from hypothesis import example, given, seed

from tests.simulation import tally
from tests.simulation.functions import Function
from tests.simulation.moves import Move, Setup
from tests.simulation.scenarios import histories, many, run_history, setups

pytestmark = [pytest.mark.timeout(0), pytest.mark.slow] if tally.LONG else []

SMALL = Setup(batch_size=3, retries=1, rows=4, shards=1)
# A release raises on a view while S3 is unavailable and counts later views. Then a release without
# the bug is deployed.
RAISED_ON_AND_NOT_QUARANTINED = [
    Move("send", 3),
    Move("deploy", 1),
    Move("run_engine_once"),
    Move("outage"),
    Move("run_engine_once"),
    Move("run_engine_once"),
    Move("deploy", 0),
]


@many(750)
@seed(tally.SEED)
@given(setup=setups(), moves=histories())
@example(SMALL, RAISED_ON_AND_NOT_QUARANTINED)
def test_every_view_is_counted_once_in_every_history(
    functions: dict[str, Function], setup: Setup, moves: list[Move]
):
    run_history(functions["view_counter"], setup, moves)


@many(500)
@seed(tally.SEED)
@given(setup=setups(), moves=histories())
@example(SMALL, [Move("poison")])
def test_catalog_has_exactly_the_public_photos_after_every_history(
    functions: dict[str, Function], setup: Setup, moves: list[Move]
):
    run_history(functions["catalog_replicator"], setup, moves)
