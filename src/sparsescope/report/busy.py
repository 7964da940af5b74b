"""Where in an image there is most to see: the plane and the window in it with most light and most fine structure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..image import Image

Floats = npt.NDArray[np.float32]

PLANES_PER_AXIS = 5
"""Planes looked at along time and along z, evenly spread."""

RULE = (
    "Of planes spread evenly over time and z in the first channel, and of windows at steps of a quarter of their side, "
    "the one with the largest sum of light above the plane's median times fine structure (what the PSF's width passes "
    "and three times that width does not), both up to the 99.9th percentile"
)
"""The rule in words, for the reader of a report."""


@dataclass(frozen=True)
class Place:
    """A window in a plane.

    Attributes
    ----------
    index : dict of str to int
        The plane, by axis letter.
    rows, columns : slice
        The window, in pixels.
    """

    index: dict[str, int]
    rows: slice
    columns: slice

    def describe(self) -> str:
        """Say which plane and which pixels.

        Examples
        --------
        >>> Place({"T": 3, "Z": 1}, slice(0, 64), slice(8, 72)).describe()
        'T 3, Z 1, rows 0 to 63, columns 8 to 71'
        """
        planes = [f"{axis} {i}" for axis, i in self.index.items()]
        rows, columns = (f"{part.start} to {part.stop - 1}" for part in (self.rows, self.columns))
        return ", ".join([*planes, f"rows {rows}", f"columns {columns}"])


def busiest_place(image: Image, side: int, fwhm_px: float) -> Place:
    """Return the plane and the window of at most `side` pixels with most light and most fine structure.

    Parameters
    ----------
    image : Image
        Any axes; planes of the first channel are read one at a time.
    side : int
        Of the window, in pixels; smaller where the image is.
    fwhm_px : float
        Width of the PSF in pixels, which says what is fine.

    Notes
    -----
    The rule is `RULE`; of equals the first is taken.

    Examples
    --------
    >>> import numpy as np
    >>> data = np.zeros((2, 64, 64)); data[1, 40:60:4, 4:20:4] = 9
    >>> busiest_place(Image(data, "TYX"), 32, 3.0).describe()
    'T 1, rows 32 to 63, columns 0 to 31'
    """
    best: tuple[float, Place] | None = None
    for index in _planes(image):
        score, rows, columns = _best_window(image.block(**index), side, fwhm_px)
        if best is None or score > best[0]:
            best = score, Place(index, rows, columns)
    assert best is not None
    return best[1]


def _planes(image: Image) -> Iterator[dict[str, int]]:
    """Yield the index of each plane to look at."""
    leading = {axis: n for axis, n in image.sizes.items() if axis not in "YX"}
    spread = {
        axis: [0] if axis == "C" else sorted({round(float(i)) for i in np.linspace(0, n - 1, min(n, PLANES_PER_AXIS))})
        for axis, n in leading.items()
    }
    for position in product(*spread.values()):
        yield dict(zip(spread, position, strict=True))


def _best_window(plane: npt.NDArray[np.generic], side: int, fwhm_px: float) -> tuple[float, slice, slice]:
    """Score of the best window of a plane, and where it is."""
    with np.errstate(over="ignore"):  # what float32 cannot hold is left out with all that is not finite
        values = np.array(plane, np.float32)
    known = np.isfinite(values)
    median = np.float32(np.median(values[known])) if known.any() else np.float32(0)
    values[~known] = median
    np.minimum(values, np.float32(np.percentile(values, 99.9)), out=values)
    light = np.maximum(values - median, 0)
    sigma = max(fwhm_px, 1.0) / 2.3548
    band = ndimage.gaussian_filter(values, sigma) - ndimage.gaussian_filter(values, 3 * sigma)
    structure = np.abs(band - ndimage.gaussian_filter(band, 3 * sigma))  # twice, so that no haze is left
    np.minimum(structure, np.float32(np.percentile(structure, 99.9)), out=structure)
    sizes = [min(side, n) for n in values.shape]
    starts = [
        sorted({*range(0, n - size + 1, max(1, size // 4)), n - size})
        for n, size in zip(values.shape, sizes, strict=True)
    ]
    score = _window_sums(light * structure, sizes, starts)
    row, column = np.unravel_index(int(np.argmax(score)), score.shape)
    y, x = starts[0][int(row)], starts[1][int(column)]
    return float(score[row, column]), slice(y, y + sizes[0]), slice(x, x + sizes[1])


def _window_sums(values: Floats, sizes: list[int], starts: list[list[int]]) -> npt.NDArray[np.float64]:
    """Sum of each window, by a table of sums (Crow 1984)."""
    table = np.pad(values.astype(np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    y, x = (np.array(part) for part in starts)
    low, high = np.ix_(y, x), np.ix_(y + sizes[0], x + sizes[1])
    return np.asarray(table[high] - table[low[0], high[1]] - table[high[0], low[1]] + table[low])
