"""TIFF, OME-TIFF, ImageJ and LSM in, OME-TIFF out; the one file that names tifffile."""

from __future__ import annotations

import contextlib
import hashlib
import math
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt

from ..errors import InputError, OutputError
from ..image import Image
from . import axes as axes_of
from . import ome_read, tags
from .atomic import replacing
from .damage import check_count, check_directories, check_pixels, stored_bytes, walkable
from .encode import choose, planes
from .facts import Facts
from .guard import explained, mute
from .lazy import lazy_array, read_later, stamp
from .ome_write import to_xml
from .provenance import read_info

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from tifffile import TiffFile, TiffPageSeries

BIG_BYTES = 2**31 - 2**25
"""Files above this size become BigTIFF: some readers take 32-bit offsets as signed."""

SUFFIXES_OUT = (".ome.tif", ".ome.tiff", ".tif", ".tiff")

_KINDS = {
    "ome": "OME-TIFF",
    "imagej": "ImageJ TIFF",
    "lsm": "LSM",
    "shaped": "TIFF",
    "generic": "TIFF",
    "uniform": "TIFF",
}


def read(path: Path, *, axes: str | None, series: int | None, lazy: bool | Literal["auto"]) -> Image:
    """Read one series of a TIFF file; see :func:`sparsescope.io.read`."""
    with explained(path.name, "it is not a readable TIFF"):
        if walkable(path):
            check_directories(path)
    with _opened(path) as opened, explained(path.name, "its directory of images is damaged"):
        file, name = opened.file, path.name
        number, chosen, notes = _choose_series(name, file, series)
        _check_numbers(name, chosen)
        _check_imagej_count(name, file, chosen)
        check_pixels(name, chosen)
        letters, more = axes_of.resolve(name, chosen.axes, chosen.shape, axes)
        facts = _facts(opened, number, chosen)
        facts.notes[:0] = [*opened.notes, *notes, *more]
        facts.meta["format"] = _KINDS.get(chosen.kind, f"TIFF ({chosen.kind})")
        facts.meta["series"], facts.meta["series_count"] = number, len(_full_series(file))
        reader = _Reader.of(opened, chosen)
        later = read_later(lazy, chosen.nbytes)
        data = reader.array() if later else reader.whole(file)
    return facts.image(*axes_of.arrange(data, letters))


def read_provenance(path: Path) -> dict[str, Any]:
    """Return how the image in a file was made, as far as sparsescope wrote it there."""
    with _opened(path) as opened:
        info = (opened.file.imagej_metadata or {}).get("Info")
        return read_info(str(info or "")) if opened.ome is None else ome_read.provenance(opened.ome)


def one_plane(content: BinaryIO, check: Callable[[int], None]) -> npt.NDArray[Any]:
    """Return the one page of a TIFF that is part of another file; `check` is called with the bytes it claims."""
    import tifffile

    with mute.on(), tifffile.TiffFile(content) as file:
        page = file.pages.first
        check(page.nbytes)
        return _native(page.asarray())


@dataclass(frozen=True)
class FirstPage:
    """What the first page of a TIFF says about all: of a file that is being written, more is not there yet.

    Attributes
    ----------
    kind : str
        Name of the format.
    shape, dtype : tuple of int, dtype
        Of the page.
    order, counts : str, dict
        Order of planes (letters of TCZ, slowest first), and their declared numbers; empty where nothing is declared.
    facts : Facts
        Sizes and channels.
    """

    kind: str
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    order: str
    counts: dict[str, int]
    facts: Facts


