"""Injection and recovery: faint line pairs are added to the data, and it is seen how many come out apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage, optimize, special

from ..errors import InputError

Floats = npt.NDArray[np.float32]
Reconstruct = Callable[[Floats], npt.NDArray[np.floating]]

LENGTH_FWHM: Final = 2.0
"""Length of the lines in widths of the PSF."""
SPACING_FWHM: Final = 7.0
"""Distance of the lattice on which sites lie, in widths of the PSF: pairs do not disturb each other."""
VALLEY: Final = 0.735
"""Largest value between two lines, as part of the weaker, at which they count as two (Rayleigh's criterion)."""
WEAKEST: Final = 0.3
"""The weaker line must have this part of the stronger."""
STEP_PX: Final = 0.25


@dataclass(frozen=True)
class Pair:
    """One pair of parallel lines.

    Attributes
    ----------
    y, x : float
        Its middle in pixels of the data.
    angle : float
        Direction of the lines, radians from the x axis.
    separation_px : float
        Distance of the lines.
    level : float
        Peak of one blurred line, in counts.
    """

    y: float
    x: float
    angle: float
    separation_px: float
    level: float


@dataclass(frozen=True)
class Recovery:
    """What became of every pair.

    Attributes
    ----------
    pairs : tuple of Pair
        All that were injected.
    recovered : array of bool
        Whether each came out as two lines in their places.
    """

    pairs: tuple[Pair, ...]
    recovered: npt.NDArray[np.bool_]

    def fractions(self) -> list[tuple[float, float, int]]:
        """Return (separation in px, recovered fraction, number of pairs) by separation, rising."""
        distances = np.array([pair.separation_px for pair in self.pairs])
        return [
            (float(d), float(self.recovered[distances == d].mean()), int((distances == d).sum()))
            for d in np.unique(distances)
        ]


@dataclass(frozen=True)
class HalfRecovered:
    """Separation at which half of the pairs come out apart.

    Attributes
    ----------
    separation_px : float or None
        From a logistic fit; None where it lies outside the separations tried.
    error_px : float or None
        Its standard error.
    side : str
        ``"within"``, or ``"below"`` or ``"above"`` all that was tried.
    """

    separation_px: float | None
    error_px: float | None
    side: str


def blurred_pair(shape: tuple[int, ...], pair: Pair, fwhm_px: float) -> tuple[tuple[slice, slice], Floats]:
    """Return the window of an image that a pair touches, and the pair there as the microscope shows it.

    Notes
    -----
    A line of length L under a Gaussian PSF of standard deviation s, integrated over pixels (s² + 1/12), is
    exp(−u²/2s²) · ½ [erf((v + L/2)/√2 s) − erf((v − L/2)/√2 s)], u across and v along it.

    Examples
    --------
    >>> window, light = blurred_pair((64, 64), Pair(32, 32, 0.0, 8.0, 5.0), 4.0)
    >>> round(float(light[28 - window[0].start, 32 - window[1].start]), 1)
    4.9
    """
    sigma = np.sqrt((0.424661 * fwhm_px) ** 2 + 1 / 12)
    half = LENGTH_FWHM * fwhm_px / 2
    reach = int(np.ceil(half + pair.separation_px / 2 + 4 * sigma))
    y0, x0 = (max(0, round(c) - reach) for c in (pair.y, pair.x))
    y1, x1 = (min(n, round(c) + reach + 1) for n, c in zip(shape, (pair.y, pair.x), strict=True))
    dy, dx = np.arange(y0, y1)[:, None] - pair.y, np.arange(x0, x1)[None] - pair.x
    along = dx * np.cos(pair.angle) + dy * np.sin(pair.angle)
    across = dy * np.cos(pair.angle) - dx * np.sin(pair.angle)
    root = np.sqrt(2) * sigma
    ends = (special.erf((along + half) / root) - special.erf((along - half) / root)) / 2
    sides = sum(np.exp(-((across - s * pair.separation_px / 2) ** 2) / (2 * sigma**2)) for s in (-1, 1))
    return (slice(y0, y1), slice(x0, x1)), np.asarray(pair.level * ends * sides, np.float32)


def sites(
    light: npt.NDArray[np.floating], fwhm_px: float, faintest: float, seed: int
) -> list[tuple[float, float, float]]:
    """Return places on and near structures, with the brightness of the structures there.

    Parameters
    ----------
    light : array, (Y, X)
        Counts above the background.
    fwhm_px : float
        Width of the PSF.
    faintest : float
        Counts above which a pixel counts as structure.
    seed : int
        Of the shifts of the lattice.

    Returns
    -------
    list of (y, x, level)
        One random place in each cell of a lattice of 7 widths where at least 2 % of the pixels within two widths are
        structure, and their median.

    Examples
    --------
    >>> light = np.zeros((96, 96), np.float32); light[40:60, 40:60] = 7
    >>> places = sites(light, 3.0, 1.0, seed=0)
    >>> len(places) > 0, all(4 < level <= 7 for _, _, level in places)
    (True, True)
    """
    rng = np.random.default_rng(seed)
    pitch = SPACING_FWHM * fwhm_px
    margin = (LENGTH_FWHM / 2 + 1.5) * fwhm_px
    smooth = ndimage.gaussian_filter(np.asarray(light, np.float32), 0.42 * fwhm_px)
    structure = smooth > faintest
    found: list[tuple[float, float, float]] = []
    starts = rng.uniform(0, pitch / 2, 2)
    counts = [int((n - 2 * margin - s) // pitch) + 1 for n, s in zip(light.shape, starts, strict=True)]
    reach = round(2 * fwhm_px)
    for row in range(max(counts[0], 0)):
        for column in range(max(counts[1], 0)):
            y, x = margin + starts + pitch * np.array([row, column]) + rng.uniform(-1, 1, 2) * fwhm_px / 2
            if not (margin <= y <= light.shape[0] - 1 - margin and margin <= x <= light.shape[1] - 1 - margin):
                continue
            window = (slice(round(y) - reach, round(y) + reach + 1), slice(round(x) - reach, round(x) + reach + 1))
            inside = structure[window]
            if inside.mean() >= 0.02:
                found.append((float(y), float(x), float(np.median(smooth[window][inside]))))
    return found


def separations_px(fwhm_px: float, count: int = 6) -> tuple[float, ...]:
    """Return the separations to try: from 0.4 widths (2 px at least) to 1.6 widths, in equal ratios.

    Examples
    --------
    >>> [round(d, 1) for d in separations_px(5.0)]
    [2.0, 2.6, 3.5, 4.6, 6.1, 8.0]
    """
    low = max(2.0, 0.4 * fwhm_px)
    return tuple(float(d) for d in np.geomspace(low, max(1.6 * fwhm_px, 2 * low), count))


def resolved(image: npt.NDArray[np.floating], pair: Pair, fwhm_px: float, factor: int = 1) -> bool:
    """Whether a pair shows as two lines in their places.

    Meaning: averaged along the lines, there is a maximum within a quarter of the PSF's width of each, the weaker at
    least 0.3 of the stronger, and between them a value below 0.735 of the weaker.

    Parameters
    ----------
    image : array, (Y, X)
        With the pair on dark ground: a result, or the difference of two.
    pair : Pair
        In pixels of the data.
    fwhm_px : float
        Width of the PSF in pixels of the data.
    factor : int
        Pixels of `image` along one pixel of the data.

    Examples
    --------
    >>> pair = Pair(32, 32, 0.3, 8.0, 5.0)
    >>> image = np.zeros((64, 64)); window, light = blurred_pair(image.shape, pair, 3.0); image[window] += light
    >>> resolved(image, pair, 3.0), resolved(image, Pair(32, 32, 0.3, 4.0, 5.0), 3.0)
    (True, False)
    """
    tolerance, half = fwhm_px / 4, pair.separation_px / 2
    end = half + tolerance + 2 * STEP_PX  # a little beyond, so that a rise towards something else is no maximum
    across = np.linspace(-end, end, 2 * round(end / STEP_PX) + 1)
    along = np.arange(-0.35, 0.36, 0.05) * LENGTH_FWHM * fwhm_px
    y = pair.y + across[:, None] * np.cos(pair.angle) + along * np.sin(pair.angle)
    x = pair.x - across[:, None] * np.sin(pair.angle) + along * np.cos(pair.angle)
    places = [factor * (c + 0.5) - 0.5 for c in (y, x)]
    profile = ndimage.map_coordinates(np.asarray(image, np.float32), places, order=1, mode="nearest").mean(1)
    peaks = []
    for side in (-1, 1):
        near = np.flatnonzero((np.abs(across - side * half) <= tolerance + 1e-9) & (side * across > STEP_PX / 2))
        peak = int(near[np.argmax(profile[near])])
        if profile[peak + side] > profile[peak]:
            return False
        peaks.append(peak)
    values = profile[peaks]
    if values.min() <= 0 or values.min() < WEAKEST * values.max():
        return False
    return bool(profile[peaks[0] : peaks[1] + 1].min() < VALLEY * values.min())


def inject_and_recover(
    reconstruct: Reconstruct,
    data: npt.NDArray[np.floating],
    light: npt.NDArray[np.floating],
    *,
    fwhm_px: float,
    faintest: float,
    counts_per_photon: float,
    separations: Sequence[float] | None = None,
    rounds: int = 1,
    factor: int = 1,
    seed: int = 0,
    base: npt.NDArray[np.floating] | None = None,
) -> Recovery:
    """Add line pairs to the data at many places, reconstruct, and see which come out as two.

    Meaning: the resolving power *here*, with this light, this background, these parameters. Blind spot: the pairs are
    blurred with the PSF that the solver believes in, so a wrong PSF is not seen (see the sensitivity to it); a pair of
    lines of the brightness of their surroundings stands for structures in general; a dense sample hides its own.

    Parameters
    ----------
    reconstruct : callable
        Takes data in counts and returns the result; every parameter and scale frozen.
    data, light : array, (Y, X)
        Counts, and counts above the background (which say where structures are and how bright).
    fwhm_px : float
        Width of the PSF.
    faintest : float
        Counts above which a smoothed pixel counts as structure.
    counts_per_photon : float
        Gain: the photon noise of the added light; 0 adds none.
    separations : sequence of float, optional
        In pixels; six between 0.4 and 1.6 widths when left out.
    rounds : int
        How often each separation is tried, at new places.
    factor : int
        Pixels of the result along one pixel of the data.
    seed : int
        The same seed gives the same pairs and noise.
    base : array, optional
        ``reconstruct(data)``, where it is known.

    Notes
    -----
    As in astronomy, where artificial stars are added to count which are found (completeness). Costs one reconstruction
    for each separation and round, as pairs at 7 widths from each other do not disturb each other.
    """
    before = np.asarray(reconstruct(np.asarray(data, np.float32)) if base is None else base, np.float32)
    distances = separations_px(fwhm_px) if separations is None else tuple(separations)
    pairs: list[Pair] = []
    recovered: list[bool] = []
    for i in range(rounds * len(distances)):
        rng = np.random.default_rng([seed, i])
        placed = [
            Pair(y, x, float(rng.uniform(0, np.pi)), distances[i % len(distances)], level)
            for y, x, level in sites(light, fwhm_px, faintest, seed=int(rng.integers(2**31)))
        ]
        if placed:
            after = reconstruct(add_pairs(data, placed, fwhm_px, counts_per_photon, rng))
            difference = np.asarray(after, np.float32) - before
            pairs += placed
            recovered += [resolved(difference, pair, fwhm_px, factor) for pair in placed]
    return Recovery(tuple(pairs), np.array(recovered, bool))


def add_pairs(
    data: npt.NDArray[np.floating],
    pairs: Sequence[Pair],
    fwhm_px: float,
    counts_per_photon: float,
    rng: np.random.Generator,
) -> Floats:
    """Return the data with blurred pairs and their photon noise added."""
    added = np.zeros(data.shape, np.float64)
    for pair in pairs:
        window, light = blurred_pair(data.shape, pair, fwhm_px)
        added[window] += light
    if counts_per_photon > 0:
        added = np.asarray(rng.poisson(added / counts_per_photon) * counts_per_photon, np.float64)
    return (np.asarray(data, np.float64) + added).astype(np.float32)


def half_recovered(recovery: Recovery, weights: npt.NDArray[np.floating] | None = None) -> HalfRecovered:
    """Fit a logistic curve to what was recovered and return where it passes one half.

    Parameters
    ----------
    recovery : Recovery
        At several separations.
    weights : array, optional
        Of each pair, for a fit that is local.

    Raises
    ------
    InputError
        If nothing was injected.

    Notes
    -----
    P(d) = 1 / (1 + exp(−(d − d₅₀)/w)), maximum likelihood (Berkson 1944); a wide normal prior on ln w keeps it finite
    where all above and none below some separation are recovered. The error is that of the curvature at the maximum.

    Examples
    --------
    >>> pairs = tuple(Pair(0, 0, 0, d, 1) for d in (2.0, 4.0, 6.0) for _ in range(50))
    >>> chance = np.repeat([0.1, 0.5, 0.9], 50) > np.tile(np.arange(50) / 50, 3)
    >>> round(half_recovered(Recovery(pairs, chance)).separation_px, 1)
    4.0
    """
    distances = np.array([pair.separation_px for pair in recovery.pairs])
    if not distances.size:
        raise InputError("no pairs were injected: the image shows no structure to put them near")
    hits = recovery.recovered.astype(np.float64)
    weight = np.ones_like(hits) if weights is None else np.asarray(weights, np.float64)
    low, high = float(distances.min()), float(distances.max())
    width0 = max((high - low) / 8, 1e-3)

    def loss(parameters: npt.NDArray[np.float64]) -> float:
        centre, log_width = parameters
        score = (distances - centre) / np.exp(log_width)
        chance = np.where(hits > 0, np.logaddexp(0, -score), np.logaddexp(0, score))
        return float((weight * chance).sum() + 0.5 * (log_width - np.log(width0)) ** 2)

    found = optimize.minimize(loss, [(low + high) / 2, np.log(width0)], method="Nelder-Mead")
    centre = float(found.x[0])
    if not low <= centre <= high:
        return HalfRecovered(None, None, "below" if centre < low else "above")
    step = 0.02 * (high - low) or 0.01
    ends = [loss(np.array([centre + s * step, found.x[1]])) for s in (-1, 1)]
    curvature = (ends[0] + ends[1] - 2 * loss(found.x)) / step**2
    return HalfRecovered(centre, float(1 / np.sqrt(curvature)) if curvature > 0 else None, "within")


def local_half_recovered(recovery: Recovery, shape: tuple[int, int], fwhm_px: float) -> Floats:
    """Return a map of the separation at which half of the pairs come out apart, in pixels.

    Meaning: the local resolving power; it changes over about 14 widths of the PSF, the reach of each fit. NaN where no
    pair was tried nearby, infinite where not even the largest separation was resolved; where even the smallest was,
    that one is given. Blind spot: as for :func:`inject_and_recover`.

    Parameters
    ----------
    recovery : Recovery
        From :func:`inject_and_recover`.
    shape : tuple of int
        (Y, X) of the data.
    fwhm_px : float
        Width of the PSF.
    """
    reach = 2 * SPACING_FWHM * fwhm_px
    step = max(1, round(SPACING_FWHM * fwhm_px))
    rows, columns = (np.arange(step // 2, max(n, step // 2 + 1), step) for n in shape)
    y, x = (np.array([getattr(pair, name) for pair in recovery.pairs]) for name in "yx")
    smallest = min((pair.separation_px for pair in recovery.pairs), default=np.nan)
    coarse = np.full((len(rows), len(columns)), np.nan, np.float32)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            weights = np.exp(-2 * ((y - row) ** 2 + (x - column) ** 2) / reach**2) if y.size else y
            if weights.sum() < 6 or np.hypot(y - row, x - column).min() > step:
                continue
            fit = half_recovered(recovery, weights)
            outside = smallest if fit.side == "below" else np.inf
            coarse[i, j] = outside if fit.separation_px is None else fit.separation_px
    at = [np.minimum(np.arange(n) // step, len(c) - 1) for n, c in zip(shape, (rows, columns), strict=True)]
    return coarse[np.ix_(*at)]
