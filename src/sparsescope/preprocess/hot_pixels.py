"""Hot, dead and not-finite pixels replaced by an adaptive median that leaves the shapes a microscope can make alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..errors import InputError, RecipeError

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]

SHARPEST: Final = 3.0
"""How far an in-focus point may exceed the third brightest pixel beside it, both above the background, as a factor: a
Gaussian PSF of FWHM 2 px (Nyquist) reaches 2, wider ones, lines and edges less; the rest is a margin for noise."""

SIGMA_PER_MAD: Final = 1.4826
SIGMA_PER_MEAN_DEVIATION: Final = 1.2533
SIGMAS_OF_TENTH: Final = 1.3
"""Standard deviation of a Gaussian by its median and mean absolute deviation, and where its outermost tenth begins."""

BATCH: Final = 65536
"""Pixels judged at a time, and pixels of a plane that are looked at to find its quantum: both bound the memory."""


def replace_hot_pixels(data: npt.ArrayLike, *, max_size: int = 7, threshold: float = 4.5) -> tuple[Floats, int]:
    """Replace hot, dead and not-finite pixels by the median of their neighbours, plane by plane.

    An adaptive median filter (Hwang & Haddad 1995) with a guard for real structure. A pixel is hot when it exceeds
    the median of its largest window by more than `threshold` times the noise there *plus* what a point source of its
    neighbours' brightness could add (3 times the third brightest neighbour's excess; a PSF of FWHM 2 pixels needs 2);
    dead pixels the same way downwards. It gets the median of its 3 x 3 neighbours; where that is itself an outlier
    (a cluster), of 5 x 5, and so on to `max_size`. All other pixels keep their value.

    The noise is that of the window, by statistics that a few outliers do not move and that follow skewed noise as
    well; where most of a window is constant (dark, or clipped at zero) it is the height of the single pulses there,
    and in data that count, whatever their scale, one count at least. So single photons on black stay.

    Parameters
    ----------
    data : array_like, shape (..., Y, X)
        Pixel values of any real type; leading axes are treated plane by plane.
    max_size : int
        Largest window in pixels; odd, 5 to 31.
    threshold : float
        Deviation that counts as an outlier, in standard deviations of the local noise; > 0.

    Returns
    -------
    clean : ndarray of float32, shape (..., Y, X)
        Copy of the data with the outliers replaced.
    count : int
        Number of pixels replaced.

    Raises
    ------
    InputError
        If there are no planes, or a plane has no finite pixel.
    RecipeError
        If `max_size` or `threshold` is out of its range.

    Notes
    -----
    A not-finite pixel further than ``max_size // 2`` from any finite one gets the median around the nearest finite
    pixel. Clusters of more than three hot pixels that touch look like a point source and stay.

    Of pure noise about 1 pixel in 50 000 is changed, and up to 1 in 500 where its distribution has a long tail, as with
    photomultipliers, which have no hot pixels: leave the filter off there.

    References
    ----------
    Hwang, H., Haddad, R. A. Adaptive median filters: new algorithms and results. IEEE Transactions on Image
    Processing 4, 499-502 (1995), doi 10.1109/83.370679.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.full((9, 9), 100, "uint16")
    >>> image[4, 4] = 60000
    >>> clean, count = replace_hot_pixels(image)
    >>> clean[4, 4], count
    (np.float32(100.0), 1)
    """
    if max_size not in range(5, 32, 2):
        raise RecipeError(f"max_size = {max_size!r} is not allowed: an odd whole number of pixels from 5 to 31")
    if not (np.isfinite(threshold) and threshold > 0):
        raise RecipeError(f"threshold = {threshold!r} is not allowed: a number of standard deviations > 0")
    array = np.asarray(data)
    if array.ndim < 2 or array.size == 0:
        raise InputError(f"an array of shape {array.shape} has no planes; hot pixels need axes (…, Y, X), none empty")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes inf, and so is replaced
        clean = np.array(array, dtype=np.float32, order="C")
    count = sum(_clean_plane(plane, max_size, threshold) for plane in clean.reshape(-1, *clean.shape[-2:]))
    return clean, count


def _clean_plane(plane: Floats, max_size: int, threshold: float) -> int:
    """Clean one plane in place and return how many pixels were replaced."""
    broken = ~np.isfinite(plane)
    if broken.any():
        _fill_broken(plane, broken, max_size)
    quantum = _quantum(plane)
    rows, columns = np.nonzero(_candidates(plane, max_size))
    windows = _windows(plane, max_size)
    found: list[tuple[Indices, Indices, Floats]] = []
    for part in _batches(len(rows)):
        y, x = rows[part], columns[part]
        outlier, value = _judge(windows[y, x], threshold, quantum)
        found.append((y[outlier], x[outlier], value[outlier]))
    for y, x, value in found:  # after all were judged on the untouched plane
        plane[y, x] = value
        broken[y, x] = True
    return int(np.count_nonzero(broken))


def _quantum(plane: Floats) -> np.float32:
    """Size of one count: the smallest step between values that occur many times, 1 in whole numbers; 0 if neither.

    Many is more than hot pixels of one value (saturated ones) can be.
    """
    sample = plane.ravel()[:: -(-plane.size // BATCH)]
    values, counts = np.unique(sample, return_counts=True)
    steps = np.diff(values[counts >= max(4, sample.size // 500)])
    whole_numbers = np.array_equal(sample, np.rint(sample))
    return np.float32(max(steps.min() if steps.size else 0.0, float(whole_numbers)))


def _candidates(plane: Floats, max_size: int) -> npt.NDArray[np.bool_]:
    """Pixels that stand out of their eight neighbours by more than twice the spread of such neighbours here or around.

    The spread leaves out two at either end and is about the noise. This cheap look first leaves about 1 % of pure
    noise to the full test, which asks for more (`threshold` times the noise).
    """
    from scipy import ndimage

    height, width = plane.shape
    padded = np.pad(plane, 1, mode="reflect")
    beside = [padded[i : i + height, j : j + width] for i in range(3) for j in range(3) if (i, j) != (1, 1)]
    high = _third(beside, np.maximum, np.minimum)
    low = _third(beside, np.minimum, np.maximum)
    spread = high - low
    spread = 2 * np.maximum(spread, ndimage.uniform_filter(spread, max_size, mode="mirror"))
    return np.asarray((plane - high > spread) | (low - plane > spread))


def _third(planes: list[Floats], best: np.ufunc, worst: np.ufunc) -> Floats:
    """Third best value at each pixel; three running planes, so that memory does not grow with the neighbours."""
    first, second = best(planes[0], planes[1]), worst(planes[0], planes[1])
    third = worst(second, planes[2])
    second = best(second, planes[2])
    first, second = best(first, second), worst(first, second)
    for plane in planes[3:]:
        third = best(third, worst(second, plane))
        second = best(second, worst(first, plane))
        first = best(first, plane)
    return np.asarray(third)


def _judge(windows: Floats, threshold: float, quantum: np.float32) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Tell which windows have an outlier in their centre, and what belongs there instead.

    `windows` has shape (n, size, size); the centre pixel itself never enters the statistics.
    """
    size = windows.shape[-1]
    centre = windows[:, size // 2, size // 2]
    around = windows.reshape(len(windows), -1)
    around = np.delete(around, around.shape[1] // 2, axis=1)
    level = np.median(around, axis=1)
    noise = _noise(around - level[:, None], upwards=centre > level)
    # one quantum more, as few counts (Poisson) are skewed upwards
    limit = np.maximum(noise, quantum) * np.float32(threshold) + quantum
    outlier = _stands_out(centre, _ring(windows, 1), level, limit)
    value = level.copy()
    open_ = outlier.copy()
    for radius in range(1, size // 2):  # the window grows where its median is an outlier among the pixels around it
        inner = np.median(_within(windows, radius), axis=1)
        good = open_ & ~_stands_out(inner, _ring(windows, radius + 1), level, limit)
        value[good] = inner[good]
        open_ &= ~good
    return outlier, value


def _stands_out(value: Floats, beside: Floats, level: Floats, limit: Floats) -> npt.NDArray[np.bool_]:
    """Say where `value` is further from `level` than noise (`limit`) and a PSF through the pixels `beside` explain."""
    ordered = np.sort(beside, axis=1)
    bright = np.maximum(ordered[:, -3] - level, 0)
    dark = np.maximum(level - ordered[:, 2], 0)
    above = value - level
    return np.asarray((above > limit + SHARPEST * bright) | (-above > limit + SHARPEST * dark))


def _noise(deviation: Floats, upwards: npt.NDArray[np.bool_]) -> Floats:
    """Robust standard deviation from the deviations in each window; the larger of two estimates.

    The mean absolute deviation, large ones cut off by the median one, is precise and has no steps in whole numbers.
    The outermost tenth on the side that is judged follows noise that is skewed. Where most of a window is constant
    (dark, clipped at zero) neither sees the noise: there it is the height of the single pulses in all such windows.
    """
    size = np.abs(deviation)
    middle = np.median(size, axis=1)
    cut = np.float32(3 * SIGMA_PER_MAD) * middle[:, None]
    mean = np.float32(SIGMA_PER_MEAN_DEVIATION) * np.minimum(size, cut).mean(axis=1)
    tenth = deviation.shape[1] // 10
    ordered = np.partition(deviation, (tenth, -1 - tenth), axis=1)
    tail = np.where(upwards, ordered[:, -1 - tenth], -ordered[:, tenth])
    noise = np.maximum(mean, tail / np.float32(SIGMAS_OF_TENTH))
    dark = size[middle == 0]
    pulses = dark[dark > 0]
    if pulses.size > dark.size // 100:  # fewer are hot pixels themselves
        noise[middle == 0] = np.maximum(noise[middle == 0], np.quantile(pulses, 0.75))
    return np.asarray(noise)


def _ring(windows: Floats, radius: int) -> Floats:
    """Pixels at chessboard distance `radius` from the centre, shape (n, 8 radius)."""
    distance = _distance(windows.shape[-1])
    return windows[:, distance == radius]


def _within(windows: Floats, radius: int) -> Floats:
    """Pixels up to chessboard distance `radius`, without the centre."""
    distance = _distance(windows.shape[-1])
    return windows[:, (distance <= radius) & (distance > 0)]


def _distance(size: int) -> npt.NDArray[np.intp]:
    offset = np.abs(np.arange(size) - size // 2)
    return np.maximum(offset[:, None], offset[None, :])


def _windows(plane: Floats, size: int) -> Floats:
    """View of shape (Y, X, size, size); the plane is mirrored about its border pixels."""
    padded = np.pad(plane, size // 2, mode="reflect")
    return np.lib.stride_tricks.sliding_window_view(padded, (size, size))


def _batches(count: int) -> Iterator[slice]:
    return (slice(start, start + BATCH) for start in range(0, count, BATCH))


def _fill_broken(plane: Floats, broken: npt.NDArray[np.bool_], max_size: int) -> None:
    """Give each not-finite pixel the median of the finite ones in the smallest window that has any."""
    if broken.all():
        raise InputError("a plane has no finite pixel (all NaN or infinite); leave this plane out or mend the file")
    source = np.where(broken, np.float32(np.nan), plane)
    windows = _windows(source, max_size)
    rows, columns = np.nonzero(broken)
    for part in _batches(len(rows)):
        y, x = rows[part], columns[part]
        plane[y, x] = _finite_median(windows[y, x])
    deep = ~np.isfinite(plane)
    if deep.any():
        from scipy import ndimage

        nearest: Any = ndimage.distance_transform_cdt(
            broken, metric="chessboard", return_distances=False, return_indices=True
        )
        rows, columns = np.nonzero(deep)
        for part in _batches(len(rows)):
            y, x = nearest[:, rows[part], columns[part]]
            plane[rows[part], columns[part]] = _finite_median(windows[y, x])


def _finite_median(windows: Floats) -> Floats:
    """Median of the finite pixels in the smallest centred window that has one; NaN where there is none."""
    value = np.full(len(windows), np.nan, np.float32)
    for radius in range(1, windows.shape[-1] // 2 + 1):
        inner = _within(windows, radius)
        ready = np.isnan(value) & np.isfinite(inner).any(axis=1)
        if ready.any():
            value[ready] = np.nanmedian(inner[ready], axis=1)
    return value
