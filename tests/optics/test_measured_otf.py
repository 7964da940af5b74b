"""The transfer function of a PSF: known curves and ends."""

from __future__ import annotations

import numpy as np
import pytest

from optics.bead_scenes import truth
from sparsescope.optics.make import make_psf
from sparsescope.optics.measured_otf import otf_end, otf_line, otf_plane
from sparsescope.optics.microscope import Microscope
from sparsescope.optics.psf import Psf


def test_that_of_a_gaussian_is_a_gaussian_times_the_pixels():
    step, width = 0.05, 0.25
    psf = Psf(truth((61, 41), (width / step, 6.0)).astype(np.float32), {"y": step, "x": 0.1})
    frequency, modulus = otf_line(psf, "y")
    known = np.exp(-((np.pi * frequency * width) ** 2) / (4 * np.log(2))) * np.sinc(frequency * step)
    np.testing.assert_allclose(modulus, known, atol=1e-4)
    assert frequency[-1] == pytest.approx(0.5 / step)


def test_that_of_an_objective_ends_at_twice_its_na_over_the_wavelength():
    scope = Microscope("widefield", 0.8, emission_nm=520, refractive_index=1.0, model="scalar")
    psf = make_psf(scope, {"y": 0.08, "x": 0.08}, shape=(401, 401))
    end = otf_end(psf, "x", 0.003)
    assert end is not None
    assert end == pytest.approx(2 * 0.8 / 0.52, rel=0.05)


def test_a_point_has_no_end_and_sizes_are_not_needed():
    psf = Psf(np.pad([[1.0]], 3).astype(np.float32))
    assert otf_end(psf, "x") is None
    assert otf_line(psf, "x")[0][-1] == 0.5


def test_the_plane_holds_the_lines():
    volume = truth((15, 21, 25), (4.0, 5.0, 6.0))
    psf = Psf(volume.astype(np.float32), {"z": 0.2, "y": 0.1, "x": 0.1})
    plane = otf_plane(psf, "zx")
    middle = tuple(n // 2 for n in plane.shape)
    assert plane[middle] == pytest.approx(1)
    frequency, modulus = otf_line(psf, "z")
    own = np.fft.fftshift(np.fft.fftfreq(plane.shape[0], 0.2))[middle[0] :]
    np.testing.assert_allclose(plane[middle[0] :, middle[1]], np.interp(own, frequency, modulus), atol=5e-3)
    np.testing.assert_allclose(otf_plane(psf, "xz"), plane.T, atol=1e-12)
