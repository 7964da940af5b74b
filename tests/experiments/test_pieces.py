"""The measures of the experiments, on cases whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparsescope import as_image, write
from sparsescope.experiments.ladder import is_resolved, smallest
from sparsescope.experiments.linearity import relative_change
from sparsescope.experiments.noise_free import response, shapes
from sparsescope.experiments.real_pairs import find_pairs
from sparsescope.experiments.single_molecules import FINE, matched, model, spots
from sparsescope.experiments.solver_agnostic import blur_matrix
from sparsescope.experiments.tools import at_width, correlation, fitted_error, relative_error
from sparsescope.findings import Table, cell


@given(st.integers(10, 100), st.floats(0.0, 1.0))
def test_two_peaks_are_resolved_when_the_valley_is_deep(half_nm: int, floor: float) -> None:
    across, separation = np.arange(-250, 251) / 1000, 2 * half_nm / 1000
    peaks = np.maximum(1 - np.abs(np.abs(across) - separation / 2) / 0.004, floor)
    assert is_resolved(peaks, across, separation) == (floor < 0.735)


def test_one_peak_or_nothing_is_not_two() -> None:
    across = np.arange(-0.25, 0.2501, 0.005)
    assert not is_resolved(np.exp(-((across / 0.05) ** 2)), across, 0.1)
    assert not is_resolved(np.zeros_like(across), across, 0.1)
    assert not is_resolved(np.exp(-(((across - 0.05) / 0.02) ** 2)), across, 0.1), "one of the two is missing"


def test_a_limit_needs_all_larger_separations_as_well() -> None:
    assert smallest(np.array([1.0, 0.0, 1.0]), [1, 2, 3]) == 3
    assert smallest(np.array([0.0, 0.0]), [1, 2]) is None


def test_a_change_is_relative_to_the_resting_light() -> None:
    trace = np.array([[2.0] * 8 + [6.0, 4.0]])
    assert relative_change(trace)[0, -2:].tolist() == [2.0, 1.0]
    assert np.isnan(relative_change(np.zeros((1, 5)))).all()


def test_molecules_are_matched_one_to_one_and_only_near() -> None:
    truth = np.array([[0.0, 0.0], [1.0, 1.0]])
    assert len(matched(np.array([[0.0, 0.01], [0.0, 0.02]]), truth)) == 1
    assert len(matched(np.array([[0.5, 0.5]]), truth)) == 0
    assert len(matched(np.zeros((0, 2)), truth)) == 0


def test_dim_groups_are_no_molecules() -> None:
    plane = np.zeros((12, 12))
    plane[2, 2], plane[8, 8] = 0.5, 2.0
    assert len(spots(plane, 1.0)) == 1
    assert len(spots(np.zeros((12, 12)), 1.0)) == 0


def test_the_model_of_molecules_has_its_adjoint_and_keeps_light() -> None:
    optics, rng = model((6, 8)), np.random.default_rng(0)
    x, y = rng.random((2, 6 * FINE, 8 * FINE)), rng.random((2, 6, 8))
    assert np.vdot(optics.forward(x), y) == pytest.approx(np.vdot(x, optics.adjoint(y)))
    assert optics.forward(x).sum() == pytest.approx(x.sum())


def test_the_band_limit_is_where_it_should_be() -> None:
    blur = response(64)
    f = np.fft.rfftfreq(64, 20.0)
    assert (blur.transfer[0] > 0).tolist() == (f < 1 / 90).tolist()
    assert np.count_nonzero(shapes(64)) < np.count_nonzero(blur.transfer), "fewer points than measured frequencies"


def test_the_blur_matrix_is_its_own_adjoint_and_keeps_light() -> None:
    matrix = blur_matrix(5)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)
    np.testing.assert_allclose(matrix.sum(0), 1)


@given(st.floats(0.1, 10))
def test_errors_and_correlations_do_what_their_names_say(factor: float) -> None:
    truth = np.random.default_rng(0).random((8, 8))
    assert fitted_error(factor * truth, truth) == pytest.approx(0, abs=1e-9)
    assert relative_error(factor * truth, truth) == pytest.approx(abs(factor - 1))
    assert correlation(factor * truth + 3, truth) == pytest.approx(1)
    assert correlation(np.ones((8, 8)), truth) == 0


def test_a_truth_at_a_width_is_that_wide() -> None:
    plane = np.zeros((1, 101))
    plane[0, 50] = 1
    wide = at_width(plane, 10)[0]
    x = np.arange(101) - 50.0
    assert 2.35482 * np.sqrt(wide @ x**2 / wide.sum()) == pytest.approx(10, rel=0.01)


def test_pairs_are_found_by_their_names(tmp_path: Path) -> None:
    for name in ("cell_widefield.tif", "cell_sim.tif", "alone_widefield.tif"):
        write(tmp_path / name, as_image(np.ones((8, 8)), pixel_size_um=0.06))
    (pair,) = find_pairs(tmp_path)
    assert (pair.name, pair.pixel_um) == ("cell", 0.06)


def test_a_table_is_written_as_it_is() -> None:
    table = Table(("name", "value"), (('a, "b"', 1 / 3), ("c", None)))
    assert table.csv() == 'name,value\n"a, ""b""",0.3333333\nc,\n'
    assert cell(0.000012345) == "1.23e-05"
