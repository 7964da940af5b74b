"""Try settings on frames made from a first result, whose truth is therefore known."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from threading import Lock

import numpy as np
import numpy.typing as npt
from scipy import fft

from ..engines import Engine
from ..optics.airy import CUT_OFF, transfer
from ..preprocess.noise_band import coloured
from .choice import Point
from .search import Key
from .trial import Bench, Setting

Floats = npt.NDArray[np.float32]

FWHM = 2.35482
"""Of a Gaussian of standard deviation 1."""
SEEN = 0.5
"""Detail at which results are compared with the truth, in PSF widths; finer most uses do not ask."""
NEAR = 0.1
"""Part of the least error by which a setting's may exceed it for the two to count as equal."""
TAPER = 2.0
"""Borders that fade out before the comparison, in PSF widths."""


class Target:
    """A truth to compare with at a detail of `SEEN`, whatever the scale and the level of a result.

    Parameters
    ----------
    truth : array, shape (Y, X)
        Any unit.
    fwhm_yx_px : tuple of float
        Width of the PSF.

    Examples
    --------
    >>> truth = np.random.default_rng(0).random((48, 48), np.float32)
    >>> target = Target(truth, (3.0, 3.0))
    >>> target.error(7 * truth + 3) < 1e-5, target.error(truth[::-1]) > 0.5
    (True, True)
    """

    def __init__(self, truth: Floats, fwhm_yx_px: tuple[float, float]) -> None:
        sides = [_fading(n, TAPER * width) for n, width in zip(truth.shape, fwhm_yx_px, strict=True)]
        self.window = np.asarray(sides[0][:, None] * sides[1], np.float32)
        rows, columns = np.fft.fftfreq(truth.shape[0])[:, None], np.fft.rfftfreq(truth.shape[1])
        square = (rows * fwhm_yx_px[0]) ** 2 + (columns * fwhm_yx_px[1]) ** 2
        decay = -2 * (np.pi / FWHM) ** 2 * square  # exponent of a Gaussian of one PSF width
        twice = np.where((columns > 0) & (columns < 0.5), 2.0, 1.0)  # a real image's spectrum is given by half
        self.seen = np.asarray(np.exp(decay * SEEN**2), np.float32)
        self.twice = np.asarray(np.broadcast_to(twice, square.shape), np.float32)
        self.wave = self._wave(truth)
        self.power = self._product(self.wave, self.wave)

    def _wave(self, image: Floats) -> npt.NDArray[np.complex64]:
        wave = fft.rfft2((image - image.mean()) * self.window)
        return np.asarray(wave * self.seen, np.complex64)

    def _product(self, first: npt.NDArray[np.complex64], second: npt.NDArray[np.complex64]) -> float:
        return float(np.einsum("ij,ij,ij->", self.twice, first, second.conj()).real)

    def error(self, result: Floats) -> float:
        """Part of the truth's variance that the result does not explain."""
        wave = self._wave(result)
        along, own = self._product(wave, self.wave), self._product(wave, wave)
        explained = max(along, 0.0) ** 2 / max(own, 1e-30)
        return 1 - explained / max(self.power, 1e-30)


def _fading(length: int, reach: float) -> npt.NDArray[np.float64]:
    """Return ones that fall to zero over `reach` samples at both ends, as a cosine."""
    away = np.minimum(np.arange(length), np.arange(length)[::-1]) + 0.5
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * np.minimum(away / max(reach, 1.0), 1)))


def through_a_pupil(plane: Floats, fwhm_yx_px: tuple[float, float]) -> Floats:
    """Blur a plane by the Airy pattern of that width, mirrored at the borders.

    Examples
    --------
    >>> point = np.zeros((33, 33), np.float32)
    >>> point[16, 16] = 1
    >>> image = through_a_pupil(point, (4.0, 4.0))
    >>> bool(abs(image.sum() - 1) < 1e-5), round(float(image[18, 16] / image[16, 16]), 2)
    (True, 0.5)
    """
    rows, columns = (np.arange(n) / (2 * n) * w / CUT_OFF for n, w in zip(plane.shape, fwhm_yx_px, strict=True))
    passed = transfer(np.hypot(rows[:, None], columns))
    return np.asarray(fft.idctn(fft.dctn(plane, type=2) * passed, type=2), np.float32)


