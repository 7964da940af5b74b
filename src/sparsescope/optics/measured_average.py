"""Many beads to one: background off, centred below the voxel, averaged so that one bad bead does not spoil it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from .gaussian import SIGMA_PER_FWHM
from .measured_find import MARGIN, Bead

Doubles = npt.NDArray[np.float64]

ALIKE: Final = 0.01
"""Beads whose correlation with the median of all lacks no more than this, noise apart, are alike …"""
SPREAD: Final = 5.0
"""… and so are those within so many robust standard deviations of the others."""
BRIGHTEST: Final = 3.0
"""A bead weighs at most as much as one of so many times the median brightness."""
CLIP: Final = 5.0
"""Robust standard deviations from the median, voxel by voxel, at which a value is left out of the average."""
FEW: Final = 5
"""Below so many beads their spread at a voxel is not known, and nothing is clipped."""


@dataclass(frozen=True)
class Average:
    """The mean of the beads, on their own voxels.

    Attributes
    ----------
    values : ndarray of float64
        Height 1 or near it, the background at zero, the centre at the middle voxel.
    noise : float
        Standard deviation of one voxel far from the centre.
    beads : tuple of Bead
        Those that went in, and those that were left out for their shape.
    correlations : tuple of float
        Of each bead that went in with the mean, after a slight smoothing.
    background : float
        Median of the local backgrounds, in the image's unit.
    unlike : float
        What these correlations lack to 1, noise apart, in the median.
    """

    values: Doubles
    noise: float
    beads: tuple[Bead, ...]
    correlations: tuple[float, ...]
    background: float
    unlike: float

    @property
    def used(self) -> tuple[Bead, ...]:
        """The beads that went in."""
        return tuple(bead for bead in self.beads if not bead.problem)


def average(
    volume: npt.NDArray[Any], beads: Sequence[Bead], fwhm_px: Sequence[float], radius_px: Sequence[int]
) -> Average:
    """Average beads of an image.

    Parameters
    ----------
    volume : ndarray, (Y, X) or (Z, Y, X)
        Pixel values; left as they are.
    beads : sequence of Bead
        Those that can be used, at least one; the windows around them lie inside the image.
    fwhm_px : sequence of float
        Their typical widths.
    radius_px : sequence of int
        Half-widths of the windows.

    Returns
    -------
    Average
        Shape ``2 * radius + 1``.

    Notes
    -----
    The background of each bead is the clipped mean of its window's border. Each is centred on its centroid under a
    Gaussian of the typical width, then on the maximum of its correlation with the median of all, by the shift theorem
    of the Fourier transform: all shifts are added up and applied once. Beads are scaled to the median's brightness by
    least squares. Those whose correlation with the median is low for their noise are left out, and the rest is
    averaged with the weight of its brightness (its photons), limited, values far from the others' left out.
    """
    windows = [_window(volume, bead, radius_px) for bead in beads]
    grounds = [background(window) for window in windows]
    lit = [window - ground.level for window, ground in zip(windows, grounds, strict=True)]
    spectra = [fft.fftn(window) for window in lit]
    shifts = [centroid_px(window, fwhm_px) for window in lit]
    whole = lit[0].shape
    core = _ellipsoid(whole, fwhm_px, 1.0)
    good = list(range(len(beads)))
    judged = list(beads)
    for _ in range(3):
        centred = {i: _shifted(spectra[i], shifts[i]) for i in good}
        scales = _scales(centred, core)
        typical = np.median([centred[i] / scales[i] for i in good], axis=0)
        typical_shift = centroid_px(typical, fwhm_px)
        typical = _shifted(fft.fftn(typical), typical_shift)
        for i in good:
            shifts[i] = shifts[i] + _offset(fft.fftn(centred[i]), fft.fftn(typical * _ellipsoid(whole, fwhm_px, 2.0)))
        lacking = _lack(centred, typical, {i: grounds[i].noise for i in good}, fwhm_px)
        worst = _worst(lacking)
        for i in worst:
            judged[i] = judged[i].rejected("unlike the others")
        good = [i for i in good if i not in worst]
    mean = _mean({i: _shifted(spectra[i], shifts[i]) for i in good}, core)
    mean = _shifted(fft.fftn(mean), centroid_px(mean, fwhm_px))
    values = mean[tuple(slice(MARGIN, -MARGIN) for _ in radius_px)]
    noise = background(values).noise
    centred = {i: _shifted(spectra[i], shifts[i]) for i in good}
    final = [_correlation(one, mean, fwhm_px) for one in centred.values()]
    lacking = _lack(centred, mean, {i: grounds[i].noise for i in good}, fwhm_px)
    return Average(
        values / values.max(),
        noise / float(values.max()),
        tuple(judged),
        tuple(final),
        float(np.median([ground.level.mean() for ground in grounds])),
        float(np.median(list(lacking.values()))),
    )


def centroid_px(values: Doubles, fwhm_px: Sequence[float]) -> Doubles:
    """Return the offset of a spot's centroid from the middle, in voxels, under a Gaussian that moves along with it.

    The Gaussian has the spot's own width, which makes the centroid as precise as a fit and deaf to far tails.

    Examples
    --------
    >>> from sparsescope.optics.gaussian import gaussian_psf
    >>> spot = np.pad(gaussian_psf(4.0).astype(float), ((6, 4), (5, 5)))
    >>> centroid_px(spot, (4.0, 4.0)).round(2).tolist()
    [1.0, 0.0]
    """
    axes = [np.arange(n) - (n - 1) / 2 for n in values.shape]
    peak = np.unravel_index(int(np.argmax(ndimage.gaussian_filter(values, [0.2 * w for w in fwhm_px]))), values.shape)
    centre = np.array([axis[i] for axis, i in zip(axes, peak, strict=True)])
    for _ in range(50):
        weighted = values
        for axis, (line, width) in enumerate(zip(axes, fwhm_px, strict=True)):
            sigma = SIGMA_PER_FWHM * max(width, 2.0)
            weight = np.exp(-np.square(line - centre[axis]) / (2 * sigma**2))
            weighted = weighted * np.expand_dims(weight, [a for a in range(values.ndim) if a != axis])
        total = float(weighted.sum())
        if total <= 0:
            return centre
        mean = [
            float((weighted.sum(tuple(a for a in range(values.ndim) if a != axis)) * line).sum()) / total
            for axis, line in enumerate(axes)
        ]
        step = 2 * (np.array(mean) - centre)  # under a weight as wide as the spot, half of an offset is seen
        limit = np.array([(n - 1) / 2 for n in values.shape])
        centre = np.clip(centre + step, -limit, limit)
        if np.abs(step).max() < 1e-4:
            break
    return centre


def _window(volume: npt.NDArray[Any], bead: Bead, radius_px: Sequence[int]) -> Doubles:
    corner = [round(p) - r - MARGIN for p, r in zip(bead.position_px, radius_px, strict=True)]
    part = tuple(slice(c, c + 2 * (r + MARGIN) + 1) for c, r in zip(corner, radius_px, strict=True))
    return np.asarray(volume[part], np.float64)


@dataclass(frozen=True)
class Ground:
    """What lies under a bead.

    Attributes
    ----------
    level : ndarray of float64, (Y, X)
        A plane through the sides of the window.
    noise : float
        Standard deviation of one voxel there.
    """

    level: Doubles
    noise: float


def background(window: Doubles) -> Ground:
    """Fit a slanted plane to the sides of a window (not its first and last planes), far values left out.

    Examples
    --------
    >>> slanted = np.tile(np.arange(9.0), (9, 1)) + 100
    >>> bool(np.allclose(background(slanted).level, slanted))
    True
    """
    rows, columns = window.shape[-2:]
    sides = np.ones((rows, columns), bool)
    thick = max(1, rows // 12), max(1, columns // 12)
    sides[thick[0] : -thick[0], thick[1] : -thick[1]] = False
    y, x = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    terms = np.stack([np.ones_like(y), y, x], axis=-1)
    values = window.reshape(-1, rows, columns)[:, sides]
    design = np.broadcast_to(terms[sides], (len(values), *terms[sides].shape)).reshape(-1, 3)
    values = values.ravel()
    kept = np.ones(len(values), bool)
    for _ in range(8):
        some = design[kept]
        slant = np.linalg.solve(some.T @ some, some.T @ values[kept])
        rest = values - design @ slant
        spread = float(rest[kept].std())
        inside = np.abs(rest) <= 3.5 * spread
        if spread == 0 or inside.sum() == kept.sum():
            break
        kept = inside
    return Ground(np.asarray(terms @ slant), spread)


def _ellipsoid(shape: Sequence[int], fwhm_px: Sequence[float], radius: float) -> npt.NDArray[np.bool_]:
    """Voxels within so many FWHM of the middle."""
    grids = np.ogrid[tuple(slice(-((n - 1) / 2), n / 2) for n in shape)]
    return np.asarray(sum((g / (radius * w)) ** 2 for g, w in zip(grids, fwhm_px, strict=True)) <= 1)


def _phases(shape: Sequence[int]) -> list[Doubles]:
    """Angular frequency along each axis, ready to broadcast; that of Nyquist is 0, so that results stay real."""
    found = []
    for axis, n in enumerate(shape):
        frequency = fft.fftfreq(n)
        if n % 2 == 0:
            frequency[n // 2] = 0
        found.append(np.expand_dims(2 * np.pi * frequency, [a for a in range(len(shape)) if a != axis]))
    return found


def _shifted(spectrum: npt.NDArray[np.complex128], offset: Doubles) -> Doubles:
    """Move what lies at `offset` to the middle."""
    phase = sum(w * d for w, d in zip(_phases(spectrum.shape), offset, strict=True))
    return np.asarray(fft.ifftn(spectrum * np.exp(1j * np.asarray(phase))).real)


def _offset(spectrum: npt.NDArray[np.complex128], template: npt.NDArray[np.complex128]) -> Doubles:
    """Offset of a bead from a template, where their correlation is largest, by Newton's method; at most one voxel."""
    cross = spectrum * np.conj(template)
    phases = _phases(spectrum.shape)
    offset = np.zeros(len(phases))
    for _ in range(10):
        turned = cross * np.exp(1j * np.asarray(sum(w * d for w, d in zip(phases, offset, strict=True))))
        slope = np.array([-(turned.imag * w).sum() for w in phases])
        bend = np.array([[-(turned.real * a * b).sum() for a in phases] for b in phases])
        if np.linalg.eigvalsh(bend).max() >= 0:
            return np.zeros(len(phases))
        step = np.linalg.solve(bend, slope)
        offset = offset - step
        if np.abs(offset).max() > 1:
            return np.zeros(len(phases))
        if np.abs(step).max() < 1e-5:
            break
    return np.asarray(offset)


