"""Is every pixel really in the file? Asked before decoding, so that no image is short or padded."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import InputError

BOMB_BYTES = 2**28
BOMB_RATIO = 1000
MAX_PLANES = 10_000_000

Layout = tuple[str, int, str]
"""Codes of :mod:`struct` for the count of entries and for an offset, and between them the bytes of an entry."""

_AGAIN = "Copy it again from where it was acquired, or re-export it"


def check_directories(path: Path) -> int:
    """Walk the chain of image directories of a TIFF file; see :func:`check_chain`."""
    with path.open("rb") as file:
        return check_chain(path.name, file, path.stat().st_size)


def check_chain(name: str, file: BinaryIO, size: int) -> int:
    """Walk the chain of image directories of a TIFF of `size` bytes; return their number.

    Raises
    ------
    InputError
        If the chain leaves the file, runs in a circle, or holds an empty directory: it was cut off or overwritten.

    Notes
    -----
    Layout after TIFF 6.0 (Adobe 1992, section 2) and the BigTIFF extension.
    """
    layout, first = first_directory(name, file, size)
    offset: int | None = first
    seen: set[int] = set()
    while offset:
        if offset in seen:
            raise InputError(f"{name} is damaged: its directories of images run in a circle. {_AGAIN}")
        seen.add(offset)
        offset = next_directory(file, offset, size, layout)
        if offset is None:
            raise InputError(
                f"{name} is cut off or damaged: the directory of image {len(seen)} lies outside its {size} bytes. "
                f"{_AGAIN}"
            )
    if not seen:
        raise InputError(f"{name} is a TIFF without any image in it. {_AGAIN}")
    return len(seen)


def first_directory(name: str, file: BinaryIO, size: int) -> tuple[Layout, int]:
    """Return how numbers are laid out in a TIFF of `size` bytes, and the offset of its first image directory.

    Raises
    ------
    InputError
        If its head is not all there.
    """
    head = file.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = len(head) >= 4 and struct.unpack(order + "H", head[2:4])[0] == 43
    count_code, entry, offset_code, start = ("Q", 20, "Q", 8) if big else ("H", 12, "I", 4)
    if len(head) < start + struct.calcsize(offset_code):
        raise InputError(f"{name} is cut off: only {size} bytes of it are there. {_AGAIN}")
    (offset,) = struct.unpack_from(order + offset_code, head, start)
    return (order + count_code, entry, order + offset_code), int(offset)


def next_directory(file: BinaryIO, offset: int, size: int, layout: Layout) -> int | None:
    """Return the offset of the directory after the one at `offset`, or None when this one is not complete."""
    count_code, entry, offset_code = layout
    if offset >= size:
        return None
    file.seek(offset)
    head = file.read(struct.calcsize(count_code))
    if len(head) < struct.calcsize(count_code):
        return None
    (count,) = struct.unpack(count_code, head)
    tail = offset + len(head) + count * entry
    if count == 0 or tail + struct.calcsize(offset_code) > size:
        return None
    file.seek(tail)
    return int(struct.unpack(offset_code, file.read(struct.calcsize(offset_code)))[0])


_VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}


def value_ends(file: BinaryIO, offset: int, layout: Layout) -> dict[int, int]:
    """Return where the value of each tag ends that is not in the directory at an offset itself, which is complete."""
    count_code, entry, offset_code = layout
    file.seek(offset)
    (count,) = struct.unpack(count_code, file.read(struct.calcsize(count_code)))
    held, ends = struct.calcsize(offset_code), {}
    for _ in range(count):
        one = file.read(entry)
        tag, kind = struct.unpack(f"{offset_code[0]}HH", one[:4])
        number, place = struct.unpack(f"{offset_code[0]}{offset_code[1] * 2}", one[4 : 4 + 2 * held])
        length = number * _VALUE_BYTES.get(kind, 0)
        if length > held:
            ends[tag] = place + length
    return ends


def check_pixels(name: str, series: Any) -> None:
    """Raise InputError unless all the stored bytes of a series of planes lie within the file.

    Parameters
    ----------
    name : str
        File name for messages.
    series : tifffile.TiffPageSeries
        Only its attributes are used.
    """
    key, pages = series.keyframe, series.pages
    if series.nbytes <= 0:
        raise InputError(f"{name} holds an empty image: shape {series.shape}. {_AGAIN}")
    if series.dataoffset is not None:
        check_end(name, series.dataoffset + series.nbytes, series.parent.filehandle.size)
        return
    check_count(name, series.size // key.size, len(pages))
    stored = sum(stored_bytes(name, page, (index, len(pages))) for index, page in enumerate(pages))
    check_claim(name, series.nbytes, stored)


def check_claim(name: str, claimed: int, stored: int) -> None:
    """Raise InputError when a file claims far more pixels than its bytes can hold (a decompression bomb)."""
    if claimed > BOMB_BYTES and claimed > BOMB_RATIO * stored:
        raise InputError(
            f"{name} claims {claimed / 1e9:.1f} GB of pixels from {stored} stored bytes, more than {BOMB_RATIO} "
            "times as much: it is damaged or made to exhaust the memory. Re-export it uncompressed if it is genuine"
        )


def check_end(name: str, needed: int, size: int) -> None:
    """Raise InputError when pixels reach behind the end of a file of `size` bytes."""
    if needed > size:
        raise InputError(_cut(name, needed, size))


def check_count(name: str, declared: int, there: int) -> None:
    """Raise InputError unless as many planes are in a file as its description declares."""
    if declared == there:
        return
    reason = (
        "the recording or a copy of it was interrupted. Open it in the program that wrote it and save the complete part"
        if there < declared
        else "the description belongs to another image. Open it in Fiji and save it again"
    )
    raise InputError(f"{name} declares {declared} planes, but holds {there}: {reason}")


def stored_bytes(name: str, page: Any, position: tuple[int, int]) -> int:
    """Return the number of bytes of a plane in the file; raise InputError if some are not there."""
    index, total = position
    where = f"plane {index + 1} of {total}"
    if page is None:
        raise InputError(
            f"{name} lacks {where}: a file that belongs to it is missing, or the recording was interrupted"
        )
    key = page.keyframe
    offsets: Sequence[int] = page.dataoffsets
    counts: Sequence[int] = page.databytecounts
    segments = math.prod(key.chunked)
    if len(offsets) < segments or len(counts) < segments or min(offsets) <= 0 or min(counts) <= 0:
        raise InputError(f"{name} is damaged: {where} has parts without data. {_AGAIN}")
    end = max(offset + count for offset, count in zip(offsets, counts, strict=False))
    check_end(name, end, page.parent.filehandle.size)
    needed = key.size * max(key.bitspersample, 1) // 8
    if key.compression == 1 and sum(counts) < needed:
        raise InputError(f"{name} is damaged: {where} holds {sum(counts)} of its {needed} bytes. {_AGAIN}")
    return sum(counts)


def _cut(name: str, needed: int, size: int) -> str:
    return f"{name} is cut off: its pixels reach to byte {needed}, but the file ends at byte {size}. {_AGAIN}"


def walkable(path: Path) -> bool:
    """Whether the chain of directories can be followed: LSM files above 4 GB have offsets that wrap around."""
    return not (path.suffix.lower() == ".lsm" and path.stat().st_size >= 2**32)
