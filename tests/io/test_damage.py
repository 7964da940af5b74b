"""A damaged or unsuitable file is an InputError that says what to do: never a short, padded or wrong image."""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from sparsescope import io
from sparsescope.errors import InputError
from sparsescope.image import as_image
from sparsescope.io import damage

RNG = np.random.default_rng(11)
MOVIE = RNG.integers(0, 60_000, (4, 20, 30)).astype("uint16")
TYX: dict[str, Any] = {"metadata": {"axes": "TYX"}, "photometric": "minisblack"}


def refused(path: Path | str, *words: str, **arguments: Any) -> str:
    """Check that reading is refused, at once and lazily, with a text that holds all the words; return the text."""
    texts = set()
    for lazy in (False, True):
        with pytest.raises(InputError) as caught:
            np.asarray(io.read(path, lazy=lazy, **arguments).data)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
        texts.add(str(caught.value))
    for text in texts:
        for word in words:
            assert word in text
    return texts.pop()


def test_a_missing_file_is_said_with_the_folder_looked_in(tmp_path: Path) -> None:
    refused(tmp_path / "no.tif", "there is no file", "no.tif", f"current folder: {Path.cwd()}")


def test_a_folder_without_tiff_files_is_no_image(tmp_path: Path) -> None:
    refused(tmp_path, "holds no TIFF file: give a folder or a pattern of files with one plane each")


def test_a_file_without_bytes_is_said_to_be_empty(tmp_path: Path) -> None:
    (tmp_path / "empty.tif").touch()
    refused(tmp_path / "empty.tif", "is empty (0 bytes): copy or export it again")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    refused(tmp_path / "pipe.tif", "is not a regular file")


@pytest.mark.parametrize("name", ["x" * 300, "zero\0byte"])
def test_an_impossible_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"cannot read|there is no file"):
        io.read(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"hello, this is text", "not an image of a known format"),
        (b"II", "not an image of a known format"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "a PNG picture"),
        (b"\xff\xd8\xff\xe0" + bytes(50), "a JPEG picture"),
        (b"\x89HDF" + bytes(50), "an HDF5 file (Imaris, BigDataViewer or similar)"),
        (b"PK\x03\x04" + bytes(50), "a zip archive"),
    ],
)
def test_what_is_no_tiff_is_named_whatever_its_ending(tmp_path: Path, content: bytes, text: str) -> None:
    path = tmp_path / "image.tif"
    path.write_bytes(content)
    refused(
        path,
        f"image.tif is {text}",
        "read are TIFF, OME-Zarr, Nikon ND2, Zeiss CZI, Leica LIF, Olympus OIB/OIF, MRC files (.tif",
        "Open it in Fiji and save it as TIFF",
    )


@pytest.mark.parametrize("content", [b"II*\0", b"II*\0\x08\0", b"MM\0+\0\x08\0\0", b"II+\0" + bytes(8)])
def test_a_header_alone_is_cut_off(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "image.tif"
    path.write_bytes(content)
    refused(path, "is cut off: only", "Copy it again")


def test_a_tiff_without_images_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    path.write_bytes(b"II*\0" + bytes(100))
    refused(path, "is a TIFF without any image in it")


KINDS: dict[str, dict[str, Any]] = {
    "plain": TYX,
    "imagej": {"imagej": True, "metadata": {"axes": "TYX"}},
    "ome": {**TYX, "ome": True},
    "zlib": {**TYX, "compression": "zlib", "rowsperstrip": 7},
    "tiled lzw": {**TYX, "compression": "lzw", "tile": (16, 16)},
    "big": {**TYX, "bigtiff": True, "byteorder": ">"},
}


@given(kind=st.sampled_from(sorted(KINDS)), kept=st.floats(0, 1, exclude_max=True))
def test_a_tiff_cut_off_anywhere_is_refused_or_complete(
    tmp_path_factory: pytest.TempPathFactory, kind: str, kept: float
) -> None:
    path = tmp_path_factory.mktemp("cut") / "image.tif"
    tifffile.imwrite(path, MOVIE, **KINDS[kind])
    content = path.read_bytes()
    path.write_bytes(content[: 1 + int(kept * (len(content) - 1))])
    try:
        image = io.read(path)
    except InputError:
        return
    assert np.array_equal(image.data, MOVIE)


@given(kind=st.sampled_from(sorted(KINDS)), seed=st.integers(0, 2**32))
def test_a_tiff_with_wrong_bytes_is_read_or_refused_but_never_crashes(
    tmp_path_factory: pytest.TempPathFactory, kind: str, seed: int
) -> None:
    path = tmp_path_factory.mktemp("flip") / "image.tif"
    tifffile.imwrite(path, MOVIE, **KINDS[kind])
    content = bytearray(path.read_bytes())
    random = np.random.default_rng(seed)
    for position in random.integers(0, min(len(content), 600), 3):
        content[position] = random.integers(256)
    path.write_bytes(content)
    try:
        image = io.read(path)
    except InputError:
        return
    assert image.data.size > 0  # type: ignore[attr-defined]  # an array


def test_pixels_beyond_the_end_of_the_file_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, MOVIE[0], photometric="minisblack", metadata=None)
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    refused(
        path,
        f"image.tif is cut off: its pixels reach to byte {len(content)}, but the file ends at byte {len(content) - 1}",
    )


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_tiles_beyond_the_end_of_the_file_are_counted(tmp_path: Path, compression: str | None) -> None:
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, MOVIE[0], photometric="minisblack", metadata=None, tile=(16, 16), compression=compression)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-1])
    refused(path, f"image.tif is cut off: its pixels reach to byte {size}, but the file ends at byte {size - 1}")


