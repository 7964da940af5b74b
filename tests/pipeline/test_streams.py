"""Long movies and stacks: read plane by plane, solved in blocks whose seams do not show, the same on any machine."""

from __future__ import annotations

from typing import Any

import dask.array
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sparsescope as ss
from problems import counts, settings
from sparsescope.pipeline import Progress, blocks

SIZES: dict[str, Any] = {"pixel_size_um": 0.1, "resolution_um": 0.3}


def whole_and_cut(
    data: np.ndarray, recipe: ss.Recipe, monkeypatch: pytest.MonkeyPatch, axes: str = "TYX"
) -> tuple[np.ndarray, np.ndarray]:
    """Return the result in one piece, and with room for the smallest blocks only."""
    whole = ss.deconvolve(data, recipe, axes=axes, **SIZES).image.data
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1)
    return np.asarray(whole), np.asarray(ss.deconvolve(data, recipe, axes=axes, **SIZES).image.data)


SEAMS = {
    "default": (settings(), 1e-5),
    "sparse stage alone": (settings(background="none", deconvolution="none"), 1e-5),
    "certified": (settings(tolerance=2e-4, deconvolution="none"), 3e-3),
    "full continuity, little fidelity": (settings(fidelity=20, sparsity=1, continuity=1), 1e-3),
    "all smoothness": (settings(fidelity=10, sparsity=0, continuity=5), 1e-3),
}


@pytest.mark.parametrize("name", SEAMS)
def test_seams_between_blocks_do_not_show(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, within = SEAMS[name]
    data = counts((70, 24, 26))
    data[35:] //= 2  # something happens in the middle of the movie
    whole, cut = whole_and_cut(data, recipe, monkeypatch)
    resolved = ss.plan(ss.as_image(data, "TYX", pixel_size_um=0.1), recipe).recipe
    halo = blocks.halo_planes(float(resolved.continuity), float(resolved.fidelity))
    assert len(list(blocks.spans(70, 24 * 26, halo))) > 1, "it has been cut"
    assert np.abs(cut - whole).max() <= within * whole.max()


def test_without_a_halo_seams_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "LEAST_HALO", 0)
    monkeypatch.setattr(blocks, "MOST_HALO", 0)
    data = counts((70, 24, 26))
    whole, cut = whole_and_cut(data, settings(background="none", deconvolution="none"), monkeypatch)
    assert np.abs(cut - whole).max() > 1e-3 * whole.max()


