"""Small simulated runs whose truth is known: frames through the solver's own PSF, and results with planted faults."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from scipy import ndimage

from sparsescope import Image, Recipe, Result, as_image, deconvolve
from sparsescope.optics.gaussian import gaussian_kernel1d

FWHM, OFFSET, GAIN, SIDE = 4.0, 100.0, 2.0, 96
GOOD = {
    "background": "none", "fidelity": 500.0, "sparsity": 0.1, "continuity": 0.0, "deconvolution_iterations": 30,
    "resolution_um": FWHM,
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """An image without background, its run, and the truth in counts."""

    image: Image
    result: Result
    truth: np.ndarray


def blurred(values: np.ndarray, fwhm: float = FWHM) -> np.ndarray:
    kernel = gaussian_kernel1d(fwhm).astype(float)
    for axis in (0, 1):
        values = ndimage.correlate1d(values, kernel, axis=axis, mode="reflect")
    return values


def filaments(seed: int) -> np.ndarray:
    """Bright and dim curves, brightest pixel 1 once blurred."""
    rng = np.random.default_rng(seed)
    truth = np.zeros((SIDE, SIDE))
    along = np.linspace(0, SIDE - 1, 4 * SIDE)
    for i in range(6):
        across = rng.uniform(10, SIDE - 10) + 8 * np.sin(along / rng.uniform(15, 40) + rng.uniform(0, 6))
        place = np.clip(np.rint([along, across]).astype(int), 0, SIDE - 1)
        truth[tuple(place if i % 2 else place[::-1])] += 0.15 if i == 5 else 1.0
    return truth / blurred(truth).max()


def photograph(seen: np.ndarray, photons: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    electrons = rng.poisson(photons * (seen + 0.02)) + rng.normal(0, 1.5, seen.shape)
    return np.rint(OFFSET + GAIN * electrons).astype(np.uint16)


@cache
def run(photons: float = 500.0, seed: int = 0, **changes: Any) -> Run:
    truth = filaments(seed)
    image = as_image(photograph(blurred(truth), photons, seed + 50), pixel_size_um=1.0)
    level = OFFSET + GAIN * photons * 0.02
    net = image.replace(data=np.asarray(image.data, np.float32) - np.float32(level))
    made = deconvolve(net, Recipe(**{**GOOD, **changes}), scale=float(np.asarray(net.data).max()))
    behind = image.replace(data=np.full(net.shape, level, np.float32))
    return Run(image, replace(made, background=behind), truth * GAIN * photons)


def with_value(result: Result, value: np.ndarray) -> Result:
    return replace(result, image=result.image.replace(data=np.asarray(value, np.float32)))
