"""Convolution on a periodic plane, for results that must agree with programs that have no other borders."""

from __future__ import annotations

import numpy as np
from scipy import fft

from . import Arithmetic, Float32Array
from .imaging import SelfAdjoint


class Periodic(SelfAdjoint):
    """H for a PSF of two axes on a plane whose opposite borders touch.

    Parameters
    ----------
    psf : array, shape (y, x)
        Odd lengths, no longer than the plane's.
    shape : tuple of int
        Of the plane.
    arithmetic : Arithmetic
        Of the engine.
    workers : int
        Threads of the transforms.
    """

    def __init__(self, psf: Float32Array, shape: tuple[int, int], arithmetic: Arithmetic, workers: int) -> None:
        padded = np.zeros(shape, np.float32)
        padded[: psf.shape[0], : psf.shape[1]] = psf
        padded = np.roll(padded, [-(n // 2) for n in psf.shape], (0, 1))
        self._otf, self.workers = fft.rfft2(padded, workers=workers), workers
        super().__init__(lambda plane: self._times(plane, self._otf), shape, arithmetic)

    def adjoint(self, residual: Float32Array) -> Float32Array:
        """Return Hᵀ r."""
        return self._times(residual, self._otf.conj())

    def _times(self, plane: Float32Array, otf: np.ndarray[tuple[int, ...], np.dtype[np.complex64]]) -> Float32Array:
        spectrum = fft.rfft2(np.asarray(plane, np.float32), workers=self.workers)
        return np.asarray(fft.irfft2(spectrum * otf, s=self.object_shape, workers=self.workers), np.float32)
