"""The background estimator: known answers, PyWavelets as oracle, borders, the published modes."""

from __future__ import annotations

import typing

import numpy as np
import pytest
import pywt
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from sparsescope import recipe
from sparsescope.errors import InputError, RecipeError
from sparsescope.preprocess import haze
from sparsescope.preprocess.background import MODES, _low_pass, background

WHOLE_PLANE = 1e30  # a mean above every pixel: strong-low-light then estimates the background of the plane itself


def whole(plane: np.ndarray) -> np.ndarray:
    """Background of the plane itself, neither divided nor cut off."""
    return background(plane, "strong-low-light", scale=float(np.max(plane)), mean=WHOLE_PLANE)


def filaments(size: int, seed: int = 0) -> np.ndarray:
    """Thin bright lines over a smooth background, with noise, maximum 1."""
    rng = np.random.default_rng(seed)
    dots = np.zeros((size, size))
    step = np.arange(size)
    for _ in range(size // 12):
        start, slope = rng.uniform(0, size), rng.uniform(-0.7, 0.7)
        row = (start + slope * step + 10 * np.sin(step / 40 + start)).astype(int) % size
        dots[(row, step) if rng.random() < 0.5 else (step, row)] = 1
    y, x = np.mgrid[:size, :size] / size
    smooth = 0.2 + 0.2 * np.exp(-((y - 0.4) ** 2 + (x - 0.6) ** 2) / 0.1)
    plane = ndimage.gaussian_filter(dots, 1.3) * 2 + smooth
    plane = rng.poisson(plane * 300) / 300
    return plane / plane.max()


MARGIN = 12 * 128
"""A whole number of steps of level 7, beyond the reach of its filter."""


def by_pywavelets(plane: np.ndarray) -> np.ndarray:
    """Low-pass of a plane extended by its mirror image, along one axis after the other, which takes little time."""

    def along(values: np.ndarray) -> np.ndarray:
        wide = np.pad(values, ((MARGIN, MARGIN), (0, 0)), mode="symmetric")
        smooth, *details = pywt.wavedec(wide, "db6", mode="symmetric", level=7, axis=0)
        wide = pywt.waverec([smooth, *map(np.zeros_like, details)], "db6", mode="symmetric", axis=0)
        return wide[MARGIN : MARGIN + len(values)]

    return along(along(plane).T).T


def by_definition(plane: np.ndarray) -> np.ndarray:
    """The published iteration in double precision, on a plane extended by its mirror image and with PyWavelets."""
    pulled = plane.copy()
    for _ in range(3):
        limit = by_pywavelets(pulled) + np.sqrt(np.abs(pulled)) / 2
        pulled = np.where(plane > limit, limit, pulled)
    return by_pywavelets(pulled)


@pytest.mark.parametrize("shape", [(120, 150), (61, 90)])
def test_the_estimate_is_that_of_the_published_iteration(shape: tuple[int, int]) -> None:
    plane = filaments(200)[: shape[0], : shape[1]] - 0.1
    plane[5:9] = 1.0
    assert (
        np.abs(background(plane, "strong-low-light", scale=1.0, mean=WHOLE_PLANE) - by_definition(plane)).max() < 1e-6
    )


@pytest.mark.parametrize("shape", [(512, 512), (333, 200), (65, 31), (3, 700), (2, 5), (1, 37), (1, 1)])
def test_the_low_pass_is_that_of_pywavelets_on_the_mirrored_plane(shape: tuple[int, int]) -> None:
    plane = np.random.default_rng(1).random(shape)
    assert np.abs(_low_pass(plane.astype(np.float32)) - by_pywavelets(plane)).max() < 1e-6


def test_the_low_pass_is_that_of_pywavelets_in_two_dimensions_at_once() -> None:
    plane = np.random.default_rng(1).random((65, 31))
    smooth, *details = pywt.wavedec2(np.pad(plane, MARGIN, mode="symmetric"), "db6", mode="symmetric", level=7)
    nothing = [tuple(map(np.zeros_like, level)) for level in details]
    wide = pywt.waverec2([smooth, *nothing], "db6", mode="symmetric")
    expected = wide[MARGIN : MARGIN + 65, MARGIN : MARGIN + 31]
    assert np.abs(_low_pass(plane.astype(np.float32)) - expected).max() < 1e-6


@given(
    shape=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    value=st.floats(0.01, 1e5),
    sign=st.sampled_from([1, -1]),
)
def test_a_constant_plane_is_its_own_background_at_any_size(shape: tuple[int, int], value: float, sign: int) -> None:
    plane = np.full(shape, sign * value)
    expected = {"weak-high-light": 2.5, "strong-high-light": 2.0, "strong-low-light": 1.0}
    for mode, divisor in expected.items():
        result = background(plane, mode, scale=value)
        assert result.shape == shape
        assert np.abs(result - sign * value / divisor).max() <= 3e-6 * value


def test_a_ramp_is_followed_to_its_ends() -> None:
    plane = np.tile(np.linspace(0.2, 1.0, 1500), (700, 1))
    error = np.abs(whole(plane) - plane)
    assert error.max() < 0.02  # the mirror image bends it there, over the 128 px that are the estimator's scale
    assert error[:, 400:-400].max() < 0.002


@pytest.mark.parametrize("shape", [(511, 509), (510, 511), (512, 509)])
def test_odd_and_even_sizes_agree_where_they_overlap(shape: tuple[int, int]) -> None:
    plane = filaments(512)
    cut = plane[: shape[0], : shape[1]]
    even, odd = whole(plane), whole(cut / cut.max()) * cut.max()
    assert np.abs(even[: shape[0], : shape[1]] - odd).max() < 0.01
    assert odd.max() > 0.1  # and is not zero, as the published code makes it for odd sizes


def test_few_bright_dots_leave_the_background_at_the_plane() -> None:
    smooth = 0.2 + 0.1 * np.cos(np.arange(600) / 600 * np.pi)[:, None] * np.ones(600)
    plane = smooth.copy()
    plane[np.random.default_rng(2).integers(0, 600, 60), np.random.default_rng(3).integers(0, 600, 60)] = 1.0
    assert np.abs(whole(plane) - smooth).max() < 0.01


def test_bright_objects_are_pulled_down_so_that_the_low_pass_slides_under_them() -> None:
    plane = np.full((512, 512), 0.1)
    for corner in range(0, 512, 32):
        for other in range(0, 512, 32):
            plane[corner : corner + 8, other : other + 8] = 1.0
    plain = _low_pass(plane.astype(np.float32)).mean() - 0.1
    assert plain == pytest.approx(0.9 / 16, rel=0.05)
    assert whole(plane).mean() - 0.1 < 0.5 * plain


def test_the_background_is_smooth() -> None:
    estimate = whole(filaments(512)).astype(np.float64)
    assert max(np.abs(np.diff(estimate, 2, axis=axis)).max() for axis in (0, 1)) < 1e-4


def test_a_crop_has_the_background_of_the_whole() -> None:
    plane = filaments(1024)
    full = whole(plane)
    for size in (512, 256, 128, 64):
        part = (slice(400, 400 + size), slice(300, 300 + size))
        estimate = background(plane[part], "strong-low-light", scale=1.0, mean=WHOLE_PLANE)
        assert np.sqrt(np.mean((estimate - full[part]) ** 2)) < 0.02  # of a maximum of 1; filaments are 0.3 and more


def test_a_bright_disc_cut_by_the_border_has_the_background_of_the_disc_uncut() -> None:
    y, x = np.mgrid[:1024, :1024]
    plane = ndimage.gaussian_filter(0.1 + 0.9 * ((y - 512) ** 2 + (x - 512) ** 2 < 60**2), 1.3)
    uncut, cut = whole(plane), whole(plane[512:])
    assert np.abs(cut - uncut[512:]).max() < 0.06


def test_opposite_borders_do_not_see_each_other() -> None:
    plane = np.full((2000, 64), 0.1)
    plane[:30] = 1.0
    assert np.abs(whole(plane)[-300:] - 0.1).max() < 1e-3


@pytest.mark.parametrize(
    ("mode", "shown"),
    [
        ("weak-high-light", lambda f: f / 2.5),
        ("strong-high-light", lambda f: f / 2),
        ("weak-low-light", lambda f: np.minimum(f, f.mean() / 2.5)),
        ("medium-low-light", lambda f: np.minimum(f, f.mean() / 2)),
        ("strong-low-light", lambda f: np.minimum(f, f.mean())),
    ],
)
def test_each_mode_is_the_published_one(mode: str, shown: typing.Callable[[np.ndarray], np.ndarray]) -> None:
    plane = filaments(200)
    expected = background(shown(plane), "strong-low-light", scale=1.0, mean=WHOLE_PLANE)
    assert np.abs(background(plane * 5000, mode, scale=5000.0) / 5000 - expected).max() < 1e-6


def test_mode_none_is_zero_and_needs_no_positive_scale() -> None:
    assert not background(np.zeros((4, 5)), "none", scale=0.0).any()


def test_the_modes_are_those_of_the_recipe() -> None:
    assert set(typing.get_args(recipe.Background)) == {*MODES, *haze.MODES}


def test_frames_one_by_one_equal_the_whole_movie() -> None:
    movie = np.stack([filaments(90, seed) * 1000 for seed in range(6)]).reshape(2, 3, 90, 90)
    scale, mean = float(movie.max()), float(movie.mean())
    together = background(movie, "medium-low-light", scale=scale)
    assert together.shape == movie.shape
    for t, c in np.ndindex(2, 3):
        alone = background(movie[t, c], "medium-low-light", scale=scale, mean=mean)
        assert np.array_equal(alone, together[t, c])


def test_the_data_are_not_written_into_and_any_real_type_will_do() -> None:
    plane = np.rint(filaments(64) * 4000)
    for dtype in ("uint16", "int32", "float32", "float64"):
        data = plane.astype(dtype)
        data.flags.writeable = False
        result = background(data, "strong-low-light", scale=4000.0)
        assert result.dtype == np.float32
        assert np.allclose(result, background(plane, "strong-low-light", scale=4000.0), atol=0.01)


def test_negative_data_have_a_background_too() -> None:
    plane = filaments(128)
    shifted = background(plane - 0.5, "strong-low-light", scale=1.0, mean=WHOLE_PLANE)
    assert np.isfinite(shifted).all()
    assert np.abs(shifted.mean() - (np.median(plane) - 0.5)) < 0.05


def test_an_unknown_mode_is_refused_with_the_names_that_are_known() -> None:
    with pytest.raises(RecipeError, match=r"'weak'.*weak-high-light, strong-high-light"):
        background(np.ones((8, 8)), "weak", scale=1.0)


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf])
def test_a_scale_that_is_not_positive_is_refused(scale: float) -> None:
    with pytest.raises(InputError, match=r"scale = .*maximum of the images"):
        background(np.ones((8, 8)), "weak-high-light", scale=scale)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_pixels_that_are_not_finite_are_refused_with_the_remedy(bad: float) -> None:
    plane = np.ones((8, 8))
    plane[3, 4] = bad
    with pytest.raises(InputError, match="hot_pixels='adaptive'"):
        background(plane, "weak-high-light", scale=1.0, mean=1.0)


@pytest.mark.parametrize("shape", [(7,), (0, 5), (3, 0, 4)])
def test_an_array_without_planes_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="no planes"):
        background(np.ones(shape), "weak-high-light", scale=1.0)
