"""A grid finer than the camera's pixels, on which structures are drawn in µm and summed over the pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..errors import RecipeError

Doubles = npt.NDArray[np.float64]

LARGEST_GRID = 64_000_000
"""Samples of the fine grid at most: 0.5 GB in float64."""


@dataclass(frozen=True)
class Grid:
    """A frame of camera pixels, the fine samples in it, and a margin around it from which light comes in.

    Parameters
    ----------
    shape_px : tuple of int
        Rows and columns of the frame in pixels.
    pixel_size_um : float
        Side of a pixel in µm.
    fine : int
        Samples along one pixel.
    margin_px : int
        Pixels beyond each border of the frame.

    Raises
    ------
    RecipeError
        If a number is out of its range or the fine grid would need more than 0.5 GB.

    Examples
    --------
    >>> grid = Grid((64, 32), 0.1, fine=4, margin_px=8)
    >>> grid.fine_shape, grid.fine_um
    ((320, 192), 0.025)
    """

    shape_px: tuple[int, int]
    pixel_size_um: float
    fine: int = 4
    margin_px: int = 24

    def __post_init__(self) -> None:
        if min(self.shape_px) < 1 or self.fine < 1 or self.margin_px < 0 or not self.pixel_size_um > 0:
            raise RecipeError(
                f"a frame of {self.shape_px} pixels of {self.pixel_size_um!r} µm, {self.fine} samples along a pixel, "
                f"margin {self.margin_px}: sizes, pixel size and samples must be above 0, the margin 0 or more"
            )
        height, width = self.fine_shape
        if height * width > LARGEST_GRID:
            raise RecipeError(
                f"{height} × {width} fine samples are too many ({LARGEST_GRID:,} at most): simulate a smaller frame, "
                "or fewer samples along a pixel"
            )

    @property
    def fine_shape(self) -> tuple[int, int]:
        """Rows and columns of the fine grid, margin included."""
        height, width = self.shape_px
        return (height + 2 * self.margin_px) * self.fine, (width + 2 * self.margin_px) * self.fine

    @property
    def fine_um(self) -> float:
        """Side of a fine sample in µm."""
        return self.pixel_size_um / self.fine

    @property
    def field_um(self) -> tuple[float, float]:
        """Height and width of the frame in µm."""
        return self.shape_px[0] * self.pixel_size_um, self.shape_px[1] * self.pixel_size_um

    @property
    def margin_um(self) -> float:
        """Width of the margin in µm."""
        return self.margin_px * self.pixel_size_um

    def pixels(self, samples: Doubles) -> Doubles:
        """Sum fine samples over each pixel of the frame; the margin is left out.

        Examples
        --------
        >>> grid = Grid((2, 3), 0.1, fine=4, margin_px=1)
        >>> grid.pixels(np.ones(grid.fine_shape)).tolist()
        [[16.0, 16.0, 16.0], [16.0, 16.0, 16.0]]
        """
        height, width = (n // self.fine for n in self.fine_shape)
        summed: Doubles = samples.reshape(height, self.fine, width, self.fine).sum((1, 3))
        m = self.margin_px
        return summed[m : height - m, m : width - m].copy()


@dataclass
class Canvas:
    """Light on a fine grid; positions are µm from the frame's upper left corner, so pixel i reaches from i to i + 1.

    Attributes
    ----------
    grid : Grid
        Where it is drawn.
    samples : array
        Light in each fine sample.
    objects : list of dict
        What was drawn, where, in µm; what an evaluation needs to know.
    """

    grid: Grid
    samples: Doubles = field(init=False)
    objects: list[dict[str, float | str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.samples = np.zeros(self.grid.fine_shape)

    def points(self, y_um: npt.ArrayLike, x_um: npt.ArrayLike, light: npt.ArrayLike) -> None:
        """Add points, each shared between the four nearest samples so that its centroid is exact."""
        grid = self.grid
        y, x = ((np.atleast_1d(np.asarray(v, float)) + grid.margin_um) / grid.fine_um - 0.5 for v in (y_um, x_um))
        light = np.broadcast_to(np.asarray(light, float), y.shape)
        height, width = grid.fine_shape
        row, column = np.floor(y).astype(np.intp), np.floor(x).astype(np.intp)
        inside = (row >= 0) & (row < height - 1) & (column >= 0) & (column < width - 1)
        row, column, light = row[inside], column[inside], light[inside]
        dy, dx = y[inside] - row, x[inside] - column
        flat = self.samples.reshape(-1)
        for a, wy in ((0, 1 - dy), (1, dy)):
            for b, wx in ((0, 1 - dx), (1, dx)):
                np.add.at(flat, (row + a) * width + column + b, light * wy * wx)

    def curve(self, y_um: Doubles, x_um: Doubles, light_per_um: float, thickness_um: float = 0.0) -> None:
        """Add a curve given by its corners, of even light along its length; a thick one is made of parallel threads."""
        step = self.grid.fine_um / 2
        length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(y_um), np.diff(x_um)))])
        if length[-1] <= 0:
            return
        count = max(2, int(np.ceil(length[-1] / step)))
        along = (np.arange(count) + 0.5) * length[-1] / count
        y, x = np.interp(along, length, y_um), np.interp(along, length, x_um)
        light = light_per_um * length[-1] / count
        if thickness_um <= step:
            self.points(y, x, light)
            return
        dy, dx = np.gradient(y), np.gradient(x)
        norm = np.hypot(dy, dx)
        threads = max(2, int(np.ceil(thickness_um / step)))
        for offset in ((np.arange(threads) + 0.5) / threads - 0.5) * thickness_um:
            self.points(y + offset * dx / norm, x - offset * dy / norm, light / threads)

    def stamp(self, y_um: float, x_um: float, reach_um: float, shape: Callable[[Doubles], Doubles]) -> None:
        """Add ``shape(distance in µm)``, the light per fine sample, around a centre out to `reach_um`."""
        grid = self.grid
        centre = [(v + grid.margin_um) / grid.fine_um - 0.5 for v in (y_um, x_um)]
        reach = reach_um / grid.fine_um
        low = [max(0, int(np.floor(c - reach))) for c in centre]
        high = [min(n, int(np.ceil(c + reach)) + 1) for c, n in zip(centre, grid.fine_shape, strict=True)]
        if low[0] >= high[0] or low[1] >= high[1]:
            return
        rows, columns = (np.arange(a, b) - c for a, b, c in zip(low, high, centre, strict=True))
        part = self.samples[low[0] : high[0], low[1] : high[1]]
        part += shape(np.hypot(rows[:, None], columns[None]) * grid.fine_um)

    def disc(self, y_um: float, x_um: float, diameter_um: float, light: float) -> None:
        """Add a disc with a border one sample soft; `light` is its sum where it lies inside the grid."""
        radius, fine = diameter_um / 2, self.grid.fine_um
        area = max(np.pi * (radius / fine) ** 2, 1.0)
        if diameter_um < 2 * fine:
            self.points(y_um, x_um, light)
            return
        self.stamp(y_um, x_um, radius + fine, lambda d: light / area * np.clip((radius - d) / fine + 0.5, 0, 1))

    def anywhere(self, rng: np.random.Generator, count: int) -> Doubles:
        """Return `count` random positions over the frame and its margin, shape (count, 2), y and x in µm."""
        field, margin = np.array(self.grid.field_um), self.grid.margin_um
        return rng.uniform(-margin, field + margin, (count, 2))

    def area(self) -> float:
        """Return the area of the frame with its margin in µm²."""
        height, width = self.grid.field_um
        return (height + 2 * self.grid.margin_um) * (width + 2 * self.grid.margin_um)
