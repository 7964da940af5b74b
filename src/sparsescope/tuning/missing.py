"""Find what a setting leaves out: structures that stand out of the noise and that its result does not explain."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..engines import Engine
from .rehearsal import FWHM, through_a_pupil
from .trial import Bench, Setting

Floats = npt.NDArray[np.float32]
Pair = tuple[float, float]

SIZE = 1.5
"""Of the structures looked for, in PSF widths: a line stands out of the noise more clearly than its points do."""
AROUND = 3.0
"""Size of the surroundings whose light is taken off, in units of that size: haze is no structure."""
STANDS_OUT = 3.0
"""Standard deviations of the noise."""
PART = 0.2
"""Part of the light in a place that is missing: at bright structures less may be left where the PSF is another."""


class Missing:
    """What in a plane stands out of the noise and is not in a result.

    The result's image, blurred again, is taken off the data; what remains is filtered by the difference of two
    Gaussians and compared with the noise that passes the filter. What the Gaussian PSF does not explain but the Airy
    pattern of the same width does, is no structure but its rings.

    Parameters
    ----------
    bench : Bench
        One plane.
    variance : tuple of float
        Slope and intercept of the noise's variance in the level (counts, counts²), and its least value.
    fwhm_yx_px : tuple of float
        Width of the PSF.
    spectrum : array, shape (Y, X), or None
        Power spectrum of the noise, of mean 1; None for white noise.
    """

    def __init__(
        self,
        bench: Bench,
        variance: tuple[float, float, float],
        fwhm_yx_px: Pair,
        spectrum: npt.NDArray[np.floating] | None = None,
    ) -> None:
        self.bench, self.fwhm_yx_px = bench, fwhm_yx_px
        self.net = ((bench.data - bench.behind) / np.float32(bench.scale))[0]
        self.inner = (fwhm_yx_px[0] * SIZE / FWHM, fwhm_yx_px[1] * SIZE / FWHM)
        self.outer = (self.inner[0] * AROUND, self.inner[1] * AROUND)
        near = ndimage.gaussian_filter(np.maximum(self.net, 0), self.inner)
        slope, intercept, least = variance
        level = np.maximum(slope * (near * bench.scale + bench.behind[0]) + intercept, least) / bench.scale**2
        self.least = np.maximum(STANDS_OUT * np.sqrt(level * self.passed(spectrum)), PART * near)

    def passed(self, spectrum: npt.NDArray[np.floating] | None = None) -> float:
        """Part of the noise's variance that passes the filter; of white noise the sum of the squares of its weights."""
        if spectrum is not None:
            transfer = _transfer(spectrum.shape, self.inner) - _transfer(spectrum.shape, self.outer)
            return float((spectrum * np.square(transfer)).mean())
        own = _overlap(self.inner, self.inner) + _overlap(self.outer, self.outer)
        return own - 2 * _overlap(self.inner, self.outer)

    def pixels(self, setting: Setting, engine: Engine) -> int:
        """Count the pixels where something is missing.

        Parameters
        ----------
        setting : Setting
            With one iteration count.
        engine : Engine
            What computes.
        """
        result, image = next(iter(self.bench.predicted(setting, self.net[None], engine)))
        images = [image]
        if self.bench.psf is None:
            images.append(through_a_pupil(result, self.fwhm_yx_px))
        left = np.min([self._excess(blurred) for blurred in images], axis=0)
        return int(np.count_nonzero(left > self.least))

    def _excess(self, blurred: Floats) -> Floats:
        square = float(np.square(blurred).sum(dtype=np.float64))
        light = max(float((blurred * self.net).sum(dtype=np.float64)), 0.0) / max(square, 1e-30)
        rest = self.net - np.float32(light) * blurred
        near, far = (ndimage.gaussian_filter(rest, size) for size in (self.inner, self.outer))
        return np.asarray(near - far, np.float32)


def _overlap(first: Pair, second: Pair) -> float:
    """Integral of the product of two Gaussians of sum 1 and these standard deviations along y and x.

    Examples
    --------
    >>> round(_overlap((1.0, 1.0), (1.0, 1.0)) * 4 * math.pi, 6)
    1.0
    """
    return math.prod(1 / math.sqrt(2 * math.pi * (a * a + b * b)) for a, b in zip(first, second, strict=True))


def _transfer(shape: tuple[int, ...], sigma: Pair) -> npt.NDArray[np.float64]:
    """Transfer function of a Gaussian of sum 1.

    Examples
    --------
    >>> _transfer((4, 4), (1.0, 1.0))[0, 0]
    np.float64(1.0)
    """
    along, across = (np.exp(-2 * np.square(np.pi * s * np.fft.fftfreq(n))) for n, s in zip(shape, sigma, strict=True))
    return np.asarray(along[:, None] * across)
