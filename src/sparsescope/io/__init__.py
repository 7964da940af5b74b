"""Image files in and out: a table of formats, each in a file of its own that is loaded when it is met."""

from __future__ import annotations

import glob
import hashlib
import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..errors import InputError, OutputError
from ..image import Image
from .facts import positive


@dataclass(frozen=True)
class Format:
    """One file format: how it is recognised and which module knows it.

    Attributes
    ----------
    name : str
        Name for messages.
    suffixes : tuple of str
        Ends of file names, lower case.
    magic : tuple of bytes
        What the content holds at `offset`; the content decides, not the name. Empty for folders.
    module : str
        Module of this package with ``read(path, *, axes, series, lazy)`` and ``read_provenance(path)``.
    offset : int
        Place of the magic in the content.
    """

    name: str
    suffixes: tuple[str, ...]
    magic: tuple[bytes, ...]
    module: str
    offset: int = 0


FORMATS = (
    Format("TIFF", (".tif", ".tiff", ".lsm", ".btf", ".tf8"), (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "tiff"),
    Format("OME-Zarr", (".zarr",), (), "zarr_read"),
    Format("Nikon ND2", (".nd2",), (b"\xda\xce\xbe\x0a",), "nd2_file"),
    Format("Zeiss CZI", (".czi",), (b"ZISRAWFILE",), "czi"),
    Format("Leica LIF", (".lif", ".lof"), (b"\x70\x00\x00\x00",), "lif"),
    Format("Olympus OIB/OIF", (".oib", ".oif"), (b"\xd0\xcf\x11\xe0", b"\xff\xfe[\0"), "oif"),
    Format("MRC", (".mrc", ".mrcs", ".ccp4"), (b"MAP ",), "mrc", offset=208),
)
"""Every format that is read; to add one, add its line and its module."""

FOLDER = Format("TIFF series", (), (), "tiff_series")
"""What a folder that is no Zarr store, or a pattern, is read as."""

STORE = FORMATS[1]

_FOREIGN = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"BM": "a bitmap picture",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"\x89HDF": "an HDF5 file (Imaris, BigDataViewer or similar)",
    b"\x00\x00\x00\x0cjP  ": "an old Nikon ND2 file (JPEG 2000)",
    b"\x93NUMPY": "a NumPy file",
}

WRITERS = {
    "ome-tiff": ("tiff", "write", ".ome.tif"),
    "imagej": ("imagej", "write", ".tif"),
    "ome-zarr": ("zarr_write", "write", ".ome.zarr"),
    "ome-zarr-0.4": ("zarr_write", "write_04", ".ome.zarr"),
}
"""Each format that is written: module, function ``(path, image, *, dtype, overwrite)``, and the ending it gets."""


def supported() -> tuple[str, ...]:
    """Return the file name endings that can be read, lower case.

    Examples
    --------
    >>> ".lsm" in supported()
    True
    """
    return tuple(suffix for one in FORMATS for suffix in one.suffixes)


