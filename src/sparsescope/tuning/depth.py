"""Choose the iterations of a second stage in three dimensions, by prediction of held-out pixels of a small stack."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..engines import Engine
from ..solvers.data_term import DataTerm
from ..solvers.landweber import Landweber
from ..solvers.richardson_lucy import RichardsonLucy
from .choice import Point
from .holdout import errors, hold_out, weights
from .trial import Bench, Setting

Floats = npt.NDArray[np.float32]

COUNTS = (3, 5, 7, 10, 14, 20, 30, 45, 65)
SIDE = 96
"""Side in pixels of the part of a stack that is enough."""


@dataclass(frozen=True)
class DeepRequest:
    """A stack and everything that was chosen for it plane by plane.

    Attributes
    ----------
    stack, behind : array, shape (Z, Y, X), float32
        Counts of a small part, and background in counts.
    scale : float
        Largest value above the background of the whole planes, in counts.
    psf : array, shape (z, y, x), float32
        On the voxels of the stack, sum 1.
    fwhm_px : float
        Its width across.
    values : mapping
        Fidelity, sparsity and continuity (in voxels of the stack) of the sparse stage.
    sparse_iterations : int
        Published count.
    method : str
        ``"rl"`` or ``"landweber"``.
    radius_px : int
        How far the noise is correlated.
    seed : int
        Of the pixels that are held out.
    unbiased : bool
        Whether what sparsity takes away is given back.
    """

    stack: Floats
    behind: Floats
    scale: float
    psf: Floats
    fwhm_px: float
    values: Mapping[str, float]
    sparse_iterations: int
    method: str
    radius_px: int
    seed: int = 0
    unbiased: bool = True


def choose_depth(request: DeepRequest, engine: Engine) -> tuple[int, tuple[Point, ...]]:
    """Return how many iterations predict held-out pixels best, and the score of each count tried.

    Parameters
    ----------
    request : DeepRequest
        What is known.
    engine : Engine
        What computes.

    Notes
    -----
    Pixels of every plane are hidden from the sparse stage and from the data term of the second stage, whose re-blurred
    object then predicts them; planes at the ends, which see half of their neighbours, are not scored. Of counts that
    predict equally well, the least is taken.
    """
    data, behind = request.stack, request.behind
    weight = np.stack([weights(plane, request.fwhm_px) for plane in data])
    shape = (data.shape[1], data.shape[2])
    holdouts = [hold_out(shape, request.radius_px, request.seed + 300 + i) for i in range(len(data))]
    scale = max(request.scale, 1e-12)
    empty = np.ones(1, np.float32)
    bench = Bench(
        data, behind, weight, slice(0, len(data)), scale, (empty, empty), request.method, request.sparse_iterations,
        request.radius_px, unbiased=request.unbiased,
    )  # fmt: skip
    setting = Setting(request.values["fidelity"], request.values["sparsity"], COUNTS, request.values["continuity"])
    sparse, hidden = bench.prepared(setting, holdouts, engine)
    imaging = engine.imaging(request.psf, data.shape)
    term = DataTerm(imaging, ~hidden)
    solver = (RichardsonLucy if request.method == "rl" else Landweber)(term, COUNTS[-1])
    state, done, found = solver.init(sparse), 0, []
    scored = range(len(data))[1:-1] if len(data) > 4 else range(len(data))
    for count in COUNTS:
        solver.step(state, count - done)  # type: ignore[arg-type]  # each solver with its own state
        done = count
        predicted = imaging.forward(solver.finish(state))  # type: ignore[arg-type]
        found.append(
            np.concatenate(
                [
                    errors(predicted[i][at] * np.float32(scale) + behind[i][at], data[i][at], weight[i][at])
                    for i in scored
                    for at in [holdouts[i].centres]
                ]
            )
        )
    points = tuple(
        Point("3d", setting.fidelity, setting.sparsity, setting.continuity, count, float(wrong.mean()))
        for count, wrong in zip(COUNTS, found, strict=True)
    )
    return COUNTS[_fewest(found)], points


def _fewest(found: list[npt.NDArray[np.float64]]) -> int:
    """Place of the first setting whose errors are as small as the least, to one standard error of their difference."""
    best = min(found, key=lambda wrong: float(wrong.mean()))
    for i, wrong in enumerate(found):
        more = wrong - best
        if more.mean() <= more.std() / math.sqrt(more.size):
            return i
    raise AssertionError("the least is as small as itself")
