"""What one look at data and result tells, without reconstructing anything again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..image import Image
from ..quality.decorrelation import decorrelation_cutoff_cycles_per_px
from ..quality.doubt import detail
from ..quality.error_map import error_map
from ..quality.exposure import sampling, saturated_fraction
from ..quality.movie import light_over_time
from ..quality.narrow import narrow_features
from ..quality.nonzero import THRESHOLD, nonzero
from ..quality.psf_band import excess_beyond
from ..quality.residual import local_mean_test, residual, whiteness
from .frozen import Frozen, coarse
from .model import Curve, Map, Number

Floats = npt.NDArray[np.float32]

CULLEY: Final = "Culley et al., Nat. Methods 15, 263 (2018)"
FREE_WIDTH: Final = "whatever the blur wipes out; a wrong PSF, as the width is free"


@dataclass
class Findings:
    """What has been measured so far."""

    numbers: list[Number] = field(default_factory=list)
    maps: list[Map] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    arrays: dict[str, Any] = field(default_factory=dict)
    """What the verdict needs: light, model, z, value, noise, psf, parameters."""
    solves: int = 0

    def add(self, *things: Number | Map | Curve) -> None:
        """Add numbers, maps and curves."""
        for thing in things:
            if isinstance(thing, Number):
                self.numbers.append(thing)
            elif isinstance(thing, Map):
                self.maps.append(thing)
            else:
                self.curves.append(thing)

    def value(self, name: str) -> float | None:
        """Return a number by its name, None where it was not measured."""
        return next((number.value for number in self.numbers if number.name == name), None)


def fit_to_data(frozen: Frozen, found: Findings) -> None:
    """Add what the result does not explain of the data: residual, its whiteness, RSP and RSE."""
    blurred = frozen.explained()
    z = residual(frozen.counts, blurred + frozen.background, frozen.noise.variance(frozen.counts))
    known = frozen.known
    known = known if known.any() else np.ones_like(known)
    offset = np.float32(np.median(z[known]))
    z = np.where(known, z - offset, np.float32(0))
    blurred = np.where(known, blurred, frozen.light)
    white = whiteness(z)
    test = local_mean_test(z, frozen.fwhm_px)
    match = error_map(coarse(frozen.value, frozen.factor), frozen.light)
    found.arrays |= {
        "light": frozen.light, "model": blurred, "z": z, "value": detail(
            coarse(frozen.value, frozen.factor), frozen.fwhm_px
        ),
    }  # fmt: skip
    fine = "detail finer than the PSF passes, and noise that was fitted"
    found.add(
        Number(
            "residual_chi2", float(np.mean(z[known] ** 2)), "",
            "mean square of the residual in units of the noise: 1 is right, above it the result misses the data, below "
            "it noise was fitted", "an error of the camera's gain; " + fine, "reduced chi-square",
        ),
        Number(
            "residual_offset", float(offset), "σ",
            "median of the residual: what background and result together lack (above 0) or have too much", fine,
        ),
        Number(
            "residual_neighbour_correlation", white.neighbour_correlation, "",
            "correlation of neighbouring residuals: above 0 structure is left over, a little below 0 is usual", fine,
        ),
        Number(
            "residual_whiteness_p", white.p_value, "",
            "probability of such correlations by chance; small for good results too where there are many pixels", fine,
            "Ljung & Box, Biometrika 65, 297 (1978), in two dimensions",
        ),
        Number("rsp", match.rsp, "", "correlation of the re-blurred result with the data: 1 is a perfect match",
               FREE_WIDTH, CULLEY),
        Number("rse_counts", match.rse, "counts", "root-mean-square error of that match", FREE_WIDTH, CULLEY),
        Map("residual", z, "σ", "data less re-blurred result, in units of the noise: ±1 is noise", fine),
        Map(
            "residual_significance", test.statistic, "σ",
            "mean residual at the scale of the PSF: beyond ±4 light was lost (above 0) or invented (below 0)", fine,
        ),
        Map("error", match.error, "counts", "data less best match of the re-blurred result (RSE map)", FREE_WIDTH),
    )  # fmt: skip


def shape_of_result(frozen: Frozen, found: Findings) -> None:
    """Add how sparse the result is and which of its features are narrower than pixels can show."""
    sparse = nonzero(frozen.light, coarse(frozen.value, frozen.factor))
    narrow = narrow_features(frozen.value)
    bright = frozen.value > 0.05 * np.percentile(frozen.value, 99.9)
    share = float(frozen.value[narrow].sum() / max(float(frozen.value[bright].sum()), 1e-30))
    blind = "right or wrong: a sparse result of a dense sample is a loss"
    limit = f"above {100 * THRESHOLD:g} % of the 99.9th percentile"
    found.add(
        Number("nonzero_before_percent", 100 * sparse.before, "%", f"pixels {limit}, data above the background", blind),
        Number("nonzero_after_percent", 100 * sparse.after, "%", f"pixels {limit}, result", blind),
        Number(
            "narrow_percent", 100 * min(share, 1.0), "%",
            "part of the bright light in crests narrower than 2 px of the result: their width and place are those of "
            "the pixels", "wider features can be false all the same", "sampling theorem; Shannon (1949)",
        ),
        Map(
            "narrow", coarse(narrow.astype(np.float32), frozen.factor), "",
            "1 on crests narrower than 2 px of the result", "features that are wider",
        ),
    )  # fmt: skip


def exposure(image: Image, frozen: Frozen, found: Findings) -> None:
    """Add sampling, saturation, the noise model and what the image alone shows of its resolution."""
    plane = image.block(**frozen.place.index)
    saturated = saturated_fraction(plane)
    cutoff = decorrelation_cutoff_cycles_per_px(frozen.counts)
    noise = frozen.noise
    excess = None if noise.correlation_radius_px else excess_beyond(frozen.counts, frozen.fwhm_px)
    _, sentence = sampling(frozen.fwhm_px)
    found.add(
        Number("psf_fwhm_px", frozen.fwhm_px, "px", sentence, "a PSF whose width was given wrongly"),
        Number(
            "saturated_percent", None if saturated is None else 100 * saturated, "%",
            "pixels of the plane at the detector's largest value" if saturated is not None
            else "not known for real numbers", "a detector that saturates below its largest number",
        ),
        Number(
            "gain_counts_per_electron", noise.gain_counts_per_electron, "counts/e⁻",
            "camera gain, estimated from the image" if noise.has_photon_scale else "; ".join(noise.notes),
            "pixels of unequal gain",
        ),
        Number(
            "noise_correlation_px", float(noise.correlation_radius_px), "px",
            "how far noise is correlated; 0 is a camera's own frame, else p-values and split halves are too good",
        ),
        Number(
            "beyond_psf_sigmas", None if excess is None else excess.sigmas, "σ",
            "power of the data beyond what the PSF passes: above 3.5 the PSF is narrower than assumed",
            "smooth samples and few photons show nothing there; hot pixels look like an excess",
        ),
        Number(
            "raw_decorrelation_px", None if cutoff is None else 1 / cutoff, "px",
            "finest detail above the noise (decorrelation)", "interpolated or filtered noise counts as detail",
            "Descloux et al., Nat. Methods 16, 918 (2019)",
        ),
    )  # fmt: skip


def movie(image: Image, result_image: Image, background: Image | None, frozen: Frozen, found: Findings) -> None:
    """Add bleaching and flicker of a movie, before and after."""
    if image.sizes.get("T", 1) < 4:
        return
    sums: list[list[float]] = [[], []]
    for t in range(image.sizes["T"]):
        index = {**frozen.place.index, "T": t}
        behind = 0.0 if background is None else float(np.mean(background.block(**index), dtype=np.float64))
        sums[0].append(float(np.mean(image.block(**index), dtype=np.float64)) - behind)
        sums[1].append(float(np.mean(result_image.block(**index), dtype=np.float64)))
    before, after = (light_over_time(values) for values in sums)
    blind = "light that moves within the frame; what leaves the field looks like bleaching"
    found.add(
        Number("bleached_percent", before.lost_percent if before else None, "%",
               "light lost from the first to the last frame", blind, "exponential, least squares of logarithms"),
        Number("flicker_raw_percent", before.flicker_percent if before else None, "%",
               "scatter of single frames' light around their neighbours, data", blind),
        Number("flicker_percent", after.flicker_percent if after else None, "%",
               "the same of the result: more than that of the data was made by the deconvolution", blind),
    )  # fmt: skip
