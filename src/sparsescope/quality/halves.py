"""Two independent images of the same object from one exposure, or from the frames of a movie."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..errors import InputError

Floats = npt.NDArray[np.float32]


def thin_photons(
    counts: npt.NDArray[np.floating], *, gain: float, offset: float, read_e: float, seed: int
) -> tuple[Floats, Floats]:
    """Deal the photons of an image out to two images by the toss of a coin.

    Meaning: each half is what the camera would have given at half the light, brought back to full brightness; their
    noises are independent. Blind spot: gain and offset must be right, or the halves share noise or lose light;
    fixed-pattern noise is in both.

    Parameters
    ----------
    counts : array of any shape
        Camera counts.
    gain : float
        Counts per photo-electron.
    offset : float
        Counts without light.
    read_e : float
        Read noise in electrons; a Gaussian of that width is added to one half and taken from the other, which undoes
        what both share of it.
    seed : int
        The same seed deals the same halves.

    Returns
    -------
    tuple of array, float32
        In counts, each of the mean of `counts` and of twice its variance.

    Notes
    -----
    k ~ Binomial(n, ½) of n Poisson photons: 2 k and 2 (n − k) are independent Poisson halves, doubled; "data
    thinning", Neufeld et al., JMLR 25, 57 (2024). With n of variance μ + r² their covariance is r², which the added
    ±N(0, r²) cancels.

    Examples
    --------
    >>> frame = 100 + 2.0 * np.random.default_rng(0).poisson(50, (64, 64))
    >>> first, second = thin_photons(frame, gain=2.0, offset=100, read_e=0, seed=0)
    >>> bool(np.allclose((first + second) / 2, frame))
    True
    """
    if not gain > 0:
        raise InputError(f"gain = {gain!r} counts per electron: photons are dealt out with a gain above 0 only")
    rng = np.random.default_rng(seed)
    electrons = (np.asarray(counts, np.float64) - offset) / gain
    whole = np.maximum(np.rint(electrons), 0)
    rest = electrons - whole
    dealt = rng.binomial(whole.astype(np.int64), 0.5)
    shift = rng.normal(0, read_e, whole.shape) if read_e > 0 else 0.0
    halves = (2.0 * dealt + rest + shift, 2.0 * (whole - dealt) + rest - shift)
    first, second = ((offset + gain * half).astype(np.float32) for half in halves)
    return first, second


def thin_gaussian(
    counts: npt.NDArray[np.floating], variance: npt.NDArray[np.floating], *, seed: int
) -> tuple[Floats, Floats]:
    """Make two images of independent noise from one whose noise variance is known.

    Meaning: as :func:`thin_photons` where there is no photon scale. Blind spot: noise must be near to normal and
    independent from pixel to pixel; where the variance is taken too small the halves still share noise and agree too
    well.

    Parameters
    ----------
    counts : array of any shape
        Any unit.
    variance : array of that shape
        Of the noise, in the square of that unit.
    seed : int
        The same seed gives the same halves.

    Returns
    -------
    tuple of array, float32
        counts + e and counts − e with e ~ N(0, variance): each of twice the variance, independent.

    Notes
    -----
    Cov(y + e, y − e) = Var y − Var e = 0; Neufeld et al., JMLR 25, 57 (2024), Gaussian case.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> first, second = thin_gaussian(rng.normal(5, 2, (64, 64)), np.full((64, 64), 4.0), seed=1)
    >>> bool(abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.05)
    True
    """
    rng = np.random.default_rng(seed)
    values = np.asarray(counts, np.float64)
    shift = rng.normal(size=values.shape) * np.sqrt(np.maximum(variance, 0))
    return (values + shift).astype(np.float32), (values - shift).astype(np.float32)


def split_frames(frames: npt.NDArray[np.floating]) -> tuple[Floats, Floats]:
    """Average the even and the odd frames of a movie.

    Meaning: two images of an object that stands still, with independent noise of any kind. Blind spot: what moves
    between frames makes them differ and looks like a loss of resolution; fixed-pattern noise is in both.

    Parameters
    ----------
    frames : array, (T, Y, X)
        Two frames or more; the last of an odd number is left out.

    Examples
    --------
    >>> [half.mean() for half in split_frames(np.arange(5)[:, None, None] * np.ones((5, 2, 2)))]
    [np.float32(1.0), np.float32(2.0)]
    """
    values = np.asarray(frames)
    if values.ndim != 3 or len(values) < 2:
        raise InputError(f"frames of shape {values.shape}: (T, Y, X) with 2 frames or more are split")
    count = len(values) // 2 * 2
    first, second = (values[start:count:2].mean(0, dtype=np.float64).astype(np.float32) for start in (0, 1))
    return first, second
