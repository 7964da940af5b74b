"""Gain, offset and variance of simulated cameras and real files; images that have no photon scale say so."""

import dataclasses
import functools

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from preprocess.noise_scenes import KINDS, emccd, scene, scmos
from sparsescope.errors import InputError, RecipeError
from sparsescope.preprocess.noise import estimate_noise, noise_variance
from sparsescope.preprocess.noise_judge import why_no_scale
from sparsescope.preprocess.noise_line import Line
from sparsescope.preprocess.noise_samples import has_jpeg_blocks

LIGHT = (30, 100, 300, 3000)
CAMERAS = ((scmos, 2.2, 100.0), (emccd, 24.0, 200.0))
"""Camera, variance per mean in counts (the excess noise of the EMCCD doubles its gain of 12), offset."""

lit = functools.cache(scene)


def gains(make, size):
    """Estimated over true gain for five kinds of scene, four light levels, two cameras."""
    ratios = []
    for kind in KINDS:
        for photons in LIGHT:
            for camera, gain, _ in CAMERAS:
                noise = estimate_noise(make(camera, photons * lit(kind, size)))
                ratios.append((noise.gain_counts_per_electron or 0.0) / gain)
    return np.array(ratios)


def test_gain_of_single_frames_is_within_15_percent_on_at_least_nine_in_ten():
    ratios = gains(lambda camera, light: camera(light, seed=5), 256)
    assert np.mean(np.abs(ratios - 1) < 0.15) >= 0.9
    assert abs(np.median(ratios) - 1) < 0.03


def test_gain_of_movies_is_within_15_percent_on_at_least_nine_in_ten_still_or_moving():
    def still(camera, light):
        return np.stack([camera(light, seed) for seed in range(4)])

    def moving(camera, light):
        return np.stack([camera(np.roll(light, 2 * seed, (0, 1)), seed) for seed in range(4)])

    for movie in (still, moving):
        ratios = gains(movie, 128)
        assert np.mean(np.abs(ratios - 1) < 0.15) >= 0.9
        assert abs(np.median(ratios) - 1) < 0.03


@pytest.mark.parametrize(("camera", "gain", "offset"), CAMERAS)
def test_offset_is_within_the_assumed_read_noise_where_there_is_dark_background(camera, gain, offset):
    noise = estimate_noise(camera(100 * lit("cells", 256)))
    assert abs(noise.offset_counts - offset) < 2.5 * gain
    assert noise.sources["offset"] == "estimated"
    assert noise.sources["read_noise"] == "assumed"


def test_a_known_read_noise_gives_the_offset_and_a_known_offset_the_read_noise():
    frame = scmos(100 * lit("mixed", 512), seed=2)
    by_read = estimate_noise(frame, known_read=1.5)
    by_offset = estimate_noise(frame, known_offset=100.0)
    assert abs(by_read.offset_counts - 100) < 1.5
    assert abs(by_offset.read_noise_e - 1.5) < 0.4
    assert by_read.sources["read_noise"] == by_offset.sources["offset"] == "given"
    assert by_offset.sources["read_noise"] == "estimated"


def test_a_known_gain_is_kept_and_questioned_when_the_noise_says_another():
    frame = scmos(300 * lit("cells", 256))
    agreed = estimate_noise(frame, known_gain=2.2)
    doubted = estimate_noise(frame, known_gain=0.5)
    assert agreed.gain_counts_per_electron == 2.2
    assert agreed.gain_relative_error == 0
    assert agreed.sources["gain"] == "given"
    assert not agreed.notes
    assert doubted.gain_counts_per_electron == 0.5
    assert any("suggests a gain of 2" in note for note in doubted.notes)


def test_a_known_offset_and_read_noise_sharpen_the_gain_where_there_is_no_dark_part():
    frame = scmos(600 * (0.5 + 0.5 * lit("texture", 256)))
    free = estimate_noise(frame)
    anchored = estimate_noise(frame, known_offset=100.0, known_read=1.5)
    assert anchored.has_photon_scale
    assert abs(anchored.gain_counts_per_electron / 2.2 - 1) < 0.08
    assert anchored.gain_relative_error < 0.08 < (free.gain_relative_error or 1.0)


@pytest.mark.parametrize(("camera", "gain", "offset"), CAMERAS)
@pytest.mark.parametrize("photons", [30, 300])
def test_the_variance_of_each_pixel_is_near_the_true_one(camera, gain, offset, photons):
    light = photons * lit("mixed", 256)
    frames = np.stack([camera(light, seed) for seed in range(60)]).astype(float)
    truth = ndimage.gaussian_filter(frames.var(axis=0), 2)
    ratio = estimate_noise(frames[0].astype(np.uint16)).variance(frames[0]) / truth
    assert abs(np.median(ratio) - 1) < 0.1
    assert np.mean(np.abs(ratio - 1) < 0.5) > 0.9


