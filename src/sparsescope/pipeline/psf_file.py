"""A PSF in an image file: read with its sizes and its story, and written with them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .._version import __version__
from ..errors import InputError
from ..image import Channel, Image
from ..io import read, write
from ..optics.measured_given import as_psf
from ..optics.measured_volume import AXES, one_volume
from ..optics.psf import Psf


def read_psf(
    path: str | os.PathLike[str],
    *,
    channel: int | None = None,
    axes: str | None = None,
    pixel_size_um: float | None = None,
    z_step_um: float | None = None,
    series: int | None = None,
) -> Psf:
    """Read a PSF from an image file.

    Parameters
    ----------
    path : path-like
        A file that :func:`sparsescope.read` opens, one plane or one stack; its background removed. An array of even
        length, or off its centre, is centred with a note.
    channel : int, optional
        Which channel, from 0; needed where there are several.
    axes : str, optional
        What the stored axes are; of three axes that the file does not name, the first is taken as z.
    pixel_size_um, z_step_um : float, optional
        Voxel sizes in µm; win over the file. Where no size is known, the PSF has the voxels of the image it is used on.
    series : int, optional
        Which image of a file that holds several, from 0.

    Returns
    -------
    Psf
        With the source and the notes that :func:`write_psf` wrote.

    Raises
    ------
    InputError
        If the file cannot be read, or has a time axis.
    RecipeError
        If it holds no PSF (negative, with a background, …), or a channel must be chosen.

    Examples
    --------
    >>> import tempfile
    >>> from sparsescope.optics.gaussian import gaussian_psf
    >>> path = tempfile.mkdtemp() + "/psf.ome.tif"
    >>> _ = write_psf(path, Psf(gaussian_psf(3.0), {"x": 0.065, "y": 0.065}, "a Gaussian"))
    >>> read_psf(path).source
    'a Gaussian'
    """
    image = read_stack(path, axes=axes, pixel_size_um=pixel_size_um, z_step_um=z_step_um, series=series)
    return psf_of(image, channel)


def psf_of(image: Image, channel: int | None = None) -> Psf:
    """Return the PSF that an image holds, with the source and the notes that it tells."""
    values, sizes = one_volume(image, channel, "the PSF")
    told = image.meta.get("provenance") or {}
    source = told.get("psf_source") if isinstance(told, Mapping) else None
    name = Path(str(image.meta.get("path", "an image"))).name
    psf = as_psf(values, source=str(source) if source else f"read from {name}")
    notes = told.get("notes") if source else None
    before = tuple(map(str, notes)) if isinstance(notes, list) else tuple(image.meta.get("notes", ()))
    return psf.replace(spacing_um=sizes, notes=tuple(dict.fromkeys([*before, *psf.notes])))


def read_stack(path: str | os.PathLike[str], *, axes: str | None = None, **how: Any) -> Image:
    """Read an image in which three axes without names are a stack: neither a PSF nor a bead has time."""
    try:
        return read(path, axes=axes, **how)
    except InputError:
        if axes is not None:
            raise
        try:
            image = read(path, axes="ZYX", **how)
        except InputError:
            pass
        else:
            told = "the file does not name its three axes: the first was taken as z"
            return image.replace(meta={**image.meta, "notes": (*image.meta.get("notes", ()), told)})
        raise


def write_psf(
    path: str | os.PathLike[str],
    psf: Psf,
    *,
    overwrite: bool = False,
    made_from: Mapping[str, Any] | None = None,
    optics: Mapping[str, Any] | None = None,
    channel: Channel | None = None,
) -> list[str]:
    """Write a PSF as OME-TIFF, float32, with its voxel sizes, where it came from and what to know about it.

    Parameters
    ----------
    path : path-like
        See :func:`sparsescope.write`.
    psf : Psf
        Its values are written as they are, with sum 1.
    overwrite : bool
        Replace an existing file.
    made_from : mapping, optional
        What else is to be recorded: text, numbers, lists and dicts of these.
    optics : mapping, optional
        ``numerical_aperture``, ``refractive_index`` and ``modality`` for the file's metadata.
    channel : Channel, optional
        Its wavelengths.

    Returns
    -------
    list of str
        Sentences about what was changed in writing; empty.

    Raises
    ------
    OutputError
        If the file exists, or cannot be written.
    """
    story = {
        "software": "sparsescope",
        "version": __version__,
        "psf_source": psf.source,
        "notes": list(psf.notes),
        **(made_from or {}),
    }
    known = {key: value for key, value in (optics or {}).items() if value is not None}
    image = Image(
        np.asarray(psf.data),
        AXES[-psf.ndim :].upper(),
        dict(psf.spacing_um),
        channels=() if channel is None else (channel,),
        meta={**known, "provenance": story},
    )
    return write(path, image, overwrite=overwrite)
