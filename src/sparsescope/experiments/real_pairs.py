"""Real pairs: a wide-field image deconvolved, against structured illumination of the same field."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage, optimize

from ..errors import InputError
from ..findings import Figure, Findings, Picture, Table
from ..io import read
from . import Ask
from .tools import PAPER, correlation, plane_of, published, run_recipe


class Pair(NamedTuple):
    """Two images of one field."""

    name: str
    widefield: Path
    sim: Path
    pixel_um: float
    fwhm_um: float


KNOWN = (
    ("microtubules", "biosr_pairs/Microtubules2_widefield_level9_1.tif", "biosr_pairs/Microtubules2_sim_gt_1.tif",
     0.0626, 0.20),
    ("F-actin", "biosr_pairs/Factin_Nonlinear_widefield_level9_1.tif", "biosr_pairs/Factin_Nonlinear_sim_gt_1.tif",
     0.0626, 0.20),
    ("microtubules, much light", "sim_light_pairs/HE_15_widefield_mean.tif", "sim_light_pairs/HER_sim_high_light.tif",
     0.030, 0.195),
)  # fmt: skip
"""Pairs by their places in the data folder, with pixel size and width of the wide-field PSF in µm."""

USUAL = ("shared/data", "../shared/data")
"""Where the folder is looked for when it is not given, from the current folder."""


def find_pairs(folder: Path | None) -> list[Pair]:
    """Return the pairs that are there.

    A folder holds the pairs of `KNOWN`, or any of the form ``NAME_widefield….tif`` with ``NAME_sim….tif``, whose files
    say their pixel size.
    """
    for root in [folder] if folder is not None else [Path(usual) for usual in USUAL]:
        found = [
            Pair(name, root / first, root / second, pixel, fwhm)
            for name, first, second, pixel, fwhm in KNOWN
            if (root / first).is_file() and (root / second).is_file()
        ]
        found += _named(root) if not found and root.is_dir() else []
        if found:
            return found
    return []


def _named(root: Path) -> list[Pair]:
    """Return pairs by their names, of files that say their pixel size; the PSF is 0.2 µm, as at 520 nm and NA 1.3."""
    pairs = []
    for first in sorted(root.rglob("*_widefield*.tif*")):
        name = first.name.split("_widefield")[0]
        second = next(iter(sorted(first.parent.glob(f"{name}_sim*.tif*"))), None)
        pixel = read(first).pixel_size_um if second is not None else None
        if second is not None and pixel is not None:
            pairs.append(Pair(name, first, second, pixel, 0.2))
    return pairs


@dataclass(frozen=True)
class _Compared:
    """One pair: pictures on the grid of the wide-field image, and what agrees with SIM."""

    pair: Pair
    pictures: dict[str, npt.NDArray[Any]]
    scores: dict[str, float]
    errors: dict[str, float]


def run(ask: Ask) -> Findings:
    """Run it on every pair that is there."""
    pairs = find_pairs(ask.data)
    if not pairs:
        raise InputError(
            "real-pairs needs wide-field and SIM images of the same field, and there are none: give --data FOLDER "
            "with NAME_widefield.tif and NAME_sim.tif, both with their pixel size"
        )
    found = []
    for number, pair in enumerate(pairs[:1] if ask.quick else pairs):
        found.append(_compare(pair, 128 if ask.quick else None))
        ask.step(number + 1, len(pairs), "pairs")
    return _findings(found)


def _compare(pair: Pair, side: int | None) -> _Compared:
    part = slice(0, side)
    raw = read(pair.widefield).block()[part, part].astype(np.float32)
    sim = np.maximum(read(pair.sim).block()[part, part].astype(np.float64), 0)
    if raw.shape != sim.shape:
        raise InputError(
            f"{pair.widefield.name} has {raw.shape} pixels, {pair.sim.name} {sim.shape}: give both on the same grid"
        )
    pictures: dict[str, npt.NDArray[Any]] = {
        "wide-field": raw,
        "published defaults": plane_of(published(raw, pair.pixel_um, pair.fwhm_um, background="flat")),
        "automatic": plane_of(run_recipe(raw, pair.pixel_um, pair.fwhm_um)),
        "SIM": sim,
    }
    scores, errors = {}, {}
    for name in ("wide-field", "published defaults", "automatic"):
        scores[name], errors[name] = _agreement(pictures[name], sim)
    return _Compared(pair, pictures, scores, errors)


def _agreement(values: npt.NDArray[Any], sim: npt.NDArray[Any]) -> tuple[float, float]:
    """Return correlation and relative error at the Gaussian blur of SIM that fits best, after an affine fit.

    SIM is blurred, not the result: it is the sharper one, and the blur says how far the result is from it.
    """

    def error(sigma_px: float) -> float:
        goal = ndimage.gaussian_filter(sim, max(sigma_px, 1e-3))
        slope, level = np.polyfit(values.ravel().astype(np.float64), goal.ravel(), 1)
        return float(np.linalg.norm(slope * values + level - goal) / np.linalg.norm(goal - goal.mean()))

    best = optimize.minimize_scalar(error, bounds=(0.0, 6.0), method="bounded", options={"xatol": 0.02})
    return correlation(values, sim), float(best.x)


def _findings(found: list[_Compared]) -> Findings:
    rows = [
        (one.pair.name, name, one.scores[name], 2.35482 * one.errors[name] * one.pair.pixel_um * 1000)
        for one in found
        for name in one.scores
    ]
    table = Table(("pair", "image", "correlation with SIM", "blur from SIM, nm (FWHM)"), tuple(rows), "Against SIM")
    text = "; ".join(
        f"{one.pair.name}: " + ", ".join(f"{name} {value:.3f}" for name, value in one.scores.items()) for one in found
    )
    blurs = "; ".join(
        f"{one.pair.name}: "
        + ", ".join(f"{name} {2.35482 * value * one.pair.pixel_um * 1000:.0f} nm" for name, value in one.errors.items())
        for one in found
    )
    shown = (
        f"Correlation with SIM of the same field: {text}.",
        (
            f"Gaussian blur (FWHM) by which SIM has to be blurred to look like it: {blurs}. Less is sharper, as far "
            "as the SIM image shows what is there."
        ),
    )
    boundary = (
        "SIM is no truth: it has noise and artefacts of its own reconstruction, and its own limit near 100 nm.",
        (
            "Wide-field frames hold light from out of focus, SIM suppresses it; a part of the difference is that, "
            "and no deconvolution of one plane can take it away surely."
        ),
        f"{len(found)} fields of microtubules and actin. They say little about other structures.",
    )
    panels = tuple(
        tuple(_shown(values, f"{name}\n{one.pair.name}", one.pair.pixel_um) for name, values in one.pictures.items())
        for one in found
    )
    measures = {f"{one.pair.name} {name}": value for one in found for name, value in one.scores.items()}
    return Findings(
        "Real pairs: wide-field against SIM",
        "Sparse deconvolution of conventional images shows what super-resolution images of the same field show (the "
        "paper and the essay, for several microscopes).",
        Figure(panels, "A part of each field; black and white at the 1st and 99.8th percentile.", cell_in=3.2),
        (table,),
        shown,
        boundary,
        (PAPER, "BioSR: Qiao et al., Nature Methods 18, 194 (2021), figshare 13264793, CC BY 4.0."),
        measures,
    )


def _shown(values: npt.NDArray[Any], title: str, pixel_um: float) -> Picture:
    low, high = (float(v) for v in np.percentile(values, (1, 99.8)))
    middle = [n // 2 for n in values.shape]
    half = min(80, *middle)
    part = values[middle[0] - half : middle[0] + half, middle[1] - half : middle[1] + half]
    return Picture(part, title, pixel_um, limits=(low, high))
