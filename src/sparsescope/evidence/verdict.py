"""From numbers to a verdict in plain words, in three colours, each with its reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np

from ..quality.doubt import Doubt, doubt
from .model import COLOURS, Finding, Map, Number

DOUBT_PERCENT: Final = (5.0, 20.0)
"""Part of the window that is to be doubted: amber from, red from; so with all pairs below."""
DOUBT_LIGHT_PERCENT: Final = (10.0, 30.0)
"""Part of the result's light in doubtful places: small structures fill little of the window."""
CHI2: Final = (1.3, 2.0)
DISAGREEMENT_PERCENT: Final = (25.0, 50.0)
PSF_PERCENT: Final = (15.0, 30.0)
PARAMETERS_PERCENT: Final = (20.0, 50.0)
SATURATED_PERCENT: Final = (0.01, 1.0)
DIM_EXPONENT: Final = (1.15, 1.5)
FLICKER_TIMES: Final = (1.5, 3.0)
"""Flicker of the result in units of the data's (1 % at least)."""
BEYOND_PSF_SIGMAS: Final = (3.5, 8.0)
OVERFITTED_CHI2: Final = 0.5
"""Below it a residual is so small that noise must have been fitted."""

BLIND: Final = "what is false in every variant and finer than the PSF; haze taken for structure; a lone weak find"
REASONS: Final = {
    "lost": "light of the data that the result lacks",
    "invented": "light in the result that the data lack",
    "misfit": "misfit beyond the noise (too wide a PSF, or too few iterations)",
    "noise": "value that hangs on the noise of this exposure",
    "psf": "value that hangs on the exact width of the PSF",
    "parameters": "value that hangs on the choice of parameters",
}


class Rule(NamedTuple):
    """When a number turns amber and red, and what is said then; amber at most where it needs photons and has none."""

    number: str
    limits: tuple[float, float]
    good: str
    bad: str
    needs_photons: bool = False


RULES: Final = (
    Rule(
        "doubtful_light_percent", DOUBT_LIGHT_PERCENT, "{:.2g} % of the light stands in doubtful places",
        "{:.2g} % of the light stands in doubtful places (see the map)",
    ),
    Rule(
        "residual_chi2", CHI2, "the result explains the data down to the noise (χ² {:.2f})",
        "the result does not explain the data: the residual's χ² is {:.2f} where 1 is noise. Check the PSF's width, "
        "the background and the sparsity",
        needs_photons=True,
    ),
    Rule(
        "beyond_psf_sigmas", BEYOND_PSF_SIGMAS, "the data hold no detail that such a PSF would not pass",
        "the data hold detail that so wide a PSF would not pass ({:.0f} σ): the PSF is narrower, and rings and doubled "
        "edges are to be expected; lower --resolution-um",
    ),
    Rule(
        "disagreement_percent", DISAGREEMENT_PERCENT, "halves of the light give the same result to {:.0f} %",
        "halves of the light give results that differ by {:.0f} %: much of the detail is noise. More light, or a "
        "smoother setting (--intent cautious)",
    ),
    Rule(
        "psf_sensitivity_percent", PSF_PERCENT, "a PSF 10 % narrower or wider changes the result by {:.0f} %",
        "a PSF 10 % narrower or wider changes the result by {:.0f} %: measure its width (--resolution-um)",
    ),
    Rule(
        "parameter_sensitivity_percent", PARAMETERS_PERCENT,
        "halving or doubling fidelity and sparsity changes the result by {:.0f} %",
        "halving or doubling fidelity and sparsity changes the result by {:.0f} %: it is as much choice as measurement",
    ),
    Rule(
        "saturated_percent", SATURATED_PERCENT, "no saturated pixels to speak of ({:.2g} %)",
        "{:.2g} % of the pixels are saturated: what they showed is lost, and what stands beside them is unsure",
    ),
    Rule(
        "dim_linearity_exponent", DIM_EXPONENT, "dim structures keep their share of the light (exponent {:.2f})",
        "dim structures are pushed down (result ∝ light to the power {:.2f}): compare no intensities; lower --sparsity",
    ),
)  # fmt: skip


def judge(
    numbers: list[Number], arrays: dict[str, Any], fwhm_px: float
) -> tuple[list[Finding], list[Number], list[Map]]:
    """Return findings (worst first), the numbers of doubt, and the map of doubt.

    Parameters
    ----------
    numbers : list of Number
        What was measured.
    arrays : dict
        Light, model, z and value, and where measured noise, psf and parameters, for `quality.doubt`.
    fwhm_px : float
        Width of the PSF in pixels.
    """
    values = {number.name: number.value for number in numbers}
    masks = doubt(
        arrays["light"], arrays["model"], arrays["z"], fwhm_px, value=arrays["value"], noise=arrays.get("noise"),
        psf=arrays.get("psf"), parameters=arrays.get("parameters"),
        psf_denied=(values.get("beyond_psf_sigmas") or 0.0) > BEYOND_PSF_SIGMAS[0],
    )  # fmt: skip
    doubtful, map_ = _doubtful(masks)
    light = np.maximum(arrays["value"], 0)
    share = 100 * float(light[masks.any].sum()) / max(float(light.sum()), 1e-30)
    doubtful.append(
        Number("doubtful_light_percent", share, "%", "part of the result's light in doubtful places", BLIND)
    )
    values["doubtful_light_percent"] = share
    findings = [_area(masks, doubtful[0])]
    for rule in RULES:
        value = values.get(rule.number)
        if value is not None:
            limits = rule.limits[:1] if rule.needs_photons and not _has_photons(values) else rule.limits
            colour = COLOURS[sum(value > limit for limit in limits)]
            text = rule.good if colour == "green" else rule.bad
            findings.append(Finding(colour, text.format(value), rule.number))
    findings += [found for special in SPECIAL if (found := special(values)) is not None]
    findings.sort(key=lambda finding: -COLOURS.index(finding.colour))
    return findings, doubtful, [map_]


