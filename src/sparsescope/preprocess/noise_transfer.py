"""Photon transfer: the variance of the noise against the brightness, from what lies beyond the optics' cut-off.

The image is filtered by products of the two best-concentrated short sequences around the Nyquist frequency (discrete
prolate spheroidal sequences, Slepian 1978), which pass noise but next to nothing of structures wider than two
pixels. Where the noise of a pixel has variance ``gain × (mean - offset) + read²``, the square of the filtered image is
on average the same line in the mean weighted by the squared filter: exactly, whatever the distribution. Robust means
in bins of brightness and a weighted line give gain and intercept (after Foi et al. 2008 and Heintzmann et al. 2016).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from .noise_line import LEAST, Line, Samples, fit_line, joined
from .noise_samples import crops

Floats = npt.NDArray[np.floating]

WIDE_STEPS = (25, 100, 300)
"""Below 25 photons noise drowns what the wider filter lets through of structure; up to 300 it may, and is tested."""
PIXELS = 2**18
"""About how many pixels are looked at."""
SIDE = 128
"""Side of the windows that they lie in."""


@dataclass(frozen=True)
class Bank:
    """Filters for one axis, and how many independent values they give for each pixel that is kept (one in four)."""

    taps: tuple[npt.NDArray[np.float32], ...]
    freedom: float


def _bank(length: int, half_width: float, freedom: float) -> Bank:
    """Two sequences with most of their energy within `half_width` (cycles per pixel) of the Nyquist frequency."""
    lag = np.subtract.outer(np.arange(length), np.arange(length))
    _, vectors = np.linalg.eigh(2 * half_width * np.sinc(2 * half_width * lag))  # Slepian's, around frequency 0
    slow = vectors[:, :-3:-1].T
    taps = slow * (-1.0) ** np.arange(length)
    taps -= np.abs(slow) * (taps.sum(axis=1) / np.abs(slow).sum(axis=1))[:, None]  # nothing of a level background
    taps /= np.sqrt(np.square(taps).sum(axis=1, keepdims=True))
    return Bank(tuple(taps.astype(np.float32)), freedom)


STRICT = _bank(9, 2 / 9, 0.41)
"""Passes 0.28 to 0.5 cycles per pixel: of lines of 3 px FWHM one thousandth, of lines of 2.3 px one hundredth."""
WIDE = _bank(5, 0.3, 0.98)
"""Passes 0.2 to 0.5 cycles per pixel, for dim places, where noise drowns what it lets through (2 to 6 %)."""


class Known(NamedTuple):
    """What is given of a camera: counts per electron, counts, electrons."""

    gain: float | None = None
    offset: float | None = None
    read: float | None = None


def variance_line(
    frames: Floats,
    saturation: float | None,
    fwhm_px: float | None = None,
    known: Known | None = None,
    most: int = PIXELS,
) -> Line | None:
    """Line of the noise's variance: dim places through the wide filter, bright ones through the strict filter.

    Parameters
    ----------
    frames : array, (1, Y, X) or (pairs × 2, Y, X)
        One frame, or pairs of neighbouring frames.
    saturation : float or None
        Value from which pixels are saturated.
    fwhm_px : float, optional
        Width of the point spread function.
    known : Known, optional
        A gain fixes the slope; offset and read noise together fix a point of the line.
    most : int
        About how many pixels are looked at, in windows from dark to bright ones.
    """
    known = known or Known()
    planes = [(*plane, *_sorting(plane[1], saturation)) for plane in _planes(frames, most)]
    strict = joined([take_samples(*plane, STRICT) for plane in planes])
    line = fit_line([strict], known.gain)
    if line is None:
        return None
    wide = joined([take_samples(*plane, WIDE) for plane in planes])
    dim = max(_wide_up_to(wide, strict, line, fwhm_px), float(np.quantile(strict.peak, 0.01)))
    parts = [wide.between(-np.inf, dim), strict.between(dim, np.inf)]
    line = fit_line(parts, known.gain) or line
    if known.offset is not None and known.read is not None:
        line = fit_line(parts, known.gain, (known.offset, (line.slope * known.read) ** 2)) or line
    return line


def _wide_up_to(wide: Samples, strict: Samples, line: Line, fwhm_px: float | None) -> float:
    """Brightness in counts below which the wide filter shows no more than the strict one, that is no structure."""
    if fwhm_px is not None and fwhm_px >= 4.5:
        return float(np.inf)  # such structures do not reach the wide filter either
    if line.slope <= 0:
        return -float(np.inf)
    limits = [line.level_of_zero + photons * line.slope for photons in WIDE_STEPS]
    for low, high in pairwise(limits):
        parts = wide.between(low, high), strict.between(low, high)
        if len(parts[1].order) < LEAST:
            continue
        excess = parts[0].point()[1] / max(parts[1].point()[1], 1e-300) - 1
        if excess > max(0.02, np.sqrt(2 / (parts[1].freedom * len(parts[1].order)))):
            return low
    return limits[-1]


def distant_line(frames: Floats, distance: int) -> Line | None:
    """Line of the variance of correlated noise, from pixels far enough apart; structure makes it too high.

    Parameters
    ----------
    frames : array, (1, Y, X) or (pairs × 2, Y, X)
        As for `variance_line`.
    distance : int
        Pixels between those that are compared, beyond the noise's correlation.
    """
    return fit_line([joined([_distant_samples(*plane, distance) for plane in _planes(frames)])])


def take_samples(
    noise: Floats, mean: Floats, order: Floats, peak: Floats, allowed: npt.NDArray[np.bool_], bank: Bank
) -> Samples:
    """Filter one plane of noise (the frame itself or a difference of frames) and keep every second row and column.

    Parameters
    ----------
    noise, mean, order, peak : array, (Y, X)
        What is filtered, the brightness it belongs to, what sorts the pixels, and its maximum nearby, in counts.
    allowed : array of bool, (Y, X)
        Pixels around which a filter may be used.
    bank : Bank
        The filters.
    """
    half = len(bank.taps[0]) // 2
    rows = [ndimage.correlate1d(noise, taps, axis=0, mode="mirror") for taps in bank.taps]
    both = [ndimage.correlate1d(part, taps, axis=1, mode="mirror") for part in rows for taps in bank.taps]
    footprint = np.square(np.array(bank.taps)).mean(axis=0)
    level = ndimage.correlate1d(ndimage.correlate1d(mean, footprint, axis=0), footprint, axis=1)
    inner = (slice(half, -half, 2), slice(half, -half, 2))
    keep = allowed[inner]
    squares = np.stack([np.square(part[inner][keep]) for part in both])
    return Samples(squares, level[inner][keep], order[inner][keep], peak[inner][keep], bank.freedom)


def _distant_samples(noise: Floats, mean: Floats, distance: int) -> Samples:
    """Give mixed differences of pixels some distance apart."""
    d = distance
    mixed = np.square((noise[d:, d:] - noise[:-d, d:] - noise[d:, :-d] + noise[:-d, :-d]) / 2)
    level = (mean[d:, d:] + mean[:-d, d:] + mean[d:, :-d] + mean[:-d, :-d]) / 4
    order = ndimage.gaussian_filter(level, 2.0, truncate=2.5)
    sorting = order[::2, ::2].ravel()
    return Samples(mixed[::2, ::2].reshape(1, -1), level[::2, ::2].ravel(), sorting, sorting, 0.25, True)


def _planes(frames: Floats, most: int = PIXELS) -> list[tuple[Floats, Floats]]:
    """Noise and brightness of crops: differences and means of the pairs of frames, or the one frame twice."""
    frames = frames.astype(np.float32, copy=False)
    pairs = [(a, b) for a, b in zip(frames[::2], frames[1::2], strict=False) if not np.array_equal(a, b)]
    if not pairs:
        return [(frames[0][window], frames[0][window]) for window in crops(frames[0], most, SIDE)]
    return [
        ((b[window] - a[window]) * np.float32(np.sqrt(0.5)), (a[window] + b[window]) / 2)
        for a, b in pairs
        for window in crops(a, most // len(pairs), SIDE)
    ]


def _sorting(mean: Floats, saturation: float | None) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Smoothed brightness, its maximum nearby, and which pixels are near neither saturated ones nor a level patch."""
    allowed = np.ones(mean.shape, bool)
    if saturation is not None:
        allowed &= ndimage.maximum_filter(mean, 9) < saturation - 1e-6 * abs(saturation)
    if float(np.mean(mean[:, 1:] == mean[:, :-1])) > 0.05:
        level = ndimage.maximum_filter(mean, 9) == ndimage.minimum_filter(mean, 9)
        allowed &= ~ndimage.maximum_filter(level, 17)
    order = ndimage.gaussian_filter(mean, 2.0, truncate=2.5)
    return order, ndimage.maximum_filter(order, 7), allowed
