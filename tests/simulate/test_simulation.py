"""A whole simulation: light is kept, the PSF is as wide as stated, the same seed gives the same frame."""

from __future__ import annotations

import numpy as np
import pytest

from sparsescope.errors import RecipeError
from sparsescope.optics.make import make_psf
from sparsescope.optics.microscope import Microscope
from sparsescope.optics.psf import Psf
from sparsescope.simulate.camera import CAMERAS
from sparsescope.simulate.canvas import Canvas, Grid
from sparsescope.simulate.optics import blurred, transfer, transfer_of
from sparsescope.simulate.phantoms import KINDS
from sparsescope.simulate.simulation import Simulation, simulate

SMALL = Simulation("filaments", shape_px=(64, 48), seed=5)


@pytest.mark.parametrize("model", ["gauss", "airy"])
def test_the_psf_is_as_wide_as_stated(model: str) -> None:
    grid = Grid((64, 64), 0.05, fine=8, margin_px=16)
    canvas = Canvas(grid)
    canvas.points(1.6 + grid.fine_um / 2, 1.6 + grid.fine_um / 2, 1.0)
    seen = blurred(canvas.samples, transfer(grid, 0.3, model))  # type: ignore[arg-type]
    row = seen[np.unravel_index(seen.argmax(), seen.shape)[0]]
    above = np.flatnonzero(row > row.max() / 2)
    left, right = above[0], above[-1]
    half = row.max() / 2
    width = (
        (right - left)
        + (row[left] - half) / (row[left] - row[left - 1])
        + (row[right] - half) / (row[right] - row[right + 1])
    )
    assert width * grid.fine_um == pytest.approx(0.3, rel=0.005)
    assert seen.sum() == pytest.approx(1)


def test_the_airy_pattern_has_no_frequency_beyond_its_cutoff() -> None:
    grid = Grid((64, 64), 0.05)
    response = transfer(grid, 0.3, "airy")
    f = np.fft.rfftfreq(grid.fine_shape[1], grid.fine_um)
    assert response[0][f < 1.02 / 0.3].min() > 0
    assert response[0][f > 1.03 / 0.3].max() == 0


