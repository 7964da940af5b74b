"""Every kind of TIFF is read with the right pixels, axes and type, whether at once or lazily."""

from __future__ import annotations

import logging
import pickle
import struct
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from sparsescope import io
from sparsescope.errors import InputError
from sparsescope.io import lazy as lazy_module
from sparsescope.io import tiff

RNG = np.random.default_rng(7)
MOVIE = RNG.integers(0, 250, (5, 20, 24)).astype("uint16")


def save(folder: Path, data: Any = MOVIE, name: str = "image.tif", **options: Any) -> Path:
    path = folder / name
    options.setdefault("photometric", "minisblack")
    tifffile.imwrite(path, data, **options)
    return path


@pytest.mark.parametrize(
    "options",
    [
        {"metadata": {"axes": "TYX"}},
        {"metadata": {"axes": "TYX"}, "byteorder": ">"},
        {"metadata": {"axes": "TYX"}, "bigtiff": True},
        {"metadata": {"axes": "TYX"}, "bigtiff": True, "byteorder": ">", "compression": "zlib"},
        {"metadata": {"axes": "TYX"}, "compression": "zlib", "predictor": True},
        {"metadata": {"axes": "TYX"}, "compression": "lzw", "rowsperstrip": 7},
        {"metadata": {"axes": "TYX"}, "compression": "zstd", "tile": (16, 16)},
        {"metadata": {"axes": "TYX"}, "compression": "packbits"},
        {"metadata": {"axes": "TYX"}, "tile": (16, 32)},
        {"metadata": {"axes": "TYX"}, "ome": True},
        {"metadata": {"axes": "TYX"}, "ome": True, "compression": "lzma"},
        {"metadata": {"axes": "TYX"}, "imagej": True},
        {"metadata": {"axes": "TYX"}, "imagej": True, "byteorder": "<"},
        {"metadata": {"axes": "TYX"}, "photometric": "miniswhite"},
    ],
    ids=lambda options: "-".join(f"{key}" if value is True else str(value) for key, value in options.items()),
)
@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_a_movie_is_read_from_every_kind_of_tiff(tmp_path: Path, options: dict[str, Any], lazy: bool) -> None:
    image = io.read(save(tmp_path, **options), lazy=lazy)
    assert image.axes == "TYX"
    assert image.dtype == np.dtype("uint16")
    assert image.dtype.isnative
    assert isinstance(image.data, dask.array.Array if lazy else np.ndarray)
    assert np.array_equal(np.asarray(image.data), MOVIE)
    assert np.array_equal(image.block(T=3, Y=slice(4, 9)), MOVIE[3, 4:9])


@pytest.mark.parametrize(
    "dtype",
    ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32", "float64", "uint64"],
)
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_every_type_of_number_comes_out_native(tmp_path: Path, dtype: str, order: str, lazy: bool) -> None:
    data = RNG.integers(0, 100, (12, 14)).astype(dtype)
    image = io.read(save(tmp_path, data, byteorder=order), lazy=lazy)
    assert image.axes == "YX"
    assert image.dtype == np.dtype(dtype)
    assert np.asarray(image.data).dtype.isnative
    assert np.array_equal(np.asarray(image.data), data)


@given(
    axes=st.permutations("TCZ").map("".join).flatmap(lambda a: st.integers(0, 3).map(lambda n: a[:n] + "YX")),
    lazy=st.booleans(),
)
def test_axes_in_any_order_of_an_ome_tiff_come_out_canonical(
    tmp_path_factory: pytest.TempPathFactory, axes: str, lazy: bool
) -> None:
    sizes = {"T": 2, "C": 3, "Z": 4, "Y": 5, "X": 7}
    data = RNG.integers(0, 255, [sizes[a] for a in axes]).astype("uint8")
    path = save(tmp_path_factory.mktemp("ome"), data, "a.ome.tif", ome=True, metadata={"axes": axes})
    image = io.read(path, lazy=lazy)
    wanted = "".join(a for a in "TCZYX" if a in axes)
    assert image.axes == wanted
    assert np.array_equal(np.asarray(image.data), data.transpose([axes.index(a) for a in wanted]))


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_an_imagej_hyperstack_is_read(tmp_path: Path, lazy: bool) -> None:
    data = RNG.integers(0, 255, (2, 3, 4, 8, 9)).astype("uint8")  # ImageJ stores TZCYX
    image = io.read(save(tmp_path, data, imagej=True, metadata={"axes": "TZCYX"}), lazy=lazy)
    assert image.axes == "TCZYX"
    assert np.array_equal(np.asarray(image.data), data.transpose(0, 2, 1, 3, 4))
    assert image.meta["format"] == "ImageJ TIFF"


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_an_imagej_stack_with_one_directory_for_all_planes_is_read(tmp_path: Path, lazy: bool) -> None:
    # as ImageJ writes files above 4 GB: the description counts the images, only the first has a directory
    path = tmp_path / "virtual.tif"
    description = "ImageJ=1.54f\nimages=5\nslices=5\nunit=micron\nspacing=0.3\n"
    tifffile.imwrite(path, MOVIE[0], description=description, metadata=None, resolution=(10, 10))
    with tifffile.TiffFile(path) as written:
        start = written.pages[0].dataoffsets[0]
    content = path.read_bytes()
    path.write_bytes(content[:start] + MOVIE.tobytes())
    image = io.read(path, lazy=lazy)
    assert image.axes == "ZYX"
    assert np.array_equal(np.asarray(image.data), MOVIE)
    assert image.spacing_um == {"x": 0.1, "y": 0.1, "z": 0.3}


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_colours_become_channels_when_the_axes_say_so(tmp_path: Path, lazy: bool) -> None:
    photo = RNG.integers(0, 255, (16, 18, 3)).astype("uint8")
    path = save(tmp_path, photo, photometric="rgb")
    with pytest.raises(InputError, match="is an RGB photograph"):
        io.read(path)
    image = io.read(path, axes="CYX", lazy=lazy)
    assert image.axes == "CYX"
    assert np.array_equal(np.asarray(image.data), photo.transpose(2, 0, 1))


