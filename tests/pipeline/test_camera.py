"""Gain, offset and read noise of a run: from metadata, from the noise, or not at all, each with its source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

import sparsescope as ss
from sparsescope.cli import main
from sparsescope.pipeline import plan
from sparsescope.pipeline.camera import camera

GAIN, OFFSET, READ = 0.46, 100.0, 1.6
"""Electrons per count, counts, electrons."""

PRIORS = {"fidelity": 100, "sparsity": 1, "continuity": 0}
"""Given, so that no time is spent on their choice."""


def structures(side: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    points = (rng.random((side, side)) < 0.01) * rng.uniform(0.2, 1, (side, side))
    blurred = ndimage.gaussian_filter(points, 3.2 / 2.3548)
    return blurred / blurred.max()


def frames(count: int = 1, light: float = 300, side: int = 128, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    electrons = rng.poisson(light * structures(side, seed) + 20, (count, side, side)) + rng.normal(
        0, READ, (count, side, side)
    )
    return np.clip(np.rint(electrons / GAIN + OFFSET), 0, 65535).astype(np.uint16)


def image(data: np.ndarray, axes: str, **meta: object) -> ss.Image:
    return ss.as_image(data, axes, pixel_size_um=0.0625).replace(meta=meta)


def test_gain_and_offset_are_estimated_and_say_so() -> None:
    found = plan(image(frames(light=800, side=256)[0], "YX"), ss.Recipe(**PRIORS), resolution_um=0.2).cameras[0]
    assert found is not None
    assert found.gain_e_per_count == pytest.approx(GAIN, rel=0.15)
    assert found.offset_counts == pytest.approx(OFFSET, abs=8)
    assert dict(found.sources) == {
        "gain_e_per_count": "estimated", "offset_counts": "estimated", "read_noise_e": "default"
    }  # fmt: skip
    assert found.reason == ""


def test_frames_of_a_movie_are_compared() -> None:
    dense = ndimage.gaussian_filter(np.random.default_rng(1).random((96, 96)), 0.7) * 400  # structures at every scale
    rng = np.random.default_rng(2)
    movie = np.rint(rng.poisson(dense, (6, 96, 96)) / GAIN + OFFSET).astype(np.uint16)
    found = plan(image(movie, "TYX"), ss.Recipe(continuity=0, fidelity=100, sparsity=1), resolution_um=0.2).cameras[0]
    alone = camera(movie[:1].astype(np.float32), image(movie[0], "YX"), 3.2)
    assert found is not None
    assert found.gain_e_per_count == pytest.approx(GAIN, rel=0.15)
    assert alone.gain_e_per_count is None or abs(alone.gain_e_per_count / GAIN - 1) > 0.15


def test_what_the_metadata_state_is_taken() -> None:
    data = image(frames()[0], "YX", gain_e_per_count=0.5, offset_counts=98, read_noise_e=1.2)
    found = plan(data, resolution_um=0.2).cameras[0]
    assert found is not None
    assert (found.gain_e_per_count, found.offset_counts, found.read_noise_e) == (0.5, 98, 1.2)
    assert set(found.sources.values()) == {"file"}


@pytest.mark.parametrize("value", [0, -1.0, "high", None, float("nan")])
def test_a_gain_that_is_none_is_estimated(value: object) -> None:
    found = camera(frames().astype(np.float32), image(frames()[0], "YX", gain_e_per_count=value), 3.2)
    assert found.sources["gain_e_per_count"] == "estimated"


def test_processed_images_have_no_photon_scale_and_the_reason_is_given() -> None:
    smooth = ndimage.gaussian_filter(frames()[0].astype(np.float32), 1)
    result = ss.deconvolve(image(smooth, "YX"), resolution_um=0.25)
    found = result.cameras[0]
    assert found is not None
    assert (found.gain_e_per_count, found.offset_counts, found.read_noise_e) == (None, None, None)
    assert set(found.sources.values()) == {"not known"}
    assert found.reason
    assert any(note == f"counts cannot be turned into photons: {found.reason}" for note in result.notes)


def test_nothing_is_said_of_a_camera_where_nothing_is_chosen_from_the_image() -> None:
    fixed = {"background": "flat", "fidelity": 100, "sparsity": 1, "continuity": 0, "deconvolution_iterations": 3}
    assert plan(image(frames()[0], "YX"), ss.Recipe(**fixed), resolution_um=0.2).cameras == (None,)


def test_a_few_photons_are_named() -> None:
    dim = np.random.default_rng(0).poisson(2 * structures(128, 0) + 0.05).astype(np.uint16)
    notes = plan(image(dim, "YX"), resolution_um=0.2).notes
    assert any("photons" in note for note in notes)


def test_info_shows_the_camera_with_its_sources(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "frame.ome.tif"
    ss.write(path, image(frames(light=800, side=256)[0], "YX"))
    assert main(["info", str(path), "--resolution-um", "0.2", "--fidelity", "100", "--sparsity", "1"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    row = next(line for line in lines if line[:2] == ["camera", "gain"])
    assert row[-1] == "estimated"
    assert row[3:6] == ["electrons", "per", "count"]
    assert float(row[2]) == pytest.approx(GAIN, rel=0.15)
