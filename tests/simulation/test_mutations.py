"""Each test removes one safeguard, and expects the simulation to find a history that fails."""

import time

import pytest
from hypothesis import Phase, given, seed

from tests.simulation import tally
from tests.simulation.functions import Function
from tests.simulation.moves import Move, Setup
from tests.simulation.mutations import MUTATIONS, Mutation
from tests.simulation.scenarios import WORLDS, histories, many, setups


@pytest.mark.parametrize(
    ("folder", "mutation"),
    [(folder, mutation) for folder, each in MUTATIONS.items() for mutation in each],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_history_fails_without_the_safeguard(
    functions: dict[str, Function],
    monkeypatch: pytest.MonkeyPatch,
    folder: str,
    mutation: Mutation,
):
    function = functions[folder]
    mutation(function, monkeypatch)
    histories_run = 0

    @many(2000, phases=[Phase.generate], database=None)
    @seed(tally.SEED)
    @given(setup=setups(), moves=histories())
    def run(setup: Setup, moves: list[Move]) -> None:
        nonlocal histories_run
        histories_run += 1
        WORLDS[folder](function, setup).run(moves)

    started = time.monotonic()
    with tally.not_counting(), pytest.raises(AssertionError) as found:
        run()
    failure = str(found.value).partition("\n")[0]
    assert "the function raised" not in failure, (
        "the mutation breaks the function instead of removing a safeguard"
    )
    name = mutation.__name__.replace("_", " ")
    seconds = time.monotonic() - started
    tally.mutations[f"{name} of {folder}"] = (
        f"{failure!r} in history {histories_run - 1} after {seconds:.1f} s"
    )
