"""A PSF that the user gives: an array or an image file becomes a `Psf`, or is refused with the remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import fft

from ..errors import RecipeError
from ..image import Image
from .measured_resample import resampled
from .measured_shape import cropped
from .measured_volume import AXES, one_volume
from .psf import Psf
from .width import line_fwhm_px

Doubles = npt.NDArray[np.float64]

ROUNDING: Final = 1e-6
"""Negative light up to this part is rounding …"""
NEGATIVE: Final = 1e-3
"""… up to this it is cut with a note, and beyond the PSF still has its background or its noise."""
FLAT: Final = 0.25
"""Part of the light in a level under a PSF from which it is a background."""
STANDS: Final = 10.0
"""A PSF under which a background is looked for is so many times higher than it; a box is not."""
OFF: Final = 0.5
"""Voxels between the centre and the middle from which on a PSF is moved …"""
FINE: Final = 0.05
"""… and then to within so many, where it is wide enough to be moved by parts of a voxel."""
SAMPLED: Final = 2.0
NOTHING: Final = 1e-3
"""Part of the light in outer voxels that may be trimmed where a PSF is larger than the image."""

Spacing = float | Sequence[float] | Mapping[str, float]


def as_psf(
    given: Any,
    spacing_um: Spacing | None = None,
    image_spacing_um: Mapping[str, float] | None = None,
    *,
    ndim: int | None = None,
    image_shape: Sequence[int] | None = None,
    source: str = "given as an array",
) -> Psf:
    """Turn what a user gives as a PSF into one that fits an image.

    Parameters
    ----------
    given : Psf, Image or array_like
        Shape (Y, X) or (Z, Y, X); background removed, any scale. An array of even length or off its centre is moved
        to the middle of an odd one, with a note. Not written into.
    spacing_um : float, sequence or mapping, optional
        Its voxel sizes in µm: one number for all axes, one per axis in their order, or by letter (``"x"``, ``"y"``,
        ``"z"``; y is that of x where it is left out). Without it an array has the voxels of the image, and a `Psf` or
        an `Image` the sizes it says.
    image_spacing_um : mapping, optional
        Voxel sizes of the image in µm by letter; where they differ, the PSF is resampled to them.
    ndim : int, optional
        Number of axes that the PSF must have: 2 for planes, 3 for stacks.
    image_shape : sequence of int, optional
        Lengths of the image along the PSF's axes; along y and x the PSF must not be larger.
    source : str
        Where an array came from, in words for the user.

    Returns
    -------
    Psf
        Centred, odd, not negative, sum 1; its notes say what was changed.

    Raises
    ------
    RecipeError
        If this is no PSF, does not fit the image, or its sizes make no sense; the text says what to do.

    Examples
    --------
    >>> spot = np.outer([1, 2, 2, 1], [1, 2, 1])
    >>> psf = as_psf(spot)
    >>> psf.data.shape, psf.notes[0]
    ((5, 3), 'the PSF has an even number of voxels along y: ...')
    """
    values, sizes, about, notes = _opened(given, source)
    values = _checked(values)
    values, notes = _without_negative(values, notes)
    values = _fitting_axes(values, ndim)
    if spacing_um is not None:
        sizes = _sizes(spacing_um, values.ndim)
    _refuse_background(values)
    values, moved = centred(values)
    psf = Psf(
        values.astype(np.float32),
        {axis: sizes[axis] for axis in AXES[-values.ndim :] if axis in sizes},
        about,
        (*notes, *moved),
    )
    if psf.spacing_um and image_spacing_um is not None:
        psf = resampled(psf, image_spacing_um)
    return psf if image_shape is None else fitting(psf, image_shape)


def _opened(given: Any, source: str) -> tuple[Any, Mapping[str, float], str, tuple[str, ...]]:
    """Values, voxel sizes, source and notes of what was given."""
    if isinstance(given, Psf):
        return given.data, given.spacing_um, given.source, given.notes
    if isinstance(given, Image):
        values, sizes = one_volume(given, None, "the PSF")
        return values, sizes, source, ()
    if isinstance(given, str | bytes) or hasattr(given, "__fspath__"):
        raise RecipeError(f"psf = {str(given)!r} is the name of a file: open it by read_psf(path)")
    return given, {}, source, ()


def _checked(given: Any) -> Doubles:
    """Return the values in double precision; refuse what is no array of finite numbers."""
    try:
        array = np.asarray(given)
    except ValueError:
        raise RecipeError("the PSF's rows have different lengths: give an array of two or three axes") from None
    if array.dtype.kind not in "uif":
        raise RecipeError(f"a PSF of {array.dtype} values: allowed are real numbers")
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise RecipeError(f"a PSF of shape {array.shape}: allowed are two axes (Y, X) or three (Z, Y, X)")
    values = array.astype(np.float64)
    if not np.isfinite(values).all():
        count = int(values.size - np.isfinite(values).sum())
        raise RecipeError(
            f"the PSF holds {count} NaN or infinite values: replace them (np.nan_to_num), or distil the PSF again"
        )
    if not values.max() > 0:
        raise RecipeError("the PSF is empty: no value is above zero")
    return values


def _without_negative(values: Doubles, notes: tuple[str, ...]) -> tuple[Doubles, tuple[str, ...]]:
    part = float(-values[values < 0].sum() / values[values > 0].sum())
    if part > NEGATIVE:
        raise RecipeError(
            f"the PSF has negative values (least {values.min():.3g}, {100 * part:.2g} % of its light): light is not "
            "negative. Cut them, np.maximum(psf, 0), where they are ringing; make the PSF by sparsescope psf distil "
            "where they are noise around a subtracted background"
        )
    said = (f"negative values were cut: {100 * part:.2g} % of the light",) if part > ROUNDING else ()
    return np.maximum(values, 0), (*notes, *said)


def _fitting_axes(values: Doubles, ndim: int | None) -> Doubles:
    """Refuse a PSF of the wrong number of axes; an axis of length 1 in front is none."""
    if ndim == 2 and values.ndim == 3 and values.shape[0] == 1:
        return np.asarray(values[0])
    if ndim == 3 and values.ndim == 2:
        raise RecipeError(
            f"the PSF has two axes (shape {values.shape}) and the stack has z: give one of three axes (Z, Y, X), "
            "such as sparsescope psf makes, or deconvolve plane by plane"
        )
    if ndim == 2 and values.ndim == 3:
        raise RecipeError(
            f"the PSF has three axes (shape {values.shape}) and the image has no z: give its plane in focus, "
            f"psf[{values.shape[0] // 2}] where that is the middle one"
        )
    return values


def _sizes(spacing: Spacing, ndim: int) -> dict[str, float]:
    """Voxel sizes by axis letter."""
    axes = AXES[-ndim:]
    if isinstance(spacing, Mapping):
        found = dict(spacing)
        if "y" not in found and "x" in found:
            found["y"] = found["x"]
    elif isinstance(spacing, Sequence | np.ndarray):
        if len(spacing) != ndim:
            raise RecipeError(
                f"psf_spacing_um has {len(spacing)} numbers for a PSF of {ndim} axes: give one per axis "
                f"({', '.join(axes)}), one for all, or by letter"
            )
        found = dict(zip(axes, spacing, strict=True))
    else:
        found = dict.fromkeys(axes, spacing)
    missing = [axis for axis in axes if axis not in found]
    if missing:
        raise RecipeError(f"psf_spacing_um says nothing of {', '.join(missing)}: give {', '.join(axes)}, in µm")
    for axis in axes:
        value = found[axis]
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not number or not 0 < value < np.inf:
            raise RecipeError(f"psf_spacing_um, {axis} = {value!r} is not allowed: a number above 0, in µm")
    return {axis: float(found[axis]) for axis in axes}


def _refuse_background(values: Doubles) -> None:
    """Refuse an image of a bead that still has its background."""
    edge = np.ones(values.shape, bool)
    edge[tuple(slice(1, -1) for _ in values.shape)] = False
    level = float(np.percentile(values[edge], 20))
    part = level * values.size / float(values.sum())
    if level > 0 and values.max() > STANDS * level and part > FLAT:
        raise RecipeError(
            f"the PSF stands on a background: {level:.3g} at its border, {100 * part:.2g} % of its light, which would "
            "blur everything with everything. Make it by sparsescope psf distil, which subtracts it"
        )


def centred(values: Doubles) -> tuple[Doubles, tuple[str, ...]]:
    """Return a PSF on odd lengths, its centre at the middle voxel, and notes of what was done.

    The centre is the centroid of all above half of the maximum. An array of odd lengths that is off by half a voxel or
    less is left as it is: the offset of an asymmetric PSF may be meant. Zeros are added where the array has to grow.
    """
    axes = AXES[-values.ndim :]
    centre = np.array(_centre(values))
    off = centre - (np.array(values.shape) - 1) / 2
    even = [axis for axis, n in zip(axes, values.shape, strict=True) if n % 2 == 0]
    if not even and np.abs(off).max() <= OFF + 1e-6:
        return values, ()
    nearest = np.round(centre).astype(int)
    pads = []
    for n, at in zip(values.shape, nearest, strict=True):
        reach = max(int(at), n - 1 - int(at))
        pads.append((reach - int(at), reach - (n - 1 - int(at))))
    found = np.pad(values, pads)
    rest = centre - nearest
    shifts = [float(r) if abs(r) > FINE and _width(found, axis) >= SAMPLED else 0.0 for axis, r in enumerate(rest)]
    if any(shifts):
        found = np.maximum(_moved(found, shifts), 0)
    left = float(np.abs(rest - shifts).max())
    notes = []
    if even:
        notes.append(
            f"the PSF has an even number of voxels along {', '.join(even)}: zeros were added around its centre"
        )
    if np.abs(off).max() > OFF:
        said = ", ".join(f"{axis} {shift:+.3g}" for axis, shift in zip(axes, off, strict=True))
        notes.append(f"the PSF was off its middle ({said} voxels) and was centred")
    if left > FINE:
        notes.append(
            f"its centre stays {left:.2g} voxels off a voxel's (too narrow to be moved by less than one): the result "
            "is shifted by that"
        )
    return cropped(found), tuple(notes)


def _centre(values: Doubles) -> list[float]:
    high = np.where(values > values.max() / 2, values, 0)
    return [
        float((high.sum(tuple(a for a in range(values.ndim) if a != axis)) * np.arange(n)).sum() / high.sum())
        for axis, n in enumerate(values.shape)
    ]


def _width(values: Doubles, axis: int) -> float:
    peak = np.unravel_index(int(values.argmax()), values.shape)
    line = values[tuple(slice(None) if i == axis else peak[i] for i in range(values.ndim))]
    width = line_fwhm_px(np.pad(line, 2), int(peak[axis]) + 2)
    return 0.0 if width is None else width


def _moved(values: Doubles, offset: Sequence[float]) -> Doubles:
    """Move what lies at `offset` from the middle to it, by the shift theorem."""
    size = [n + 8 for n in values.shape]
    size = [n + 1 - n % 2 for n in size]  # odd: no Nyquist frequency
    spectrum = fft.fftn(values, size)
    for axis, shift in enumerate(offset):
        phase = np.exp(2j * np.pi * fft.fftfreq(size[axis]) * shift)
        spectrum = spectrum * np.expand_dims(phase, [a for a in range(values.ndim) if a != axis])
    return np.asarray(fft.ifftn(spectrum).real[tuple(slice(0, n) for n in values.shape)])


def fitting(psf: Psf, image_shape: Sequence[int]) -> Psf:
    """Return a PSF no larger than the image in y and x: outer pixels that hold nothing are trimmed, else it is refused.

    Along z a PSF may be longer than the stack: light from planes beyond it falls into it too.
    """
    axes = AXES[-psf.ndim :]
    if len(image_shape) != psf.ndim:
        raise RecipeError(f"an image of {len(image_shape)} axes for a PSF of {psf.ndim}: give as many")
    room = [n if axis == "z" else most for axis, n, most in zip(axes, psf.data.shape, image_shape, strict=True)]
    large = [axis for axis, n, most in zip(axes, psf.data.shape, room, strict=True) if n > most]
    if not large:
        return psf
    most = [min(n, m - 1 + m % 2) for n, m in zip(psf.data.shape, room, strict=True)]
    part = tuple(slice((n - m) // 2, (n + m) // 2) for n, m in zip(psf.data.shape, most, strict=True))
    kept = float(psf.data[part].sum(dtype=np.float64))
    if 1 - kept <= NOTHING:
        note = (
            f"trimmed to the image's size along {', '.join(large)}; {100 * (1 - kept):.1g} % of its light lay outside"
        )
        return psf.replace(data=psf.data[part], notes=(*psf.notes, note))
    crop = ", ".join(f"{p.start}:{p.stop}" for p in part)
    raise RecipeError(
        f"the PSF is larger than the image along {', '.join(large)} ({_times(psf.data.shape)} and "
        f"{_times(image_shape)} voxels): take a larger part of the image, or crop the PSF around its middle, "
        f"psf[{crop}], which keeps {100 * kept:.3g} % of its light"
    )


def _times(shape: Sequence[int]) -> str:
    return " × ".join(str(int(n)) for n in shape)