@pytest.mark.parametrize("axes", ["ZYX", "TZYX"])
def test_blocks_are_cut_along_the_axis_of_continuity_for_each_time_point(
    axes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = counts((2, 40, 12, 14)[-len(axes) :])
    whole, cut = whole_and_cut(data, settings(sparse_iterations=30), monkeypatch, axes)
    assert np.abs(cut - whole).max() <= 1e-5 * whole.max()


@given(st.integers(1, 300), st.integers(1, 10**9), st.integers(0, 40))
def test_spans_keep_every_plane_once_with_its_halo(length: int, voxels: int, halo: int) -> None:
    kept: list[int] = []
    most = max(2 * halo + 8, blocks.BLOCK_BYTES // (blocks.BYTES_PER_VOXEL * voxels))
    for outer, inner in blocks.spans(length, voxels, halo):
        planes = list(range(length))[outer]
        part = planes[inner]
        kept += part
        assert len(planes) <= most
        assert part[0] - planes[0] == min(halo, part[0]) or len(planes) == length
        assert planes[-1] - part[-1] == min(halo, length - 1 - part[-1]) or len(planes) == length
    assert kept == list(range(length))


def test_the_halo_grows_with_continuity_and_falls_with_fidelity_between_its_limits() -> None:
    halos = [blocks.halo_planes(continuity, 20.0) for continuity in (0.0, 0.1, 1.0, 5.0, 1000.0)]
    assert halos == sorted(halos)
    assert (halos[0], halos[-1]) == (blocks.LEAST_HALO, blocks.MOST_HALO)
    assert blocks.halo_planes(1.0, 5.0) > blocks.halo_planes(1.0, 50.0) > blocks.halo_planes(1.0, 1e6) - 1


class Stored:
    """Pixels that hand out single planes only, and count how often."""

    def __init__(self, data: np.ndarray) -> None:
        self.data, self.reads = data, 0
        self.shape, self.dtype, self.ndim = data.shape, data.dtype, data.ndim

    def __getitem__(self, key: Any) -> np.ndarray:
        assert isinstance(key, tuple)
        assert len(key) == self.ndim
        assert all(isinstance(k, int) for k in key[:-2]), f"more than a plane was asked for: {key}"
        assert key[-2:] == (slice(None), slice(None))
        self.reads += 1
        return self.data[key]

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise AssertionError("the whole movie was asked for")


@pytest.mark.parametrize("axes", ["YX", "TYX", "TCYX", "TZYX"])
@pytest.mark.parametrize(
    "recipe",
    [
        settings(sparse_iterations=5),
        settings(sparse_iterations=5, hot_pixels="adaptive"),
        settings(sparse_iterations=5, continuity=0, background="none"),
        settings(sparse_iterations=5, upsample=2),
    ],
    ids=["default", "hot", "frames", "finer"],
)
def test_a_stored_image_is_read_plane_by_plane(axes: str, recipe: ss.Recipe) -> None:
    data = counts({"YX": (30, 31), "TYX": (4, 30, 31), "TCYX": (4, 2, 30, 31), "TZYX": (2, 4, 30, 31)}[axes])
    stored = Stored(data)
    result = ss.deconvolve(stored, recipe, axes=axes, **SIZES)
    expected = ss.deconvolve(data, recipe, axes=axes, **SIZES)
    assert np.array_equal(result.image.data, expected.image.data)
    planes = data.size // (30 * 31)
    assert planes < stored.reads <= 3 * planes


def test_planning_reads_nothing_where_every_value_is_given() -> None:
    stored = Stored(counts((4, 30, 31)))
    ss.plan(ss.as_image(stored, "TYX", pixel_size_um=0.1), settings(), resolution_um=0.3)
    assert stored.reads == 0


def test_a_dask_array_is_computed_plane_by_plane() -> None:
    data, asked = counts((6, 30, 31)), []

    def plane(block_info: Any = None) -> np.ndarray:
        (t, _, _) = block_info[None]["chunk-location"]
        asked.append(t)
        return data[t : t + 1]

    lazy = dask.array.map_blocks(plane, chunks=((1,) * 6, (30,), (31,)), dtype=data.dtype, meta=data[:0])
    recipe = settings(sparse_iterations=5)
    result = ss.deconvolve(lazy, recipe, axes="TYX", **SIZES)
    assert np.array_equal(result.image.data, ss.deconvolve(data, recipe, axes="TYX", **SIZES).image.data)
    assert sorted(set(asked)) == list(range(6))
    assert len(asked) <= 3 * 6


@pytest.mark.parametrize(
    ("axes", "recipe"),
    [
        ("YX", settings(sparse_iterations=20)),
        ("TYX", settings(sparse_iterations=20)),
        ("TYX", settings(sparse_iterations=20, continuity=0)),
        ("TYX", settings(tolerance=0.01)),
        ("TYX", settings(sparse_iterations=0, upsample=2, deconvolution="landweber")),
    ],
    ids=str,
)
def test_the_number_of_threads_changes_no_bit_of_the_result_and_no_note(axes: str, recipe: ss.Recipe) -> None:
    data = counts((7, 40, 43)[-len(axes) :])
    one = ss.deconvolve(data, recipe, axes=axes, threads=1, **SIZES)
    for threads in (2, 3, 5):
        many = ss.deconvolve(data, recipe, axes=axes, threads=threads, **SIZES)
        assert np.array_equal(one.image.data, many.image.data)
        assert one.measures == many.measures
        assert one.notes == many.notes
        if one.background is not None and many.background is not None:
            assert np.array_equal(one.background.data, many.background.data)


@pytest.mark.parametrize("engine", ["cpu", "numpy"])
def test_both_engines_give_the_same_image(engine: str) -> None:
    data = counts((4, 40, 43))
    a = ss.deconvolve(data, settings(sparse_iterations=40), axes="TYX", **SIZES).image.data
    b = ss.deconvolve(data, settings(sparse_iterations=40), axes="TYX", engine=engine, **SIZES).image.data
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-4 * np.asarray(a).max())


@pytest.mark.parametrize(
    ("axes", "unit", "recipe", "dark"),
    [
        ("YX", "planes", settings(sparse_iterations=5), False),
        ("TYX", "frames", settings(sparse_iterations=30), False),
        ("TYX", "frames", settings(sparse_iterations=5, continuity=0, background="none"), False),
        ("ZYX", "planes", settings(sparse_iterations=0), False),
        ("CYX", "planes", settings(sparse_iterations=5), True),
        ("TCYX", "frames", settings(sparse_iterations=5), True),
    ],
)
@pytest.mark.parametrize("threads", [1, 2])
def test_progress_rises_to_the_end_in_each_stage(
    axes: str, unit: str, recipe: ss.Recipe, dark: bool, threads: int
) -> None:
    data = counts({"YX": (30, 31), "CYX": (3, 30, 31), "TCYX": (4, 2, 30, 31)}.get(axes, (4, 30, 31)))
    if dark:
        data[..., 0, :, :] = 0 if axes == "TCYX" else data[..., 0, :, :]
        data[0] = 0 if axes == "CYX" else data[0]
    reports: list[Progress] = []
    ss.deconvolve(data, recipe, axes=axes, threads=threads, on_progress=reports.append, **SIZES)
    total = data.size // (30 * 31)
    work = [r for r in reports if r.stage != "compiling"]
    assert {(r.total, r.unit) for r in work} == {(total, unit)}
    assert (work[-1].stage, work[-1].done) == ("deconvolution", total)
    for stage in {"deconvolution", "background"} & {r.stage for r in work}:
        done = [r.done for r in work if r.stage == stage]
        assert done == sorted(done)
        assert 0 <= done[0] <= done[-1] <= total
    assert ("background" in {r.stage for r in work}) is (recipe.background != "none")


def test_an_error_from_the_caller_of_progress_ends_the_run() -> None:
    def stop(report: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ss.deconvolve(counts((30, 30, 31)), settings(continuity=0), axes="TYX", threads=2, on_progress=stop, **SIZES)
