"""PSFs from beads: the truth comes back, bad beads do not spoil it, and what cannot be measured is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optics.bead_scenes import camera, correlation, field, grid, spot, truth
from sparsescope import Image, as_image, read
from sparsescope.errors import InputError, RecipeError, SparsescopeError
from sparsescope.optics.measured import Distilled, distil
from sparsescope.optics.measured_average import centroid_px
from sparsescope.optics.measured_find import widths_px

F2 = (4.0, 4.0)
FIELD = (240, 240)
PLACES = grid(FIELD, 60)


def beads(values: np.ndarray[Any, Any]) -> Image:
    return as_image(values, "ZYX"[-values.ndim :], pixel_size_um=0.05, z_step_um=0.1 if values.ndim == 3 else None)


def difference(one: Distilled, other: Distilled) -> float:
    """Root of the squared difference of two PSFs, in parts of the second."""
    a, b = one.psf.data.astype(float), other.psf.data.astype(float)
    shape = [max(n, m) for n, m in zip(a.shape, b.shape, strict=True)]
    first, second = (
        np.pad(v, [((n - m) // 2, (n - m) // 2) for n, m in zip(shape, v.shape, strict=True)]) for v in (a, b)
    )
    return float(np.linalg.norm(first - second) / np.linalg.norm(second))


@pytest.mark.parametrize(
    ("shape", "fwhm", "apart", "photons", "background"),
    [
        ((200, 200), (2.2, 2.6), 40, 2e5, 20.0),
        ((240, 240), (4.0, 4.0), 60, 2e5, 20.0),
        ((300, 300), (9.0, 7.0), 90, 2e5, 100.0),
        ((280, 280), (4.0, 4.0), 45, 4e3, 100.0),
        ((40, 130, 130), (6.0, 4.0, 3.5), 42, 1e5, 20.0),
    ],
    ids=["fine", "usual", "wide and unequal", "dim", "stack"],
)
def test_width_centre_and_shape_of_the_psf_come_back(shape, fwhm, apart, photons, background):
    found = distil(beads(camera(field(shape, grid(shape, apart), fwhm, photons, background))))
    known = truth([2 * round(3 * w) + 1 for w in fwhm], fwhm)
    assert found.used >= 4
    np.testing.assert_allclose(found.fwhm_px, widths_px(known), rtol=0.03)
    assert np.abs(centroid_px(found.psf.data.astype(float), fwhm)).max() < 0.05
    assert correlation(found.psf.data, known) > 0.995
    assert found.psf.data.sum(dtype=float) == pytest.approx(1, abs=1e-5)
    assert found.background == pytest.approx(background, rel=0.05)


def base(without: int | None = None) -> np.ndarray[Any, Any]:
    places = [place for i, place in enumerate(PLACES) if i != without]
    return camera(field(FIELD, places, F2, 4e4)).astype(np.float64)


def bad_bead(kind: str) -> np.ndarray[Any, Any]:
    y, x = PLACES[4]
    if kind == "brighter and larger":
        return 3e5 * spot(FIELD, (y, x), (8.0, 8.0))
    if kind == "double":
        return 4e4 * (spot(FIELD, (y, x), F2) + spot(FIELD, (y + 3.5, x + 1), F2))
    if kind == "drifting":
        return sum(4e3 * spot(FIELD, (y + 0.6 * i, x), F2) for i in range(11))
    return 4e5 * spot(FIELD, (y, x), F2)


@pytest.mark.parametrize("kind", ["brighter and larger", "double", "drifting"])
def test_one_bad_bead_is_left_out_and_changes_nothing(kind):
    good = base(without=4)
    with_bad = good + np.random.default_rng(9).poisson(bad_bead(kind))
    found, expected = distil(beads(with_bad)), distil(beads(good))
    assert found.rejected == {"unlike the others": 1}
    assert found.used == expected.used
    assert difference(found, expected) < 0.01


def test_a_good_bead_ten_times_as_bright_does_not_rule_the_mean():
    good = base(without=4)
    with_bright = good + np.random.default_rng(9).poisson(bad_bead("brighter"))
    found, expected = distil(beads(with_bright)), distil(beads(good))
    assert found.used == expected.used + 1
    assert difference(found, expected) < 0.01


def test_a_bright_bead_that_is_a_little_wider_has_a_bounded_say():
    good = base(without=4)
    with_bright = good + np.random.default_rng(9).poisson(8e5 * spot(FIELD, PLACES[4], (4.4, 4.4)))
    found, expected = distil(beads(with_bright)), distil(beads(good))
    assert found.used == expected.used + 1
    assert found.fwhm_px[0] < 1.035 * expected.fwhm_px[0]


def test_touching_beads_and_beads_at_the_border_are_left_out_with_the_reason():
    places = [*PLACES, [PLACES[0][0] + 12, PLACES[0][1]], [2.0, 120.0], [120.0, 238.5]]
    found = distil(beads(camera(field(FIELD, places, F2, 4e4))))
    assert found.rejected == {"too close to another": 2, "cut by the border": 2}
    assert found.used == len(PLACES) - 1
    assert found.psf.notes[0].startswith(f"4 of {len(places)} beads were left out: 2 cut by the border, 2 too close")


@pytest.mark.parametrize(("level", "light"), [(3000, 4e4), (65535, 8e5)], ids=["a plateau", "full scale"])
def test_saturated_beads_are_left_out(level, light):
    mean = field(FIELD, PLACES, F2, [light] * (len(PLACES) - 2) + [3 * light] * 2)
    values = np.minimum(np.random.default_rng(0).poisson(mean), level)
    assert distil(beads(values.astype(np.uint16))).rejected == {"saturated": 2}


def test_the_significant_bits_of_the_file_tell_full_scale():
    values = np.minimum(camera(field(FIELD, PLACES, F2, 4e4)), 4095)
    values[int(PLACES[2][0]), int(PLACES[2][1])] = 4095
    image = beads(values)
    assert distil(image).rejected.get("saturated", 0) == 0
    assert distil(image.replace(meta={"bits": 12})).rejected["saturated"] == 1


def test_dim_beads_are_left_out():
    light = [4e4] * (len(PLACES) - 1) + [2000.0]
    found = distil(beads(camera(field(FIELD, PLACES, F2, light, background=900.0))))
    assert found.rejected == {"too dim": 1}


def test_an_uneven_background_is_taken_off():
    slanted = field(FIELD, PLACES, F2, 4e4) + np.linspace(0, 600, FIELD[1])
    found = distil(beads(camera(slanted)))
    np.testing.assert_allclose(found.fwhm_px, widths_px(truth((31, 31), F2)), rtol=0.03)


def cut(values: np.ndarray[Any, Any], level: int) -> np.ndarray[Any, Any]:
    return np.minimum(values, level)


REFUSED: dict[str, tuple[Callable[[], np.ndarray[Any, Any]], str]] = {
    "constant": (lambda: np.full(FIELD, 100, np.uint16), "constant: there is no bead"),
    "empty": (lambda: camera(np.full(FIELD, 100.0)), "no bead was found"),
    "saturated": (lambda: cut(camera(field(FIELD, PLACES, F2, 4e4)), 900), r"9 saturated\): lower the light"),
    "one cut": (
        lambda: camera(field(FIELD, [[1.0, 120.0]], F2)),
        r"the only bead cannot be used \(1 cut by the border\)",
    ),
    "undersampled": (lambda: camera(field(FIELD, PLACES, (1.2, 1.2), 4e4)), "undersampled: 1.6 voxels wide .* along y"),
    "noisy": (
        lambda: camera(field(FIELD, [[120.0, 120.0]], F2, 1800.0, 100.0)),
        "too noisy: .* take the beads|too noisy",
    ),
    "crowded": (
        lambda: camera(field((60, 60), [[26.0, 26.0], [34.0, 34.0], [26.0, 36.0]], F2)),
        "too close to another|cut by the border",
    ),
    "nan": (lambda: np.where(np.eye(240) > 0, np.nan, 1.0), "240 NaN or infinite values"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_measured_is_refused_with_the_reason(case):
    make, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        distil(beads(make()))


def test_an_undersampled_axis_names_its_remedy():
    shape = (30, 150, 150)
    values = camera(field(shape, grid(shape, 60), (1.2, 4.0, 4.0), 2e5))
    with pytest.raises(InputError, match=r"along z .* Take the beads with smaller z steps"):
        distil(beads(values))


@pytest.mark.parametrize("diameter", [-1.0, 0.0, float("nan"), "wide"])
def test_a_diameter_that_is_none_is_refused(diameter):
    with pytest.raises(RecipeError, match=r"bead_diameter_um = .* a number above 0, in µm"):
        distil(beads(base()), bead_diameter_um=diameter)


def test_beads_larger_than_the_psf_are_refused():
    with pytest.raises(InputError, match=r"beads of 0.5 µm are too large .* Take beads of at most half of that"):
        distil(beads(base()), bead_diameter_um=0.5)


def test_a_diameter_without_voxel_sizes_is_refused():
    with pytest.raises(RecipeError, match="--pixel-size-um"):
        distil(as_image(base()), bead_diameter_um=0.1)


def test_the_size_of_the_bead_is_divided_out_where_it_is_given():
    """Images of balls of 0.2 µm, by their projection on a finer grid, give the PSF of points again."""
    fine, width = 5, 4.0
    y, x = (np.indices((121, 121)) - 60) * 0.05 / fine
    chord = 2 * np.sqrt(np.maximum(0.1**2 - y**2 - x**2, 0))
    sharp = spot((121, 121), (60, 60), (width * fine,) * 2)
    size = (256, 256)
    seen = np.fft.irfft2(np.fft.rfft2(chord / chord.sum(), size) * np.fft.rfft2(sharp, size), size)
    seen = np.maximum(np.roll(seen, (-60, -60), (0, 1))[:120, :120], 0)
    image = np.full(FIELD, 50.0)
    for place_y, place_x in PLACES:
        corner_y, corner_x = round(place_y) - 12, round(place_x) - 12
        image[corner_y : corner_y + 24, corner_x : corner_x + 24] += 4e5 * seen.reshape(24, fine, 24, fine).sum((1, 3))
    plain, corrected = distil(beads(camera(image))), distil(beads(camera(image)), bead_diameter_um=0.2)
    pixel = np.sqrt(width**2 + (fine**2 - 1) / fine**2 / 12 * 8 * np.log(2))
    assert plain.fwhm_px[0] > 1.1 * pixel
    np.testing.assert_allclose(corrected.fwhm_px, pixel, rtol=0.03)
    assert "the size of the beads (0.2 µm, which widens the PSF by" in corrected.psf.notes[-1]
    assert "the bead's own size is part of the PSF" in plain.psf.notes[-1]


def test_turning_makes_it_round_and_less_noisy():
    values = camera(field(FIELD, PLACES, F2, 1500.0))
    known = truth((25, 25), F2)
    turned, plain = distil(beads(values), symmetric=True), distil(beads(values))
    assert correlation(turned.psf.data, known) > correlation(plain.psf.data, known)
    np.testing.assert_allclose(turned.psf.data, np.rot90(turned.psf.data), atol=1e-7)
    assert "averaged over turns" in " ".join(turned.psf.notes)


def test_of_two_beads_that_differ_it_is_said():
    values = camera(field(FIELD, [[70, 70]], F2, 4e4) + field(FIELD, [[170, 170]], (7.0, 7.0), 1.2e5, 0.0))
    assert any("the two beads differ" in note for note in distil(beads(values)).psf.notes)


def test_structures_that_are_not_alike_are_no_beads():
    random = np.random.default_rng(2)
    scene = np.full((300, 300), 30.0)
    for y, x in grid((300, 300), 50):
        for _ in range(4):
            dy, dx, high, wide = *random.normal(0, 5, 2), *random.uniform(3, 7, 2)
            scene += 3e4 * spot((300, 300), (y + dy, x + dx), (high, wide))
    with pytest.raises(InputError, match=r"the \d+ spots found are not alike"):
        distil(beads(camera(scene)))


def test_a_real_cell_is_no_image_of_beads(shared_data: Path):
    with pytest.raises(InputError, match="not alike"):
        distil(read(shared_data / "lattice_lightsheet" / "im_raw.tif", axes="ZYX"))


def test_what_a_wide_field_psf_lacks_is_said():
    shape = (40, 130, 130)
    image = beads(camera(field(shape, grid(shape, 42), (6.0, 4.0, 3.5), 1e5)))
    told = distil(image.replace(meta={"modality": "WideField"})).psf.notes
    assert any("of a wide-field PSF each plane holds the same light" in note for note in told)
    for meta in ({}, {"modality": "LaserScanningConfocalMicroscopy"}):
        assert not any("wide-field" in note for note in distil(image.replace(meta=meta)).psf.notes)


def test_scale_and_type_of_the_numbers_do_not_matter_and_the_input_is_left_alone():
    values = base().astype(np.uint16)
    before = values.copy()
    as_counts = distil(beads(values))
    as_parts = distil(beads((values * np.float32(1e-5)).astype(np.float32)))
    np.testing.assert_allclose(as_parts.psf.data, as_counts.psf.data, atol=1e-6)
    np.testing.assert_array_equal(values, before)
    np.testing.assert_array_equal(distil(beads(values)).psf.data, as_counts.psf.data)


def test_a_channel_is_chosen_and_time_is_refused():
    values = base()
    two = np.stack([np.full(FIELD, 3.0), values])
    with pytest.raises(RecipeError, match=r"2 channels: each has its own PSF. Choose one by --channel, 0 to 1"):
        distil(as_image(two, "CYX"))
    assert distil(as_image(two, "CYX"), channel=1).used == len(PLACES)
    with pytest.raises(RecipeError, match=r"channel = 2 is not allowed: the bead image has the channels 0 to 1"):
        distil(as_image(two, "CYX"), channel=2)
    with pytest.raises(InputError, match=r"has 2 time points: .* --axes ZYX"):
        distil(as_image(two, "TYX"))


def test_of_very_many_beads_some_are_enough(monkeypatch):
    monkeypatch.setattr("sparsescope.optics.measured.MOST", 5)
    monkeypatch.setattr("sparsescope.optics.measured.MOST_VOXELS", 1)
    shape = (240, 300)
    found = distil(beads(camera(field(shape, grid(shape, 50), F2, 4e4))))
    assert found.used == 10
    assert set(found.rejected) == {"more than needed"}


@pytest.mark.parametrize("seed", range(3))
def test_a_photograph_is_refused_and_never_a_psf(seed):
    steps = np.random.default_rng(seed).normal(size=(200, 200))
    with pytest.raises(SparsescopeError):
        distil(beads((steps.cumsum(0).cumsum(1) * 3 + 5000).astype(np.float32)))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from([1, 2, 3, 5, 8, 17, 40]), min_size=2, max_size=3), st.integers(0, 5), st.booleans())
def test_any_image_gives_a_psf_or_a_reason(shape: list[int], kind: int, symmetric: bool):
    random = np.random.default_rng(kind)
    middle = truth(shape, [max(n / 6, 0.7) for n in shape])
    values = [
        random.normal(size=shape),
        random.poisson(0.1, shape),
        np.where(random.random(shape) > 0.98, 1e4, 1.0),
        -random.random(shape),
        random.poisson(1e5 * middle + 1).astype(np.uint16),
        middle,
    ][kind]
    try:
        psf = distil(beads(np.asarray(values)), bead_diameter_um=0.05, symmetric=symmetric).psf
    except SparsescopeError:
        return
    assert psf.data.sum(dtype=float) == pytest.approx(1, abs=1e-4)


def test_real_beads_of_a_confocal_microscope(shared_data: Path):
    found = distil(read(shared_data / "confocal_beads" / "Bead_Image1_crop.tif"))
    assert (found.used, found.rejected) == (4, {})
    assert min(found.correlations) > 0.999
    size = found.psf.spacing_um
    measured = [w * size[a] for w, a in zip(found.fwhm_px, "zyx", strict=True)]
    np.testing.assert_allclose(measured, [0.557, 0.240, 0.167], rtol=0.03)


def test_a_real_bead_of_a_lattice_light_sheet(shared_data: Path):
    image = read(shared_data / "lattice_lightsheet" / "psf.tif", axes="ZYX", pixel_size_um=0.101, z_step_um=0.1)
    found = distil(image)
    assert (found.used, found.rejected) == (1, {})
    assert found.background == pytest.approx(142, abs=1)
    np.testing.assert_allclose(found.fwhm_px, [6.69, 2.97, 2.95], rtol=0.03)
    assert any("one bead alone" in note for note in found.psf.notes)
