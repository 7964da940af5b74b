"""A second stage in tiles and files is that in memory: seams, light, awkward sizes, and what a tile takes."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

import sparsescope as ss
from problems import settings
from sparsescope.engines import pick
from sparsescope.errors import RecipeError
from sparsescope.optics.psf import Psf
from sparsescope.pipeline.in_files import InFiles, Late
from sparsescope.pipeline.second_stage import Deconvolver
from sparsescope.pipeline.shelf import Shelf
from sparsescope.pipeline.tiles import Cut

Array = npt.NDArray[np.float32]
CPU = pick("cpu", 2)


def recipe(method: str = "rl", iterations: int = 15, **changes: Any) -> ss.Recipe:
    return settings(deconvolution=method, deconvolution_iterations=iterations, **changes)


def lop_sided(shape: tuple[int, ...], fwhm: tuple[float, ...]) -> Psf:
    """A PSF that is neither separable nor symmetric: a Gaussian with a dimmer, wider one beside it."""
    whole = np.zeros(shape)
    whole[tuple(n // 2 for n in shape)] = 1
    sigma = [w / 2.3548 for w in fwhm]
    psf = ndimage.gaussian_filter(whole, sigma)
    psf += 0.3 * np.roll(ndimage.gaussian_filter(whole, [1.6 * s for s in sigma]), 2, axis=-1)
    return Psf((psf / psf.sum()).astype(np.float32))


def beads(shape: tuple[int, ...], rows: int, columns: int) -> Array:
    """Beads on both sides of the seams at `rows` and `columns`, one brightest at the border, and noise."""
    rng, true = np.random.default_rng(0), np.zeros(shape)
    true[(*(n // 2 for n in shape[:-2]), rows - 1, 0)] = 2000
    true[(*(0 for n in shape[:-2]), rows, columns // 2)] = 700
    true[(*(0 for n in shape[:-2]), shape[-2] // 2, min(columns, shape[-1] - 1))] = 700
    true[tuple(rng.integers(0, n, 25) for n in shape)] = rng.uniform(50, 400, 25)
    image = ndimage.gaussian_filter(true, [1.0] * (len(shape) - 2) + [1.3, 1.3]) + 0.5
    data = rng.poisson(image).astype(np.float32)
    return data / data.max()


GAUSS = (3.0, 2.6)
CASES: dict[str, tuple[Any, tuple[int, ...], tuple[int, int], dict[str, Any]]] = {
    "Gaussian, prime sizes, rows": (GAUSS, (101, 67), (17, 67), {}),
    "Gaussian, both ways": (GAUSS, (71, 83), (13, 29), {}),
    "Gaussian, background, holes": (GAUSS, (71, 83), (13, 29), {"behind": True, "holes": True}),
    "Gaussian, two times finer": ((6.0, 5.2), (37, 41), (11, 13), {"factor": 2}),
    "sampled plane": (lop_sided((15, 17), (3.0, 3.0)), (61, 73), (8, 73), {}),
    "sampled plane, holes": (lop_sided((15, 17), (3.0, 3.0)), (61, 73), (8, 31), {"holes": True}),
    "volume": (lop_sided((9, 11, 13), (3.0, 2.6, 2.6)), (11, 47, 37), (9, 37), {}),
    "volume, both ways, background": (lop_sided((9, 11, 13), (3.0, 2.6, 2.6)), (11, 31, 43), (9, 10), {"behind": True}),
    "volume, all": (
        lop_sided((9, 11, 13), (3.0, 5.2, 5.2)), (7, 19, 23), (8, 8), {"behind": True, "holes": True, "factor": 2},
    ),
}  # fmt: skip


def in_files(second: Deconvolver, folder: Path, tile: tuple[int, int]) -> Any:
    def store(shape: tuple[int, ...]) -> Shelf:
        return Shelf(shape, folder)

    def stored(array: Array | None) -> Shelf | None:
        if array is None:
            return None
        kept = store(array.shape)
        kept[...] = array.astype(np.float32)
        return kept

    def solve(data: Array, behind: Array | None, mask: Array | None = None, **more: Any) -> Any:
        kept = stored(data)
        assert kept is not None
        return InFiles(second, tile, store)(kept, stored(behind), CPU, stored(mask), **more)

    return solve


@pytest.mark.parametrize("method", ["rl", "landweber"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_tiles_find_what_the_whole_finds(case: Any, method: str, tmp_path: Path) -> None:
    psf, shape, tile, how = case
    data = beads(shape, *tile)
    behind = np.full_like(data, 0.3 * data.mean()) if "behind" in how else None
    mask = np.random.default_rng(2).random(shape) > 0.02 if "holes" in how else None
    second = Deconvolver(recipe(method), psf, how.get("factor", 1))
    usual = second(data, behind, CPU, mask).in_counts(np.float32(800))
    found = in_files(second, tmp_path, tile)(data, behind, mask).in_counts(np.float32(800))
    assert found.value.shape == usual.value.shape
    value = np.asarray(found.value)
    assert np.abs(value - usual.value).max() <= 1e-4 * usual.value.max(), "ten times better than is asked for"
    assert found.outcome is usual.outcome
    assert found.masked == usual.masked
    for name in ("measured", "explained"):
        assert getattr(found, name) == pytest.approx(getattr(usual, name), rel=1e-6)
    assert float(np.sum(found.value, dtype=np.float64)) == pytest.approx(usual.value.sum(dtype=np.float64), rel=1e-5)
    deep = shape[0] - 1
    np.testing.assert_array_equal(found.value[deep], value[deep])


@pytest.mark.parametrize("method", ["rl", "landweber"])
def test_the_result_does_not_depend_on_the_size_of_tiles(method: str, tmp_path: Path) -> None:
    psf, shape = lop_sided((9, 11, 13), (3.0, 2.6, 2.6)), (7, 41, 37)
    data = beads(shape, 13, 11)
    second = Deconvolver(recipe(method, 20), psf)
    usual = second(data, None, CPU).value
    for tile in ((40, 36), (13, 11)):
        value = np.asarray(in_files(second, tmp_path, tile)(data, None).value)
        assert np.abs(value - usual).max() <= 3e-4 * usual.max(), "only rounding, which iterations amplify"


def test_the_result_does_not_depend_on_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    psf, shape = lop_sided((9, 11, 13), (3.0, 2.6, 2.6)), (7, 41, 37)
    data, values = beads(shape, 13, 11), []
    for threads in (1, 2):
        monkeypatch.setitem(globals(), "CPU", pick("cpu", threads))
        values.append(np.asarray(in_files(Deconvolver(recipe(), psf), tmp_path, (13, 20))(data, None).value))
    np.testing.assert_array_equal(*values)


def test_progress_is_told_and_a_psf_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    data = beads((40, 30), 10, 15)
    solve = in_files(Deconvolver(recipe(iterations=25), GAUSS), tmp_path, (10, 30))
    solve(data, None, on_step=lambda *at: told.append(at))
    assert told == [(10, 25), (20, 25), (25, 25)]
    with pytest.raises(RecipeError, match="the PSF is larger than the image: 41 pixels along X"):
        in_files(Deconvolver(recipe(), Psf(np.ones((5, 41)))), tmp_path, (10, 30))(data, None)


def test_what_cannot_be_cut_is_known() -> None:
    assert Cut.of(Deconvolver(recipe(), GAUSS), (90, 80)) is not None
    assert Cut.of(Deconvolver(recipe(borders="mirror"), GAUSS), (90, 80)) is None
    assert Cut.of(Deconvolver(recipe(borders="published"), GAUSS), (90, 80)) is None


@pytest.mark.parametrize(
    ("psf", "shape"),
    [
        (GAUSS, (2000, 2500)),
        (lop_sided((31, 31), (4.0, 4.0)), (1500, 2000)),
        (lop_sided((21, 41, 41), (6.0, 4.0, 4.0)), (24, 300, 320)),
    ],
)
@pytest.mark.parametrize("part", [1.0, 0.65])
def test_a_tile_takes_no_more_than_was_said(psf: Any, shape: tuple[int, ...], part: float, tmp_path: Path) -> None:
    second = Deconvolver(recipe(iterations=1), psf)
    cut = Cut.of(second, shape)
    assert cut is not None
    limit = int(part * cut.bytes(shape[-2:], 2))
    tile = cut.largest(limit, 2)
    assert cut.bytes(tile, 2) <= limit
    data = Shelf(shape, tmp_path)
    for i in range(shape[0]):
        data[i] = np.float32(0.5)
    work = InFiles(second, tile, lambda size: Shelf(size, tmp_path))
    tracemalloc.start()
    try:
        work(data, None, CPU)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 0.3 * cut.bytes(tile, 2) <= peak <= cut.bytes(tile, 2)


def test_the_largest_tile_makes_the_least_work() -> None:
    cut = Cut.of(Deconvolver(recipe(), Psf(np.ones((31, 65, 65)))), (60, 2048, 2048))
    assert cut is not None
    assert cut.reach == (32, 32)
    whole = cut.bytes((2048, 2048), 2)
    tiles = [cut.largest(int(part * whole), 2) for part in (1, 0.5, 0.2, 0.05, 0.01)]
    assert tiles[0] == (2048, 2048)
    work = [cut.work(tile) for tile in tiles]
    assert work == sorted(work)
    assert work[0] == 1
    assert work[3] < 2.5
    assert cut.largest(0, 2) == cut.least


def test_late_numbers_are_read_where_they_are_asked_for() -> None:
    whole = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    late = Late(whole, (slice(1, 3), slice(1, 4), slice(0, 5))) * np.float32(2) * np.float32(0.5)
    np.testing.assert_array_equal(late[1], whole[2, 1:4])
    np.testing.assert_array_equal(np.asarray(late), whole[1:, 1:4])
    assert float(np.sum(late, dtype=np.float64)) == whole[1:, 1:4].sum()
    late[1][:] = 0
    assert whole[2, 1, 0] == 45
