"""How far the noise of neighbouring pixels goes together: 0 as a camera delivers it, more after interpolation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft as sfft
from scipy import ndimage

from .noise_samples import frame_pairs, quantisation_step, saturation_level, thinned

Floats = npt.NDArray[np.floating]

SIZE = 32
"""Side of the windows whose spectra are averaged, in pixels."""
SMALLEST = 48
"""Images less wide have too few windows to measure: radius 0."""
FEWEST = 16
"""Windows that are enough to measure in."""
QUIETEST = 8
"""Least windows that count as quiet where only these are looked at."""
PATCH = 7
"""Side of a patch of one value that no noise leaves, in pixels."""
PREDICTABLE = (0.2, 0.2, 0.5)
"""Noise counts as independent of pixels beyond 0, 1, 2 px when these explain less of its variance than this; a hole
7 px wide hides structure as well, so that it takes more to ask for one."""
WHITE = (0.6, 1.8)
"""Range of the ratio of the power in the corner of the spectrum to that in the strips beside it for white noise."""
MOST_PHOTONS = 1e6
"""No detector collects more photons in a pixel: a lower noise floor was made by filtering or interpolation."""
IN_BAND = 10.0
"""Power within the optics' band, in units of what lies beyond, that rounding does not make."""
CLIPPED = 1e-3
"""Part of the pixels at the least value that chance does not bring there."""
REACH = 4
"""Half-width of the neighbourhood that is used to predict a pixel's noise."""

_along = np.abs(np.fft.fftfreq(SIZE))
_fy, _fx = np.meshgrid(_along, _along, indexing="ij")
_frequency = np.hypot(_fy, _fx)


def correlation_radius_px(data: Floats, *, fwhm_px: float | None = None) -> int:
    """Measure how far the noise is correlated between pixels.

    Spectra of small windows are averaged where the image is quiet. A level floor at the highest frequencies, which
    no optics passes, is white noise: radius 0, whatever the structures do at lower ones. Else the noise's
    spectrum gives its covariance, and the radius is the smallest for which the pixels further away (in either
    direction) predict less than a fifth of the noise's variance at a pixel (half, for radius 2): what a held-out
    block has to cover. Median filters are not recognised: they leave a level floor.

    Parameters
    ----------
    data : array, (Y, X) or (T or Z, Y, X)
        Pixel values in any unit; of a stack, differences of neighbouring frames are used.
    fwhm_px : float, optional
        Width of the point spread function in pixels; tells structure from noise where the floor does not.

    Returns
    -------
    int
        0, 1, 2 or 3 (three or more). Images with nothing to measure (constant, under 48 pixels wide) give 0.

    Raises
    ------
    InputError
        If the array has not two or three axes, is empty or has values that are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> frame = np.random.default_rng(0).normal(100, 5, (128, 128))
    >>> correlation_radius_px(frame)
    0
    >>> halfway = frame[1:] + frame[:-1]
    >>> correlation_radius_px(halfway[:, 1:] + halfway[:, :-1])
    1
    """
    return frames_radius_px(frame_pairs(data), fwhm_px)


def frames_radius_px(frames: Floats, fwhm_px: float | None = None) -> int:
    """Measure the correlation radius on one frame or on pairs of neighbouring frames (see `frame_pairs`)."""
    if min(frames.shape[1:]) < SMALLEST:
        return 0
    once = _without_repeats(frames)
    if once is not None:
        return min(3, 2 * frames_radius_px(once, None if fwhm_px is None else fwhm_px / 2) + 1)
    spectra = _spectra(frames)
    spectra = spectra[spectra[:, _frequency > 0.3].mean(axis=1) > 1e-12 * max(float(np.square(frames).mean()), 1e-300)]
    if len(spectra) == 0:
        return 0
    noise = _noise_spectrum(spectra, frames, fwhm_px)
    return 0 if noise is None else _radius_of(noise)


