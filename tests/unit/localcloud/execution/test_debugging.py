from pathlib import Path

from localcloud.execution import debugging
from localcloud.execution.debugging import Debugger

DEBUGGER = Debugger(
    port=5678,
    package="/venv/debugpy",
    sources=(
        ("/me/src/shop", "/var/task/shop"),
        ("/me/src", "/var/task"),
        ("/me/l", "/opt/python"),
    ),
)


def test_function_with_the_debugger_is_read_as_it_was_written(tmp_path: Path):
    file = tmp_path / debugging.FILE
    assert debugging.read(file) is None
    debugging.write(file, "orders", DEBUGGER)
    assert debugging.read(file) == ("orders", DEBUGGER)


def test_source_folders_have_the_folders_that_the_function_runs():
    assert DEBUGGER.paths(Path("/code/1"), Path("/code/2")) == [
        ["/me/src/shop", "/code/1/shop"],
        ["/me/src", "/code/1"],
        ["/me/l", "/code/2/python"],
    ]
