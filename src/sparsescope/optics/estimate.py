"""The width of the PSF from one image: where and how its power spectrum falls to the noise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from ..errors import RecipeError
from ..fourier import Rings, as_plane, most_varied_part, rings
from .spectrum_model import WIDTHS, Fit, Spectrum, fit_with_coloured_noise, fit_with_white_noise

CUTOFF: Final = 1.03
"""Cut-off frequency of an Airy pattern times its FWHM: 2 NA/λ times 0.5145 λ/NA."""
SMALLEST: Final = 48
"""Planes less wide have too few frequencies."""
WIDEST_PX: Final = 9.5
"""Wider than this is a smooth object rather than a PSF."""
LOWEST: Final = 0.025
"""Cycles per pixel; below lie background, haze and the layout of the cell."""
HIGHEST: Final = 0.7
"""Up to here white noise is fitted, which includes the corner of the spectrum …"""
HIGHEST_COLOURED: Final = 0.4
"""… and up to here noise that is not white: interpolation repeats the structure's spectrum beyond."""
NARROWEST_PX: Final = 1.5
NARROWEST_COLOURED_PX: Final = CUTOFF / 0.4
"""Widths whose cut-off lies beyond the band that is looked at are not believed."""
LEVEL: Final = 0.6
"""The corner of the spectrum holds at least this fraction of the power beside it where the noise is white."""
EVIDENCE: Final = 30.0
"""Gain of log-likelihood that structure, and noise, must bring to be believed."""
TOLERANCE: Final = 3.0
"""Loss of log-likelihood at which a width is given up."""
SHARPNESS: Final = 0.6
"""The narrowest width that is not given up must be at least this fraction of the widest."""
SHRINK: Final = 0.95
"""Structures are not infinitely thin, which makes the PSF appear wider; and one assumed 15 % too wide costs the
result 13 to 35 %, one 15 % too narrow at most 4 %."""
SHRINK_COLOURED: Final = 0.9
"""The same where the noise is correlated, which takes some of the PSF's fall for its own."""


@dataclass(frozen=True)
class Estimate:
    """A PSF width read from an image.

    Attributes
    ----------
    fwhm_px : float or None
        Full width at half maximum in pixels, before the integration over pixels, chosen rather too narrow than too
        wide; None when the image cannot tell.
    low_px, high_px : float or None
        Widths between which the image does not decide; None when it cannot tell.
    source : str
        How the width was found, or why it was not: part of a sentence.
    notes : tuple of str
        What the user should know of it.
    """

    fwhm_px: float | None
    low_px: float | None
    high_px: float | None
    source: str
    notes: tuple[str, ...] = ()


def estimate_fwhm_px(plane: npt.ArrayLike, *, cutoff_cycles_per_px: float | None = None) -> Estimate:
    """Estimate the width of the PSF from the power spectrum of one plane.

    Parameters
    ----------
    plane : array_like, (Y, X)
        Pixel values of any real type and unit, raw or interpolated; values that are not finite are left out of
        account. Of a large plane, the 512 x 512 pixels that vary most are looked at.
    cutoff_cycles_per_px : float, optional
        Highest frequency that stands above the noise, such as decorrelation analysis gives it: the PSF is at most
        1.03 / cut-off wide. Not used where the noise is correlated between pixels, which raises it.

    Returns
    -------
    Estimate
        With `fwhm_px` None where the plane is too small, too dark, too smooth or too heavily processed to tell.

    Raises
    ------
    InputError
        If the plane has not two axes, is empty, or does not hold real numbers.
    RecipeError
        If the cut-off is out of its range.

    Notes
    -----
    Model of the ring-averaged power spectrum: A k**-p T(w k)**2 S(k) + N, with the transfer function T of a Gaussian
    or an Airy pattern of FWHM w (whichever fits), the pixel's S and white noise N. The power law stands for the
    object: p is 0 for points, 1 for lines, 3 for edges. Every w and p of a grid is fitted by maximum likelihood
    (Whittle, Ark. Mat. 2, 423, 1953). Where the floor of the spectrum is not white, or no more than the rounding to
    integers, the noise is taken for correlated, one of several spectra stands for it, and only frequencies below 0.4
    per pixel are used. What comes back is the geometric mean of the best w and the narrowest that fits nearly as
    well, 5 % off (10 % with correlated noise). Objects whose own spectrum falls like a PSF's (blobs) are mostly
    recognised by a slope at the end of the range; where not, the width is theirs and too wide.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> points = np.zeros((256, 256))
    >>> points[rng.integers(0, 256, 300), rng.integers(0, 256, 300)] = 20000
    >>> k2 = np.square(np.fft.fftfreq(256)[:, None]) + np.square(np.fft.fftfreq(256))
    >>> blurred = np.fft.ifft2(np.fft.fft2(points) * np.exp(-2 * np.pi**2 * k2 * (4 / 2.3548) ** 2)).real
    >>> found = estimate_fwhm_px(rng.poisson(np.maximum(blurred, 0) + 5))
    >>> 3.4 < found.fwhm_px < 4.1
    True
    """
    if cutoff_cycles_per_px is not None and not 0 < cutoff_cycles_per_px <= 0.75:
        raise RecipeError(f"cutoff_cycles_per_px = {cutoff_cycles_per_px!r} is not allowed: a number > 0 and <= 0.75")
    values = as_plane(most_varied_part(plane))
    if min(values.shape) < SMALLEST:
        return _cannot_tell(f"the image is under {SMALLEST} pixels wide")
    if not np.ptp(values) > 0:
        return _cannot_tell("the image is constant")
    summed = rings(values)
    spectrum = _binned(summed, HIGHEST)
    if _is_white(spectrum, _quantum(values)):
        found = _judged(fit_with_white_noise(spectrum), NARROWEST_PX, SHRINK)
        return found if cutoff_cycles_per_px is None else _bounded(found, CUTOFF / cutoff_cycles_per_px)
    fit = fit_with_coloured_noise(_binned(summed, HIGHEST_COLOURED))
    note = "the noise is correlated between pixels (interpolated or filtered image): the width is less certain"
    return replace(_judged(fit, NARROWEST_COLOURED_PX, SHRINK_COLOURED), notes=(note,))


