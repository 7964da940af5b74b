"""Whether an image was exposed and sampled well enough to be deconvolved."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

ADVISED_PX: Final = 3.0
"""Width of the PSF in pixels (FWHM) from which sampling is good; 2 is the least (Nyquist)."""


def saturated_fraction(data: npt.NDArray[Any], full_scale: float | None = None) -> float | None:
    """Return the part of pixels at or above the largest value that the detector can give.

    Meaning: what such pixels showed is lost, and the deconvolution makes rings around them. Blind spot: a detector
    that saturates below its largest number, and images rescaled after the exposure.

    Parameters
    ----------
    data : array
        Camera counts.
    full_scale : float, optional
        Largest value; of whole numbers, the nearest of 8, 10, 11, 12, 14, 16 bits that the maximum equals, when
        left out.

    Returns
    -------
    float or None
        0 to 1; None for real numbers without `full_scale`.

    Examples
    --------
    >>> saturated_fraction(np.array([0, 4095, 4095, 9], "uint16"))
    0.5
    >>> saturated_fraction(np.array([0, 4000, 4000, 9], "uint16"))
    0.0
    """
    values = np.asarray(data)
    if full_scale is None:
        if values.dtype.kind not in "iu":
            return None
        top = int(values.max())
        full_scale = top if top in {2**n - 1 for n in (8, 10, 11, 12, 14, 16)} else float(np.iinfo(values.dtype).max)
    return float(np.mean(values >= full_scale))


def sampling(fwhm_px: float) -> tuple[str, str]:
    """Return a colour and a sentence on how finely the PSF is sampled.

    Meaning: below 2 px the pixels, not the optics, limit; from 3 px deconvolution has room. Blind spot: only as good
    as the width of the PSF that it is told.

    Parameters
    ----------
    fwhm_px : float
        Width of the PSF in pixels.

    Examples
    --------
    >>> sampling(4.1)
    ('green', 'the PSF is 4.1 px wide: well sampled')
    >>> sampling(1.6)[0]
    'red'
    """
    if fwhm_px >= ADVISED_PX:
        return "green", f"the PSF is {fwhm_px:.2g} px wide: well sampled"
    if fwhm_px >= 2:
        return "amber", f"the PSF is {fwhm_px:.2g} px wide: 3 px or more are advised, little finer can be shown"
    return "red", f"the PSF is {fwhm_px:.2g} px wide: under 2 px the pixels limit, not the optics"