def test_a_chain_of_directories_that_leaves_the_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, MOVIE, imagej=True, metadata={"axes": "TYX"})
    with tifffile.TiffFile(path) as file:
        third = file.pages[2].offset
    path.write_bytes(path.read_bytes()[: third + 10])
    refused(path, "is cut off or damaged: the directory of image 3 lies outside its")


def test_directories_in_a_circle_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, MOVIE[:2], **TYX)
    with tifffile.TiffFile(path) as file:
        first, second = file.pages[0].offset, file.pages[1].offset
        (count,) = struct.unpack("<H", path.read_bytes()[second : second + 2])
    content = bytearray(path.read_bytes())
    content[second + 2 + 12 * count : second + 6 + 12 * count] = struct.pack("<I", first)
    path.write_bytes(content)
    refused(path, "is damaged: its directories of images run in a circle")


@pytest.mark.parametrize("compression", ["zlib", "lzw", "zstd", "lzma"])
def test_corrupt_compressed_pixels_are_refused(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, MOVIE, compression=compression, **TYX)
    with tifffile.TiffFile(path) as file:
        start, count = file.pages[1].dataoffsets[0], file.pages[1].databytecounts[0]
    content = bytearray(path.read_bytes())
    content[start : start + count] = b"\xff" * count
    path.write_bytes(content)
    refused(path, "cannot read image.tif: its pixels are damaged", "Copy it again")


def test_compressed_pixels_that_are_too_few_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, MOVIE, compression="zlib", **TYX)
    small = tmp_path / "small.tif"
    tifffile.imwrite(small, MOVIE[:, :4], compression="zlib", **TYX)
    with tifffile.TiffFile(path) as file, tifffile.TiffFile(small) as other:
        start = file.pages[1].dataoffsets[0]
        stream = other.pages[1].dataoffsets[0], other.pages[1].databytecounts[0]
    content = bytearray(path.read_bytes())
    content[start : start + stream[1]] = small.read_bytes()[stream[0] : sum(stream)]
    path.write_bytes(content)
    refused(path, "its pixels are damaged")


def replace_tag(path: Path, code: int, value: bytes) -> None:
    """Overwrite the value of a tag of the first directory of a little-endian TIFF where it lies."""
    with tifffile.TiffFile(path) as file:
        offset = file.pages[0].tags[code].valueoffset
    content = bytearray(path.read_bytes())
    content[offset : offset + len(value)] = value
    path.write_bytes(content)


@pytest.mark.parametrize("code", [273, 279], ids=["offset", "count"])
def test_a_part_without_data_is_refused_not_filled_with_zeros(tmp_path: Path, code: int) -> None:
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, MOVIE[0], photometric="minisblack", metadata=None, compression="zlib", rowsperstrip=5)
    replace_tag(path, code, bytes(4))
    refused(path, "image.tif is damaged: plane 1 of 1 has parts without data")


def test_too_few_stored_bytes_of_a_plane_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, MOVIE[0], photometric="minisblack", metadata=None, tile=(16, 16))
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[0].tags[325].overwrite((5, 5, 5, 5))
    refused(path, "image.tif is damaged: plane 1 of 1 holds")


@pytest.mark.parametrize("code", [256, 257], ids=["width", "length"])
def test_a_size_of_zero_is_refused(tmp_path: Path, code: int) -> None:
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, MOVIE[0], photometric="minisblack", metadata=None)
    replace_tag(path, code, bytes(4))
    refused(path, "image.tif")


def test_a_recording_with_fewer_planes_than_declared_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    text = "ImageJ=1.54f\nimages=10\nframes=10\n"
    tifffile.imwrite(path, MOVIE, description=text, metadata=None, photometric="minisblack", contiguous=False)
    refused(path, "image.tif declares 10 planes, but holds 4", "was interrupted")


