"""How much a result changes when what should not matter is changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..errors import InputError

Floats = npt.NDArray[np.float32]

SIGMA_PER_FWHM: Final = 0.424661


def disagreement(first: npt.NDArray[np.floating], second: npt.NDArray[np.floating], fwhm_px: float) -> Floats:
    """Return the local difference of the reconstructions of two halves of the light, as an error of the whole.

    Meaning: how much of the result hangs on the noise of this exposure, in counts; as large as the value itself means
    that another exposure may not show it. Blind spot: errors that both halves make alike: a wrong PSF, the priors,
    fixed-pattern noise, a background that was taken for structure.

    Parameters
    ----------
    first, second : array, (Y, X)
        Reconstructions of the halves, in counts of the whole.
    fwhm_px : float
        Width of the window over which squares are averaged.

    Notes
    -----
    Halves of doubled variance: (a − b) / 2 has the standard error of their mean, which is near to that of the whole
    where the reconstruction is near to linear.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> found = disagreement(rng.normal(9, 2, (64, 64)), rng.normal(9, 2, (64, 64)), 8.0)
    >>> bool(1.2 < found.mean() < 1.6)
    True
    """
    _same([first, second])
    return _local_rms((np.asarray(first, np.float32) - np.asarray(second, np.float32)) / 2, fwhm_px)


def sensitivity(base: npt.NDArray[np.floating], variants: Sequence[npt.NDArray[np.floating]], fwhm_px: float) -> Floats:
    """Return the local root-mean-square change of a result over variants of it, in counts.

    Meaning: with the PSF 10 % narrower and wider, what hangs on its exact width; with the priors stronger and weaker,
    what hangs on the choice of parameters. Blind spot: what is wrong in the same way in every variant; a PSF that is
    wrong by more, or in shape.

    Parameters
    ----------
    base : array, (Y, X)
        The result.
    variants : sequence of array of that shape
        Made with something changed.
    fwhm_px : float
        Width of the window over which squares are averaged.

    Examples
    --------
    >>> base = np.ones((8, 8))
    >>> sensitivity(base, [base + 3, base - 3], 2.0)[0, 0]
    np.float32(3.0)
    """
    _same([base, *variants])
    if not variants:
        raise InputError("no variants: a sensitivity needs one result or more to compare with")
    square = np.mean([np.square(np.asarray(v, np.float32) - np.asarray(base, np.float32)) for v in variants], axis=0)
    return _local_rms(np.sqrt(square), fwhm_px)


def _same(arrays: Sequence[npt.NDArray[np.floating]]) -> None:
    shapes = {a.shape for a in arrays}
    if len(shapes) != 1 or arrays[0].ndim != 2:
        raise InputError(f"reconstructions of shapes {sorted(shapes)}: allowed are planes (Y, X) of one shape")


def _local_rms(values: npt.NDArray[np.floating], fwhm_px: float) -> Floats:
    square = ndimage.gaussian_filter(np.square(np.asarray(values, np.float32)), max(fwhm_px, 0.5) * SIGMA_PER_FWHM)
    return np.asarray(np.sqrt(np.maximum(square, 0)), np.float32)
