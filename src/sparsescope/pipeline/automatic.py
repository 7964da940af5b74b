"""Let tuning choose what a recipe leaves open, from a few planes of each channel."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..engines import Engine, Float32Array
from ..image import Image
from ..recipe import DEFAULT_RESOLUTION_PX, DEFAULTS, Recipe
from ..tuning import Choice, Request, choose
from ..tuning.choose import FITTED
from ..tuning.crop import informative
from ..tuning.prepare import Behind
from .blocks import Index, Planes
from .camera import Camera, camera
from .continuity import MIN_STACK, z_factor
from .spread import Spread
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

MOST_SIDE = 2048
"""Side in pixels of the part of a plane that is looked at."""

CAMERA_SIDE = 1024
"""Side in pixels of what shows the noise."""

SAMPLED = 9
"""Planes along an axis among which the one with most structure, or the brightest, is looked for."""


def automatic(
    image: Image, recipe: Recipe, spread: Spread | None, engine: Engine, channel: int | None, psf_open: bool = False
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
    width = (DEFAULT_RESOLUTION_PX, DEFAULT_RESOLUTION_PX) if spread is None else spread.fwhm_yx_px
    part = _Part.of(source, where, math.sqrt(width[0] * width[1]))
    planes = _neighbourhood(part, image, axis, where)
    if np.ptp(planes[len(planes) // 2]) == 0:
        return defaults, None, ["the image is constant: there is nothing to choose from, defaults taken"], None
    levels = Levels(float(planes.max()), float(planes.mean()))
    frames = _middle(_following(part, image, where, planes, axis))
    seen = camera(frames, image, math.sqrt(width[0] * width[1]))

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
        _stacks(part, image, where) if open_t and axis == "Z" and image.sizes.get("T", 1) >= MIN_STACK else None,
        radius_px=seen.noise.correlation_radius_px,
        variance=(seen.noise.variance_slope, seen.noise.variance_intercept, seen.noise.variance_floor),
        unbiased=recipe.intensity == "unbiased", peak=_peak(part, image, where, behind, fixed),
        psf=_plane_psf(recipe, spread), psf_open=psf_open,
    )  # fmt: skip
    choice = part.placed(choose(request, engine, behind))
    found = {name: choice.values[name] for name in [*still_open, *(["psf_model"] if psf_open else [])]}
    if "continuity_t" in choice.values:
        found["continuity_t"] = choice.values["continuity_t"]
    elif axis == "T" and "Z" in image.axes and open_t:
        found |= {"continuity": 0.0, "continuity_t": choice.values["continuity"]}
    if axis == "Z" and "continuity" in found:
        found["continuity"] = min(float(found["continuity"]) / factor, MOST_CONTINUITY)
    return found, choice, [*seen.notes, *choice.notes], seen


def _plane_psf(recipe: Recipe, spread: Spread | None) -> Float32Array | None:
    """Return the PSF of a plane on the pixels of the input; None where it is a Gaussian, or known on a finer grid."""
    if spread is None or spread.psf is None or spread.deep or recipe.upsample != 1:
        return None
    return spread.psf.data


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
        where["Z"] = max(_spread(image.sizes["Z"]), key=lambda z: float(planes.read({**where, "Z": z})[0].std()))
    return where


def _peak(part: _Part, image: Image, where: Index, behind: Behind, fixed: Mapping[str, Any]) -> float:
    """Return the largest value above the background among planes from end to end, the unit of all of them.

    A movie that bleaches was brighter before the planes that are looked at.
    """
    others = [{**where, axis: i} for axis in where for i in _spread(image.sizes[axis]) if i != where[axis]]
    if not others:
        return 0.0
    brightest = part.read(max(others, key=lambda index: float(part.read(index).max())))
    return float((brightest - behind(brightest, str(fixed.get("background", FITTED)))).max())


def _spread(length: int) -> list[int]:
    """Return indices from end to end, at most `SAMPLED`."""
    return sorted({round(i) for i in np.linspace(0, length - 1, min(SAMPLED, length))})


def _around(where: Index, image: Image, axis: str, neighbours: int) -> range:
    """Return indices along an axis, as many as are wanted on both sides; the window moves inwards at the ends."""
    length = image.sizes[axis]
    half = min(neighbours, (length - 1) // 2)
    middle = min(max(where[axis], half), length - 1 - half)
    return range(middle - half, middle + half + 1)


@dataclass(frozen=True)
class _Part:
    """The part of each plane that is looked at, so that large planes take neither more memory nor more time."""

    planes: Planes
    window: tuple[slice, slice]

    @classmethod
    def of(cls, planes: Planes, where: Index, fwhm_px: float) -> _Part:
        """Return the part of at most `MOST_SIDE` pixels with most structure in the plane at `where`."""
        plane = planes.read(where)[0]
        whole = (slice(0, plane.shape[0]), slice(0, plane.shape[1]))
        return cls(planes, whole if max(plane.shape) <= MOST_SIDE else informative(plane, fwhm_px, MOST_SIDE))

    def read(self, index: Index) -> Float32Array:
        return np.ascontiguousarray(self.planes.read(index)[0][self.window])

    def placed(self, choice: Choice) -> Choice:
        """Return a choice that says where in the whole plane its crop lies."""
        y, x = (
            slice(one.start + part.start, one.stop + part.start)
            for one, part in zip(choice.crop, self.window, strict=True)
        )
        return replace(choice, crop=(y, x))


def _middle(frames: Float32Array) -> Float32Array:
    """Return the middle of frames, as much as their noise needs; blocks of JPEG keep their places."""
    starts = [max(0, (n - CAMERA_SIDE) // 2) // 8 * 8 for n in frames.shape[1:]]
    return frames[:, starts[0] : starts[0] + CAMERA_SIDE, starts[1] : starts[1] + CAMERA_SIDE]


def _neighbourhood(part: _Part, image: Image, axis: str | None, where: Index) -> Float32Array:
    """Read a plane with its neighbours along `axis`."""
    if axis is None:
        return part.read(where)[None]
    return np.stack([part.read({**where, axis: i}) for i in _around(where, image, axis, NEIGHBOURS)])


def _following(part: _Part, image: Image, where: Index, read: Float32Array, axis: str | None) -> Float32Array:
    """Frames that follow each other, or the one plane where there is no time: what shows the noise."""
    if axis == "T" or image.sizes.get("T", 1) < 2:
        return read if axis == "T" else read[len(read) // 2][None]
    return np.stack([part.read({**where, "T": t}) for t in _around(where, image, "T", 1)])


def _stacks(part: _Part, image: Image, where: Index) -> Float32Array:
    """Read a plane with its neighbours along t and z, shape (T, Z, Y, X)."""
    times, depths = (_around(where, image, axis, NEIGHBOURS_TZ[axis]) for axis in "TZ")
    return np.stack([np.stack([part.read({**where, "T": t, "Z": z}) for z in depths]) for t in times])
