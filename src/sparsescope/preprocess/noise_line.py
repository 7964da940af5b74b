"""The line of the noise's variance in the brightness: robust means in bins, a weighted fit and its standard errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Doubles = npt.NDArray[np.float64]

TRIM = 5.0
"""Filtered values beyond so many standard deviations of their bin (edges, hot pixels) are left out."""
LEAST = 50
"""Least number of pixels in a bin."""
WIDTH = 6.0
"""Least width of a bin in standard deviations of the noise of the smoothed image that sorts the pixels."""
SMOOTHED = 1 / (4 * np.pi * 2.0**2)
"""What the smoothing (Gaussian, sigma 2 px) leaves of the variance of white noise."""
PIXEL_SPREAD = 0.01
"""Gains of a camera's pixels differ by up to about one percent (EMVA 1288: photo response non-uniformity)."""
SURE = 1e6
"""Degrees of freedom of a point that is known."""


@dataclass(frozen=True)
class Line:
    """Variance of the noise as a line in the brightness, ``slope × level + intercept``, in counts.

    Attributes
    ----------
    slope, intercept : float
        Counts, counts².
    covariance : tuple of float
        Variances of slope and intercept and their covariance (slope², intercept², both).
    level, variance : array
        The bins: mean brightness (counts) and variance (counts²).
    misfit, scatter : float
        Typical residual of the bins (scaled median), in standard errors and relative to the fit.
    """

    slope: float
    intercept: float
    covariance: tuple[float, float, float]
    level: Doubles
    variance: Doubles
    misfit: float
    scatter: float

    @property
    def slope_error(self) -> float:
        """Standard error of the slope, in counts."""
        return float(np.sqrt(max(self.covariance[0], 0.0)))

    @property
    def level_of_zero(self) -> float:
        """Brightness at which the variance would vanish: the offset less the read noise's share."""
        return -self.intercept / self.slope

    @property
    def zero_error(self) -> float:
        """Standard error of `level_of_zero`, in counts."""
        zero, (slope2, intercept2, both) = self.level_of_zero, self.covariance
        return float(np.sqrt(max(intercept2 + zero**2 * slope2 + 2 * zero * both, 0.0))) / abs(self.slope)

    def at(self, level: float) -> float:
        """Variance at a brightness."""
        return self.slope * level + self.intercept


@dataclass(frozen=True)
class Samples:
    """Pixels that were looked at.

    Attributes
    ----------
    squares : array, (filters, pixels)
        Squares of the filtered noise, whose mean is the variance.
    level, order, peak : array, (pixels,)
        Brightness under the filter, the smoothed brightness that sorts the pixels into bins, and its maximum nearby.
    freedom : float
        Independent values per pixel.
    structured : bool
        Whether structure is in the squares as well: then the variance is taken from the lowest quarter.
    """

    squares: Floats
    level: Floats
    order: Floats
    peak: Floats
    freedom: float
    structured: bool = False

    def between(self, low: float, high: float) -> Samples:
        """Pixels near which the smoothed brightness rises to somewhere in a range, in counts."""
        keep = (self.peak >= low) & (self.peak < high)
        kept = {name: getattr(self, name)[keep] for name in ("level", "order", "peak")}
        return replace(self, squares=self.squares[:, keep], **kept)

    def point(self) -> tuple[float, float]:
        """Mean brightness and robust mean of the squares of all filters."""
        if self.structured:
            return float(self.level.mean(dtype=np.float64)), _lowest_quarter(self.squares[0])
        found = [_trimmed_means(part, self.level) for part in self.squares]
        return float(np.mean([level for level, _ in found])), float(np.mean([variance for _, variance in found]))


def joined(parts: Sequence[Samples]) -> Samples:
    """Pixels of several planes that were filtered alike, as one."""
    return replace(
        parts[0],
        squares=np.concatenate([part.squares for part in parts], axis=1),
        level=np.concatenate([part.level for part in parts]),
        order=np.concatenate([part.order for part in parts]),
        peak=np.concatenate([part.peak for part in parts]),
    )


def fit_line(
    parts: Sequence[Samples], slope: float | None = None, anchor: tuple[float, float] | None = None
) -> Line | None:
    """Fit the line through robust means in bins of brightness; None where there are too few pixels or no noise.

    The unequal gains of the pixels add the square of the brightness times their variance. It is fitted as well, held
    near zero by what is known of cameras, and only the line is returned.

    Parameters
    ----------
    parts : sequence of Samples
        Pixels of one or more planes; each part has bins of its own.
    slope : float, optional
        Known slope; then only the intercept is fitted.
    anchor : tuple of float, optional
        Known point of the line: (level, variance).
    """
    binned = [part for part in map(_bins, parts) if part is not None]
    if not binned:
        return None
    level, variance, freedom = (np.concatenate(column) for column in zip(*binned, strict=True))
    points = level, variance
    typical = float(np.average(variance, weights=freedom))
    if not typical > 0:
        return None
    if anchor is not None:
        level, variance = np.append(level, anchor[0]), np.append(variance, anchor[1])
        freedom = np.append(freedom, SURE)
    found, spread, guess, off = _robust_fit(level, variance, freedom, typical, slope)
    misfit = 1.4826 * float(np.median(np.abs(off)))
    spread = spread * max(1.0, misfit) ** 2
    return Line(
        float(found[0]),
        float(found[1]),
        (float(spread[0, 0]), float(spread[1, 1]), float(spread[0, 1])),
        *points,
        misfit,
        1.4826 * float(np.median(np.abs(variance / guess - 1))),
    )