def test_a_gain_error_is_told_by_its_standard_error():
    light = 300 * lit("mixed", 128)
    found = [estimate_noise(scmos(light, seed)) for seed in range(30)]
    off = [(noise.gain_counts_per_electron / 2.2 - 1) / noise.gain_relative_error for noise in found]
    assert 0.5 < np.sqrt(np.mean(np.square(off))) < 2


@settings(max_examples=8)
@given(scale=st.sampled_from([1.0, 0.25, 7.0]), shift=st.integers(0, 500))
def test_scale_and_offset_of_the_counts_carry_over(scale, shift):
    frame = scmos(100 * lit("cells", 128)).astype(np.float64)
    first, second = estimate_noise(frame), estimate_noise(scale * frame + shift)
    assert second.gain_counts_per_electron == pytest.approx(scale * first.gain_counts_per_electron, rel=1e-3)
    assert second.offset_counts == pytest.approx(scale * first.offset_counts + shift, abs=0.2 * scale)
    assert np.median(second.variance(scale * frame + shift) / first.variance(frame)) == pytest.approx(
        scale**2, rel=0.01
    )


def jpeg(image, level):
    return imagecodecs.jpeg8_decode(imagecodecs.jpeg8_encode(image.astype(np.uint8), level=level))


def bright(kind="mixed", camera=scmos):
    return camera(300 * lit(kind, 256)).astype(np.float64)


PROCESSED = {
    "blurred": (lambda: ndimage.gaussian_filter(bright(), 0.8), "interpolated"),
    "enlarged": (lambda: ndimage.zoom(bright(), 2, order=3), "interpolated"),
    "deconvolved": (lambda: bright() + 2 * (bright() - ndimage.gaussian_filter(bright(), 1.0)), "not counts"),
    "averaged with its neighbours, in whole counts": (
        lambda: np.round(ndimage.gaussian_filter(bright(), 0.8)),
        "interpolated",
    ),
    "background subtracted by division": (lambda: bright() / (1 + 0.1 * lit("cells", 256)) - 300.123, "not counts"),
    "negative, scaled": (lambda: 0.01 * (bright() - 300), "negative"),
    "square root": (lambda: np.round(100 * np.sqrt(np.maximum(bright() - 95, 0))), "grow"),
    "8 bit, less noise than a step": (
        lambda: np.round(250 * lit("mixed", 256) + np.random.default_rng(0).normal(0, 0.05, (256, 256))),
        "steps",
    ),
    "jpeg 70": (lambda: jpeg(bright() / bright().max() * 255, 70), "JPEG"),
    "jpeg 50": (lambda: jpeg(bright() / bright().max() * 255, 50), "JPEG"),
    "no photons": (lambda: scmos(np.zeros((256, 256))), "too few photons"),
    "too few photons": (lambda: scmos(0.4 * lit("texture", 256)), "too few photons"),
    "without noise": (lambda: np.round(50000 * lit("mixed", 256)), None),
    "constant": (lambda: np.full((64, 64), 7), "constant"),
    "empty": (lambda: np.zeros((64, 64), np.uint16), "constant"),
    "one pixel": (lambda: np.array([[3]]), "constant"),
    "tiny": (lambda: scmos(100 * lit("cells", 256)[:12, :12]), "too small"),
    "one bead on black": (lambda: np.pad([[4095]], 40), None),
    "black and white": (lambda: np.indices((64, 64)).sum(0) % 2 == 0, None),
}


@pytest.mark.parametrize("name", PROCESSED)
def test_an_image_without_a_photon_scale_says_so_in_words_and_still_has_a_variance(name):
    make, words = PROCESSED[name]
    image = make()
    noise = estimate_noise(image)
    assert not noise.has_photon_scale
    assert noise.gain_counts_per_electron is None
    assert noise.read_noise_e is None
    note = next(note for note in noise.notes if note.startswith("no photon scale"))
    assert words is None or words in note
    variance = noise_variance(image, noise)
    assert variance.shape == image.shape
    assert np.isfinite(variance).all()
    assert variance.min() > 0


def test_a_given_gain_stands_on_a_processed_image_but_is_questioned():
    noise = estimate_noise(ndimage.gaussian_filter(bright(), 0.8), known_gain=2.2)
    assert noise.has_photon_scale
    assert any("shows no photon scale" in note for note in noise.notes)


def test_noise_is_the_same_whether_whole_counts_are_stored_as_integers_or_floats_or_shifted_below_zero():
    frame = scmos(100 * lit("cells", 128))
    whole, real, below = (estimate_noise(image) for image in (frame, frame.astype(np.float32), frame - 150.0))
    assert whole.gain_counts_per_electron == real.gain_counts_per_electron
    assert below.has_photon_scale
    assert below.gain_counts_per_electron == pytest.approx(whole.gain_counts_per_electron, rel=1e-3)


