"""Finding beads: places, scale, windows and satellites."""

from __future__ import annotations

import numpy as np
import pytest

from optics.bead_scenes import camera, field, grid, spot
from sparsescope.optics.measured_find import find_beads, widths_px


@pytest.mark.parametrize("fwhm", [(2.5, 2.5), (4.0, 6.0), (12.0, 9.0)])
def test_every_bead_is_found_where_it_is_and_as_wide_as_it_is(fwhm):
    shape = (300, 300)
    places = grid(shape, 90)
    found = find_beads(camera(field(shape, places, fwhm, 3e5)))
    assert len(found.beads) == len(places)
    for place in places:
        nearest = min(np.hypot(*(np.array(bead.position_px) - place)) for bead in found.beads)
        assert nearest < 0.1
    np.testing.assert_allclose(found.fwhm_px, fwhm, rtol=0.1)


def test_rings_and_tails_of_a_bead_are_no_beads():
    shape = (160, 160)
    y, x = np.indices(shape) - 80
    radius = np.hypot(y, x)
    ring = 120 * np.exp(-(((radius - 9) / 1.5) ** 2)) * (1 + 0.5 * np.cos(3 * np.arctan2(y, x)))
    values = camera(field(shape, [[80.0, 80.0]], (4.0, 4.0), 4e4) + ring)
    assert len(find_beads(values).beads) == 1


def test_noise_alone_has_no_beads_not_even_at_the_borders():
    for seed in range(5):
        assert find_beads(camera(np.full((12, 120, 120), 3.0), seed)).beads == ()


def test_a_dim_bead_alone_in_much_noise_is_found_without_help_of_the_autocorrelation():
    values = camera(field((320, 320), [[160.3, 150.7]], (4.0, 4.0), 1600.0, 100.0))
    best = find_beads(values).beads[0]
    np.testing.assert_allclose(best.position_px, (160.3, 150.7), atol=0.4)


def test_windows_are_as_large_as_the_beads_leave_room_for():
    shape = (260, 260)
    apart = [find_beads(camera(field(shape, grid(shape, gap), (4.0, 4.0), 4e4))).radius_px[0] for gap in (30, 45, 80)]
    assert apart == sorted(apart)
    assert apart[0] < apart[-1]


def test_planes_above_and_below_bound_the_window_along_z_only():
    shape = (21, 120, 120)
    found = find_beads(camera(field(shape, grid(shape, 50), (7.0, 4.0, 4.0), 2e5)))
    assert found.usable
    assert found.radius_px[0] <= 8
    assert found.radius_px[1] >= 12


def test_widths_are_measured_between_the_voxels_and_infinite_where_there_is_no_half():
    wide = spot((41, 5), (20, 2), (9.0, 300.0))
    high, flat = widths_px(wide)
    assert high == pytest.approx(9.02, abs=0.02)
    assert flat == float("inf")
