"""Numbers of a camera are taken where their unit is in the name, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sparsescope as ss
from sparsescope import io
from sparsescope.image import Image
from sparsescope.io.camera_facts import stated

GAIN = {"gain_e_per_count": 0.5, "offset_counts": 90.0, "read_noise_e": 1.2}


def frame(seed: int = 0) -> np.ndarray:
    light = 5 + 300 * np.exp(-((np.arange(96) - 48) ** 2) / 300)
    rng = np.random.default_rng(seed)
    return np.rint(rng.poisson(light, (96, 96)) / 0.5 + 90 + rng.normal(0, 2.4, (96, 96))).astype(np.uint16)


def test_what_an_annotation_states_with_its_unit_is_read_and_used(tmp_path: Path) -> None:
    io.write(tmp_path / "a.ome.tif", Image(frame(), "YX", {"x": 0.1, "y": 0.1}, meta={"provenance": GAIN}))
    image = io.read(tmp_path / "a.ome.tif")
    assert {name: image.meta[name] for name in GAIN} == GAIN
    camera = ss.plan(image, resolution_um=0.32).cameras[0]
    assert camera.gain_e_per_count == pytest.approx(0.5)
    assert camera.offset_counts == 90
    assert set(camera.sources.values()) == {"file"}


def test_names_without_a_unit_and_values_that_no_camera_has_are_left_out() -> None:
    assert stated([("Gain", "300"), ("Offset", "5"), ("gain", "2"), ("ConversionGain", "0.46")]) == {}
    assert stated([("gain_e_per_count", text) for text in ("0", "-1", "nan", "high")]) == {}
    assert stated([("offset_counts", "100"), ("offset_counts", "101")]) == {}
    assert stated([("offset_counts", "-3.5"), ("offset_counts", "-3.5")]) == {"offset_counts": -3.5}