def first_page(path: Path) -> FirstPage:
    """Return what the first page says; raise InputError where that is no single plane of an image in time."""
    with _opened(path) as opened, explained(path.name, "its directory of images is damaged"):
        file, page = opened.file, opened.file.pages.first
        stored_bytes(path.name, page, (0, 1))
        xy = tags.ratio(page.tags.valueof("XResolution")), tags.ratio(page.tags.valueof("YResolution"))
        images, meta, unit = 1, dict(file.imagej_metadata or {}), page.tags.valueof("ResolutionUnit")
        order, counts = "TZC", dict[str, int]()
        if opened.ome is not None:
            order, counts, images = ome_read.arrangement(opened.ome)
        elif file.is_imagej:
            named = {"T": "frames", "C": "channels", "Z": "slices"}
            counts = {axis: int(meta.get(word, 1)) for axis, word in named.items()}
        several = file.is_micromanager and (file.micromanager_metadata or {}).get("Summary", {}).get("Positions", 1)
        if images > 1 or (several or 1) > 1:
            raise InputError(
                f"{path.name} is to hold several images (positions): a recording of one image can be followed"
            )
        shape, dtype = tuple(page.shape), np.dtype(page.dtype)
        if len(shape) != 2 or dtype.kind not in "uif" or page.bitspersample == 1:
            raise InputError(
                f"{path.name} has pages of {dtype} values of shape {shape}: followed are pages with one plane of whole "
                "or real numbers each"
            )
        if opened.ome is not None:
            facts = ome_read.facts(opened.ome, 0, {**counts, "Y": shape[0], "X": shape[1]})
        else:
            facts = tags.imagej(meta, xy) if file.is_imagej else tags.plain(xy, unit)
        kind = "ome" if opened.ome is not None else "imagej" if file.is_imagej else "generic"
        return FirstPage(_KINDS[kind], (shape[0], shape[1]), dtype.newbyteorder("="), order, counts, facts)


def page_at(path: Path, offset: int, number: int) -> npt.NDArray[Any]:
    """Return the page whose directory is at an offset; raise InputError where it is not all there, or damaged."""
    import tifffile

    with explained(path.name, f"its page {number + 1} is damaged"), tifffile.TiffFile(path) as file:
        file.filehandle.seek(offset)
        page = tifffile.TiffPage(file, number)
        stored_bytes(path.name, page, (number, number + 1))
        return _native(page.asarray())


def write(path: Path, image: Image, *, dtype: str, overwrite: bool) -> list[str]:
    """Write an OME-TIFF plane by plane; see :func:`sparsescope.io.write`."""
    end = next((end for end in SUFFIXES_OUT if path.name.lower().endswith(end)), None)
    if end is None:
        raise OutputError(f"cannot write {path.name}: the name must end in one of {', '.join(SUFFIXES_OUT)}")
    import tifffile

    with replacing(path, overwrite=overwrite) as file:
        encoding = choose(image, dtype)
        xml = to_xml(image, encoding.dtype.name, path.name[: -len(end)], encoding.noted(image))
        size = math.prod(image.shape) * encoding.dtype.itemsize
        per_cm = per_um(image, 1e4)
        with mute.on(), tifffile.TiffWriter(file, bigtiff=size + len(xml) > BIG_BYTES, byteorder="<") as writer:
            writer.write(
                (encoding(plane) for plane in planes(image)),
                shape=(math.prod(image.shape[:-2]), *image.shape[-2:]),
                dtype=encoding.dtype,
                photometric="minisblack",
                metadata=None,
                description=xml,
                software="sparsescope",
                resolution=per_cm,
                resolutionunit=tags.CENTIMETER if per_cm else None,
            )
    return list(encoding.notes)


def per_um(image: Image, factor: float = 1.0) -> tuple[float, float] | None:
    """Return the pixels per µm in x and y times a factor, None where they are not known."""
    sizes = image.spacing_um
    return (factor / sizes["x"], factor / sizes["y"]) if "x" in sizes and "y" in sizes else None


