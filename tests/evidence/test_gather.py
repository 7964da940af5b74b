"""Gathering evidence: the frozen run is the run, levels and their cost, the cache, every kind of image."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sparsescope import Recipe, as_image, deconvolve
from sparsescope.errors import RecipeError
from sparsescope.evidence import Cache, gather
from sparsescope.evidence.frozen import coarse, freeze
from sparsescope.evidence.gather import Cost, solves_of
from sparsescope.pipeline import Progress

from .scenes import GOOD, SIDE, blurred, run

FAST = Recipe(**{**GOOD, "deconvolution_iterations": 5, "sparse_iterations": 20})


def movie(count: int = 4, side: int = 72) -> np.ndarray:
    rng = np.random.default_rng(3)
    lines = np.zeros((side, side))
    lines[10:60:12, 8:64] = 1
    scene = 20 + 300 * blurred(lines) / blurred(lines).max()
    return rng.poisson(np.stack([scene * 0.97**t for t in range(count)])).astype(np.uint16)


def test_the_frozen_window_repeats_the_run() -> None:
    made = run(500.0)
    frozen = freeze(made.image, made.result)
    assert frozen is not None
    assert frozen.counts.shape == (SIDE, SIDE)
    assert np.allclose(frozen.reconstruct(), frozen.value, atol=1e-3 * frozen.value.max())


@pytest.mark.parametrize("background", ["flat", "smooth-8"])
def test_a_part_of_a_larger_image_repeats_the_run_with_the_background_and_scale_of_the_whole(background: str) -> None:
    rng = np.random.default_rng(0)
    scene = np.full((200, 220), 30.0)
    scene[20:180:16, 90:200] = 400
    image = as_image(rng.poisson(scene).astype(np.uint16), pixel_size_um=1.0)
    result = deconvolve(image, FAST.replace(background=background))
    frozen = freeze(image, result, side=96)
    assert frozen is not None
    assert frozen.counts.shape == (96, 96)
    inner = (slice(8, -8),) * 2
    difference = (frozen.reconstruct() - frozen.value)[inner]
    assert np.abs(difference).max() < 0.01 * frozen.value.max()


def test_evidence_is_the_same_each_time_and_inputs_are_left_alone() -> None:
    made = run(500.0)
    before = np.asarray(made.image.data).copy()
    first, second = (gather(made.image, made.result, "full") for _ in range(2))
    assert [n.value for n in first.numbers] == [n.value for n in second.numbers]
    assert all(np.array_equal(a.values, b.values, equal_nan=True) for a, b in zip(first.maps, second.maps, strict=True))
    assert np.array_equal(before, made.image.data)


def test_full_says_its_cost_before_and_keeps_to_it() -> None:
    made = run(500.0)
    costs: list[Cost] = []
    reports: list[Progress] = []
    evidence = gather(made.image, made.result, "full", on_cost=costs.append, on_progress=reports.append)
    (cost,) = costs
    assert cost.solves == evidence.solves == reports[-1].total == reports[-1].done
    assert cost.seconds is not None
    frozen = freeze(made.image, made.result)
    assert frozen is not None
    assert solves_of(frozen) == cost.solves


def test_quick_takes_a_small_part_of_what_the_run_took() -> None:
    made = run(500.0)
    assert gather(made.image, made.result).solves == 0  # so small a run leaves nothing for it
    rng = np.random.default_rng(0)
    scene = np.full((512, 512), 20.0)
    scene[::24] = 300
    image = as_image(rng.poisson(scene).astype(np.uint16), pixel_size_um=1.0)
    evidence = gather(image, deconvolve(image, FAST))
    assert evidence.solves == 4
    assert evidence.number("disagreement_percent") is not None
    assert evidence.number("separation_px") is None


def test_every_number_curve_and_map_says_what_it_means() -> None:
    made = run(500.0)
    evidence = gather(made.image, made.result, "full")
    names = [thing.name for thing in (*evidence.numbers, *evidence.maps, *evidence.curves)]
    assert len(set(names)) == len(names)
    assert all(len(thing.meaning) > 15 for thing in (*evidence.numbers, *evidence.maps, *evidence.curves))
    for found in evidence.maps:
        assert found.values.dtype == np.float32
        assert found.values.shape == (SIDE, SIDE)
    wanted = {
        "residual_chi2", "residual_whiteness_p", "rsp", "rse_counts", "nonzero_before_percent", "nonzero_after_percent",
        "nonzero_optimum_percent", "narrow_percent", "saturated_percent", "psf_fwhm_px", "raw_resolution_px",
        "reproducible_resolution_px", "reproducible_resolution_um", "disagreement_percent", "psf_sensitivity_percent",
        "parameter_sensitivity_percent", "separation_px", "linearity_exponent", "doubtful_percent",
    }  # fmt: skip
    assert wanted <= set(names)
    assert evidence.number("linearity_exponent") == pytest.approx(1, abs=0.05)
    assert json.loads(json.dumps(evidence.document(), allow_nan=False))["colour"] == evidence.colour


def test_full_evidence_is_kept_by_pixels_and_recipe(tmp_path: Path) -> None:
    made, other = run(500.0), run(500.0, sparsity=0.2)
    store = Cache(tmp_path / "kept")
    first = gather(made.image, made.result, "full", cache=store)
    again = gather(made.image, made.result, "full", cache=store)
    assert again.seconds == 0
    assert again.document() | {"seconds": 0} == first.document() | {"seconds": 0}
    assert all(np.array_equal(a.values, b.values, equal_nan=True) for a, b in zip(first.maps, again.maps, strict=True))
    assert gather(other.image, other.result, "full", cache=store).seconds > 0
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_a_damaged_or_unwritable_cache_costs_nothing_but_time(tmp_path: Path) -> None:
    made = run(500.0)
    store = Cache(tmp_path)
    gather(made.image, made.result, "full", cache=store)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(kept.read_bytes()[:500])
    assert gather(made.image, made.result, "full", cache=store).seconds > 0
    (tmp_path / "file").write_text("in the way")
    assert gather(made.image, made.result, "full", cache=tmp_path / "file" / "folder").seconds > 0


def test_a_movie_tells_bleaching_and_flicker() -> None:
    image = as_image(movie(6, 64), "TYX", pixel_size_um=1.0)
    evidence = gather(image, deconvolve(image, FAST.replace(continuity=0.3, background="flat")))
    assert evidence.number("bleached_percent") == pytest.approx(100 * (1 - 0.97**5), abs=3)
    assert evidence.number("flicker_percent") is not None
    assert "T" in evidence.index


@pytest.mark.parametrize("axes", ["ZYX", "CYX", "TCZYX"])
def test_stacks_and_channels_are_judged_by_one_plane_of_one_channel(axes: str) -> None:
    planes = movie(4)
    data = planes if len(axes) == 3 else planes.reshape(2, 2, 1, *planes.shape[1:])
    image = as_image(data, axes, pixel_size_um=1.0, z_step_um=1.0)
    result = deconvolve(image, FAST.replace(continuity=0.3))
    channel = 1 if "C" in axes else None
    evidence = gather(image, result, "full", channel=channel)
    assert set(evidence.index) == set(axes) - set("YX")
    if channel:
        assert evidence.index["C"] == 1
    assert evidence.number("rsp") > 0.9
    assert evidence.number("disagreement_percent") > 0


def test_a_finer_result_is_judged_on_the_pixels_of_the_input() -> None:
    image = as_image(movie(1)[0], pixel_size_um=1.0)
    result = deconvolve(image, FAST.replace(upsample=2, background="flat"))
    evidence = gather(image, result, "full")
    assert evidence.map("doubt").shape == image.shape
    assert evidence.number("residual_chi2") < 2
    assert evidence.number("reproducible_resolution_px") is not None


def test_without_a_second_stage_or_without_the_first_there_is_evidence_all_the_same() -> None:
    image = as_image(movie(1)[0], pixel_size_um=1.0)
    only = gather(image, deconvolve(image, FAST.replace(deconvolution="none", background="flat")), "full")
    assert only.number("psf_sensitivity_percent") is None
    assert only.number("parameter_sensitivity_percent") is not None
    plain = gather(image, deconvolve(image, FAST.replace(sparse_iterations=0, background="flat")), "full")
    assert plain.number("parameter_sensitivity_percent") is None
    assert plain.number("psf_sensitivity_percent") is not None
    assert plain.number("residual_chi2") < 5


def test_an_empty_image_is_said_to_be_empty() -> None:
    image = as_image(np.full((64, 64), 7, np.uint16), pixel_size_um=1.0)
    evidence = gather(image, deconvolve(image, FAST.replace(background="flat")))
    assert evidence.colour == "red"
    assert "nothing stands above the background" in evidence.findings[0].text


def test_a_small_image_is_judged_without_halves() -> None:
    image = as_image(movie(1, 64)[0, :30, :30], pixel_size_um=1.0)
    evidence = gather(image, deconvolve(image, FAST.replace(background="flat")), "full")
    assert evidence.number("disagreement_percent") is None
    assert evidence.number("rsp") is not None


def test_a_level_that_does_not_exist_is_refused() -> None:
    made = run(500.0)
    with pytest.raises(RecipeError, match="allowed are 'quick' and 'full'"):
        gather(made.image, made.result, "all")  # type: ignore[arg-type]


def test_planes_are_averaged_over_the_pixels_of_the_input() -> None:
    fine = np.arange(16.0).reshape(4, 4)
    assert coarse(fine, 2).tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert coarse(fine, 1).dtype == np.float32
