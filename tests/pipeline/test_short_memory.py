"""Images that do not fit into memory: cut into tiles and bands, written to files, with the same result."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

import sparsescope as ss
from problems import settings
from sparsescope.pipeline import needs, tiles
from sparsescope.pipeline.blocks import BLOCK_BYTES
from sparsescope.pipeline.needs import Portion, portion
from sparsescope.pipeline.piecework import Piecework
from sparsescope.pipeline.room import Need, Room
from sparsescope.pipeline.stack import Stack
from sparsescope.scale.facts import facts_of
from sparsescope.scale.journal import Journal

Array = npt.NDArray[Any]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small images are as large ones: tiles and bands of any size, and nothing that is there in any case."""
    monkeypatch.setattr(tiles, "LEAST_TILE", 9)
    monkeypatch.setattr(tiles, "SLAB_ARRAYS", 0)
    taken = tiles.Cut.bytes
    monkeypatch.setattr(tiles.Cut, "bytes", lambda self, tile, threads: 5 * taken(self, tile, threads))
    monkeypatch.setattr(needs, "LEAST_BLOCK", 1)


def spots(shape: tuple[int, ...], level: float = 300) -> Array:
    rng, true = np.random.default_rng(0), np.zeros(shape)
    count = int(np.prod(shape)) // 150
    true[tuple(rng.integers(0, n, count) for n in shape)] = rng.uniform(5, 50, count) * level / 10
    sigma = [0.0] * (len(shape) - 2) + [1.3, 1.3] if len(shape) < 3 else [1.2] * (len(shape) - 2) + [1.3, 1.3]
    image: Array = rng.poisson(ndimage.gaussian_filter(true, sigma) + 20).astype(np.uint16)
    return image