def write_pages(
    file: BinaryIO, pages: Iterator[npt.NDArray[Any]], shape: tuple[int, ...], dtype: np.dtype[Any], **fields: Any
) -> None:
    """Write an ImageJ TIFF of shape ``TZCYX``, plane by plane, in the byte order of ImageJ."""
    import tifffile

    with mute.on(), tifffile.TiffWriter(file, imagej=True, byteorder=">") as writer:
        writer.write(pages, shape=shape, dtype=dtype.newbyteorder(">"), **fields)


@dataclass(frozen=True)
class _Opened:
    """An open file with its OME-XML, as far as that is usable."""

    path: Path
    file: TiffFile
    ome: Element | None
    notes: tuple[str, ...]


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[_Opened]:
    """Open a file and parse its OME-XML; tifffile interprets that only after it has proved harmless."""
    import tifffile

    with explained(path.name, "it is not a readable TIFF"), tifffile.TiffFile(path) as file:
        text = file.ome_metadata
        ome = ome_read.parse(path.name, text) if text else None
        notes = ("the OME-XML metadata are damaged and were ignored",) if text and ome is None else ()
        yield _Opened(path, file, ome, notes)


def _full_series(file: TiffFile) -> list[TiffPageSeries]:
    """Return the series of full resolution; previews are left out unless there is nothing else."""
    return [one for one in file.series if not one.keyframe.is_reduced] or list(file.series)


def _choose_series(name: str, file: TiffFile, wanted: int | None) -> tuple[int, TiffPageSeries, list[str]]:
    """Return number and series that is wanted, or the largest (the first of equals) and a note naming the others."""
    every = _full_series(file)
    if not every:
        raise InputError(f"{name} holds no image that can be read. Re-export it as TIFF or OME-TIFF")
    listing = ", ".join(f"{i}: {one.axes} {' × '.join(map(str, one.shape))}" for i, one in enumerate(every[:20]))
    listing += ", …" if len(every) > 20 else ""
    if wanted is None:
        number = max(range(len(every)), key=lambda i: (every[i].size, -i))
        if len(every) == 1:
            return number, every[number], []
        note = f"series {number} of {len(every)} was read, the largest; choose another by --series N ({listing})"
        return number, every[number], [note]
    if not 0 <= wanted < len(every):
        raise InputError(f"{name} has no series {wanted}: allowed are 0 to {len(every) - 1} ({listing})")
    return wanted, every[wanted], []


def _check_numbers(name: str, series: TiffPageSeries) -> None:
    """Raise InputError unless the numbers are integers or floating point."""
    kind = series.dtype.kind if series.dtype is not None and series.keyframe.bitspersample != 1 else "b"
    if kind == "b":
        raise InputError(
            f"{name} holds true/false values (a mask), not intensities: give the image that the mask was made from"
        )
    if kind not in "uif":
        raise InputError(
            f"{name} holds values of type {series.dtype}: allowed are integers and floating point. "
            "Save the absolute value or the real part as its own file"
        )


def _check_imagej_count(name: str, file: TiffFile, series: TiffPageSeries) -> None:
    """Raise InputError when ImageJ's description counts more planes than there are, so that tifffile ignored it."""
    meta = file.imagej_metadata
    if meta and series.kind != "imagej":
        counts = [int(meta.get(key, 1)) for key in ("frames", "slices", "channels")]
        there = len(file.pages)
        check_count(name, max(int(meta.get("images", 1)), math.prod(counts), there), there)


