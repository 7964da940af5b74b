"""The container of Zeiss CZI files: where each block of pixels lies and how it is packed; names imagecodecs.

The layout is that which the open documentation of libCZI describes. It is read here because czifile, the library for
it, has one interface for Python 3.11 and another one from 3.12 on, and the former knows no Zstandard.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ..errors import InputError

_SEGMENT = struct.Struct("<16sqq")
_ENTRY = struct.Struct("<2siqiiB5xi")
_DIMENSION = struct.Struct("<4siifi")
_FIXED = 256
"""Bytes before the parts of a block, at least."""
_MOST_BLOCKS = 20_000_000
_MOST_XML = 2**28

PIXELS = {
    0: ("u1", 1),
    1: ("<u2", 1),
    2: ("<f4", 1),
    3: ("u1", 3),
    4: ("<u2", 3),
    9: ("u1", 4),
    12: ("<u4", 1),
}
"""NumPy type and colour samples by pixel type; samples are stored blue first."""

_PLAIN, _JPEG, _JPEG_XR, _ZSTD, _ZSTD_HEADER = 0, 1, 4, 5, 6
_AGAIN = "Copy it again from where it was acquired"


@dataclass(frozen=True, slots=True)
class Block:
    """A block of pixels: its place among the dimensions, its size and where it lies.

    Attributes
    ----------
    at : mapping
        Start by dimension letter, without X and Y.
    shape : tuple of int
        Rows, columns, and colour samples where there are several.
    """

    at: Mapping[str, int]
    shape: tuple[int, ...]
    pixel_type: int
    compression: int
    position: int
    reduced: bool

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return np.dtype(PIXELS[self.pixel_type][0])


def read_directory(path: Path) -> tuple[list[Block], str]:
    """Return the blocks of a file and its XML.

    Raises
    ------
    InputError
        If the file is cut off, one of several parts, or holds what cannot be used.
    """
    size, name = path.stat().st_size, path.name
    with path.open("rb") as file:
        head = _segment(file, 0, size, b"ZISRAWFILE", name)
        if len(head) < 80:
            raise InputError(f"{name} is cut off in its first bytes. {_AGAIN}")
        part, directory, metadata, pending = struct.unpack_from("<iqqi", head, 48)
        if part:
            raise InputError(f"{name} is part {part} of a recording in several files: export it from ZEN as one file")
        if pending:
            raise InputError(f"{name} was not closed by the program that wrote it. Open it there and save it again")
        content = _segment(file, directory, size, b"ZISRAWDIRECTORY", name)
        blocks = list(_entries(content, name))
        xml = _segment(file, metadata, size, b"ZISRAWMETADATA", name) if metadata else b""
    length = struct.unpack_from("<i", xml)[0] if len(xml) >= 256 else 0
    text = xml[256 : 256 + max(length, 0)].decode("utf-8", "replace")
    return blocks, text


def _segment(file: BinaryIO, position: int, size: int, kind: bytes, name: str) -> bytes:
    """Return the content of a segment."""
    if not 0 <= position <= size - _SEGMENT.size:
        raise InputError(f"{name} is cut off: its directory lies outside its {size} bytes. {_AGAIN}")
    file.seek(position)
    found, allocated, used = _SEGMENT.unpack(file.read(_SEGMENT.size))
    length = used or allocated
    if found.rstrip(b"\0") != kind:
        raise InputError(f"{name} is damaged: where its {kind.decode()} should be is something else. {_AGAIN}")
    if not 0 <= length <= min(size - position - _SEGMENT.size, _MOST_XML):
        raise InputError(f"{name} is cut off or damaged: its {kind.decode()} has {length} bytes. {_AGAIN}")
    return file.read(length)


def _entries(content: bytes, name: str) -> Iterator[Block]:
    """Yield the blocks that a directory lists."""
    count = struct.unpack_from("<i", content)[0] if len(content) >= 128 else -1
    if not 0 <= count <= min(_MOST_BLOCKS, (len(content) - 128) // _ENTRY.size):
        raise InputError(f"{name} is damaged: its directory lists {count} blocks. {_AGAIN}")
    at = 128
    for _ in range(count):
        if at + _ENTRY.size > len(content):
            raise InputError(f"{name} is damaged: its directory is not complete. {_AGAIN}")
        schema, pixel_type, position, part, compression, pyramid, dimensions = _ENTRY.unpack_from(content, at)
        at += _ENTRY.size
        if schema != b"DV" or not 2 <= dimensions <= 20 or at + dimensions * _DIMENSION.size > len(content):
            raise InputError(f"{name} is damaged: its directory holds an entry that cannot be read. {_AGAIN}")
        if part:
            raise InputError(f"{name} is a recording in several files: export it from ZEN as one file")
        entries = [_DIMENSION.unpack_from(content, at + i * _DIMENSION.size) for i in range(dimensions)]
        at += dimensions * _DIMENSION.size
        yield _block(name, entries, (pixel_type, compression, position, pyramid))


def _block(name: str, entries: list[tuple[bytes, int, int, float, int]], rest: tuple[int, int, int, int]) -> Block:
    pixel_type, compression, position, pyramid = rest
    if pixel_type not in PIXELS:
        raise InputError(f"{name} holds pixels of type {pixel_type}, which cannot be used: export it as OME-TIFF")
    start: dict[str, int] = {}
    size: dict[str, int] = {}
    stored: dict[str, int] = {}
    for letter, first, length, _, kept in entries:
        axis = letter.rstrip(b"\0").decode("ascii", "replace")
        start[axis], size[axis], stored[axis] = first, length, kept or length
    if not {"X", "Y"} <= set(size) or len(size) < len(entries) or min(*size.values(), *stored.values()) <= 0:
        raise InputError(f"{name} is damaged: a block of it has no rows and columns. {_AGAIN}")
    deep = [axis for axis in size if axis not in "XY" and size[axis] != 1]
    if deep:
        raise InputError(f"{name} stores several planes of {', '.join(deep)} in one block: export it as OME-TIFF")
    reduced = pyramid != 0 or any(stored[axis] != size[axis] for axis in "XY")
    samples = PIXELS[pixel_type][1]
    shape = (stored["Y"], stored["X"], *((samples,) if samples > 1 else ()))
    at = {axis: first for axis, first in start.items() if axis not in "XY"}
    return Block(at, shape, pixel_type, compression, position, reduced)


def check_blocks(path: Path, blocks: list[Block]) -> None:
    """Raise InputError unless the first bytes of every block are in the file, and all of those not compressed."""
    size = path.stat().st_size
    for block in blocks:
        plain = math.prod(block.shape) * block.dtype.itemsize if block.compression == _PLAIN else 0
        if block.position < 0 or block.position + _SEGMENT.size + _FIXED + plain > size:
            raise InputError(f"{path.name} is cut off: a block of pixels lies behind its {size} bytes. {_AGAIN}")


def read_block(file: BinaryIO, block: Block, size: int, name: str) -> npt.NDArray[np.generic]:
    """Return the pixels of a block, colour samples red first."""
    file.seek(block.position)
    head = file.read(_SEGMENT.size + 16 + _ENTRY.size)
    if len(head) < _SEGMENT.size + 16 + _ENTRY.size or not head.startswith(b"ZISRAWSUBBLOCK"):
        raise InputError(f"{name} is damaged: there is no block of pixels where its directory says. {_AGAIN}")
    metadata, _, length = struct.unpack_from("<iiq", head, _SEGMENT.size)
    dimensions = _ENTRY.unpack_from(head, _SEGMENT.size + 16)[-1]
    fixed = max(_FIXED, 16 + _ENTRY.size + dimensions * _DIMENSION.size)
    start = block.position + _SEGMENT.size + fixed + metadata
    if metadata < 0 or dimensions < 0 or not 0 < length <= size - start:
        raise InputError(f"{name} is cut off or damaged: a block of pixels is not complete. {_AGAIN}")
    file.seek(start)
    pixels = _unpack(file.read(length), block, name)
    if len(block.shape) == 3 and block.compression != _JPEG_XR:
        pixels = pixels[..., [2, 1, 0, 3][: block.shape[2]]]
    return pixels


def _unpack(data: bytes, block: Block, name: str) -> npt.NDArray[np.generic]:
    import imagecodecs

    nbytes = math.prod(block.shape) * block.dtype.itemsize
    if block.compression in (_PLAIN, _ZSTD, _ZSTD_HEADER):
        high_low = False
        if block.compression == _ZSTD_HEADER:
            high_low, data = _zstd_header(data, name)
        raw = np.frombuffer(data if block.compression == _PLAIN else imagecodecs.zstd_decode(data, out=nbytes), "u1")
        if raw.size < nbytes:
            raise InputError(f"{name} is damaged: a block of pixels has {raw.size} of its {nbytes} bytes. {_AGAIN}")
        raw = raw[:nbytes]
        if high_low:  # all low bytes, then all high bytes
            raw = np.ascontiguousarray(raw.reshape(2, -1).T)
        return raw.view(block.dtype).reshape(block.shape) if raw.flags.c_contiguous else raw.copy().view(block.dtype)
    if block.compression == _JPEG_XR:
        pixels: npt.NDArray[np.generic] = imagecodecs.jpegxr_decode(data)
        return pixels.reshape(block.shape)
    if block.compression == _JPEG:
        return np.asarray(imagecodecs.jpeg8_decode(data)).reshape(block.shape)
    raise InputError(f"{name} is compressed by method {block.compression}, which cannot be read: export it as OME-TIFF")


def _zstd_header(data: bytes, name: str) -> tuple[bool, bytes]:
    """Return whether low and high bytes are stored apart, and the compressed bytes behind the header."""
    length = data[0] if data else 0
    if length not in (1, 3) or len(data) <= length:
        raise InputError(f"{name} is damaged: a block of pixels has no header. {_AGAIN}")
    return length == 3 and data[1] == 1 and bool(data[2] & 1), data[length:]


def has_codec(name: str) -> bool:
    """Whether a codec such as ``"ZSTD"`` is there for reading compressed files."""
    import imagecodecs

    return bool(getattr(imagecodecs, name).available)
