"""What is marked for a second look, and why: each reason on its own, planted where it is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from sparsescope.errors import InputError
from sparsescope.quality.doubt import DARK, LARGE_NOISE, LARGE_PARAMETERS, LARGE_PSF, detail, doubt

FWHM, SIGMA = 4.0, 5.0


def scene(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Blurred filament-like structure (the model) and data with noise of sigma 5."""
    rng = np.random.default_rng(seed)
    model = np.zeros((160, 160), np.float32)
    model[20:140:24] = 300
    model = ndimage.gaussian_filter(model, 0.4247 * FWHM)
    return model, (model + rng.normal(0, SIGMA, model.shape)).astype(np.float32)


def marked(data: np.ndarray, model: np.ndarray, **more: np.ndarray):
    return doubt(data, model, ((data - model) / SIGMA).astype(np.float32), FWHM, **more)


@pytest.mark.parametrize("seed", range(4))
def test_noise_alone_is_not_doubted(seed: int) -> None:
    model, data = scene(seed)
    assert marked(data, model).any.mean() < 0.002


def test_pasted_light_is_invented_and_erased_light_is_lost() -> None:
    model, data = scene()
    wrong = model.copy()
    wrong[60:66, 60:66] += 60
    wrong[84:100, 100:130] = 0  # a piece of the filament at row 92
    found = marked(data, wrong)
    assert found.invented[62, 62]
    assert found.lost[92, 105:125].all()
    assert not (found.invented & found.lost).any()
    assert not found.any[:40].any()


def test_a_misfit_that_changes_sign_within_the_psf_is_found_by_its_power() -> None:
    model, data = scene()
    y, x = np.mgrid[:160, :160]
    data = data + np.where((y > 80) & (x > 80), 12 * np.sin(2 * np.pi * x / 3), 0).astype(np.float32)
    found = marked(data, model)
    assert found.misfit[100:150, 100:150].mean() > 0.9
    assert found.misfit[:60, :60].mean() < 0.01


def test_significant_but_tiny_contradictions_are_let_be() -> None:
    model, data = scene()
    model, data = 1000 * model + 1e5, 1000 * data + 1e5
    close = model * 1.03
    z = ((data - close) / (1000 * SIGMA) * 0.1).astype(np.float32)
    assert not doubt(data, close, z, FWHM).invented.any()


@pytest.mark.parametrize(
    ("name", "limit"), [("noise", LARGE_NOISE), ("psf", LARGE_PSF), ("parameters", LARGE_PARAMETERS)]
)
def test_differences_count_beside_the_local_value(name: str, limit: float) -> None:
    model, data = scene()
    value = np.full(model.shape, 100, np.float32)
    change = np.zeros_like(value)
    change[:80] = 100 * limit * 1.05
    change[80:] = 100 * limit * 0.95
    mask = getattr(marked(data, model, value=value, **{name: change}), name)
    assert mask[:80].all()
    assert not mask[80:].any()
    assert getattr(marked(data, model), name) is None


def test_in_the_dark_differences_count_beside_a_part_of_the_bright_level() -> None:
    model, data = scene()
    value = np.zeros(model.shape, np.float32)
    value[:40] = 100
    noise = np.full(model.shape, 100 * DARK * LARGE_NOISE * 0.9, np.float32)
    assert not marked(data, model, value=value, noise=noise).noise.any()
    assert marked(data, model, value=value, noise=1.3 * noise).noise[100:].all()


def test_a_psf_that_the_data_deny_makes_small_changes_doubtful() -> None:
    model, data = scene()
    value = np.full(model.shape, 100, np.float32)
    change = np.full(model.shape, 10, np.float32)
    assert not marked(data, model, value=value, psf=change).psf.any()
    assert marked(data, model, value=value, psf=change, psf_denied=True).psf.all()


def test_differences_without_the_value_are_refused() -> None:
    model, data = scene()
    with pytest.raises(InputError, match="value"):
        marked(data, model, noise=model)


def test_detail_has_the_width_of_the_scale_it_is_judged_at() -> None:
    point = np.zeros((41, 41))
    point[20, 20] = 1
    for fwhm in (2.0, 8.0):
        found = detail(point, fwhm)
        assert found.sum() == pytest.approx(1, rel=1e-4)
        width = 2.3548 * np.sqrt((found * (np.arange(41) - 20.0) ** 2).sum())
        assert width == pytest.approx(max(2.0, 0.6 * fwhm), rel=0.05)
