"""PSFs on voxels: sums, symmetry, sampling, shape, frequency content, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsescope.errors import RecipeError
from sparsescope.optics import kinds
from sparsescope.optics.make import make_psf
from sparsescope.optics.microscope import Microscope
from sparsescope.optics.width import fwhm_um

SPACING = {"x": 0.05, "y": 0.05, "z": 0.1}
NEEDS: dict[str, dict[str, Any]] = {
    kinds.TWO_PHOTON: {"excitation_nm": 900.0},
    kinds.LIGHT_SHEET: {"sheet_fwhm_um": 1.5},
    kinds.STED: {"sted_fwhm_um": 0.08},
}


def scope(kind: str = "widefield", **more: Any) -> Microscope:
    values = {"numerical_aperture": 1.4, "emission_nm": 525.0, "excitation_nm": 488.0, "refractive_index": 1.518}
    return Microscope(kind, **{**values, **NEEDS.get(kind, {}), **more})


@pytest.mark.parametrize("model", ["scalar", "vectorial"])
@pytest.mark.parametrize("kind", kinds.MODALITIES)
def test_every_kind_gives_a_psf_of_sum_one_that_flips_do_not_change(kind: str, model: str) -> None:
    for ndim in (2, 3) if kind != kinds.TIRF else (2,):
        psf = make_psf(scope(kind, model=model), SPACING, ndim=ndim)
        assert psf.ndim == ndim
        assert psf.data.sum(dtype=float) == pytest.approx(1, abs=1e-6)
        middle = tuple(n // 2 for n in psf.data.shape)
        assert np.unravel_index(psf.data.argmax(), psf.data.shape) == middle
        for axis in range(ndim):
            np.testing.assert_allclose(np.flip(psf.data, axis), psf.data, atol=1e-7 * psf.data.max())
        np.testing.assert_array_equal(psf.data, np.swapaxes(psf.data, -1, -2))
        assert set(psf.spacing_um) == set("zyx"[-ndim:])


def test_the_width_is_0_5145_wavelengths_over_na_and_the_dark_ring_is_where_it_should_be() -> None:
    psf = make_psf(scope(model="scalar"), {"x": 0.01, "y": 0.01}, shape=(101, 101))
    width = fwhm_um(psf)["x"]
    assert width is not None
    assert width == pytest.approx(0.5145 * 0.525 / 1.4, rel=2e-3)
    line = psf.data[50, 50:]
    assert 0.01 * (10 + int(line[10:35].argmin())) == pytest.approx(0.61 * 0.525 / 1.4, abs=0.01)


def test_the_axial_width_is_that_of_the_closed_form() -> None:
    psf = make_psf(
        scope(model="scalar", refractive_index=1.0, numerical_aperture=0.4), {"x": 0.1, "y": 0.1, "z": 0.25}, ndim=3
    )
    width = fwhm_um(psf)["z"]
    assert width is not None
    assert width == pytest.approx(0.886 * 0.525 / (1 - np.sqrt(1 - 0.4**2)), rel=0.02)


def otf(kind: str, **more: Any) -> tuple[np.ndarray, np.ndarray]:
    """Transfer function on a fine grid, and its lateral frequencies in cycles per µm."""
    pixel = 0.0375
    psf = make_psf(scope(kind, model="scalar", **more), {"x": pixel, "y": pixel}, shape=(257, 257)).data.astype(float)
    k = np.fft.fftfreq(257, pixel)
    return np.abs(np.fft.fft2(np.fft.ifftshift(psf))), np.hypot(k[:, None], k)


def test_beyond_the_cutoff_there_is_nothing_and_before_it_the_diffraction_limited_transfer_function() -> None:
    transfer, k = otf("widefield")
    cutoff = 2 * 1.4 / 0.525
    assert transfer[k > cutoff].max() < 1e-3
    along = np.minimum(k[0] / cutoff, 1)
    ideal = 2 / np.pi * (np.arccos(along) - along * np.sqrt(1 - along**2)) * np.sinc(0.0375 * k[0])
    assert np.abs(transfer[0] - ideal).max() < 0.012  # 0.9 % of the light lies outside
    assert transfer[0][(k[0] > 0.7 * cutoff) & (k[0] < 0.8 * cutoff)].min() > 0.1


@pytest.mark.parametrize(
    ("kind", "cutoff"), [("two-photon", 4 * 1.4 / 0.9), ("sim", 2 * 1.4 * (1 / 0.525 + 1 / 0.488))]
)
def test_other_kinds_end_at_their_own_cutoff(kind: str, cutoff: float) -> None:
    transfer, k = otf(kind)
    assert transfer[k > cutoff].max() < 1e-3
    assert transfer[0][(k[0] > 0.6 * cutoff) & (k[0] < 0.7 * cutoff)].min() > 0.005


def test_wide_field_has_a_missing_cone_and_confocal_has_not() -> None:
    ratio = []
    for kind in ("widefield", "confocal"):
        data = make_psf(scope(kind), {"x": 0.1, "y": 0.1, "z": 0.1}, ndim=3, shape=(65, 129, 129)).data.astype(float)
        axis = np.abs(np.fft.fft(data.sum(axis=(1, 2))))
        ratio.append(axis[6] / axis[0])  # a period of a micrometre along z, uniform across
    assert ratio[0] < 0.02
    assert ratio[1] > 0.2


def test_layers_leave_the_effective_psf_of_sim_alone_and_that_is_said() -> None:
    deep, plain = (
        make_psf(one, SPACING, ndim=3) for one in (scope("sim", sample_index=1.33, depth_um=40.0), scope("sim"))
    )
    np.testing.assert_array_equal(deep.data, plain.data)
    assert any("do not enter the effective PSF of SIM" in note for note in deep.notes)
    assert not any("do not enter" in note for note in plain.notes)


def test_a_coarse_pixel_is_the_sum_of_fine_ones() -> None:
    for kind in ("widefield", "confocal"):
        one = scope(kind, excitation_nm=488.0)
        fine = make_psf(one, {"x": 0.03, "y": 0.02}, shape=(75, 99)).data.astype(float)
        coarse = make_psf(one, {"x": 0.09, "y": 0.1}, shape=(15, 33)).data
        np.testing.assert_allclose(fine.reshape(15, 5, 33, 3).sum(axis=(1, 3)), coarse, atol=1e-6)


def test_matched_layers_are_symmetric_and_mismatched_ones_have_their_tail_away_from_the_coverslip() -> None:
    matched = make_psf(scope(sample_index=1.518, depth_um=5.0), SPACING, ndim=3, shape=(41, 33, 33)).data
    np.testing.assert_allclose(matched[::-1], matched, atol=1e-7 * matched.max())
    plain = make_psf(scope(), SPACING, ndim=3, shape=(41, 33, 33)).data
    np.testing.assert_allclose(plain, matched, atol=1e-6 * plain.max())
    wrong = make_psf(scope(sample_index=1.33, depth_um=5.0), SPACING, ndim=3, shape=(41, 33, 33))
    axis = wrong.data[:, 16, 16]
    assert axis.argmax() == 20
    assert (np.diff(axis[:21]) > 0).all()
    assert axis[30:].max() > 0.15 * axis[20]  # rays of the rim meet further in, in lobes
    assert "is sharpest at 6.3" in " ".join(wrong.notes)
    denser = scope(refractive_index=1.333, numerical_aperture=1.2, sample_index=1.47, depth_um=15.0)
    axis = make_psf(denser, SPACING, ndim=3, shape=(41, 33, 33)).data[:, 16, 16]
    assert axis[:9].max() > 1.5 * axis[-9:].max()  # and the other way round


def test_the_default_shape_holds_the_light_it_promises() -> None:
    def encircled(data: np.ndarray, whole: np.ndarray) -> float:
        cut = tuple((big - small) // 2 for big, small in zip(whole.shape, data.shape, strict=True))
        part = whole[tuple(slice(c, n - c) for c, n in zip(cut, whole.shape, strict=True))]
        return float(part.sum())

    flat = make_psf(scope("confocal"), SPACING)
    whole = make_psf(scope("confocal"), SPACING, shape=(301, 301))
    assert 0.985 < encircled(flat.data, whole.data) < 0.999
    volume = make_psf(scope("two-photon"), SPACING, ndim=3)
    width = fwhm_um(volume)["z"]
    assert width is not None
    assert volume.data.shape[0] * 0.1 > 4 * width
    wide = make_psf(scope(), {"x": 0.1, "y": 0.1})
    assert "of the light of the plane in focus lies outside" in wide.notes[-1]
    assert float(wide.notes[-1].split(" %")[0]) == pytest.approx(1.4, abs=0.8)


def test_the_default_shape_has_its_limits() -> None:
    fine = make_psf(scope(), {"x": 0.01, "y": 0.01, "z": 0.005}, ndim=3)
    assert fine.data.shape == (129, 129, 129)
    assert any("cut to 129 planes" in note for note in fine.notes)
    coarse = make_psf(scope(), {"x": 2.0, "y": 2.0, "z": 5.0}, ndim=3)
    assert coarse.data.shape[0] == 3
    assert coarse.data[1].max() > 0.3


def test_sampling_that_is_too_coarse_is_said() -> None:
    assert not any("coarser" in note for note in make_psf(scope(), SPACING, ndim=3).notes)
    notes = " ".join(make_psf(scope(), {"x": 0.12, "y": 0.12, "z": 0.5}, ndim=3).notes)
    assert "0.0938 µm" in notes  # wavelength / (4 NA)
    assert "0.282 µm" in notes  # wavelength / (2 n (1 - cos α))


def test_the_source_says_what_was_not_given() -> None:
    psf = make_psf(Microscope("confocal", 1.4, emission_nm=525.0, source={"emission_nm": "file"}), SPACING)
    assert (
        psf.source
        == "computed for confocal: vectorial, NA 1.4, emission 525 nm (file), index 1.518 (assumed from the NA)"
    )
    assert any("excitation taken as 488 nm" in note for note in psf.notes)
    assert any("pinhole taken as 1 Airy units" in note for note in psf.notes)


@pytest.mark.parametrize(
    ("spacing", "more", "said"),
    [
        ({"x": 0.1}, {}, r"along y.*--pixel-size-um"),
        ({"x": 0.1, "y": 0.1}, {"ndim": 3}, r"along z.*--z-step-um"),
        ({}, {"ndim": 3}, r"along z and y and x.*--pixel-size-um and --z-step-um"),
        ({"x": 0.1, "y": -0.1}, {}, "voxel size y = -0.1"),
        ({"x": 0.1, "y": float("nan")}, {}, "voxel size y = nan"),
        (SPACING, {"ndim": 4}, "ndim = 4"),
        (SPACING, {"shape": (4, 5)}, "odd numbers"),
        (SPACING, {"shape": (5, 5, 5)}, "2 odd numbers"),
        (SPACING, {"shape": (5, 5.0)}, "odd numbers"),
        (SPACING, {"shape": (5, 99999)}, "1 to 2049"),
    ],
)
def test_bad_voxels_are_refused_with_what_is_allowed(
    spacing: dict[str, float], more: dict[str, Any], said: str
) -> None:
    with pytest.raises(RecipeError, match=said):
        make_psf(scope(), spacing, **more)


def test_a_missing_aperture_or_wavelength_is_refused_with_the_flag() -> None:
    with pytest.raises(RecipeError, match=r"numerical_aperture.*--na"):
        make_psf(Microscope("widefield", emission_nm=525.0), SPACING)
    with pytest.raises(RecipeError, match=r"numerical_aperture and emission_nm.*--na and --emission-nm"):
        make_psf(Microscope("widefield"), SPACING)
    with pytest.raises(RecipeError, match=r"numerical_aperture and excitation_nm.*--na and --excitation-nm"):
        make_psf(Microscope("two-photon", emission_nm=525.0), SPACING)
    with pytest.raises(RecipeError, match=r"needs numerical_aperture, not known here: give --na, or"):
        make_psf(Microscope("confocal", excitation_nm=488.0), SPACING)
    with pytest.raises(RecipeError, match=r"emission_nm.*--emission-nm"):
        make_psf(Microscope("widefield", 1.4), SPACING)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(kinds.MODALITIES),
    st.floats(0.05, 1.65),
    st.floats(300, 1200),
    st.floats(1.0, 1.85),
    st.floats(0.0, 30.0),
    st.floats(0.02, 1.0),
    st.floats(0.05, 3.0),
)
def test_whatever_is_allowed_gives_a_psf_and_what_is_not_a_sentence(
    kind: str, aperture: float, wave: float, sample: float, depth: float, pixel: float, step: float
) -> None:
    values = {**NEEDS.get(kind, {}), "excitation_nm": 900.0 if kind == kinds.TWO_PHOTON else 0.93 * max(wave, 330)}
    ndim = 2 if kind == kinds.TIRF else 3
    try:
        one = Microscope(kind, aperture, emission_nm=wave, sample_index=sample, depth_um=depth, **values)
        psf = make_psf(one, {"x": pixel, "y": pixel, "z": step}, ndim=ndim, shape=(7, 9, 9)[-ndim:])
    except RecipeError as error:
        said = str(error)
        psf = None
    if psf is None:
        assert "--" in said
    else:
        assert np.isfinite(psf.data).all()
        assert psf.data.sum(dtype=float) == pytest.approx(1, abs=1e-5)
        middle = tuple(n // 2 for n in psf.data.shape)
        assert psf.data[middle] > 0.9 * psf.data.max()
