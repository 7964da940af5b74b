"""What an experiment found, as plain data: panels to draw, tables, sentences. Nothing here draws or computes."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Picture:
    """A plane shown as an image.

    Attributes
    ----------
    values : array, shape (Y, X)
        What is shown.
    title : str
        Above it.
    pixel_um : float or None
        Size of a pixel, for a scale bar; None for no bar.
    scale : {"linear", "log"}
        Logarithmic over six decades below the maximum, for spectra.
    limits : tuple of float or None
        Values shown black and white; None for 0 (or the least value, if negative) and the 99.9th percentile.
    boxes : tuple of (row, column, height, width)
        Frames drawn in it, in pixels.
    lines : tuple of (row, column, row, column)
        Lines drawn in it, in pixels.
    """

    values: npt.NDArray[Any]
    title: str
    pixel_um: float | None = None
    scale: Literal["linear", "log"] = "linear"
    limits: tuple[float, float] | None = None
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    lines: tuple[tuple[float, float, float, float], ...] = ()


@dataclass(frozen=True, eq=False)
class Line:
    """A line, or points, of a plot."""

    x: Sequence[float] | npt.NDArray[Any]
    y: Sequence[float] | npt.NDArray[Any]
    label: str = ""
    style: Literal["line", "points", "dashed", "both"] = "line"


@dataclass(frozen=True, eq=False)
class Plot:
    """Lines over common axes."""

    lines: tuple[Line, ...]
    title: str
    x_label: str
    y_label: str
    log_x: bool = False
    log_y: bool = False
    y_limits: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class Heat:
    """Numbers in rows and columns, coloured; some cells framed."""

    values: npt.NDArray[Any]
    title: str
    row_labels: tuple[str, ...]
    column_labels: tuple[str, ...]
    row_title: str = ""
    column_title: str = ""
    form: str = ".2f"
    framed: tuple[tuple[int, int], ...] = ()


Panel = Picture | Plot | Heat


@dataclass(frozen=True, eq=False)
class Figure:
    """Panels in rows, which may be of different lengths; None leaves a place empty.

    Attributes
    ----------
    rows : tuple of tuple of Panel
        From the top.
    heights : tuple of float
        Relative heights of the rows; even when empty.
    caption : str
        Below it.
    framed : tuple of (row, column)
        Panels with a golden frame.
    cell_in : float
        Width of a panel in the longest row, in inches.
    """

    rows: tuple[tuple[Panel | None, ...], ...]
    caption: str = ""
    heights: tuple[float, ...] = ()
    framed: tuple[tuple[int, int], ...] = ()
    cell_in: float = 3.0


@dataclass(frozen=True)
class Table:
    """Named columns; numbers stay numbers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    title: str = ""

    def csv(self) -> str:
        r"""Return the table as comma-separated values, numbers with seven digits.

        Examples
        --------
        >>> Table(("a", "b"), ((1, 0.123456789), ("x, y", 2))).csv()
        'a,b\n1,0.1234568\n"x, y",2\n'
        """
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([[cell(value, 7) for value in row] for row in self.rows])
        return out.getvalue()


def cell(value: Any, digits: int = 3) -> str:
    """Return a table's value as text, real numbers with so many digits.

    Examples
    --------
    >>> cell(1234567.0), cell(0.00012345), cell(3), cell(None)
    ('1.23e+06', '0.000123', '3', '')
    """
    if value is None:
        return ""
    if isinstance(value, float | np.floating):
        return f"{value:.{digits}g}"
    return str(value)


@dataclass(frozen=True, eq=False)
class Findings:
    """What an experiment found.

    Attributes
    ----------
    title : str
        What it is about.
    claim : str
        The statement that is tested, as its source says it.
    figure : Figure
        To look at.
    tables : tuple of Table
        The first is the experiment's own; all are written.
    shown : tuple of str
        What was found, with its numbers.
    boundary : tuple of str
        Where the claim ends, and what this experiment cannot show.
    sources : tuple of str
        What it rests on.
    measures : dict of str to float
        Its numbers by name, for tests and programs.
    """

    title: str
    claim: str
    figure: Figure
    tables: tuple[Table, ...]
    shown: tuple[str, ...]
    boundary: tuple[str, ...]
    sources: tuple[str, ...]
    measures: Mapping[str, float] = field(default_factory=dict)
