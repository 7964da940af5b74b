"""The fitted background on planes whose background is known."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import ndimage

from sparsescope.preprocess.one_thread import one_thread
from sparsescope.preprocess.smooth_field import _grid, smooth_field

FWHM_PX = 3.2
READ = 2.0


def hazy(shape: tuple[int, int], seed: int, strength: float, reach: float = 45) -> np.ndarray:
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.normal(size=tuple(n + 200 for n in shape)), reach)[100:-100, 100:-100]
    return 110 + strength * (field - field.min()) / np.ptp(field)


def lines(shape: tuple[int, int], seed: int, count: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    drawn = np.zeros(shape)
    for _ in range(count):
        y, x, angle = rng.uniform(0, shape[0]), rng.uniform(0, shape[1]), rng.uniform(0, np.pi)
        along = np.arange(-max(shape), max(shape), 0.3)
        rows, columns = (y + along * np.sin(angle)).astype(int), (x + along * np.cos(angle)).astype(int)
        inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
        drawn[rows[inside], columns[inside]] += 1
    blurred = ndimage.gaussian_filter(drawn, FWHM_PX / 2.3548)
    return blurred / np.percentile(blurred, 99.5)


def counted(light: np.ndarray, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.poisson(light - 100) + 100 + rng.normal(0, READ, light.shape)).astype(np.float32)


def found(plane: np.ndarray, widths: float = 16) -> np.ndarray:
    return smooth_field(plane, fwhm_px=FWHM_PX, widths=widths, variance=(1.0, READ**2 - 100, READ**2))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("light", [100, 3000])
def test_haze_as_bright_as_the_structures_is_known_to_a_percent_of_them(light: float, seed: int) -> None:
    behind = hazy((256, 256), seed, light)
    plane = counted(behind + light * lines(behind.shape, seed, 25), seed)
    error = found(plane) - behind
    assert error.std() < 0.012 * light
    assert -0.03 * light < error.mean() < 0.01 * light


def test_what_is_no_background_is_left_to_the_structures() -> None:
    y, x = np.mgrid[:256, :256]
    behind = hazy((256, 256), 1, 200)
    thick = sum(np.hypot(y - 20 - 50 * i, x - 128 - 60 * (i % 2)) < 14 for i in range(5))
    error = found(counted(behind + 500 * thick)) - behind
    assert error[thick > 0].max() < 25


@pytest.mark.parametrize("seed", [0, 1, 3])
def test_dim_blobs_that_fill_the_plane_do_not_drag_the_field_down(seed: int) -> None:
    rng, width, light = np.random.default_rng(seed), 5.0, 30.0
    y, x = np.mgrid[:256, :256]
    blobs = np.zeros((256, 256))
    for _ in range(40):
        row, column = rng.uniform(-20, 276, 2)
        size, height = rng.uniform(1.2, 3.5) * width, rng.uniform(0.2, 1)
        blobs += height * np.exp(-(((y - row) ** 2 + (x - column) ** 2) / size**2) / 2)
    behind = hazy(blobs.shape, seed, light)
    plane = counted(behind + light * blobs / blobs.max(), seed)
    error = smooth_field(plane, fwhm_px=width, widths=16, variance=(1.0, READ**2 - 100, READ**2)) - behind
    assert abs(error.mean()) < 0.05 * light
    assert error.std() < 0.1 * light


def test_without_haze_the_background_is_level_and_its_noise_averaged_out() -> None:
    behind = np.full((200, 300), 150.0)
    error = found(counted(behind + 300 * lines(behind.shape, 4, 15))) - behind
    assert error.std() < 0.5
    assert abs(error.mean()) < 3


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 30), (300, 70)])
def test_planes_of_any_shape_have_a_background_between_their_values(shape: tuple[int, int]) -> None:
    plane = np.random.default_rng(0).normal(100, 5, shape).astype(np.float32)
    background = found(plane)
    assert background.shape == shape
    assert background.min() > plane.min() - 15
    assert background.max() < plane.max() + 15


@pytest.mark.parametrize("variance", [(0.0, 0.0, 0.0), (0.0, 1e-12, 0.0), (1.0, -1e9, 0.0), (0.0, 1e9, 1.0)])
def test_a_variance_that_is_wrong_gives_a_sober_background(variance: tuple[float, float, float]) -> None:
    behind = hazy((128, 128), 2, 100)
    plane = counted(behind + 400 * lines(behind.shape, 2, 8))
    background = smooth_field(plane, fwhm_px=FWHM_PX, widths=16, variance=variance)
    assert np.isfinite(background).all()
    assert plane.min() - 50 < background.min() <= background.max() < plane.max()


def test_the_same_plane_has_the_same_background_from_any_thread() -> None:
    plane = counted(hazy((128, 128), 5, 100))
    once = found(plane)
    with ThreadPoolExecutor(4) as pool:
        for other in pool.map(lambda _: found(plane), range(8)):
            np.testing.assert_array_equal(once, other)


def test_the_limit_of_one_thread_ends_with_its_last_user() -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl")

    def threads() -> list[int]:
        return [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]

    before = threads()
    with one_thread():
        with one_thread():
            assert set(threads()) == {1}
        assert set(threads()) == {1}
    assert threads() == before


def smooth_bodies(shape: tuple[int, int], seed: int) -> np.ndarray:
    """Broad blobs of 3 to 8 PSF widths that cover half of the plane; the brightest place is 1."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    light = np.zeros(shape)
    for _ in range(12):
        width = rng.uniform(1.3, 3.4) * FWHM_PX
        light += np.exp(-((y - rng.uniform(0, shape[0])) ** 2 + (x - rng.uniform(0, shape[1])) ** 2) / (2 * width**2))
    return light / light.max()


@pytest.mark.parametrize("seed", range(8))
def test_thick_smooth_structures_on_a_flat_offset_keep_their_light(seed: int) -> None:
    light = 300 * smooth_bodies((160, 160), seed)
    field = found(counted(110 + light, seed))
    assert (light > 15).mean() > 0.25
    assert field.std() < 0.0001 * 300


def wide_discs(shape: tuple[int, int], seed: int) -> np.ndarray:
    """Flat discs of 3 to 10 PSF widths that cover a third of the plane."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    light = np.zeros(shape)
    while (light > 0).mean() < 0.33:
        centre, radius = rng.uniform(0, shape), rng.uniform(1.5, 5.0) * FWHM_PX
        light += rng.uniform(0.3, 1.0) * (np.hypot(y - centre[0], x - centre[1]) < radius)
    return ndimage.gaussian_filter(light, FWHM_PX / 2.3548) / light.max()


@pytest.mark.parametrize("seed", [1, 2, 4])
@pytest.mark.parametrize(("reach", "most"), [(26, 0.011), (22, 0.045)])
def test_strong_haze_under_wide_structures_is_not_taken_for_one_of_them(reach: float, most: float, seed: int) -> None:
    light = 3000
    behind = hazy((160, 160), seed, light, reach)
    error = found(counted(behind + light * wide_discs(behind.shape, seed), seed)) - behind
    assert error.std() < most * light
    assert -0.03 * light < error.mean() < 0


def test_pairs_of_waves_make_the_weighted_normal_matrix() -> None:
    grid = _grid((60, 45), 3.0, 8.0)
    weight = np.random.default_rng(0).uniform(size=(len(grid.rows), len(grid.columns)))
    waves = (grid.rows[:, None, :, None] * grid.columns[None, :, None, :]).reshape(weight.size, -1)[:, grid.used]
    np.testing.assert_allclose(grid.normal(weight), waves.T @ (weight.ravel()[:, None] * waves), atol=1e-9)
