"""Features of a result that are narrower than pixels can show."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

NARROWEST_PX: Final = 2.0
"""Width (FWHM) below which a feature is not sampled (Nyquist)."""
FAINTEST: Final = 0.05
"""Features below this part of the 99.9th percentile are not looked at."""


def narrow_features(result: npt.ArrayLike, narrowest_px: float = NARROWEST_PX) -> Bools:
    """Mark ridges and spots whose width (FWHM) is below 2 px.

    Meaning: such a feature is one row or column of bright pixels; its width and place are those of the pixels, and
    single noisy pixels look just like it. Blind spot: a feature that is wider can be false all the same; one on a
    bright ground is taken as narrow more readily, since only its contrast to both neighbours counts.

    Parameters
    ----------
    result : array_like, (Y, X)
        The result, in counts.
    narrowest_px : float
        Width below which a feature is marked.

    Returns
    -------
    array of bool
        True on the crest of each narrow feature.

    Notes
    -----
    At a crest v₀ between v₋ and v₊, a Gaussian of standard deviation s sampled at distance h has
    2 ln v₀ − ln v₋ − ln v₊ = h²/s² wherever its centre lies; FWHM = 2.355 s. Rows, columns and both diagonals
    (h² = 2) are looked at; the sampling theorem: Shannon, Proc. IRE 37, 10 (1949).

    Examples
    --------
    >>> y, x = np.mgrid[:32, :32] - 16
    >>> [bool(narrow_features(np.exp(-(x**2 + y**2) / (2 * (w / 2.355) ** 2)))[16, 16]) for w in (1.5, 2.5)]
    [True, False]
    """
    values = np.asarray(result, np.float64)
    marked = np.zeros(values.shape, bool)
    top = float(np.percentile(values, 99.9)) if values.size else 0.0
    if top <= 0 or min(values.shape) < 3:
        return marked
    floor = 1e-3 * top
    logs = np.log(np.maximum(values, floor))
    middle, crest = logs[1:-1, 1:-1], values[1:-1, 1:-1] > FAINTEST * top
    height, width = values.shape
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        before = logs[1 - dy : height - 1 - dy, 1 - dx : width - 1 - dx]
        after = logs[1 + dy : height - 1 + dy, 1 + dx : width - 1 + dx]
        curvature = 2 * middle - before - after
        limit = (dy * dy + dx * dx) * (2.354820 / narrowest_px) ** 2
        marked[1:-1, 1:-1] |= crest & (middle >= before) & (middle >= after) & (curvature > limit)
    return marked