def _robust_fit(
    level: Doubles, variance: Doubles, freedom: Doubles, typical: float, slope: float | None
) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """(slope, intercept), their covariance, the fitted variances and residuals in standard errors (Huber weights)."""
    dark, span = float(level.min()), max(float(np.ptp(level)), 1e-9 * float(np.abs(level).max()), 1e-30)
    above, relative = (level - dark) / span, variance / typical
    terms = np.stack([above, np.ones_like(above), np.square(above)], axis=1)
    prior = np.diag([0.0, 0.0, (typical / (span * PIXEL_SPREAD) ** 2) ** 2])
    known = np.zeros(3)
    if slope is not None:
        prior[0, 0], known[0] = 1e16, slope * span / typical
    weight, guess = np.ones_like(level), np.ones_like(level)
    least = 0.02 * float(np.median(relative)) + 1e-12
    off = np.zeros_like(level)
    for _ in range(12):
        found, covariance = _solve(terms, relative, weight * freedom / (2 * guess**2), prior, known)
        guess = np.maximum(terms @ found, least)
        off = (relative - terms @ found) / np.sqrt(2 * guess**2 / freedom)
        weight = np.minimum(1.0, 2.0 / np.maximum(np.abs(off), 1e-9))
    to_counts = np.array([[1 / span, 0.0, 0.0], [-dark / span, 1.0, 0.0]]) * typical
    return to_counts @ found, to_counts @ covariance @ to_counts.T, guess * typical, off


def _solve(
    terms: Doubles, values: Doubles, precision: Doubles, prior: Doubles, known: Doubles
) -> tuple[Doubles, Doubles]:
    """Weighted least squares with a normal prior; the third coefficient is not allowed to be negative."""
    normal = (terms * precision[:, None]).T @ terms + prior
    scale = np.sqrt(np.maximum(np.diag(normal), 1e-100))
    covariance = np.linalg.pinv(normal / np.outer(scale, scale), hermitian=True) / np.outer(scale, scale)
    found = covariance @ (terms.T @ (precision * values) + prior @ known)
    if len(found) == 3 and found[2] < 0:
        line, _ = _solve(terms[:, :2], values, precision, prior[:2, :2], known[:2])
        found = np.append(line, 0.0)
    return found, covariance


def _bins(samples: Samples) -> tuple[Doubles, Doubles, Doubles] | None:
    """Brightness, robust variance and degrees of freedom of the bins of one set of samples."""
    if len(samples.order) < 4 * LEAST:
        return None
    order = np.argsort(samples.order, kind="stable")
    ranked = samples.order[order]
    fine = _fine_edges(ranked)
    roughly = np.add.reduceat(samples.squares[0][order], fine[:-1], dtype=np.float64) / np.diff(fine)
    level, variance, count = _measured(samples, order, _wider_than_noise(ranked, fine, roughly))
    return level, variance, samples.freedom * count


def _fine_edges(ranked: Floats) -> list[int]:
    """Where bins begin and end among the ranked pixels: half of them of equal count, half of equal width."""
    count = len(ranked)
    low, high = ranked[count // 200], ranked[-1 - count // 2000]
    cuts = np.concatenate([np.linspace(0, count, 17)[1:-1], np.searchsorted(ranked, np.linspace(low, high, 17)[1:-1])])
    edges = [0]
    for cut in np.unique(cuts.astype(int)):
        if cut - edges[-1] >= LEAST and count - cut >= LEAST:
            edges.append(int(cut))
    return [*edges, count]


def _wider_than_noise(ranked: Floats, fine: list[int], variance: Doubles) -> list[int]:
    """Merge bins until each is wide against the noise of what sorts the pixels, or noise alone would sort them."""
    edges = [0]
    for stop, here in zip(fine[1:-1], variance, strict=False):
        if ranked[stop] - ranked[edges[-1]] >= WIDTH * np.sqrt(max(here, 0.0) * SMOOTHED):
            edges.append(stop)
    return [*edges, fine[-1]]


def _measured(samples: Samples, order: npt.NDArray[np.intp], edges: list[int]) -> tuple[Doubles, Doubles, Doubles]:
    """Mean brightness, robust variance and number of pixels in each bin."""
    inside = [order[start:stop] for start, stop in pairwise(edges)]
    points = [replace(samples, squares=samples.squares[:, at], level=samples.level[at]).point() for at in inside]
    level, variance = np.array(points).T
    return level, variance, np.array([len(at) for at in inside], float)


def _trimmed_means(squares: Floats, level: Floats) -> tuple[float, float]:
    """Brightness and variance of the pixels whose filtered noise belongs to the others'."""
    variance, inside = float(np.median(squares)) / 0.4549, squares >= 0  # of the square of a normal variable
    for _ in range(3):
        fits = squares <= TRIM**2 * variance
        if variance == 0 or not fits.any():
            break
        inside, variance = fits, float(squares[fits].mean(dtype=np.float64))
    return float(level[inside].mean(dtype=np.float64)), float(squares[inside].mean(dtype=np.float64))


def _lowest_quarter(squares: Floats) -> float:
    """Variance of normal noise from the quarter of the squares that is least."""
    return float(np.quantile(squares, 0.25)) / 0.1015  # of the square of a normal variable
