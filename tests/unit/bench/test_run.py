"""`make bench`: scripts that work, that miss a target and that fail, and the document."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.results import MISSED, print_table
from bench.run import BENCHMARKS, Benchmark, PerformanceDocument, main, run_all

FAST, SLOW, BROKEN = (Benchmark(name) for name in ("fast", "slow", "broken"))

type WriteScript = Callable[[str, str], None]


@pytest.fixture
def write_script(tmp_path: Path) -> WriteScript:
    def write(name: str, code: str) -> None:
        (tmp_path / f"{name}.py").write_text(f'"""How {name} it is."""\nimport sys\n{code}\n')

    return write


def document(folder: Path, *benchmarks: Benchmark) -> PerformanceDocument:
    return PerformanceDocument(folder / "performance.md", benchmarks, "## Machine\n")


def test_a_script_that_fails_is_named_and_the_others_continue(
    tmp_path: Path, write_script: WriteScript
):
    write_script("fast", "print('1 ms')")
    write_script("broken", "sys.exit('no such photo')")
    write_script("slow", f"print('9 ms, missed'); sys.exit({MISSED})")
    written = document(tmp_path, FAST, BROKEN, SLOW)
    assert run_all(written.benchmarks, written, tmp_path) == ["broken"]
    sections = written.sections()
    assert list(sections) == ["fast", "slow"]
    assert "How fast it is." in sections["fast"]
    assert "1 ms" in sections["fast"]
    assert "9 ms, missed" in sections["slow"]
    assert written.file.read_text().endswith("\n\n## Machine\n")


def test_results_of_an_earlier_run_stay(tmp_path: Path, write_script: WriteScript):
    write_script("fast", "print('1 ms')")
    write_script("slow", "print('9 ms')")
    written = document(tmp_path, FAST, SLOW)
    run_all((FAST, SLOW), written, tmp_path)
    write_script("fast", "print('2 ms')")
    write_script("slow", "raise OSError")
    assert run_all((FAST, SLOW), written, tmp_path) == ["slow"]
    assert "2 ms" in written.sections()["fast"]
    assert "9 ms" in written.sections()["slow"]
    run_all((FAST,), written, tmp_path)
    assert "9 ms" in written.sections()["slow"]


def test_the_benchmarks_and_their_latest_times_are_named_before_the_first_runs(
    tmp_path: Path, write_script: WriteScript, capsys: pytest.CaptureFixture[str]
):
    section = "How slow it is.\n\nMeasured on 2026-11-29 in 120 s; load average 0.1.\n"
    (tmp_path / "performance.md").write_text(f"## `bench/slow.py`\n\n{section}")
    written = document(tmp_path, FAST, SLOW)
    for name in ("fast", "slow"):
        write_script(name, "print('1 ms')")
    run_all((FAST, SLOW), written, tmp_path)
    printed = " ".join(capsys.readouterr().err.split())
    assert printed.startswith(
        "Running fast, slow (120 s). Those with a time took 2 minutes together the last time."
    )


def test_figures_without_a_baseline_are_not_published(tmp_path: Path, write_script: WriteScript):
    write_script("fast", "print('1 ms')")
    alone = Benchmark("fast", has_baseline=False)
    written = document(tmp_path, alone)
    assert run_all((alone,), written, tmp_path) == []
    assert not written.file.exists()


def test_a_chart_is_drawn_next_to_the_document(tmp_path: Path, write_script: WriteScript):
    write_script("fast", "assert sys.argv[1] == '--plot'; open(sys.argv[2], 'w').write('<svg/>')")
    drawn = Benchmark("fast", has_plot=True)
    written = document(tmp_path, drawn)
    assert run_all((drawn,), written, tmp_path) == []
    assert (tmp_path / "performance" / "fast.svg").read_text() == "<svg/>"
    assert "![fast](performance/fast.svg)" in written.file.read_text()


def test_every_script_is_in_the_list_and_no_other():
    folder = Path(__file__).parents[3] / "bench"
    scripts = {
        path.stem
        for path in folder.glob("*.py")
        if re.search(r"^if __name__ == .__main__.:", path.read_text(), re.MULTILINE)
    }
    assert scripts - {"run", "laptop_clients"} == {each.name for each in BENCHMARKS}


def test_tables_are_markdown(capsys: pytest.CaptureFixture[str]):
    print_table("Times", ("", "ms"), [("ours", 1), ("naive Pillow", 12)])
    assert capsys.readouterr().out == (
        "\nTimes:\n\n"
        "|              | ms |\n"
        "| ------------ | -: |\n"
        "| ours         |  1 |\n"
        "| naive Pillow | 12 |\n"
        "\n"
    )


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What `main` does in the place of building and measuring; a test may let the build fail."""
    done: list[object] = []

    def build() -> bool:
        done.append("build")
        return True

    def note(benchmarks: tuple[Benchmark, ...], _: PerformanceDocument) -> list[str]:
        done.append([each.name for each in benchmarks])
        return []

    monkeypatch.setattr("bench.run.build", build)
    monkeypatch.setattr("bench.run.run_all", note)
    return done


def test_all_benchmarks_are_run_unless_some_are_named(
    monkeypatch: pytest.MonkeyPatch, steps: list[object]
):
    for arguments in ([], ["edge", "streams"]):
        monkeypatch.setattr("sys.argv", ["run", *arguments])
        assert main() == 0
    everything = [each.name for each in BENCHMARKS]
    assert steps == ["build", everything, "build", ["streams", "edge"]]


@pytest.mark.parametrize(("argument", "status"), [("--help", 0), ("nothing", 2)])
def test_help_and_an_unknown_name_are_answered_without_a_build(
    monkeypatch: pytest.MonkeyPatch, steps: list[object], argument: str, status: int
):
    monkeypatch.setattr("sys.argv", ["run", argument])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == status
    assert steps == []


def test_nothing_is_measured_after_a_failed_build(
    monkeypatch: pytest.MonkeyPatch, steps: list[object]
):
    monkeypatch.setattr("bench.run.build", lambda: False)
    monkeypatch.setattr("sys.argv", ["run"])
    assert main() == 1
    assert steps == []
