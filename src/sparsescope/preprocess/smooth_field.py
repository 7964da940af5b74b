"""A smooth background told from structures and noise: a Gaussian field under a mixture of noise and added light."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from .one_thread import one_thread

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

SMOOTHING = 0.4
"""Standard deviation of the smoothing before sampling, in PSF widths: wide enough for noise, too narrow for tails."""
SAMPLES = 160
"""Most samples along an axis; there is one for each PSF width where that is fewer."""
SHORTEST = 0.8
"""Shortest length of the field's covariance as a part of what is asked for, where its correlation then is 0.46."""
LEAST_PART = 1 / 16
"""Shortest length of the field as a part of the longer side, so that its cost does not grow with the plane."""
LENGTHS = 6
"""Correlation lengths that are tried, from the shortest to the longer side of the plane."""
LIGHTS = (3.0, 30.0, 300.0)
"""Mean light of structures, in standard deviations of the noise: the mixture's exponential parts."""
FIRST_SHARE, SHARE_FALL, LEAST_SHARE = 0.2, 0.9, 0.07
"""Part of the plane that at least is taken to show background: at first, its factor in each iteration, and at the end.
A field that starts with little background can take strong haze for large structures, and never leave that."""
ITERATIONS = 40
SETTLED = 0.02
"""Change of the field in one iteration, in standard deviations of the noise, at which the iteration ends."""
ALIKE = 1.5
"""Samples of one structure tell the same: that many count as one for each square of its size beyond the first."""
NEAR = 0.5
"""Radius, in sizes of the structures, in which the background's share is taken: where they cover all, a valley between
two of them is no background."""
LEAST_NEAR = 0.05
"""Least of that share, as a part of the plane's."""
HALO = 0.05
"""Part of the structures' mean light that real PSFs spread far beyond their width: the field is lowered by it."""


@dataclass(frozen=True)
class _Grid:
    """Samples of planes of one shape, and the cosines that the field is a sum of.

    The cosines live on a domain longer than the plane, so the field has no symmetry at the plane's borders. `pairs`
    tells where in the products of row pairs and column pairs those of two used cosines stand.
    """

    step: int
    first: tuple[int, int]
    rows: Doubles
    columns: Doubles
    row_pairs: Doubles
    column_pairs: Doubles
    fine_rows: Doubles
    fine_columns: Doubles
    used: npt.NDArray[np.intp]
    pairs: npt.NDArray[np.intp]
    lengths: Doubles
    spectra: tuple[Doubles, ...]

    def normal(self, weight: Doubles) -> Doubles:
        """Weighted normal matrix of the used products of cosines."""
        return np.asarray((self.row_pairs.T @ weight @ self.column_pairs).ravel()[self.pairs])

    def project(self, values: Doubles) -> Doubles:
        """Products of values at the samples with the used cosines."""
        return np.asarray((self.rows.T @ values @ self.columns).ravel()[self.used])

    def _matrix(self, coefficients: Doubles) -> Doubles:
        full = np.zeros(self.rows.shape[1] * self.columns.shape[1])
        full[self.used] = coefficients
        return full.reshape(self.rows.shape[1], self.columns.shape[1])

    def field(self, coefficients: Doubles) -> Doubles:
        """Values of the field at the samples."""
        return np.asarray(self.rows @ self._matrix(coefficients) @ self.columns.T)

    def plane(self, coefficients: Doubles) -> Floats:
        """Values of the field at every pixel."""
        return np.asarray((self.fine_rows @ self._matrix(coefficients) @ self.fine_columns.T), np.float32)


