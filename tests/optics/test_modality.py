"""The width of the PSF from NA, wavelengths and kind of microscope."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.signal import fftconvolve
from scipy.special import j1

import sparsescope as ss
from sparsescope.optics.modality import CONFOCAL, fwhm_from_metadata_um

WIDE_UM = 0.51 * 0.525 / 1.4


def image(*channels: ss.Channel, **meta: Any) -> ss.Image:
    shape, axes = ((len(channels), 64, 64), "CYX") if len(channels) > 1 else ((64, 64), "YX")
    return ss.Image(np.ones(shape, np.float32), axes, {"x": 0.1, "y": 0.1}, channels=channels, meta=meta)


GREEN = ss.Channel(emission_nm=525.0, excitation_nm=488.0)


def width(mode: str | None, channel: ss.Channel = GREEN, aperture: float = 1.4) -> float | None:
    return fwhm_from_metadata_um(image(channel, numerical_aperture=aperture, modality=mode))[0]


@pytest.mark.parametrize(
    "mode", [None, "", "WideField", "TotalInternalReflection", "TIRF", "SPIM", "Other", "something"]
)
def test_wide_field_and_what_detects_like_it_has_the_width_of_the_airy_pattern(mode: str | None) -> None:
    assert width(mode) == pytest.approx(WIDE_UM)


@pytest.mark.parametrize("mode", ["LaserScanningConfocalMicroscopy", "SpinningDiskConfocal", "SlitScanConfocal", "LCM"])
def test_confocal_is_narrower_by_excitation_and_pinhole(mode: str) -> None:
    assert width(mode) == pytest.approx(0.45 * 0.488 / 1.4)
    without = fwhm_from_metadata_um(image(ss.Channel(emission_nm=525.0), numerical_aperture=1.4, modality=mode))
    assert without[0] == pytest.approx(0.45 * 0.488 / 1.4, rel=0.01)
    assert "excitation taken as 488 nm" in without[1][0]


def test_the_confocal_width_is_that_of_a_pinhole_between_half_and_one_airy_unit() -> None:
    step = 0.02
    x = np.arange(-1.6, 1.6, step) + step / 2  # in excitation wavelengths over NA
    r = np.hypot(x[:, None], x)

    def airy(wave: float) -> np.ndarray:
        v = 2 * np.pi * r / wave
        return (2 * j1(v) / v) ** 2

    def fwhm(airy_units: float) -> float:
        pinhole = r <= airy_units * 1.22 * 1.076 / 2
        spot = airy(1.0) * fftconvolve(airy(1.076), pinhole, mode="same")
        row = spot[len(x) // 2]
        return 2 * brentq(lambda at: np.interp(at, x, row) - row.max() / 2, 0.0, 0.6)

    assert fwhm(0.5) < CONFOCAL < fwhm(1.0)
    assert fwhm(1.0) == pytest.approx(0.505, abs=0.01)
    assert fwhm(3.0) == pytest.approx(0.515, abs=0.01)


def test_two_photons_have_the_waist_of_zipfel() -> None:
    infrared = ss.Channel(emission_nm=525.0, excitation_nm=900.0)
    for aperture, waist in ((0.6, 0.320 * 0.9 / (2**0.5 * 0.6)), (1.1, 0.325 * 0.9 / (2**0.5 * 1.1**0.91))):
        assert width("MultiPhotonMicroscopy", infrared, aperture) == pytest.approx(2 * np.sqrt(np.log(2)) * waist)
    assert width("MultiPhotonMicroscopy") is None, "488 nm is the excitation by one photon"
    assert width("MultiPhotonMicroscopy", ss.Channel(emission_nm=525.0)) is None


def test_structured_illumination_halves_the_width() -> None:
    assert width("StructuredIllumination") == pytest.approx(WIDE_UM / 2)


@pytest.mark.parametrize("mode", ["STED", "PALM", "STORM", "SingleMoleculeImaging", "Airyscan", "WideField / STED"])
def test_where_optics_do_not_set_the_resolution_none_is_given_and_said(mode: str) -> None:
    found, sentences = fwhm_from_metadata_um(image(GREEN, numerical_aperture=1.4, modality=mode))
    assert found is None
    assert sentences == (f"NA and wavelength do not tell the resolution of the file's modality, {mode}",)


def test_several_modalities_take_the_sharpest() -> None:
    assert width("LaserScanningConfocalMicroscopy / WideField") == pytest.approx(0.45 * 0.488 / 1.4)


def test_several_channels_share_the_width_of_the_shortest_wavelength() -> None:
    channels = [ss.Channel(emission_nm=670.0), ss.Channel(emission_nm=460.0), ss.Channel()]
    found, sentences = fwhm_from_metadata_um(image(*channels, numerical_aperture=1.4))
    assert found == pytest.approx(0.51 * 0.46 / 1.4)
    assert "λ 460 nm" in sentences[0]
    assert "the channel of shortest wavelength sets the one PSF that serves all 3" in sentences[0]


@pytest.mark.parametrize("aperture", [0.0, -1.4, 14.0, 1.71, np.nan, np.inf, "1.4"])
def test_an_impossible_aperture_is_ignored_and_said(aperture: Any) -> None:
    found, sentences = fwhm_from_metadata_um(image(GREEN, numerical_aperture=aperture))
    assert found is None
    assert len(sentences) == 1
    assert f"NA {aperture} in the file is impossible" in sentences[0]


@pytest.mark.parametrize("wave", [0.525, 52.5, 5250.0, 299.0, 1201.0, np.nan, -525.0])
def test_an_impossible_wavelength_is_ignored_and_said(wave: float) -> None:
    found, sentences = fwhm_from_metadata_um(image(ss.Channel(emission_nm=wave), numerical_aperture=1.4))
    assert found is None
    assert f"emission wavelength {wave:g} nm in the file is impossible (allowed: 300 to 1200) and ignored" in sentences
    both = image(ss.Channel(emission_nm=wave), GREEN, numerical_aperture=1.4)
    assert fwhm_from_metadata_um(both)[0] == pytest.approx(WIDE_UM), "the other channel still tells"


def test_an_aperture_above_the_refractive_index_is_said() -> None:
    found, sentences = fwhm_from_metadata_um(image(GREEN, numerical_aperture=1.4, refractive_index=1.33))
    assert found == pytest.approx(WIDE_UM)
    assert any("NA 1.4 and the refractive index 1.33 in the file contradict each other" in text for text in sentences)
    assert len(fwhm_from_metadata_um(image(GREEN, numerical_aperture=1.4, refractive_index=1.518))[1]) == 1


@pytest.mark.parametrize("known", [image(GREEN), image(ss.Channel(), numerical_aperture=1.4), image()])
def test_too_little_gives_none_without_a_word(known: ss.Image) -> None:
    assert fwhm_from_metadata_um(known) == (None, ())
