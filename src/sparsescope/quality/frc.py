"""Fourier ring correlation of two images: down to which detail they agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy import fft as sfft

from ..errors import InputError
from ..fourier import Doubles, as_plane

ONE_SEVENTH: Final = 1 / 7
"""Threshold of Rosenthal & Henderson (2003), as in microscopy (Nieuwenhuizen et al. 2013)."""
SMOOTHED_RINGS: Final = 3
"""Rings that are averaged before a crossing is looked for."""
HANN: Final = 1.9
"""The Hann window correlates neighbours, so that a ring holds so many times fewer independent frequencies (35/18)."""
LEAST_SIGMAS: Final = 5.0
"""Mean correlation below the crossing, in standard errors of independent images: less is chance."""
SMOOTHED_ERROR: Final = 0.73
"""Error of the mean of three rings in units of one ring's, as the window correlates them by 4/9."""

Threshold = Literal["1/7", "half-bit"]


@dataclass(frozen=True)
class Frc:
    """Correlation of two images by frequency.

    Attributes
    ----------
    frequency : array
        Cycles per pixel, from 0 to 0.5.
    correlation : array
        Real part of the correlation in each ring, -1 to 1.
    count : array
        Frequencies in each ring.
    """

    frequency: Doubles
    correlation: Doubles
    count: Doubles

    @property
    def error(self) -> Doubles:
        """Standard error of each ring: (1 − r²) / √(independent frequencies), a conjugate pair counting as two."""
        independent = np.maximum(self.count / HANN, 1.0)
        return np.asarray((1 - self.correlation**2) / np.sqrt(independent))

    def threshold(self, kind: Threshold) -> Doubles:
        """Return the threshold at each ring; half-bit after van Heel & Schatz, J. Struct. Biol. 151, 250 (2005)."""
        if kind == "1/7":
            return np.full_like(self.frequency, ONE_SEVENTH)
        root = np.sqrt(np.maximum(self.count / 2, 1.0))
        return np.asarray((0.2071 + 1.9102 / root) / (1.2071 + 0.9102 / root))


@dataclass(frozen=True)
class Crossing:
    """Where a correlation curve falls below its threshold.

    Attributes
    ----------
    resolution_px : float or None
        1 / frequency of the crossing; None where the images have nothing in common beyond chance.
    low_px, high_px : float or None
        The same for the curve raised and lowered by its standard error.
    at_limit : bool
        The curve never falls: the resolution is that of the pixels, 2 px or better.
    """

    resolution_px: float | None
    low_px: float | None
    high_px: float | None
    at_limit: bool


def frc(first: npt.ArrayLike, second: npt.ArrayLike) -> Frc:
    """Correlate two images of one object ring by ring in Fourier space.

    Meaning: up to which frequency two independent images of one object show the same. Blind spot: it sees what is
    *reproducible*, not what is true. An error made in both images (a wrong PSF, a prior, fixed-pattern noise, the grid
    of an interpolation) counts as agreement, and so does noise that both share.

    Parameters
    ----------
    first, second : array_like, (Y, X)
        Of one shape, 32 pixels wide or more; any unit: scale and offset cancel.

    Returns
    -------
    Frc
        Rings one frequency step (of the shorter side) wide, up to 0.5 cycles per pixel.

    Raises
    ------
    InputError
        If these are not two planes of one shape.

    Notes
    -----
    ``r(q) = Re Σ F₁ F₂* / √(Σ |F₁|² Σ |F₂|²)`` over the ring q, after a Hann window; Saxton & Baumeister,
    J. Microsc. 127, 127 (1982); Nieuwenhuizen et al., Nat. Methods 10, 557 (2013).

    Examples
    --------
    >>> image = np.random.default_rng(0).normal(size=(64, 64))
    >>> bool(np.allclose(frc(image, 3 * image + 7).correlation, 1))
    True
    """
    a, b = as_plane(first).astype(np.float64), as_plane(second).astype(np.float64)
    if a.shape != b.shape:
        raise InputError(f"two images of shapes {a.shape} and {b.shape}: FRC compares images of one shape")
    if min(a.shape) < 32:
        raise InputError(f"an image of shape {a.shape} is too small for FRC: allowed are 32 pixels or more")
    height, width = a.shape
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
    spectra = [sfft.rfft2((v - (v * window).sum() / window.sum()) * window) for v in (a, b)]
    side = min(height, width)
    number = np.hypot(sfft.fftfreq(height)[:, None], sfft.rfftfreq(width)[None]) * side
    ring = np.rint(number).astype(np.intp).ravel()
    twice = np.full(spectra[0].shape, 2.0)  # each frequency stands for its conjugate as well …
    twice[:, 0] = 1.0  # … but these hold both
    if width % 2 == 0:
        twice[:, -1] = 1.0
    length = side // 2 + 1

    def total(values: npt.NDArray[np.floating]) -> Doubles:
        return np.bincount(ring, (twice * values).ravel(), minlength=length)[:length].astype(np.float64)

    common = total((spectra[0] * spectra[1].conj()).real)
    own = np.sqrt(total(np.abs(spectra[0]) ** 2) * total(np.abs(spectra[1]) ** 2))
    curve = np.where(own > 0, common / np.where(own > 0, own, 1.0), 0.0)
    return Frc(np.arange(length) / side, np.clip(curve, -1, 1), total(np.ones_like(twice)))


def crossing(curve: Frc, threshold: Threshold = "1/7") -> Crossing:
    """Return the resolution at which a correlation curve falls below a threshold, with its standard error.

    Meaning: the finest detail common to both images, in pixels (1 / frequency, the period). Blind spot: as for
    :func:`frc`; two people who choose other thresholds get other numbers.

    Parameters
    ----------
    curve : Frc
        Of two images.
    threshold : str
        ``"1/7"`` or ``"half-bit"``.

    Examples
    --------
    >>> image = np.random.default_rng(0).normal(size=(64, 64))
    >>> crossing(frc(image, image))
    Crossing(resolution_px=2.0, low_px=2.0, high_px=2.0, at_limit=True)
    """
    kernel = np.ones(SMOOTHED_RINGS) / SMOOTHED_RINGS
    edge = SMOOTHED_RINGS // 2
    smooth = np.convolve(np.pad(curve.correlation, edge, mode="edge"), kernel, "valid")
    error = SMOOTHED_ERROR * curve.error
    level = curve.threshold(threshold)
    at, best, worst = (_falls(curve.frequency, smooth + shift * error, level) for shift in (0, 1, -1))

    if at is not None:
        below = (curve.frequency > 0) & (curve.frequency < at)
        total = float((curve.count * curve.correlation)[below].sum())
        if total < LEAST_SIGMAS * np.sqrt(HANN * max(float(curve.count[below].sum()), 1.0)):
            at = best = worst = None

    def period(frequency: float | None) -> float | None:
        return None if not frequency else 1 / frequency

    limit = at is not None and at >= curve.frequency[-1]
    return Crossing(period(at), period(best), period(worst), bool(limit))


def _falls(frequency: Doubles, curve: Doubles, level: Doubles) -> float | None:
    """First frequency at which a curve falls below a level for two rings on end; None where it starts below."""
    below = curve[1:] < level[1:]
    stays = below & np.append(below[1:], True)
    if not stays.any():
        return float(frequency[-1])
    i = int(np.argmax(stays)) + 1
    if i == 1:
        return None
    above, under = curve[i - 1] - level[i - 1], curve[i] - level[i]
    part = above / (above - under) if above > under else 0.0
    return float(frequency[i - 1] + min(max(part, 0.0), 1.0) * (frequency[i] - frequency[i - 1]))
