"""What the measurements of noise share: frames as floats, and the step between two neighbouring grey values."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError

Floats = npt.NDArray[np.floating]


def as_frames(data: npt.NDArray[Any]) -> Floats:
    """Return a plane or stack as a stack of frames in floats; the input is not written into.

    Raises
    ------
    InputError
        If the array has not two or three axes, is empty or has values that are not finite.
    """
    array = np.asarray(data)
    if array.ndim not in (2, 3) or array.size == 0:
        raise InputError(
            f"noise is measured on a plane (Y, X) or a stack (T or Z, Y, X), not on shape {array.shape}; "
            "pass one channel, and one time point of a stack, at a time"
        )
    if array.dtype.kind not in "buif":
        raise InputError(f"noise is measured on real numbers, not on {array.dtype}; convert the array first")
    wide = np.float64 if array.dtype.itemsize > 2 and array.dtype != np.float32 else np.float32
    frames: Floats = array.reshape((-1, *array.shape[-2:])).astype(wide, copy=False)
    if not np.isfinite(frames).all():
        raise InputError("the image has values that are not finite (NaN or infinite); replace them first")
    return frames


def quantisation_step(frames: Floats) -> float:
    """Step between neighbouring grey values (1 for raw counts, also when stored as floats); 0 where there is none."""
    values = frames[0].ravel()
    levels = np.unique(values[:: max(1, values.size // 65536)])
    if len(levels) < 3 or len(levels) > values.size // 4:
        return 0.0
    gaps = np.diff(levels.astype(np.float64))
    step = float(gaps.min())
    multiples = gaps / step
    return step if np.abs(multiples - np.round(multiples)).max() < 0.02 else 0.0
