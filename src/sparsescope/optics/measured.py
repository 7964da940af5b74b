"""A PSF measured on beads: from an image of small fluorescent beads to one clean PSF, with an account of each bead."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from ..errors import InputError, RecipeError
from ..image import Image
from .kinds import WIDEFIELD, kind_of
from .measured_average import Average, average
from .measured_find import DETECTED, Bead, Found, find_beads, widths_px
from .measured_shape import LARGEST_BEAD, ball_widening, cropped, denoised, support, symmetrised, without_ball
from .measured_volume import AXES, full_scale, one_volume
from .psf import Psf

NARROWEST_PX: Final = 2.0
"""A PSF of fewer voxels at half maximum is undersampled."""
LEAST_PEAK: Final = 20.0
"""Height over noise of one voxel that the mean of the beads must have …"""
GOOD_PEAK: Final = 60.0
"""… and below which its tails are lost in the noise, which is said."""
USUAL_BEAD_UM: Final = 0.1
FAINTEST: Final = 1e-6
"""Part of the maximum below which a value is rounding."""
CUT: Final = 0.01
"""Part of the light in negative values above which it is said that they were cut."""
MOST: Final = 200
"""Beads that are averaged at most …"""
MOST_VOXELS: Final = 2**24
"""… and voxels of all their windows together, but always ten beads: this bounds the memory."""
UNLIKE: Final = 0.03
"""What the correlation of beads with their mean may lack, noise apart, in the median."""
DIFFERENT: Final = 0.98
"""Correlation of two beads with their mean below which it is said that they differ."""
SHORT: Final = 2.0
"""Half-height of the stack, in axial FWHM, below which it is said that it is short."""


@dataclass(frozen=True)
class Distilled:
    """What beads gave.

    Attributes
    ----------
    psf : Psf
        The PSF on the voxels of the bead image.
    beads : tuple of Bead
        Every bead that was found, with the reason where it is not used; brightest first.
    fwhm_px : tuple of float
        Widths of the PSF in voxels, in the order of its axes.
    peak_to_noise : float
        Height of the mean of the beads over the noise of one of its voxels.
    correlations : tuple of float
        Of each bead that was used with the mean.
    background : float
        Median of the background that was subtracted, in the image's unit.
    negative : float
        Part of the light that was negative (noise, ringing) and cut.
    """

    psf: Psf
    beads: tuple[Bead, ...]
    fwhm_px: tuple[float, ...]
    peak_to_noise: float
    correlations: tuple[float, ...]
    background: float
    negative: float

    @property
    def used(self) -> int:
        """Number of beads in the mean."""
        return sum(not bead.problem for bead in self.beads)

    @property
    def rejected(self) -> dict[str, int]:
        """Number of beads by the reason why they were left out."""
        return dict(Counter(bead.problem for bead in self.beads if bead.problem))


def distil(
    image: Image,
    *,
    channel: int | None = None,
    bead_diameter_um: float | None = None,
    symmetric: bool = False,
) -> Distilled:
    """Make a PSF from an image of beads.

    Parameters
    ----------
    image : Image
        Beads far apart, in one plane (``YX``) or a stack (``ZYX``), several channels or not; with its voxel sizes.
    channel : int, optional
        Which channel, from 0; needed where there are several.
    bead_diameter_um : float, optional
        Diameter of the beads in µm. Where it is given, the bead's own size is divided out; else it stays in the PSF.
    symmetric : bool
        Average over turns about the optical axis: less noise, and a lie where the PSF is not round.

    Returns
    -------
    Distilled

    Raises
    ------
    InputError
        If no bead is found, none can be used, the PSF is undersampled, or it drowns in noise.
    RecipeError
        If the channel or the diameter is out of its range, or a voxel size is needed that is not known.

    Notes
    -----
    What is done: :func:`~sparsescope.optics.measured_find.find_beads`,
    :func:`~sparsescope.optics.measured_average.average`, the bead's size, symmetry; then all that does not stand above
    the noise is set to zero, outer zeros are cropped, negative values are cut, and the sum is 1. The integration over
    the detector's pixels stays in the PSF.

    Examples
    --------
    >>> from sparsescope.image import as_image
    >>> from sparsescope.optics.gaussian import gaussian_psf
    >>> scene = np.zeros((80, 140))
    >>> for x in (40, 100):
    ...     scene[30:49, x - 9 : x + 10] = 50000 * gaussian_psf(4.0)
    >>> camera = np.random.default_rng(0).poisson(scene + 100)
    >>> beads = distil(as_image(camera.astype("uint16"), pixel_size_um=0.05))
    >>> beads.used, [round(width) for width in beads.fwhm_px]
    (2, [4, 4])
    """
    volume, spacing = one_volume(image, channel, "the bead image")
    if not np.ptp(volume) > 0:
        raise InputError("the bead image is constant: there is no bead in it")
    found = find_beads(volume, full_scale=full_scale(image))
    _refuse_unusable(found)
    found = _enough(found)
    mean = average(volume, found.usable, found.fwhm_px, found.radius_px)
    made = _finished(mean, found, spacing, bead_diameter_um, symmetric=symmetric)
    return replace(made, psf=_with_haze_note(made.psf, image))


def _enough(found: Found) -> Found:
    """Leave out beads beyond the number that an average needs, those of the most unusual brightness."""
    window = math.prod(2 * radius + 1 for radius in found.radius_px)
    most = max(10, min(MOST, MOST_VOXELS // window))
    usable = found.usable
    if len(usable) <= most:
        return found
    middle = float(np.median([bead.peak for bead in usable]))
    kept = {bead.position_px for bead in sorted(usable, key=lambda bead: abs(math.log(bead.peak / middle)))[:most]}
    beads = tuple(bead if bead.position_px in kept else bead.rejected("more than needed") for bead in found.beads)
    return replace(found, beads=beads)


def _with_haze_note(psf: Psf, image: Image) -> Psf:
    """Say what a wide-field PSF lacks: each of its planes has the same light, the outer ones far from the axis."""
    mode = str(image.meta.get("modality") or "")
    if psf.ndim < 3 or not mode or kind_of(mode) != WIDEFIELD:
        return psf
    light = psf.data.sum((1, 2), dtype=np.float64)
    part = float(min(light[0], light[-1]) / light[len(light) // 2])
    note = (
        "of a wide-field PSF each plane holds the same light, of this one the outermost "
        f"{100 * part:.2g} % of the middle one's: what is spread beyond the window counts as background"
    )
    return psf.replace(notes=(*psf.notes, note))


def _refuse_unusable(found: Found) -> None:
    """Say why there is nothing to average."""
    if not found.beads:
        raise InputError(
            f"no bead was found: nothing stands {DETECTED:g} times above the noise. Give an image of small fluorescent "
            "beads far apart; a file that is one clean PSF already is used as it is"
        )
    if found.usable:
        return
    reasons = Counter(bead.problem for bead in found.beads)
    most = max(reasons, key=lambda reason: reasons[reason])
    count = len(found.beads)
    raise InputError(
        f"{'the only bead cannot' if count == 1 else f'none of {count} beads can'} be used ({_counted(reasons)}): "
        f"{REMEDIES[most]}"
    )


REMEDIES: Final = {
    "saturated": "lower the light, the exposure or the gain and take the beads again",
    "too dim": "take the beads with more light, or brighter beads",
    "cut by the border": "take an image with beads far from its borders, and more planes above and below them",
    "too close to another": "take a field where beads are several times their own width apart (dilute them)",
}
"""What to do about beads that cannot be used."""


def _counted(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items(), key=lambda item: -item[1]))


def _finished(
    mean: Average,
    found: Found,
    spacing: Mapping[str, float],
    bead_diameter_um: float | None,
    *,
    symmetric: bool,
) -> Distilled:
    """From the mean of the beads to the PSF and its account."""
    axes = AXES[-mean.values.ndim :]
    seen = support(mean.values, mean.noise, found.fwhm_px)
    values = denoised(mean.values * seen, found.fwhm_px)
    raw = widths_px(values)
    _refuse_poor(mean, raw, axes, spacing)
    values, size_note = _without_bead(values, raw, axes, spacing, bead_diameter_um)
    if symmetric:
        sizes = [spacing.get(axis, 1.0) for axis in axes]
        values, seen = symmetrised(values, sizes), symmetrised(seen, sizes)
    values = values * seen
    negative = float(-values[values < 0].sum() / values[values > 0].sum())
    values = cropped(np.where(values > FAINTEST * values.max(), values, 0))
    used = len(mean.used)
    left_out = {bead.position_px: bead for bead in mean.beads}
    beads = tuple(left_out.get(bead.position_px, bead) for bead in found.beads)
    notes = tuple(_notes(mean, found, raw, beads, negative, values.shape, symmetric=symmetric))
    source = f"distilled from {used} bead{'' if used == 1 else 's'}"
    psf = Psf(values.astype(np.float32), dict(spacing), source, (*notes, *size_note))
    return Distilled(psf, beads, widths_px(psf.data), 1 / mean.noise, mean.correlations, mean.background, negative)


def _refuse_poor(mean: Average, widths: Sequence[float], axes: str, spacing: Mapping[str, float]) -> None:
    """Refuse a mean that is undersampled or drowned in noise."""
    for axis, width in zip(axes, widths, strict=True):
        if width < NARROWEST_PX:
            size = f" ({width * spacing[axis]:.3g} µm)" if axis in spacing else ""
            finer = "smaller z steps" if axis == "z" else "smaller pixels (more magnification, no binning)"
            raise InputError(
                f"the PSF is undersampled: {width:.2g} voxels wide at half maximum along {axis}{size}, and at least "
                f"{NARROWEST_PX:g} are needed. Take the beads with {finer}; if these spots are single hot pixels, "
                "there are no beads in the image"
            )
    if len(mean.used) > 2 and mean.unlike > UNLIKE:
        raise InputError(
            f"the {len(mean.used)} spots found are not alike (correlation with their mean {min(mean.correlations):.2g} "
            f"to {max(mean.correlations):.2g}): this is no image of beads, or the PSF changes over it. Give an image "
            "of small fluorescent beads, or a part of it in which they look alike"
        )
    if mean.noise > 0 and 1 / mean.noise < LEAST_PEAK:
        raise InputError(
            f"the PSF is too noisy: the mean of {len(mean.used)} beads is {1 / mean.noise:.3g} times the noise high, "
            f"at least {LEAST_PEAK:g} are needed. Take more beads, or with more light"
        )


def _without_bead(
    values: npt.NDArray[np.float64],
    widths: Sequence[float],
    axes: str,
    spacing: Mapping[str, float],
    diameter: float | None,
) -> tuple[npt.NDArray[np.float64], tuple[str, ...]]:
    """Divide the bead's size out where it is given, and say what it does."""
    known = all(axis in spacing for axis in axes)
    if diameter is None:
        if not known:
            return values, ("the bead's own size is part of the PSF",)
        factor = max(ball_widening(USUAL_BEAD_UM, [w * spacing[a] for w, a in zip(widths, axes, strict=True)]))
        percent = f"by {100 * (factor - 1):.2g} %" if factor < 1.5 else "much"
        note = f"the bead's own size is part of the PSF (one of {USUAL_BEAD_UM:g} µm would widen it {percent})"
        return values, (f"{note}: give --bead-diameter-um to take it out",)
    if not (isinstance(diameter, int | float) and 0 < diameter < math.inf):
        raise RecipeError(f"bead_diameter_um = {diameter!r} is not allowed: a number above 0, in µm")
    if not known:
        raise RecipeError(
            "bead_diameter_um needs the voxel sizes of the bead image, which the file does not tell: give "
            "--pixel-size-um (and --z-step-um)"
        )
    sizes = [width * spacing[axis] for width, axis in zip(widths, axes, strict=True)]
    if diameter > LARGEST_BEAD * min(sizes[-2:]):
        raise InputError(
            f"beads of {diameter:g} µm are too large to measure this PSF: their image is {min(sizes[-2:]):.3g} µm wide "
            f"at half maximum. Take beads of at most half of that ({min(sizes[-2:]) / 2:.2g} µm)"
        )
    factors = ball_widening(diameter, sizes)
    done = without_ball(values, diameter, [spacing[axis] for axis in axes])
    said = ", ".join(f"{axis} {100 * (factor - 1):.2g} %" for axis, factor in zip(axes, factors, strict=True))
    return done, (f"the size of the beads ({diameter:g} µm, which widens the PSF by {said}) was divided out",)


