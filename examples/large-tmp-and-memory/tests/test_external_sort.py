"""Lines are sorted whatever the size of the runs, with at most twice the file on disk."""

import heapq
import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from external_sort import sort_lines


def readings(count: int) -> list[bytes]:
    shuffled = random.Random(0)  # noqa: S311 - for an order, not for a secret
    lines = [b"m%04d,2026-11-29T%02d:00,%d\n" % (i % 97, i % 24, i) for i in range(count)]
    shuffled.shuffle(lines)
    return lines


@pytest.mark.parametrize("run_bytes", [1, 1_000, 1_000_000])
def test_lines_are_sorted_in_runs_of_any_size(tmp_path: Path, run_bytes: int) -> None:
    lines = readings(500)
    source, target = tmp_path / "source", tmp_path / "sorted"
    source.write_bytes(b"".join(lines))
    assert sort_lines(source, target, run_bytes) == 500
    assert target.read_bytes() == b"".join(sorted(lines))


def test_last_line_needs_no_line_feed(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "sorted"
    source.write_bytes(b"b\na")
    assert sort_lines(source, target, 1_000) == 2
    assert target.read_bytes() == b"a\nb\n"


def test_empty_file_is_sorted_to_an_empty_file(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "sorted"
    source.touch()
    assert sort_lines(source, target, 1_000) == 0
    assert target.read_bytes() == b""


def test_source_is_removed_before_the_merge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "source", tmp_path / "sorted"
    source.write_bytes(b"".join(readings(100)))

    def merge(*runs: Iterable[bytes]) -> Iterable[bytes]:
        assert not source.exists()
        return real_merge(*runs)

    real_merge = heapq.merge
    monkeypatch.setattr(heapq, "merge", merge)
    sort_lines(source, target, 1_000)
    assert len(target.read_bytes().splitlines()) == 100
