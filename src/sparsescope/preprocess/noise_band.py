"""Noise that was filtered with the structures, as in a reconstruction: its spectrum, and noise drawn with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from .noise_correlation import SIZE, SMALLEST, quiet_and_bright
from .noise_samples import quantisation_step

Floats = npt.NDArray[np.floating]

CUT_OFF = 1.03
"""Of an Airy pattern: the frequency beyond which it passes nothing, times its FWHM (Born & Wolf, 9.5)."""
EDGE = 1.15
"""Where frequencies count as beyond the cut-off, in parts of it: the spectrum of a window is blurred a little."""
BEYOND = 0.01
"""Most power beyond the cut-off, as a part of the power within, of noise that went through the optics' band."""
FINE = (0.7, 0.9)
"""Frequencies near the cut-off, in parts of it."""


@dataclass(frozen=True)
class NoiseBand:
    """Noise whose spectrum ends at the optics' cut-off, as that of structures does.

    Attributes
    ----------
    power : array, shape (32, 32)
        Its power spectrum where the plane is quiet, frequency 0 first; the mean is its variance there.
    detail : float
        Power near the cut-off where the plane has most structure, over that where it is quiet: how far the finest
        structures stand out of the noise, which itself grows with the light.
    """

    power: Floats
    detail: float


def noise_band(plane: Floats, fwhm_yx_px: tuple[float, float]) -> NoiseBand | None:
    """Measure the noise of a plane that was filtered with the structures, as in a reconstruction.

    Parameters
    ----------
    plane : array, shape (Y, X)
        Pixel values in any unit.
    fwhm_yx_px : tuple of float
        Width of the PSF along y and x.

    Returns
    -------
    NoiseBand or None
        None where noise reaches beyond the cut-off (a camera's own noise is everywhere, that of interpolated or
        averaged frames in more than the band), or where windows are too few or the PSF too fine to tell.

    Notes
    -----
    Where bright structures fill the plane from corner to corner they hide a camera's noise beyond the cut-off: ask this
    of frames whose noise is known to be correlated.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(0).normal(size=(128, 128))
    >>> passed = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.fftfreq(128)) < 0.2
    >>> reconstructed = np.fft.ifft2(np.fft.fft2(noise) * passed).real
    >>> noise_band(noise, (4.0, 4.0)) is None, noise_band(reconstructed, (4.0, 4.0)).power.shape
    (True, (32, 32))
    """
    spectra = quiet_and_bright(plane) if min(plane.shape) >= SMALLEST else None
    rows, columns = fft.fftfreq(SIZE)[:, None] * fwhm_yx_px[0], fft.fftfreq(SIZE) * fwhm_yx_px[1]
    away = np.hypot(rows, columns) / CUT_OFF
    if spectra is None or not (away > EDGE).any():
        return None
    quiet, bright = spectra
    rounding = quantisation_step(plane[None]) ** 2 / 12
    if float(quiet[away > EDGE].mean()) - rounding > BEYOND * float(quiet[away < 1].mean()):
        return None
    fine = (away > FINE[0]) & (away < FINE[1])
    return NoiseBand(quiet, float(bright[fine].mean() / max(float(quiet[fine].mean()), 1e-300)))


def over(shape: tuple[int, int], power: Floats) -> Floats:
    """Return the power spectrum over a plane of this shape, with a mean of 1: interpolated by its covariance.

    Examples
    --------
    >>> import numpy as np
    >>> bool(np.allclose(over((48, 64), np.full((32, 32), 7.0)), 1))
    True
    """
    lags = fft.fftfreq(SIZE, 1 / SIZE).astype(int)
    fades = 0.5 + 0.5 * np.cos(2 * np.pi * lags / SIZE)  # else it would break off where the window ends
    covariance = np.zeros(shape)
    covariance[np.ix_(lags, lags)] = fft.ifft2(power).real * fades[:, None] * fades
    spread = np.maximum(fft.fft2(covariance).real, 0)
    return np.asarray(spread / spread.mean())


def coloured(white: npt.NDArray[np.float32], spectrum: Floats) -> npt.NDArray[np.float32]:
    """Give white noise a spectrum of mean 1 (`over`); its variance stays.

    Examples
    --------
    >>> import numpy as np
    >>> white = np.random.default_rng(0).standard_normal((64, 64), np.float32)
    >>> bool(np.allclose(coloured(white, np.ones((64, 64))), white, atol=1e-5))
    True
    """
    return np.asarray(fft.ifft2(fft.fft2(white) * np.sqrt(spectrum)).real, np.float32)
