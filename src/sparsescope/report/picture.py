"""Before and after side by side: the same field of view, a scale bar, stated contrast, a busy part enlarged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..image import Image
from ..io.atomic import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .sweep import Sweep

PERCENTILES = (0.5, 99.9)
"""Of the values shown: black below the first, white above the second."""

CONTRAST_RULE = f"each picture: black at {PERCENTILES[0]:g} %, white at {PERCENTILES[1]:g} % of its own values"

Box = tuple[float, float, float, float]
"""Left, right, bottom and top of a part of the field, in µm (or pixels of the input where no size is known)."""


def plane_of(image: Image) -> tuple[npt.NDArray[Any], str]:
    """Return one YX plane, the first time point and channel and the middle of z, and say which it is.

    Examples
    --------
    >>> import numpy as np
    >>> plane_of(Image(np.zeros((2, 5, 8, 9)), "TZYX"))[1]
    'T 0, Z 2'
    """
    index = {axis: (n // 2 if axis == "Z" else 0) for axis, n in image.sizes.items() if axis not in "YX"}
    return image.block(**index).astype(np.float32), ", ".join(f"{axis} {i}" for axis, i in index.items())


def busiest(plane: npt.NDArray[Any], side: int) -> tuple[int, int]:
    """Return row and column where the square of `side` pixels with the most edges starts.

    Edges count within the contrast that is shown, so that one saturated spot does not outweigh a crowd of dim ones.

    Examples
    --------
    >>> import numpy as np
    >>> plane = np.zeros((64, 64)); plane[40:44, 20] = 9
    >>> row, column = busiest(plane, 16)
    >>> 28 <= row <= 40, 5 <= column <= 20
    (True, True)
    """
    low, high = contrast(plane)
    shown = np.clip(plane, low, high).astype(np.float64)
    smooth = (shown[:-1, :-1] + shown[1:, :-1] + shown[:-1, 1:] + shown[1:, 1:]) / 4
    edges = sum(np.square(difference) for difference in np.gradient(smooth))
    step = max(1, side // 4)
    corners = [
        (row, column)
        for row in range(0, max(1, plane.shape[0] - side + 1), step)
        for column in range(0, max(1, plane.shape[1] - side + 1), step)
    ]
    return max(corners, key=lambda at: float(np.sum(edges[at[0] : at[0] + side, at[1] : at[1] + side])))


def round_length(longest: float) -> float:
    """Return the largest of 1, 2, 5 times a power of ten that is not above `longest`.

    Examples
    --------
    >>> round_length(6.3), round_length(0.38)
    (5.0, 0.2)
    """
    power = 10.0 ** np.floor(np.log10(longest))
    return float(f"{max(f for f in (1, 2, 5) if f * power <= longest * (1 + 1e-9)) * power:.3g}")


def blank(width_in: float, height_in: float) -> Figure:
    """Return an empty white figure of a size in inches, whose panels make room for each other."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def before_after(before: Image, after: Image, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a PNG with the input on the left, the result on the right, and the same busy part of both below.

    Each panel says its own contrast range, in the image's own values.

    Parameters
    ----------
    before, after : Image
        Of the same field of view; pixel sizes may differ (up-sampling).
    path : path-like
        The PNG to write.
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    OutputError
        If the file exists already or cannot be written.
    """
    (first, which), (second, _) = plane_of(before), plane_of(after)
    size = before.pixel_size_um or 1.0
    field: Box = (0.0, first.shape[1] * size, first.shape[0] * size, 0.0)
    side = max(8, min(first.shape) // 4)
    row, column = busiest(first, side)
    zoom: Box = (column * size, (column + side) * size, (row + side) * size, row * size)

    figure = blank(10, 10.6)
    unit = "µm" if before.pixel_size_um else "px"
    for number, (plane, name) in enumerate([(first, "input"), (second, "sparse deconvolution")]):
        above, below = figure.add_subplot(2, 2, number + 1), figure.add_subplot(2, 2, number + 3)
        _panel(above, plane, field, field, f"{name}{'  (' + which + ')' if which else ''}")
        _panel(below, plane, field, zoom, f"{name}, enlarged")
        _frame(above, zoom)
        _scale_bar(above, field, unit)
        _scale_bar(below, zoom, unit)
    with replacing(path, overwrite=overwrite) as file:
        figure.savefig(file, format="png", dpi=110)


def contact_sheet(sheet: Sweep, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a sweep as a PNG: the raw window first, then one row for each fidelity; the choice is framed and named.

    Parameters
    ----------
    sheet : Sweep
        What :func:`sparsescope.report.sweep.sweep` gives.
    path : path-like
        The PNG to write.
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    OutputError
        If the file exists already or cannot be written.
    """
    count, across = len(sheet.rows), len(sheet.rows[0])
    figure = blank(2.3 * (across + 1), 2.55 * count + 0.5)
    size = sheet.image.pixel_size_um or 1.0
    unit = "µm" if sheet.image.pixel_size_um else "px"
    height, width = sheet.raw.shape
    field: Box = (0.0, width * size, height * size, 0.0)
    first = figure.add_subplot(count, across + 1, 1)
    _thumbnail(first, sheet.raw, field, "input")
    _scale_bar(first, field, unit)
    for i, row in enumerate(sheet.rows):
        for j, tile in enumerate(row):
            axes = figure.add_subplot(count, across + 1, i * (across + 1) + j + 2)
            name = f"fidelity {tile.fidelity:g}, sparsity {tile.sparsity:g}"
            _thumbnail(axes, tile.values, field, f"{sheet.choice_name}:\n{name}" if tile.chosen else name)
            if tile.chosen:
                for spine in axes.spines.values():
                    spine.set(color="gold", linewidth=4)
    figure.suptitle(f"{sheet.place.describe()}; {CONTRAST_RULE}", fontsize=9)
    with replacing(path, overwrite=overwrite) as file:
        figure.savefig(file, format="png", dpi=110)


