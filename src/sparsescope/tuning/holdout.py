"""Hold pixels out, and score a prediction of them: no noise model and no gain is needed for that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Holdout:
    """Pixels whose values are predicted, and the blocks around them that the solver does not see.

    Attributes
    ----------
    centres : tuple of array
        Row and column of each pixel that is scored.
    hidden : array of bool, shape (Y, X)
        Every pixel that is withheld.
    """

    centres: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
    hidden: Bools


def hold_out(shape: tuple[int, int], radius: int, seed: int) -> Holdout:
    """Draw one block of (2 radius + 1)² pixels in each cell of a regular lattice.

    With white noise (radius 0) one pixel in nine is drawn, at random in each 3 × 3 cell. Where noise is correlated, a
    hidden pixel's neighbours betray its noise, so the whole block is hidden and only its centre scored (Batson & Royer
    2019: J-invariance).

    Parameters
    ----------
    shape : tuple of int
        (Y, X).
    radius : int
        How far the noise is correlated, in pixels.
    seed : int
        The same seed draws the same pixels.

    Examples
    --------
    >>> int(hold_out((9, 9), 0, seed=0).hidden.sum())
    9
    """
    cell = 3 if radius == 0 else 2 * (2 * radius + 1)
    counts = [n // cell for n in shape]
    rng = np.random.default_rng(seed)
    places = [radius + rng.integers(0, cell - 2 * radius, counts) for _ in range(2)]
    rows = (np.arange(counts[0])[:, None] * cell + places[0]).ravel()
    columns = (np.arange(counts[1])[None] * cell + places[1]).ravel()
    hidden = np.zeros(shape, bool)
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            hidden[rows + dy, columns + dx] = True
    return Holdout((rows, columns), hidden)


def exclusive(first: Holdout, second: Holdout) -> float:
    """Share of the pixels that are hidden in one of two sets and not in the other."""
    return float(np.mean(first.hidden != second.hidden))


def filled(plane: Floats, hidden: Bools, radius: int) -> Floats:
    """Replace hidden pixels by the Gaussian-weighted mean of those around them that are seen."""
    sigma = 0.8 + radius
    seen = ndimage.gaussian_filter((~hidden).astype(np.float32), sigma)
    known = ndimage.gaussian_filter(np.where(hidden, np.float32(0), plane), sigma)
    return np.asarray(np.where(hidden, known / np.maximum(seen, np.float32(1e-6)), plane), np.float32)


def weights(plane: Floats, fwhm_px: float) -> Floats:
    """Inverse of a variance that grows with the local light: photon noise over a floor of 2 % of the range.

    Only its shape matters, not its scale, so no gain enters.
    """
    smooth = ndimage.gaussian_filter(plane, max(1.0, 0.6 * fwhm_px))
    ground = np.percentile(smooth, 1)
    variance = np.maximum(smooth - ground, 0) + 0.02 * (np.ptp(smooth) or 1.0)
    return np.asarray(1 / variance, np.float32)


def errors(predicted: Floats, values: Floats, weight: Floats) -> npt.NDArray[np.float64]:
    """Weighted squared errors after the best scale and offset of the prediction.

    Parameters
    ----------
    predicted, values, weight : array, shape (n,)
        At the held-out pixels.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(5, dtype=np.float32)
    >>> bool(np.allclose(errors(2 * x + 7, x, np.ones(5, np.float32)), 0, atol=1e-9))
    True
    """
    p, y, w = (np.asarray(a, np.float64) for a in (predicted, values, weight))
    p_mean, y_mean = np.average(p, weights=w), np.average(y, weights=w)
    spread = (w * (p - p_mean) ** 2).sum()
    slope = (w * (p - p_mean) * (y - y_mean)).sum() / spread if spread > 0 else 0.0
    return np.asarray(w * (y - y_mean - max(slope, 0.0) * (p - p_mean)) ** 2)
