"""Whether the data hold detail that a PSF of the assumed width would not have passed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ..fourier import as_plane, rings

BEGIN: Final = 1.35
"""A Gaussian PSF of FWHM w passes 0.15 % of a wave of frequency 1.35 / w, an Airy pattern nothing from 1.03 / w."""
RATIO: Final = 1.35
"""The band that is looked at ends at so many times the frequency at which it begins."""
FLOOR: Final = 0.45
"""Cycles per pixel from which there is noise only, unless the band reaches beyond."""
HANN_2D: Final = 3.8
"""The window leaves so many times fewer independent frequencies ((35/18)²)."""
FEWEST: Final = 200


@dataclass(frozen=True)
class Excess:
    """Power of the data in a band that the PSF should have emptied, beside the noise's.

    Attributes
    ----------
    part : float
        Power above the noise's, in units of the noise's: 0 is none.
    sigmas : float
        The same in standard errors.
    """

    part: float
    sigmas: float


def excess_beyond(plane: npt.ArrayLike, fwhm_px: float) -> Excess | None:
    """Compare the power just beyond the PSF's band with the power of the noise.

    Meaning: a clear excess says that the PSF is narrower than assumed: deconvolving with it makes rings, doubled edges
    and hollow spots. Blind spot: no excess proves nothing: smooth samples and few photons put no power there. Hot
    pixels, fixed patterns and noise that was filtered look like an excess.

    Parameters
    ----------
    plane : array_like, (Y, X)
        Data in any unit, 64 pixels wide or more.
    fwhm_px : float
        Assumed width of the PSF.

    Returns
    -------
    Excess or None
        None where the pixels leave no room for noise alone: PSFs under about 4 px.

    Notes
    -----
    Sums over rings of the power spectrum under a Hann window; the noise is that of the highest frequencies, corners
    included, so that no gain enters. That no signal lies beyond the optics' band: Abbe (1873); Goodman, Introduction
    to Fourier Optics, 6.1.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(128, 128))
    >>> abs(excess_beyond(noise, 5.0).sigmas) < 4
    True
    """
    values = as_plane(plane)
    first = BEGIN / fwhm_px
    last = min(RATIO * first, FLOOR)
    if min(values.shape) < 64 or last < 1.05 * first or not np.ptp(values) > 0:
        return None
    summed = rings(values)
    inside = (summed.frequency >= first) & (summed.frequency < last)
    above = summed.frequency >= FLOOR
    counts = [float(summed.count[where].sum()) for where in (inside, above)]
    if min(counts) < FEWEST:
        return None
    band, noise = (float(summed.power[where].sum()) / n for where, n in zip((inside, above), counts, strict=True))
    part = band / noise - 1
    # a frequency and its conjugate are one: half of each count is independent
    error = np.sqrt(sum(2 * HANN_2D / n for n in counts))
    return Excess(part, float(part / error))
