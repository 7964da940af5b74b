"""Sums of many planes, added in whatever order threads finish them."""

from __future__ import annotations

import numpy as np
import pytest

import sparsescope as ss
from sparsescope.pipeline.account import Account, total
from sparsescope.pipeline.second_stage import Deconvolved
from sparsescope.solvers.loop import Outcome

Part = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, bool]
"""Data, background, sparse stage, result, and whether the background is still in the sparse stage."""


def planes(count: int) -> list[Part]:
    rng = np.random.default_rng(0)
    return [(*(rng.random((4, 5, 6)).astype(np.float32) * 10 ** rng.uniform(-3, 3)), False) for _ in range(count)]


def added(parts: list[Part], early: int = 1, late: int = 1, masked: int = 0) -> Account:
    account = Account()
    for data, behind, sparse, value, in_model in parts:
        measured = total(sparse) - (total(behind) if in_model else 0.0)
        account.add_data(data, behind, early)
        account.add_sparse(sparse, behind if in_model else None, early)
        found = Deconvolved(value, Outcome.COMPLETED, measured, 1.01 * measured, masked)
        account.add_second(found, (early, early * late))
    return account


def test_the_order_in_which_planes_are_finished_changes_no_digit() -> None:
    parts = planes(200)
    expected, rng = added(parts).measures(), np.random.default_rng(1)
    for _ in range(20):
        assert added([parts[i] for i in rng.permutation(200)]).measures() == expected


def test_planes_of_a_finer_grid_count_as_the_pixels_they_came_from() -> None:
    parts = planes(3)
    coarse, early, late = added(parts), added(parts, early=2), added(parts, late=3)
    assert early.measures() == pytest.approx(coarse.measures(), rel=1e-12)
    assert sum(early.background) == pytest.approx(sum(coarse.background) / 4, rel=1e-12)
    assert sum(late.background) == sum(coarse.background)
    assert sum(late.after) == pytest.approx(sum(coarse.after) / 9, rel=1e-12)


def test_pixels_that_did_not_count_are_told_and_explain_the_change_of_the_sum() -> None:
    full, masked = added(planes(3)), added(planes(3), masked=7)
    said = masked.notes(ss.Recipe())
    assert any(note.startswith("21 pixels at the top of the detector's range did not count") for note in said)
    assert not any("sum over the field" in note for note in said)
    assert any("sum over the field" in note for note in full.notes(ss.Recipe()))
    assert any(note.startswith("flux NOT kept") for note in full.notes(ss.Recipe()))


def test_a_background_in_the_model_is_no_signal_of_the_sparse_stage() -> None:
    data, behind = np.full((2, 3), 10, np.float32), np.full((2, 3), 4, np.float32)
    account = added([(data, behind, data, data - behind, True)])
    assert account.measures() == {
        "background_removed_percent": 40.0,
        "sparsity_removed_percent": 0.0,
        "deconvolution_flux_change_percent": pytest.approx(1),
        "field_sum_change_percent": 0.0,
    }


def test_where_there_was_nothing_there_is_nothing_to_say() -> None:
    assert Account().measures() == {}
    assert Account(empty=["nothing"]).notes(ss.Recipe(sparse_iterations=5)) == ["nothing"]


@pytest.mark.parametrize(("sparse", "said"), [(10.3, "adds 3.0 %"), (11.0, "adds 10.0 %"), (9.7, "removed 3.0 %")])
def test_what_the_sparse_stage_adds_is_no_removal(sparse: float, said: str) -> None:
    data, behind = np.full((2, 3), 14, np.float32), np.full((2, 3), 4, np.float32)
    found = np.full((2, 3), sparse, np.float32)
    notes = added([(data, behind, found, found, False)]).notes(ss.Recipe(sparse_iterations=5))
    (note,) = (note for note in notes if note.startswith("the sparse stage"))
    assert said in note
    assert ("little stands out there" in note) == (sparse == 11.0)
