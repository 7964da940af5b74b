"""The numbers of each stage for one plane or one block of planes; everything here is an array in counts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..engines import Engine, Float32Array, HessianTerms
from ..preprocess.background import background
from ..preprocess.haze import MODES as HAZES
from ..preprocess.haze import haze
from ..preprocess.upsample import insert_zeros, upsample
from ..recipe import DEFAULT_RESOLUTION_PX, Recipe
from ..solvers.intensity import restoring, unbiased
from ..solvers.loop import Outcome, Solution, solve
from ..solvers.sparse_hessian import CertifiedHessian, PublishedHessian
from .continuity import Continuity


@dataclass(frozen=True)
class Levels:
    """Numbers decided once for a whole channel, so that every frame is treated alike.

    Attributes
    ----------
    maximum, mean : float
        Of the data, in counts: what the published background modes refer to.
    scale : float
        Maximum of the data less the background, in counts: the solvers see data divided by it.
    """

    maximum: float
    mean: float
    scale: float = 1.0


def estimate_background(
    plane: Float32Array, recipe: Recipe, levels: Levels, fwhm_yx_px: tuple[float, float] | None
) -> Float32Array | None:
    """Background of a plane in counts, or None when none is wanted; `fwhm_yx_px` on the grid of the plane."""
    if recipe.background == "none" or levels.maximum <= 0:
        return None
    if recipe.background in HAZES:
        width = DEFAULT_RESOLUTION_PX if fwhm_yx_px is None else math.sqrt(fwhm_yx_px[0] * fwhm_yx_px[1])
        return haze(plane, recipe.background, fwhm_px=width)
    return background(plane, recipe.background, scale=levels.maximum, mean=levels.mean)


def sparse_stage(
    recipe: Recipe, tied: Continuity, engine: Engine, block: Float32Array, on_step: Callable[[int, int], None]
) -> Solution:
    """Sparse-Hessian stage of a YX plane, a ZYX or TYX block or a TZYX window whose maximum is about 1."""
    weights = (tied.z, tied.t) if block.ndim > 3 else (tied.z or tied.t, 0.0)
    terms = HessianTerms(float(recipe.fidelity), float(recipe.sparsity), *weights)
    if recipe.tolerance is not None:
        solution = solve(CertifiedHessian(engine, terms, recipe.tolerance), block, on_step)
    else:
        solution = solve(PublishedHessian(engine, terms, int(recipe.sparse_iterations)), block, on_step)
    if recipe.intensity not in ("restored", "unbiased") or not solution.outcome.ok:
        return solution
    value = solution.value if recipe.tolerance is not None else solution.value * np.float32(restoring(terms))
    return replace(solution, value=unbiased(value, terms) if recipe.intensity == "unbiased" else value)


def has_sparse_stage(recipe: Recipe) -> bool:
    """Whether the recipe asks for the sparse stage."""
    return recipe.tolerance is not None or recipe.sparse_iterations != 0


def finer(plane: Float32Array, factor: int, method: str) -> Float32Array:
    """Sample a plane more finely before the sparse stage; its mean is kept."""
    if factor == 1:
        return plane
    return insert_zeros(plane, factor) if method == "zeros" else upsample(plane, factor)


def worst(outcomes: list[Outcome]) -> Outcome:
    """Return the outcome that matters most to the user."""
    order = (Outcome.NOT_FINITE, Outcome.LIMIT, Outcome.CONVERGED, Outcome.COMPLETED)
    return next((outcome for outcome in order if outcome in outcomes), Outcome.COMPLETED)
