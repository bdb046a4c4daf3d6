"""Durations and sizes: measured by a script of bench/, read in the sources, or given."""

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

_FILE: Final = Path(__file__).with_name("figures.toml")
_GIVEN: Final = "given"


class FigureError(Exception):
    """A figure that there is not, or that is no number."""


class Figure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number and where it is from."""

    value: float
    source: str

    @property
    def is_given(self) -> bool:
        """Whether nobody has measured it."""
        return self.source.startswith(_GIVEN)


class Figures:
    """Figures as attributes, `figures.api_cpu_ms`."""

    def __init__(self, figures: Mapping[str, Figure]) -> None:
        self.all = dict(figures)

    def __getattr__(self, name: str) -> float:
        try:
            return self.all[name].value
        except KeyError:
            raise AttributeError(name) from None


def load_figures(changes: Mapping[str, str]) -> Figures:
    """Those of figures.toml, with `changes`.

    Raises:
        FigureError: one is not there, or is no number from 0 on.
    """
    raw: dict[str, Any] = tomllib.loads(_FILE.read_text())
    figures = {name: msgspec.convert(each, Figure) for name, each in raw.items()}
    for name, text in changes.items():
        if name not in figures:
            raise FigureError(f"there is no figure {name!r}; there are {', '.join(figures)}")
        try:
            value = float(text)
        except ValueError:
            raise FigureError(f"{name} must be a number, not {text!r}") from None
        if not 0 <= value < math.inf:
            raise FigureError(f"{name} must be finite and not negative, unlike {text}")
        figures[name] = Figure(value, f"{_GIVEN}: on the command line")
    return Figures(figures)
