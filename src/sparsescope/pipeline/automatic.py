"""Let tuning choose what a recipe leaves open, from a few planes of each channel."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engines import Engine, Float32Array
from ..image import Image
from ..recipe import DEFAULT_RESOLUTION_PX, DEFAULTS, Recipe
from ..tuning import Choice, Request, choose
from .blocks import Index, Planes
from .stages import Levels, estimate_background, has_sparse_stage

CHOSEN = ("background", "fidelity", "sparsity", "continuity", "deconvolution_iterations")
"""Parameters that are chosen from the image where the recipe says ``"auto"``."""

SMALLEST = 32
"""Side in pixels below which an image holds too few pixels to choose from."""

NEIGHBOURS = 4
"""Planes on either side that are looked at for the continuity along z or t."""

SAMPLED = 9
"""Planes of a stack among which the one with most structure is looked for."""


def automatic(
    image: Image, recipe: Recipe, fwhm_yx_px: tuple[float, float] | None, engine: Engine, channel: int | None
) -> tuple[dict[str, Any], Choice | None, list[str]]:
    """Choose the open parameters of one channel.

    Returns
    -------
    values : dict
        By parameter name, for every parameter in `CHOSEN` that the recipe leaves open.
    choice : Choice or None
        How they were found; None where nothing is open or the image cannot tell.
    notes : list of str
        What the user should know.
    """
    still_open = [name for name in CHOSEN if getattr(recipe, name) == "auto"]
    defaults = {name: DEFAULTS[name] for name in still_open}
    if not still_open:
        return {}, None, []
    if min(image.sizes["Y"], image.sizes["X"]) < SMALLEST:
        return defaults, None, [f"fewer than {SMALLEST} pixels along a side are too few to choose from: defaults taken"]
    axis = next((a for a in "ZT" if image.sizes.get(a, 1) >= 3), None)
    planes = _neighbourhood(Planes(image, channel, recipe.hot_pixels), image, axis)
    if np.ptp(planes[len(planes) // 2]) == 0:
        return defaults, None, ["the image is constant: there is nothing to choose from, defaults taken"]
    levels = Levels(float(planes.max()), float(planes.mean()))
    width = fwhm_yx_px or (DEFAULT_RESOLUTION_PX, DEFAULT_RESOLUTION_PX)

    def behind(plane: Float32Array, mode: str) -> Float32Array:
        found = estimate_background(plane, recipe.replace(background=mode), levels, width)
        return np.zeros_like(plane) if found is None else found

    request = Request(
        planes, width, _fixed(recipe), axis if "continuity" in still_open else None, recipe.intent,
        int(DEFAULTS["sparse_iterations"]) if recipe.sparse_iterations == "auto" else int(recipe.sparse_iterations),
        recipe.deconvolution,
    )  # fmt: skip
    choice = choose(request, engine, behind)
    return {name: choice.values[name] for name in still_open}, choice, list(choice.notes)


def _fixed(recipe: Recipe) -> dict[str, Any]:
    """Values that are not open: set by the user, or of a stage that is left out."""
    fixed = {name: getattr(recipe, name) for name in CHOSEN if getattr(recipe, name) != "auto"}
    if not has_sparse_stage(recipe):
        fixed = {"fidelity": DEFAULTS["fidelity"], "sparsity": DEFAULTS["sparsity"], "continuity": 0.0, **fixed}
    if recipe.deconvolution == "none":
        fixed = {"deconvolution_iterations": DEFAULTS["deconvolution_iterations"], **fixed}
    return fixed


def _neighbourhood(planes: Planes, image: Image, axis: str | None) -> Float32Array:
    """Read the plane with most structure of the middle time point, with its neighbours along `axis`."""
    where: Index = {a: image.sizes[a] // 2 for a in planes.axes}
    if axis is None:
        return planes.read(where)[0][None]
    length = image.sizes[axis]
    if axis == "Z":
        sample = sorted({round(i) for i in np.linspace(0, length - 1, min(SAMPLED, length))})
        where["Z"] = max(sample, key=lambda z: float(planes.read({**where, "Z": z})[0].std()))
    half = min(NEIGHBOURS, (length - 1) // 2)
    middle = min(max(where[axis], half), length - 1 - half)
    return np.stack([planes.read({**where, axis: i})[0] for i in range(middle - half, middle + half + 1)])
