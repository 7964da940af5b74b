"""Where the width of the PSF of a run comes from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sparsescope as ss
from optics.psf_scenes import frame
from sparsescope.errors import InputError
from sparsescope.pipeline.resolution import resolution
from sparsescope.recipe import Recipe

PIXEL = {"x": 0.1, "y": 0.1}
LINES = frame("lines", 4.0, 1000)


class Counted:
    """Pixels that count how often they are read."""

    def __init__(self, data: np.ndarray) -> None:
        self.data, self.shape, self.dtype, self.ndim, self.reads = data, data.shape, data.dtype, data.ndim, 0

    def __getitem__(self, key: Any) -> np.ndarray:
        self.reads += 1
        return self.data[key]


def test_an_image_without_optics_tells_the_width_itself() -> None:
    size, source, notes = resolution(ss.Image(LINES, "YX", PIXEL), Recipe())
    assert source == "estimated"
    assert 0.33 < size < 0.41
    assert "estimated from where the image's power spectrum falls to the noise" in notes[0]
    assert f"pixels = {size:.3g} µm" in notes[0]
    assert "--resolution-um" in notes[0]
    made = ss.plan(ss.Image(LINES, "YX", PIXEL), Recipe(fidelity=150.0))
    assert (made.recipe.resolution_um, made.sources["resolution_um"]) == (size, "estimated")
    assert notes[0] in made.notes


def test_what_the_file_says_wins_over_the_image_and_what_was_given_over_both() -> None:
    optics: dict[str, Any] = {"channels": [ss.Channel(emission_nm=500.0)], "meta": {"numerical_aperture": 1.0}}
    known = ss.Image(LINES, "YX", PIXEL, **optics)
    assert resolution(known, Recipe())[:2] == (0.255, "file")
    assert resolution(known, Recipe(resolution_um=0.3)) == (0.3, "recipe", [])


def test_impossible_optics_are_told_and_the_image_is_asked() -> None:
    odd = ss.Image(LINES, "YX", PIXEL, channels=[ss.Channel(emission_nm=0.5)], meta={"numerical_aperture": 140.0})
    size, source, notes = resolution(odd, Recipe())
    assert (source, size < 0.41) == ("estimated", True)
    assert sum("is impossible" in note for note in notes) == 2


@pytest.mark.parametrize("pixels", [np.ones((64, 64)), np.ones((1, 1)), np.random.default_rng(0).poisson(9, (99, 99))])
def test_an_image_that_cannot_tell_takes_three_pixels_and_says_why(pixels: np.ndarray) -> None:
    size, source, notes = resolution(ss.Image(pixels, "YX", {"x": 0.06512345, "y": 0.06512345}), Recipe())
    assert (size, source) == (0.1954, "default")
    assert "the resolution is not known and taken as 3 pixels = 0.195 µm" in notes[0]
    assert notes[1].startswith("the resolution cannot be estimated from the image: ")


def test_pixels_that_are_not_square_are_not_estimated_from() -> None:
    _, source, notes = resolution(ss.Image(LINES, "YX", {"x": 0.1, "y": 0.15}), Recipe())
    assert source == "default"
    assert "not square" in notes[1]


def test_a_missing_pixel_size_is_asked_for() -> None:
    with pytest.raises(InputError, match="the pixel size is not known"):
        resolution(ss.Image(LINES, "YX"), Recipe())


def test_of_a_large_stack_a_few_planes_of_the_middle_time_point_are_read() -> None:
    for frame_number, expected in ((1, "estimated"), (0, "default")):
        data = np.random.default_rng(0).poisson(1, (3, 2, 30, 192, 192)).astype(np.uint16)
        data[frame_number, 1, 10:20] = LINES
        lazy = Counted(data)
        size, source, _ = resolution(ss.Image(lazy, "TCZYX", {**PIXEL, "z": 0.3}), Recipe())
        assert source == expected
        assert lazy.reads <= 9
        assert expected == "default" or 0.33 < size < 0.41
