"""Durations and sizes: measured by a script in bench/, read in the source code, or assumed."""

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

_FILE: Final = Path(__file__).with_name("figures.toml")
_ASSUMED: Final = "assumed"


class FigureError(Exception):
    """A figure is unknown or not a valid number."""


class Figure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number and its source."""

    value: float
    source: str

    @property
    def is_assumed(self) -> bool:
        """Whether the number is neither measured nor read in the source code."""
        return self.source.startswith(_ASSUMED)


class Figures:
    """Figures as attributes, such as `figures.api_cpu_ms`."""

    def __init__(self, figures: Mapping[str, Figure]) -> None:
        self.all = dict(figures)

    def __getattr__(self, name: str) -> float:
        try:
            return self.all[name].value
        except KeyError:
            raise AttributeError(name) from None


def load_figures(changes: Mapping[str, str]) -> Figures:
    """Read figures.toml and apply `changes`.

    Raises:
        FigureError: a change names an unknown figure, or its value is not a number of at least 0.
    """
    raw: dict[str, Any] = tomllib.loads(_FILE.read_text())
    figures = {name: msgspec.convert(each, Figure) for name, each in raw.items()}
    for name, text in changes.items():
        if name not in figures:
            raise FigureError(f"unknown figure {name!r}: expected one of {', '.join(figures)}")
        try:
            value = float(text)
        except ValueError:
            raise FigureError(f"{name} is {text!r}: expected a number") from None
        if not 0 <= value < math.inf:
            raise FigureError(f"{name} is {text}: expected a finite number of at least 0")
        figures[name] = Figure(value, f"{_ASSUMED}: on the command line")
    return Figures(figures)


def with_figure(figures: Figures, name: str, value: float) -> Figures:
    """The figures with another value of one of them."""
    return Figures({**figures.all, name: Figure(value, f"{_ASSUMED}: for a comparison")})
