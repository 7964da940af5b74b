"""The one carrier of pixels, axes and microns."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from .errors import InputError

AXES = "TCZYX"
"""Every axis letter, in the order in which :class:`Image` keeps them: time, channel, z, y, x."""

AXES_HELP = f"a string over {AXES} with one letter per array axis, such as YX, TYX, ZYX or TCZYX"


@runtime_checkable
class ArrayLike(Protocol):
    """What the pipeline asks of pixel data: a NumPy array, or anything that reads lazily when indexed."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def ndim(self) -> int: ...
    def __getitem__(self, key: Any, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Channel:
    """One colour channel: its name, display colour and wavelengths, as far as they are known.

    Attributes
    ----------
    name : str or None
        Name shown to the user; treated as text everywhere, never as markup.
    color : tuple of int or None
        Display colour as (red, green, blue), 0 to 255.
    emission_nm, excitation_nm : float or None
        Wavelengths in nanometres.
    """

    name: str | None = None
    color: tuple[int, int, int] | None = None
    emission_nm: float | None = None
    excitation_nm: float | None = None


def _frozen(values: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return MappingProxyType(dict(values or {}))


@dataclass(frozen=True, eq=False)
class Image:
    """Pixels with their axes and physical sizes.

    Parameters
    ----------
    data : array
        NumPy array or lazily read array (``shape``, ``dtype``, ``ndim``, indexing); never written into.
    axes : str
        One letter per axis of `data`, a subset of ``TCZYX`` in that order, ending in ``YX``.
    spacing_um : mapping
        Pixel sizes in µm by axis, any of ``"x"``, ``"y"``, ``"z"``; a size that is not known is left out.
    interval_s : float, optional
        Time between frames in seconds.
    channels : sequence of Channel, optional
        One per plane of the C axis (one in all when there is no C); empty when nothing is known.
    meta : mapping, optional
        What else the file said. Keys in use: ``path``, ``format``, ``series``, ``series_count``, ``sha256``,
        ``numerical_aperture``, ``refractive_index``, ``modality`` (``channel_modalities`` where channels differ),
        ``pinhole_airy`` and ``pinhole_um`` (diameters, one or one for each channel), ``bits`` (significant bits),
        ``notes`` (sentences about what was lost or assumed while reading), ``provenance`` (a dict: how this image
        was made).

    Raises
    ------
    InputError
        If axes and shape disagree, a size is not positive, or an axis is empty.

    Examples
    --------
    >>> import numpy as np
    >>> image = Image(np.zeros((3, 64, 64), "uint16"), "TYX", {"x": 0.065, "y": 0.065})
    >>> image.sizes
    {'T': 3, 'Y': 64, 'X': 64}
    """

    data: ArrayLike
    axes: str
    spacing_um: Mapping[str, float] = field(default_factory=dict)
    interval_s: float | None = None
    channels: Sequence[Channel] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_axes(self.axes, self.data.shape)
        if list(self.axes) != sorted(self.axes, key=AXES.index):
            raise InputError(
                f"axes {self.axes!r} are not in the order {AXES}; use as_image(array, axes={self.axes!r}), "
                "which reorders them"
            )
        for name, size in self.spacing_um.items():
            if name not in ("x", "y", "z") or not (math.isfinite(size) and size > 0):
                raise InputError(f"spacing {name} = {size!r} µm: allowed are positive sizes in µm for x, y and z")
        count = self.sizes.get("C", 1)
        if len(self.channels) not in (0, count):
            raise InputError(
                f"{len(self.channels)} channel descriptions for {count} channels: give one for each, or none"
            )
        object.__setattr__(self, "spacing_um", _frozen(self.spacing_um))
        object.__setattr__(self, "channels", tuple(self.channels))
        object.__setattr__(self, "meta", _frozen(self.meta))

    def __getstate__(self) -> dict[str, Any]:  # for other processes: read-only mappings cannot be sent
        return {**self.__dict__, "spacing_um": dict(self.spacing_um), "meta": dict(self.meta)}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state, spacing_um=_frozen(state["spacing_um"]), meta=_frozen(state["meta"]))

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis, in the order of `axes`."""
        return tuple(int(n) for n in self.data.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored numbers."""
        return np.dtype(self.data.dtype)

    @property
    def sizes(self) -> dict[str, int]:
        """Length of each axis by its letter."""
        return dict(zip(self.axes, self.shape, strict=True))

    @property
    def pixel_size_um(self) -> float | None:
        """Lateral pixel size in µm (of x), or None when it is not known."""
        return self.spacing_um.get("x")

    def block(self, **index: int | slice) -> npt.NDArray[Any]:
        """Read part of the image: an index or slice by axis letter; axes that are not named are read whole.

        Examples
        --------
        >>> import numpy as np
        >>> Image(np.zeros((3, 2, 8, 8)), "TCYX").block(T=1, C=0).shape
        (8, 8)
        """
        unknown = set(index) - set(self.axes)
        if unknown:
            raise InputError(f"no axis {sorted(unknown)} in an image with axes {self.axes}")
        return np.asarray(self.data[tuple(index.get(axis, slice(None)) for axis in self.axes)])

    def replace(self, **changes: Any) -> Image:
        """Return a copy with some fields changed."""
        return replace(self, **changes)


def check_axes(axes: str, shape: Sequence[int]) -> None:
    """Raise InputError unless `axes` names each axis of `shape` once, with Y and X, and no axis is empty."""
    if not axes or len(set(axes)) != len(axes) or not set(axes) <= set(AXES) or not {"Y", "X"} <= set(axes):
        raise InputError(f"axes {axes!r}: allowed is {AXES_HELP}")
    if len(axes) != len(shape):
        raise InputError(f"axes {axes!r} name {len(axes)} axes, but the array has {len(shape)} (shape {tuple(shape)})")
    if 0 in shape:
        raise InputError(f"the image is empty: shape {tuple(shape)} for axes {axes}")


def _as_array(value: Any) -> ArrayLike:
    if isinstance(value, ArrayLike):
        return value
    if isinstance(value, str | os.PathLike):
        raise InputError(f"{os.fspath(value)!r} is not pixels: a file is opened by sparsescope.read(path)")
    try:
        return np.asarray(value)
    except ValueError:
        raise InputError("rows of different lengths are no image: give every row the same number of pixels") from None


def as_image(
    array: Any,
    axes: str | None = None,
    *,
    pixel_size_um: float | None = None,
    z_step_um: float | None = None,
    interval_s: float | None = None,
) -> Image:
    """Wrap an array as an Image; a two-axis array is ``YX``, any other must say its axes.

    Parameters
    ----------
    array : array_like
        Pixel values; a list is converted, a lazily read array is kept lazy.
    axes : str, optional
        Letter of each array axis in any order; the image is given the order ``TCZYX`` by a view.
    pixel_size_um, z_step_um : float, optional
        Lateral pixel size and distance of planes in µm.
    interval_s : float, optional
        Time between frames in seconds.

    Raises
    ------
    InputError
        If this is no array, or the axes are missing, unknown, or do not fit the shape.

    Examples
    --------
    >>> import numpy as np
    >>> as_image(np.zeros((5, 2, 8, 8)), axes="ZCYX", pixel_size_um=0.1).axes
    'CZYX'
    """
    data = _as_array(array)
    if axes is None:
        if data.ndim != 2:
            raise InputError(
                f"an array of shape {tuple(data.shape)} does not say what its axes are; give axes=…: {AXES_HELP}"
            )
        axes = "YX"
    letters = axes.upper()
    check_axes(letters, data.shape)
    order = sorted(range(len(letters)), key=lambda i: AXES.index(letters[i]))
    if order != list(range(len(letters))):
        if not hasattr(data, "__array_function__"):
            raise InputError(
                f"an array of type {type(data).__name__} cannot be reordered from {axes}: give it with its axes in the "
                f"order {AXES}, or as a dask array"
            )
        data = np.transpose(data, order)  # type: ignore[call-overload]  # dispatches to dask arrays as well
        letters = "".join(letters[i] for i in order)
    spacing = {} if pixel_size_um is None else {"x": pixel_size_um, "y": pixel_size_um}
    if z_step_um is not None:
        spacing["z"] = z_step_um
    return Image(data, letters, spacing, interval_s)