def test_a_given_psf_does_the_same_as_its_model() -> None:
    grid = SMALL.grid
    canvas = Canvas(grid)
    middle = [(n * grid.fine // 2) * grid.fine_um + grid.fine_um / 2 for n in SMALL.shape_px]
    canvas.points(*middle, 1.0)
    seen = blurred(canvas.samples, transfer(grid, 0.2))
    row, column = np.unravel_index(seen.argmax(), seen.shape)
    psf = Psf(seen[row - 60 : row + 61, column - 60 : column + 61].astype(np.float32), {"x": grid.fine_um})
    np.testing.assert_allclose(transfer_of(psf, grid), transfer(grid, 0.2), atol=1e-4)
    np.testing.assert_allclose(simulate(SMALL, psf).signal, simulate(SMALL).signal, atol=0.05)


def test_the_optics_of_a_microscope_give_its_width_and_its_name() -> None:
    setup = Simulation("puncta", shape_px=(33, 33), pixel_size_um=0.065, fwhm_um=0.19, count=40, seed=1)
    scope = Microscope("widefield", 1.4, emission_nm=525, refractive_index=1.518)
    made = simulate(setup, make_psf(scope, {"x": setup.grid.fine_um, "y": setup.grid.fine_um}, shape=(129, 129)))
    assert "wide field" in made.psf.source
    row = made.psf.data[made.psf.data.shape[0] // 2]
    wide = np.interp(np.linspace(0, len(row) - 1, 2001), np.arange(len(row)), row)
    above = np.count_nonzero(wide > wide.max() / 2) * (len(row) - 1) / 2000 * 0.065
    assert above == pytest.approx(0.51 * 0.525 / 1.4, rel=0.15)
    assert float(made.signal.max()) == pytest.approx(300)


@pytest.mark.parametrize("psf", [Psf(np.ones((3, 3)), {"x": 0.065}), Psf(np.ones((3, 3, 3))), Psf(np.ones((3, 4001)))])
def test_a_psf_of_another_sampling_a_volume_or_a_huge_one_is_refused(psf: Psf) -> None:
    with pytest.raises(RecipeError, match=r"resample|plane"):
        simulate(SMALL, psf)


def test_the_flux_is_the_photons() -> None:
    made = simulate(Simulation("rings", shape_px=(128, 128), photons=321, count=1, margin_px=0, seed=11))
    assert float(made.signal.max()) == pytest.approx(321)
    made = simulate(Simulation("puncta", shape_px=(96, 96), photons=50, background=0.2, camera=CAMERAS["ideal"]))
    assert float(made.signal.sum()) == pytest.approx(float(made.truth.sum()), rel=0.05), (
        "light enters and leaves at the borders"
    )
    np.testing.assert_allclose(made.background, 10, rtol=1e-6)
    total = float(made.signal.sum() + made.background.sum())
    assert float(made.image.sum()) == pytest.approx(total, abs=5 * np.sqrt(total))


def test_noise_has_the_variance_of_the_model() -> None:
    setup = Simulation("blobs", shape_px=(128, 128), photons=400, gaussian=0.05, frames=12, seed=1)
    made = simulate(setup)
    residual = (made.image - setup.camera.offset_counts) - made.signal - made.background
    expected = setup.camera.variance_counts(made.signal + made.background) + 20.0**2 + 1 / 12
    assert np.mean(residual**2 / expected) == pytest.approx(1, rel=0.02)


def test_light_fades_as_stated_and_an_even_background_does_not() -> None:
    made = simulate(Simulation("mesh", shape_px=(32, 32), frames=3, interval_s=1.0, bleach_s=2.0, haze=0.5))
    sums = made.signal.sum((1, 2))
    assert sums[1:] / sums[:-1] == pytest.approx(np.exp(-0.5), rel=1e-4)
    assert made.background[2].min() == pytest.approx(0.02 * 300, rel=1e-3), "haze is 0 somewhere"


def test_haze_reaches_its_maximum_and_is_smooth() -> None:
    made = simulate(Simulation("empty", shape_px=(128, 128), haze=0.4, background=0.0, photons=100))
    assert made.background.max() == pytest.approx(40, rel=1e-3)
    assert np.abs(np.diff(made.background, axis=0)).max() < 4


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_frame_and_another_one_another(kind: str) -> None:
    setup = Simulation(kind, shape_px=(40, 40), frames=2, fine=2)
    first, again, other = simulate(setup), simulate(setup), simulate(setup.replace(seed=1))
    assert np.array_equal(first.image, again.image)
    assert first.objects == again.objects
    assert not np.array_equal(first.image, other.image)


@pytest.mark.parametrize("camera", CAMERAS)
def test_a_simulation_survives_its_recipe(camera: str) -> None:
    setup = SMALL.replace(camera=CAMERAS[camera], size_um=0.1, psf="airy")
    assert Simulation.from_toml(setup.to_toml()) == setup


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "cats"}, {"photons": -1}, {"photons": float("nan")}, {"frames": 0}, {"shape_px": (2, 2)},
        {"shape_px": (100_000, 100_000)}, {"fwhm_um": 0}, {"size_um": 0.0}, {"count": 0}, {"pixel_size_um": -0.1},
        {"photons": 1e30}, {"seed": -1}, {"psf": "cone"},
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_simulated_is_refused_in_words(wrong: dict[str, object]) -> None:
    with pytest.raises(RecipeError, match=r"allowed|must be|too|there are"):
        simulate(SMALL.replace(**wrong))


@pytest.mark.parametrize("text", ["kind = ", 'kind = "mesh"\ncats = 3', "photons = 3", 'kind = "mesh"\nshape_px = 3'])
def test_a_broken_recipe_is_refused_in_words(text: str) -> None:
    with pytest.raises(RecipeError, match=r"TOML|unknown"):
        Simulation.from_toml(text)
