"""``sparsescope info``: what a file holds and what run would do."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sparsescope import Channel, as_image, write

from .conftest import Cli, spots
from .test_run import row


def test_sizes_values_and_saturation_are_said(cli: Cli, tmp_path: Path) -> None:
    values = np.full((3, 20, 20), 7, np.uint16)
    values[0, 0, :6] = 4095
    write(tmp_path / "movie.tif", as_image(values, "TYX", pixel_size_um=0.065, interval_s=0.5), dtype="uint16")
    said = cli("info", tmp_path / "movie.tif")
    assert said.code == 0
    assert "movie.tif   T 3 × Y 20 × X 20   uint16" in said.out
    assert row(said.out, "values")[0].startswith("7 to 4095, mean 27.4")
    assert row(said.out, "saturation") == ["0.5 % of pixels at 4095", "measured"]
    assert row(said.out, "  pixel size") == ["0.065 µm", "file"]
    assert row(said.out, "  interval") == ["0.5 s", "file"]
    assert row(said.out, "  fidelity") == ["150", "default"]


def test_the_flags_of_run_show_what_run_would_use(cli: Cli, cell: Path) -> None:
    said = cli("info", cell, "--fidelity", "99", "--resolution-um", "0.2")
    assert row(said.out, "  fidelity") == ["99", "flag"]
    assert row(said.out, "  resolution") == ["0.2 µm = 2 px", "flag"]


def test_info_and_run_name_the_same_numbers(cli: Cli, cell: Path) -> None:
    flags = ("--sparse-iterations", "5", "--json")
    planned = cli("info", cell, *flags).document["results"][0]
    done = cli("run", cell, *flags).document["results"][0]
    assert planned["recipe"] == done["recipe"]
    assert planned["sources"] == done["sources"]


def test_json_holds_channels_metadata_and_values(cli: Cli, tmp_path: Path) -> None:
    channels = [Channel("GFP [x]", (0, 255, 0), 525.0, 488.0), Channel("RFP", (255, 0, 0))]
    image = as_image(spots(2, 24, 24), "CYX", pixel_size_um=0.1).replace(channels=channels)
    write(tmp_path / "cell.ome.tif", image, dtype="uint16")
    said = cli("info", tmp_path / "cell.ome.tif", "--json")
    (result,) = said.document["results"]
    assert result["channels"][0]["name"] == "GFP [x]"
    assert (result["channels"][0]["emission_nm"], result["channels"][1]["emission_nm"]) == (525.0, None)
    assert result["metadata"]["format"] == "OME-TIFF"
    assert result["values"]["maximum"] > result["values"]["minimum"]
    assert result["fwhm_px"] > 0
    text = cli("info", tmp_path / "cell.ome.tif").out
    assert "GFP [x]" in text


def test_a_file_without_its_pixel_size_is_shown_with_what_run_needs(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "cell.tif", as_image(spots(24, 24)), dtype="uint16")
    said = cli("info", tmp_path / "cell.tif")
    assert said.code == 0
    assert row(said.out, "saturation")
    assert "run would not start: the pixel size is not known" in said.out
    (result,) = cli("info", tmp_path / "cell.tif", "--json").document["results"]
    assert "--pixel-size-um" in result["problem"]
    assert result["recipe"] is None


def test_info_writes_nothing_and_goes_on_past_a_bad_file(cli: Cli, cell: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.tif").write_text("text")
    said = cli("info", tmp_path)
    assert said.code == 1
    assert "cell.ome.tif   Y 48 × X 40" in said.out
    assert "bad.tif" in said.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.tif", "cell.ome.tif"]