def _has_photons(values: dict[str, float | None]) -> bool:
    """Whether nothing says that counts cannot be turned into photons."""
    return values.get("gain_counts_per_electron", 1.0) is not None


def _doubtful(masks: Doubt) -> tuple[list[Number], Map]:
    """Part of the window that is to be doubted, in all and by reason, and the map of reasons."""
    blind = BLIND
    numbers = [
        Number(
            "doubtful_percent", 100 * float(masks.any.mean()), "%", "part of the window that is to be doubted", blind
        )
    ]
    picture = np.zeros(masks.any.shape, np.float32)
    for bit, (name, words) in enumerate(REASONS.items()):
        mask = getattr(masks, name)
        if mask is not None:
            picture += np.float32(2**bit) * mask
            numbers.append(Number(f"doubtful_{name}_percent", 100 * float(mask.mean()), "%", words, blind))
    words = "; ".join(f"{2**bit}: {text}" for bit, text in enumerate(REASONS.values()))
    return numbers, Map("doubt", picture, "sum of reasons", f"where to look twice: 0 is nothing found, {words}", blind)


def _area(masks: Doubt, number: Number) -> Finding:
    percent = number.value or 0.0
    colour = COLOURS[sum(percent > limit for limit in DOUBT_PERCENT)]
    shares = {
        words: float(mask.mean())
        for name, words in REASONS.items()
        if (mask := getattr(masks, name)) is not None and mask.any()
    }
    reason = f", mostly {max(shares, key=lambda words: shares[words])}" if shares else ""
    return Finding(colour, f"{percent:.2g} % of the image is to be doubted{reason} (see the map)", number.name)


def _overfitted(values: dict[str, float | None]) -> Finding | None:
    value = values.get("residual_chi2")
    if value is None or value >= OVERFITTED_CHI2:
        return None
    text = (
        f"the residual is much smaller than the noise (χ² {value:.2f}): noise was fitted and stands in the result; "
        "fewer iterations, or lower --fidelity"
    )
    return Finding("amber", text, "residual_chi2")


def _sampling(values: dict[str, float | None]) -> Finding | None:
    width = values.get("psf_fwhm_px")
    if width is None:
        return None
    colour = COLOURS[(width < 3) + (width < 2)]
    return Finding(colour, _sampled(width), "psf_fwhm_px")


def _sampled(width: float) -> str:
    if width >= 3:
        return f"the PSF is {width:.3g} px wide: well sampled"
    return f"the PSF is only {width:.3g} px wide: 3 px or more are advised, finer detail has no pixels to stand on"


def _noise_model(values: dict[str, float | None]) -> Finding | None:
    if values.get("noise_correlation_px"):
        text = (
            "noise is correlated between pixels (the image was interpolated, filtered or reconstructed): significance "
            "and split halves look better than they are; go back to the raw data"
        )
        return Finding("amber", text, "noise_correlation_px")
    if not _has_photons(values):
        text = "counts cannot be turned into photons: the noise was measured from the image, and limits are less sure"
        return Finding("amber", text, "gain_counts_per_electron")
    return None


def _resolving(values: dict[str, float | None]) -> Finding | None:
    separation, width = values.get("separation_px"), values.get("psf_fwhm_px")
    if "separation_px" not in values or width is None:
        return None
    if separation is None:
        return None
    if separation < width:
        text = f"faint lines come out apart from {separation:.2g} px: finer than the PSF ({width:.2g} px)"
        return Finding("green", text, "separation_px")
    text = f"faint lines come out apart from {separation:.2g} px only: no finer than the PSF ({width:.2g} px)"
    return Finding("amber", text, "separation_px")


def _narrow(values: dict[str, float | None]) -> Finding | None:
    """Said, but never a reason for doubt: thin structures do come out so, and only their widths mean nothing."""
    value = values.get("narrow_percent")
    if value is None:
        return None
    text = f"{value:.0f} % of the light is in features narrower than 2 px: their widths are those of the pixels"
    return Finding("green", text, "narrow_percent")


def _flicker(values: dict[str, float | None]) -> Finding | None:
    before, after = values.get("flicker_raw_percent"), values.get("flicker_percent")
    if before is None or after is None:
        return None
    times = after / max(before, 1.0)
    colour = COLOURS[sum(times > limit for limit in FLICKER_TIMES)]
    return Finding(colour, f"frames flicker by {after:.2g} % ({before:.2g} % in the data)", "flicker_percent")


SPECIAL: Final[tuple[Callable[[dict[str, float | None]], Finding | None], ...]] = (
    _overfitted, _sampling, _noise_model, _resolving, _narrow, _flicker,
)  # fmt: skip