def read(
    path: str | os.PathLike[str],
    *,
    axes: str | None = None,
    pixel_size_um: float | None = None,
    z_step_um: float | None = None,
    interval_s: float | None = None,
    series: int | None = None,
    lazy: bool | Literal["auto"] = "auto",
) -> Image:
    """Read an image file with its axes and sizes.

    Parameters
    ----------
    path : path-like
        A TIFF, OME-TIFF, ImageJ hyperstack, LSM, ND2, CZI, LIF, OIB, OIF or MRC file, the folder of an OME-Zarr image,
        or a folder or pattern (``"cells/a_t*_z*.tif"``) of TIFF files with one plane each, joined by the numbers in
        their names.
    axes : str, optional
        What the stored axes are, one letter of ``TCZYX`` each, such as ``"TYX"``; wins over the file. Needed where the
        file does not say it. With ``C``, the samples of an RGB image become channels.
    pixel_size_um, z_step_um, interval_s : float, optional
        Pixel size in x and y, distance of planes (µm) and time between frames (s); win over the file.
    series : int, optional
        Which image of a file that holds several, from 0: scenes, positions, tiles, phases and angles count one by one.
        Without it, such a file is refused with a list of them; of a TIFF file the largest is read (the first of
        equals), and a note names the others. Previews and the smaller levels of a pyramid do not count.
    lazy : bool or "auto"
        Read planes only when they are indexed (a dask array, one chunk per plane); ``"auto"`` does so above 256 MB.

    Returns
    -------
    Image
        Axes in the order ``TCZYX``, native byte order. Lengths of 1 that the file only pads with are left out.
        ``meta`` holds ``path``, ``format``, ``series``, ``series_count``, ``notes`` (sentences about what was lost or
        assumed), ``given`` (names of the arguments that replaced what the file says), ``sha256`` (of the file; only
        when it was read at once) and, where the file tells them, ``numerical_aperture``, ``refractive_index``,
        ``modality`` (OME AcquisitionMode), ``pinhole_airy`` or ``pinhole_um``, ``bits`` and ``provenance``.

    Raises
    ------
    InputError
        If the file is missing, damaged, cut off, not an image, of unknown axes, RGB, boolean or complex; the text says
        what to do. Also on later indexing of a lazily read image.

    Notes
    -----
    A file that claims more than 256 MB of pixels from less than a thousandth of that is refused (a decompression bomb).

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from sparsescope.image import as_image
    >>> path = tempfile.mkdtemp() + "/movie.ome.tif"
    >>> write(path, as_image(np.zeros((3, 8, 8)), axes="TYX", pixel_size_um=0.065, interval_s=0.5))
    []
    >>> image = read(path)
    >>> image.axes, image.pixel_size_um, image.interval_s
    ('TYX', 0.065, 0.5)
    """
    numbers = {"pixel_size_um": pixel_size_um, "z_step_um": z_step_um, "interval_s": interval_s}
    _check_arguments(numbers, lazy)
    file = _existing(path)
    module = importlib.import_module(f"{__name__}.{_recognise(file).module}")
    image: Image = module.read(file, axes=axes, series=series, lazy=lazy)
    spacing = dict(image.spacing_um)
    if pixel_size_um is not None:
        spacing |= {"x": float(pixel_size_um), "y": float(pixel_size_um)}
    if z_step_um is not None:
        spacing["z"] = float(z_step_um)
    given = {"axes": axes, **numbers}
    meta = {**image.meta, "path": str(file), "given": tuple(key for key, value in given.items() if value is not None)}
    if isinstance(image.data, np.ndarray) and file.is_file():
        meta["sha256"] = sha256(file)
    interval = image.interval_s if interval_s is None else float(interval_s)
    return image.replace(spacing_um=spacing, interval_s=interval, meta=meta)


def write(
    path: str | os.PathLike[str],
    image: Image,
    *,
    dtype: str = "float32",
    overwrite: bool = False,
    format: str | None = None,
) -> list[str]:
    """Write an image as OME-TIFF, ImageJ hyperstack or OME-Zarr, with all it knows about itself.

    Parameters
    ----------
    path : path-like
        Ends in ``.ome.tif``, ``.ome.tiff``, ``.tif``, ``.tiff`` or ``.zarr``; the folder that it lies in exists.
    image : Image
        Read plane by plane, so it may be larger than the memory. ``meta["provenance"]``, a dict of text, numbers, lists
        and dicts of these, is embedded and comes back from :func:`read_provenance`.
    dtype : str
        ``float32`` (default), ``float64``, or an integer type of 8, 16 or 32 bits. Integers are rounded to nearest; the
        factor is 1 where the values fit and whole numbers resolve them (an integer image, or a maximum of at least
        255), else limit / maximum. Negative values become 0 in unsigned types.
    overwrite : bool
        Replace an existing file, or an existing Zarr folder.
    format : str, optional
        ``ome-tiff``, ``imagej`` (float32, uint8 or uint16, below 4 GB), ``ome-zarr`` (version 0.5) or
        ``ome-zarr-0.4``; by default OME-Zarr where the name ends in ``.zarr``, else OME-TIFF.

    Returns
    -------
    list of str
        A sentence for each factor and each count of clipped values; embedded as ``output`` in the provenance as well.

    Raises
    ------
    OutputError
        If values are NaN or infinite, the name or type is not allowed, the file exists, or the disk is full or not
        writable. Nothing half-written is left behind.

    Notes
    -----
    A TIFF is not compressed: writing stays as fast as the disk, any program reads it and can map it into memory, and
    results in floating point would shrink little. Above 2 GB it is a BigTIFF. Planes are ordered ``XYZCT``, as Fiji
    and Bio-Formats read them. OME-Zarr is compressed (Blosc with Zstandard, without loss) and has a pyramid for
    viewers.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from sparsescope.image import as_image
    >>> write(tempfile.mkdtemp() + "/cell.ome.tif", as_image(np.full((8, 8), 100.0)), dtype="uint16")
    ['values were multiplied by 655.35 to fit the range of uint16; divide by it to get them back']
    """
    target = Path(path)
    module, function, _ = WRITERS[_writer(target, format)]
    writer = getattr(importlib.import_module(f"{__name__}.{module}"), function)
    notes: list[str] = writer(target, image, dtype=dtype, overwrite=overwrite)
    return notes


