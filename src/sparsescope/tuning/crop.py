"""Find the part of a plane that tells most about its parameters."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Floats = npt.NDArray[np.float32]

SIDE = 256
"""Side of the crop in pixels, as far as the plane reaches."""


def informative(plane: Floats, fwhm_px: float, side: int = SIDE) -> tuple[slice, slice]:
    """Return the window of `side` pixels with most structure at the scale of the PSF.

    Structure is the magnitude of the gradient after smoothing by 0.6 PSF widths, summed over the window; windows are
    tried at steps of a quarter of their side, and the first of equals is taken.

    Examples
    --------
    >>> import numpy as np
    >>> plane = np.zeros((64, 64), np.float32)
    >>> plane[40:44, 50:54] = 1
    >>> informative(plane, 3.0, side=32)
    (slice(24, 56, None), slice(32, 64, None))
    """
    size = [min(side, n) for n in plane.shape]
    strength = ndimage.gaussian_gradient_magnitude(plane, max(1.0, 0.6 * fwhm_px))
    total = np.pad(strength.astype(np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    starts = [sorted({*range(0, n - m + 1, max(1, m // 4)), n - m}) for n, m in zip(plane.shape, size, strict=True)]
    best, where = -np.inf, (0, 0)
    for y in starts[0]:
        for x in starts[1]:
            inside = total[y + size[0], x + size[1]] - total[y, x + size[1]] - total[y + size[0], x] + total[y, x]
            if inside > best * (1 + 1e-9) or best == -np.inf:
                best, where = inside, (y, x)
    return slice(where[0], where[0] + size[0]), slice(where[1], where[1] + size[1])
