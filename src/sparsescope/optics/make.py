"""A PSF on voxels from the parameters of a microscope."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from ..errors import RecipeError
from .focus import axial_width_um, best_focus_um, is_aberrated
from .microscope import Microscope
from .model import Model
from .models import model_of
from .psf import Floats, Psf
from .quadrature import Doubles
from .radial import Grid, pixel_integral, unfold

ENCLOSED: Final = 0.99
"""Fraction of the light of the plane in focus (of all light, where planes out of focus hold less) that is kept …"""
ENCLOSED_OUTSIDE: Final = 0.95
"""… and of the outermost plane of a wide-field stack, …"""
LARGEST_HALF: Final = 64
"""… in at most so many pixels from the middle: 129 in all."""
AXIAL_WIDTHS: Final = 3.0
"""Planes reach so many axial widths up and down."""
LONGEST: Final = 2049
"""Longest side that can be asked for."""


def make_psf(
    microscope: Microscope, spacing_um: Mapping[str, float], *, ndim: int = 2, shape: Sequence[int] | None = None
) -> Psf:
    """Compute the PSF of a microscope on voxels.

    Parameters
    ----------
    microscope : Microscope
        Kind and parameters.
    spacing_um : mapping
        Voxel sizes in µm: ``"x"``, ``"y"``, and ``"z"`` for a volume (the step of the stage).
    ndim : int
        2 for the plane in focus, 3 for a volume.
    shape : sequence of int, optional
        Odd lengths (Y, X) or (Z, Y, X). By default, across: the square that holds 99 % of the light (of the plane in
        focus; of wide-field stacks also 95 % of the outermost plane), of at most 129 pixels; along z: three axial
        widths up and down, at most 129 planes.

    Returns
    -------
    Psf
        float32, sum 1; integrated over the pixels, sampled at the planes; the first plane is the one nearest the
        coverslip. The middle plane is that of best focus. Notes tell what was assumed, how much light lies outside,
        and where sampling is too coarse.

    Raises
    ------
    RecipeError
        If a parameter or a voxel size is missing or out of its range; the flag to give it by is named.

    Notes
    -----
    Formulas and sources: :mod:`sparsescope.optics.models`, :mod:`~sparsescope.optics.diffraction` and
    docs/optics.md. A scanning microscope does not integrate over pixels across the scan; its PSF is here wider by
    0.23 of the squared pixel over the squared width, 2.5 % at three pixels per width.

    Examples
    --------
    >>> scope = Microscope("widefield", 1.4, emission_nm=525, refractive_index=1.518)
    >>> psf = make_psf(scope, {"x": 0.065, "y": 0.065}, shape=(33, 33))
    >>> psf.data.shape, psf.source
    ((33, 33), 'computed for wide field: vectorial, NA 1.4, emission 525 nm, index 1.518')
    """
    if ndim not in (2, 3):
        raise RecipeError(f"ndim = {ndim!r} is not allowed: a PSF has 2 or 3 axes")
    voxel = _checked_spacing(spacing_um, ndim)
    half = None if shape is None else _checked_shape(shape, ndim)
    scope = microscope if is_aberrated(microscope) else replace(microscope, depth_um=0.0)
    model = model_of(scope, ndim)
    focus = best_focus_um(scope, model)
    notes = [*microscope.notes, *model.notes, *_sampling_notes(model, voxel)]
    if model.layers and (scope.depth_um or focus):
        notes.append(_focus_note(scope, focus))
    if half is None:
        half = _chosen_half(scope, model, focus, voxel, notes)
    stage: Doubles = np.asarray(focus + np.arange(-half[0], half[0] + 1) * voxel.get("z", 0.0), np.float64)
    grid = Grid.reaching(math.hypot((half[1] + 0.5) * voxel["y"], (half[2] + 0.5) * voxel["x"]), model.cutoff)
    quadrant = pixel_integral(grid, model.intensity(grid, stage), half[1:], (voxel["y"], voxel["x"]))
    np.maximum(quadrant, 0, out=quadrant)  # cubic interpolation may dip below the zeros
    volume = unfold(quadrant.astype(np.float32))
    if model.whole_planes:
        notes.append(_outside_note(volume))
    return Psf(volume if ndim == 3 else volume[0], voxel, _source(microscope, model), tuple(notes))


def _checked_spacing(spacing_um: Mapping[str, float], ndim: int) -> dict[str, float]:
    voxel = {}
    axes = "zyx"[-ndim:]
    missing = [axis for axis in axes if spacing_um.get(axis) is None]
    if missing:
        names = [name for name, of in (("--pixel-size-um", "yx"), ("--z-step-um", "z")) if set(of) & set(missing)]
        raise RecipeError(
            f"a PSF on voxels needs their size along {' and '.join(missing)}, not known here: give "
            f"{' and '.join(names)}"
        )
    for axis in axes:
        size = spacing_um[axis]
        name = "--z-step-um" if axis == "z" else "--pixel-size-um"
        if not (math.isfinite(size) and 0.001 <= size <= 100):
            raise RecipeError(f"voxel size {axis} = {size!r} µm is not allowed: 0.001 to 100 µm ({name})")
        voxel[axis] = float(size)
    return voxel


def _checked_shape(shape: Sequence[int], ndim: int) -> tuple[int, int, int]:
    lengths = tuple(shape)
    fine = all(isinstance(n, int | np.integer) and n % 2 == 1 and 1 <= n <= LONGEST for n in lengths)
    if len(lengths) != ndim or not fine:
        raise RecipeError(
            f"shape {lengths} is not allowed for a PSF of {ndim} axes: {ndim} odd numbers from 1 to {LONGEST}"
        )
    z, y, x = (1, *lengths)[-3:]
    return z // 2, y // 2, x // 2


def _chosen_half(
    scope: Microscope, model: Model, focus_um: float, voxel: Mapping[str, float], notes: list[str]
) -> tuple[int, int, int]:
    """Return the voxels from the middle to the last along z, y and x; note where the limits were met."""
    depth = 0
    if "z" in voxel:
        reach = AXIAL_WIDTHS * axial_width_um(scope, model, focus_um)
        depth = math.ceil(reach / voxel["z"])
        if depth > LARGEST_HALF:
            depth = LARGEST_HALF
            notes.append(
                f"the PSF was cut to {2 * depth + 1} planes, ±{depth * voxel['z']:.3g} of ±{reach:.3g} µm: the z step "
                "is much finer than needed"
            )
    stage: Doubles = np.asarray(focus_um + np.arange(-depth, depth + 1) * voxel.get("z", 0.0), np.float64)
    # beyond 14 wavelengths over NA, and the cone of the outermost plane, there is nothing to see
    sharp = 14 * 2 / model.cutoff
    cone = np.abs(stage - focus_um).max() * scope.need("numerical_aperture") / scope.index() * 2.5
    radius = min((LARGEST_HALF + 0.5) * max(voxel["y"], voxel["x"]), sharp + cone)
    grid = Grid.reaching(radius, model.cutoff)
    light: Doubles = np.cumsum(grid.ring_weights()[:, None] * model.intensity(grid, stage), axis=0)
    if model.whole_planes:
        inside = [_first(grid, light[:, depth], ENCLOSED), _first(grid, light[:, -1], ENCLOSED_OUTSIDE)]
        inside.append(_first(grid, light[:, 0], ENCLOSED_OUTSIDE))
    else:
        total = light.sum(axis=1)
        inside = [_first(grid, total / total[-1], ENCLOSED)]
    across = [min(max(math.ceil(max(inside) / voxel[axis] - 0.5), 1), LARGEST_HALF) for axis in "yx"]
    return depth, across[0], across[1]


def _first(grid: Grid, enclosed: Doubles, part: float) -> float:
    """Smallest radius that encloses a part of the light, the largest of the grid where none does."""
    return float(grid.radius_um[min(int(np.searchsorted(enclosed, part)), grid.count - 1)])


def _outside_note(volume: Floats) -> str:
    inside = volume.sum(axis=(1, 2), dtype=np.float64)
    size = f"{volume.shape[1]} × {volume.shape[2]} pixels"
    middle = len(inside) // 2
    text = f"{100 * max(1 - inside[middle], 0):.2g} % of the light of the plane in focus lies outside the {size}"
    if len(inside) > 1:
        text += f", {100 * max(1 - inside.min(), 0):.2g} % of the outermost plane's"
    return text


def _sampling_notes(model: Model, voxel: Mapping[str, float]) -> list[str]:
    notes = []
    most = 1 / (2 * model.cutoff)
    pixel = max(voxel["y"], voxel["x"])
    if pixel > 1.01 * most:
        notes.append(
            f"pixels of {pixel:.3g} µm are coarser than this microscope's finest detail asks for ({most:.3g} µm): "
            "detail beyond is lost or folded"
        )
    if "z" in voxel and voxel["z"] > 1.01 / (2 * model.axial_cutoff):
        notes.append(
            f"planes {voxel['z']:.3g} µm apart are coarser than this microscope's finest axial detail asks for "
            f"({1 / (2 * model.axial_cutoff):.3g} µm)"
        )
    return notes


def _focus_note(scope: Microscope, focus_um: float) -> str:
    return (
        f"a point {scope.depth_um:g} µm deep in a medium of index {scope.sample():g} is sharpest at {focus_um:.3g} µm "
        "of the stage; the middle plane is there"
    )


def _source(scope: Microscope, model: Model) -> str:
    """Name model and numbers, and where those came from that were not given."""

    def told(name: str, text: str) -> str:
        source = scope.source_of(name)
        return text if source == "given" else f"{text} ({source})"

    parts = [
        "vectorial" if scope.is_vectorial() else "scalar",
        told("numerical_aperture", f"NA {scope.numerical_aperture:g}"),
    ]
    for name, word in (("excitation_nm", "excitation"), ("emission_nm", "emission")):
        value = getattr(scope, name)
        if value is not None:
            parts.append(told(name, f"{word} {value:g} nm"))
    parts.append(told("refractive_index", f"index {scope.index():g}"))
    return f"computed for {model.words}: {', '.join(parts)}"
