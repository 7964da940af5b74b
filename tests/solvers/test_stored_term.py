"""Solvers with every array stored and passed through in parts find what they find in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from sparsescope.engines import pick
from sparsescope.engines.windowed import Windowed
from sparsescope.optics.gaussian import gaussian_kernel1d
from sparsescope.pipeline.shelf import Shelf
from sparsescope.solvers.data_term import DataTerm
from sparsescope.solvers.landweber import Landweber
from sparsescope.solvers.loop import Outcome, solve
from sparsescope.solvers.richardson_lucy import RichardsonLucy
from sparsescope.solvers.stored_term import StoredTerm

Float32Array = npt.NDArray[np.float32]
CPU = pick("cpu", 2)
METHODS = pytest.mark.parametrize("method", [RichardsonLucy, Landweber])


def lop_sided(lengths: tuple[int, ...]) -> Float32Array:
    psf = np.random.default_rng(0).random(lengths) ** 4
    return (psf / psf.sum()).astype(np.float32)


def run(jobs: Any) -> None:
    CPU.each(lambda _, job: job(), jobs)


CASES: dict[str, tuple[Any, tuple[int, ...], tuple[int, int], int, bool, bool]] = {
    "plane": ((gaussian_kernel1d(3.0), gaussian_kernel1d(2.5)), (67, 53), (16, 53), 1, False, False),
    "plane, background": (lop_sided((7, 9)), (43, 41), (11, 13), 1, True, False),
    "plane, holes": (lop_sided((7, 9)), (43, 41), (11, 13), 1, False, True),
    "volume": (lop_sided((5, 9, 7)), (7, 31, 23), (8, 23), 1, False, False),
    "volume, background, holes": (lop_sided((5, 9, 7)), (7, 31, 23), (8, 9), 1, True, True),
    "finer": ((gaussian_kernel1d(5.0), gaussian_kernel1d(5.0)), (29, 31), (7, 8), 2, True, True),
}


@METHODS
@pytest.mark.parametrize("files", [False, True])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_stored_object_is_the_one_in_memory(case: Any, method: Any, files: bool, tmp_path: Path) -> None:
    psf, shape, tile, factor, modelled, holes = case
    rng = np.random.default_rng(1)
    data = rng.poisson(4, shape).astype(np.float32) / 10
    data[..., tile[0] - 1, tile[1] // 2] = 3  # bright beside a seam
    data[..., 0, -1] = 2
    behind = rng.random(shape, dtype=np.float32) / 10 if modelled else None
    mask = rng.random(shape) > 0.1 if holes else None
    start = None
    if factor > 1:
        start = rng.random((*shape[:-2], *(n * factor for n in shape[-2:])), dtype=np.float32) + np.float32(0.1)

    def store(size: tuple[int, ...]) -> Any:
        return Shelf(size, tmp_path) if files else np.zeros(size, np.float32)

    def stored(array: Any) -> Any:
        if array is None:
            return None
        kept = store(array.shape)
        kept[...] = array.astype(np.float32)
        return kept

    def make(within: tuple[int, ...]) -> Any:
        return CPU.imaging(psf, within, factor)

    lengths = psf.shape[-2:] if isinstance(psf, np.ndarray) else tuple(map(len, psf))
    reach = tuple(-(-(n // 2) // factor) for n in lengths)
    usual = DataTerm(make(shape), mask)
    term = StoredTerm(Windowed(make, shape, tile, (reach[0], reach[1]), store, run, factor), store, stored(mask))
    expected = solve(method(usual, 12, behind, start), data)
    found = solve(method(term, 12, stored(behind), stored(start)), stored(data))
    assert (found.outcome, found.iterations) == (Outcome.COMPLETED, 12)
    value = np.asarray(found.value[...])
    np.testing.assert_allclose(value, expected.value, rtol=0, atol=2e-4 * expected.value.max())
    assert term.explained(found.value) == pytest.approx(usual.explained(expected.value), rel=1e-5)


@METHODS
def test_what_is_not_finite_is_an_outcome_and_the_data_come_back(method: Any, tmp_path: Path) -> None:
    line = gaussian_kernel1d(3.0)
    data = Shelf((40, 30), tmp_path)
    data[...] = 1
    data[33, 7] = np.nan

    def store(size: tuple[int, ...]) -> Any:
        return Shelf(size, tmp_path)

    imaging = Windowed(lambda s: CPU.imaging((line, line), s), (40, 30), (9, 30), (len(line) // 2,) * 2, store, run)
    found = solve(method(StoredTerm(imaging, store), 3), data)
    assert found.outcome is Outcome.NOT_FINITE
    assert found.value is data
