"""No stream record is lost or counted twice, under all faults between stream and tables."""

import pytest
from hypothesis import example, given, seed

from tests.simulation import tally
from tests.simulation.functions import Function
from tests.simulation.moves import Move, Setup
from tests.simulation.scenarios import histories, live, many, setups

pytestmark = [pytest.mark.timeout(0), pytest.mark.slow] if tally.LONG else []

SMALL = Setup(batch_size=3, retries=1, rows=4, shards=1)
# A release raises on a view while S3 is out, later views are counted, and then comes a better one.
RAISED_ON_AND_NOT_QUARANTINED = [
    Move("send", 3),
    Move("deploy", 1),
    Move("sweep"),
    Move("outage"),
    Move("sweep"),
    Move("sweep"),
    Move("deploy", 0),
]


@many(750)
@seed(tally.SEED)
@given(setup=setups(), moves=histories())
@example(SMALL, RAISED_ON_AND_NOT_QUARANTINED)
def test_every_view_is_counted_once_in_every_history(
    functions: dict[str, Function], setup: Setup, moves: list[Move]
):
    live(functions["view_counter"], setup, moves)


@many(500)
@seed(tally.SEED)
@given(setup=setups(), moves=histories())
@example(SMALL, [Move("poison")])
def test_catalog_is_the_filtered_source_after_every_history(
    functions: dict[str, Function], setup: Setup, moves: list[Move]
):
    live(functions["catalog_replicator"], setup, moves)
