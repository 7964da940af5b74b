"""Sums of many planes, added in whatever order threads finish them."""

from __future__ import annotations

import numpy as np
import pytest

import sparsescope as ss
from sparsescope.pipeline.account import Account, Sums


def planes(count: int) -> list[tuple[Sums, np.ndarray]]:
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        data, behind, sparse, value = rng.random((4, 5, 6)).astype(np.float32) * 10 ** rng.uniform(-3, 3)
        made.append((Sums(data, behind, sparse, in_model=False), value))
    return made


def added(parts: list[tuple[Sums, np.ndarray]], samples: int = 1) -> Account:
    account = Account()
    for plane, value in parts:
        account.add(plane, value, samples)
    return account


def test_the_order_in_which_planes_are_finished_changes_no_digit() -> None:
    parts = planes(200)
    expected, rng = added(parts).measures(), np.random.default_rng(1)
    for _ in range(20):
        assert added([parts[i] for i in rng.permutation(200)]).measures() == expected


def test_planes_of_a_finer_grid_count_as_the_pixels_they_came_from() -> None:
    parts = planes(3)
    coarse, fine = added(parts), added(parts, samples=4)
    assert fine.measures() == pytest.approx(coarse.measures(), rel=1e-12)
    assert sum(fine.background) == pytest.approx(sum(coarse.background) / 4, rel=1e-12)


def test_a_background_in_the_model_is_no_signal_of_the_sparse_stage() -> None:
    data, behind = np.full((2, 3), 10, np.float32), np.full((2, 3), 4, np.float32)
    account = added([(Sums(data, behind, data, in_model=True), data - behind)])
    assert account.measures() == {
        "background_removed_percent": 40.0,
        "sparsity_removed_percent": 0.0,
        "deconvolution_flux_change_percent": 0.0,
    }


def test_where_there_was_nothing_there_is_nothing_to_say() -> None:
    assert Account().measures() == {}
    assert Account(empty=["nothing"]).notes(ss.Recipe(sparse_iterations=5)) == ["nothing"]
