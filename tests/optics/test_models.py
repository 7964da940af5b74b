"""Every kind of microscope: limits that are known, and the psf package as an oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import psf as oracle
import pytest

from sparsescope.errors import RecipeError
from sparsescope.optics import kinds, models
from sparsescope.optics.diffraction import Term
from sparsescope.optics.focus import best_focus_um
from sparsescope.optics.make import make_psf
from sparsescope.optics.microscope import Microscope
from sparsescope.optics.models import describe, model_of, sheet_width_um
from sparsescope.optics.radial import Grid, interpolation
from sparsescope.optics.width import fwhm_um

EM, EX, NA = 0.525, 0.488, 1.4
NEEDS: dict[str, dict[str, Any]] = {
    kinds.TWO_PHOTON: {"excitation_nm": 900.0},
    kinds.LIGHT_SHEET: {"sheet_fwhm_um": 1.5},
    kinds.STED: {"sted_fwhm_um": 0.06},
}


def scope(kind: str, model: str = "scalar", **more: Any) -> Microscope:
    values = {"numerical_aperture": NA, "emission_nm": 1e3 * EM, "excitation_nm": 1e3 * EX, "refractive_index": 1.518}
    return Microscope(kind, **{**values, "model": model, **NEEDS.get(kind, {}), **more})


def lines(one: Microscope, radius: np.ndarray, stage: np.ndarray) -> np.ndarray:
    """Values at radii and positions of the stage, 1 in focus."""
    model = model_of(one, 3)
    grid = Grid.reaching(float(radius.max()), model.cutoff)
    values = interpolation(grid, radius) @ model.intensity(grid, stage)
    return values / model.intensity(Grid.reaching(0.0, model.cutoff), np.zeros(1))[0]


def width(one: Microscope, *, axial: bool = False) -> float:
    at = np.linspace(0, 1.5 if axial else 0.4, 1500)
    line = lines(one, np.zeros(1), at)[0] if axial else lines(one, at, np.zeros(1))[:, 0]
    return 2 * float(at[np.flatnonzero(line < 0.5)[0]])


RADIUS, STAGE = np.linspace(0, 0.6, 30), np.linspace(-0.8, 0.8, 9)


def test_a_closed_pinhole_gives_the_product_and_an_open_one_the_excitation() -> None:
    light = lines(scope("widefield", emission_nm=1e3 * EX), RADIUS, STAGE)
    seen = lines(scope("widefield"), RADIUS, STAGE)
    np.testing.assert_allclose(lines(scope("confocal", pinhole_airy=0.02), RADIUS, STAGE), light * seen, atol=1e-3)
    wide = lines(scope("confocal", pinhole_airy=40.0), RADIUS, STAGE)
    np.testing.assert_allclose(wide, light, atol=0.03)


def test_confocal_is_narrower_than_wide_field_and_the_narrower_the_smaller_the_pinhole() -> None:
    for axial in (False, True):
        sizes = [width(scope("confocal", pinhole_airy=airy), axial=axial) for airy in (0.2, 0.6, 1.0, 2.0)]
        assert sizes == sorted(sizes)
        assert sizes[2] < 0.95 * width(scope("widefield"), axial=axial)


@pytest.mark.parametrize(("airy", "factor"), [(0.02, 0.38), (0.5, 0.41), (0.7, 0.45), (1.0, 0.505), (3.0, 0.515)])
def test_the_confocal_widths_are_those_that_the_metadata_formula_quotes(airy: float, factor: float) -> None:
    assert width(scope("confocal", pinhole_airy=airy)) == pytest.approx(factor * EX / NA, rel=0.03)


def test_a_confocal_plane_out_of_focus_holds_less_light() -> None:
    model = model_of(scope("confocal"), 3)
    grid = Grid.reaching(3.0, model.cutoff)
    light = grid.ring_weights() @ model.intensity(grid, np.array([0.0, 0.5, 1.0, 2.0]))
    assert light[1] < 0.5 * light[0]
    assert light[2] < 0.15 * light[0]
    assert light[3] < 0.04 * light[0]


def test_a_spinning_disk_blurs_the_excitation_by_its_pinholes_and_crosstalk_fills_the_distance() -> None:
    model = scope("spinning-disk", pinhole_airy=0.02)
    np.testing.assert_allclose(
        lines(model, RADIUS, STAGE), lines(scope("confocal", pinhole_airy=0.02), RADIUS, STAGE), atol=2e-3
    )
    assert width(scope("spinning-disk")) < width(scope("widefield"))
    far = np.array([0.0, 6.0])
    for spacing, expected in ((None, 0.0), (2.5, 1.0)):
        one = model_of(scope("spinning-disk", pinhole_spacing_um=spacing), 3)
        plain = model_of(scope("widefield"), 3)
        grid = Grid.reaching(6.0, one.cutoff)
        ratio = grid.ring_weights() @ one.intensity(grid, far) / (grid.ring_weights() @ plain.intensity(grid, far))
        pinhole = np.pi * (1.22 * EM / NA / 2) ** 2
        uniform = pinhole / (np.sqrt(3) / 2 * 2.5**2)  # light of all spots, spread evenly
        assert ratio[1] / uniform == pytest.approx(expected, abs=0.12)


def test_two_photons_square_the_excitation() -> None:
    one = lines(scope("widefield", emission_nm=900.0), RADIUS, STAGE)
    np.testing.assert_allclose(lines(scope("two-photon"), RADIUS, STAGE), one**2, atol=2e-4)


def test_a_light_sheet_multiplies_the_detection_by_its_profile() -> None:
    sheet = np.exp(-4 * np.log(2) * np.square(STAGE / 1.5))
    np.testing.assert_allclose(
        lines(scope("light-sheet"), RADIUS, STAGE), lines(scope("widefield"), RADIUS, STAGE) * sheet, atol=1e-4
    )
    assert sheet_width_um(scope("light-sheet")) == 1.5
    beam = scope("light-sheet", sheet_fwhm_um=None, sheet_na=0.1)
    assert sheet_width_um(beam) == pytest.approx(0.3748 * EX / 0.1, rel=1e-3)


@pytest.mark.parametrize("wanted", [0.03, 0.06, 0.12])
def test_sted_has_the_width_that_was_asked_for_and_the_confocal_one_along_the_axis(wanted: float) -> None:
    assert width(scope("sted", sted_fwhm_um=wanted)) == pytest.approx(wanted, abs=6e-4)
    assert width(scope("sted"), axial=True) == pytest.approx(width(scope("confocal"), axial=True), rel=1e-3)


def test_sted_deep_in_a_specimen_is_narrowed_in_its_own_focus() -> None:
    deep = make_psf(scope("sted", sample_index=1.33, depth_um=30.0), {"x": 0.005, "y": 0.005}, shape=(41, 41))
    assert fwhm_um(deep)["x"] == pytest.approx(0.06, abs=1e-3)


def test_a_sheet_stays_in_the_focus_that_layers_shift() -> None:
    one = scope("light-sheet", sample_index=1.33, depth_um=5.0, sheet_fwhm_um=0.4)
    plain, model = (model_of(each, 3) for each in (scope("widefield", sample_index=1.33, depth_um=5.0), one))
    focus = best_focus_um(one, plain)
    assert model.on_axis(np.array([focus]))[0] == pytest.approx(plain.on_axis(np.array([focus]))[0])
    assert model.on_axis(np.array([focus + 0.2]))[0] == pytest.approx(plain.on_axis(np.array([focus + 0.2]))[0] / 2)


def test_sted_saturation_narrows_by_the_root_law() -> None:
    plain = width(scope("confocal"))
    found = width(scope("sted", sted_fwhm_um=None, sted_saturation=15.0))
    assert found == pytest.approx(plain / 4, rel=0.02)


def test_structured_illumination_reaches_the_sum_of_the_cutoffs_and_no_further() -> None:
    one = scope("sim", illumination_na=1.3)
    model = model_of(one, 3)
    assert model.cutoff == pytest.approx(2 * (NA / EM + 1.3 / EX))
    plain = 1.518 - np.sqrt(1.518**2 - NA**2)
    assert model.axial_cutoff == pytest.approx(plain / EM + (1.518 - np.sqrt(1.518**2 - 1.3**2)) / EX)
    flat = Microscope("sim", 1.4, emission_nm=525.0, excitation_nm=488.0)
    line = model_of(flat, 2).intensity(Grid.reaching(0.3, model.cutoff), np.zeros(1))[:, 0]
    half = Grid.reaching(0.3, model.cutoff).radius_um[np.flatnonzero(line < 0.5)[0]]
    assert 2 * half == pytest.approx(1.029 / (2 * NA * (1 / EM + 1 / EX)), rel=0.03)
    stage = np.linspace(-15, 15, 3001)
    axis = model.intensity(Grid.reaching(0.0, model.cutoff), stage)[0]
    band = np.abs(np.fft.rfft(axis)) / np.abs(np.fft.rfft(axis)).max()
    assert band[np.fft.rfftfreq(3001, 0.01) > 1.02 * model.axial_cutoff].max() < 1e-3
    assert band[np.fft.rfftfreq(3001, 0.01) < 0.5 * model.axial_cutoff].min() > 0.05


def test_airyscan_is_confocal_for_a_point_detector_and_sharper_than_its_pinhole_for_a_large_one() -> None:
    tiny = lines(scope("airyscan", pinhole_airy=0.02), RADIUS, STAGE)
    np.testing.assert_allclose(tiny, lines(scope("confocal", pinhole_airy=0.02), RADIUS, STAGE), atol=2e-3)
    gain = width(scope("widefield")) / width(scope("airyscan"))
    assert 2**0.5 < gain < 1.7
    assert width(scope("airyscan")) < width(scope("confocal", pinhole_airy=1.25)) / 1.3


def test_airyscan_is_the_sum_of_shifted_images_of_the_detectors_elements() -> None:
    radius, part = 1.25 * models.AIRY_UNIT * EM / NA / 2, EX**2 / (EX**2 + EM**2)
    side = np.linspace(-radius, radius, 61)
    x, y = (a[np.hypot(*np.meshgrid(side, side)) <= radius] for a in np.meshgrid(side, side))

    def airy(wave: float, at: np.ndarray) -> np.ndarray:
        return lines(scope("widefield", emission_nm=1e3 * wave), at, np.zeros(1))[:, 0]

    brute = np.array(
        [
            (airy(EX, np.hypot(r + part * x, part * y)) * airy(EM, np.hypot(r - (1 - part) * x, (1 - part) * y))).sum()
            for r in (0.0, 0.05, 0.12, 0.2)
        ]
    )
    found = lines(scope("airyscan"), np.array([0.0, 0.05, 0.12, 0.2]), np.zeros(1))[:, 0]
    np.testing.assert_allclose(found, brute / brute[0], atol=3e-3)


def test_tirf_detects_as_wide_field_does_and_has_no_volume() -> None:
    grid = Grid.reaching(0.5, 12.0)
    flat = [model_of(scope(kind), 2).intensity(grid, np.zeros(1)) for kind in ("tirf", "widefield")]
    np.testing.assert_array_equal(*flat)
    with pytest.raises(RecipeError, match="--modality"):
        model_of(scope("tirf"), 3)


@pytest.mark.parametrize("kind", kinds.MODALITIES)
@pytest.mark.parametrize(
    "name", ["numerical_aperture", "emission_nm", "excitation_nm", "sheet_fwhm_um", "sted_fwhm_um"]
)
def test_what_is_missing_is_named_with_its_flag_or_said_to_be_assumed(kind: str, name: str) -> None:
    assumed = {
        "emission_nm": {kinds.CONFOCAL, kinds.SPINNING_DISK, kinds.STED, kinds.SIM, kinds.AIRYSCAN},
        "excitation_nm": {kinds.CONFOCAL, kinds.SPINNING_DISK, kinds.STED, kinds.SIM, kinds.AIRYSCAN},
    }
    needed = {
        "numerical_aperture": set(kinds.MODALITIES),
        "emission_nm": {kinds.WIDEFIELD, kinds.LIGHT_SHEET, kinds.TIRF},
        "excitation_nm": {kinds.TWO_PHOTON},
        "sheet_fwhm_um": {kinds.LIGHT_SHEET},
        "sted_fwhm_um": {kinds.STED},
    }
    one = scope(kind, **{name: None})
    ndim = 2 if kind == kinds.TIRF else 3
    if kind in needed[name]:
        flag = "--na" if name == "numerical_aperture" else "--" + name.replace("_", "-")
        with pytest.raises(RecipeError, match=f"needs {name}.*{flag}"):
            model_of(one, ndim)
    else:
        notes = " ".join(model_of(one, ndim).notes)
        assert ("taken as" in notes and name.partition("_")[0] in notes) == (kind in assumed.get(name, set()))


@pytest.mark.parametrize("kind", kinds.MODALITIES)
def test_every_kind_says_what_it_assumes(kind: str) -> None:
    assert 60 < len(describe(kind)) < 300
    assert describe(kind).endswith(".")
    assert describe(kind) != describe("widefield") or kind == "widefield"


def test_a_wavelength_of_the_wrong_kind_of_excitation_is_refused() -> None:
    with pytest.raises(RecipeError, match="650 to 1700"):
        model_of(scope("two-photon", excitation_nm=488.0), 3)
    with pytest.raises(RecipeError, match="two-photon"):
        model_of(scope("confocal", excitation_nm=1300.0), 3)
    with pytest.raises(RecipeError, match="detector is 1"):
        model_of(scope("airyscan", pinhole_airy=9.0), 3)
    with pytest.raises(RecipeError, match="not narrower"):
        model_of(scope("sted", sted_fwhm_um=0.3), 3)
    with pytest.raises(RecipeError, match="illumination_na"):
        model_of(scope("sim", illumination_na=1.6), 3)


class TestAgainstThePsfPackage:
    """Its fields are Richards and Wolf's; two conventions differ and are put into ours for the comparison.

    It counts 4 |U1|² where the average over directions is 2 |U1|², and its emission lacks the aplanatic √cos θ.
    """

    SIZE = 24
    APERTURE, INDEX = 1.2, 1.333

    @pytest.fixture(autouse=True)
    def conventions(self, monkeypatch: pytest.MonkeyPatch) -> None:
        plain = models.vectorial_terms

        def theirs(one: Microscope, rays: Any) -> list[Term]:
            emits = rays.wavenumber == pytest.approx(2 * np.pi / 0.52)
            factor = 1 / np.sqrt(rays.immersion) if emits else 1.0
            return [Term(t.order, t.amplitude * factor, 4.0 if t.order == 1 else 1.0) for t in plain(one, rays)]

        monkeypatch.setattr(models, "vectorial_terms", theirs)

    def theirs(self, kind: int, **more: Any) -> np.ndarray:
        values = {"num_aperture": self.APERTURE, "refr_index": self.INDEX, "em_wavelen": 520.0, "ex_wavelen": 488.0}
        return oracle.PSF(
            oracle.ISOTROPIC | kind,
            shape=(self.SIZE, self.SIZE),
            dims=(2.5, 1.2),
            underfilling=1e-3,
            **{**values, **more},
        ).data

    def ours(self, kind: str, **more: Any) -> np.ndarray:
        step = np.arange(self.SIZE) / (self.SIZE - 1)
        layers = dict.fromkeys(("refractive_index", "sample_index", "coverslip_index"), self.INDEX)
        values = {"numerical_aperture": self.APERTURE, "emission_nm": 520.0, "excitation_nm": 488.0, **layers}
        return lines(Microscope(kind, **{**values, "model": "vectorial", **more}), 1.2 * step, 2.5 * step).T

    def test_wide_field(self) -> None:
        np.testing.assert_allclose(self.ours("widefield"), self.theirs(oracle.EMISSION), atol=1e-3)

    def test_two_photon(self) -> None:
        found = self.theirs(oracle.TWOPHOTON, ex_wavelen=900.0)
        np.testing.assert_allclose(self.ours("two-photon", excitation_nm=900.0), found, atol=2e-3)

    def test_confocal(self) -> None:
        radius = 0.25
        airy = 2 * radius / (models.AIRY_UNIT * 0.52 / self.APERTURE)
        found = self.theirs(oracle.CONFOCAL, pinhole_radius=radius)
        np.testing.assert_allclose(self.ours("confocal", pinhole_airy=airy), found, atol=0.01)
