"""The steps of the average: background, centre, weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optics.bead_scenes import camera, field, spot, truth
from sparsescope.optics.measured_average import average, background, centroid_px
from sparsescope.optics.measured_find import find_beads


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_the_centroid_of_a_spot_is_its_centre(down: float, across: float) -> None:
    values = spot((33, 31), (16 + down, 15 + across), (5.0, 4.0))
    np.testing.assert_allclose(centroid_px(values, (5.0, 4.0)), (down, across), atol=2e-3)


def test_far_light_does_not_pull_the_centroid():
    values = spot((61, 61), (30.3, 29.6), (4.0, 4.0))
    values[5:9, 40:60] += values.max() / 5
    np.testing.assert_allclose(centroid_px(values, (4.0, 4.0)), (0.3, -0.4), atol=0.01)


def test_the_background_is_the_plane_under_the_bead_and_a_neighbour_at_the_side_does_not_lift_it():
    rows, columns = np.indices((41, 41))
    ground = 100 + 0.5 * rows - 0.3 * columns
    scene = ground + 4000 * spot((41, 41), (20, 20), (4.0, 4.0)) + 8000 * spot((41, 41), (2, 5), (4.0, 4.0))
    found = background(camera(scene, 3).astype(float))
    np.testing.assert_allclose(found.level, ground, atol=5)
    assert found.noise == pytest.approx(10, rel=0.3)


def test_beads_at_parts_of_a_voxel_are_brought_to_one_centre():
    shape, fwhm = (160, 300), (4.0, 4.0)
    places = [[50.0 + 0.25 * i, 40.0 + 55 * i + 0.4 * i] for i in range(5)]
    values = camera(field(shape, places, fwhm, 1e6))
    found = find_beads(values)
    mean = average(values, found.usable, found.fwhm_px, found.radius_px)
    known = truth(mean.values.shape, fwhm)
    np.testing.assert_allclose(mean.values, known / known.max(), atol=0.01)
    assert len(mean.used) == 5


def test_a_spike_in_one_of_many_beads_is_left_out_of_the_mean():
    shape, fwhm = (160, 420), (4.0, 4.0)
    places = [[80.0, 40.0 + 55 * i] for i in range(7)]
    values = camera(field(shape, places, fwhm, 4e4)).astype(float)
    found = find_beads(values)
    clean = average(values, found.usable, found.fwhm_px, found.radius_px)
    values[87, 157] += 1500  # 7 rows and 7 columns off the third bead, as a cosmic ray
    spoilt = average(values, found.usable, found.fwhm_px, found.radius_px)
    assert len(spoilt.used) == 7
    assert np.abs(spoilt.values - clean.values).max() < 0.01
