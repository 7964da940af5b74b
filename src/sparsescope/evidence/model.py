"""What evidence is made of: numbers, curves and maps with their meaning, and findings in plain words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Colour = Literal["green", "amber", "red"]
COLOURS: tuple[Colour, ...] = ("green", "amber", "red")


@dataclass(frozen=True)
class Number:
    """One figure.

    Attributes
    ----------
    name : str
        Stable key, with its unit.
    value : float or None
        None where it could not be measured; `meaning` says why.
    unit : str
        For the reader; empty for pure numbers.
    meaning : str
        What it says, in plain words.
    blind : str
        What it cannot see.
    source : str
        Method with its citation.
    error : float or None
        Standard error, where it is known.
    """

    name: str
    value: float | None
    unit: str
    meaning: str
    blind: str = ""
    source: str = ""
    error: float | None = None


@dataclass(frozen=True)
class Map:
    """One picture of evidence, over the window (`Evidence.rows`, `Evidence.columns`), on the input's pixels.

    Attributes
    ----------
    name, unit, meaning, blind : str
        As of a number.
    values : array, (Y, X), float32
        NaN where nothing was measured.
    """

    name: str
    values: npt.NDArray[np.float32]
    unit: str
    meaning: str
    blind: str = ""


@dataclass(frozen=True)
class Curve:
    """One curve of evidence.

    Attributes
    ----------
    name, x_label, y_label, meaning : str
        For the reader.
    x, y : tuple of float
        Points.
    """

    name: str
    x_label: str
    y_label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    meaning: str


@dataclass(frozen=True)
class Finding:
    """One sentence of the verdict.

    Attributes
    ----------
    colour : str
        ``"green"``, ``"amber"`` or ``"red"``.
    text : str
        The finding with its reason, in plain words.
    number : str
        Name of the number behind it.
    """

    colour: Colour
    text: str
    number: str


@dataclass(frozen=True)
class Evidence:
    """What to believe of one channel of a result.

    Attributes
    ----------
    level : str
        ``"quick"`` or ``"full"``.
    index : mapping
        The plane that was looked at, by axis letter.
    rows, columns : tuple of int
        First and last + 1 pixel of the window that was looked at, in the input.
    numbers, maps, curves : tuple
        What was measured.
    findings : tuple of Finding
        The verdict, worst first.
    solves : int
        Reconstructions that it took.
    seconds : float
        Wall time; 0 where it came from the cache.
    """

    level: str
    index: Mapping[str, int]
    rows: tuple[int, int]
    columns: tuple[int, int]
    numbers: tuple[Number, ...]
    maps: tuple[Map, ...]
    curves: tuple[Curve, ...]
    findings: tuple[Finding, ...]
    solves: int
    seconds: float

    @property
    def colour(self) -> Colour:
        """The worst colour of all findings."""
        return max((finding.colour for finding in self.findings), key=COLOURS.index, default="green")

    def number(self, name: str) -> float | None:
        """Return the value of a number by its name, None where it was not measured."""
        return next((number.value for number in self.numbers if number.name == name), None)

    def map(self, name: str) -> npt.NDArray[np.float32] | None:
        """Return the values of a map by its name, None where it was not made."""
        return next((found.values for found in self.maps if found.name == name), None)

    def document(self) -> dict[str, Any]:
        """Return everything but the pixels of the maps as plain lists, texts and numbers for JSON.

        Examples
        --------
        >>> Evidence("quick", {}, (0, 8), (0, 8), (), (), (), (), 0, 0.0).document()["colour"]
        'green'
        """
        return {
            "colour": self.colour,
            "level": self.level,
            "window": {**self.index, "rows": list(self.rows), "columns": list(self.columns)},
            "findings": [asdict(finding) for finding in self.findings],
            "numbers": [{**asdict(number), "value": _finite(number.value)} for number in self.numbers],
            "curves": [
                {**asdict(curve), "x": [_finite(v) for v in curve.x], "y": [_finite(v) for v in curve.y]}
                for curve in self.curves
            ],
            "maps": [
                {"name": m.name, "unit": m.unit, "meaning": m.meaning, "blind": m.blind, "shape": list(m.values.shape)}
                for m in self.maps
            ],
            "solves": self.solves,
            "seconds": self.seconds,
        }


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
