"""From functions of the distance to the axis to voxels: interpolation and integrals as sparse matrices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .psf import Floats
from .quadrature import Doubles, gauss_legendre

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_NODES = 1 << 18
"""Nodes at a time: bounds the memory."""

OVERSAMPLING = 16
"""Radii per Nyquist interval: cubic interpolation is then right to 4e-5 of the maximum."""


@dataclass(frozen=True)
class Grid:
    """Distances from the axis: multiples of a step, from 0.

    Attributes
    ----------
    step_um : float
        Distance of neighbours.
    count : int
        Number of radii.
    cutoff : float
        Highest spatial frequency, in cycles per µm, of the functions that are looked at on them.
    """

    step_um: float
    count: int
    cutoff: float

    @classmethod
    def reaching(cls, radius_um: float, cutoff: float) -> Grid:
        """Return the grid for functions band-limited to `cutoff`, which can be interpolated up to a radius."""
        step = 1 / (2 * OVERSAMPLING * cutoff)
        return cls(step, math.ceil(radius_um / step) + 3, cutoff)

    @property
    def radius_um(self) -> Doubles:
        """Every distance from the axis, in µm."""
        return np.asarray(np.arange(self.count) * self.step_um, np.float64)

    def extended(self, by_um: float) -> Grid:
        """Return the grid that reaches further by a distance."""
        return Grid(self.step_um, self.count + math.ceil(by_um / self.step_um) + 3, self.cutoff)

    def points(self, length_um: float) -> int:
        """Gauss-Legendre nodes that integrate the functions over a length: the phase over it in quarters, and some."""
        return math.ceil(2 * math.pi * self.cutoff * length_um / 4) + 3

    def ring_weights(self) -> Doubles:
        """Weights of the integral over the plane, 2 pi r dr: trapezoidal rule with its correction at the origin."""
        weights = 2 * math.pi * self.radius_um * self.step_um
        weights[0] = math.pi * self.step_um**2 / 6  # Euler-Maclaurin: the slope of r f(r) at 0 is f(0)
        weights[-1] /= 2
        return np.asarray(weights)


def _matrix(grid: Grid, at_um: Doubles, weights: Doubles) -> csr_matrix:
    """Return the matrix whose row i is the sum over j of weights[i, j] times the function at at_um[i, j].

    Cubic Lagrange interpolation between four neighbours; the function is even about the axis.
    """
    from scipy.sparse import coo_matrix

    place = at_um / grid.step_um
    base = np.minimum(place.astype(np.int64), grid.count - 3)
    t = place - base
    taps = (
        -t * (t - 1) * (t - 2) / 6,
        (t + 1) * (t - 1) * (t - 2) / 2,
        -(t + 1) * t * (t - 2) / 2,
        (t + 1) * t * (t - 1) / 6,
    )
    rows = np.broadcast_to(np.arange(len(at_um))[:, None], at_um.shape)
    value = np.concatenate([(tap * weights).ravel() for tap in taps])
    column = np.concatenate([np.abs(base + offset).ravel() for offset in (-1, 0, 1, 2)])
    return coo_matrix((value, (np.tile(rows.ravel(), 4), column)), (len(at_um), grid.count)).tocsr()


def interpolation(grid: Grid, at_um: Doubles) -> csr_matrix:
    """Return the matrix that gives the function at other distances from the axis."""
    return _matrix(grid, at_um[:, None], np.ones((len(at_um), 1)))


def disc_integral(grid: Grid, inner: Grid, radius_um: float) -> csr_matrix:
    """Return the matrix that convolves a function with a disc (an incoherent pinhole).

    Parameters
    ----------
    grid : Grid
        Where the function is given; reaches at least `radius_um` further than `inner`.
    inner : Grid
        Where the convolution is wanted.
    radius_um : float
        Radius of the disc.

    Notes
    -----
    Integral over s of the function at s times the length of the arc of radius s about the axis that lies in the disc
    of radius a about r: 2 s arccos((r² + s² - a²) / (2 r s)), or 2 pi s where it is a whole circle. With
    s = c - h cos u the roots at both ends are smooth.
    """
    r = inner.radius_um[:, None]
    at, weight = gauss_legendre(grid.points(radius_um))
    core = np.maximum(radius_um - r, 0)  # circles about the axis that lie in the disc as a whole
    first, first_weight = core * at, 2 * math.pi * core**2 * at * weight
    at, weight = gauss_legendre(grid.points(2 * radius_um) + 8)
    reach = np.minimum(radius_um, r)  # half the range of circles that the disc cuts
    second = np.maximum(radius_um, r) - reach * np.cos(math.pi * at)
    cut = (r**2 + second**2 - radius_um**2) / np.maximum(2 * r * second, 1e-30)
    arc = 2 * second * np.arccos(np.clip(cut, -1, 1))
    second_weight = arc * reach * math.pi * np.sin(math.pi * at) * weight
    return _matrix(grid, np.hstack([first, second]), np.hstack([first_weight, second_weight]))


def disc_nodes(grid: Grid, radius_um: float, slower: float = 1.0) -> tuple[Doubles, Doubles, Doubles]:
    """Return distances, angles (of the upper half, which stands for both) and weights that integrate over a disc.

    Functions that move by a fraction `slower` of the way over the disc need that fraction of the nodes.
    """
    count = grid.points(2 * radius_um * slower)
    at, weight = gauss_legendre(count)
    distance = radius_um * at
    angles = 2 * len(at)
    angle = (np.arange(angles) + 0.5) * math.pi / angles
    each = weight * radius_um * distance * 2 * math.pi / angles
    return np.repeat(distance, angles), np.tile(angle, len(at)), np.repeat(each, angles)


def pixel_integral(grid: Grid, profile: Doubles, half: tuple[int, int], pixel_um: tuple[float, float]) -> Doubles:
    """Integrate functions of the distance to the axis over the pixels of a quadrant.

    Parameters
    ----------
    grid : Grid
        Where the functions are given; must reach the outer corner.
    profile : array, (radii, planes)
        One function for each plane.
    half : tuple of int
        Pixels from the middle one to the last along y and x.
    pixel_um : tuple of float
        Sizes along y and x.

    Returns
    -------
    ndarray of float64, (planes, half[0] + 1, half[1] + 1)
        By Gauss-Legendre nodes in every pixel, as many as its size asks for.
    """
    sides = []
    for count, size in zip(half, pixel_um, strict=True):
        at, weight = gauss_legendre(grid.points(size))
        sides.append(((np.arange(count + 1)[:, None] + at - 0.5) * size, weight * size))
    (y, wy), (x, wx) = sides
    weight = np.outer(wy, wx).ravel()
    rows = max(1, _NODES // (weight.size * len(x)))
    parts = []
    for start in range(0, len(y), rows):
        away = np.sqrt(np.square(y[start : start + rows])[:, None, :, None] + np.square(x)[None, :, None, :])
        away = away.reshape(-1, weight.size)
        parts.append(_matrix(grid, away, np.broadcast_to(weight, away.shape)) @ profile)
    return np.asarray(np.concatenate(parts).T.reshape(profile.shape[1], half[0] + 1, half[1] + 1))


def unfold(quadrant: Floats) -> Floats:
    """Mirror the last two axes about their first element: (…, a + 1, b + 1) becomes (…, 2 a + 1, 2 b + 1)."""
    rows = np.concatenate([quadrant[..., :0:-1, :], quadrant], axis=-2)
    return np.concatenate([rows[..., :0:-1], rows], axis=-1)
