"""ND2, CZI, LIF, OIB, OIF and MRC files: pixels, axes, choice of one image, metadata; damage is refused in words."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import numpy.typing as npt
import pytest

import microscope_files as files
from sparsescope import io
from sparsescope.errors import InputError
from sparsescope.image import Channel, Image
from sparsescope.io import damage

RNG = np.random.default_rng(3)
TZCYX = RNG.integers(0, 4000, (2, 3, 2, 20, 31)).astype("uint16")
TCZYX = TZCYX.swapaxes(1, 2)
ZCYX, CZYX = TZCYX[0], TCZYX[0]


def both(path: Path, **arguments: Any) -> Image:
    """Read a file at once and lazily, check that the pixels are the same, return the image."""
    image = io.read(path, **arguments)
    lazy = io.read(path, lazy=True, **arguments)
    assert type(lazy.data).__module__.startswith("dask")
    assert lazy.data.chunksize == (1,) * (image.data.ndim - 2) + image.shape[-2:]
    assert np.array_equal(np.asarray(lazy.data), image.data)
    assert image.dtype.isnative
    assert (lazy.axes, lazy.spacing_um, lazy.channels) == (image.axes, image.spacing_um, image.channels)
    return image


def czi_blocks(data: npt.NDArray[Any] = ZCYX, *, compression: int = 0, **more: int) -> list[Any]:
    return [
        ({"C": c, "Z": z, **more}, data[z, c], compression) for z in range(data.shape[0]) for c in range(data.shape[1])
    ]


MAKERS: dict[str, Callable[[Path], Path]] = {
    "nd2": lambda folder: files.nd2(folder / "a.nd2", TZCYX, "TZ", channels=("GFP", "RFP")),
    "czi": lambda folder: files.czi(folder / "a.czi", czi_blocks(), files.CZI_XML),
    "lif": lambda folder: files.lif(folder / "a.lif", {"one": ("TZCYX", TZCYX)}, files.LIF_SETTINGS),
    "oib": lambda folder: files.oib(folder / "a.oib", ZCYX, "ZCYX"),
    "oif": lambda folder: files.oif(folder / "a.oif", ZCYX, "ZCYX"),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_pixels_are_those_that_were_written(kind: str, tmp_path: Path) -> None:
    path = MAKERS[kind](tmp_path)
    image = both(path)
    expected = TCZYX if kind in ("nd2", "lif") else CZYX
    assert image.axes == "TCZYX"[-expected.ndim :]
    assert np.array_equal(image.data, expected)
    assert image.meta["series"] == 0
    assert image.meta["series_count"] == 1
    assert image.meta["notes"] == (
        ("refractive index 1.333 assumed for the immersion medium Water",) if kind == "czi" else ()
    )


@pytest.mark.parametrize("kind", MAKERS)
def test_a_lazy_image_can_be_sent_to_another_process(kind: str, tmp_path: Path) -> None:
    image = io.read(MAKERS[kind](tmp_path), lazy=True)
    again = pickle.loads(pickle.dumps(image.data))
    assert np.array_equal(np.asarray(again), np.asarray(image.data))


@pytest.mark.parametrize("kind", MAKERS)
def test_a_file_that_changes_while_it_is_read_is_an_error(kind: str, tmp_path: Path) -> None:
    path = MAKERS[kind](tmp_path)
    image = io.read(path, lazy=True)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(InputError, match="was changed while it was being read"):
        np.asarray(image.data)


@pytest.mark.parametrize("kind", MAKERS)
def test_a_file_cut_off_anywhere_is_refused_or_complete(kind: str, tmp_path: Path) -> None:
    path = MAKERS[kind](tmp_path)
    content, whole = path.read_bytes(), np.asarray(io.read(path).data)
    for kept in (
        1,
        40,
        200,
        len(content) // 3,
        len(content) // 2,
        len(content) - 600,
        len(content) - 41,
        len(content) - 1,
    ):
        path.write_bytes(content[:kept])
        try:
            image = io.read(path)
        except InputError:
            continue
        assert np.array_equal(image.data, whole), kept


@pytest.mark.parametrize("kind", MAKERS)
def test_a_claim_far_above_the_bytes_is_refused(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = MAKERS[kind](tmp_path)
    monkeypatch.setattr(damage, "BOMB_BYTES", 2**10)
    monkeypatch.setattr(damage, "BOMB_RATIO", 0.01)
    with pytest.raises(InputError, match=r"from \d+ stored bytes, more than 0\.01"):
        io.read(path)


def test_an_nd2_file_gives_sizes_interval_channels_and_optics(tmp_path: Path) -> None:
    image = io.read(files.nd2(tmp_path / "a.nd2", TZCYX, "TZ", channels=("GFP", "RFP"), bits=12))
    assert dict(image.spacing_um) == {"x": 0.065, "y": 0.065, "z": 0.25}
    assert image.interval_s == 1.5
    assert image.channels[1] == Channel("RFP", (0, 255, 0), 525.0, 488.0)
    known = {"numerical_aperture": 1.45, "refractive_index": 1.515, "pinhole_um": 30.0, "bits": 12}
    assert {key: image.meta[key] for key in known} == known
    assert image.meta["modality"] == "LaserScanningConfocalMicroscopy"
    assert image.meta["format"] == "Nikon ND2"


def test_an_nd2_file_without_a_probe_keeps_its_sizes(tmp_path: Path) -> None:
    image = io.read(files.nd2(tmp_path / "a.nd2", TZCYX, "TZ", channels=("GFP", "RFP"), probe=False))
    assert dict(image.spacing_um) == {"x": 0.065, "y": 0.065, "z": 0.25}
    assert image.channels[0] == Channel("GFP")
    assert image.meta["numerical_aperture"] == 1.45


def test_a_microscope_beyond_a_confocal_one_is_not_called_one(tmp_path: Path) -> None:
    path = files.nd2(tmp_path / "a.nd2", TZCYX, "TZ", channels=("GFP", "RFP"), mask=0x40000401)
    image = io.read(path)
    assert "modality" not in image.meta
    assert image.meta["notes"] == ("the microscope works beyond a confocal one (sora): its kind is left out",)


@pytest.mark.parametrize("packed", [False, True])
def test_a_position_of_an_nd2_file_is_chosen_by_series(packed: bool, tmp_path: Path) -> None:
    data = RNG.integers(0, 999, (2, 4, 3, 1, 9, 12)).astype("uint16")
    path = files.nd2(tmp_path / "a.nd2", data, "TPZ", packed=packed)
    with pytest.raises(InputError, match=r"holds 4 images: add --series N .*2: position 2 \(TZYX 2 × 3 × 9 × 12\)"):
        io.read(path)
    image = both(path, series=2)
    assert np.array_equal(image.data, data[:, 2, :, 0])
    assert (image.axes, image.meta["series"], image.meta["series_count"]) == ("TZYX", 2, 4)
    named = io.read(path, axes="TCZYX")
    assert np.array_equal(named.data, data[..., 0, :, :])


def test_an_nd2_recording_that_was_interrupted_is_refused_not_filled_with_zeros(tmp_path: Path) -> None:
    path = files.nd2(tmp_path / "a.nd2", TZCYX, "TZ", channels=("a", "b"))
    path.write_bytes(path.read_bytes().replace(b"ImageDataSeq|3!", b"ImageDataSeq|9!"))
    with pytest.raises(
        InputError, match="declares 6 planes, but holds 5: the recording or a copy of it was interrupted"
    ):
        io.read(path)


def test_an_nd2_frame_that_reaches_behind_the_end_is_refused_not_filled_with_zeros(tmp_path: Path) -> None:
    path = files.nd2(tmp_path / "a.nd2", TZCYX, "TZ", channels=("a", "b"))
    content = bytearray(path.read_bytes())
    at = content.rindex(b"ImageDataSeq|3!") + len(b"ImageDataSeq|3!")
    struct.pack_into("<Q", content, at, len(content) - 4200)
    path.write_bytes(content)
    with pytest.raises(InputError, match="frame 4 of 6 is not complete"):
        io.read(path)


def test_a_packed_nd2_frame_that_unpacks_to_less_is_damaged(tmp_path: Path) -> None:
    import zlib

    short = bytes(8) + zlib.compress(bytes(10))
    path = files.nd2(
        tmp_path / "a.nd2", TZCYX[0], "Z", channels=("a", "b"), packed=True, chunks={b"ImageDataSeq|1!": short}
    )
    with pytest.raises(InputError, match=r"pixels (of its plane .* )?are damaged"):
        io.read(path)


def test_nd2_metadata_with_entities_are_refused(tmp_path: Path) -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><variant><a>&b;</a></variant>'
    path = files.nd2(tmp_path / "a.nd2", TZCYX, "TZ", channels=("a", "b"), chunks={b"ImageTextInfo!": bomb})
    with pytest.raises(InputError, match="document type or entities, which are not allowed"):
        io.read(path)


@pytest.mark.parametrize(
    ("compression", "dtype"),
    [(0, "uint8"), (0, "uint16"), (0, "float32"), (5, "uint8"), (5, "float32"), (6, "uint16"), (4, "uint16")],
)
def test_czi_blocks_are_unpacked(compression: int, dtype: str, tmp_path: Path) -> None:
    data = ZCYX.astype(dtype)
    image = both(files.czi(tmp_path / "a.czi", czi_blocks(data, compression=compression)))
    assert np.array_equal(image.data, data.swapaxes(0, 1))
    assert image.meta["notes"] == ()


def test_the_metadata_of_a_czi_file_are_mapped_channel_by_channel(tmp_path: Path) -> None:
    data = np.stack([ZCYX, ZCYX + 1])
    blocks = [({"T": t, **at}, pixels, 0) for t in range(2) for at, pixels, _ in czi_blocks(data[t])]
    image = io.read(files.czi(tmp_path / "a.czi", blocks, files.CZI_XML))
    assert image.axes == "TCZYX"
    assert dict(image.spacing_um) == pytest.approx({"x": 0.065, "y": 0.065, "z": 0.3})
    assert image.interval_s == 2.5
    assert image.channels == (Channel("EGFP", (0, 255, 0), 509.0, 488.0), Channel("mCherry", None, 610.0))
    assert image.meta["numerical_aperture"] == 1.2
    assert image.meta["refractive_index"] == 1.333
    assert image.meta["pinhole_airy"] == (1.2, None)
    assert image.meta["channel_modalities"] == ("SpinningDiskConfocal", "WideField")
    assert image.meta["bits"] == 14


def test_scenes_and_tiles_of_a_czi_file_are_chosen_by_series(tmp_path: Path) -> None:
    blocks = [b for s in range(2) for m in range(2) for b in czi_blocks(ZCYX + 10 * s + m, S=s, M=m)]
    path = files.czi(tmp_path / "a.czi", blocks)
    with pytest.raises(InputError, match=r"holds 4 images: .*3: scene 1, tile 1 \(CZYX 2 × 3 × 20 × 31\)"):
        io.read(path)
    assert np.array_equal(both(path, series=2).data, CZYX + 10)


def test_the_smaller_copies_in_a_czi_pyramid_do_not_count(tmp_path: Path) -> None:
    small = {"C": 7, "Z": 0}
    blocks = [*czi_blocks(), (small, ZCYX[0, 0, ::2, ::2], 0)]
    image = io.read(files.czi(tmp_path / "a.czi", blocks, reduced={tuple(small.items()): 2}))
    assert np.array_equal(image.data, CZYX)


def test_an_rgb_czi_file_is_refused_and_read_as_channels_on_request(tmp_path: Path) -> None:
    rgb = RNG.integers(0, 255, (8, 9, 3)).astype("uint8")
    path = files.czi(tmp_path / "a.czi", [({"C": 0}, rgb[..., ::-1], 0)])
    with pytest.raises(InputError, match="is an RGB photograph"):
        io.read(path)
    assert np.array_equal(io.read(path, axes="CYX").data, np.moveaxis(rgb, -1, 0))


def test_a_czi_file_that_lacks_a_plane_is_refused(tmp_path: Path) -> None:
    blocks = [block for block in czi_blocks() if block[0] != {"C": 0, "Z": 1}]
    gap = [block for block in blocks if block[0] != {"C": 1, "Z": 1}]
    path = files.czi(tmp_path / "a.czi", [*gap, ({"C": 1, "Z": 1, "T": 1}, ZCYX[1, 1], 0)])
    with pytest.raises(InputError, match=r"declares \d+ planes, but holds \d+: the recording"):
        io.read(path)


@pytest.mark.parametrize(("fault", "text"), [({"part": 1}, "in several files"), ({"pending": 1}, "was not closed")])
def test_an_unfinished_or_divided_czi_file_says_so(fault: dict[str, int], text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=text):
        io.read(files.czi(tmp_path / "a.czi", czi_blocks(), **fault))


def test_czi_metadata_with_entities_are_refused(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE a [<!ENTITY b "c">]><ImageDocument>&b;</ImageDocument>'
    with pytest.raises(InputError, match="document type or entities, which are not allowed"):
        io.read(files.czi(tmp_path / "a.czi", czi_blocks(), bomb))


def test_a_lif_file_gives_sizes_channels_and_optics(tmp_path: Path) -> None:
    image = io.read(MAKERS["lif"](tmp_path))
    assert dict(image.spacing_um) == pytest.approx({"x": 0.065, "y": 0.065, "z": 0.3})
    assert image.interval_s == 1.5
    assert image.channels == (Channel("dye 0", (0, 255, 0), 525.0), Channel("dye 1", (255, 0, 0), 620.0))
    known = {"numerical_aperture": 1.3, "refractive_index": 1.451, "pinhole_airy": 0.9, "bits": 16}
    assert {key: image.meta[key] for key in known} == known
    assert image.meta["modality"] == "LaserScanningConfocalMicroscopy"


def test_images_and_tiles_of_a_lif_file_are_chosen_by_series(tmp_path: Path) -> None:
    tiles = RNG.integers(0, 99, (3, 6, 7)).astype("uint8")
    path = files.lif(tmp_path / "a.lif", {"cells": ("ZCYX", ZCYX), "map": ("MYX", tiles)})
    with pytest.raises(InputError, match=r"holds 4 images: .*0: cells \(ZCYX 3 .*2: map, mosaic tile 1 \(YX 6 × 7\)"):
        io.read(path)
    assert np.array_equal(both(path, series=0).data, CZYX)
    assert np.array_equal(both(path, series=2).data, tiles[1])


def test_a_lof_file_is_read_and_a_cut_off_one_refused(tmp_path: Path) -> None:
    path = files.lof(tmp_path / "a.lof", "ZCYX", ZCYX)
    image = both(path)
    assert image.axes == "CZYX"
    assert np.array_equal(image.data, CZYX)
    assert dict(image.spacing_um) == pytest.approx({"x": 0.065, "y": 0.065, "z": 0.3})
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(InputError, match="is cut off"):
        io.read(path)


def test_a_lif_image_larger_than_its_bytes_is_refused(tmp_path: Path) -> None:
    path = MAKERS["lif"](tmp_path)
    few, many = ('NumberOfElements="2"'.encode("utf-16-le"), 'NumberOfElements="9"'.encode("utf-16-le"))
    path.write_bytes(path.read_bytes().replace(few, many))
    with pytest.raises(InputError, match=r"needs more than the \d+ bytes|cut off"):
        io.read(path)


def test_a_lif_image_does_not_reach_into_the_next_one(tmp_path: Path) -> None:
    path = files.lif(tmp_path / "a.lif", {"one": ("TYX", TZCYX[:, 0, 0]), "two": ("ZYX", ZCYX[:, 0])})
    few, many = ('NumberOfElements="2"'.encode("utf-16-le"), 'NumberOfElements="3"'.encode("utf-16-le"))
    path.write_bytes(path.read_bytes().replace(few, many, 1))
    with pytest.raises(InputError, match=r"image one of shape \(3, 20, 31\) needs more than the 2480 bytes"):
        io.read(path, series=1)


def test_lif_metadata_with_entities_are_refused_before_they_are_parsed(tmp_path: Path) -> None:
    laughs = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10 if i else "ha"}">' for i in range(12))
    path = tmp_path / "a.lif"
    path.write_bytes(files.lif_header(f'<!DOCTYPE x [{laughs}]><LMSDataContainerHeader Version="2">&a11;</LMS>'))
    with pytest.raises(InputError, match="document type or entities, which are not allowed"):
        io.read(path)


@pytest.mark.parametrize("kind", ["oib", "oif"])
def test_an_olympus_file_gives_sizes_channels_and_optics(kind: str, tmp_path: Path) -> None:
    image = io.read(MAKERS[kind](tmp_path))
    assert dict(image.spacing_um) == pytest.approx({"x": 0.1, "y": 0.1, "z": 0.3})
    assert image.channels == (Channel("dye 1", None, 520.0, 488.0), Channel("dye 2", None, 520.0, 488.0))
    known = {"numerical_aperture": 1.2, "pinhole_um": 80.0, "bits": 12, "format": "Olympus OIB/OIF"}
    assert {key: image.meta[key] for key in known} == known


def test_the_interval_of_an_olympus_movie_is_read(tmp_path: Path) -> None:
    image = io.read(files.oib(tmp_path / "a.oib", TZCYX[:, 0, 0], "TYX"))
    assert (image.axes, image.interval_s) == ("TYX", 2.5)


def test_an_oif_file_without_its_folder_or_a_plane_says_so(tmp_path: Path) -> None:
    path = MAKERS["oif"](tmp_path)
    folder = tmp_path / "a.oif.files"
    (folder / "s_C001Z002.tif").unlink()
    with pytest.raises(InputError, match="declares 6 planes, but holds 5"):
        io.read(path)
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"has its pixels in a folder a\.oif\.files, which is not beside it"):
        io.read(path)


def test_a_compound_file_whose_sectors_run_in_a_circle_is_refused(tmp_path: Path) -> None:
    path = MAKERS["oib"](tmp_path)
    content = bytearray(path.read_bytes())
    table = (struct.unpack_from("<I", content, 76)[0] + 1) * 512
    assert struct.unpack_from("<2I", content, table + 4) == (2, 3)
    struct.pack_into("<I", content, table + 8, 1)
    path.write_bytes(content)
    with pytest.raises(InputError, match="its directory of parts cannot be followed"):
        io.read(path)


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "float32", "float16"])
def test_an_mrc_volume_is_read_with_its_size(dtype: str, tmp_path: Path) -> None:
    data = ZCYX[:, 0].astype(dtype)
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(data)
        file.voxel_size = (650.0, 650.0, 3000.0)
    image = both(tmp_path / "a.mrc")
    assert (image.axes, image.dtype.name) == ("ZYX", dtype)
    assert np.array_equal(image.data, data)
    assert dict(image.spacing_um) == pytest.approx({"x": 0.065, "y": 0.065, "z": 0.3})
    assert image.meta["notes"] == ()


def test_an_mrc_stack_of_images_says_nothing_about_its_axis(tmp_path: Path) -> None:
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(ZCYX[:, 0])
        file.set_image_stack()
        file.voxel_size = 12.0
    with pytest.raises(InputError, match="add --axes TYX if it is time or --axes ZYX if it is depth"):
        io.read(tmp_path / "a.mrc")
    image = both(tmp_path / "a.mrc", axes="TYX")
    assert image.pixel_size_um == pytest.approx(0.0012)
    assert "is that of an electron microscope" in image.meta["notes"][0]


def test_the_sizes_of_an_mrc_file_follow_the_order_of_its_axes(tmp_path: Path) -> None:
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(ZCYX[:, 0])
        file.voxel_size = (300.0, 100.0, 200.0)
        file.header.mapc, file.header.mapr, file.header.maps = 2, 3, 1
    image = io.read(tmp_path / "a.mrc")
    assert dict(image.spacing_um) == pytest.approx({"x": 0.01, "y": 0.02, "z": 0.03})
    assert "the file calls its axes y, z, x, fastest first" in image.meta["notes"][0]


def test_mrc_volumes_are_chosen_by_series_and_one_section_is_a_plane(tmp_path: Path) -> None:
    with mrcfile.new(tmp_path / "many.mrc") as file:
        file.set_data(TZCYX[:, :, 0])
    assert np.array_equal(both(tmp_path / "many.mrc", series=1).data, TZCYX[1, :, 0])
    with mrcfile.new(tmp_path / "one.mrc") as file:
        file.set_data(ZCYX[0, 0])
    assert both(tmp_path / "one.mrc").axes == "YX"


def test_an_mrc_file_of_the_other_byte_order_is_read(tmp_path: Path) -> None:
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(ZCYX[:, 0].astype(">f4"))
    assert np.array_equal(both(tmp_path / "a.mrc").data, ZCYX[:, 0])


@pytest.mark.parametrize(
    ("at", "value", "text"),
    [(0, -3, "its header says -3"), (8, 900, "is cut off: its pixels reach to byte"), (12, 4, "numbers of mode 4")],
)
def test_an_mrc_header_that_cannot_be_is_refused(at: int, value: int, text: str, tmp_path: Path) -> None:
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(ZCYX[:, 0])
    content = bytearray((tmp_path / "a.mrc").read_bytes())
    struct.pack_into("<i", content, at, value)
    (tmp_path / "a.mrc").write_bytes(content)
    with pytest.raises(InputError, match=text):
        io.read(tmp_path / "a.mrc")
