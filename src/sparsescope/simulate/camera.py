"""What a camera makes of light: counting, multiplication, reading, unequal pixels, rounding, saturation."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from ..errors import RecipeError

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Camera:
    """A camera; counts = offset + electrons / gain, electrons as they come from the photodiode.

    Parameters
    ----------
    gain_e_per_count : float
        Electrons per count; > 0.
    offset_counts : float
        Counts of no light.
    read_noise_e : float
        Standard deviation of reading, in electrons at the readout; with multiplication it counts 1 / `em_gain` of it.
    em_gain : float
        Mean multiplication of an EMCCD before reading; 1 for none. It doubles the variance of the light (excess noise
        factor 2: Robbins & Hadwen, IEEE Trans. Electron Devices 50, 1227, 2003).
    offset_spread_counts, gain_spread, read_noise_spread : float
        Standard deviations between pixels of an sCMOS camera: of the offset in counts, of the gain as a fraction, and
        of the logarithm of the read noise (Huang et al., Nature Methods 10, 653, 2013).
    full_well_e : float
        Electrons that a pixel holds.
    bits : int
        Bits of a count, 8 to 16; counts are rounded and cut to them. 0 leaves them real, neither rounded nor cut.

    Raises
    ------
    RecipeError
        If a number is out of its range.

    Examples
    --------
    >>> Camera(read_noise_e=0, offset_counts=0).expose(np.full((2, 2), 50.0), np.random.default_rng(0)).dtype
    dtype('uint16')
    """

    gain_e_per_count: float = 1.0
    offset_counts: float = 100.0
    read_noise_e: float = 1.5
    em_gain: float = 1.0
    offset_spread_counts: float = 0.0
    gain_spread: float = 0.0
    read_noise_spread: float = 0.0
    full_well_e: float = 1e6
    bits: int = 16

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value >= 0):
                raise RecipeError(f"{field.name} = {value!r} is not allowed: give a number of 0 or more")
        if not (self.gain_e_per_count > 0 and self.em_gain >= 1 and self.full_well_e > 0 and self.gain_spread <= 0.3):
            raise RecipeError(
                f"gain {self.gain_e_per_count:g} e/count, EM gain {self.em_gain:g}, full well {self.full_well_e:g} e, "
                f"gain spread {self.gain_spread:g}: gain and full well must be above 0, the EM gain at least 1, the "
                "gain spread at most 0.3"
            )
        if self.bits != 0 and not 8 <= self.bits <= 16:
            raise RecipeError(f"bits = {self.bits} is not allowed: 8 to 16, or 0 for real numbers")

    def stated(self) -> dict[str, float]:
        """Return gain, offset and read noise as a file states them: of the whole camera, spreads left out.

        Multiplication doubles the variance of the light, so that an EMCCD counts like a camera of half its gain.

        Examples
        --------
        >>> Camera(gain_e_per_count=4.0, read_noise_e=40.0, em_gain=100.0).stated()
        {'gain_e_per_count': 2.0, 'offset_counts': 100.0, 'read_noise_e': 0.2}
        """
        excess = 2.0 if self.em_gain > 1 else 1.0
        return {
            "gain_e_per_count": self.gain_e_per_count / excess,
            "offset_counts": self.offset_counts,
            "read_noise_e": self.read_noise_e / self.em_gain / excess,
        }

    def maps(self, shape: tuple[int, int], rng: np.random.Generator) -> Maps:
        """Return offset, gain and read noise of each pixel; the spreads are 0 for all but sCMOS cameras."""
        normal = rng.standard_normal((3, *shape))
        return Maps(
            self.offset_counts + self.offset_spread_counts * normal[0],
            self.gain_e_per_count * np.clip(1 + self.gain_spread * normal[1], 0.1, None),
            self.read_noise_e * np.exp(self.read_noise_spread * normal[2]),
        )

    def expose(
        self, photons: npt.ArrayLike, rng: np.random.Generator, maps: Maps | None = None
    ) -> npt.NDArray[np.uint16] | npt.NDArray[np.float32]:
        """Return a frame in counts.

        Parameters
        ----------
        photons : array_like, shape (Y, X)
            Expected photons detected in each pixel, background included; not negative.
        rng : numpy.random.Generator
            Noise.
        maps : Maps, optional
            What :meth:`maps` returned, the same for every frame of a camera; drawn from `rng` when left out.

        Returns
        -------
        array, shape (Y, X)
            uint16, or float32 where `bits` is 0.
        """
        expected = np.asarray(photons, np.float64)
        maps = self.maps((expected.shape[0], expected.shape[1]), rng) if maps is None else maps
        electrons = np.minimum(rng.poisson(expected), self.full_well_e)
        if self.em_gain > 1:
            electrons = rng.standard_gamma(electrons)  # sum of n exponential gains, in units of the mean gain
        read = rng.standard_normal(expected.shape) * maps.read_noise_e / self.em_gain
        counts = maps.offset_counts + (electrons + read) / maps.gain_e_per_count
        if self.bits == 0:
            return counts.astype(np.float32)
        return np.clip(np.rint(counts), 0, 2**self.bits - 1).astype(np.uint16)

    def variance_counts(self, photons: npt.ArrayLike) -> Doubles:
        """Return the variance of a count for so many expected photons, rounding included, far from saturation.

        Examples
        --------
        >>> float(Camera(gain_e_per_count=2.0, read_noise_e=0, bits=0).variance_counts(100.0))
        25.0
        """
        excess = 2.0 if self.em_gain > 1 else 1.0
        electrons = excess * np.asarray(photons, np.float64) + (self.read_noise_e / self.em_gain) ** 2
        variance: Doubles = electrons / self.gain_e_per_count**2 + (1 / 12 if self.bits else 0.0)
        return variance


@dataclass(frozen=True)
class Maps:
    """Offset (counts), gain (electrons per count) and read noise (electrons) of each pixel of a camera."""

    offset_counts: Doubles
    gain_e_per_count: Doubles
    read_noise_e: Doubles


CAMERAS = {
    "ideal": Camera(offset_counts=0.0, read_noise_e=0.0, bits=0),
    "ccd": Camera(gain_e_per_count=0.5, offset_counts=100.0, read_noise_e=6.0),
    "scmos": Camera(
        gain_e_per_count=0.46, offset_counts=100.0, read_noise_e=1.5, offset_spread_counts=1.5, gain_spread=0.01,
        read_noise_spread=0.25, full_well_e=30_000,
    ),
    "emccd": Camera(gain_e_per_count=0.1, offset_counts=200.0, read_noise_e=50.0, em_gain=300.0, full_well_e=180_000),
}  # fmt: skip
"""Cameras by name, with numbers as their makers' data sheets give them; ``ideal`` counts photons and nothing else."""
