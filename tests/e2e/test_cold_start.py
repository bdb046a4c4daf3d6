"""What a cold start of each function costs, in figures that do not depend on the machine.

bench/cold_start.py measures times. On top of Lambda's runtime client, an import of the handler may
load, open and read so much. The limits are 2 to 3 % above what it is, for other patch versions of
Python. Below a limit by more than that: lower it.
"""

import shutil
from pathlib import Path

import pytest

from bench.function_start import (
    Counts,
    MeasuredFunction,
    built_functions,
    compile_runtime,
    counted,
    instructions,
)
from tests.e2e.conftest import OWN_ENVIRONMENT, Build

LIMITS = {
    "catalog_replicator": Counts(modules=307, files=286, bytes=5_400_000),
    "daily_report": Counts(modules=314, files=301, bytes=5_430_000),
    "edge_headers": Counts(modules=6, files=13, bytes=9_000),
    "gallery_api": Counts(modules=375, files=368, bytes=5_900_000),
    "release_check": Counts(modules=288, files=264, bytes=5_100_000),
    "thumbnailer": Counts(modules=350, files=331, bytes=6_100_000),
    "view_counter": Counts(modules=307, files=286, bytes=5_400_000),
}
TIMES_THE_EMPTY_HANDLER = {
    "catalog_replicator": 6.3,
    "daily_report": 6.6,
    "edge_headers": 1.1,
    "gallery_api": 7.4,
    "release_check": 5.7,
    "thumbnailer": 7.6,
    "view_counter": 6.3,
}
"""Instructions; valgrind's counts vary by less than 0.2 %, the rest of the margin is Python's."""


@pytest.fixture(scope="module")
def functions(
    built: Build, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, MeasuredFunction]:
    return built_functions(built.folder, tmp_path_factory.mktemp("opt"))


def test_every_function_has_its_limits(functions: dict[str, MeasuredFunction]):
    assert functions.keys() == LIMITS.keys() == TIMES_THE_EMPTY_HANDLER.keys()


@pytest.fixture(scope="module")
def starts(functions: dict[str, MeasuredFunction]) -> dict[str, tuple[Counts, list[str]]]:
    """What the start of each function imports and reads, and the files of its modules."""
    return {name: counted(function) for name, function in functions.items()}


@pytest.mark.parametrize("name", LIMITS)
def test_start_loads_opens_and_reads_no_more_than_its_limits(
    name: str, starts: dict[str, tuple[Counts, list[str]]]
):
    found, limit = starts[name][0], LIMITS[name]
    assert found.modules <= limit.modules, found
    assert found.files <= limit.files, found
    assert found.bytes <= limit.bytes, found


@pytest.mark.parametrize("name", LIMITS)
def test_no_module_comes_from_the_sdk_of_the_runtime(
    name: str, starts: dict[str, tuple[Counts, list[str]]]
):
    """Its boto3 would load the botocore of the layer, which has another version and is trimmed."""
    of_the_client = {"awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py"}
    packages = {
        file.partition("site-packages/")[2].partition("/")[0].partition(".")[0]
        for file in starts[name][1]
        if ".venv-runtime" in file
    }
    assert packages <= of_the_client


@pytest.fixture(scope="module")
def of_an_empty_handler(tmp_path_factory: pytest.TempPathFactory) -> int:
    """The instructions of the runtime client with a handler that does nothing."""
    if not shutil.which("valgrind"):
        missing = "valgrind is missing: apt-get install valgrind"
        if OWN_ENVIRONMENT.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    compile_runtime()
    return instructions(empty_function(tmp_path_factory.mktemp("empty")))


def empty_function(folder: Path) -> MeasuredFunction:
    (folder / "empty").mkdir()
    (folder / "empty" / "__init__.py").touch()
    (folder / "empty" / "handler.py").write_text("def handler(event, context): return event\n")
    (folder / "opt" / "python").mkdir(parents=True)
    return MeasuredFunction("empty.handler.handler", folder, folder / "opt" / "python")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", TIMES_THE_EMPTY_HANDLER)
def test_start_executes_no_more_instructions_than_its_limit(
    name: str, functions: dict[str, MeasuredFunction], of_an_empty_handler: int
):
    times = instructions(functions[name]) / of_an_empty_handler
    assert times <= TIMES_THE_EMPTY_HANDLER[name]
