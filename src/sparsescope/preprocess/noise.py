"""The noise of an image or movie: camera gain, offset and read noise where they can be told, and a variance always."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage, special

from ..errors import RecipeError
from .noise_correlation import correlation_radius_px, frames_radius_px
from .noise_judge import doubts, why_no_scale
from .noise_line import Line
from .noise_samples import as_stack, frame_pairs, quantisation_step, saturation_level, thinned
from .noise_transfer import Known, distant_line, variance_line

__all__ = ["Noise", "correlation_radius_px", "estimate_noise", "noise_variance"]

Floats = npt.NDArray[np.floating]

READ_NOISE_E = 1.0
"""Read noise that is assumed where nothing tells it: between sCMOS (about 1.5) and EMCCD (0.3, after its gain)."""


@dataclass(frozen=True)
class Noise:
    """Noise of an image: ``variance = variance_slope × (level) + variance_intercept`` in counts².

    Attributes
    ----------
    gain_counts_per_electron : float or None
        Variance over mean: the camera's gain with, for an EMCCD, the excess noise of its multiplication (factor 2) in
        it, so that (counts − offset) / gain has Poisson statistics. None where there is no photon scale.
    offset_counts : float
        Level of no light, held low where it is unsure.
    read_noise_e : float or None
        Read noise in electrons (same scale as the gain); None where there is no photon scale.
    correlation_radius_px : int
        How far the noise is correlated between pixels: 0 for a camera's own frames.
    has_photon_scale : bool
        Whether counts can be turned into photons.
    saturated_fraction : float
        Fraction of pixels at the brightest value that detector or file can hold.
    variance_slope, variance_intercept : float
        Line of the variance in the level, in counts and counts²; also where there is no photon scale.
    variance_floor : float
        Least variance that is ever returned, in counts².
    gain_relative_error, offset_error_counts : float
        Standard errors of what was estimated; 0 for what was given.
    sources : mapping
        For gain, offset, read_noise and correlation: "given", "estimated", "assumed" or "none".
    notes : tuple of str
        What the user should know, in plain words.
    """

    gain_counts_per_electron: float | None
    offset_counts: float
    read_noise_e: float | None
    correlation_radius_px: int
    has_photon_scale: bool
    saturated_fraction: float
    variance_slope: float
    variance_intercept: float
    variance_floor: float
    gain_relative_error: float
    offset_error_counts: float
    sources: Mapping[str, str]
    notes: tuple[str, ...]

    def variance(self, plane: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Variance of the noise at each pixel of a plane or stack; see `noise_variance`."""
        return noise_variance(plane, self)


def noise_variance(plane: npt.NDArray[Any], noise: Noise) -> npt.NDArray[np.float32]:
    """Variance of the noise at each pixel, from the smoothed image.

    Parameters
    ----------
    plane : array, (Y, X) or (T or Z, Y, X)
        Counts, in the scale of the image that `noise` was estimated from.
    noise : Noise
        What `estimate_noise` found.

    Returns
    -------
    array of float32
        Counts², of the shape of `plane`, positive everywhere.

    Notes
    -----
    ``gain × (smoothed − offset) + (gain × read noise)²``, smoothed by a Gaussian of sigma 1 px in Y and X.

    Examples
    --------
    >>> import numpy as np
    >>> frame = 100 + 2.0 * np.random.default_rng(0).poisson(np.linspace(5, 200, 128), (128, 128))
    >>> weights = 1 / noise_variance(frame, estimate_noise(frame))
    >>> bool(weights[:, 0].mean() > 10 * weights[:, -1].mean())
    True
    """
    frames = as_stack(plane)
    smooth = np.stack([ndimage.gaussian_filter(frame, 1.0, truncate=3.0) for frame in frames])
    variance = np.maximum(noise.variance_slope * smooth + noise.variance_intercept, noise.variance_floor)
    return np.asarray(variance.reshape(np.shape(plane)), dtype=np.float32)