def _scales(centred: dict[int, Doubles], core: npt.NDArray[np.bool_]) -> dict[int, float]:
    """Brightness of each bead: its light near the centre; then by least squares on the median of all."""
    first = {i: max(float(values[core].sum()), 1e-30) for i, values in centred.items()}
    typical = np.median([values[core] / first[i] for i, values in centred.items()], axis=0)
    power = float(typical @ typical)
    return {i: max(float(values[core] @ typical) / power, 1e-3 * first[i]) for i, values in centred.items()}


def _smoothed(values: Doubles, fwhm_px: Sequence[float]) -> Doubles:
    return np.asarray(ndimage.gaussian_filter(values, [0.2 * width for width in fwhm_px], mode="nearest"))


def _correlation(values: Doubles, typical: Doubles, fwhm_px: Sequence[float]) -> float:
    near = _ellipsoid(values.shape, fwhm_px, 2.0)
    one, other = _smoothed(values, fwhm_px)[near], _smoothed(typical, fwhm_px)[near]
    return float(one @ other / np.sqrt((one @ one) * (other @ other)))


def _lack(
    centred: dict[int, Doubles], typical: Doubles, noises: dict[int, float], fwhm_px: Sequence[float]
) -> dict[int, float]:
    """Return what each bead's correlation with the median lacks to 1, less what its background's noise explains."""
    near = _ellipsoid(typical.shape, fwhm_px, 2.0)
    impulse = np.zeros(typical.shape)
    impulse[tuple(n // 2 for n in typical.shape)] = 1
    passed = float(np.square(_smoothed(impulse, fwhm_px)).sum())
    found = {}
    for i, values in centred.items():
        energy = float(np.square(_smoothed(values, fwhm_px)[near]).sum())
        noise = noises[i] ** 2 * passed * float(near.sum())
        expected = 1 - np.sqrt(max(1 - noise / energy, 0.0)) if energy > 0 else 1.0
        found[i] = 1 - _correlation(values, typical, fwhm_px) - expected
    return found


def _worst(lacking: dict[int, float]) -> set[int]:
    """Beads to leave out; of two, nobody knows which is the bad one."""
    if len(lacking) < 3:
        return set()
    values = np.array(list(lacking.values()))
    usual = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - usual)))
    limit = max(ALIKE, usual + SPREAD * spread)
    return {i for i, value in lacking.items() if value > limit}


def _mean(centred: dict[int, Doubles], core: npt.NDArray[np.bool_]) -> Doubles:
    """Mean of beads of different brightness: weighted by it as photons are, values far from the median left out."""
    scales = _scales(centred, core)
    stack = np.array([values / scales[i] for i, values in centred.items()])
    bright = np.array(list(scales.values()))
    weight = np.minimum(bright, BRIGHTEST * np.median(bright)).reshape(-1, *([1] * (stack.ndim - 1)))
    kept = np.broadcast_to(weight, stack.shape)
    if len(stack) >= FEW:
        far = np.abs(stack - np.median(stack, axis=0))
        spread = ndimage.gaussian_filter(1.4826 * np.median(far, axis=0), 1.0)
        kept = np.where(far <= CLIP * spread, kept, 0)
    total = kept.sum(axis=0)
    return np.asarray((stack * kept).sum(axis=0) / np.where(total > 0, total, 1))