def _thumbnail(axes: Axes, plane: npt.NDArray[Any], field: Box, title: str) -> None:
    low, high = contrast(plane)
    axes.imshow(plane, cmap="gray", vmin=low, vmax=high, extent=field, interpolation="nearest")
    axes.set_title(title, fontsize=8)
    axes.set_xticks([])
    axes.set_yticks([])


def contrast(plane: npt.NDArray[Any]) -> tuple[float, float]:
    """Return the values that are shown black and white, at `PERCENTILES` of what is shown; the same rule everywhere.

    Examples
    --------
    >>> import numpy as np
    >>> contrast(np.zeros((4, 4)))
    (0.0, 1.0)
    """
    low, high = (float(value) for value in np.percentile(plane, PERCENTILES))
    if 0 < low < 1e-3 * high:
        low = 0.0
    return low, high if high > low else low + 1


def _panel(axes: Axes, plane: npt.NDArray[Any], field: Box, view: Box, title: str) -> None:
    low, high = contrast(plane)
    axes.imshow(plane, cmap="gray", vmin=low, vmax=high, extent=field, interpolation="nearest")
    axes.set_xlim(view[0], view[1])
    axes.set_ylim(view[2], view[3])
    axes.set_title(f"{title}\nblack {low:.4g}, white {high:.4g}", fontsize=10)
    axes.set_xticks([])
    axes.set_yticks([])


def _frame(axes: Axes, box: Box) -> None:
    left, right, bottom, top = box
    axes.plot([left, right, right, left, left], [top, top, bottom, bottom, top], color="gold", linewidth=1)


def _scale_bar(axes: Axes, view: Box, unit: str) -> None:
    from matplotlib.patheffects import withStroke

    left, right, bottom, top = view
    length = round_length((right - left) / 4)
    end, height = right - 0.04 * (right - left), bottom - 0.05 * (bottom - top)
    outline = [withStroke(linewidth=3, foreground="black")]
    axes.plot([end - length, end], [height, height], color="black", linewidth=6, solid_capstyle="projecting")
    axes.plot([end - length, end], [height, height], color="white", linewidth=4, solid_capstyle="butt")
    axes.text(
        end - length / 2,
        height - 0.02 * (bottom - top),
        f"{length:g} {unit}",
        color="white",
        ha="center",
        va="bottom",
        fontsize=10,
        path_effects=outline,
    )