def estimate_noise(
    data: npt.NDArray[Any],
    *,
    known_gain: float | None = None,
    known_offset: float | None = None,
    known_read: float | None = None,
    fwhm_px: float | None = None,
) -> Noise:
    """Estimate camera gain, offset and read noise from an image, or from differences of a movie's frames.

    Parameters
    ----------
    data : array, (Y, X) or (T or Z, Y, X)
        Counts. Differences of neighbouring frames are used where there are several.
    known_gain : float, optional
        Counts per electron; for an EMCCD twice its gain (excess noise).
    known_offset : float, optional
        Counts without light.
    known_read : float, optional
        Read noise in electrons.
    fwhm_px : float, optional
        Width of the point spread function; wide ones let more of the spectrum be used.

    Returns
    -------
    Noise
        With `has_photon_scale` False and a note where the image does not show photon noise: interpolated, filtered
        or reconstructed, values that are not counts, empty, coarse or lossy 8-bit, too little light or contrast.

    Raises
    ------
    InputError
        If the array has not two or three axes, is empty or has values that are not finite.
    RecipeError
        If a known number is out of its range.

    Notes
    -----
    One image shows gain and ``offset − gain × read²`` (where the variance would vanish), not the two apart. So the
    read noise is assumed to be 1 electron (0 for photon counts) unless it or the offset is given. The assumption
    moves the offset, by two photons where the read noise is 1.7 electrons, and leaves the variance as it is. The
    offset is kept between 0 (or the least value) and the darkest part of the image; where the light is strong
    everywhere it is no better known than that. Pixels whose gains differ by more than about 2 %, and structures of
    2 px FWHM at more than some hundred photons, make the gain too high.

    Examples
    --------
    >>> import numpy as np
    >>> light = 5 + 95 * np.linspace(0, 1, 256) ** 2
    >>> frame = np.round(100 + 2.0 * np.random.default_rng(0).poisson(light, (256, 256)))
    >>> noise = estimate_noise(frame)
    >>> bool(abs(noise.gain_counts_per_electron - 2.0) < 0.2), bool(abs(noise.offset_counts - 100) < 5)
    (True, True)
    """
    known = _checked(Known(known_gain, known_offset, known_read))
    frames = frame_pairs(data)
    saturation = saturation_level(frames)
    saturated = 0.0 if saturation is None else float(np.mean(frames >= saturation))
    notes = []
    if saturated > 1e-4:
        notes.append(f"{100 * saturated:.2g} % of the pixels are saturated: what they showed is lost")
    if float(np.ptp(frames)) == 0:
        notes.append("no photon scale: the image is constant, it shows neither noise nor structure")
        return _without_scale(frames, None, 0, saturated, notes)
    radius = frames_radius_px(frames, fwhm_px)
    free = variance_line(frames, saturation, fwhm_px, Known(None, known.offset, known.read))
    reason = why_no_scale(frames, free, radius)
    if free is None or (reason is not None and known.gain is None):
        notes.append(f"no photon scale: {reason}; weights come from the variance as measured")
        line = free if radius == 0 else distant_line(frames, radius + 1)
        return _without_scale(frames, line, radius, saturated, notes)
    if known.gain is not None:
        notes += doubts(known.gain, free, reason)
        free = variance_line(frames, saturation, fwhm_px, known) or free
    return _with_scale(frames, free, radius, saturated, notes, known)


def _checked(known: Known) -> Known:
    """Raise RecipeError for numbers that no camera has."""
    gain, offset, read = known
    if gain is not None and not (np.isfinite(gain) and gain > 0):
        raise RecipeError(f"camera gain {gain!r} counts per electron: allowed are positive numbers, such as 2.2")
    if read is not None and not (np.isfinite(read) and read >= 0):
        raise RecipeError(f"read noise {read!r} electrons: allowed are numbers from 0, such as 1.5")
    if offset is not None and not np.isfinite(offset):
        raise RecipeError(f"camera offset {offset!r} counts: allowed are finite numbers, such as 100")
    return known


