"""What asking the solver again tells: halves of the light, other PSFs, other parameters, injected line pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..quality.doubt import detail
from ..quality.frc import Frc, crossing, frc
from ..quality.injection import HalfRecovered, half_recovered, inject_and_recover, local_half_recovered, separations_px
from ..quality.linearity import linearity
from ..quality.nonzero import nonzero
from ..quality.stability import disagreement, sensitivity
from .frozen import Frozen, coarse
from .measure import Findings
from .model import Curve, Map, Number

Floats = npt.NDArray[np.float32]
Step = Callable[[], None]

WIDTHS: Final = (0.9, 1.1)
"""Factors on the width of the PSF."""
FACTORS: Final = (0.5, 2.0)
"""Factors on fidelity and on sparsity."""
ROUNDS: Final = 2
"""How often each separation is injected."""
FAINTEST_SIGMA: Final = 3.0
"""Smoothed light counts as structure from so many standard deviations of its noise."""
OPTIMUM_TOLERANCE: Final = 1e-2
"""Of the certified optimum whose exact zeros are counted."""
SEED: Final = 5
NIEUWENHUIZEN: Final = "Nieuwenhuizen et al., Nat. Methods 10, 557 (2013); thinning: Neufeld et al., JMLR 25, 57 (2024)"
SHARED: Final = "errors that both halves share: a wrong PSF, the priors, haze taken for structure"


def split_halves(frozen: Frozen, found: Findings, step: Step) -> None:
    """Deal the light out to two halves, reconstruct both, and add what is reproducible and where they disagree."""
    if min(frozen.counts.shape) < 32:
        return
    halves = frozen.halves(SEED)
    made = []
    for half in halves:
        made.append(frozen.reconstruct(half))
        found.solves += 1
        step()
    raw = [half[frozen.at][frozen.inner] for half in halves]
    curves = frc(*raw), frc(*made)
    pixel_um = frozen.spacing_um.get("x")
    for name, curve, factor, what in (
        ("raw", curves[0], 1, "data"),
        ("reproducible", curves[1], frozen.factor, "result"),
    ):
        _resolution(found, name, curve, factor, what, pixel_um)
    smooth = [detail(coarse(value, frozen.factor), frozen.fwhm_px) for value in made]
    noise = disagreement(smooth[0], smooth[1], frozen.fwhm_px)
    found.arrays["noise"] = noise
    found.add(
        Number(
            "disagreement_percent", _relative(noise, found.arrays["value"]), "%",
            "how much the result hangs on the noise of this exposure: disagreement of two halves of the light, as part "
            "of the result", SHARED, "split-half reconstruction",
        ),
        Map("disagreement", noise, "counts", "standard error of the result from two halves of the light, at the scale "
            "of 0.6 PSF widths", SHARED),
    )  # fmt: skip


def _resolution(found: Findings, name: str, curve: Frc, factor: int, what: str, pixel_um: float | None) -> None:
    """Add a correlation curve and where it crosses 1/7, in pixels of the input."""
    cross = crossing(curve)
    value, error = None, None
    if cross.resolution_px is not None:
        value = cross.resolution_px / factor
        ends = [cross.low_px or cross.resolution_px, cross.high_px or cross.resolution_px]
        error = abs(ends[1] - ends[0]) / 2 / factor
    limit = " (the pixels' limit: never below the threshold)" if cross.at_limit else ""
    text = f"finest detail reproducible between two halves of the light, {what}{limit}"
    if value is None:
        text = f"two halves of the light have nothing in common: no resolution of the {what}"
    blind = f"not the true resolution; {SHARED}"
    found.add(
        Number(f"{name}_resolution_px", value, "px", text, blind, NIEUWENHUIZEN + "; threshold 1/7", error),
        Number(
            f"{name}_resolution_um",
            None if value is None or pixel_um is None else value * pixel_um, "µm", text, blind, NIEUWENHUIZEN,
            None if error is None or pixel_um is None else error * pixel_um,
        ),
        Curve(
            f"frc_{name}", "cycles per pixel of the input", "correlation",
            tuple((curve.frequency * factor).tolist()), tuple(curve.correlation.tolist()),
            f"correlation of two halves of the light by frequency, {what}; threshold 1/7",
        ),
    )  # fmt: skip


def psf_width(frozen: Frozen, found: Findings, step: Step) -> None:
    """Reconstruct with the PSF 10 % narrower and wider, and add where the result hangs on it."""
    if frozen.recipe.deconvolution == "none":
        return
    variants = []
    for width in WIDTHS:
        variants.append(_judged(frozen, frozen.reconstruct(width=width)))
        found.solves += 1
        step()
    blind = "a PSF that is wrong by more than 10 %, or in shape"
    _add_change(frozen, found, variants, "psf", ("psf_sensitivity", "the PSF is 10 % narrower or wider", blind))


def other_parameters(frozen: Frozen, found: Findings, step: Step) -> None:
    """Reconstruct with fidelity and sparsity halved and doubled, and add where the result hangs on them."""
    recipe = frozen.recipe
    if recipe.sparse_iterations == 0 and recipe.tolerance is None:
        return
    variants = []
    for name in ("fidelity", "sparsity"):
        for factor in FACTORS:
            changed: dict[str, Any] = {name: float(getattr(recipe, name)) * factor}
            if name == "fidelity":  # sparsity is an offset of sparsity / fidelity, which stays as it is
                changed["sparsity"] = float(recipe.sparsity) * factor
            variants.append(_judged(frozen, frozen.reconstruct(**changed)))
            found.solves += 1
            step()
    words = ("parameter_sensitivity", "fidelity or sparsity is halved or doubled", "what is wrong at every setting")
    _add_change(frozen, found, variants, "parameters", words)


def _add_change(
    frozen: Frozen, found: Findings, variants: list[Floats], array: str, words: tuple[str, str, str]
) -> None:
    """Add how far variants of the result differ; `words` are name, when they differ, and what that cannot see."""
    name, when, blind = words
    change = sensitivity(np.mean(variants, axis=0), variants, frozen.fwhm_px)
    found.arrays[array] = change
    percent = _relative(change, found.arrays["value"])
    found.add(
        Number(f"{name}_percent", percent, "%", f"change of the result when {when}", blind),
        Map(name, change, "counts", f"change when {when}", blind),
    )


def injected_pairs(frozen: Frozen, found: Findings, step: Step) -> None:
    """Inject faint line pairs, and add which come out apart: the resolving power here."""
    fwhm, noise = frozen.fwhm_px, frozen.noise
    typical = float(np.median(noise.variance(frozen.counts)))
    smoothing = 4 * np.pi * (0.42 * fwhm) ** 2  # a Gaussian average of so many pixels
    gain = noise.gain_counts_per_electron or max(noise.variance_slope, 0.0)

    def reconstruct(plane: Floats) -> Floats:  # the pairs go through all planes: continuity would take away a lone one
        block = frozen.data.copy()
        block[(slice(None), *frozen.inner)] += plane - frozen.counts
        found.solves += 1
        step()
        return frozen.reconstruct(block)

    recovery = inject_and_recover(
        reconstruct, frozen.counts, frozen.light, fwhm_px=fwhm, counts_per_photon=gain, rounds=ROUNDS,
        faintest=FAINTEST_SIGMA * float(np.sqrt(typical / max(smoothing, 1.0))), factor=frozen.factor, seed=SEED,
    )  # fmt: skip
    blind = "an error of the PSF: the pairs are blurred with the one that the solver uses"
    if not recovery.pairs:
        found.add(_separation(None, None, "no structure to put line pairs near", frozen, blind)[0])
        return
    fit = half_recovered(recovery)
    found.add(*_separation(fit, len(recovery.pairs), "", frozen, blind))
    points = recovery.fractions()
    found.add(
        Curve(
            "recovered", "separation (px)", "recovered part", tuple(p[0] for p in points), tuple(p[1] for p in points),
            "part of the injected line pairs that came out as two, by their separation",
        ),
        Map(
            "separation", local_half_recovered(recovery, frozen.counts.shape, fwhm), "px",
            "separation at which half of the injected line pairs come out as two, nearby", blind,
        ),
    )  # fmt: skip


def _separation(
    fit: HalfRecovered | None, count: int | None, why: str, frozen: Frozen, blind: str
) -> tuple[Number, ...]:
    """Numbers of the separation at which half of the pairs are recovered."""
    source = "injection and recovery, logistic fit; Rayleigh's criterion"
    if fit is None:
        return (Number("separation_px", None, "px", f"not measured: {why}", blind, source),)
    text = f"separation at which half of {count} injected faint line pairs come out as two"
    tried = separations_px(frozen.fwhm_px)
    if fit.side == "above":
        text = f"under half of {count} injected line pairs came out as two even at {tried[-1]:.2g} px"
    elif fit.side == "below":
        text = f"over half of {count} injected line pairs came out as two even at {tried[0]:.2g} px"
    pixel_um = frozen.spacing_um.get("x")
    scale = [fit.separation_px, fit.error_px]
    in_um = [None if v is None or pixel_um is None else v * pixel_um for v in scale]
    return (
        Number("separation_px", fit.separation_px, "px", text, blind, source, fit.error_px),
        Number("separation_um", in_um[0], "µm", text, blind, source, in_um[1]),
    )


def light_and_zeros(frozen: Frozen, found: Findings, step: Step) -> None:
    """Add the exponent of result against light, and exact zeros of the certified optimum."""

    def reconstruct(light: Floats) -> Floats:
        found.solves += 1
        step()
        return frozen.reconstruct(light + frozen.behind)

    line = linearity(reconstruct, frozen.data - frozen.behind)
    blind = "saturation and the camera's own non-linearity"
    found.add(
        Number("linearity_exponent", line.exponent, "", "result ∝ light to this power: 1 is linear", blind),
        Number("dim_linearity_exponent", line.dim_exponent, "",
               "the same of dim structures: above 1 they are pushed down", blind),
    )  # fmt: skip
    recipe = frozen.recipe
    if recipe.sparse_iterations == 0 and recipe.tolerance is None:
        return
    optimum = frozen.reconstruct(tolerance=OPTIMUM_TOLERANCE, deconvolution="none")
    found.solves += 1
    step()
    exact = nonzero(frozen.light, coarse(frozen.value, frozen.factor), optimum).optimum
    found.add(
        Number(
            "nonzero_optimum_percent", None if exact is None else 100 * exact, "%",
            "pixels exactly above 0 in the certified optimum of the sparse stage, where its split variable and image "
            "agree", "right or wrong",
        )
    )  # fmt: skip


def _judged(frozen: Frozen, value: Floats) -> Floats:
    return detail(coarse(value, frozen.factor), frozen.fwhm_px)


def _relative(change: Floats, value: Floats) -> float:
    """Root-mean-square change in percent of the root-mean-square value."""
    power = float(np.sqrt(np.mean(np.square(value, dtype=np.float64))))
    return 100 * float(np.sqrt(np.mean(np.square(change, dtype=np.float64)))) / power if power > 0 else 0.0