def quiet_and_bright(plane: Floats) -> tuple[Floats, Floats] | None:
    """Power spectra of the quietest and of the most structured tenth of a plane's windows.

    Parameters
    ----------
    plane : array, shape (Y, X)
        Pixel values in any unit.

    Returns
    -------
    two arrays, shape (SIZE, SIZE), or None
        Frequency 0 first, 1 for white noise of variance 1; None where there are too few windows that are not constant.
    """
    spectra = _spectra(plane[None])
    spectra = spectra[spectra.mean(axis=(1, 2)) > 0]
    count = max(len(spectra) // 10, QUIETEST)
    if len(spectra) < 2 * count:
        return None
    order, _ = _by_quiet(spectra)
    quiet, bright = (spectra[part].mean(axis=0, dtype=np.float64) for part in (order[:count], order[-count:]))
    return np.asarray(quiet), np.asarray(bright)


def _spectra(frames: Floats) -> Floats:
    """Power spectra of windows of all fields."""
    fields, spoiled = _fields(frames), _spoiled(frames)
    return np.concatenate([_window_spectra(field, spoiled, len(fields)) for field in fields])


def _by_quiet(spectra: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
    """Order of the windows from quiet to structured, and what tells it: their power at low frequencies."""
    low = spectra[:, (_frequency > 0.03) & (_frequency < 0.1)].mean(axis=1)
    return np.argsort(low, kind="stable"), low


def _without_repeats(frames: Floats) -> Floats | None:
    """Every second row and column where the others repeat them (enlarged without interpolation), else None."""
    for first in (0, 1):
        cells = frames[:1, first:, first:]
        cells = cells[:, : cells.shape[1] // 2 * 2, : cells.shape[2] // 2 * 2]
        kept = cells[:, ::2, ::2]
        others = (cells[:, 1::2, ::2], cells[:, ::2, 1::2], cells[:, 1::2, 1::2])
        if np.ptp(kept) > 0 and all(np.array_equal(kept, other) for other in others):
            return frames[:, first::2, first::2]
    return None


def _fields(frames: Floats) -> list[Floats]:
    """Planes that hold the noise: differences of neighbouring frames, or the one frame itself."""
    steps = [b - a for a, b in zip(frames[::2], frames[1::2], strict=False) if not np.array_equal(a, b)]
    return [step * np.float32(np.sqrt(0.5)) for step in steps] or [frames[0]]


def _spoiled(frames: Floats) -> npt.NDArray[np.bool_]:
    """Pixels without noise of their own: saturated, or in a patch of one value, as borders that were filled in have."""
    level = saturation_level(frames)
    spoiled = np.zeros(frames.shape[1:], bool) if level is None else (frames >= level).any(axis=0)
    frame = frames[0]
    if float(np.mean(frame[:, 1:] == frame[:, :-1])) > 0.02:
        spoiled |= ndimage.maximum_filter(frame, PATCH) == ndimage.minimum_filter(frame, PATCH)
    return np.asarray(spoiled)


def _window_spectra(field: Floats, spoiled: npt.NDArray[np.bool_], fields: int = 1) -> Floats:
    """Power spectra of overlapping windows, 1 for white noise of variance 1; at most about 400 windows in all.

    Windows with spoiled pixels are left out where enough others remain.
    """
    count = 400 // fields
    margins = [(0, max(0, SIZE - n)) for n in field.shape]
    field, spoiled = np.pad(field, margins, mode="symmetric"), np.pad(spoiled, margins, mode="symmetric")
    step = max(SIZE // 2, int(np.ceil(np.sqrt(field.size / count))))
    view, bad = (np.lib.stride_tricks.sliding_window_view(a, (SIZE, SIZE))[::step, ::step] for a in (field, spoiled))
    sound = ~bad.any(axis=(2, 3))
    if np.count_nonzero(sound) >= FEWEST:
        view = view[sound]
    hann = np.hanning(SIZE + 2)[1:-1]
    weight = np.outer(hann, hann).astype(np.float32)
    blocks = view.reshape(-1, SIZE, SIZE).astype(np.float32)
    blocks = blocks - np.tensordot(blocks, weight / weight.sum(), axes=2)[:, None, None]
    spectrum = sfft.fft2(blocks * weight)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    return np.asarray(power / np.square(weight).sum(), dtype=np.float32)


def _noise_spectrum(spectra: Floats, frames: Floats, fwhm_px: float | None) -> Floats | None:
    """Power spectrum of the noise over one window, or None where it is white."""
    order, low = _by_quiet(spectra)
    count = min(max(len(order) // 10, 16), len(order))
    power = spectra[order[:count]].mean(axis=0, dtype=np.float64)
    floor = float(power[_frequency > 0.55].mean())
    coarse = floor < 1.5 * quantisation_step(frames) ** 2 / 12
    signal = float(frames.mean() - np.quantile(thinned(frames[0]), 0.01))
    plausible = signal**2 < MOST_PHOTONS * floor
    flat = _is_flat(power)
    if flat and plausible and not coarse and not _is_clipped(frames):
        return None
    cutoff = 0.5 if fwhm_px is None else 1.2 / fwhm_px  # the optics' cut-off is about 1.03/FWHM for an Airy pattern
    level = float(power[(_frequency > 0.12) & (_frequency < min(0.3, cutoff))].mean())
    in_band = (coarse or not plausible) and level > IN_BAND * floor  # what lies beyond the band is no camera's noise
    if cutoff < 0.35 and not in_band:
        return _filled(power, cutoff)
    if _follows_structure(spectra[order], low[order], count) < 0.5:
        return _filled(power, 0.1)
    if cutoff < 0.35:
        return _filled(power, cutoff)
    if flat and plausible and _is_8_bit(frames):
        return None  # coarse steps hide the noise of a raw image and are white themselves
    return np.asarray(
        np.minimum(power, 100 * floor)
    )  # noise cannot be told from structure: taken level up to the band's edge


def _is_flat(power: Floats) -> bool:
    """Whether the highest frequencies, which no optics passes, hold white noise."""
    ratios = _corner_over_strips(power)
    return bool((ratios[1] > WHITE[0]).all() and (ratios < WHITE[1]).all())


def _corner_over_strips(power: Floats) -> Floats:
    """Power in the corner of the spectrum over that beside it, in three strips along x and along y."""
    outer = _along > 0.4
    corner = power[np.ix_(outer, outer)].mean()
    strips = np.empty((3, 2))
    for i, (low, high) in enumerate(((0.12, 0.25), (0.2, 0.35), (0.25, 0.4))):
        middle = (_along > low) & (_along < high)
        strips[i] = power[np.ix_(outer, middle)].mean(), power[np.ix_(middle, outer)].mean()
    return np.asarray(corner / np.maximum(strips, 1e-300))


def _follows_structure(spectra: Floats, low: Floats, count: int) -> float:
    """Growth of the middle frequencies with the low ones from quiet to usual windows: 0 for noise, 1 for structure."""
    if len(spectra) < 2 * count:
        return 0.0
    middle = spectra[:, (_frequency > 0.12) & (_frequency < 0.3)].mean(axis=1)
    growth = [float(np.median(part[count:]) / max(np.median(part[:count]), 1e-300)) for part in (middle, low)]
    return float(np.log(max(growth[0], 1.0)) / np.log(max(growth[1], 1.05)))


def _is_clipped(frames: Floats) -> bool:
    """Whether computed values end at a least one, which bends their noise and so spreads it over all frequencies."""
    return quantisation_step(frames) == 0 and float(np.mean(frames == frames.min())) > CLIPPED


def _is_8_bit(frames: Floats) -> bool:
    return quantisation_step(frames) == 1 and float(frames.min()) >= 0 and 128 <= float(frames.max()) <= 255


def _filled(power: Floats, below: float) -> Floats:
    """Replace the frequencies that structure may hold by the level of the noise just above them."""
    level = power[(_frequency >= below) & (_frequency < below + 0.06)].mean()
    return np.where(_frequency < below, np.minimum(power, level), power)


def _radius_of(power: Floats) -> int:
    """Smallest radius beyond which the other pixels predict little of a pixel's noise (linear prediction)."""
    covariance = np.fft.ifft2(power + 0.01 * power.mean()).real
    covariance /= covariance[0, 0]
    y, x = np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1]
    distance = np.maximum(np.abs(y), np.abs(x))
    for radius, enough in enumerate(PREDICTABLE):
        rows, columns = y[distance > radius], x[distance > radius]
        among = covariance[(rows[:, None] - rows) % SIZE, (columns[:, None] - columns) % SIZE]
        to_centre = covariance[rows % SIZE, columns % SIZE]
        if to_centre @ np.linalg.solve(among, to_centre) < enough:
            return radius
    return 3
