"""Where the beads are, and which of them can be used: a band-pass at their own scale, and reasons for the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from .gaussian import SIGMA_PER_FWHM
from .width import line_fwhm_px

Floats = npt.NDArray[np.float32]

DETECTED: Final = 8.0
"""A bead stands so many times the noise above the band-passed image …"""
FAINTEST: Final = 0.02
"""… and above this part of the brightest spot."""
PRECISE: Final = 12.0
"""From this signal-to-noise ratio on the centre is known to a twelfth of the PSF's standard deviation, which widens an
average by 0.4 %; dimmer beads are left out."""
SATELLITE: Final = 0.15
"""Spots dimmer than this part of a bead within `REACH` of it are its own rings and tails."""
REACH: Final = 4.0
SCALES: Final = (2.5, 5.0, 10.0)
"""Widths in voxels that are tried where the autocorrelation does not lead to a bead."""
TYPICAL: Final = 0.1
"""Spots from this part of the brightest on tell the scale."""
LATERAL: Final = (6.0, 5.0, 4.0, 3.5, 3.0, 2.5, 2.0, 1.75, 1.5)
AXIAL: Final = (4.0, 3.0, 2.5, 2.0, 1.75, 1.5, 1.25, 1.0)
"""Half-widths of the window around a bead that are tried, in FWHM, the largest first."""
PLENTY: Final = (4.0, 3.0)
"""Half-widths, lateral and axial, beyond which a larger window is not worth losing beads for."""
MARGIN: Final = 2
"""Voxels around the window that are cut out too: they take the wrap-around of a Fourier shift."""
CLEAR: Final = 0.75
"""The centre of a neighbour is at least so many FWHM outside the window."""
SCALE_VOXELS: Final = 2**22
"""Of larger images, the scale is read from the part of the largest variance …"""
SCALE_SIDE: Final = 256
"""… of so many rows and columns."""


@dataclass(frozen=True)
class Bead:
    """One bead that was found.

    Attributes
    ----------
    position_px : tuple of float
        Centre in voxels from the middle of the first one, in the order of the axes.
    peak : float
        Height above the local background, in the image's unit.
    signal_to_noise : float
        Height over noise of the band-passed image.
    problem : str
        Why it is not used; empty where it is.
    """

    position_px: tuple[float, ...]
    peak: float
    signal_to_noise: float
    problem: str = ""

    def rejected(self, problem: str) -> Bead:
        """Return the bead with a reason; the first reason stays."""
        return self if self.problem else replace(self, problem=problem)


@dataclass(frozen=True)
class Found:
    """Beads of an image, the scale at which they were looked for, and the window that suits them.

    Attributes
    ----------
    beads : tuple of Bead
        Brightest first.
    fwhm_px : tuple of float
        Typical widths of the beads along each axis.
    radius_px : tuple of int
        Half-widths of the window around each bead.
    """

    beads: tuple[Bead, ...]
    fwhm_px: tuple[float, ...]
    radius_px: tuple[int, ...]

    @property
    def usable(self) -> tuple[Bead, ...]:
        """The beads without a problem."""
        return tuple(bead for bead in self.beads if not bead.problem)


def find_beads(volume: npt.NDArray[Any], *, full_scale: float | None = None) -> Found:
    """Find the beads of an image and say which can be used.

    Parameters
    ----------
    volume : ndarray, (Y, X) or (Z, Y, X)
        Finite pixel values of any real type; left as it is.
    full_scale : float, optional
        Value at which the detector saturates; an integer type's largest value where it is not given.

    Returns
    -------
    Found
        Every spot that stands out, with the reason where it is not used: saturated, too dim, cut by the border, too
        close to another.

    Notes
    -----
    The scale comes from the autocorrelation of the image, then from the median width of the spots found with it. The
    image is band-passed by a difference of Gaussians of 0.3 and 1.2 FWHM; the noise is 1.4826 times the median absolute
    deviation of what is left.
    """
    values = np.asarray(volume, np.float32)
    beads, fwhm = _at_scale(values, _scale(values))
    if not any(bead.signal_to_noise >= PRECISE for bead in beads):
        tried = [(beads, fwhm), *(_at_scale(values, (width,) * values.ndim) for width in SCALES)]
        beads, fwhm = max(tried, key=lambda one: max((bead.signal_to_noise for bead in one[0]), default=0.0))
    judged = _without_saturated(volume, beads, fwhm, full_scale)
    judged = [bead.rejected("too dim") if bead.signal_to_noise < PRECISE else bead for bead in judged]
    radius = _window(judged, fwhm, values.shape)
    cut = [bead.rejected(_place(bead, judged, radius, fwhm, values.shape)) for bead in judged]
    return Found(tuple(cut), fwhm, radius)


def _at_scale(values: Floats, fwhm: tuple[float, ...]) -> tuple[list[Bead], tuple[float, ...]]:
    """Return the spots, and their width, that a first guess of the width leads to."""
    beads: list[Bead] = []
    for _ in range(3):
        beads = _spots(values, fwhm)
        before, fwhm = fwhm, _typical_width(values, beads, fwhm)
        if all(abs(new / old - 1) < 0.2 for new, old in zip(fwhm, before, strict=True)):
            break
    return beads, fwhm


def widths_px(values: npt.NDArray[Any]) -> tuple[float, ...]:
    """Return the full width at half maximum along each line through the brightest voxel; infinite where it has none.

    Examples
    --------
    >>> from sparsescope.optics.gaussian import gaussian_psf
    >>> [round(width, 2) for width in widths_px(gaussian_psf((6.0, 3.0)))]
    [6.04, 3.08]
    """
    array = np.asarray(values, np.float64)
    peak = [int(i) for i in np.unravel_index(int(array.argmax()), array.shape)]
    along = [tuple(slice(None) if b == a else i for b, i in enumerate(peak)) for a in range(array.ndim)]
    found = [line_fwhm_px(array[index], i) for index, i in zip(along, peak, strict=True)]
    return tuple(math.inf if width is None else width for width in found)


def _scale(values: Floats) -> tuple[float, ...]:
    """Width of the spots along each axis in voxels, from the autocorrelation: that of a Gaussian is sqrt 2 wider."""
    part = values
    if values.size > SCALE_VOXELS:
        side = SCALE_SIDE
        corners = [(y, x) for y in range(0, values.shape[-2], side) for x in range(0, values.shape[-1], side)]
        y, x = max(corners, key=lambda at: float(np.var(values[..., at[0] : at[0] + side, at[1] : at[1] + side])))
        part = values[..., y : y + side, x : x + side]
    far = [0.0] * (part.ndim - 2) + [max(part.shape[-2:]) / 12] * 2
    centred = part - ndimage.gaussian_filter(part, far, mode="nearest")  # uneven background has a wide correlation
    shape = [fft.next_fast_len(2 * n, real=True) for n in part.shape]
    correlation = fft.irfftn(np.square(np.abs(fft.rfftn(centred, shape))), shape)
    return tuple(_lag(np.moveaxis(correlation, axis, 0), n) for axis, n in enumerate(part.shape))


def _lag(correlation: npt.NDArray[Any], length: int) -> float:
    profile = correlation.reshape(len(correlation), -1)[:length, 0].astype(np.float64)
    if length < 4:
        return 1.0
    profile = profile - np.median(profile[length // 4 :])
    one, two = profile[1], profile[2]
    if not 0 < two < one:
        return 1.0
    start = one * (one / two) ** (1 / 3)  # of a Gaussian; the value at lag 0 holds the noise too
    below = np.flatnonzero(profile[1:] < start / 2)
    lag = float(below[0] + 1) if len(below) else length / 4
    return float(np.clip(math.sqrt(2) * lag, 1.0, max(length / 3, 1.0)))


def _spots(values: Floats, fwhm: Sequence[float]) -> list[Bead]:
    """Local maxima of the band-passed image that are no satellites of brighter ones, brightest first."""
    narrow = ndimage.gaussian_filter(values, [0.3 * width for width in fwhm], mode="nearest")
    passed = narrow - ndimage.gaussian_filter(values, [1.2 * width for width in fwhm], mode="nearest")
    noise = 1.4826 * float(np.median(np.abs(passed - np.median(passed))))
    level = max(DETECTED * noise, FAINTEST * float(passed.max()))
    if not level > 0:
        return []
    size = [2 * max(1, round(width / 2)) + 1 for width in fwhm]
    peaks = (ndimage.maximum_filter(passed, size, mode="nearest") == passed) & (passed > level)
    labels, _ = ndimage.label(peaks)
    _, first = np.unique(labels[peaks], return_index=True)  # of equal neighbours, one
    spots = [_refined(passed, [int(i) for i in place], noise) for place in np.argwhere(peaks)[first]]
    spots = [spot for spot in spots if spot.signal_to_noise >= PRECISE or not _at_border(spot, fwhm, values.shape)]
    spots.sort(key=lambda spot: -spot.peak)
    kept: list[Bead] = []
    for spot in spots[:5000]:
        near = (_distance(spot, other, fwhm) < REACH and spot.peak < SATELLITE * other.peak for other in kept)
        if not any(near):
            kept.append(spot)
    return kept


def _at_border(spot: Bead, fwhm: Sequence[float], shape: Sequence[int]) -> bool:
    """Whether a spot is within one FWHM of a border, where the smoothing averages less noise away."""
    return any(not w <= p <= n - 1 - w for p, w, n in zip(spot.position_px, fwhm, shape, strict=True))


def _refined(passed: Floats, at: Sequence[int], noise: float) -> Bead:
    """Centre of a local maximum by a parabola along each axis."""
    place = []
    for axis, i in enumerate(at):
        shift = 0.0
        if 0 < i < passed.shape[axis] - 1:
            low, mid, high = (float(passed[(*at[:axis], i + d, *at[axis + 1 :])]) for d in (-1, 0, 1))
            bend = low - 2 * mid + high
            shift = float(np.clip((low - high) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0
        place.append(float(i) + shift)
    peak = float(passed[tuple(at)])
    return Bead(tuple(place), peak, peak / noise if noise > 0 else math.inf)


def _distance(one: Bead, other: Bead, fwhm: Sequence[float]) -> float:
    """Distance of two beads in FWHM, along each axis in its own."""
    return math.hypot(*((a - b) / w for a, b, w in zip(one.position_px, other.position_px, fwhm, strict=True)))


def _box(place: Sequence[float], radius: Sequence[float], shape: Sequence[int]) -> tuple[slice, ...]:
    """Part of the image around a place, cut at the borders."""
    return tuple(
        slice(max(0, math.floor(p - r)), min(n, math.ceil(p + r) + 1))
        for p, r, n in zip(place, radius, shape, strict=True)
    )


def _typical_width(values: Floats, beads: Sequence[Bead], fwhm: Sequence[float]) -> tuple[float, ...]:
    """Median width of the brighter spots, the smoothing taken off."""
    rows = []
    for bead in [bead for bead in beads if bead.peak >= TYPICAL * beads[0].peak][:60]:
        part = values[_box(bead.position_px, [2.5 * width for width in fwhm], values.shape)].astype(np.float64)
        blur = [0.15 * width for width in fwhm]
        smooth = ndimage.gaussian_filter(part - np.percentile(part, 20), blur, mode="nearest")
        found = np.square(widths_px(smooth)) - np.square(np.array(blur) / SIGMA_PER_FWHM)
        rows.append(np.sqrt(np.maximum(found, 0.25)))
    if not rows:
        return tuple(fwhm)
    table = np.array(rows)
    table[~np.isfinite(table)] = np.nan
    usual = [np.median(column[np.isfinite(column)]) if np.isfinite(column).any() else np.nan for column in table.T]
    return tuple(old if math.isnan(new) else float(max(new, 1.0)) for new, old in zip(usual, fwhm, strict=True))


def _without_saturated(
    volume: npt.NDArray[Any], beads: Sequence[Bead], fwhm: Sequence[float], full_scale: float | None
) -> list[Bead]:
    """Reject beads at which the detector was at its end: at full scale, or where one bead has a plateau at the top."""
    most = math.inf if full_scale is None else full_scale
    if full_scale is None and np.issubdtype(volume.dtype, np.integer):
        most = float(np.iinfo(volume.dtype).max)
    tops = []
    for bead in beads:
        core = volume[_box(bead.position_px, fwhm, volume.shape)]
        top = float(core.max())
        tops.append(top)
        near = 0.03 * (top - float(core.min()))
        fine = near >= 3 or not np.issubdtype(volume.dtype, np.integer)  # counts of few steps have plateaus by nature
        plateau, below = int((core == top).sum()), int(((core >= top - near) & (core < top)).sum())
        if fine and plateau >= max(4, 2 * below):
            most = min(most, top)
    return [bead.rejected("saturated") if top >= most else bead for bead, top in zip(beads, tops, strict=True)]


def _window(beads: Sequence[Bead], fwhm: Sequence[float], shape: Sequence[int]) -> tuple[int, ...]:
    """Return the largest window that leaves enough beads: half of them up to `PLENTY`, nearly all beyond."""
    choices = [(lateral, axial) for lateral in LATERAL for axial in (AXIAL if len(shape) == 3 else AXIAL[-1:])]
    radii = [_radius(lateral, axial, fwhm) for lateral, axial in choices]
    counts = [
        sum(not bead.problem and not _place(bead, beads, radius, fwhm, shape) for bead in beads) for radius in radii
    ]
    if not counts[-1]:
        return radii[-1]
    few = min(counts[-1], max(3, math.ceil(counts[-1] / 2)))
    most = math.ceil(0.9 * counts[-1])
    fitting = [
        radius
        for (lateral, axial), radius, count in zip(choices, radii, counts, strict=True)
        if count >= (few if lateral <= PLENTY[0] and axial <= PLENTY[1] else most)
    ]
    return max(fitting, key=lambda radius: math.prod(2 * r + 1 for r in radius))


def _radius(lateral: float, axial: float, fwhm: Sequence[float]) -> tuple[int, ...]:
    factors = (axial, lateral, lateral)[-len(fwhm) :]
    return tuple(max(2, math.ceil(factor * width)) for factor, width in zip(factors, fwhm, strict=True))


def _place(
    bead: Bead, beads: Sequence[Bead], radius: Sequence[int], fwhm: Sequence[float], shape: Sequence[int]
) -> str:
    """Say why the window around a bead is not clear, or nothing."""
    middle = [round(p) for p in bead.position_px]
    if any(p - r - MARGIN < 0 or p + r + MARGIN >= n for p, r, n in zip(middle, radius, shape, strict=True)):
        return "cut by the border"
    for other in beads:
        gaps = [
            abs(a - b) < r + CLEAR * w
            for a, b, r, w in zip(other.position_px, bead.position_px, radius, fwhm, strict=True)
        ]
        if other is not bead and all(gaps) and other.peak >= SATELLITE * bead.peak:
            return "too close to another"
    return ""
