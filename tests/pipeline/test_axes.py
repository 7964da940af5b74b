"""Frames, stacks, time points and channels: each is treated as it would be alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import sparsescope as ss
from problems import counts, settings

SIZES: dict[str, Any] = {"pixel_size_um": 0.1, "z_step_um": 0.3, "resolution_um": 0.3}
LENGTHS = {"T": 3, "C": 2, "Z": 5, "Y": 24, "X": 26}
RECIPE = settings(sparse_iterations=12, deconvolution_iterations=4)
PLAIN = settings(sparse_iterations=12, deconvolution_iterations=4, background="none")

EVERY_AXES = ["YX", "TYX", "ZYX", "TZYX", "CYX", "TCYX", "CZYX", "TCZYX"]


def movie(axes: str) -> np.ndarray:
    """Counts in which each channel has a brightness of its own."""
    data = counts(tuple(LENGTHS[a] for a in axes)).astype(np.float32)
    if "C" in axes:
        shape = [LENGTHS["C"] if a == "C" else 1 for a in axes]
        data = np.rint(data * np.array([1.0, 0.3]).reshape(shape)).astype(np.float32)
    return data


@pytest.mark.parametrize("axes", EVERY_AXES)
def test_every_set_of_axes_gives_an_image_of_the_same_axes(axes: str) -> None:
    data = movie(axes)
    result = ss.deconvolve(data, RECIPE, axes=axes, interval_s=0.5, **SIZES)
    assert result.image.axes == axes
    assert result.image.shape == data.shape
    assert result.background is not None
    assert (result.background.axes, result.background.shape) == (axes, data.shape)
    assert dict(result.image.spacing_um) == {"x": 0.1, "y": 0.1, "z": 0.3}
    assert result.image.interval_s == 0.5
    planes = np.asarray(result.image.data).reshape(-1, 24, 26)
    assert (planes.max(axis=(1, 2)) > 20).all(), "every plane has been filled"
    assert np.isfinite(planes).all()


@pytest.mark.parametrize("axes", ["CYX", "TCYX", "CZYX", "TCZYX"])
def test_channels_are_treated_one_by_one(axes: str) -> None:
    data, place = movie(axes), axes.index("C")
    together = ss.deconvolve(data, RECIPE, axes=axes, **SIZES).image.data
    for channel in range(LENGTHS["C"]):
        alone = ss.deconvolve(np.take(data, channel, place), RECIPE, axes=axes.replace("C", ""), **SIZES).image.data
        assert np.array_equal(np.take(together, channel, place), alone)


@pytest.mark.parametrize("recipe", [PLAIN, PLAIN.replace(tolerance=0.01)], ids=["published", "certified"])
def test_each_time_point_of_a_volume_movie_is_a_volume_of_its_own(recipe: ss.Recipe) -> None:
    data = movie("TZYX")
    data *= data.max() / data.max(axis=(1, 2, 3), keepdims=True)  # the scale is that of the whole movie
    together = ss.deconvolve(data, recipe, axes="TZYX", **SIZES).image.data
    for frame, expected in zip(data, np.asarray(together), strict=True):
        assert np.array_equal(ss.deconvolve(frame, recipe, axes="ZYX", **SIZES).image.data, expected)


def test_frames_are_treated_alike_whatever_their_brightness() -> None:
    """The scale is decided once for all frames: a dim one is not stretched to look like a bright one."""
    data = movie("TYX")
    data[1] = data[0] / 4
    result = ss.deconvolve(data, PLAIN.replace(continuity=0, sparsity=0), axes="TYX", **SIZES).image.data
    ratio = result[1].sum() / result[0].sum()
    assert ratio == pytest.approx(0.25, rel=0.02)
    strict = PLAIN.replace(continuity=0, sparsity=20, tolerance=0.005)
    result = ss.deconvolve(data, strict, axes="TYX", **SIZES).image.data
    assert result[1].sum() / result[0].sum() < 0.2, "sparsity takes the same number of counts from each pixel"


@pytest.mark.parametrize("axes", ["TYX", "ZYX"])
def test_two_planes_are_treated_one_by_one_on_one_scale(axes: str) -> None:
    data = movie(axes)[:2]
    data[0, 3, 3] = 2 * data.max()
    together = ss.deconvolve(data, PLAIN, axes=axes, **SIZES).image.data
    alike = data[::-1].copy()
    assert np.array_equal(ss.deconvolve(alike, PLAIN, axes=axes, **SIZES).image.data, together[::-1])
    assert np.array_equal(ss.deconvolve(data, PLAIN.replace(continuity=0), axes=axes, **SIZES).image.data, together)


def test_from_three_planes_on_the_neighbours_matter_unless_continuity_is_off() -> None:
    data = movie("TYX")
    other = data.copy()
    other[2] = other[2, ::-1]
    other[2, 0, 0], data[2, 0, 0] = (2 * data.max(),) * 2  # one scale for both
    a, b = (ss.deconvolve(d, PLAIN, axes="TYX", **SIZES).image.data for d in (data, other))
    assert np.abs(a[1] - b[1]).max() > 0.1
    off = PLAIN.replace(continuity=0)
    a, b = (ss.deconvolve(d, off, axes="TYX", **SIZES).image.data for d in (data, other))
    assert np.array_equal(a[:2], b[:2])


def test_z_and_t_are_the_same_axis_to_the_priors() -> None:
    data = movie("ZYX")
    a, b = (ss.deconvolve(data, RECIPE, axes=axes, **SIZES).image.data for axes in ("ZYX", "TYX"))
    assert np.array_equal(a, b)


def test_axes_in_any_order_are_understood() -> None:
    data = movie("TCYX")
    expected = ss.deconvolve(data, RECIPE, axes="TCYX", **SIZES)
    turned = ss.deconvolve(np.transpose(data, (1, 3, 2, 0)), RECIPE, axes="CXYT", **SIZES)
    assert turned.image.axes == "TCYX"
    assert np.array_equal(turned.image.data, expected.image.data)


def test_sizes_given_as_arguments_win_over_the_image() -> None:
    image = ss.Image(movie("ZYX"), "ZYX", {"x": 0.2, "y": 0.2, "z": 1.0}, meta={"path": "none", "a": 1})
    result = ss.deconvolve(image, RECIPE, pixel_size_um=0.1, resolution_um=0.3)
    assert dict(result.image.spacing_um) == {"x": 0.1, "y": 0.1, "z": 1.0}
    assert result.image.meta["a"] == 1
    assert np.array_equal(result.image.data, ss.deconvolve(movie("ZYX"), RECIPE, axes="ZYX", **SIZES).image.data)


def test_axes_given_for_an_image_win_over_its_own_and_keep_its_sizes() -> None:
    image = ss.Image(movie("TYX"), "TYX", {"x": 0.1, "y": 0.1}, 2.0, meta={"a": 1})
    result = ss.deconvolve(image, RECIPE, axes="ZYX", z_step_um=0.4, resolution_um=0.3)
    assert result.image.axes == "ZYX"
    assert dict(result.image.spacing_um) == {"x": 0.1, "y": 0.1, "z": 0.4}
    assert result.image.meta["a"] == 1


def test_three_axes_without_names_are_refused() -> None:
    with pytest.raises(ss.SparsescopeError, match="does not say what its axes are"):
        ss.deconvolve(movie("TYX"), RECIPE, **SIZES)


def test_channel_names_and_colours_are_carried_over() -> None:
    channels = [ss.Channel("actin", (255, 0, 0)), ss.Channel("dna", (0, 0, 255))]
    image = ss.Image(movie("CYX"), "CYX", {"x": 0.1, "y": 0.1}, channels=channels)
    assert ss.deconvolve(image, RECIPE).image.channels == tuple(channels)


@pytest.mark.parametrize("sparse_iterations", [0, 12])
def test_channels_may_have_settings_of_their_own(sparse_iterations: int) -> None:
    recipe = RECIPE.replace(sparse_iterations=sparse_iterations, deconvolution="landweber")
    recipes = recipe.replace(background="none", continuity=0), recipe.replace(fidelity=300)
    image = ss.as_image(movie("TCYX"), "TCYX", pixel_size_um=0.1)
    made = replace(ss.plan(image, recipe, resolution_um=0.3), channels=recipes)
    together = np.asarray(ss.deconvolve(image, planned=made).image.data)
    for channel, alone in enumerate(recipes):
        result = ss.deconvolve(movie("TCYX")[:, channel], alone, axes="TYX", **SIZES)
        assert np.array_equal(together[:, channel], result.image.data)