def _without_scale(frames: Floats, line: Line | None, radius: int, saturated: float, notes: list[str]) -> Noise:
    """Noise without a photon scale; the variance is the measured line, or level where that does not grow."""
    typical = float(np.median(line.variance)) if line is not None else 0.0
    if typical <= 0:
        typical = max(quantisation_step(frames) ** 2 / 12, 1e-6 * float(np.var(frames)), 1e-12)
    slope, intercept = 0.0, typical
    if line is not None and line.slope > 2 * line.slope_error:
        slope, intercept = line.slope, line.intercept
    return Noise(
        gain_counts_per_electron=None,
        offset_counts=float(np.quantile(thinned(frames[0]), 0.01)),
        read_noise_e=None,
        correlation_radius_px=radius,
        has_photon_scale=False,
        saturated_fraction=saturated,
        variance_slope=slope,
        variance_intercept=intercept,
        variance_floor=max(0.05 * typical, 1e-12),
        gain_relative_error=0.0,
        offset_error_counts=0.0,
        sources=MappingProxyType({"gain": "none", "offset": "none", "read_noise": "none", "correlation": "estimated"}),
        notes=tuple(notes),
    )


def _with_scale(frames: Floats, line: Line, radius: int, saturated: float, notes: list[str], known: Known) -> Noise:
    """Noise with a photon scale: offset and read noise taken apart as far as they can be."""
    gain, step = (line.slope if known.gain is None else known.gain), quantisation_step(frames)
    offset, error = _offset(frames, line, known)
    if error > 0.1 * (float(np.quantile(thinned(frames[0]), 0.95)) - offset):
        notes.append(f"the camera offset is unsure (± {error:.2g} counts): give it if you know it")
    if step not in (0, 1):
        notes.append("the counts were scaled or averaged: the gain is that of the image, not of the camera")
    read, read_source = _read_noise_e(frames, line), "assumed"
    if known.read is not None:
        read, read_source = known.read, "given"
    elif known.offset is not None:
        read, read_source = float(np.sqrt(max(line.at(offset), 0.0))) / gain, "estimated"
    return Noise(
        gain_counts_per_electron=gain,
        offset_counts=offset,
        read_noise_e=read,
        correlation_radius_px=radius,
        has_photon_scale=True,
        saturated_fraction=saturated,
        variance_slope=gain,
        variance_intercept=line.intercept,
        variance_floor=max(0.05 * line.at(float(np.median(line.level))), step**2 / 12, (0.1 * gain) ** 2, 1e-12),
        gain_relative_error=0.0 if known.gain is not None else line.slope_error / gain,
        offset_error_counts=error,
        sources=MappingProxyType(
            {
                "gain": "estimated" if known.gain is None else "given",
                "offset": "estimated" if known.offset is None else "given",
                "read_noise": read_source,
                "correlation": "estimated",
            }
        ),
        notes=tuple(notes),
    )


def _offset(frames: Floats, line: Line, known: Known) -> tuple[float, float]:
    """Offset and its standard error in counts: from the line, between the least value allowed and the darkest part."""
    if known.offset is not None:
        return known.offset, 0.0
    lowest = min(0.0, float(frames.min()))
    dark = max(float(line.level.min()), lowest)
    read = _read_noise_e(frames, line) if known.read is None else known.read
    return _between(line.level_of_zero + line.slope * read**2, line.zero_error, lowest, dark)


def _read_noise_e(frames: Floats, line: Line) -> float:
    """Read noise that is assumed: none for photon counts, which vanish together with their variance."""
    counting = float(frames.min()) == 0 and abs(line.level_of_zero) < 3 * line.zero_error + 0.1 * line.slope
    return 0.0 if counting else READ_NOISE_E


def _between(value: float, error: float, low: float, high: float) -> tuple[float, float]:
    """Mean and standard deviation of a normal variable that is known to lie in a range."""
    error = max(error, 1e-6 * (high - low), 1e-30)
    a, b = (low - value) / error, (high - value) / error
    if a > 5 or b < -5 or high <= low:  # far outside, the range decides
        return (low if a > 5 else max(low, high)), error
    mass = special.ndtr(b) - special.ndtr(a)
    pa, pb = (float(np.exp(-min(x * x, 1000.0) / 2) / np.sqrt(2 * np.pi)) for x in (a, b))
    shift = (pa - pb) / mass
    spread = 1 + (max(a, -40.0) * pa - min(b, 40.0) * pb) / mass - shift**2
    return float(value + error * shift), float(error * np.sqrt(max(spread, 0.0)))