def test_a_colour_picture_compressed_as_jpeg_is_read(tmp_path: Path) -> None:
    photo = np.full((64, 64, 3), (200, 100, 50), dtype="uint8")
    image = io.read(save(tmp_path, photo, photometric="rgb", compression="jpeg"), axes="CYX")
    assert np.abs(image.block(Y=32, X=32).astype(int) - (200, 100, 50)).max() < 6


def test_a_bare_stack_is_refused_with_the_flag_to_add(tmp_path: Path) -> None:
    for options in ({"metadata": None}, {}):
        path = save(tmp_path, **options)
        with pytest.raises(InputError, match=r"add --axes TYX if it is time or --axes ZYX if it is depth"):
            io.read(path)
        assert io.read(path, axes="ZYX").axes == "ZYX"


def test_an_imagej_file_that_only_counts_images_is_a_bare_stack(tmp_path: Path) -> None:
    path = save(tmp_path, description="ImageJ=1.54f\nimages=5\n", metadata=None)
    with pytest.raises(InputError, match="--axes TYX"):
        io.read(path)


def test_axes_given_win_over_the_file_and_are_noted(tmp_path: Path) -> None:
    image = io.read(save(tmp_path, metadata={"axes": "TYX"}), axes="zyx")
    assert image.axes == "ZYX"
    assert image.meta["notes"] == ("axes ZYX as given; the file says TYX",)
    assert image.meta["given"] == ("axes",)


def test_an_unknown_axis_of_length_one_is_dropped_with_a_note(tmp_path: Path) -> None:
    image = io.read(save(tmp_path, MOVIE[:1]))
    assert image.axes == "YX"
    assert image.meta["notes"] == ("an axis of length 1 (Q) was dropped",)


def test_the_largest_series_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    path = tmp_path / "many.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        for i, shape in enumerate([(8, 9), (30, 40), (30, 40)]):
            writer.write(np.full(shape, i, dtype="uint8"), photometric="minisblack", metadata={"axes": "YX"})
    image = io.read(path)
    assert image.shape == (30, 40)
    assert np.all(image.data == 1)
    assert image.meta["series"] == 1
    assert image.meta["series_count"] == 3
    assert image.meta["notes"] == (
        "series 1 of 3 was read, the largest; choose another by --series N (0: YX 8 × 9, 1: YX 30 × 40, 2: YX 30 × 40)",
    )
    chosen = io.read(path, series=0, lazy=True)
    assert chosen.shape == (8, 9)
    assert chosen.meta["notes"] == ()
    assert np.all(np.asarray(chosen.data) == 0)
    for wrong in (3, -1):
        with pytest.raises(InputError, match=rf"many\.ome\.tif has no series {wrong}: allowed are 0 to 2 \(0: YX 8"):
            io.read(path, series=wrong)


def test_the_smaller_levels_of_a_pyramid_are_not_series(tmp_path: Path) -> None:
    path = tmp_path / "pyramid.ome.tif"
    full = RNG.integers(0, 255, (64, 64)).astype("uint8")
    with tifffile.TiffWriter(path, ome=True) as writer:
        writer.write(full, subifds=1, photometric="minisblack", tile=(16, 16), metadata={"axes": "YX"})
        writer.write(full[::2, ::2], subfiletype=1, photometric="minisblack", tile=(16, 16))
    for lazy in (True, False):
        image = io.read(path, lazy=lazy)
        assert image.meta["series_count"] == 1
        assert np.array_equal(np.asarray(image.data), full)


def test_a_volume_stored_as_one_page_is_read_lazily(tmp_path: Path) -> None:
    data = RNG.integers(0, 255, (2, 16, 32, 32)).astype("uint8")
    path = save(tmp_path, data, volumetric=True, tile=(16, 16, 16), metadata={"axes": "TZYX"})
    image = io.read(path, lazy=True)
    assert image.axes == "TZYX"
    assert np.array_equal(image.block(T=1, Z=slice(3, 5)), data[1, 3:5])