def read_provenance(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return how the image in a file was made, as :func:`write` embedded it; empty where nothing is embedded.

    Raises
    ------
    InputError
        If the file is missing or cannot be read.
    """
    file = _existing(path)
    module = importlib.import_module(f"{__name__}.{_recognise(file).module}")
    provenance: dict[str, Any] = module.read_provenance(file)
    return provenance


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 checksum of a file's bytes, in hexadecimal; of a folder, that of its files' names and bytes.

    Raises
    ------
    InputError
        If the file is missing or cannot be read.
    """
    file = _existing(path)
    try:
        if file.is_file():
            return str(_digest(file).hexdigest())
        whole = hashlib.sha256()
        for part in sorted(files_of(file)):
            whole.update(part.relative_to(file.parent).as_posix().encode(errors="surrogateescape"))
            whole.update(_digest(part).digest())
        return whole.hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror or error}") from None


def _digest(file: Path) -> Any:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256")


def files_of(path: Path) -> list[Path]:
    """Return the files of an image: itself, those of a Zarr store, or those that a folder or pattern joins to one."""
    from .tiff_series import matching
    from .zarr_store import is_store

    if path.is_file():
        return [path]
    return [part for part in path.rglob("*") if part.is_file()] if is_store(path) else matching(path)


def _check_arguments(numbers: Mapping[str, float | None], lazy: bool | str) -> None:
    for name, value in numbers.items():
        if value is not None and positive(value) is None:
            raise InputError(f"{name} = {value!r} is not allowed: give a number above 0")
    if lazy not in (True, False, "auto"):
        raise InputError(f'lazy = {lazy!r} is not allowed: give True, False or "auto"')


def _existing(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file that is there and not empty, of a folder, or of a pattern that some file fits."""
    file = Path(path)
    try:
        folder, exists, regular = file.is_dir(), file.exists(), file.is_file()
        size = file.stat().st_size if exists else 0
        pattern = not exists and glob.has_magic(file.name) and bool(files_of(file))
    except (OSError, ValueError) as error:  # a folder without access, too long a name, a zero byte in it
        raise InputError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    if folder or pattern:
        return file
    if not exists:
        raise InputError(f"there is no file {path}: check the name and the folder (current folder: {Path.cwd()})")
    if not regular:
        raise InputError(f"{path} is not a regular file: copy its content to a file first")
    if size == 0:
        raise InputError(f"{path} is empty (0 bytes): copy or export it again")
    return file


def _recognise(file: Path) -> Format:
    """Tell the format by the first bytes; raise InputError with what else it seems to be."""
    if not file.is_file():
        from .zarr_store import is_store

        return STORE if is_store(file) else FOLDER
    try:
        with file.open("rb") as content:
            head = content.read(256)
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror or error}") from None
    for one in FORMATS:
        if one.magic and head[one.offset :].startswith(one.magic):
            return one
    what = next((text for magic, text in _FOREIGN.items() if head.startswith(magic)), "not an image of a known format")
    names = ", ".join(one.name for one in FORMATS)
    raise InputError(
        f"{file.name} is {what}: read are {names} files ({', '.join(supported())}). Open it in Fiji and save it as TIFF"
    )


def _writer(target: Path, wanted: str | None) -> str:
    """Return the name of the format to write."""
    if wanted is not None and wanted not in WRITERS:
        raise OutputError(f"format {wanted!r} is not one that is written: allowed are {', '.join(WRITERS)}")
    if wanted is not None:
        return wanted
    if target.name.lower().endswith(".zarr"):
        return "ome-zarr"
    if target.name.lower().endswith((".tif", ".tiff")):
        return "ome-tiff"
    raise OutputError(
        f"cannot write {target.name}: the name must end in one of .ome.tif, .ome.tiff, .tif, .tiff, .ome.zarr, .zarr"
    )