def test_planes_that_the_description_does_not_count_are_noted(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    text = "ImageJ=1.54f\nimages=2\nframes=2\n"
    tifffile.imwrite(path, MOVIE, description=text, metadata=None, photometric="minisblack")
    image = io.read(path)
    assert np.array_equal(image.data, MOVIE[:2])
    assert image.meta["notes"] == ("the file declares 2 planes, but holds 4: the rest is left out",)
    tifffile.imwrite(path, MOVIE, description=text, metadata=None, photometric="minisblack", compression="zlib")
    refused(path, "image.tif declares 2 planes, but holds 4: the description belongs to another image")


OME = (
    '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels '
    'ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="30" SizeY="20" SizeZ="1" SizeC="1" SizeT="{frames}">'
    '<TiffData IFD="0" PlaneCount="4">{uuid}</TiffData>{more}</Pixels></Image></OME>'
)


def test_an_ome_tiff_with_fewer_planes_than_declared_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "image.ome.tif"
    text = OME.format(frames=10, uuid="", more="")
    tifffile.imwrite(path, MOVIE, description=text, metadata=None, photometric="minisblack")
    refused(path, "image.ome.tif lacks plane 5 of 10")


def test_a_missing_file_of_an_ome_tiff_series_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "image.ome.tif"
    uuid = '<UUID FileName="{}">urn:uuid:{}</UUID>'
    more = f'<TiffData FirstT="4" IFD="0" PlaneCount="4">{uuid.format("second.ome.tif", 2)}</TiffData>'
    text = OME.format(frames=8, uuid=uuid.format("image.ome.tif", 1), more=more)
    tifffile.imwrite(path, MOVIE, description=text, metadata=None, photometric="minisblack")
    refused(path, "image.ome.tif lacks plane 5 of 8: a file that belongs to it is missing")
    tifffile.imwrite(tmp_path / "second.ome.tif", MOVIE[::-1], metadata=None, photometric="minisblack")
    for lazy in (False, True):
        image = io.read(path, lazy=lazy)
        assert np.array_equal(np.asarray(image.data), np.concatenate([MOVIE, MOVIE[::-1]]))


def test_an_absurd_number_of_planes_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "image.ome.tif"
    text = OME.format(frames=10**12, uuid="", more="")
    tifffile.imwrite(path, MOVIE, description=text, metadata=None, photometric="minisblack")
    refused(path, f"declares more than {damage.MAX_PLANES} planes in its OME-XML")


def test_a_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, np.zeros((4, 512, 512), "uint8"), compression="zstd", **TYX)
    assert not np.asarray(io.read(path).data).any()
    monkeypatch.setattr(damage, "BOMB_BYTES", 2**19)
    refused(path, "GB of pixels from", "stored bytes, more than 1000 times as much: it is damaged or made to exhaust")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux makes files with holes everywhere")
def test_an_image_larger_than_the_memory_is_said_to_be_so(tmp_path: Path) -> None:
    path = tmp_path / "huge.tif"
    tifffile.imwrite(path, MOVIE[0], photometric="minisblack", metadata=None, bigtiff=True)
    side = 2**21
    with tifffile.TiffFile(path, mode="r+") as file:
        tags = file.pages[0].tags
        for code, value in ((256, side), (257, side), (278, side), (279, 2 * side * side)):
            tags[code].overwrite(value, dtype=16)
        end = tags[273].value[0] + 2 * side * side
    try:
        os.truncate(path, end)
    except OSError:
        pytest.skip("this file system does not hold so large a file")
    with pytest.raises(InputError, match=r"huge\.tif does not fit into the memory"):
        io.read(path, lazy=False)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (np.eye(16, dtype=bool), "holds true/false values (a mask), not intensities: give the image"),
        (np.ones((16, 16), "complex64"), "holds values of type complex64: allowed are integers and floating point"),
    ],
)
def test_masks_and_complex_numbers_are_refused(tmp_path: Path, data: Any, words: str) -> None:
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, data, photometric="minisblack")
    refused(path, words)


@pytest.mark.parametrize("name", ["pixel_size_um", "z_step_um", "interval_s"])
@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), "wide"])
def test_a_size_given_must_be_a_positive_number(tmp_path: Path, name: str, value: Any) -> None:
    path = tmp_path / "image.tif"
    io.write(path, as_image(MOVIE, axes="TYX"))
    refused(path, f"{name} = {value!r} is not allowed: give a number above 0", **{name: value})


def test_lazy_takes_three_values_only(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    io.write(path, as_image(MOVIE, axes="TYX"))
    with pytest.raises(InputError, match="lazy = 'always' is not allowed: give True, False or \"auto\""):
        io.read(path, lazy="always")  # type: ignore[arg-type]  # on purpose
