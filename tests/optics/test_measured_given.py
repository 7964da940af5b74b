"""PSFs that users give: what is put right with a note, and what is refused with the remedy."""

from __future__ import annotations

import numpy as np
import pytest

from optics.bead_scenes import correlation, spot, truth
from sparsescope import as_image
from sparsescope.errors import InputError, RecipeError
from sparsescope.optics.measured_average import centroid_px
from sparsescope.optics.measured_given import as_psf
from sparsescope.optics.psf import Psf

ROUND = truth((21, 21), (4.0, 4.0))


def test_a_centred_odd_array_is_taken_as_it_is_and_left_alone():
    before = (ROUND * 7).copy()
    psf = as_psf(before)
    np.testing.assert_allclose(psf.data, ROUND / ROUND.sum(), rtol=1e-6)
    np.testing.assert_array_equal(before, ROUND * 7)
    assert (psf.notes, dict(psf.spacing_um), psf.source) == ((), {}, "given as an array")


def test_an_offset_of_half_a_voxel_or_less_may_be_meant_and_stays():
    values = spot((21, 21), (10.4, 9.6), (4.0, 4.0))
    np.testing.assert_allclose(as_psf(values).data, values / values.sum(), rtol=1e-6)


@pytest.mark.parametrize("shape", [(20, 20), (20, 21), (24, 18)])
@pytest.mark.parametrize("where", ["between", "one after"])
def test_an_even_array_is_centred_on_an_odd_one(shape, where):
    """Both conventions: the middle between two voxels, and voxel n / 2 as Fourier transforms have it."""
    centre = [(n - 1) / 2 if where == "between" else n // 2 for n in shape]
    psf = as_psf(spot(shape, centre, (4.0, 4.0)))
    assert all(n % 2 for n in psf.data.shape)
    assert np.abs(centroid_px(psf.data.astype(float), (4.0, 4.0))).max() < 0.02
    assert correlation(psf.data, ROUND) > 0.99999
    assert "an even number of voxels along" in psf.notes[0]


def test_a_psf_off_its_middle_is_centred_with_a_note():
    psf = as_psf(spot((15, 41, 41), (8.0, 24.3, 17.0), (4.0, 4.0, 4.0)))
    assert np.abs(centroid_px(psf.data.astype(float), (4.0,) * 3)).max() < 0.05
    assert "off its middle (z +1, y +4.28, x -3 voxels) and was centred" in psf.notes[0]


def test_a_whole_number_of_voxels_is_moved_without_interpolation():
    psf = as_psf(spot((31, 31), (18, 12), (4.0, 4.0)))
    known = spot((31, 31), (15, 15), (4.0, 4.0))
    assert np.abs(psf.data - known[tuple(slice((31 - n) // 2, (31 + n) // 2) for n in psf.data.shape)]).max() < 1e-6


def test_a_psf_too_narrow_to_be_moved_by_half_a_voxel_says_what_is_left():
    psf = as_psf(np.ones((2, 2)))
    assert psf.data.shape == (3, 3)
    assert "its centre stays 0.5 voxels off" in psf.notes[-1]
    assert np.count_nonzero(psf.data) == 4


@pytest.mark.parametrize(
    ("array", "message"),
    [
        ([[1, 2], [3]], "rows have different lengths"),
        (np.ones(5), r"shape \(5,\): allowed are two axes"),
        (np.ones((2, 2, 2, 2)), "allowed are two axes"),
        (np.ones((0, 3)), "allowed are two axes"),
        (np.array([["a", "b"]]), "values: allowed are real numbers"),
        (ROUND.astype(complex), "complex128 values: allowed are real numbers"),
        (ROUND > 1, "bool values: allowed are real numbers"),
        (np.where(np.eye(21), np.nan, ROUND), r"21 NaN or infinite values: replace them \(np.nan_to_num\)"),
        (np.zeros((3, 3)), "empty: no value is above zero"),
        (-ROUND, "empty: no value is above zero"),
        (ROUND - 0.01, r"negative values .* np.maximum\(psf, 0\)"),
        (ROUND + 0.002, "stands on a background: 0.00.* Make it by sparsescope psf distil"),
        ("psf.tif", r"the name of a file: open it by read_psf\(path\)"),
    ],
)
def test_what_is_no_psf_is_refused(array, message):
    with pytest.raises(RecipeError, match=message):
        as_psf(array)


def test_rounding_below_zero_is_cut_and_a_little_more_with_a_note():
    values = ROUND.copy()
    values[0, 0] = -1e-12
    assert as_psf(values).notes == ()
    values[0, 0] = -5e-4
    assert as_psf(values).notes == ("negative values were cut: 0.05 % of the light",)


def test_a_box_is_a_psf_and_no_background():
    assert as_psf(np.ones((3, 3))).data.max() == pytest.approx(1 / 9)


def test_axes_must_be_those_of_the_image():
    volume = truth((9, 21, 21), (3.0, 4.0, 4.0))
    with pytest.raises(RecipeError, match=r"two axes .* the stack has z: give one of three axes .* plane by plane"):
        as_psf(ROUND, ndim=3)
    with pytest.raises(RecipeError, match=r"three axes .* no z: give its plane in focus, psf\[4\]"):
        as_psf(volume, ndim=2)
    assert as_psf(ROUND[None], ndim=2).ndim == 2
    assert as_psf(volume, ndim=3).ndim == 3


@pytest.mark.parametrize(
    ("spacing", "message"),
    [
        (-0.1, r"psf_spacing_um, y = -0.1 is not allowed"),
        (float("nan"), "is not allowed: a number above 0, in µm"),
        ((0.1, 0.1, 0.1), "3 numbers for a PSF of 2 axes"),
        ({"z": 0.1}, "says nothing of y, x"),
        ("0.1", "psf_spacing_um"),
    ],
)
def test_sizes_that_are_none_are_refused(spacing, message):
    with pytest.raises(RecipeError, match=message):
        as_psf(ROUND, spacing)


@pytest.mark.parametrize("spacing", [0.05, (0.05, 0.05), {"x": 0.05}, np.array([0.05, 0.05])])
def test_sizes_are_one_number_one_per_axis_or_by_letter(spacing):
    assert dict(as_psf(ROUND, spacing).spacing_um) == {"y": 0.05, "x": 0.05}


def test_a_psf_of_other_voxels_is_resampled_to_the_image():
    psf = as_psf(truth((41, 41), (8.0, 8.0)), 0.05, {"y": 0.1, "x": 0.1})
    assert correlation(psf.data, ROUND) > 0.99999
    assert dict(psf.spacing_um) == {"y": 0.1, "x": 0.1}
    with pytest.raises(RecipeError, match="5 times as large"):
        as_psf(ROUND, 0.5, {"y": 0.1, "x": 0.1})


def test_a_psf_and_an_image_bring_their_sizes():
    own = Psf(ROUND.astype(np.float32), {"y": 0.05, "x": 0.05}, "mine", ("a note",))
    found = as_psf(own, image_spacing_um={"y": 0.1, "x": 0.1})
    assert found.source == "mine"
    assert found.notes[0] == "a note"
    assert found.data.shape[0] < 21
    image = as_image(ROUND, pixel_size_um=0.07)
    assert dict(as_psf(image).spacing_um) == {"y": 0.07, "x": 0.07}
    with pytest.raises(InputError, match="time points"):
        as_psf(as_image(np.ones((3, 5, 5)), "TYX"))


def test_a_psf_larger_than_the_image_is_trimmed_where_it_holds_nothing_else_refused():
    wide = truth((61, 61), (4.0, 4.0))
    trimmed = as_psf(wide, image_shape=(32, 64))
    assert trimmed.data.shape == (31, 61)
    assert "trimmed to the image's size along y" in trimmed.notes[-1]
    flat = truth((61, 61), (40.0, 40.0))
    with pytest.raises(
        RecipeError, match=r"larger than the image along y, x \(61 × 61 and 32 × 40 voxels\): .*psf\[15:46, 11:50\]"
    ):
        as_psf(flat, image_shape=(32, 40))
    with pytest.raises(RecipeError, match="an image of 3 axes for a PSF of 2"):
        as_psf(flat, image_shape=(9, 99, 99))


def test_a_psf_may_be_longer_than_the_stack_is_high():
    deep = truth((31, 11, 11), (20.0, 3.0, 3.0))
    assert as_psf(deep, image_shape=(5, 32, 32)).data.shape == (31, 11, 11)


def test_the_crop_that_the_message_names_is_one_that_is_taken():
    flat = truth((61, 61), (40.0, 40.0))
    assert as_psf(flat[15:46, 11:50], image_shape=(32, 40)).data.shape == (31, 39)
