"""The one carrier of a point-spread function: its voxels, their sizes, and where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import RecipeError

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Psf:
    """A point-spread function on voxels, ready to convolve with.

    Parameters
    ----------
    data : array_like, shape (Y, X) or (Z, Y, X)
        Odd lengths, the emitter at the middle voxel, not negative; scaled to a sum of 1 in float32.
    spacing_um : mapping
        Voxel sizes in µm by axis, ``"x"``, ``"y"`` and for a volume ``"z"``; empty where they are those of the image.
    source : str
        Where it came from, in words for the user.
    notes : tuple of str
        What the user should know about it.

    Raises
    ------
    RecipeError
        If the array has another number of axes, an even length, a value that is negative or not finite, or no light.

    Examples
    --------
    >>> import numpy as np
    >>> psf = Psf(np.full((1, 3), 2.0), {"x": 0.1, "y": 0.1}, "made up")
    >>> psf.data.tolist(), psf.ndim
    ([[0.333..., 0.333..., 0.333...]], 2)
    """

    data: Floats
    spacing_um: Mapping[str, float] = field(default_factory=dict)
    source: str = "given as an array"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        values = np.asarray(self.data)
        if values.dtype != np.float32:  # large computed PSFs come in float32: no copy in double precision
            values = values.astype(np.float64)
        if values.ndim not in (2, 3):
            raise RecipeError(
                f"a PSF of {values.ndim} axes (shape {values.shape}): allowed are two (Y, X) or three (Z, Y, X)"
            )
        if not np.isfinite(values).all():
            raise RecipeError("the PSF holds NaN or infinite values: replace them, or distil it again from its beads")
        if (values < 0).any():
            raise RecipeError(
                f"the PSF has negative values (least {values.min():.3g}): subtract its background and cut at zero first"
            )
        if any(n % 2 == 0 for n in values.shape):
            raise RecipeError(
                f"the PSF has an even number of voxels along an axis (shape {values.shape}): a PSF has a middle voxel; "
                "sparsescope psf centres and crops it"
            )
        total = values.sum(dtype=np.float64)
        if total <= 0:
            raise RecipeError("the PSF is empty: all its values are zero")
        object.__setattr__(self, "data", (values / values.dtype.type(total)).astype(np.float32, copy=False))
        object.__setattr__(self, "spacing_um", MappingProxyType(dict(self.spacing_um)))

    def __getstate__(self) -> dict[str, Any]:  # for other processes: a read-only mapping cannot be sent
        return {**self.__dict__, "spacing_um": dict(self.spacing_um)}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state, spacing_um=MappingProxyType(state["spacing_um"]))  # not scaled again

    @property
    def ndim(self) -> int:
        """Number of axes, 2 or 3."""
        return self.data.ndim

    def replace(self, **changes: Any) -> Psf:
        """Return a copy with some fields changed."""
        return replace(self, **changes)
