"""Circular convolution in float64: forward model and adjoint of problems without noise, where every digit counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Response:
    """Blur of a periodic plane by a symmetric PSF that is given by its transfer function; its own adjoint.

    Parameters
    ----------
    transfer : array, shape (Y, X // 2 + 1)
        Real transfer function on the frequencies of ``scipy.fft.rfft2``, 1 at frequency 0.
    shape : tuple of int
        Rows and columns of the plane.

    Examples
    --------
    >>> flat = Response(np.ones((4, 3)), (4, 4))
    >>> bool(np.allclose(flat(np.eye(4)), np.eye(4)))
    True
    """

    transfer: Doubles
    shape: tuple[int, int]

    def __call__(self, plane: Doubles) -> Doubles:
        """Return the blurred plane."""
        return np.asarray(fft.irfft2(fft.rfft2(plane) * self.transfer, s=self.shape))

    def weighted_adjoint(self, residual: Doubles, epsilon: float) -> Doubles:
        """Return Hᵀ W r with the weights ``W = 1 / (|H|² + ε)``, which make all measured frequencies count alike."""
        weight = self.transfer / (self.transfer**2 + epsilon)
        return np.asarray(fft.irfft2(fft.rfft2(residual) * weight, s=self.shape))

    def columns(self, support: npt.NDArray[np.bool_], epsilon: float) -> Doubles:
        """Return the weighted matrix ``W^½ H`` of the pixels in `support`, in measured real Fourier coefficients.

        Rows come in pairs, real and imaginary part; a frequency that stands for its conjugate as well counts twice.
        """
        rows, columns = np.nonzero(support)
        height, width = self.shape
        ky, kx = np.nonzero(self.transfer > np.sqrt(epsilon))
        phase = 2 * np.pi * (np.outer(ky, rows) / height + np.outer(kx, columns) / width)
        gain = self._gain(epsilon)[ky, kx][:, None]
        return np.concatenate([gain * np.cos(phase), -gain * np.sin(phase)])

    def measured(self, plane: Doubles, epsilon: float) -> Doubles:
        """Return the weighted real Fourier coefficients of measured data, in the order of :meth:`columns`."""
        ky, kx = np.nonzero(self.transfer > np.sqrt(epsilon))
        transfer = self.transfer[ky, kx]
        values = fft.rfft2(plane)[ky, kx] * self._gain(epsilon)[ky, kx] / transfer
        return np.concatenate([values.real, values.imag])

    def _gain(self, epsilon: float) -> Doubles:
        """Return ``|H| W^½``, times √2 for frequencies that stand for their conjugate too."""
        twice = np.full(self.transfer.shape[1], np.sqrt(2.0))
        twice[0] = 1.0
        if self.shape[1] % 2 == 0:
            twice[-1] = 1.0
        return np.asarray(self.transfer / np.sqrt(self.transfer**2 + epsilon) * twice)
