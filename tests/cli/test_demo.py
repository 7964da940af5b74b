"""The demo: one command, an image and a picture."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from sparsescope import read
from sparsescope.cli.demo import ATTRIBUTION, IMAGE

from .conftest import Cli, area


def test_the_demo_writes_a_sharper_image_and_a_picture_and_says_where(cli: Cli, tmp_path: Path) -> None:
    said = cli("demo", "--out", tmp_path / "new")
    assert said.code == 0
    result, picture = tmp_path / "new" / "vesicles_sparse.ome.tif", tmp_path / "new" / "vesicles_before_after.png"
    assert str(result) in said.out
    assert str(picture) in said.out
    assert picture.read_bytes().startswith(b"\x89PNG")
    before, after = read(IMAGE), read(result)
    assert (after.shape, after.pixel_size_um) == (before.shape, before.pixel_size_um)
    assert area(after.block()) < 0.8 * area(before.block()), "sharper"
    assert re.search(r"(removed|which adds) \d\.\d % (of|to) the signal", said.out), "and little is lost"
    assert re.search(r"fidelity +\S+ +auto", said.out), "with no knob turned"


def test_the_demo_keeps_what_is_there_unless_told_otherwise(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "vesicles_before_after.png").write_text("mine")
    said = cli("demo", "--out", tmp_path)
    assert said.code == 1
    assert "exists already" in said.err
    assert (tmp_path / "vesicles_before_after.png").read_text() == "mine"
    assert not (tmp_path / "vesicles_sparse.ome.tif").exists(), "refused before any work"
    assert cli("demo", "--out", tmp_path, "--overwrite").code == 0


def test_the_shipped_image_is_small_has_its_size_and_its_attribution() -> None:
    image = read(IMAGE)
    assert (image.axes, image.shape, image.pixel_size_um) == ("YX", (256, 256), 0.1015)
    assert image.channels[0].name == "vesicles"
    assert IMAGE.stat().st_size < 1_000_000
    assert "MIT License" in ATTRIBUTION.read_text(encoding="utf-8")


def test_the_shipped_image_is_the_stated_part_of_its_source(shared_data: Path) -> None:
    source = read(shared_data / "lattice_lightsheet" / "im_raw.tif", axes="ZYX")
    assert np.array_equal(read(IMAGE).block(), source.block(Z=36, Y=slice(16, 272)))
