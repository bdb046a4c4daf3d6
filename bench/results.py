"""How a benchmark prints its results: as Markdown, which a terminal shows well too."""

from collections.abc import Iterable, Sequence
from typing import Final

MISSED: Final = 3  # the exit status of a script that has measured everything and missed a target


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; the first column is aligned to the left, the others to the right."""
    lines = [[str(cell) for cell in line] for line in (columns, *rows)]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    heading, *others = [
        [
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in lines
    ]
    ruler = ["-" * (width - bool(place)) + ":" * bool(place) for place, width in enumerate(widths)]
    print(f"\n{title}:\n")
    for line in (heading, ruler, *others):
        print(f"| {' | '.join(line)} |")
    print(flush=True)


def verdict(*, met: bool) -> str:
    return "met" if met else "missed"


def exit_status(*, met: bool) -> int:
    return 0 if met else MISSED