def test_an_average_of_frames_has_a_gain_of_its_own_with_a_note():
    mean = np.mean([scmos(300 * lit("cells", 256), seed) for seed in range(8)], axis=0)
    noise = estimate_noise(mean)
    assert noise.gain_counts_per_electron == pytest.approx(2.2 / 8, rel=0.15)
    assert any("scaled or averaged" in note for note in noise.notes)


def test_photon_counts_have_gain_1_and_offset_0():
    counts = np.random.default_rng(0).poisson(8 * lit("cells", 256)).astype(np.uint8)
    noise = estimate_noise(counts)
    assert noise.gain_counts_per_electron == pytest.approx(1, rel=0.1)
    assert 0 <= noise.offset_counts < 0.4


def test_saturated_pixels_are_counted_and_do_not_bend_the_gain():
    light = 2000 * lit("cells", 256)
    frame = np.minimum(scmos(light), 4095).astype(np.uint16)
    noise = estimate_noise(frame)
    assert noise.saturated_fraction == pytest.approx(float(np.mean(frame == 4095)))
    assert noise.saturated_fraction > 0.003
    assert any("saturated" in note for note in noise.notes)
    assert noise.gain_counts_per_electron == pytest.approx(2.2, rel=0.15)


@pytest.mark.parametrize(("camera", "gain", "offset"), CAMERAS)
def test_dim_points_on_a_level_background_give_the_gain_without_bias(camera, gain, offset):
    light = 30 * lit("points", 512)
    found = [estimate_noise(camera(light, seed)).gain_counts_per_electron / gain for seed in range(4)]
    assert abs(np.mean(found) - 1) < 0.1


def test_unequal_gains_of_the_pixels_do_not_raise_the_gain_of_a_bright_frame():
    found = [estimate_noise(scmos(3000 * lit("cells", 512), seed)).gain_counts_per_electron for seed in range(3)]
    assert np.mean(found) == pytest.approx(2.2, rel=0.12)


def test_a_known_wide_point_spread_function_makes_the_gain_more_certain():
    frame = emccd(2000 * scene("texture", 256, 6.0))
    free, told = estimate_noise(frame), estimate_noise(frame, fwhm_px=6.0)
    assert told.gain_relative_error < 0.8 * free.gain_relative_error
    assert abs(told.gain_counts_per_electron / 24 - 1) < 3 * told.gain_relative_error


def test_a_high_offset_does_not_leak_into_the_noise():
    frame = scmos(100 * lit("cells", 128)).astype(np.float64)
    low, high = estimate_noise(frame), estimate_noise(frame + 30000)
    assert high.gain_counts_per_electron == pytest.approx(low.gain_counts_per_electron, rel=1e-3)


def test_hot_pixels_of_many_brightnesses_do_not_bend_the_gain():
    rng = np.random.default_rng(3)
    frame = scmos(300 * lit("cells", 256))
    worn = np.where(rng.random(frame.shape) < 1e-3, rng.integers(2000, 50000, frame.shape), frame)
    assert estimate_noise(worn).gain_counts_per_electron == pytest.approx(2.2, rel=0.15)


def line(**changes):
    """Line of a good camera frame: gain 2, offset 100, 0 to 500 photons, read noise 1.5."""
    level = np.linspace(105, 1100, 20)
    good = Line(2.0, -191.0, (0.001, 1.0, 0.0), level, 2 * level - 191, 1.0, 0.05)
    return dataclasses.replace(good, **changes)


def test_each_reason_against_a_photon_scale_has_its_words():
    frame = scmos(300 * lit("cells", 256))[None].astype(np.float32)
    assert why_no_scale(frame, line(), 0) is None
    assert "reaches over 2 px" in why_no_scale(frame, line(), 2)
    assert "not counts" in why_no_scale(frame * lit("points", 256)[None], line(), 0)
    assert "negative" in why_no_scale(0.25 * frame - 200, line(), 0)
    assert "too small" in why_no_scale(frame, None, 0)
    assert "coarse steps" in why_no_scale(frame, line(variance=np.full(20, 0.1)), 0)
    assert "measurably grow" in why_no_scale(frame, line(slope=-1.0), 0)
    assert "measurably grow" in why_no_scale(frame, line(covariance=(1.0, 1.0, 0.0)), 0)
    assert "in proportion" in why_no_scale(frame, line(scatter=0.8, misfit=5.0), 0)
    assert "less noise" in why_no_scale(frame, line(slope=1e-7, intercept=1.0, covariance=(0.0, 0.0, 0.0)), 0)


