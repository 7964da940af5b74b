"""Where the focus is behind layers of other refractive index."""

from __future__ import annotations

import numpy as np
import pytest

from sparsescope.optics.focus import axial_width_um, best_focus_um, is_aberrated, limited_width_um, paraxial_focus_um
from sparsescope.optics.microscope import Microscope
from sparsescope.optics.models import model_of
from sparsescope.optics.radial import Grid


def scope(aperture: float, index: float, sample: float | None, depth: float, kind: str = "widefield") -> Microscope:
    return Microscope(
        kind, aperture, emission_nm=525.0, excitation_nm=488.0, refractive_index=index, sample_index=sample,
        depth_um=depth, model="scalar",
    )  # fmt: skip


def focus(one: Microscope) -> float:
    return best_focus_um(one, model_of(one, 3))


def test_matched_indices_leave_the_focus_at_the_depth() -> None:
    one = scope(1.4, 1.518, 1.518, 7.0)
    assert not is_aberrated(one)
    assert focus(one) == 7.0
    assert not is_aberrated(scope(1.2, 1.333, 1.47, 0.0))
    assert is_aberrated(scope(1.4, 1.518, 1.33, 0.0))  # evanescent light


@pytest.mark.parametrize(("index", "sample"), [(1.0, 1.33), (1.333, 1.47), (1.518, 1.33)])
def test_at_low_aperture_the_focus_scales_with_the_ratio_of_the_indices(index: float, sample: float) -> None:
    assert paraxial_focus_um(scope(0.2, index, sample, 200.0)) == pytest.approx(200.0 * index / sample)
    assert focus(scope(0.2, index, sample, 200.0)) == pytest.approx(200.0 * index / sample, rel=0.005)


def test_at_high_aperture_oil_on_water_needs_more_stage_than_the_paraxial_ratio() -> None:
    paraxial = 10 * 1.518 / 1.33
    found = focus(scope(1.4, 1.518, 1.33, 10.0))
    assert 1.03 * paraxial < found < 1.2 * paraxial
    assert focus(scope(1.2, 1.333, 1.47, 10.0)) < 10 * 1.333 / 1.47, "the other way round in a denser medium"


def test_spherical_aberration_stretches_the_peak_with_depth() -> None:
    widths = []
    for depth in (0.0, 3.0, 10.0):
        one = scope(1.3, 1.518, 1.4, depth)
        widths.append(axial_width_um(one, model_of(one, 3), focus(one)))
    assert widths == sorted(widths)
    assert widths[0] == pytest.approx(limited_width_um(scope(1.3, 1.518, 1.4, 0.0)), rel=0.15)
    assert widths[2] > 1.4 * widths[0]


def test_a_coverslip_of_the_wrong_thickness_shifts_and_stretches_as_well() -> None:
    thick = scope(0.95, 1.0, None, 0.0)
    wrong = Microscope("widefield", 0.95, emission_nm=525.0, coverslip_um=190.0, model="scalar")
    assert focus(wrong) < 20.0 / 1.5255  # the rim's rays meet before those near the axis
    assert axial_width_um(wrong, model_of(wrong, 3), focus(wrong)) > 1.5 * axial_width_um(
        thick, model_of(thick, 3), 0.0
    )


@pytest.mark.parametrize("kind", ["widefield", "confocal", "spinning-disk", "airyscan"])
def test_the_brightest_position_is_found_to_a_fraction_of_the_peak(kind: str) -> None:
    one = scope(1.4, 1.518, 1.33, 4.0, kind)
    model = model_of(one, 3)
    found = best_focus_um(one, model)
    stage = found + np.linspace(-0.5, 0.5, 401)
    bright = model.intensity(Grid.reaching(0.0, model.cutoff), stage)[0]
    assert stage[bright.argmax()] == pytest.approx(found, abs=0.01)


@pytest.mark.parametrize(("index", "sample", "aperture"), [(1.518, 1.33, 1.4), (1.333, 1.47, 1.2)])
def test_deep_in_the_sample_the_focus_is_looked_for_far_from_the_paraxial_one(
    index: float, sample: float, aperture: float
) -> None:
    one = scope(aperture, index, sample, 80.0)
    stage = np.linspace(0.7, 1.4, 4001) * paraxial_focus_um(one)
    found = focus(one)
    assert abs(found - paraxial_focus_um(one)) > 2.5 * limited_width_um(one)
    assert stage[model_of(one, 3).on_axis(stage).argmax()] == pytest.approx(found, abs=0.05)
