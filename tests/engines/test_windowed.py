"""Image formation window by window is that of the whole: every size, border and tile, forward, adjoint and both."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsescope.engines import pick
from sparsescope.engines.parts import Place, put, slabs, taken, whole_place
from sparsescope.engines.windowed import Windowed, cut

Float32Array = npt.NDArray[np.float32]
Shape = tuple[int, ...]


def lop_sided(lengths: Shape, seed: int = 0) -> Float32Array:
    psf = np.random.default_rng(seed).random(lengths) ** 4
    return (psf / psf.sum()).astype(np.float32)


def windowed(psf: Any, shape: Shape, tile: tuple[int, int], factor: int = 1, engine: str = "cpu") -> Windowed:
    compute = pick(engine, 2) if engine == "cpu" else pick(engine)
    lengths = psf.shape[-2:] if isinstance(psf, np.ndarray) else tuple(map(len, psf))[-2:]
    reach = tuple(-(-(n // 2) // factor) for n in lengths)

    def run(jobs: Any) -> None:
        compute.each(lambda _, job: job(), jobs)

    return Windowed(
        lambda within: compute.imaging(psf, within, factor), shape, tile, (reach[0], reach[1]),
        lambda size: np.zeros(size, np.float32), run, factor,
    )  # fmt: skip


LINES = [lop_sided((7,), 1), lop_sided((5,), 2)]
CASES: dict[str, tuple[Any, Shape, tuple[int, int], int]] = {
    "separable, tiles of rows": (LINES, (37, 23), (8, 23), 1),
    "separable, tiles both ways": (LINES, (37, 23), (5, 6), 1),
    "separable, larger than the image": (LINES, (4, 3), (2, 1), 1),
    "any PSF, tiles of rows": (lop_sided((9, 7)), (41, 19), (7, 19), 1),
    "any PSF, tiles both ways": (lop_sided((9, 7)), (31, 29), (6, 11), 1),
    "one pixel at a time": (lop_sided((3, 3)), (5, 4), (1, 1), 1),
    "one row": (lop_sided((3, 5)), (1, 17), (1, 4), 1),
    "volume": (lop_sided((5, 7, 5)), (6, 23, 17), (5, 17), 1),
    "volume, tiles both ways": (lop_sided((9, 5, 3)), (3, 13, 19), (4, 5), 1),
    "two times finer": (lop_sided((7, 5)), (17, 13), (4, 5), 2),
    "three times finer": (lop_sided((5, 9)), (11, 7), (3, 2), 3),
    "finer volume": (lop_sided((3, 5, 5)), (4, 11, 9), (4, 3), 2),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@every_case
@pytest.mark.parametrize("engine", ["cpu", "numpy"])
def test_windows_say_what_the_whole_says(case: Any, engine: str) -> None:
    psf, shape, tile, factor = case
    parts, whole = windowed(psf, shape, tile, factor, engine), pick(engine, None).imaging(psf, shape, factor)
    assert len(parts.windows) > 1
    assert (parts.object_shape, parts.data_shape, parts.field) == (whole.object_shape, whole.data_shape, whole.field)
    rng = np.random.default_rng(3)
    x, r = rng.random(whole.object_shape, dtype=np.float32), rng.random(whole.data_shape, dtype=np.float32)
    ahead, home = np.full_like(r, np.nan), np.full_like(x, np.nan)

    def reads(array: Float32Array) -> Any:
        def fill(place: Place, out: Float32Array) -> None:
            out[...] = array[place]

        return fill

    def keeps(array: Float32Array) -> Any:
        def take(place: Place, value: Float32Array) -> None:
            assert np.isnan(array[place]).all(), "every pixel once"
            array[place] = value

        return take

    parts.ahead(reads(x), keeps(ahead))
    parts.home(reads(r), keeps(home))
    np.testing.assert_allclose(ahead, whole.forward(x), rtol=0, atol=2e-6)
    np.testing.assert_allclose(home, whole.adjoint(r), rtol=0, atol=2e-6)

    both = np.full_like(x, np.nan)

    def turn(place: Place, expected: Float32Array) -> None:
        expected *= r[place]

    parts.sandwich(reads(x), turn, keeps(both))
    np.testing.assert_allclose(both, whole.adjoint(whole.forward(x) * r), rtol=0, atol=4e-6)
    parts.release()


@given(length=st.integers(1, 300), tile=st.integers(1, 300), reach=st.integers(0, 60))
@settings(max_examples=200, deadline=None)
def test_a_cut_covers_the_axis_once_with_windows_of_one_length(length: int, tile: int, reach: int) -> None:
    found = list(cut(length, tile, reach))
    assert [i for _, kept in found for i in range(kept.start, kept.stop)] == list(range(length))
    assert len({outer.stop - outer.start for outer, _ in found}) == 1
    for outer, kept in found:
        assert kept.stop - kept.start <= tile
        assert 0 <= outer.start <= max(0, kept.start - reach)
        assert min(length, kept.stop + reach) <= outer.stop <= length


def test_what_is_taken_from_memory_is_put_back_by_itself_and_from_elsewhere_by_hand() -> None:
    class File:
        def __init__(self) -> None:
            self.array, self.shape = np.zeros((4, 6), np.float32), (4, 6)

        def __getitem__(self, place: Any) -> Float32Array:
            return self.array[place].copy()

        def __setitem__(self, place: Any, value: Any) -> None:
            self.array[place] = value

    for array in (np.zeros((4, 6), np.float32), File()):
        for part in (slice(1, 3), (slice(0, 2), slice(1, 4))):
            value = taken(array, part)
            value += 1
            put(array, part, value)
        assert np.asarray(array[:]).sum() == 12 + 6


def test_slabs_cover_a_place_once() -> None:
    for shape in ((5, 300_000), (3, 4, 5), (1000, 700)):
        count = np.zeros(shape, int)
        for part in slabs(whole_place((), shape)):
            count[part] += 1
        assert (count == 1).all()
