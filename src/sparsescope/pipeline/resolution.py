"""The width of the PSF of an image: as given, from the file's optics, estimated from one plane, or the default."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..fourier import most_varied_part
from ..image import Image
from ..optics.estimate import Estimate, estimate_fwhm_px
from ..optics.modality import fwhm_from_metadata_um
from ..quality.decorrelation import decorrelation_cutoff_cycles_per_px
from ..recipe import DEFAULT_RESOLUTION_PX, Recipe, Source

SAMPLED = 9
"""Planes of a stack among which the brightest is looked for."""

SQUARE = 0.02
"""Pixels whose sides differ by a larger fraction are not square: rings in the spectrum do not fit them."""


def resolution(image: Image, recipe: Recipe, channel: int | None = None) -> tuple[float, Source, list[str]]:
    """Return the width of the PSF of a channel in µm, its source, and what to say about it.

    Raises
    ------
    InputError
        If the pixel size is not known.
    """
    pixel_um = image.pixel_size_um
    if pixel_um is None:
        raise InputError(
            "the pixel size is not known, so the PSF cannot be given its width: add --pixel-size-um 0.065 "
            "(pixel_size_um=0.065 in Python) with your value, or --deconvolution none for the sparse stage alone"
        )
    if recipe.resolution_um != "auto":
        return float(recipe.resolution_um), "recipe", []
    size, sentences = fwhm_from_metadata_um(image, channel)
    if size is not None:
        return _rounded(size), "flag" if image.meta.get("optics_told") else "file", list(sentences)
    found = _estimate(image, pixel_um, channel)
    advice = "give it by --resolution-um (resolution_um= in Python) for a quantitative result"
    if found.fwhm_px is None or found.low_px is None or found.high_px is None:
        size = _rounded(DEFAULT_RESOLUTION_PX * pixel_um)
        taken = f"the resolution is not known and taken as {DEFAULT_RESOLUTION_PX:g} pixels = {size:.3g} µm: {advice}"
        return (
            size,
            "default",
            [*sentences, taken, f"the resolution cannot be estimated from the image: {found.source}"],
        )
    size = _rounded(found.fwhm_px * pixel_um)
    low, high = found.low_px * pixel_um, found.high_px * pixel_um
    taken = (
        f"the resolution is not known and {found.source}: {found.fwhm_px:.3g} pixels = {size:.3g} µm "
        f"({low:.3g} to {high:.3g} µm fit): {advice}"
    )
    return size, "estimated", [*sentences, taken, *found.notes]


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _estimate(image: Image, pixel_um: float, channel: int | None) -> Estimate:
    """Estimate the width in one plane."""
    y_um = image.spacing_um.get("y", pixel_um)
    if abs(y_um / pixel_um - 1) > SQUARE:
        return Estimate(None, None, None, "the pixels are not square")
    part = most_varied_part(_representative(image, channel))
    return estimate_fwhm_px(part, cutoff_cycles_per_px=decorrelation_cutoff_cycles_per_px(part))


def _representative(image: Image, channel: int | None) -> npt.NDArray[Any]:
    """Read the brightest plane of a channel and the middle time point, of at most nine that are looked at."""
    where = {"T": image.sizes["T"] // 2} if "T" in image.axes else {}
    if channel is not None:
        where["C"] = channel
    axes = [axis for axis in "CZ" if axis in image.axes and axis not in where]
    places = list(np.ndindex(*(image.sizes[axis] for axis in axes)))
    sample = sorted({round(i) for i in np.linspace(0, len(places) - 1, min(SAMPLED, len(places)))})
    planes = (image.block(**where, **dict(zip(axes, places[i], strict=True))) for i in sample)
    return max(planes, key=_brightness)


def _brightness(plane: npt.NDArray[Any]) -> float:
    some = plane[::4, ::4].astype(np.float64)
    finite = some[np.isfinite(some)]
    return float(finite.mean()) if finite.size else -np.inf