@lru_cache(maxsize=8)
def _grid(shape: tuple[int, int], fwhm_px: float, widths: float) -> _Grid:
    longest = max(shape)
    step = max(1, round(fwhm_px), -(-longest // SAMPLES))
    first = (min(step // 2, (shape[0] - 1) // 2), min(step // 2, (shape[1] - 1) // 2))
    least = max(SHORTEST * widths * fwhm_px, LEAST_PART * longest)
    lengths = np.geomspace(least, max(longest, 1.01 * least), LENGTHS)
    margin = 1.5 * least
    sparse, fine, waves = [], [], []
    for length, start in zip(shape, first, strict=True):
        count = 2 + int((length + 2 * margin) * 3.7 / (np.pi * least))
        wave = np.pi * np.arange(count) / (length + 2 * margin)
        size = np.where(wave > 0, np.sqrt(2.0), 1.0)
        sparse.append(size * np.cos((np.arange(start, length, step)[:, None] + 0.5 + margin) * wave))
        fine.append(size * np.cos((np.arange(length)[:, None] + 0.5 + margin) * wave))
        waves.append(wave)
    square = (waves[0][:, None] ** 2 + waves[1] ** 2).ravel()
    used = np.flatnonzero(square * least**2 / 2 < 7)  # beyond, even the shortest length has a thousandth of its power
    spectra = [np.exp(-square[used] * length**2 / 2) for length in lengths]
    scaled = tuple(s / max(s[1:].sum(), 1e-300) for s in spectra)
    (row_pairs, row_at), (column_pairs, column_at) = (_pairs(m) for m in sparse)
    row, column = np.divmod(used, sparse[1].shape[1])
    pairs = row_at[np.ix_(row, row)] * column_pairs.shape[1] + column_at[np.ix_(column, column)]
    return _Grid(
        step, first, sparse[0], sparse[1], row_pairs, column_pairs, fine[0], fine[1], used, pairs, lengths, scaled
    )


def _pairs(waves: Doubles) -> tuple[Doubles, npt.NDArray[np.intp]]:
    """Products of each two columns, once each, and where the product of columns i and j is found."""
    first, second = np.triu_indices(waves.shape[1])
    at = np.zeros((waves.shape[1],) * 2, np.intp)
    at[first, second] = at[second, first] = np.arange(len(first))
    return waves[:, first] * waves[:, second], at


def smooth_field(
    plane: npt.NDArray[Any], *, fwhm_px: float, widths: float, variance: tuple[float, float, float]
) -> Floats:
    """Estimate the background that varies over many PSF widths, in the places where nothing stands above it.

    Parameters
    ----------
    plane : array, shape (Y, X)
        Counts; never written into.
    fwhm_px : float
        Width of the PSF in pixels.
    widths : float
        Least distance, in PSF widths, over which the background's correlation falls to less than one half.
    variance : tuple of float
        Slope and intercept of the noise's variance in the level (counts, counts²), and its least value.

    Returns
    -------
    array, shape (Y, X), float32
        In counts.

    Notes
    -----
    Samples of the smoothed plane are background + light of structures + noise. The background is a Gaussian field
    with squared-exponential covariance; the light is zero or one of three exponential distributions. Expectation
    maximisation: the probability of each sample to be background alone weighs it in a least-squares fit, whose length
    and amplitude are those of greatest evidence (MacKay, Neural Computation 4, 415, 1992), from the longest length
    down. A fifth of the plane at least is taken for background at first, less and less later. Light of one
    structure covers many samples that are not independent: taken for so many proofs of a background that varies, they
    would turn smooth structures into background. So once the field has settled the size of the structures above it is
    measured, samples count the less the larger they are, and are background the likelier the more others near them
    are. Where samples below the field are too many for the noise, the noise is taken wider while it converges, and the
    whole field is lowered at the end.

    Examples
    --------
    >>> import numpy as np
    >>> plane = np.tile(100 + np.arange(96.0), (96, 1))
    >>> plane[40:44, 40:44] += 500
    >>> found = smooth_field(plane, fwhm_px=3.0, widths=16, variance=(0.0, 1.0, 1.0))
    >>> bool(abs(found - (100 + np.arange(96.0))).max() < 2)
    True
    """
    from scipy import ndimage

    grid = _grid((plane.shape[0], plane.shape[1]), float(fwhm_px), float(widths))
    sigma = SMOOTHING * fwhm_px
    smooth = ndimage.gaussian_filter(np.asarray(plane, np.float32), sigma, mode="reflect")
    samples = smooth[grid.first[0] :: grid.step, grid.first[1] :: grid.step].astype(np.float64)
    if np.ptp(samples) == 0:
        return np.full(plane.shape, samples[0, 0], np.float32)
    left = 1 / (4 * np.pi * sigma**2) if sigma > 0.5 else 1.0  # of white noise, by the smoothing
    slope, intercept, least = (left * v for v in variance)
    fit = _Fit(grid, samples, slope, intercept, max(least, 1e-12 * float(np.ptp(samples)) ** 2))
    with one_thread():
        fit.run()
        field = grid.plane(fit.coefficients) + np.float32(fit.lowered())
    return np.asarray(np.maximum(field, np.min(plane)), np.float32)  # no light takes light away


class _Fit:
    """Expectation maximisation on one plane's samples."""

    def __init__(self, grid: _Grid, samples: Doubles, slope: float, intercept: float, least: float) -> None:
        self.grid, self.samples = grid, samples
        self.slope, self.intercept, self.least = slope, intercept, least
        self.ground = float(np.percentile(samples, 10))
        self.range = float(np.ptp(samples))
        self.coefficients: Doubles = np.zeros(len(grid.used))
        self.field: Doubles = np.full(samples.shape, self.ground)
        self.length, self.amplitude = len(grid.lengths) - 1, 0.1 * self.range
        self.size, self.alike = 1.0, 1.0
        self.least_share = FIRST_SHARE
        self.alone: Doubles = np.zeros(samples.shape)
        self.shares: Doubles = np.full(1 + len(LIGHTS), 1 / (1 + len(LIGHTS)))

    def run(self) -> None:
        """Iterate until the field settles, first as if each sample told something of its own."""
        self._settle()
        self.size = self._structure_size()
        self.alike = max(1.0, 1 + ALIKE * (self.size**2 - 1))
        if self.alike > 1:
            self._settle()

    def _settle(self) -> None:
        for i in range(ITERATIONS):
            noise = self._noise()
            self.alone = self._background_alone(noise)
            self._smooth(self.alone / noise / self.alike)
            before, self.field = self.field, self.ground + self.grid.field(self.coefficients)
            settled = self.least_share == LEAST_SHARE
            self.least_share = max(LEAST_SHARE, SHARE_FALL * self.least_share)
            if i > 5 and settled and np.abs(self.field - before).max() < SETTLED * np.sqrt(noise.mean()):
                return

    def _structure_size(self) -> float:
        """Distance in samples at which the light above the field is half as alike as in one place."""
        light = np.maximum(self.samples - self.field, 0)
        light -= light.mean()
        size = tuple(2 * n for n in light.shape)
        both = np.fft.irfft2(np.abs(np.fft.rfft2(light, size)) ** 2, size)
        pairs = np.fft.irfft2(np.abs(np.fft.rfft2(np.ones_like(light), size)) ** 2, size)
        shared = both / np.maximum(pairs, 1)
        shared[0, 0] -= float(self._variance().mean())  # what is left there is of structures
        if shared[0, 0] <= 0:
            return 0.0
        away = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n, 1 / n) for n in size), indexing="ij"))
        ring = np.rint(away).astype(np.intp).ravel()
        part = np.bincount(ring, shared.ravel()) / np.bincount(ring) / shared[0, 0]
        low = int(np.argmax(part < 0.5))  # the first ring is 1
        return float(low - (0.5 - part[low]) / (part[low - 1] - part[low])) if low else float(min(light.shape))

    def lowered(self) -> float:
        """Level to add to the field: that of the darkest samples, less what lies far beyond the PSF's width."""
        deviation = np.sqrt(self._variance())
        below = np.sort(((self.samples - self.field) / deviation).ravel())
        allowed = below[int(0.0228 * self.shares[0] * below.size)]  # that many of the background lie below −2
        shift = max(0.0, -2 - float(allowed)) * float(deviation.mean())
        return self.ground - shift - HALO * float(np.maximum(self.samples - self.field, 0).mean())

    def _variance(self) -> Doubles:
        return np.maximum(self.slope * self.field + self.intercept, self.least)

    def _noise(self) -> Doubles:
        """Variance of background samples about the field: that of the noise, more where the field is still far off."""
        variance = self._variance()
        below = self.samples < self.field
        square = (self.samples - self.field)[below] ** 2 / variance[below]
        return np.asarray(variance * max(1.0, float(square.mean()) if square.size else 1.0))

    def _background_alone(self, noise: Doubles) -> Doubles:
        """Probability of each sample that there is no light of structures in it."""
        from scipy.special import log_ndtr

        u = (self.samples - self.field) / np.sqrt(noise)
        parts = [-0.5 * u * u - 0.5 * np.log(2 * np.pi)]
        parts += [log_ndtr(u - 1 / m) - u / m + 0.5 / m**2 - np.log(m) for m in LIGHTS]
        logs = np.stack(parts)
        share = self._share_near()
        logs[0] += np.log(share)
        logs[1:] += np.log(1 - share) + np.log(self.shares[1:] / self.shares[1:].sum())[:, None, None]
        chance = np.exp(logs - logs.max(axis=0))
        chance /= chance.sum(axis=0)
        self.shares = np.maximum(chance.mean(axis=(1, 2)), 1e-4)
        self.shares[0] = max(self.shares[0], self.least_share)
        self.shares /= self.shares.sum()
        return np.asarray(chance[0])

    def _share_near(self) -> Doubles:
        """Share of the background about each sample; that of the plane where structures are no larger than the PSF."""
        from scipy import ndimage

        if self.alike == 1:
            return np.full(self.samples.shape, self.shares[0])
        near = ndimage.gaussian_filter(self.alone, NEAR * self.size, mode="nearest")
        return np.asarray(np.clip(near, LEAST_NEAR * self.shares[0], 0.999))

    def _smooth(self, weight: Doubles) -> None:
        """Weighted fit of the field; length and amplitude move one step towards greater evidence."""
        normal = self.grid.normal(weight)
        right = self.grid.project(weight * (self.samples - self.ground))
        at = self.length
        tries = [(at, 1.0), (at, 0.55), (at, 1.8), (max(at - 1, 0), 1.0), (min(at + 1, LENGTHS - 1), 1.0)]
        found = [self._evidence(normal, right, i, factor) for i, factor in dict.fromkeys(tries)]
        best = max(found, key=lambda one: one[0])
        _, self.length, self.amplitude, self.coefficients = best

    def _evidence(
        self, normal: Doubles, right: Doubles, length: int, factor: float
    ) -> tuple[float, int, float, Doubles]:
        """Logarithm of the evidence of a length and an amplitude, and the coefficients that go with them."""
        from scipy import linalg

        amplitude = float(np.clip(self.amplitude * factor, 1e-6 * self.range, self.range))
        prior = amplitude * np.sqrt(self.grid.spectra[length])
        prior[0] = 10 * self.range  # the level itself is free
        matrix = normal * prior[:, None] * prior
        matrix.flat[:: len(matrix) + 1] += 1
        factorised = linalg.cholesky(matrix, lower=True, check_finite=False)
        half = linalg.solve_triangular(factorised, prior * right, lower=True, check_finite=False)
        coefficients = prior * linalg.solve_triangular(factorised, half, lower=True, trans=1, check_finite=False)
        evidence = 0.5 * float(half @ half) - float(np.log(np.diag(factorised)).sum())
        return evidence, length, amplitude, coefficients
