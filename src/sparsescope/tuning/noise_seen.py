"""What the noise of a request tells: how far it is correlated, and its variance and spectrum where it can be drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..preprocess.noise import estimate_noise
from ..preprocess.noise_band import NoiseBand, noise_band
from .choice import Request
from .prepare import width_px


@dataclass(frozen=True)
class SeenNoise:
    """The noise of the middle plane of a request.

    Attributes
    ----------
    radius : int
        How far it is correlated: blocks of 2 radius + 1 pixels are held out.
    variance : tuple of float or None
        Slope and intercept in the level (counts, counts²), and the least value; None where noise cannot be drawn:
        of averaged and interpolated frames, whose noise says nothing of what is background.
    band : NoiseBand or None
        Its spectrum, where that ends with the optics' band, as after a reconstruction; None for other noise.
    """

    radius: int
    variance: tuple[float, float, float] | None
    band: NoiseBand | None = None

    @classmethod
    def of(cls, request: Request) -> SeenNoise:
        """Look at the middle plane, as far as the request does not say it."""
        middle, radius, variance = request.planes[len(request.planes) // 2], request.radius_px, request.variance
        if radius is None or variance is None:
            noise = estimate_noise(middle, fwhm_px=width_px(request))
            radius = noise.correlation_radius_px if radius is None else radius
            variance = variance or (noise.variance_slope, noise.variance_intercept, noise.variance_floor)
        band = noise_band(middle, request.fwhm_yx_px) if radius else None
        if band is not None:  # what pixels a few apart differ by misses most of such noise
            return cls(radius, (*variance[:2], max(variance[2], float(band.power.mean()))), band)
        if not np.array_equal(middle, np.rint(middle)):
            radius = max(radius, 1)  # not whole counts: averaged or computed, so neighbours share noise
        return cls(radius, None if radius else variance)