def psf(shape: tuple[int, ...] = (7, 9, 9)) -> Array:
    whole = np.zeros(shape)
    whole[tuple(n // 2 for n in shape)] = 1
    whole = ndimage.gaussian_filter(whole, [1.2, 1.3, 1.3][-len(shape) :])
    whole += 0.2 * np.roll(whole, 1, axis=-1)
    return (whole / whole.sum()).astype(np.float32)


STACK: dict[str, Any] = {"axes": "ZYX", "pixel_size_um": 0.1, "z_step_um": 0.2, "psf": psf()}
PLANE: dict[str, Any] = {"pixel_size_um": 0.1, "resolution_um": 0.3}
CASES: dict[str, tuple[tuple[int, ...], dict[str, Any], dict[str, Any]]] = {
    "plane": ((131, 97), PLANE, {"background": "none"}),
    "plane, background": ((131, 97), PLANE, {"background": "smooth-16"}),
    "plane, background in the model": ((131, 97), PLANE, {"background": "smooth-16", "sparse_iterations": 0}),
    "plane, sampled PSF, Landweber": (
        (131, 97), {"pixel_size_um": 0.1, "psf": psf((9, 9))}, {"background": "none", "deconvolution": "landweber"},
    ),
    "plane, two times finer": ((101, 73), PLANE, {"background": "none", "upsample": 2}),
    "movie": ((3, 101, 83), {**PLANE, "axes": "TYX"}, {"background": "flat", "continuity": 0}),
    "movie, tied": ((5, 211, 197), {**PLANE, "axes": "TYX"}, {"background": "flat", "continuity": 0.3}),
    "stack": ((11, 67, 61), STACK, {"background": "flat", "continuity": 0}),
    "stack, tied": ((11, 67, 61), STACK, {"background": "flat", "continuity": 0.3}),
    "stack, background in the model": ((9, 61, 67), STACK, {"sparse_iterations": 0, "continuity": 0}),
    "stacks tied along t": (
        (3, 5, 151, 53), {**STACK, "axes": "TZYX", "psf": psf((5, 9, 9))},
        {"background": "flat", "continuity": 0.3, "continuity_t": 0.3},
    ),
    "two stacks, two channels": (
        (2, 2, 7, 41, 53), {**STACK, "axes": "TCZYX"}, {"background": "flat", "continuity": 0},
    ),
}  # fmt: skip


def short(image: ss.Image, planned: Any) -> int:
    """Return a size of memory in which several tiles are needed, the largest of some."""
    least = portion(image, planned, 2, 0).need.solver
    sizes = [int(least * (1 + part / 10)) for part in range(6, -1, -1)]
    for size in sizes:
        tile = portion(image, planned, 2, size).tile
        if tile is not None and tile < (image.sizes["Y"], image.sizes["X"]):
            return size
    pytest.fail("nothing is cut")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_does_not_fit_is_cut_and_comes_out_the_same(case: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shape, how, values = case
    data, recipe = spots(shape), settings(**values)
    usual = ss.deconvolve(data, recipe, **how)
    image = ss.as_image(data, how.get("axes"), pixel_size_um=0.1, z_step_um=how.get("z_step_um"))
    planned = ss.plan(image, recipe, psf=how.get("psf"), resolution_um=how.get("resolution_um"))
    whole = portion(image, planned, 2, 10**12)
    assert (whole.tile, whole.banded) == (None, False)
    least = portion(image, planned, 2, 0)
    assert least.tile is not None
    allowed = short(image, planned)
    assert allowed < whole.need.solver
    parts = portion(image, planned, 2, allowed)
    assert parts.need.solver <= allowed
    assert parts.tile is not None
    assert parts.tile < (shape[-2], shape[-1])
    monkeypatch.setattr(Room, "of", classmethod(lambda cls, most=None, folder=None, coming=0: cls(allowed)))
    told: list[ss.Progress] = []
    result = ss.deconvolve(image, planned=planned, threads=2, on_progress=told.append)
    a, b = np.asarray(usual.image.data), np.asarray(result.image.data)
    assert b.shape == a.shape
    assert np.abs(a - b).max() <= 1e-3 * a.max()
    assert result.measures == pytest.approx(usual.measures, rel=1e-3, abs=1e-4)
    assert set(usual.notes) <= set(result.notes)
    if values.get("sparse_iterations") == 0:
        assert result.notes == usual.notes, "no sparse stage, no bands"
    assert told[-1].done == told[-1].total
    assert [p.done for p in told if p.stage == "deconvolution"] == sorted(
        p.done for p in told if p.stage == "deconvolution"
    )


def test_stacks_tied_along_t_wait_for_their_planes_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting, most = [0], [0]
    gather, solve = Stack.__init__, Piecework._deconvolved

    def begun(*args: Any) -> None:
        waiting[0] += 1
        most[0] = max(most[0], waiting[0])
        gather(*args)

    def solved(*args: Any) -> Any:
        waiting[0] -= 1
        return solve(*args)

    monkeypatch.setattr(Stack, "__init__", begun)
    monkeypatch.setattr(Piecework, "_deconvolved", solved)
    recipe = settings(background="none", continuity=0.3, continuity_t=0.3)
    ss.deconvolve(spots((4, 3, 21, 23)), recipe, **{**STACK, "axes": "TZYX", "psf": psf((3, 9, 9))})
    assert (waiting, most) == ([0], [1])


def test_stacks_in_tiles_that_are_ended_and_gone_on_with_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = ss.as_image(spots((3, 7, 41, 53)), "TZYX", pixel_size_um=0.1, z_step_um=0.2)
    planned = ss.plan(image, settings(background="flat", continuity=0), psf=psf())
    allowed = short(image, planned)
    monkeypatch.setattr(Room, "of", classmethod(lambda cls, most=None, folder=None, coming=0: cls(allowed)))
    whole = ss.deconvolve(image, planned=planned, threads=2)

    class Ended(BaseException):
        pass

    def end(progress: ss.Progress) -> None:
        if progress.stage == "deconvolution" and progress.done >= 16:  # within the third stack
            raise Ended

    facts = facts_of(image, planned, "cpu")
    with suppress(Ended), Journal(tmp_path / "out.ome.zarr", facts, axes=image.axes) as keeper:
        ss.deconvolve(image, planned=planned, threads=2, keeper=keeper, on_progress=end)
    solved: list[Any] = []
    solve = Piecework._deconvolved
    monkeypatch.setattr(Piecework, "_deconvolved", lambda *args: solved.append(1) or solve(*args))
    allowed *= 4  # more memory changes nothing
    with Journal(tmp_path / "out.ome.zarr", facts, axes=image.axes, resume=True) as keeper:
        result = ss.deconvolve(image, planned=planned, threads=2, keeper=keeper)
        np.testing.assert_array_equal(np.asarray(result.image.data), np.asarray(whole.image.data))
    assert len(solved) == 1
    assert result.measures == whole.measures


def test_pixels_at_the_top_of_the_range_do_not_count_in_tiles_either(monkeypatch: pytest.MonkeyPatch) -> None:
    data = spots((9, 61, 67), 3000)
    data = np.minimum(data, 4095)
    data[3, 20:22, 30] = 4095
    image = ss.Image(data, "ZYX", {"x": 0.1, "y": 0.1, "z": 0.2}, meta={"bits": 12})
    planned = ss.plan(image, settings(background="flat", continuity=0), psf=psf())
    usual = ss.deconvolve(image, planned=planned)
    allowed = short(image, planned)
    monkeypatch.setattr(Room, "of", classmethod(lambda cls, most=None, folder=None, coming=0: cls(allowed)))
    result = ss.deconvolve(image, planned=planned, threads=2)
    a, b = np.asarray(usual.image.data), np.asarray(result.image.data)
    assert np.abs(a - b).max() <= 1e-3 * a.max()
    assert any("did not count" in note for note in usual.notes)
    assert result.notes == usual.notes


def test_a_plane_without_a_second_stage_is_cut_into_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    image = ss.as_image(spots((131, 97)), pixel_size_um=0.1)
    planned = ss.plan(image, settings(background="flat", deconvolution="none"))
    usual = ss.deconvolve(image, planned=planned)
    least = portion(image, planned, 2, 0)
    assert least.need.solver < portion(image, planned, 2, 10**9).need.solver
    assert (least.banded, least.tile) == (True, None)
    allowed = least.need.solver
    monkeypatch.setattr(Room, "of", classmethod(lambda cls, most=None, folder=None, coming=0: cls(allowed)))
    result = ss.deconvolve(image, planned=planned)
    a, b = np.asarray(usual.image.data), np.asarray(result.image.data)
    assert 0 < np.abs(a - b).max() <= 1e-3 * a.max()
    assert any("smaller blocks" in note for note in result.notes)


def test_what_only_works_as_a_whole_is_not_cut() -> None:
    image = ss.as_image(spots((131, 97)), pixel_size_um=0.1)
    planned = ss.plan(image, settings(background="none", borders="mirror"), resolution_um=0.3)
    assert portion(image, planned, 2, 0).tile is None


def test_a_run_goes_on_only_where_it_fits_as_it_was_begun() -> None:
    whole = Portion(Need(1, 1, 1), BLOCK_BYTES, 0)
    tiled = replace(whole, tile=(100, 200))
    banded = replace(tiled, banded=True, block_bytes=10**8)
    begun = [{f.name: getattr(p, f.name) for f in fields(p) if f.name != "need"} for p in (whole, tiled, banded)]
    allowed = [[now.allows(then) for then in begun] for now in (whole, tiled, banded)]
    assert allowed == [[True, True, True], [False, True, True], [False, False, True]]
    assert not tiled.allows({**begun[1], "tile": [200, 200]})


RESIDENT = """
import json, threading
import numpy as np, psutil
import sparsescope as ss

def run(limit):
    before = me.memory_info().rss
    peak.clear()
    peak.append(before)
    most = None if limit is None else before + limit
    result = ss.deconvolve(image, planned=planned, threads=2, max_memory_bytes=most)
    value = np.asarray(result.image.data[20])
    return max(peak) - before, float(value.max()), float(value.sum())

me, peak, over = psutil.Process(), [0], threading.Event()
def watch():
    while not over.wait(0.002):
        peak.append(me.memory_info().rss)
threading.Thread(target=watch, daemon=True).start()
data = np.random.default_rng(0).poisson(50, (40, 320, 320)).astype(np.uint16)
data[:, ::9, ::9] += 500
psf = np.zeros((9, 9, 9))
psf[3:6, 2:7, 2:7] = 1
psf[4, 4, 4] = 20
recipe = ss.Recipe(fidelity=100, sparsity=2, continuity=0, background="none", sparse_iterations=2,
                   deconvolution_iterations=2)
image = ss.as_image(data, "ZYX", pixel_size_um=0.1, z_step_um=0.2)
planned = ss.plan(image, recipe, psf=psf)
ss.deconvolve(data[:5, :64, :64], recipe, axes="ZYX", psf=psf[2:7], pixel_size_um=0.1, z_step_um=0.2)
print(json.dumps([run(80_000_000), run(None)]))
over.set()
"""


def test_a_stack_stays_within_its_memory() -> None:
    done = subprocess.run([sys.executable, "-c", RESIDENT], capture_output=True, text=True, check=True, timeout=300)
    (short, top, total), (usual, largest, sum_) = json.loads(done.stdout)
    assert (top, total) == pytest.approx((largest, sum_), rel=1e-3)
    assert short <= 80_000_000
    assert usual > 88_000_000, "the measurement sees what is resident"