def _bounded(found: Estimate, most_px: float) -> Estimate:
    if found.fwhm_px is None or found.low_px is None or found.high_px is None:
        return found
    return replace(
        found,
        fwhm_px=min(found.fwhm_px, most_px),
        low_px=min(found.low_px, most_px),
        high_px=min(found.high_px, most_px),
    )


def _judged(fit: Fit, narrowest_px: float, shrink: float) -> Estimate:
    """Turn a fit into an estimate, or into the reason why it is none."""
    spread = max(1.0, fit.misfit.min() / (1.2 * fit.bins))  # rings are averages over few structures
    if fit.structure_gain < EVIDENCE * spread:
        return _cannot_tell("no structure stands above the noise")
    if fit.noise_gain < EVIDENCE * spread:
        return _cannot_tell("no noise is seen beneath the structure (a processed image)")
    profile = fit.misfit.min(axis=1)
    i, slope = np.unravel_index(int(fit.misfit.argmin()), fit.misfit.shape)
    near = WIDTHS[profile < profile.min() + TOLERANCE * spread]
    best, low, high = float(WIDTHS[i]), float(near[0]), float(near[-1])
    if best > WIDEST_PX or high >= WIDTHS[-1] or slope == fit.misfit.shape[1] - 1:
        return _cannot_tell("the structures are too smooth to show it")
    if best < narrowest_px or low <= WIDTHS[0]:
        return _cannot_tell("it is too narrow for these pixels to show")
    if low < SHARPNESS * high:
        return _cannot_tell(f"anything from {low:.2g} to {high:.2g} pixels fits")
    fwhm = shrink * float(np.sqrt(low * best))
    text = "estimated from where the image's power spectrum falls to the noise, rather too narrow than too wide"
    return Estimate(fwhm, min(low, fwhm), high, text)


def _cannot_tell(why: str) -> Estimate:
    return Estimate(None, None, None, why)


def _quantum(values: npt.NDArray[np.float32]) -> float:
    """Step between neighbouring grey values, 0 where there is none."""
    some = values.ravel()[:: max(1, values.size // 65536)]
    levels = np.unique(some)
    return float(np.diff(levels).min()) if 1 < len(levels) <= some.size // 4 else 0.0


def _binned(summed: Rings, highest: float) -> Spectrum:
    """Mean power in bins that grow with frequency by a thirtieth, one ring at least."""
    side = round(1 / float(summed.frequency[1]))
    last = min(round(highest * side), len(summed.frequency) - 1)
    edges = [max(round(LOWEST * side), 3)]
    while edges[-1] < last:
        edges.append(edges[-1] + max(1, edges[-1] // 30))
    count, power, middle = (
        np.add.reduceat(part[: edges[-1]], edges[:-1])
        for part in (summed.count, summed.power, summed.count * summed.frequency)
    )
    some = count > 0
    return Spectrum(middle[some] / count[some], count[some], np.maximum(power[some] / count[some], 1e-30))


def _is_white(spectrum: Spectrum, quantum: float) -> bool:
    """Whether the floor of the spectrum can be a camera's noise: level to the corner, and above that of rounding."""
    k, power = spectrum.frequency, spectrum.power
    corner, beside = float(power[k > 0.52].mean()), float(power[(k > 0.42) & (k < 0.5)].mean())
    return corner > LEVEL * beside and corner > 1.5 * quantum**2 / 12
