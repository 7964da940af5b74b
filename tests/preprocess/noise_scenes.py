"""Scenes and cameras for the tests of the noise model: expected photons, and frames as EMCCD and sCMOS deliver them."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Floats = npt.NDArray[np.floating]

KINDS = ("filaments", "points", "cells", "texture", "mixed")


def scene(kind: str, size: int = 256, fwhm_px: float = 3.0, seed: int = 0) -> Floats:
    """Expected light, 1 at its brightest, over a background of 5 %."""
    rng = np.random.default_rng(seed)
    truth = np.zeros((size, size))
    if kind in ("filaments", "mixed"):
        for _ in range(size // 8):
            angle = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.03, 2 * size))
            y, x = rng.uniform(0, size, 2)
            y, x = y + np.cumsum(np.sin(angle)) / 2, x + np.cumsum(np.cos(angle)) / 2
            inside = (y >= 0) & (y < size) & (x >= 0) & (x < size)
            np.add.at(truth, (y[inside].astype(int), x[inside].astype(int)), rng.uniform(0.3, 1))
    if kind in ("points", "mixed"):
        at = rng.integers(0, size, (2, size))
        np.add.at(truth, (at[0], at[1]), rng.uniform(0.5, 6, size))
    if kind in ("cells", "mixed"):
        y, x = np.mgrid[:size, :size]
        for _ in range(6):
            cy, cx, radius = *rng.uniform(0, size, 2), rng.uniform(size / 16, size / 5)
            truth += 0.3 * rng.uniform(0.3, 1) * (np.hypot(y - cy, x - cx) < radius)
    if kind == "texture":
        truth = np.maximum(rng.normal(0, 1, (size, size)), 0)
    light = ndimage.gaussian_filter(truth, fwhm_px / 2.3548, mode="reflect")
    return np.asarray(0.05 + 0.95 * light / light.max())


def emccd(photons: Floats, seed: int = 0, offset: float = 200.0, counts_per_electron: float = 12.0) -> Floats:
    """Frame of an EMCCD: the multiplication doubles the variance; effective gain is 2 × `counts_per_electron`."""
    rng = np.random.default_rng(seed)
    electrons = rng.poisson(photons)
    multiplied = np.where(electrons > 0, rng.gamma(np.maximum(electrons, 1), 1.0), 0.0)
    counts = offset + counts_per_electron * multiplied + rng.normal(0, 8.0, photons.shape)
    return np.round(np.clip(counts, 0, 65535)).astype(np.uint16)


def scmos(photons: Floats, seed: int = 0, offset: float = 100.0, counts_per_electron: float = 2.2) -> Floats:
    """Frame of an sCMOS camera: gain, offset and read noise (1.5 electrons) differ a little from pixel to pixel."""
    rng, fixed = np.random.default_rng(seed), np.random.default_rng(99)
    gain = counts_per_electron * (1 + 0.01 * fixed.normal(size=photons.shape[-2:]))
    zero = offset + 0.5 * fixed.normal(size=photons.shape[-2:])
    read = 1.5 * np.exp(0.2 * fixed.normal(size=photons.shape[-2:]))
    electrons = rng.poisson(photons) + read * rng.normal(size=photons.shape)
    return np.round(np.clip(zero + gain * electrons, 0, 65535)).astype(np.uint16)
