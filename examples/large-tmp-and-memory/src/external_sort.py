"""Sorts the lines of a file that does not fit into the memory: an external merge sort."""

import contextlib
import heapq
from pathlib import Path


def sort_lines(source: Path, target: Path, run_bytes: int) -> int:
    """Sort the lines of `source` into `target`, and return their number; `source` is removed.

    Runs of about `run_bytes` are sorted in memory and written beside `target`, and then merged.
    Because `source` is removed before the merge, the disk holds at most twice its size.
    """
    runs: list[Path] = []
    count = 0
    with source.open("rb") as lines:
        while run := lines.readlines(run_bytes):
            if not run[-1].endswith(b"\n"):  # the last line of the file
                run[-1] += b"\n"
            run.sort()
            count += len(run)
            runs.append(target.with_suffix(f".run{len(runs)}"))
            with runs[-1].open("wb") as file:
                file.writelines(run)
    source.unlink()
    with contextlib.ExitStack() as files:
        sorted_runs = [files.enter_context(each.open("rb")) for each in runs]
        with target.open("wb") as file:
            file.writelines(heapq.merge(*sorted_runs))
    return count
