"""From computed values to the numbers of a file: rounding, factor and clipping, each of them said."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import OutputError
from ..image import Image

DTYPES = ("float32", "float64", "uint8", "int8", "uint16", "int16", "uint32", "int32")
"""Types of numbers that can be written."""

_COARSE = 255
"""A maximum below this loses visible detail by rounding to whole numbers, so values are stretched."""

_LEAST = 1e-30
"""A maximum below this is rounding error and is not stretched."""


@dataclass(frozen=True)
class Encoding:
    """How values become numbers of a file: ``round(value * factor)`` for integers, limited to the type's range."""

    dtype: np.dtype[Any]
    factor: float = 1.0
    clipped: int = 0
    notes: tuple[str, ...] = ()

    def __call__(self, plane: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Convert one plane; raise OutputError if it holds values that the type cannot."""
        if self.dtype.kind == "f":
            with np.errstate(over="ignore"):
                out = np.asarray(plane, dtype=self.dtype)
            _check_finite(out, f" as {self.dtype}")
            return out
        if plane.dtype == self.dtype and self.factor == 1:
            return plane
        limits = np.iinfo(self.dtype)
        return np.clip(np.rint(plane * np.float64(self.factor)), limits.min, limits.max).astype(self.dtype)

    def provenance(self) -> dict[str, Any]:
        """Return what a reader needs to get the values back; empty for floating point."""
        if self.dtype.kind == "f":
            return {}
        return {"dtype": self.dtype.name, "factor": self.factor, "clipped": self.clipped}

    def noted(self, image: Image) -> dict[str, Any]:
        """Return the provenance of an image with this encoding added as ``output``."""
        made = dict(image.meta.get("provenance") or {})
        return made | {"output": self.provenance()} if self.provenance() else made


def planes(image: Image) -> Iterator[npt.NDArray[Any]]:
    """Yield the YX planes of an image in the order of its axes, read one by one."""
    for index in np.ndindex(image.shape[:-2]):
        yield np.asarray(image.data[index])


def choose(image: Image, dtype: str | np.dtype[Any]) -> Encoding:
    """Choose factor and range for writing an image as `dtype`; integers take one pass over the values.

    For integers the factor is 1 where the values fit and whole numbers resolve them: those of an integer image, or a
    maximum of at least 255. Otherwise values are multiplied by limit / maximum. Negative values become 0 in
    unsigned types.

    Raises
    ------
    OutputError
        If the type cannot be written, or values are NaN or infinite.
    """
    try:
        target = np.dtype(dtype)
    except TypeError:
        target = np.dtype(object)
    if target.name not in DTYPES:
        raise OutputError(f"dtype {dtype!r} cannot be written: allowed are {', '.join(DTYPES)}")
    if image.dtype.kind not in "buif":
        raise OutputError(
            f"values of type {image.dtype} cannot be written: take their real part or absolute value first"
        )
    if target.kind == "f":
        return Encoding(target)
    low, high, negative = _range(image)
    limits = np.iinfo(target)
    signed = limits.min < 0
    fits = high < limits.max + 0.5 and (low >= limits.min - 0.5 or not signed)
    peak = max(high, -low) if signed else high
    fine = peak >= _COARSE or image.dtype.kind in "bui" or peak <= 0
    factor = 1.0 if (fits and fine) or peak < _LEAST else limits.max / peak
    clipped = 0 if signed else negative
    notes = []
    if factor != 1:
        notes.append(
            f"values were multiplied by {factor:.6g} to fit the range of {target.name}; divide by it to get them back"
        )
    if clipped:
        total = math.prod(image.shape)
        notes.append(
            f"{clipped} of {total} values ({100 * clipped / total:.2g} %) were negative and became 0: "
            f"{target.name} has no sign"
        )
    return Encoding(target, factor, clipped, tuple(notes))


def _range(image: Image) -> tuple[float, float, int]:
    """Return minimum, maximum and the number of negative values."""
    low, high, negative = math.inf, -math.inf, 0
    for plane in planes(image):
        _check_finite(plane)
        low, high = min(low, float(plane.min())), max(high, float(plane.max()))
        negative += int(np.count_nonzero(plane < 0))
    return low, high, negative


def _check_finite(plane: npt.NDArray[Any], how: str = "") -> None:
    if plane.dtype.kind == "f" and not np.isfinite(plane).all():
        count = plane.size - int(np.count_nonzero(np.isfinite(plane)))
        raise OutputError(
            f"{count} values of a plane are NaN or infinite{how}: such an image is not written; replace them first"
        )
