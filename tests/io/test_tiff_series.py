"""Folders and patterns of TIFF files with one plane each: ordered by the numbers in their names, or refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from sparsescope import io
from sparsescope.errors import InputError
from sparsescope.io.tiff_series import arrange

RNG = np.random.default_rng(8)


def write(folder: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Write one plane for each name; return them."""
    folder.mkdir(exist_ok=True)
    planes = {name: RNG.integers(0, 999, (6, 7)).astype("uint16") for name in names}
    for name, plane in planes.items():
        tifffile.imwrite(folder / name, plane, resolution=(1e4 / 0.1, 1e4 / 0.1), resolutionunit="CENTIMETER")
    return planes


@pytest.mark.parametrize(
    ("pattern", "axes"),
    [
        ("cell_t{t}_z{z}_c{c}.tif", "TCZ"),
        ("cell_T{t:03}Z{z:02}C{c}.tiff", "TCZ"),
        ("img_channel{c:03}_position000_time{t:09}_z{z:03}.tif", "TCZ"),
        ("exp7_w{c}_s1_t{t}.TIF", "TC"),
        ("a-slice {z}-frame {t}.tif", "TZ"),
        ("scan{z:04}_Z{z}.tif", None),
        ("imageT{t}Z{z}.tif", "TZ"),
    ],
)
def test_numbers_are_told_apart_by_the_words_before_them(pattern: str, axes: str | None, tmp_path: Path) -> None:
    places = [(t, z, c) for t in range(9, 11) for z in range(3) for c in (1, 2)]
    names = {pattern.format(t=t, z=z, c=c): (t, z, c) for t, z, c in places}
    planes = write(tmp_path / "cells", list(names))
    if axes is None:
        with pytest.raises(InputError, match="but their numbers span"):
            io.read(tmp_path / "cells")
        return
    image = io.read(tmp_path / "cells")
    assert image.axes == axes + "YX"
    lengths = {"T": 2, "Z": 3, "C": 2}
    assert image.shape == (*(lengths[axis] for axis in axes), 6, 7)
    for name, (t, z, c) in names.items():
        index = tuple({"T": t - 9, "Z": z, "C": c - 1}[axis] for axis in axes)
        assert np.array_equal(image.data[index], planes[name])
    assert image.pixel_size_um == pytest.approx(0.1)
    assert image.meta["format"] == "TIFF series"
    assert image.meta["notes"][-1].startswith(f"{len(names)} files were joined in the order of their names")


def test_order_is_that_of_numbers_not_of_letters(tmp_path: Path) -> None:
    planes = write(tmp_path / "a", [f"z{i}.tif" for i in (1, 2, 10, 9, 100)])
    image = io.read(tmp_path / "a")
    assert np.array_equal(image.data, [planes[f"z{i}.tif"] for i in (1, 2, 9, 10, 100)])
    assert np.array_equal(np.asarray(io.read(tmp_path / "a", lazy=True).data), image.data)


def test_a_pattern_takes_some_of_the_files(tmp_path: Path) -> None:
    planes = write(tmp_path / "a", ["dna_t1.tif", "dna_t2.tif", "actin_t1.tif", "other.tif"])
    image = io.read(tmp_path / "a" / "dna_t*.tif")
    assert np.array_equal(image.data, [planes["dna_t1.tif"], planes["dna_t2.tif"]])
    with pytest.raises(InputError, match="files that are not named alike"):
        io.read(tmp_path / "a")
    with pytest.raises(InputError, match="there is no file"):
        io.read(tmp_path / "a" / "nothing*.tif")


def test_words_that_differ_name_the_channels(tmp_path: Path) -> None:
    planes = write(tmp_path / "a", [f"{dye}_z{z}.tif" for dye in ("GFP", "DAPI") for z in range(2)])
    image = io.read(tmp_path / "a")
    assert image.axes == "CZYX"
    assert [channel.name for channel in image.channels] == ["DAPI", "GFP"]
    assert np.array_equal(image.data[1, 0], planes["GFP_z0.tif"])


def test_a_word_may_follow_the_number_of_its_channel(tmp_path: Path) -> None:
    planes = write(tmp_path / "a", [f"x_{dye}_t{t}.TIF" for dye in ("w1DAPI", "w2GFP") for t in range(2)])
    image = io.read(tmp_path / "a")
    assert (image.axes, [channel.name for channel in image.channels]) == ("TCYX", ["DAPI", "GFP"])
    assert np.array_equal(image.data[1, 1], planes["x_w2GFP_t1.TIF"])


def test_positions_are_chosen_by_series(tmp_path: Path) -> None:
    planes = write(tmp_path / "a", [f"p{p}_z{z}.tif" for p in range(3) for z in range(2)])
    with pytest.raises(InputError, match=r"holds 3 images: add --series N .*position 2 \(ZYX 2 × 6 × 7\)"):
        io.read(tmp_path / "a")
    assert np.array_equal(io.read(tmp_path / "a", series=2).data[1], planes["p2_z1.tif"])


def test_a_number_without_a_word_is_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "a", [f"img{i:03}.tif" for i in range(4)])
    with pytest.raises(InputError, match="add --axes TYX if it is time or --axes ZYX if it is depth"):
        io.read(tmp_path / "a")
    assert io.read(tmp_path / "a", axes="ZYX").shape == (4, 6, 7)


def test_a_gap_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a", ["t1_z1.tif", "t1_z2.tif", "t2_z1.tif"])
    with pytest.raises(
        InputError, match="holds 3 files, but their numbers span T 2 × Z 2 = 4 planes: some are missing"
    ):
        io.read(tmp_path / "a")


def test_several_numbers_without_words_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a", ["1_1.tif", "1_2.tif", "2_1.tif", "2_2.tif"])
    with pytest.raises(InputError, match=r"differ in 2 places, and do not say what each counts"):
        io.read(tmp_path / "a")


def test_planes_of_two_sizes_and_stacks_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a", ["z1.tif", "z2.tif"])
    tifffile.imwrite(tmp_path / "a" / "z2.tif", np.zeros((6, 8), "uint16"))
    with pytest.raises(
        InputError, match=r"z2\.tif has uint16 values of shape \(6, 8\), but z1\.tif uint16 of \(6, 7\)"
    ):
        io.read(tmp_path / "a")
    tifffile.imwrite(tmp_path / "a" / "z1.tif", np.zeros((3, 6, 8), "uint16"), imagej=True, metadata={"axes": "ZYX"})
    with pytest.raises(InputError, match=r"z1\.tif holds more than one plane \(ZYX 3 × 6 × 8\)"):
        io.read(tmp_path / "a")


def test_hidden_and_other_files_are_left_out(tmp_path: Path) -> None:
    write(tmp_path / "a", ["z1.tif", "z2.tif", "._z1.tif"])
    (tmp_path / "a" / "notes.txt").write_text("x")
    assert io.read(tmp_path / "a").shape == (2, 6, 7)


@given(st.permutations([f"exp3_t{t}_c{c}.tif" for t in (1, 2, 30) for c in "01"]))
def test_the_order_of_files_does_not_matter(files: list[str]) -> None:
    axes, shape, ordered, labels = arrange("a", files)
    assert (axes, shape, labels) == ("TC", (3, 2), [])
    assert ordered == [f"exp3_t{t}_c{c}.tif" for t in (1, 2, 30) for c in "01"]