def _facts(opened: _Opened, number: int, series: TiffPageSeries) -> Facts:
    """Collect what the kind of file says about sizes, channels and optics."""
    page = series.keyframe
    x, y = (tags.ratio(page.tags.valueof(f"{axis}Resolution")) for axis in "XY")
    if series.kind == "ome" and opened.ome is not None:
        facts = ome_read.facts(opened.ome, number, dict(zip(series.axes, series.shape, strict=True)))
    elif series.kind == "imagej":
        facts = tags.imagej(opened.file.imagej_metadata or {}, (x, y))
        planes_read, there = series.size // page.size, len(opened.file.pages)
        if there > planes_read:
            facts.notes.append(f"the file declares {planes_read} planes, but holds {there}: the rest is left out")
    elif series.kind == "lsm":
        facts = tags.lsm(opened.file.lsm_metadata or {})
    else:
        facts = tags.plain((x, y), page.tags.valueof("ResolutionUnit"))
        if opened.ome is not None:
            facts.notes.append("the OME-XML metadata do not fit the images in the file and were ignored")
        if page.photometric == 3:
            facts.notes.append("the values are positions in a colour table; they were read as intensities")
    if page.photometric == 0:
        facts.notes.append("the file shows low values as white; the stored values were read as they are")
    return facts


@dataclass(eq=False)
class _Reader:
    """Reads the pixels of a series, at once or plane by plane; can be sent to another process."""

    path: Path
    index: int
    shape: tuple[int, ...]
    plane_shape: tuple[int, ...]
    stored: np.dtype[Any]
    offset: int | None
    stamp: tuple[int, int]
    _file: TiffFile | None = None

    @classmethod
    def of(cls, opened: _Opened, series: TiffPageSeries) -> _Reader:
        """Describe how to read a series; a plane is a page of the file, or YX where the pixels lie in one run."""
        index = next(i for i, one in enumerate(opened.file.series) if one is series)
        plane = (
            series.shape[-3 if series.axes[-1] == "S" else -2 :]
            if series.dataoffset is not None
            else series.keyframe.shape
        )
        fits = series.shape[-len(plane) :] == tuple(plane)
        stored = np.dtype(opened.file.byteorder + series.dtype.char)
        return cls(
            opened.path,
            index,
            series.shape,
            tuple(plane) if fits else series.shape,
            stored,
            series.dataoffset,
            stamp(opened.path),
        )

    def whole(self, file: TiffFile) -> npt.NDArray[Any]:
        """Read the whole series in native byte order."""
        with explained(self.path.name, "its pixels are damaged"):
            data = file.asarray(series=self.index, level=0)
        if data.shape != self.shape:
            raise InputError(f"{self.path.name} is damaged: its pixels have shape {data.shape}, not {self.shape}")
        return _native(data)

    def array(self) -> Any:
        """Return an array that reads planes when it is indexed."""
        name = hashlib.sha256(repr((self.path, self.index, self.shape, self.stamp)).encode()).hexdigest()
        return lazy_array(self, self.shape, self.plane_shape, self.stored.newbyteorder("="), f"sparsescope-{name[:32]}")

    def __call__(self, number: int) -> npt.NDArray[Any]:
        """Read plane `number` in native byte order."""
        with explained(self.path.name, "its pixels are damaged"):
            if stamp(self.path) != self.stamp:
                raise InputError(f"{self.path.name} was changed while it was being read: start again")
            if self.offset is not None:
                count = math.prod(self.plane_shape)
                start = self.offset + number * count * self.stored.itemsize
                return _native(np.fromfile(self.path, self.stored, count, offset=start).reshape(self.plane_shape))
            with _reading:
                return _native(self._decode(number).reshape(self.plane_shape))

    def _decode(self, number: int) -> npt.NDArray[Any]:
        file = self._open()
        if self.plane_shape == self.shape:
            return file.asarray(series=self.index, level=0)
        page: Any = file.series[self.index][number]
        handle = page.parent.filehandle
        with contextlib.closing(handle) if handle.closed else contextlib.nullcontext():  # in a file that belongs to it
            handle.open()
            pixels: npt.NDArray[Any] = page.asarray()
            return pixels

    def _open(self) -> TiffFile:
        if self._file is None:
            import tifffile

            self._file = tifffile.TiffFile(self.path)
            weakref.finalize(self, self._file.close)
        return self._file

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None}


_reading = threading.Lock()


def _native(data: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return data.astype(data.dtype.newbyteorder("="), copy=False)
