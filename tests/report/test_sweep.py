"""The sweep: what is on its axes, and that a tile is what a run with its flags gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sparsescope as ss
from problems import counts
from sparsescope import Recipe, SparsescopeError, as_image
from sparsescope.pipeline import Progress
from sparsescope.report.sweep import axes_around, exact, sweep

FAST: dict[str, Any] = {
    "sparse_iterations": 20,
    "resolution_um": 0.3,
    "fidelity": 150,
    "sparsity": 10,
    "continuity": 0.5,
    "background": "weak-high-light",
    "deconvolution_iterations": 5,
}


def flags_of(text: str) -> dict[str, float]:
    words = text.split()
    return {name.removeprefix("--"): float(value) for name, value in zip(words[::2], words[1::2], strict=True)}


@given(st.floats(1e-6, 1e6), st.just(0.0) | st.floats(1e-3, 1e5))
def test_the_axes_rise_hold_the_choice_begin_at_sparsity_0_and_stay_in_range(f: float, s: float) -> None:
    fidelities, sparsities = axes_around(f, s)
    for axis, value in ((fidelities, f), (sparsities, s)):
        assert value in axis
        assert list(axis) == sorted(set(axis))
        assert len(axis) <= 5
    assert sparsities[0] == 0
    for one in fidelities:
        for other in sparsities:
            Recipe(fidelity=one, sparsity=other)


@given(st.floats(1e-6, 1e6))
def test_a_number_on_the_sheet_is_the_number_of_the_flag(value: float) -> None:
    assert float(exact(value)) == value


def test_the_axes_are_geometric_around_the_choice() -> None:
    fidelities, sparsities = axes_around(150.0, 10.0)
    assert fidelities == (15, 47.4, 150, 474, 1500)
    assert sparsities == (0, 1, 3.16, 10, 31.6)


@pytest.mark.parametrize(
    "changes", [{}, {"background": "none"}, {"background": "smooth-wide"}, {"upsample": 2}, {"hot_pixels": "adaptive"}]
)
def test_a_tile_is_what_a_run_with_its_flags_gives_there(changes: dict[str, Any]) -> None:
    values = counts((150, 330), seed=4)
    values[3, 3] = 3 * values.max()  # the brightest pixel is elsewhere
    image = as_image(values, pixel_size_um=0.1)
    recipe = Recipe(**FAST).replace(**changes)
    made = sweep(image, recipe)
    tile = made.rows[1][2]
    setting = {**flags_of(tile.flags)}
    whole = ss.deconvolve(image, recipe.replace(**setting)).image.data
    k = recipe.upsample
    rows, columns = made.place.rows, made.place.columns
    there = whole[rows.start * k : rows.stop * k, columns.start * k : columns.stop * k]
    assert tile.values.shape == there.shape
    assert np.abs(tile.values - there).max() < 0.03 * there.max()
    assert max(made.raw.shape) == 256 // k
    assert np.array_equal(made.raw, values[rows, columns].astype(np.float32))


@pytest.mark.parametrize(
    ("axes", "changes", "planes"),
    [
        ("ZYX", {}, 5),
        ("TYX", {}, 5),
        ("TCZYX", {}, 5),
        ("TZYX", {"continuity_t": 0.3}, 20),
        ("TZYX", {"continuity": 0, "continuity_t": 0.3}, 5),
    ],
)
def test_a_tile_of_a_stack_has_its_neighbours_in_it(axes: str, changes: dict[str, Any], planes: int) -> None:
    shape = {"T": 2, "C": 2, "Z": 8}
    if changes:
        shape = {"T": 6, "Z": 4}
    sizes = tuple(12 if axes == "TYX" and a == "T" else shape[a] for a in axes[:-2])
    values = counts((*sizes, 48, 48), seed=1)
    image = as_image(values, axes=axes, pixel_size_um=0.1)
    recipe = Recipe(**FAST).replace(**changes)
    made = sweep(image, recipe)
    assert made.planes == planes
    tile = made.rows[2][1]
    whole = ss.deconvolve(image, recipe.replace(**flags_of(tile.flags))).image
    there = whole.block(**made.place.index)[made.place.rows, made.place.columns]
    # the scale of the sheet is that of these planes
    alike = np.corrcoef(tile.values.ravel(), there.ravel())[0, 1]
    assert alike > 0.995
    loose = ss.deconvolve(image, recipe.replace(**flags_of(tile.flags), continuity=0, continuity_t=0)).image
    other = loose.block(**made.place.index)[made.place.rows, made.place.columns]
    assert 1 - alike < 0.5 * (1 - np.corrcoef(tile.values.ravel(), other.ravel())[0, 1])


def test_exactly_one_tile_is_the_choice_and_it_is_named_by_its_source() -> None:
    image = as_image(counts((64, 64)), pixel_size_um=0.1)
    made = sweep(image, Recipe(**FAST), origins={"fidelity": "flag", "sparsity": "flag"})
    assert [t.flags for row in made.rows for t in row if t.chosen] == ["--fidelity 150 --sparsity 10"]
    assert made.choice_name == "your choice"
    automatic = sweep(image, Recipe(**{**FAST, "fidelity": "auto", "sparsity": "auto"}))
    assert automatic.choice_name == "automatic choice"
    assert sum(t.chosen for row in automatic.rows for t in row) == 1
    assert automatic.chosen.fidelity == pytest.approx(automatic.plan.recipe.fidelity, rel=1e-3)


def test_progress_counts_the_tiles() -> None:
    steps: list[Progress] = []
    sweep(as_image(counts((40, 40)), pixel_size_um=0.1), Recipe(**FAST), on_progress=steps.append)
    assert [(s.stage, s.done, s.total, s.unit) for s in steps] == [("sweep", i, 25, "tiles") for i in range(1, 26)]


def test_the_same_input_gives_the_same_sheet_and_is_not_written_into() -> None:
    values = counts((48, 48))
    kept = values.copy()
    first, second = (sweep(as_image(values, pixel_size_um=0.1), Recipe(**FAST)) for _ in range(2))
    assert np.array_equal(values, kept)
    for one, other in zip(first.rows, second.rows, strict=True):
        for a, b in zip(one, other, strict=True):
            assert np.array_equal(a.values, b.values)


@pytest.mark.parametrize("value", [0, 7])
def test_an_empty_image_is_answered_in_words(value: int) -> None:
    with pytest.raises(SparsescopeError, match="nothing stands above the background"):
        sweep(as_image(np.full((48, 48), value), pixel_size_um=0.1), Recipe(**FAST))


def test_a_recipe_without_the_sparse_stage_is_refused() -> None:
    with pytest.raises(SparsescopeError, match="--sparse-iterations 100"):
        sweep(as_image(counts((48, 48)), pixel_size_um=0.1), Recipe(**{**FAST, "sparse_iterations": 0}))
