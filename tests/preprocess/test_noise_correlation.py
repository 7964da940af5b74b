"""How far noise is correlated: white, blurred, interpolated and filtered noise, and structures that are not noise."""

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from preprocess.noise_scenes import KINDS, emccd, scene, scmos
from sparsescope.errors import InputError
from sparsescope.preprocess.noise_correlation import correlation_radius_px

PARTLY_EMPTY = [kind for kind in KINDS if kind != "texture"]
"""Where structure fills every corner alike, nothing but the optics' cut-off tells it from filtered noise."""


def white(size=256, seed=0):
    return np.random.default_rng(seed).normal(100, 10, (size, size))


def fourier_doubled(image):
    n = image.shape[0]
    spectrum = np.pad(np.fft.fftshift(np.fft.fft2(image)), n // 2)
    return 4 * np.fft.ifft2(np.fft.ifftshift(spectrum)).real


@pytest.mark.parametrize("size", [48, 64, 100, 256, 700])
@pytest.mark.parametrize("seed", range(4))
def test_white_noise_has_radius_0(size, seed):
    assert correlation_radius_px(white(size, seed)) == 0


@pytest.mark.parametrize(("sigma_px", "radius"), [(0.3, 0), (0.7, 1), (1.0, 2), (1.2, 2), (2.5, 3)])
@pytest.mark.parametrize("seed", range(3))
def test_blurred_noise_has_the_radius_of_its_blur(sigma_px, radius, seed):
    assert correlation_radius_px(ndimage.gaussian_filter(white(seed=seed), sigma_px)) == radius


@pytest.mark.parametrize(
    "double",
    [
        lambda a: ndimage.zoom(a, 2, order=1),
        lambda a: ndimage.zoom(a, 2, order=3),
        fourier_doubled,
        lambda a: np.kron(a, np.ones((2, 2))),
    ],
    ids=["linear", "cubic", "fourier", "repeated"],
)
@pytest.mark.parametrize("kind", KINDS)
def test_an_upsampled_frame_has_radius_1_or_2(double, kind):
    frame = scmos(400 * scene(kind, 128)).astype(float)
    assert correlation_radius_px(double(frame)) in (1, 2)


@pytest.mark.parametrize("camera", [emccd, scmos])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("photons", [30, 300, 3000])
def test_structures_of_3_px_are_not_taken_for_correlated_noise_at_any_light(camera, kind, photons):
    assert correlation_radius_px(camera(photons * scene(kind))) == 0


@pytest.mark.parametrize("kind", PARTLY_EMPTY)
def test_blurred_noise_is_seen_behind_bright_structures(kind):
    frame = ndimage.gaussian_filter(scmos(1000 * scene(kind)).astype(float), 0.7)
    assert correlation_radius_px(frame) == 1


def test_noise_averaged_along_one_direction_only_counts():
    assert correlation_radius_px(ndimage.uniform_filter1d(white(), 3, axis=1)) == 2
    assert correlation_radius_px(ndimage.uniform_filter1d(white(), 3, axis=0)) == 2


@pytest.mark.parametrize("kind", PARTLY_EMPTY)
def test_coarse_steps_of_an_8_bit_image_are_not_taken_for_correlated_noise(kind):
    frame = np.round(253 * scene(kind) + np.random.default_rng(1).normal(0, 0.05, (256, 256))).clip(0, 255)
    assert correlation_radius_px(frame.astype(np.uint8)) == 0


def test_an_interpolated_frame_stored_in_coarse_steps_shows_its_correlation():
    mean_of_frames = np.mean([scmos(20 * scene("filaments", 128), seed) for seed in range(15)], axis=0)
    assert correlation_radius_px(np.round(ndimage.zoom(mean_of_frames, 2, order=3))) == 2


def test_a_stack_is_measured_on_differences_of_its_frames():
    movie = np.stack([scmos(500 * scene("texture"), seed) for seed in range(4)]).astype(float)
    assert correlation_radius_px(movie) == 0
    assert correlation_radius_px(ndimage.gaussian_filter(movie, (0, 0.7, 0.7))) == 1


@pytest.mark.parametrize(
    "nothing",
    [
        np.zeros((64, 64)),
        np.full((40, 50), 7, np.uint16),
        np.ones((1, 1)),
        np.zeros((3, 64, 64)),
        np.arange(30.0)[None],
    ],
)
def test_an_image_with_nothing_to_measure_has_radius_0(nothing):
    assert correlation_radius_px(nothing) == 0


@given(scale=st.floats(1e-3, 1e3), offset=st.floats(-1e3, 1e3), sigma_px=st.sampled_from([0.0, 0.7]))
def test_scale_and_offset_of_the_counts_do_not_matter(scale, offset, sigma_px):
    noise = ndimage.gaussian_filter(white(64), sigma_px)
    assert correlation_radius_px(scale * noise + offset) == correlation_radius_px(noise)


def test_the_input_is_left_as_it_is_and_the_answer_repeats():
    frame = scmos(100 * scene("points"))
    before = frame.copy()
    assert correlation_radius_px(frame) == correlation_radius_px(frame)
    np.testing.assert_array_equal(frame, before)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(5), "plane"),
        (np.zeros((0, 5)), "plane"),
        (np.full((64, 64), np.nan), "not finite"),
        (np.zeros((64, 64), complex), "real numbers"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_words(array, words):
    with pytest.raises(InputError, match=words):
        correlation_radius_px(array)


@pytest.mark.parametrize(
    ("name", "fwhm_px", "radii"),
    [
        ("biosr_pairs/Microtubules2_widefield_level9_1.tif", 3.2, (0,)),
        ("biosr_pairs/Factin_Nonlinear_widefield_level9_1.tif", 3.2, (0,)),
        ("biosr_pairs/Factin_Nonlinear_sim_gt_1.tif", None, (1, 2)),
        ("biosr_pairs/Microtubules2_sim_gt_1.tif", None, (1, 2)),
        ("sim_light_pairs/HE_15_widefield_mean.tif", 6.5, (2,)),
        ("sim_light_pairs/LE_15_widefield_mean.tif", 6.5, (2,)),
        ("sim_light_pairs/HER_sim_high_light.tif", None, (2, 3)),
        ("sim_light_pairs/LER_sim_low_light.tif", None, (2, 3)),
        ("lattice_lightsheet/psf.tif", None, (0,)),
        ("lattice_lightsheet/im_raw.tif", None, (0,)),
    ],
)
def test_real_images_show_how_they_were_made(shared_data, name, fwhm_px, radii):
    image = tifffile.imread(shared_data / name)
    plane = image if image.ndim == 2 else image[len(image) // 2]
    assert correlation_radius_px(plane) in radii
    assert correlation_radius_px(plane, fwhm_px=fwhm_px) in radii


@pytest.mark.parametrize("fwhm_px", [3.0, 4.0, 5.0])
@pytest.mark.parametrize("spread", [3.0, 30.0])
def test_a_reconstruction_in_whole_counts_is_correlated_however_finely_it_is_sampled(fwhm_px, spread):
    v = np.minimum(np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256)) * fwhm_px / 1.03, 1)
    band = 2 / np.pi * (np.arccos(v) - v * np.sqrt(1 - v * v))
    noise = np.fft.ifft2(np.fft.fft2(white()) * band).real
    frame = np.rint(1000 + spread * (noise - noise.mean()) / noise.std())
    assert correlation_radius_px(frame, fwhm_px=fwhm_px) > 0