@pytest.mark.parametrize("level", [40, 60, 75])
@pytest.mark.parametrize("kind", ["filaments", "points", "mixed"])
def test_the_blocks_of_lossy_jpeg_are_seen_and_nothing_is_taken_for_them(kind, level):
    image = bright(kind) / bright(kind).max() * 255
    cut = jpeg(image, level)[3:, 5:].astype(np.float32)
    assert has_jpeg_blocks(cut)
    assert not has_jpeg_blocks(image.astype(np.float32))
    assert not has_jpeg_blocks(np.tile(lit(kind, 64), (4, 4)).astype(np.float32))


def test_hot_pixels_and_a_black_frame_around_the_image_do_not_bend_the_gain():
    frame = scmos(300 * lit("cells", 256))
    hot = np.random.default_rng(3).random(frame.shape) < 1e-3
    worn = np.pad(np.where(hot, 60000, frame), 40)
    assert estimate_noise(worn).gain_counts_per_electron == pytest.approx(2.2, rel=0.15)


def test_large_frames_are_sampled_in_parts_with_the_same_result():
    frame = scmos(300 * np.tile(lit("cells", 256), (4, 5)))
    assert estimate_noise(frame).gain_counts_per_electron == pytest.approx(2.2, rel=0.1)


def test_only_some_frames_of_a_long_movie_are_read():
    class Counting:
        shape, ndim, dtype, read = (1000, 128, 128), 3, np.dtype(np.uint16), 0

        def __len__(self):
            return 1000

        def __getitem__(self, index):
            Counting.read += 1
            return scmos(300 * lit("cells", 128), seed=index)

    noise = estimate_noise(Counting())
    assert noise.gain_counts_per_electron == pytest.approx(2.2, rel=0.15)
    assert Counting.read <= 8


def test_a_movie_of_one_frame_repeated_is_measured_as_one_image():
    frame = scmos(300 * lit("cells", 256))
    once, repeated = estimate_noise(frame), estimate_noise(np.stack([frame] * 3))
    assert repeated.gain_counts_per_electron == once.gain_counts_per_electron


def test_inputs_stay_as_they_are_and_answers_repeat():
    frame = scmos(100 * lit("points", 128))
    frame.setflags(write=False)
    first, second = estimate_noise(frame), estimate_noise(frame)
    assert dataclasses.asdict(dataclasses.replace(first, sources={})) == dataclasses.asdict(
        dataclasses.replace(second, sources={})
    )
    np.testing.assert_array_equal(first.variance(frame), second.variance(frame))
    assert first.variance(frame).dtype == np.float32


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"known_gain": 0.0}, "positive"),
        ({"known_gain": float("nan")}, "positive"),
        ({"known_read": -1.0}, "from 0"),
        ({"known_offset": float("inf")}, "finite"),
    ],
)
def test_numbers_that_no_camera_has_are_refused(known, words):
    with pytest.raises(RecipeError, match=words):
        estimate_noise(scmos(30 * lit("cells", 128)), **known)


@pytest.mark.parametrize("array", [np.zeros(5), np.zeros((0, 4)), np.full((64, 64), np.inf), np.zeros((2, 2, 2, 2))])
def test_arrays_that_are_no_plane_or_stack_are_refused(array):
    with pytest.raises(InputError):
        estimate_noise(array)


def test_planes_of_a_real_stack_agree_on_the_gain(shared_data):
    stack = tifffile.imread(shared_data / "lattice_lightsheet" / "im_raw.tif")
    gain = [estimate_noise(stack[z]).gain_counts_per_electron for z in range(10, 88, 12)]
    whole = estimate_noise(stack)
    assert np.ptp(gain) < 0.1 * np.mean(gain)
    assert whole.gain_counts_per_electron == pytest.approx(np.mean(gain), rel=0.05)
    assert 90 < whole.offset_counts < 98.5


@pytest.mark.parametrize(
    "name",
    [
        "biosr_pairs/Factin_Nonlinear_sim_gt_1.tif",
        "biosr_pairs/Microtubules2_sim_gt_1.tif",
        "sim_light_pairs/HER_sim_high_light.tif",
        "sim_light_pairs/LER_sim_low_light.tif",
        "sim_light_pairs/HE_15_widefield_mean.tif",
        "sim_light_pairs/LE_15_widefield_mean.tif",
        "confocal_beads/psf_from_beads_ec13757.tif",
    ],
)
def test_reconstructed_and_interpolated_real_images_have_no_photon_scale(shared_data, name):
    image = tifffile.imread(shared_data / name)
    noise = estimate_noise(image)
    assert not noise.has_photon_scale
    assert any(note.startswith("no photon scale") for note in noise.notes)
    assert noise.variance(image).min() > 0
