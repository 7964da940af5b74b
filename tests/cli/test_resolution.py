"""``sparsescope resolution`` from the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sparsescope import Recipe, as_image, deconvolve, write

from .conftest import Cli
from .test_run import row


def exposure(seed: int, side: int = 128, cutoff: float = 0.2) -> np.ndarray:
    """One exposure of an object with detail up to a cut-off."""
    inside = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)) < cutoff
    signal = np.fft.ifft2(np.fft.fft2(np.random.default_rng(0).normal(size=(side, side))) * inside).real
    mean = 200 * (1 + 0.4 * signal / signal.std())
    return np.random.default_rng(seed).poisson(np.maximum(mean, 0)).astype(np.uint16)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "first.tif", tmp_path / "second.tif"
    for seed, path in enumerate(paths, 1):
        write(path, as_image(exposure(seed), pixel_size_um=0.065), dtype="uint16")
    return paths


def test_one_image_is_measured_in_micron_and_the_number_is_explained(cli: Cli, pair: tuple[Path, Path]) -> None:
    said = cli("resolution", pair[0])
    assert (said.code, said.err) == (0, "")
    value = row(said.out, "decorrelation")[0]
    assert value.startswith("0.3")
    assert "µm = " in value
    assert "not how close two points may be" in said.out


def test_two_images_by_frc_with_both_thresholds_and_their_range(cli: Cli, pair: tuple[Path, Path]) -> None:
    said = cli("resolution", *pair)
    assert said.code == 0
    assert "µm = " in row(said.out, "FRC 1/7")[0]
    assert " to " in row(said.out, "FRC half-bit")[0]
    assert "reproducible, not true" in said.out
    (document,) = cli("resolution", *pair, "--json").document["results"]
    values = [1 / found["value_px"] for found in document["resolution"]]
    assert values == pytest.approx([0.2, 0.2], abs=4 / 128)
    assert document["resolution"][0]["value_um"] == pytest.approx(0.065 / values[0])
    assert len(document["curves"][0]["correlation"]) == 65


def test_without_a_pixel_size_the_unit_is_pixels_and_a_flag_gives_micron(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "cell.tif", as_image(exposure(1)), dtype="uint16")
    assert "µm" not in cli("resolution", tmp_path / "cell.tif").out
    assert "µm = " in cli("resolution", tmp_path / "cell.tif", "--pixel-size-um", "0.1").out


def test_a_movie_is_also_measured_by_its_frames(cli: Cli, tmp_path: Path) -> None:
    frames = np.stack([exposure(seed) for seed in range(6)])
    write(tmp_path / "movie.tif", as_image(frames, "TYX"), dtype="uint16")
    value = row(cli("resolution", tmp_path / "movie.tif").out, "FRC of even and odd frames, 1/7")
    assert value[1] == "T 0 to 5"


def test_a_result_is_told_to_look_sharp_only(cli: Cli, tmp_path: Path) -> None:
    recipe = Recipe.preset("published-python", background="none", sparse_iterations=5, resolution_um=0.2)
    result = deconvolve(as_image(exposure(1, 64), pixel_size_um=0.065), recipe)
    write(tmp_path / "cell_sparse.ome.tif", result.image)
    said = cli("resolution", tmp_path / "cell_sparse.ome.tif")
    assert "how sharp it looks, not what it resolves" in " ".join(said.out.split())


def test_noise_alone_has_no_resolution(cli: Cli, tmp_path: Path) -> None:
    for seed in (1, 2):
        noise = np.random.default_rng(seed).poisson(9, (96, 96)).astype(np.uint16)
        write(tmp_path / f"{seed}.tif", as_image(noise), dtype="uint16")
    assert row(cli("resolution", tmp_path / "1.tif").out, "decorrelation")[0] == "nothing stands above the noise"
    assert row(cli("resolution", tmp_path / "1.tif", tmp_path / "2.tif").out, "FRC 1/7")[0] == "nothing in common"


@pytest.mark.parametrize(
    ("names", "code", "words"),
    [
        ([], 2, "FILE"),
        (["no.tif"], 1, "no.tif"),
        (["first.tif", "first.tif"], 1, "same pixel by pixel"),
        (["first.tif", "small.tif"], 1, "same axes and sizes"),
    ],
)
def test_what_cannot_be_measured_is_one_message(
    cli: Cli, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, names: list[str], code: int, words: str
) -> None:
    monkeypatch.chdir(pair[0].parent)
    write("small.tif", as_image(exposure(1, 64)), dtype="uint16")
    said = cli("resolution", *names)
    assert (said.code, said.out) == (code, "")
    assert said.err.startswith("error: ")
    assert words in said.err