def lsm_info(shape: tuple[int, int, int, int], scan_type: int) -> bytes:
    """Return the head of Zeiss' description of an LSM file for T, Z, Y, X."""
    t, z, y, x = shape
    head = struct.pack("<9i", x, y, z, 1, t, 2, 8, 8, 0)[:-4]
    sizes = struct.pack("<6d", 65e-9, 66e-9, 0.25e-6, 0, 0, 0)
    rest = struct.pack("<HHIIIII d", scan_type, 0, 0, 0, 0, 0, 0, 1.5)
    size = 8 + len(head) + len(sizes) + len(rest)
    return struct.pack("<Ii", 67127628, size) + head + sizes + rest


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_an_lsm_file_is_read_without_its_thumbnails(tmp_path: Path, lazy: bool) -> None:
    data = RNG.integers(0, 4000, (2, 3, 20, 24)).astype("uint16")
    path = tmp_path / "scan.lsm"
    with tifffile.TiffWriter(path) as writer:
        for i, plane in enumerate(data.reshape(-1, 20, 24)):
            info = lsm_info(data.shape, 6)  # type: ignore[arg-type]  # a shape of four
            extra = [(34412, 1, len(info), info, True)] if i == 0 else []
            writer.write(plane, metadata=None, photometric="minisblack", extratags=extra, contiguous=False)
            writer.write(plane[:8, :8].astype("uint8"), metadata=None, subfiletype=1, photometric="minisblack")
    image = io.read(path, lazy=lazy)
    assert image.meta["format"] == "LSM"
    assert image.axes == "TZYX"
    assert image.meta["series_count"] == 1
    assert image.meta["notes"] == ()
    assert image.spacing_um == pytest.approx({"x": 0.065, "y": 0.066, "z": 0.25})
    assert image.interval_s == 1.5
    assert np.array_equal(np.asarray(image.data), data)


def test_auto_reads_small_images_at_once_and_large_ones_lazily(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path, metadata={"axes": "TYX"})
    assert isinstance(io.read(path).data, np.ndarray)
    monkeypatch.setattr(lazy_module, "EAGER_BYTES", MOVIE.nbytes - 1)
    assert isinstance(io.read(path).data, dask.array.Array)
    assert isinstance(io.read(path, lazy=False).data, np.ndarray)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_lazy_image_reads_only_the_plane_that_is_indexed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: str | None
) -> None:
    path = save(tmp_path, metadata={"axes": "TYX"}, compression=compression, byteorder=">")
    image = io.read(path, lazy=True)
    numbers: list[int] = []
    read = tiff._Reader.__call__

    def watch(self: Any, number: int) -> Any:
        numbers.append(number)
        plane = read(self, number)
        assert plane.dtype.isnative
        return plane

    monkeypatch.setattr(tiff._Reader, "__call__", watch)
    assert image.data.chunks == ((1,) * 5, (20,), (24,))  # type: ignore[attr-defined]  # dask
    assert np.array_equal(image.block(T=2), MOVIE[2])
    assert numbers == [2]


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_lazy_image_can_be_sent_to_another_process(tmp_path: Path, compression: str | None) -> None:
    image = io.read(save(tmp_path, metadata={"axes": "TYX"}, compression=compression), lazy=True)
    image.block(T=0)
    data = pickle.loads(pickle.dumps(image.data))
    assert np.array_equal(np.asarray(data), MOVIE)


def test_a_lazy_image_whose_file_changes_is_an_error_not_another_image(tmp_path: Path) -> None:
    path = save(tmp_path, metadata={"axes": "TYX"})
    image = io.read(path, lazy=True)
    save(tmp_path, MOVIE[:, ::-1, :10], metadata={"axes": "TYX"})
    with pytest.raises(InputError, match=r"image\.tif was changed while it was being read: start again"):
        image.block(T=0)
    path.unlink()
    with pytest.raises(InputError, match=r"cannot read image\.tif: No such file"):
        image.block(T=0)


def test_nothing_of_tifffile_reaches_the_terminal(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = save(tmp_path, metadata=None, extratags=[(65000, 3, 2, (1, 2), True)])
    content = bytearray(path.read_bytes())
    position = content.index(struct.pack("<HHI", 65000, 3, 2)) + 2
    content[position : position + 2] = struct.pack("<H", 99)  # a type of number that does not exist
    path.write_bytes(content)
    with caplog.at_level(logging.DEBUG):
        assert np.array_equal(io.read(path, axes="TYX").data, MOVIE)
    assert caplog.records == []
    with caplog.at_level(logging.DEBUG), tifffile.TiffFile(path) as file:
        assert len(file.pages) == 5
    assert caplog.records, "the file makes tifffile complain, and others still hear it"
