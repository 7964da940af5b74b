"""Continuity along z, along t, and along both: which axes are tied, how strongly, and that windows do not show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sparsescope as ss
from problems import counts, settings
from sparsescope.engines import HessianTerms, pick
from sparsescope.errors import InputError
from sparsescope.pipeline import Progress, blocks, piecework
from sparsescope.pipeline.continuity import Continuity, continuity_of, z_factor
from sparsescope.recipe import Recipe
from sparsescope.solvers.loop import solve
from sparsescope.solvers.sparse_hessian import PublishedHessian

SIZES: dict[str, Any] = {"pixel_size_um": 0.1, "z_step_um": 0.3, "resolution_um": 0.3}
PLAIN = settings(sparse_iterations=15, background="none", deconvolution="none")


def image(axes: str, shape: tuple[int, ...], **spacing_um: float) -> ss.Image:
    return ss.Image(np.ones(shape, np.float32), axes, spacing_um or {"x": 0.1, "y": 0.1, "z": 0.3})


def result(data: np.ndarray, recipe: Recipe, axes: str = "TZYX", **more: Any) -> np.ndarray:
    return np.asarray(ss.deconvolve(data, recipe, axes=axes, **{**SIZES, **more}).image.data)


@pytest.mark.parametrize(
    ("axes", "shape", "given", "expected"),
    [
        ("TZYX", (4, 5, 8, 9), {}, Continuity(0.5, 0.0)),
        ("TZYX", (4, 5, 8, 9), {"continuity_t": 0.2}, Continuity(0.5, 0.2)),
        ("TZYX", (4, 5, 8, 9), {"continuity": 0, "continuity_t": 0.2}, Continuity(0.0, 0.2)),
        ("TZYX", (2, 5, 8, 9), {"continuity_t": 0.2}, Continuity(0.5, 0.0)),
        ("TZYX", (4, 2, 8, 9), {"continuity_t": 0.2}, Continuity(0.0, 0.2)),
        ("TZYX", (4, 5, 8, 9), {"continuity_t": 0.2, "sparse_iterations": 0}, Continuity()),
        ("TZYX", (4, 5, 8, 9), {"continuity_t": 0.2, "sparse_iterations": 0, "tolerance": 0.1}, Continuity(0.5, 0.2)),
        ("TCZYX", (4, 2, 5, 8, 9), {"continuity_t": 0.2}, Continuity(0.5, 0.2)),
        ("TYX", (4, 8, 9), {"continuity_t": 0.2}, Continuity(0.0, 0.5)),
        ("ZYX", (4, 8, 9), {"continuity_t": 0.2}, Continuity(0.5, 0.0)),
        ("YX", (8, 9), {"continuity_t": 0.2}, Continuity()),
    ],
    ids=str,
)
def test_which_axes_are_tied_and_how_strongly(
    axes: str, shape: tuple[int, ...], given: dict[str, Any], expected: Continuity
) -> None:
    source, recipe = image(axes, shape), settings(**given)
    assert continuity_of(source, recipe) == expected
    assert ss.plan(source, recipe).axis == (expected.axes or None)


def test_in_a_movie_without_z_both_names_mean_the_same() -> None:
    data = counts((5, 20, 22))
    by_its_own = settings(sparse_iterations=15, background="none")
    open_recipe = Recipe(**{k: v for k, v in by_its_own.model_dump().items() if k != "continuity"})
    named = open_recipe.replace(continuity_t=0.3)
    assert np.array_equal(
        result(data, named.replace(continuity="auto"), "TYX"), result(data, by_its_own.replace(continuity=0.3), "TYX")
    )
    made = ss.plan(image("TYX", (5, 20, 22)), Recipe(fidelity=100, continuity_t=0.3), origins={"continuity_t": "flag"})
    assert (made.recipe.continuity, made.recipe.continuity_t) == (0.3, 0.3)
    assert (made.sources["continuity"], made.sources["continuity_t"]) == ("flag", "flag")


def test_where_both_are_given_for_a_movie_without_z_a_note_says_which_one_counts() -> None:
    source = image("TYX", (5, 20, 22))
    recipe = settings(deconvolution="none")
    made = ss.plan(source, recipe.replace(continuity_t=0.2))
    assert any("continuity_t 0.2 is not used" in note and "continuity 0.5" in note for note in made.notes)
    assert made.axis == "T"
    assert not ss.plan(source, recipe.replace(continuity_t=0.5)).notes
    assert not ss.plan(image("TZYX", (5, 4, 20, 22)), recipe.replace(continuity_t=0.2)).notes


@pytest.mark.parametrize(("axes", "expected"), [("TYX", 0.5), ("TZYX", 0.0), ("ZYX", 0.0), ("YX", 0.0)])
def test_what_stays_open_is_what_the_published_settings_do(axes: str, expected: float) -> None:
    shape = {"T": 4, "Z": 5, "Y": 20, "X": 22}
    made = ss.plan(image(axes, tuple(shape[a] for a in axes)), settings(deconvolution="none"))
    assert made.recipe.continuity_t == expected
    assert made.sources["continuity_t"] == ("recipe" if axes == "TYX" else "default")
    again = ss.plan(image(axes, tuple(shape[a] for a in axes)), made.recipe)
    assert (again.axis, again.notes, again.recipe) == (made.axis, (), made.recipe)


def test_a_movie_of_stacks_is_solved_as_one_with_each_weight_on_its_axis() -> None:
    data = counts((4, 5, 16, 18))
    data[2] //= 2
    value = result(data, PLAIN.replace(continuity=0.7, continuity_t=0.2))
    terms = HessianTerms(PLAIN.fidelity, PLAIN.sparsity, 0.7, 0.2)
    top = np.float32(data.max())
    expected = solve(PublishedHessian(pick(), terms, 15), data.astype(np.float32) / top).value * top
    assert np.array_equal(value, expected)
    swapped = result(np.swapaxes(data, 0, 1), PLAIN.replace(continuity=0.2, continuity_t=0.7))
    np.testing.assert_allclose(np.swapaxes(swapped, 0, 1), value, rtol=0, atol=2e-6 * top)


@pytest.mark.parametrize("change", [{}, {"tolerance": 0.01}], ids=["published", "certified"])
def test_without_continuity_along_z_each_plane_is_a_movie(change: dict[str, Any]) -> None:
    data = counts((4, 3, 16, 18))
    data[:, :, 0, 0] = data.max()  # one scale for all
    recipe = settings(sparse_iterations=15, background="none", **change)
    together = result(data, recipe.replace(continuity=0, continuity_t=0.4))
    for z in range(3):
        assert np.array_equal(result(data[:, z], recipe.replace(continuity=0.4), "TYX"), together[:, z])


@pytest.mark.parametrize("change", [{"continuity_t": 0}, {"continuity_t": "auto"}, {"continuity_t": 0.4}], ids=str)
def test_frames_of_a_movie_of_stacks_matter_to_one_another_only_where_t_is_tied(change: dict[str, Any]) -> None:
    data = counts((4, 3, 16, 18))
    data[:, 0, 0, 0] = data.max()
    other = data.copy()
    other[3] = other[3, :, ::-1]
    other[3, 0, 0, 0] = data.max()
    a, b = (result(d, PLAIN.replace(**change)) for d in (data, other))
    assert np.array_equal(a[:3], b[:3]) is (change["continuity_t"] != 0.4)


SEAMS = {
    "default": (settings(continuity_t=0.5, deconvolution="none"), 1e-4),
    "weak along z": (settings(continuity=0.05, continuity_t=1.0, background="none", deconvolution="none"), 1e-4),
    "strong along t": (settings(fidelity=20, sparsity=1, continuity=1, continuity_t=1, deconvolution="none"), 1e-3),
    "certified": (settings(continuity_t=0.5, tolerance=5e-4, deconvolution="none"), 5e-3),
}


@pytest.mark.parametrize("name", SEAMS)
def test_windows_along_t_give_what_the_whole_movie_gives(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, within = SEAMS[name]
    length = 44
    data = counts((length, 3, 12, 13))
    data[22:] //= 2  # something happens at the seam
    whole = result(data, recipe)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1)
    halo = blocks.halo_planes(float(recipe.continuity_t), float(recipe.fidelity))
    assert len(list(blocks.spans(length, 3 * 12 * 13, halo))) > 1, "it has been cut"
    assert np.abs(result(data, recipe) - whole).max() <= within * whole.max()


def test_without_a_halo_windows_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, _ = SEAMS["default"]
    data = counts((44, 3, 12, 13))
    whole = result(data, recipe)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1)
    monkeypatch.setattr(blocks, "LEAST_HALO", 0)
    monkeypatch.setattr(blocks, "MOST_HALO", 0)
    assert np.abs(result(data, recipe) - whole).max() > 1e-3 * whole.max()


@pytest.mark.parametrize(("axes", "shape"), [("TZYX", (6, 3, 70, 13)), ("ZYX", (5, 70, 13)), ("TYX", (40, 70, 13))])
def test_blocks_too_large_for_memory_are_cut_along_y_and_seams_do_not_show(
    axes: str, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, recipe = counts(shape), settings(continuity_t=0.5, background="none", deconvolution="none")
    data[..., 30:, :] //= 2
    whole = result(data, recipe, axes)
    seen: list[tuple[int, ...]] = []
    stage = piecework.sparse_stage

    def noted(*given: Any) -> Any:
        seen.append(given[3].shape)
        return stage(*given)

    monkeypatch.setattr(piecework, "sparse_stage", noted)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1)
    reports: list[Progress] = []
    cut = result(data, recipe, axes, on_progress=reports.append)
    assert max(part[-2] for part in seen) <= 2 * blocks.halo_planes(1.0, 150.0) + 8 < 70
    assert np.abs(cut - whole).max() <= 1e-3 * whole.max()
    done = [report.done for report in reports if report.stage == "deconvolution"]
    assert done == sorted(done)
    assert done[-1] == np.prod(shape[:-2])


def test_every_plane_of_a_window_is_kept_once_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1)
    planes = blocks.Planes(image("TCZYX", (60, 2, 4, 8, 9)), 1, "none")
    cut = list(planes.blocks("TZ", 8 * 9, 8))
    assert len(cut) > 2
    assert [index for block in cut for index in block.planes[block.kept]] == planes.all()
    for block in cut:
        assert len(block.planes) == np.prod(block.shape)
        assert block.shape[1] == 4


@pytest.mark.parametrize("change", [{}, {"tolerance": 0.02}, {"upsample": 2}], ids=str)
def test_the_number_of_threads_changes_no_bit(change: dict[str, Any]) -> None:
    data = counts((4, 3, 20, 23))
    recipe = settings(**{"sparse_iterations": 10, "continuity_t": 0.3, **change})
    one = result(data, recipe, threads=1)
    assert one.shape[:2] == (4, 3)
    for threads in (2, 3):
        assert np.array_equal(result(data, recipe, threads=threads), one)


def test_both_engines_give_the_same_movie() -> None:
    data = counts((4, 3, 16, 18))
    recipe = settings(sparse_iterations=40, continuity_t=0.3)
    a, b = (result(data, recipe, engine=engine) for engine in ("cpu", "numpy"))
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-4 * a.max())


@pytest.mark.parametrize("upsample", [1, 2])
def test_physical_weights_are_those_of_derivatives_per_micron(upsample: int) -> None:
    data = counts((5, 20, 22))
    factor = (0.1 / upsample / 0.3) ** 2
    physical = PLAIN.replace(continuity=0.9, z_weighting="physical", upsample=upsample)
    published = PLAIN.replace(continuity=0.9 * factor, upsample=upsample)
    assert np.array_equal(result(data, physical, "ZYX"), result(data, published, "ZYX"))
    assert z_factor(image("ZYX", (5, 20, 22)), physical) == pytest.approx(factor)
    later = physical.replace(deconvolution="rl", upsample_method="model")
    assert z_factor(image("ZYX", (5, 20, 22)), later) == pytest.approx(1 / 9), "made finer by the second stage only"
    assert z_factor(image("ZYX", (5, 20, 22), x=0.1, y=0.4, z=0.2), PLAIN.replace(z_weighting="physical")) == 1


def test_isotropic_voxels_weigh_alike_either_way_and_movies_have_no_micron_along_t() -> None:
    data = counts((5, 20, 22))
    physical = PLAIN.replace(z_weighting="physical")
    assert np.array_equal(result(data, physical, "ZYX", z_step_um=0.1), result(data, PLAIN, "ZYX", z_step_um=0.1))
    assert np.array_equal(result(data, physical, "TYX"), result(data, PLAIN, "TYX"))


def test_physical_weights_say_what_they_rest_on() -> None:
    made = ss.plan(image("ZYX", (5, 40, 42)), settings(continuity=0.9, z_weighting="physical"))
    assert made.sources["z_weighting"] == "recipe"
    assert any(
        "continuity along z is 0.9 × 0.111 = 0.1 from plane to plane: pixels of 0.1 µm, planes 0.3 µm apart" in note
        for note in made.notes
    )
    assert not any("from plane to plane" in note for note in ss.plan(image("ZYX", (5, 40, 42)), settings()).notes)


@pytest.mark.parametrize(
    ("spacing", "text"),
    [
        ({"x": 0.1}, "the z step is not known: add --z-step-um"),
        ({"z": 0.3}, "the pixel size is not known: add --pixel"),
    ],
)
def test_physical_weights_without_sizes_are_refused_with_the_flag(spacing: dict[str, float], text: str) -> None:
    recipe = settings(z_weighting="physical", deconvolution="none")
    with pytest.raises(InputError, match=text):
        ss.plan(image("ZYX", (5, 20, 22), **spacing), recipe)
    ss.plan(image("TYX", (5, 20, 22), **spacing), recipe)
    ss.plan(image("ZYX", (5, 20, 22), **spacing), recipe.replace(continuity=0))


def still(**sizes: int) -> ss.Image:
    """Dim structure that is the same in every plane and frame: it is best tied along both."""
    plane = counts((48, 50), seed=3, peak=30, behind=2)
    data = np.random.default_rng(0).poisson(np.broadcast_to(plane, (*sizes.values(), 48, 50)))
    return ss.as_image(data.astype(np.uint16), "".join(sizes) + "YX", pixel_size_um=0.1, z_step_um=0.3)


FIXED = Recipe(
    background="none", fidelity=100, sparsity=1, sparse_iterations=60, deconvolution_iterations=3, resolution_um=0.3
)


def test_open_weights_of_a_movie_of_stacks_are_both_chosen_from_it() -> None:
    made = ss.plan(still(T=5, Z=3), FIXED)
    assert made.axis == "TZ"
    assert made.recipe.continuity_t > 0
    assert made.sources["continuity"] == made.sources["continuity_t"] == "auto"
    fixed = ss.plan(still(T=5, Z=3), FIXED.replace(continuity=0.3))
    assert (fixed.recipe.continuity_t, fixed.sources["continuity_t"]) == (0.0, "default")
    given_t = ss.plan(still(T=5, Z=3), FIXED.replace(continuity_t=0.2), origins={"continuity_t": "flag"})
    assert (given_t.recipe.continuity_t, given_t.sources["continuity_t"]) == (0.2, "flag")
    assert given_t.sources["continuity"] == "auto"


def test_a_movie_of_stacks_of_one_plane_is_tied_along_t() -> None:
    made = ss.plan(still(T=5, Z=1), FIXED)
    movie = ss.plan(still(T=5), FIXED)
    assert (made.axis, made.recipe.continuity) == ("T", 0.0)
    assert made.recipe.continuity_t == movie.recipe.continuity > 0


def test_open_physical_weights_are_the_same_choice_in_other_units() -> None:
    published, physical = (ss.plan(still(Z=5), FIXED.replace(z_weighting=w)) for w in ("published", "physical"))
    assert published.recipe.continuity > 0
    assert physical.recipe.continuity == pytest.approx(9 * published.recipe.continuity)
    assert continuity_of(still(Z=5), physical.recipe).z == pytest.approx(published.recipe.continuity)
