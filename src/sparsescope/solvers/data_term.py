"""What the data say about an object: image formation, the pixels that count, and how well each voxel is seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ..engines import Float32Array, Imaging
from ..engines.parts import Part, Stored
from ..engines.windowed import Windowed

Mask = npt.NDArray[np.bool_]

LEAST_SEEN = 0.01
"""Part of an object voxel's light that must fall on data that count for them to change it."""

ROUNDING = 1e-5
"""Relative difference of a sensitivity from its value far from borders that is taken for none."""


class DataTerm:
    """Data on a field, compared with the image of an object on a larger domain, and only where the mask is set.

    Light from beyond the field is part of the model, not a periodic or mirrored fiction: the object lives where the
    data see it, ``Hᵀm ≥ 0.01 g`` with g its value far from borders (Bertero & Boccacci, Astron. Astrophys. 437, 369,
    2005). Voxels that are seen less, far beyond the field or among many masked data, are held at the first estimate.

    Parameters
    ----------
    imaging : Imaging
        H.
    mask : array of bool, shape of the data, optional
        Where data count; dead and saturated pixels are left out. All count when it is left out.

    Attributes
    ----------
    weights : array, shape of the object, or None
        1 / Hᵀm, and 0 for voxels that are held; None where Hᵀm = 1 everywhere.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsescope.engines import pick
    >>> line = np.array([0.25, 0.5, 0.25], np.float32)
    >>> term = DataTerm(pick("numpy").imaging((line, line), (3, 4)))
    >>> term.weights.shape, term.weights[2].astype(float).round(2).tolist()
    ((5, 6), [4.0, 1.33, 1.0, 1.0, 1.33, 4.0])
    """

    def __init__(self, imaging: Imaging, mask: Mask | None = None) -> None:
        self.imaging: Imaging | Windowed = imaging
        self.mask: Stored | None = mask
        self.weights: Stored | None = None
        counted = np.ones(imaging.data_shape, np.float32) if mask is None else mask.astype(np.float32)
        seen = imaging.adjoint(counted)
        if imaging.gain == 1 and float(seen.min()) >= 1 - ROUNDING:
            return
        self.weights = step_weights(seen, imaging.gain)

    def start(self, data: Stored, background: Stored | None, given: Stored | None, least: float) -> Stored:
        """Return what iterations start from, on the whole domain and at least `least`: given, or the data less b."""
        x = self.first(np.asarray(self.net(data, background) if given is None else given))
        np.maximum(x, np.float32(least), out=x)
        return x

    def net(self, data: Stored, background: Stored | None) -> Stored:
        """Return the data less the background."""
        return data if background is None else np.asarray(data) - np.asarray(background)

    def zeros(self, shape: tuple[int, ...]) -> Stored:
        """Return an array for the state."""
        return np.zeros(shape, np.float32)

    def apart(self, array: Stored) -> Any:
        """Return a copy of an array of the state, for the result."""
        return np.array(array)

    def parts(self) -> Iterator[Part]:
        """Cut the object into what is worked on at once where that is done voxel by voxel."""
        yield slice(0, self.imaging.object_shape[0])

    def first(self, inside: Float32Array) -> Float32Array:
        """Continue an estimate, given on the data's pixels or on the object's field, by its border values.

        Data pixels are repeated on a finer grid. Of zero, the mean, mirror images and back-projections beyond the field
        this start came nearest to what known surroundings give.
        """
        imaging = self.imaging
        for axis, part in enumerate(imaging.field):
            times = (part.stop - part.start) // inside.shape[axis]
            inside = inside if times == 1 else inside.repeat(times, axis)
        sides = [(part.start, n - part.stop) for part, n in zip(imaging.field, imaging.object_shape, strict=True)]
        return np.pad(inside, sides, mode="edge").astype(np.float32, copy=False)

    def explained(self, x: Float32Array) -> float:
        """Return the light of an object that falls on the pixels that count, Σ m H x, in float64."""
        assert not isinstance(self.imaging, Windowed)
        expected = self.imaging.forward(x)
        if self.mask is not None:
            expected *= np.asarray(self.mask)
        return float(expected.sum(dtype=np.float64))


def step_weights(seen: Float32Array, gain: float) -> Float32Array:
    """Return 1 / Hᵀm, 0 for voxels that are held; Hᵀm is written into."""
    few = seen < LEAST_SEEN * gain
    with np.errstate(divide="ignore"):
        np.reciprocal(seen, out=seen)
    seen[few] = 0
    return seen
