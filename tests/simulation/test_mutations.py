"""The simulation can fail: for each removed safeguard it finds a history that shows the error."""

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
def test_history_that_needs_the_guard_is_found(
    functions: dict[str, Function],
    monkeypatch: pytest.MonkeyPatch,
    folder: str,
    mutation: Mutation,
):
    function = functions[folder]
    mutation(function, monkeypatch)
    lived = 0

    @many(2000, phases=[Phase.generate], database=None)
    @seed(tally.SEED)
    @given(setup=setups(), moves=histories())
    def live(setup: Setup, moves: list[Move]) -> None:
        nonlocal lived
        lived += 1
        WORLDS[folder](function, setup).live(moves)

    started = time.monotonic()
    with tally.not_counting(), pytest.raises(AssertionError) as found:
        live()
    how = str(found.value).partition("\n")[0]
    assert "the function raised" not in how, "the mutation does not fit the code any more"
    name = mutation.__name__.replace("_", " ")
    seconds = time.monotonic() - started
    tally.mutations[f"{name} of {folder}"] = f"{how!r} in history {lived - 1} after {seconds:.1f} s"
