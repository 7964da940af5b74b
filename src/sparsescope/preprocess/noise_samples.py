"""What the measurements of noise share: frames as floats, and the step between two neighbouring grey values."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError

Floats = npt.NDArray[np.floating]


def as_stack(data: npt.NDArray[Any]) -> Floats:
    """Return a plane or stack as a stack of frames in floats; the input is not written into.

    Raises
    ------
    InputError
        If the array has not two or three axes, is empty or has values that are not finite.
    """
    array = _checked(data)
    return _as_floats(np.asarray(array).reshape((-1, *array.shape[-2:])))


def frame_pairs(data: npt.NDArray[Any], most: int = 4) -> Floats:
    """Return the frame of a plane, or up to four pairs of neighbouring frames spread over a stack, in floats.

    Returns
    -------
    array, (1, Y, X) or (pairs × 2, Y, X)
        Frames 2 i and 2 i + 1 are neighbours.
    """
    array = _checked(data)
    if array.ndim == 2 or len(array) == 1:
        return _as_floats(np.asarray(array).reshape((1, *array.shape[-2:])))
    at = np.unique(np.linspace(0, len(array) - 2, most).astype(int))
    return _as_floats(np.stack([np.asarray(array[i + j]) for i in at for j in (0, 1)]))


def _checked(data: npt.NDArray[Any]) -> npt.NDArray[Any]:
    array = data if hasattr(data, "ndim") else np.asarray(data)
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise InputError(
            f"noise is measured on a plane (Y, X) or a stack (T or Z, Y, X), not on shape {tuple(array.shape)}; "
            "pass one channel, and one time point of a stack, at a time"
        )
    if array.dtype.kind not in "buif":
        raise InputError(f"noise is measured on real numbers, not on {array.dtype}; convert the array first")
    return array


def _as_floats(array: npt.NDArray[Any]) -> Floats:
    exact = array.dtype.itemsize <= 2 or array.dtype == np.float32
    frames: Floats = array.astype(np.float32 if exact else np.float64, copy=False)
    if not np.isfinite(frames).all():
        raise InputError("the image has values that are not finite (NaN or infinite); replace them first")
    return frames


def thinned(values: Floats) -> Floats:
    """Every n-th value, 65536 to twice as many: enough for quantiles."""
    return values.ravel()[:: max(1, values.size // 65536)]


def quantisation_step(frames: Floats) -> float:
    """Step between neighbouring grey values: 1 for raw counts, also when stored as floats; 0 for continuous values."""
    levels = np.unique(thinned(frames)).astype(np.float64)
    gaps = np.diff(levels)
    gaps = gaps[gaps > 5e-7 * float(np.abs(levels).max())]  # less is two roundings of one value, in float32
    if len(gaps) == 0:
        return 0.0
    if (levels == np.round(levels)).all():
        return float(np.gcd.reduce(np.round(gaps).astype(np.int64)))
    for parts in (1, 2, 3):  # the least gap may be a multiple of the step
        multiples = gaps * parts / float(gaps.min())
        if float(np.abs(multiples - np.round(multiples)).max()) < 0.02:
            return float(gaps.min()) / parts
    return 0.0


def saturation_level(frames: Floats) -> float | None:
    """Brightest value, where pixels pile up at it: the detector or the file could not hold more; else None."""
    top = float(frames.max())
    at_top = int(np.count_nonzero(frames == top))
    if at_top < 3 or float(frames.min()) == top:
        return None
    full = top >= 255 and top.is_integer() and (int(top) + 1) & int(top) == 0  # 2^n - 1
    span = top - float(np.median(thinned(frames)))
    below = int(np.count_nonzero((frames < top) & (frames >= top - 0.02 * span)))
    return top if full or at_top > max(10, 2 * below) else None


def crops(plane: Floats, most: int, side: int = 256) -> list[tuple[slice, slice]]:
    """Windows of a plane that hold about `most` pixels in all: the whole plane, or parts of it from dark to bright."""
    height, width = plane.shape
    if height * width <= 1.2 * most:
        return [(slice(0, height), slice(0, width))]
    side = min(side, int(np.sqrt(most)))
    high, wide = min(side, height), min(side, width)
    windows = [
        (slice(y, y + high), slice(x, x + wide))
        for y in np.linspace(0, height - high, max(1, height // side)).astype(int)
        for x in np.linspace(0, width - wide, max(1, width // side)).astype(int)
    ]
    ranked = np.argsort([float(plane[window][::8, ::8].mean()) for window in windows], kind="stable")
    chosen = np.unique(np.linspace(0, len(windows) - 1, max(1, most // (high * wide))).round().astype(int))
    return [windows[i] for i in ranked[chosen]]


def has_jpeg_blocks(plane: Floats) -> bool:
    """Whether the differences across the borders of 8 × 8 blocks stand out, as lossy JPEG leaves them."""
    return all(_borders_stand_out(side) for side in (plane, plane.T))


def _borders_stand_out(plane: Floats) -> bool:
    if plane.shape[1] < 48:
        return False
    jumps = np.abs(np.diff(plane, axis=1)).astype(np.float64)
    excess = jumps[:, 1:-1] - 0.5 * (jumps[:, :-2] + jumps[:, 2:])
    columns = excess.mean(axis=0)
    phase = np.arange(len(columns)) % 8
    typical = np.array([np.median(columns[phase == i]) for i in range(8)])
    best = int(typical.argmax())
    rest = columns[(phase != best) & (phase != (best - 1) % 8) & (phase != (best + 1) % 8)]
    spread = 1.4826 * float(np.median(np.abs(rest - np.median(rest))))
    error = 1.25 * spread / np.sqrt(np.count_nonzero(phase == best)) + 1e-12
    return bool(typical[best] - np.median(rest) > 6 * error and typical[best] > 0.1 * jumps.mean())
