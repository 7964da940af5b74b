"""Over-sparsity: how the weight of the L1 norm turns the whole picture into zero, and where the best weights lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..findings import Figure, Findings, Heat, Line, Picture, Plot, Table
from ..simulate.camera import CAMERAS
from ..simulate.simulation import Simulation, simulate
from . import Ask
from .tools import ESSAY, PAPER, Doubles, at_width, correlation, plane_of, run_recipe

FIDELITY = 150.0
SPARSITIES = (0.0, 1.0, 3.0, 10.0, 20.0, 40.0, 60.0, 90.0, 120.0, 150.0, 300.0)
FIDELITIES = (10.0, 30.0, 100.0, 300.0, 1000.0)
OFFSETS = (0.0, 0.01, 0.03, 0.1, 0.3)
"""Sparsity over fidelity: what the L1 norm takes off every pixel, as a part of the maximum."""
LIGHTS = (30.0, 300.0, 3000.0)
LEFT_IN = 0.1
"""Even background that is not subtracted, as a part of the brightest pixel, in the last table."""


def run(ask: Ask) -> Findings:
    """Run it: a curve of what is left, and the ridge of the best fidelity and sparsity at several light levels."""
    side, lights = (48, LIGHTS[1:2]) if ask.quick else (160, LIGHTS)
    base = Simulation("mixed", (side, side), 0.05, 0.18, photons=300.0, background=0.0, camera=CAMERAS["ideal"], seed=4)
    made = simulate(base)
    target = at_width(made.truth, 1.8)
    left, scores, pictures = [], [], []
    for sparsity in SPARSITIES:
        result = _solve(made.image, FIDELITY, sparsity)
        left.append(float(result.sum() / made.image.sum()))
        scores.append(correlation(result, target))
        pictures.append(result)
    ridges: list[Doubles] = []
    cases = [(light, 0.0) for light in lights] + [(300.0, LEFT_IN)]
    for number, (light, background) in enumerate(cases):
        frame = simulate(base.replace(photons=light, background=background)).image
        cells = [[correlation(_solve(frame, f, f * o, 3e-3), target) for o in OFFSETS] for f in FIDELITIES]
        ridges.append(np.array(cells))
        ask.step(number + 1, len(cases), "light levels")
    names = [f"{light:g} photons{', background 10 %' if b else ''}" for light, b in cases]
    return _findings(made.image, names, left, scores, pictures, ridges)


def _solve(
    frame: npt.NDArray[Any], fidelity: float, sparsity: float, tolerance: float = 1e-3
) -> npt.NDArray[np.float32]:
    result = run_recipe(
        frame, 0.05, 0.18, background="none", fidelity=fidelity, sparsity=sparsity, tolerance=tolerance,
        deconvolution_iterations=10,
    )  # fmt: skip
    return plane_of(result)


def _findings(
    frame: npt.NDArray[Any],
    names: list[str],
    left: list[float],
    scores: list[float],
    pictures: list[npt.NDArray[Any]],
    ridges: list[Doubles],
) -> Findings:
    zero = next(s for s, part in zip(SPARSITIES, left, strict=True) if part < 1e-6)
    rows = [(s, s / FIDELITY, part, score) for s, part, score in zip(SPARSITIES, left, scores, strict=True)]
    curve = Table(
        ("sparsity", "sparsity / fidelity", "light left", "correlation with the truth"), tuple(rows),
        f"300 photons, fidelity {FIDELITY:g}",
    )  # fmt: skip
    best = [tuple(int(i) for i in np.unravel_index(ridge.argmax(), ridge.shape)) for ridge in ridges]
    table = Table(
        ("light", "fidelity", *(f"offset {o:g}" for o in OFFSETS)),
        tuple(
            (name, fidelity, *map(float, ridge[i]))
            for name, ridge in zip(names, ridges, strict=True)
            for i, fidelity in enumerate(FIDELITIES)
        ),
        "Correlation with the truth",
    )
    shown, boundary = _sentences(names, left, best, zero)
    return Findings(
        "Over-sparsity: the whole picture into zero",
        "“Infinitely increasing the parameter of sparsity will turn the whole picture into zero. The loss function "
        "will be equal to the L1 norm only.” (the essay)",
        _figure(frame, names, left, scores, pictures, ridges, best),
        (curve, table),
        shown,
        boundary,
        (PAPER, ESSAY),
        {
            "zero_at": zero, "left_at_default": left[SPARSITIES.index(10.0)], "left_least": left[-1],
            **{f"best fidelity, {name}": FIDELITIES[i] for name, (i, _) in zip(names, best, strict=True)},
        },
    )  # fmt: skip


def _sentences(
    names: list[str], left: list[float], best: list[tuple[int, ...]], zero: float
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Say what was found, and where it ends."""
    ways = "; ".join(
        f"{name}: fidelity {FIDELITIES[i]:g}, sparsity / fidelity {OFFSETS[j]:g}"
        for name, (i, j) in zip(names, best, strict=True)
    )
    shown = (
        (
            f"The picture is zero everywhere from sparsity {zero:g} on, at fidelity {FIDELITY:g}: where sparsity "
            "reaches fidelity, as it must: for a result that is not negative the L1 norm takes sparsity / fidelity "
            "of the maximum off every pixel."
        ),
        (
            "Long before that it darkens: at sparsity 10 (the published default) "
            f"{1 - left[SPARSITIES.index(10.0)]:.0%} of the light are gone, at 60 "
            f"{1 - left[SPARSITIES.index(60.0)]:.0%}."
        ),
        (
            f"The best weights by light: {ways}. More light wants more fidelity; a background left in wants more "
            "sparsity, for the L1 norm is an offset."
        ),
    )
    boundary = (
        (
            "The best setting depends on the structure as much as on the light; these are for points, threads and "
            "rings upon smooth hills."
        ),
        (
            "What sparsity takes is not put back where it is set by hand, as here: intensities of dim structures are "
            "changed or lost. See the experiment linearity."
        ),
    )
    return shown, boundary


def _figure(
    frame: npt.NDArray[Any],
    names: list[str],
    left: list[float],
    scores: list[float],
    pictures: list[npt.NDArray[Any]],
    ridges: list[Doubles],
    best: list[tuple[int, ...]],
) -> Figure:
    top = float(np.percentile(pictures[0], 99.9))
    shown = [Picture(frame, "input, 300 photons", 0.05)]
    for sparsity in (0.0, 10.0, 60.0, 150.0):
        picture = pictures[SPARSITIES.index(sparsity)]
        shown.append(Picture(picture, f"sparsity {sparsity:g}", 0.05, limits=(0.0, top)))
    at = [s / FIDELITY for s in SPARSITIES]
    curve = Plot(
        (Line(at, left, "light left", "both"), Line(at, scores, "correlation with the truth", "both")),
        f"fidelity {FIDELITY:g}, 300 photons", "sparsity / fidelity", "", y_limits=(-0.03, 1.03),
    )  # fmt: skip
    heats = [
        Heat(
            ridge, f"correlation with the truth,\n{name}", tuple(f"{f:g}" for f in FIDELITIES),
            tuple(f"{o:g}" for o in OFFSETS), "fidelity", "sparsity / fidelity", framed=((where[0], where[1]),),
        )
        for name, ridge, where in zip(names, ridges, best, strict=True)
    ]  # fmt: skip
    caption = "Above: the same contrast in all results. Below: what is left, and the best weights (framed) by light."
    return Figure((tuple(shown), (curve, *heats)), caption, (0.95, 1.05), cell_in=2.8)
