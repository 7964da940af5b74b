"""Let tuning choose the iterations of a second stage in three dimensions, on part of a stack."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from ..engines import Engine
from ..image import Image
from ..recipe import Recipe
from ..tuning import Choice, DeepRequest, choose_depth
from ..tuning.crop import informative
from ..tuning.depth import SIDE
from .automatic import most_structure
from .blocks import Planes
from .continuity import continuity_of
from .spread import Spread
from .stages import Levels, estimate_background, has_sparse_stage

DEPTH: Final = 24
"""Planes of a stack that are looked at."""


def iterations(
    image: Image, recipe: Recipe, channel: int | None, spread: Spread, choice: Choice, engine: Engine
) -> tuple[int, Choice]:
    """Return how many iterations a stack wants, and the choice with the settings tried for it added.

    Parameters
    ----------
    image, recipe, channel
        What is deconvolved; the recipe resolved but for the iterations.
    spread : Spread
        With a PSF of three axes.
    choice : Choice
        How the other values were found, plane by plane.
    engine : Engine
        What computes.
    """
    assert spread.psf is not None
    source = Planes(image, channel, recipe.hot_pixels)
    where = most_structure(source, image, "Z")
    length = image.sizes["Z"]
    first = max(0, min(where["Z"] - DEPTH // 2, length - DEPTH))
    width = float(np.sqrt(np.prod(spread.fwhm_yx_px)))
    depths = range(first, min(length, first + DEPTH))
    crop = informative(source.read({**where, "Z": depths[len(depths) // 2]})[0], width, SIDE)
    seen = [(float(plane.max()), float(plane.mean())) for plane in (source.read({**where, "Z": z})[0] for z in depths)]
    levels = Levels(max(most for most, _ in seen), float(np.mean([mean for _, mean in seen])))
    parts, behind, scale = [], [], 0.0
    for z in depths:  # planes one by one: of each only a part is kept
        plane = source.read({**where, "Z": z})[0]
        found = estimate_background(plane, recipe, levels, spread.fwhm_yx_px)
        found = np.zeros_like(plane) if found is None else found
        scale = max(scale, float((plane - found).max()))
        parts.append(plane[crop].copy())
        behind.append(found[crop].copy())
    values = {
        "fidelity": float(recipe.fidelity),
        "sparsity": float(recipe.sparsity),
        "continuity": continuity_of(image, recipe).z,
    }
    request = DeepRequest(
        np.stack(parts), np.stack(behind), scale, spread.psf.data, width, values,
        int(recipe.sparse_iterations) if has_sparse_stage(recipe) else 0, recipe.deconvolution, choice.radius_px,
        unbiased=recipe.intensity == "unbiased",
    )  # fmt: skip
    count, points = choose_depth(request, engine)
    return count, replace(choice, curve=(*choice.curve, *points))
