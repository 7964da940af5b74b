"""Figures of experiments: panels of pictures, curves and tables, drawn to a PNG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from ..findings import Figure, Heat, Picture, Plot
from .picture import round_length

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Told apart by everyone (Okabe & Ito, 2008)."""

MARKERS = "os^Dv<>"
DPI = 110


def png(figure: Figure) -> bytes:
    r"""Draw a figure.

    Examples
    --------
    >>> png(Figure(((Picture(np.eye(8), "a line"),),)))[:4]
    b'\x89PNG'
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Drawing

    down, across = len(figure.rows), max(len(row) for row in figure.rows)
    heights = figure.heights or (1.0,) * down
    inches = (figure.cell_in * across + 0.3, figure.cell_in * sum(heights) + 0.45 * down + 0.3)
    drawing = Drawing(figsize=inches, facecolor="white", layout="constrained")
    drawing.get_layout_engine().set(h_pad=0.09)  # type: ignore[union-attr,call-arg]  # room for titles of two lines
    FigureCanvasAgg(drawing)
    strips = drawing.subfigures(down, 1, height_ratios=heights, squeeze=False)[:, 0]
    for i, row in enumerate(figure.rows):
        for j, panel in enumerate(row):
            if panel is None:
                continue
            axes = strips[i].add_subplot(1, len(row), j + 1)
            _panel(axes, panel)
            if (i, j) in figure.framed:
                for spine in axes.spines.values():
                    spine.set(color="gold", linewidth=4, visible=True)
    out = io.BytesIO()
    drawing.savefig(out, format="png", dpi=DPI, metadata={"Software": None})
    return out.getvalue()


def _panel(axes: Axes, panel: Picture | Plot | Heat) -> None:
    if isinstance(panel, Picture):
        _picture(axes, panel)
    elif isinstance(panel, Plot):
        _plot(axes, panel)
    else:
        _heat(axes, panel)


def _picture(axes: Axes, panel: Picture) -> None:
    values = np.asarray(panel.values, np.float64)
    if panel.scale == "log":
        top = float(values.max()) or 1.0
        values = np.log10(np.maximum(values, top * 1e-6))
        low, high = float(np.log10(top)) - 6, float(np.log10(top))
    elif panel.limits is not None:
        low, high = panel.limits
    else:
        low, high = min(0.0, float(values.min())), float(np.percentile(values, 99.9))
    colours = "magma" if panel.scale == "log" else "gray"
    axes.imshow(values, cmap=colours, vmin=low, vmax=high if high > low else low + 1, interpolation="nearest")
    axes.set_title(panel.title, fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])
    for row, column, height, width in panel.boxes:
        x, y = [column, column + width, column + width, column, column], [row, row, row + height, row + height, row]
        axes.plot(np.array(x) - 0.5, np.array(y) - 0.5, color="gold", linewidth=1)
    for row, column, to_row, to_column in panel.lines:
        axes.plot([column, to_column], [row, to_row], color="gold", linewidth=1.2, linestyle=(0, (4, 3)))
    if panel.pixel_um is not None:
        _bar(axes, values.shape, panel.pixel_um)


def _bar(axes: Axes, shape: tuple[int, ...], pixel_um: float) -> None:
    from matplotlib.patheffects import withStroke

    length = round_length(shape[1] * pixel_um / 3)
    end, y = shape[1] * 0.95, shape[0] * 0.94
    text = f"{length:g} µm" if length >= 1 else f"{length * 1000:g} nm"
    axes.plot([end - length / pixel_um, end], [y, y], color="white", linewidth=3, solid_capstyle="butt")
    axes.text(
        end, y - 0.03 * shape[0], text, color="white", ha="right", va="bottom", fontsize=8,
        path_effects=[withStroke(linewidth=2, foreground="black")],
    )  # fmt: skip


def _plot(axes: Axes, panel: Plot) -> None:
    for number, line in enumerate(panel.lines):
        colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
        style = {"line": "-", "dashed": "--", "points": "", "both": "-"}[line.style]
        axes.plot(
            line.x, line.y, color=colour, linestyle=style, linewidth=1.5, label=line.label or None,
            marker=marker if line.style in ("points", "both") else "", markersize=4,
            alpha=0.75 if line.style == "points" else 1,
        )  # fmt: skip
    if panel.log_x:
        axes.set_xscale("log")
    if panel.log_y:
        axes.set_yscale("log")
    if panel.y_limits is not None:
        axes.set_ylim(*panel.y_limits)
    axes.set_title(panel.title, fontsize=9)
    axes.set_xlabel(panel.x_label, fontsize=8)
    axes.set_ylabel(panel.y_label, fontsize=8)
    axes.tick_params(which="both", labelsize=7)
    axes.grid(visible=True, color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    if any(line.label for line in panel.lines):
        axes.legend(fontsize=7, framealpha=0.85, edgecolor="0.8")


def _heat(axes: Axes, panel: Heat) -> None:
    from matplotlib.patches import Rectangle

    values = np.asarray(panel.values, np.float64)
    axes.imshow(values, cmap="viridis", aspect="auto")
    middle = (float(np.nanmin(values)) + float(np.nanmax(values))) / 2
    for (i, j), value in np.ndenumerate(values):
        if np.isfinite(value):
            text = format(value, panel.form)
            axes.text(j, i, text, ha="center", va="center", fontsize=7, color="black" if value > middle else "white")
    for i, j in panel.framed:
        axes.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, edgecolor="#ff3030", linewidth=2.5))
    axes.set_xticks(range(len(panel.column_labels)), panel.column_labels, fontsize=7)
    axes.set_yticks(range(len(panel.row_labels)), panel.row_labels, fontsize=7)
    axes.set_xlabel(panel.column_title, fontsize=8)
    axes.set_ylabel(panel.row_title, fontsize=8)
    axes.set_title(panel.title, fontsize=9)