def clipped_reconstruction(photons, seed):
    """Lines and points whose noise has the band of the optics, with nothing below zero."""
    light = photons * scene("mixed", 160, seed=seed)
    v = np.minimum(np.hypot(np.fft.fftfreq(160)[:, None], np.fft.fftfreq(160)) * 3.0 / 1.03, 1)
    band = 2 / np.pi * (np.arccos(v) - v * np.sqrt(1 - v * v))
    noise = np.random.default_rng(seed).poisson(light) - light
    return np.maximum(light + np.fft.ifft2(np.fft.fft2(noise) * band).real / np.sqrt(np.mean(band**2)), 0)


@pytest.mark.parametrize("photons", [20, 40])
@pytest.mark.parametrize("seed", range(6))
def test_a_reconstruction_that_ends_at_zero_is_correlated_although_that_spreads_its_noise(photons, seed):
    assert correlation_radius_px(clipped_reconstruction(photons, seed), fwhm_px=3.0) > 0


@pytest.mark.parametrize("kind", PARTLY_EMPTY)
@pytest.mark.parametrize("photons", [30, 300])
def test_a_camera_frame_that_ends_at_zero_after_its_background_was_taken_off_is_not(kind, photons):
    frame = scmos(photons * scene(kind)) - 0.3 * np.linspace(330, 390, 256)[:, None] - 20
    clipped = np.maximum(frame - np.percentile(frame, 20), 0)
    assert correlation_radius_px(clipped, fwhm_px=3.0) == 0
