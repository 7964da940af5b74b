"""``sparsescope psf`` from the command line: make, distil, show."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from optics.bead_scenes import camera, field, grid, truth
from sparsescope import Channel, as_image, read, write
from sparsescope.io import read_provenance
from sparsescope.pipeline.psf_file import read_psf

from .conftest import Cli

FIELD = (160, 160)
PLACES = grid(FIELD, 55)
OPTICS = ["--na", "1.2", "--emission-nm", "525", "--pixel-size-um", "0.1", "--shape", "21,21"]


@pytest.fixture
def beads(tmp_path: Path) -> Path:
    """Four beads in a plane of 0.05 µm pixels, one more at the border."""
    path = tmp_path / "beads.ome.tif"
    values = camera(field(FIELD, [*PLACES, [1.5, 80.0]], (4.0, 4.0), 4e4))
    write(path, as_image(values, pixel_size_um=0.05), dtype="uint16")
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_distil_writes_a_psf_and_a_picture_beside_the_beads_and_says_what_became_of_them(cli: Cli, beads: Path):
    said = cli("psf", "distil", beads)
    assert (said.code, said.err) == (0, "")
    assert names(beads.parent) == ["beads.ome.tif", "beads_psf.ome.tif", "beads_psf.png"]
    for text in (
        "beads used     4 of 5",
        "1 cut by the border",
        "FWHM x",
        "0.05 µm",
        "source: distilled from 4 beads",
    ):
        assert text in said.out
    psf = read_psf(beads.with_name("beads_psf.ome.tif"))
    assert dict(psf.spacing_um) == {"y": 0.05, "x": 0.05}
    assert psf.source == "distilled from 4 beads in beads.ome.tif"
    assert np.unravel_index(psf.data.argmax(), psf.data.shape) == tuple(n // 2 for n in psf.data.shape)
    story = read_provenance(beads.with_name("beads_psf.ome.tif"))
    assert (story["beads"]["used"], len(story["sha256"])) == (4, 64)


def test_distil_as_json_names_each_bead(cli: Cli, beads: Path, tmp_path: Path):
    said = cli("psf", "distil", beads, "--json", "--out", tmp_path / "new" / "here")
    one = said.document["results"][0]
    assert one["beads"]["left_out"] == {"cut by the border": 1}
    assert len(one["beads"]["each"]) == 5
    assert one["fwhm_um"]["x"] == pytest.approx(0.203, rel=0.03)
    assert Path(one["psf"]).parent == tmp_path / "new" / "here"
    assert Path(one["picture"]).is_file()


def test_a_stack_without_names_of_its_axes_is_one_and_flags_give_sizes(cli: Cli, tmp_path: Path):
    import tifffile

    shape = (24, 90, 140)
    values = camera(field(shape, [[12.0, 44.0, 45.0], [11.6, 45.0, 95.0]], (5.0, 4.0, 4.0), 2e5))
    tifffile.imwrite(tmp_path / "stack.tif", values, photometric="minisblack")
    flags = ["--pixel-size-um", "0.1", "--z-step-um", "0.2", "--bead-diameter-um", "0.1", "-o", tmp_path / "mine.tif"]
    said = cli("psf", "distil", tmp_path / "stack.tif", *flags)
    assert said.code == 0, said.err
    assert names(tmp_path) == ["mine.png", "mine.tif", "stack.tif"]
    assert "the size of the beads (0.1 µm" in said.out
    assert "the first was taken as z" in said.out
    assert read(tmp_path / "mine.tif").spacing_um == {"x": 0.1, "y": 0.1, "z": 0.2}


def test_show_draws_and_says_the_numbers_with_their_source(cli: Cli, tmp_path: Path):
    psf = truth((21, 21), (4.0, 5.0)).astype(np.float32)
    channel = Channel(emission_nm=525.0)
    image = as_image(psf, pixel_size_um=0.1).replace(channels=(channel,), meta={"numerical_aperture": 1.05})
    write(tmp_path / "psf.ome.tif", image)
    said = cli("psf", "show", tmp_path / "psf.ome.tif")
    assert (said.code, said.err) == (0, "")
    assert (tmp_path / "psf_show.png").read_bytes().startswith(b"\x89PNG")
    assert "FWHM y         0.406 µm = 4.06 px" in said.out
    assert "2 NA/λ = 4 cycles/µm (period 0.25 µm)" in said.out
    row = next(line for line in said.out.splitlines() if "2 NA" in line)
    assert row.endswith("file")
    one = cli("psf", "show", tmp_path / "psf.ome.tif", "--na", "0.525", "--json", "-o", tmp_path / "x.png").document
    assert one["results"][0]["otf_cutoff_cycles_per_um"] == pytest.approx(2)
    assert one["results"][0]["fwhm_px"] == pytest.approx({"y": 4.06, "x": 5.05}, abs=0.01)


def test_make_computes_from_flags_and_names_every_source(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    said = cli("psf", "make", *OPTICS)
    assert said.code == 0, said.err
    assert names(tmp_path) == ["psf.ome.tif", "psf.png"]
    for words in (
        ("numerical aperture", "1.2", "flag"),
        ("modality", "widefield", "default"),
        ("voxel size x", "flag"),
    ):
        row = next(line for line in said.out.splitlines() if line.strip().startswith(words[0]))
        assert all(word in row for word in words)
    psf = read_psf("psf.ome.tif")
    assert psf.data.shape == (21, 21)
    assert "computed for wide field" in psf.source
    image = read("psf.ome.tif")
    assert image.meta["numerical_aperture"] == 1.2
    assert image.channels[0].emission_nm == 525
    assert "2 NA/λ" in cli("psf", "show", "psf.ome.tif").out


def test_make_reads_optics_and_voxels_from_an_image_and_flags_win(cli: Cli, tmp_path: Path):
    channels = (Channel(emission_nm=525.0), Channel(emission_nm=610.0))
    meta = {"numerical_aperture": 0.8, "modality": "WideField"}
    image = as_image(np.ones((2, 5, 8, 8), np.uint16), "CZYX", pixel_size_um=0.2, z_step_um=0.5)
    write(tmp_path / "cell.ome.tif", image.replace(channels=channels, meta=meta), dtype="uint16")
    flags = ["--channel", "1", "--pixel-size-um", "0.15", "--shape", "5,21,21", "--json"]
    said = cli("psf", "make", tmp_path / "cell.ome.tif", *flags)
    assert said.code == 0, said.err
    one = said.document["results"][0]
    assert one["shape"] == [5, 21, 21]
    assert one["spacing_um"] == {"z": 0.5, "y": 0.15, "x": 0.15}
    assert one["microscope"]["emission_nm"] == {"value": 610, "source": "file"}
    assert one["microscope"]["numerical_aperture"] == {"value": 0.8, "source": "file"}
    assert names(tmp_path) == ["cell.ome.tif", "cell_psf.ome.tif", "cell_psf.png"]
    assert not any("--channel chooses" in note for note in one["notes"])
    said = cli("psf", "make", tmp_path / "cell.ome.tif", "--ndim", "2", "--shape", "5,5", "-o", tmp_path / "new")
    assert "note: for channel 0 of 2: each has its own PSF, --channel chooses" in said.out


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_made_psf_is_as_wide_as_its_optics_say_after_the_round_trip(cli: Cli, tmp_path: Path, ndim: int):
    flags = [
        "--na",
        "0.8",
        "--emission-nm",
        "520",
        "--model",
        "scalar",
        "--pixel-size-um",
        "0.05",
        "--z-step-um",
        "0.4",
    ]
    said = cli("psf", "make", *flags, "--refractive-index", "1", "--ndim", ndim, "-o", tmp_path, "--json")
    assert said.code == 0, said.err
    psf = read_psf(tmp_path / "psf.ome.tif")
    assert psf.ndim == ndim
    width = said.document["results"][0]["fwhm_um"]["x"]
    assert width == pytest.approx(0.5145 * 0.52 / 0.8, rel=0.02)
    middle = tuple(n // 2 for n in psf.data.shape)
    assert np.unravel_index(psf.data.argmax(), psf.data.shape) == middle


BAD: dict[str, tuple[list[str], int, str]] = {
    "no file": (["distil", "no.tif"], 1, "there is no file no.tif"),
    "no beads named": (["distil"], 2, "BEADS"),
    "a bad diameter": (["distil", "beads.ome.tif", "--bead-diameter-um", "-1"], 2, "bead_diameter_um = -1.0"),
    "a large bead": (["distil", "beads.ome.tif", "--bead-diameter-um", "3"], 1, "beads of 3 µm are too large"),
    "no such channel": (["distil", "beads.ome.tif", "--channel", "3"], 2, "channel = 3 is not allowed"),
    "beads as a psf": (["show", "beads.ome.tif"], 2, "stands on a background"),
    "not a png": (["show", "beads.ome.tif", "-o", "x.tif"], 2, "stands on a background"),
    "nothing known": (["make"], 2, "--pixel-size-um"),
    "no na": (["make", "--pixel-size-um", "0.1", "--emission-nm", "525"], 2, "--na"),
    "no emission": (["make", "--pixel-size-um", "0.1", "--na", "1.2"], 2, "--emission-nm"),
    "na of nonsense": (["make", *OPTICS[2:], "--na", "3"], 2, "numerical_aperture = 3.0 is not allowed"),
    "an even shape": (["make", *OPTICS[:-1], "20,20"], 2, "odd numbers"),
    "a shape of words": (["make", *OPTICS[:-1], "large"], 2, "--shape large: allowed are whole numbers"),
    "a stack without step": (["make", *OPTICS[:-2], "--ndim", "3"], 2, "--z-step-um"),
    "a negative pixel": (
        ["make", "--na", "1.2", "--emission-nm", "525", "--pixel-size-um", "-1"],
        2,
        "--pixel-size-um -1",
    ),
    "an unknown modality": (["make", *OPTICS, "--modality", "electron"], 2, "modality = 'electron' has no PSF model"),
    "a channel of nothing": (["make", *OPTICS, "--channel", "1"], 2, "--channel 1"),
    "a wrong command": (["melt"], 2, "melt"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_done_is_one_message_and_no_file(
    cli: Cli, beads: Path, monkeypatch: pytest.MonkeyPatch, case: str
):
    arguments, code, message = BAD[case]
    monkeypatch.chdir(beads.parent)
    said = cli("psf", *arguments)
    assert (said.code, said.out) == (code, "")
    assert said.err.startswith("error: ")
    assert message in " ".join(said.err.split())
    assert names(beads.parent) == ["beads.ome.tif"]


@pytest.mark.parametrize("ending", [".ome.tif", ".png"])
@pytest.mark.parametrize("command", ["distil", "make"])
def test_a_file_that_exists_is_kept_and_the_other_not_made(
    cli: Cli, beads: Path, monkeypatch: pytest.MonkeyPatch, command: str, ending: str
):
    monkeypatch.chdir(beads.parent)
    there = beads.with_name(f"{'beads_psf' if command == 'distil' else 'psf'}{ending}")
    there.write_text("mine")
    arguments = [beads] if command == "distil" else OPTICS
    said = cli("psf", command, *arguments)
    assert (said.code, said.out) == (1, "")
    assert "exists already" in said.err
    assert there.read_text() == "mine"
    assert len(names(beads.parent)) == 2
    assert cli("psf", command, *arguments, "--overwrite").code == 0
    assert there.read_bytes() != b"mine"
    assert len(names(beads.parent)) == 3


def test_a_picture_that_cannot_be_one_is_refused(cli: Cli, tmp_path: Path):
    write(tmp_path / "psf.tif", as_image(truth((9, 9), (3.0, 3.0)).astype(np.float32)))
    said = cli("psf", "show", tmp_path / "psf.tif", "-o", tmp_path / "x.pdf")
    assert said.code == 2
    assert "give a name that ends in .png" in said.err
    assert names(tmp_path) == ["psf.tif"]


@pytest.mark.parametrize("command", [[], ["make"], ["distil"], ["show"]])
def test_help_names_units_and_defaults(cli: Cli, command: list[str]):
    said = cli("psf", *command, "--help")
    assert said.code == 0
    text = " ".join(said.out.replace("│", " ").split())
    wanted = ["[default:", "in µm"] if command else ["make", "distil", "show", "Measure a PSF on an image of beads."]
    assert all(part in text for part in wanted)


def test_a_psf_is_no_result_to_repeat(cli: Cli, beads: Path):
    cli("psf", "distil", beads)
    said = cli("rerun", beads.with_name("beads_psf.ome.tif"))
    assert said.code == 1
    assert "holds no recipe" in said.err


def test_json_and_table_say_the_same_widths(cli: Cli, beads: Path, tmp_path: Path):
    table = cli("psf", "distil", beads, "-o", tmp_path / "a").out
    document = json.loads(cli("psf", "distil", beads, "-o", tmp_path / "b", "--json").out)
    assert f"{document['results'][0]['fwhm_px']['x']:.3g} px" in table
