"""Let tuning choose what a recipe leaves open, from a few planes of each channel."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engines import Engine, Float32Array
from ..image import Image
from ..recipe import DEFAULT_RESOLUTION_PX, DEFAULTS, Recipe
from ..tuning import Choice, Request, choose
from .blocks import Index, Planes
from .camera import Camera, camera
from .continuity import MIN_STACK, z_factor
from .stages import Levels, estimate_background, has_sparse_stage

CHOSEN = ("background", "fidelity", "sparsity", "continuity", "deconvolution_iterations")
"""Parameters that are chosen from the image where the recipe says ``"auto"``."""

SMALLEST = 32
"""Side in pixels below which an image holds too few pixels to choose from."""

NEIGHBOURS = 4
"""Planes on either side that are looked at for the continuity along z or t."""

NEIGHBOURS_TZ = {"T": 2, "Z": 1}
"""Time points and planes on either side that are looked at for the continuity along t of movies of stacks."""

MOST_CONTINUITY = 1000.0
"""Largest continuity that a recipe holds."""

SAMPLED = 9
"""Planes of a stack among which the one with most structure is looked for."""


def automatic(
    image: Image, recipe: Recipe, fwhm_yx_px: tuple[float, float] | None, engine: Engine, channel: int | None
) -> tuple[dict[str, Any], Choice | None, list[str], Camera | None]:
    """Choose the open parameters of one channel.

    Returns
    -------
    values : dict
        By parameter name, for every parameter in `CHOSEN` that the recipe leaves open.
    choice : Choice or None
        How they were found; None where nothing is open or the image cannot tell.
    notes : list of str
        What the user should know.
    seen : Camera or None
        What is known of the camera; None where nothing is open or the image cannot tell.
    """
    still_open = [name for name in CHOSEN if getattr(recipe, name) == "auto"]
    defaults = {name: DEFAULTS[name] for name in still_open}
    if not still_open:
        return {}, None, [], None
    if min(image.sizes["Y"], image.sizes["X"]) < SMALLEST:
        few = f"fewer than {SMALLEST} pixels along a side are too few to choose from: defaults taken"
        return defaults, None, [few], None
    axis = next((a for a in "ZT" if image.sizes.get(a, 1) >= MIN_STACK), None)
    source = Planes(image, channel, recipe.hot_pixels)
    where = most_structure(source, image, axis)
    planes = _neighbourhood(source, image, axis, where)
    if np.ptp(planes[len(planes) // 2]) == 0:
        return defaults, None, ["the image is constant: there is nothing to choose from, defaults taken"], None
    levels = Levels(float(planes.max()), float(planes.mean()))
    width = fwhm_yx_px or (DEFAULT_RESOLUTION_PX, DEFAULT_RESOLUTION_PX)

    seen = camera(_following(source, image, where, planes, axis), image, math.sqrt(width[0] * width[1]))

    def behind(plane: Float32Array, mode: str) -> Float32Array:
        found = estimate_background(plane, recipe.replace(background=mode), levels, width)
        return np.zeros_like(plane) if found is None else found

    open_t = recipe.continuity == recipe.continuity_t == "auto" and has_sparse_stage(recipe)
    factor = z_factor(image, recipe) if axis == "Z" and has_sparse_stage(recipe) else 1.0
    fixed = _fixed(recipe)
    if "continuity" in fixed:
        fixed["continuity"] *= factor
    request = Request(
        planes, width, fixed, axis if "continuity" in still_open else None, recipe.intent,
        int(DEFAULTS["sparse_iterations"]) if recipe.sparse_iterations == "auto" else int(recipe.sparse_iterations),
        recipe.deconvolution,
        _stacks(source, image, where) if open_t and axis == "Z" and image.sizes.get("T", 1) >= MIN_STACK else None,
        radius_px=seen.noise.correlation_radius_px,
        variance=(seen.noise.variance_slope, seen.noise.variance_intercept, seen.noise.variance_floor),
    )  # fmt: skip
    choice = choose(request, engine, behind)
    found = {name: choice.values[name] for name in still_open}
    if "continuity_t" in choice.values:
        found["continuity_t"] = choice.values["continuity_t"]
    elif axis == "T" and "Z" in image.axes and open_t:
        found |= {"continuity": 0.0, "continuity_t": choice.values["continuity"]}
    if axis == "Z" and "continuity" in found:
        found["continuity"] = min(float(found["continuity"]) / factor, MOST_CONTINUITY)
    return found, choice, [*seen.notes, *choice.notes], seen


def _fixed(recipe: Recipe) -> dict[str, Any]:
    """Values that are not open: set by the user, or of a stage that is left out."""
    fixed = {name: getattr(recipe, name) for name in CHOSEN if getattr(recipe, name) != "auto"}
    if not has_sparse_stage(recipe):
        fixed = {"fidelity": DEFAULTS["fidelity"], "sparsity": DEFAULTS["sparsity"], "continuity": 0.0, **fixed}
    if recipe.deconvolution == "none":
        fixed = {"deconvolution_iterations": DEFAULTS["deconvolution_iterations"], **fixed}
    return fixed


def most_structure(planes: Planes, image: Image, axis: str | None) -> Index:
    """Return the plane with most structure of the middle time point."""
    where: Index = {a: image.sizes[a] // 2 for a in planes.axes}
    if axis == "Z":
        length = image.sizes["Z"]
        sample = sorted({round(i) for i in np.linspace(0, length - 1, min(SAMPLED, length))})
        where["Z"] = max(sample, key=lambda z: float(planes.read({**where, "Z": z})[0].std()))
    return where


def _around(where: Index, image: Image, axis: str, neighbours: int) -> range:
    """Return indices along an axis, as many as are wanted on both sides; the window moves inwards at the ends."""
    length = image.sizes[axis]
    half = min(neighbours, (length - 1) // 2)
    middle = min(max(where[axis], half), length - 1 - half)
    return range(middle - half, middle + half + 1)


def _neighbourhood(planes: Planes, image: Image, axis: str | None, where: Index) -> Float32Array:
    """Read a plane with its neighbours along `axis`."""
    if axis is None:
        return planes.read(where)[0][None]
    return np.stack([planes.read({**where, axis: i})[0] for i in _around(where, image, axis, NEIGHBOURS)])


def _following(planes: Planes, image: Image, where: Index, read: Float32Array, axis: str | None) -> Float32Array:
    """Frames that follow each other, or the one plane where there is no time: what shows the noise."""
    if axis == "T" or image.sizes.get("T", 1) < 2:
        return read if axis == "T" else read[len(read) // 2][None]
    return np.stack([planes.read({**where, "T": t})[0] for t in _around(where, image, "T", 1)])


def _stacks(planes: Planes, image: Image, where: Index) -> Float32Array:
    """Read a plane with its neighbours along t and z, shape (T, Z, Y, X)."""
    times, depths = (_around(where, image, axis, NEIGHBOURS_TZ[axis]) for axis in "TZ")
    return np.stack([np.stack([planes.read({**where, "T": t, "Z": z})[0] for z in depths]) for t in times])