def _notes(
    mean: Average,
    found: Found,
    widths: Sequence[float],
    beads: Sequence[Bead],
    negative: float,
    shape: Sequence[int],
    *,
    symmetric: bool,
) -> Iterator[str]:
    """Yield what the user should know of it."""
    rejected = Counter(bead.problem for bead in beads if bead.problem)
    if rejected:
        yield f"{rejected.total()} of {len(beads)} beads were left out: {_counted(rejected)}"
    if len(mean.used) == 1:
        yield "one bead alone: nothing tells whether it is a good one"
    elif len(mean.used) == 2 and min(mean.correlations) < DIFFERENT:
        yield f"the two beads differ (correlation with their mean {min(mean.correlations):.3f}); which is right is open"
    if mean.noise > 0 and 1 / mean.noise < GOOD_PEAK:
        yield f"the mean is only {1 / mean.noise:.2g} times its noise high: faint tails are lost; more beads help"
    if negative > CUT:
        yield f"negative values were cut: {100 * negative:.2g} % of the light"
    if len(shape) == 3 and found.radius_px[0] < SHORT * widths[0]:
        yield (
            f"the stack reaches {found.radius_px[0]} planes above and below the beads, "
            f"{found.radius_px[0] / widths[0]:.2g} axial widths: what lies beyond is missing in the PSF"
        )
    if symmetric:
        yield "averaged over turns about the optical axis"
