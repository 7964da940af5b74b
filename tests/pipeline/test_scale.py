"""The scale that fidelity and sparsity refer to can be that of a larger image."""

from __future__ import annotations

import numpy as np
import pytest

import sparsescope as ss
from problems import counts

RECIPE = ss.Recipe.preset("published-python", background="none", sparsity=20)


def test_a_part_at_the_scale_of_the_whole_comes_out_as_the_same_part_of_the_whole() -> None:
    whole = counts((96, 96)).astype(np.float32)
    whole[8, 8] = 3 * whole.max()  # the maximum lies outside the part
    part = np.s_[32:96, 32:96]
    sizes = {"pixel_size_um": 0.1, "resolution_um": 0.3}
    there = ss.deconvolve(whole, RECIPE, **sizes).image.data[part]
    here = ss.deconvolve(whole[part], RECIPE, **sizes, scale=float(whole.max())).image.data
    alone = ss.deconvolve(whole[part], RECIPE, **sizes).image.data
    inside = np.s_[20:, 20:]
    off = np.abs(here - there)[inside].max()
    assert off < 0.02 * there[inside].max()
    assert np.abs(alone - there)[inside].max() > 10 * off


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_that_is_no_positive_number_is_refused(scale: float) -> None:
    with pytest.raises(ss.SparsescopeError, match="allowed is a positive number of counts"):
        ss.deconvolve(np.ones((32, 32)), RECIPE, pixel_size_um=0.1, resolution_um=0.3, scale=scale)
