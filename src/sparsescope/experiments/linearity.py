"""Linearity: calcium-like transients, ΔF/F of the raw movie and of the result against the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..findings import Figure, Findings, Line, Picture, Plot, Table
from ..simulate.simulation import Simulated, Simulation, simulate
from . import Ask
from .tools import PAPER, Doubles, plane_of, published, run_recipe

PIXEL_UM, FWHM_UM = 0.1, 0.3
METHODS = ("raw", "automatic", "published defaults")


def run(ask: Ask) -> Findings:
    """Run it."""
    side, frames = (48, 16) if ask.quick else (96, 80)
    setup = Simulation(
        "transients",
        (side, side),
        PIXEL_UM,
        FWHM_UM,
        photons=200.0,
        background=0.1,
        frames=frames,
        interval_s=0.1,
        seed=3,
    )
    made = simulate(setup)
    ask.step(1, 3, "movies")
    behind = float(made.background.mean())
    movies: dict[str, npt.NDArray[Any]] = {"raw": made.photons - behind}
    movies["automatic"] = plane_of(run_recipe(made.image, PIXEL_UM, FWHM_UM, "TYX"))
    ask.step(2, 3, "movies")
    movies["published defaults"] = plane_of(published(made.photons - behind, PIXEL_UM, FWHM_UM, "TYX"))
    ask.step(3, 3, "movies")
    places, truth = _cells(made)
    traces = {name: _traces(movie, places) for name, movie in movies.items()}
    return _findings(made, movies, places, truth, traces)


def _cells(made: Simulated) -> tuple[Doubles, Doubles]:
    """Return places of the cells well inside the frame (y, x in pixels) and their light, shape (cells, frames)."""
    frames = made.setup.frames
    count = len(made.objects) // frames
    table = np.array([[float(o["y_um"]), float(o["x_um"]), float(o["light"])] for o in made.objects])
    table = table.reshape(frames, count, 3)
    places = table[0, :, :2] / PIXEL_UM
    inside = ((places > 6) & (places < np.array(made.setup.shape_px) - 6)).all(1)
    return places[inside], table[:, inside, 2].T


def _traces(movie: npt.NDArray[Any], places: Doubles, radius: float = 5.0) -> Doubles:
    """Return the sum of each cell's light over a disc in each frame, shape (cells, frames)."""
    y, x = np.mgrid[: movie.shape[1], : movie.shape[2]] + 0.5
    masks = [np.hypot(y - row, x - column) < radius for row, column in places]
    return np.array([movie[:, mask].sum(1, dtype=np.float64) for mask in masks])


def relative_change(traces: Doubles) -> Doubles:
    """Return ΔF/F0 of each trace, F0 being the mean of the dimmest fifth of its frames.

    Examples
    --------
    >>> relative_change(np.array([[1.0, 1.0, 1.0, 2.0, 1.0]])).tolist()
    [[0.0, 0.0, 0.0, 1.0, 0.0]]
    """
    least = np.sort(traces, 1)[:, : max(1, traces.shape[1] // 5)].mean(1, keepdims=True)
    return np.asarray(traces / np.where(least == 0, np.nan, least) - 1)


def _fit(expected: Doubles, seen: Doubles) -> tuple[float, float]:
    """Return slope through the origin and r² of values against the truth."""
    good = np.isfinite(seen)
    x, y = expected[good], seen[good]
    return float(x @ y / (x @ x)), float(np.corrcoef(x, y)[0, 1] ** 2)


def _findings(
    made: Simulated,
    movies: dict[str, npt.NDArray[Any]],
    places: Doubles,
    truth: Doubles,
    traces: dict[str, Doubles],
) -> Findings:
    expected = relative_change(truth)
    changes = {name: relative_change(values) for name, values in traces.items()}
    fits = {name: _fit(expected, values) for name, values in changes.items()}
    light = {name: _fit(truth / truth.mean(), values / values.mean()) for name, values in traces.items()}
    dim = truth.mean(1) <= np.median(truth.mean(1))
    dims = {name: _fit(expected[dim], values[dim])[0] for name, values in changes.items()}
    table = Table(
        ("movie", "slope of ΔF/F", "r² of ΔF/F", "slope, dim half", "r² of F"),
        tuple((name, *fits[name], dims[name], light[name][1]) for name in METHODS),
        f"Against the truth, {len(places)} cells × {truth.shape[1]} frames",
    )
    text = ", ".join(f"{name} {fits[name][0]:.2f} (r² {fits[name][1]:.3f})" for name in METHODS)
    shown = (
        f"Slope of the measured ΔF/F against the true one (1 is right): {text}.",
        (
            "The result is in counts, the scale is one for the whole movie and the deconvolution keeps the sum of "
            "each plane, so that frames can be compared."
        ),
    )
    boundary = (
        "What takes an offset off dim pixels (sparsity, a background held too high) lowers F0 more than ΔF and "
        "makes transients look larger: slopes of the dim half of the cells are "
        + ", ".join(f"{name} {dims[name]:.2f}" for name in METHODS) + ".",
        ("Smoothing along time spreads a quick rise over frames; the transients here decay with 0.8 s at 10 frames "
        "a second."),
        ("Light of a cell is summed over a disc of 0.5 µm, wider than the blur. Single pixels of a deconvolved "
        "image are not linear."),
        "Measure on the raw movie what can be measured there, and use the result to see where.",
    )  # fmt: skip
    return Findings(
        "Linearity: calcium-like transients",
        "Values of a result can be compared: twice the light gives twice the value (what every quantitative use "
        "takes for granted).",
        _figure(made, movies, expected, changes),
        (table,),
        shown,
        boundary,
        (PAPER,),
        {f"{name} {what}": value for name in METHODS for what, value in zip(("slope", "r2"), fits[name], strict=True)},
    )


def _figure(
    made: Simulated, movies: dict[str, npt.NDArray[Any]], expected: Doubles, changes: dict[str, Doubles]
) -> Figure:
    brightest = int(made.truth.sum((1, 2)).argmax())
    pictures = [Picture(made.truth[brightest], "truth, brightest frame", PIXEL_UM)]
    pictures += [Picture(np.maximum(movies[n][brightest], 0), n, PIXEL_UM) for n in METHODS]
    seconds = np.arange(expected.shape[1]) * made.setup.interval_s
    order = np.argsort(expected.max(1))
    plots = []
    for name, cell in (("a lively cell", order[-1]), ("a middling cell", order[len(order) // 2])):
        lines = (
            Line(seconds, expected[cell], "truth", "dashed"),
            *(Line(seconds, changes[n][cell], n) for n in METHODS),
        )
        plots.append(Plot(lines, name, "s", "ΔF/F"))
    top = float(expected.max())
    scatter = Plot(
        (
            *(Line(expected.ravel(), changes[n].ravel(), n, "points") for n in METHODS),
            Line([0, top], [0, top], "1 : 1", "dashed"),
        ),
        "ΔF/F against the truth", "true", "measured", y_limits=(-0.5, 3 * top),
    )  # fmt: skip
    return Figure((tuple(pictures), (*plots, scatter)), "", (1.0, 0.95), cell_in=2.9)
