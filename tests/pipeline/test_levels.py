"""Levels that were decided elsewhere: parts of a movie and the whole come out alike, whatever the background."""

from __future__ import annotations

import numpy as np
import pytest

from sparsescope.errors import InputError
from sparsescope.image import as_image
from sparsescope.pipeline import deconvolve
from sparsescope.pipeline.stages import Levels
from sparsescope.recipe import Recipe

MOVIE = np.random.default_rng(0).poisson(30, (4, 2, 48, 40)).astype("uint16")
MOVIE[3] *= 2
RECIPE = Recipe(sparse_iterations=8, fidelity=100, sparsity=5, continuity=0, deconvolution_iterations=3)
LEVELS = [Levels(70.0, 31.0, 50.0), Levels(80.0, 29.0, 60.0)]


@pytest.mark.parametrize("background", ["none", "weak-high-light", "medium-low-light"])
def test_each_frame_comes_out_as_in_the_whole_movie(background: str) -> None:
    recipe = RECIPE.replace(background=background)
    whole = deconvolve(as_image(MOVIE, "TCYX", pixel_size_um=0.1), recipe, levels=LEVELS)
    for t, frame in enumerate(MOVIE):
        alone = deconvolve(as_image(frame, "CYX", pixel_size_um=0.1), recipe, levels=LEVELS)
        np.testing.assert_array_equal(alone.image.data, whole.image.data[t])
    assert whole.image.meta["provenance"]["levels"][1] == {"maximum": 80.0, "mean": 29.0, "scale": 60.0}
    own = deconvolve(as_image(MOVIE, "TCYX", pixel_size_um=0.1), recipe)
    assert np.abs(own.image.data - whole.image.data).max() > 0


def test_levels_must_be_one_for_each_channel_and_exclude_a_scale() -> None:
    with pytest.raises(InputError, match="1 levels for 2 channels: give one for each, and no scale"):
        deconvolve(as_image(MOVIE, "TCYX", pixel_size_um=0.1), RECIPE, levels=LEVELS[:1])
    with pytest.raises(InputError, match="and no scale"):
        deconvolve(as_image(MOVIE, "TCYX", pixel_size_um=0.1), RECIPE, levels=LEVELS, scale=3.0)