@dataclass
class Rehearsal:
    """The method on made-up frames like the one that was taken.

    What a first setting makes of the plane is taken for the truth, blurred, given the plane's background and noise of
    the measured variance and spectrum. Where the PSF is only taken for a Gaussian there are two such frames, blurred by
    it and by the Airy pattern of the same width: a microscope's own PSF lies between them, and settings that are best
    for the one alone fail on the other where light is plenty. Then every setting can be compared with a truth,
    which held-out pixels of the plane cannot do: they tell nothing of what the PSF does not pass, and count what the
    first stage smears against it although the second one brings it back. It is the parametric bootstrap (Efron &
    Tibshirani 1993, chapter 6), used to choose.

    Attributes
    ----------
    bench : Bench
        One plane.
    engine : Engine
        What computes.
    nets : tuple of array, shape (1, Y, X), float32
        The made-up frames less their background, in the solvers' unit.
    target : Target
        Their truth.
    most : int
        Iterations that made it.
    found : dict
        Error of each setting: mean over the frames.
    below : float
        Settings whose sparsity is this part of their fidelity, or more, are ruled out.
    """

    bench: Bench
    engine: Engine
    nets: tuple[Floats, ...]
    target: Target
    most: int
    found: dict[Key, float] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)
    below: float = math.inf

    @classmethod
    def of(
        cls,
        bench: Bench,
        first: Setting,
        variance: tuple[float, float, float],
        fwhm_yx_px: tuple[float, float],
        engine: Engine,
        seed: int,
        unbiased: bool = True,
        spectrum: Floats | None = None,
    ) -> Rehearsal:
        """Make the frames.

        Parameters
        ----------
        bench : Bench
            One plane.
        first : Setting
            What makes the truth, with one iteration count.
        variance : tuple of float
            Slope and intercept of the noise's variance in the level (counts, counts²), and its least value.
        fwhm_yx_px : tuple of float
            Width of the PSF.
        engine : Engine
            What computes.
        seed : int
            Of the noise.
        unbiased : bool
            Whether the settings that are compared give back what sparsity takes away.
        spectrum : array, shape (Y, X), or None
            Power spectrum of the noise, of mean 1; None for white noise.
        """
        net = (bench.data - bench.behind) / np.float32(bench.scale)
        result, image = next(iter(bench.predicted(first, net, engine)))
        slope, intercept, least = variance
        noise, nets = np.random.default_rng(seed + 400), []
        for blurred in (image, through_a_pupil(result, fwhm_yx_px)) if bench.psf is None else (image,):
            square = float(np.square(blurred).sum(dtype=np.float64))
            light = blurred * (max(float((blurred * net[0]).sum(dtype=np.float64)), 0.0) / max(square, 1e-30))
            spread = np.sqrt(np.maximum(slope * (light * bench.scale + bench.behind[0]) + intercept, least))
            drawn = noise.standard_normal(light.shape, np.float32)
            drawn = drawn if spectrum is None else coloured(drawn, spectrum)
            nets.append(np.asarray(light + drawn * spread / bench.scale, np.float32)[None])
        target = Target(result, fwhm_yx_px)
        return cls(replace(bench, unbiased=unbiased), engine, tuple(nets), target, first.iterations[0])

    def run(self, settings: list[Setting]) -> None:
        """Try settings, several at once."""
        self.engine.each(self._one, list(dict.fromkeys(settings)))

    def _one(self, engine: Engine, setting: Setting) -> None:
        errors = np.zeros(len(setting.iterations))
        for net in self.nets:
            results = self.bench.predicted(setting, net, engine)
            errors += [self.target.error(result) / len(self.nets) for result, _ in results]
        with self.lock:
            for count, error in zip(setting.iterations, errors, strict=True):
                self.found[setting.fidelity, setting.sparsity, setting.continuity, count] = float(error)

    def best(self) -> Key:
        """Return the setting of most iterations among those that are as near the truth as any, to `NEAR` of the error.

        The made-up truth is smoother than the sample, so the least error itself asks for too few; but for no more
        than made the truth.
        """
        equals = self.equals(NEAR)
        least = min(equals, key=lambda key: (self.found[key], key))
        few = [key for key in equals if key[3] <= max(self.most, least[3])]
        return min(few, key=lambda key: (-key[3], self.found[key], key))

    def equals(self, part: float) -> list[Key]:
        """Return the settings whose error exceeds the least by at most that part of it."""
        allowed = {key: error for key, error in self.found.items() if key[1] < self.below * key[0] * (1 - 1e-6)}
        limit = (1 + part) * min(allowed.values())
        return [key for key, error in allowed.items() if error <= limit]

    def points(self, background: str) -> list[Point]:
        """Every trial, for the record."""
        return [Point(background, *key, error) for key, error in sorted(self.found.items())]
