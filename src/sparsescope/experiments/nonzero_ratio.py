"""Non-zero ratio before and after, over many images, in three clusters; and what it is worth."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.cluster.vq import kmeans2

from ..findings import Figure, Findings, Line, Plot, Table
from ..io import read
from ..simulate.simulation import Simulation, simulate
from . import Ask
from .tools import ESSAY, PAPER, plane_of, run_recipe

KINDS = ("puncta", "rings", "crossing", "line-pairs", "filaments", "mesh", "discs", "blobs", "mixed")
THRESHOLD = 0.01
"""A pixel counts as not dark above this part of the image's 99.9th percentile."""
CLUSTERS = 3
DEMO = Path(__file__).parent.parent / "demo" / "vesicles.ome.tif"


@dataclass(frozen=True)
class _Ratios:
    """Parts of the pixels that are not dark: before; after the published iteration; above zero in the optimum."""

    name: str
    before: float
    after: float
    strictly: float
    optimum: float


def run(ask: Ask) -> Findings:
    """Run it on simulated images, the one that ships, and those of the data folder."""
    kinds, lights, side = (KINDS[::3], (300.0,), 96) if ask.quick else (KINDS, (30.0, 300.0, 3000.0), 192)
    images = []
    for kind, light, seed in product(kinds, lights, range(1 if ask.quick else 2)):
        made = simulate(Simulation(kind, (side, side), photons=light, seed=seed))
        images.append((f"{kind}, {light:g} photons", made.image, made.setup.fwhm_um / made.setup.pixel_size_um))
    images.append(("vesicles (ships with the package)", read(DEMO).block(), 0.30 / 0.1015))
    images += _real(ask.data)
    found = []
    for number, (name, values, fwhm_px) in enumerate(images):
        found.append(_ratios(name, values, fwhm_px))
        ask.step(number + 1, len(images), "images")
    return _findings(found)


def _real(folder: Path | None) -> list[tuple[str, npt.NDArray[Any], float]]:
    """Return the planes of the pairs of the data folder, if there is one."""
    if folder is None:
        return []
    from .real_pairs import find_pairs

    return [
        (f"{pair.name} {what}", read(path).block().astype(np.float32), pair.fwhm_um / pair.pixel_um)
        for pair in find_pairs(folder)
        for what, path in (("wide-field", pair.widefield), ("SIM", pair.sim))
    ]


def _ratios(name: str, values: npt.NDArray[Any], fwhm_px: float) -> _Ratios:
    settings: dict[str, Any] = {
        "background": "flat", "fidelity": 150.0, "sparsity": 10.0, "continuity": 0.0, "deconvolution": "none",
    }  # fmt: skip
    published = run_recipe(values, 1.0, fwhm_px, **settings)
    optimum = plane_of(run_recipe(values, 1.0, fwhm_px, **settings, tolerance=1e-3))
    behind = 0.0 if published.background is None else np.asarray(published.background.data, np.float64)
    light, result = np.maximum(np.asarray(values, np.float64) - behind, 0), plane_of(published)
    return _Ratios(name, share(light), share(result), float(np.mean(result > 0)), float(np.mean(optimum > 0)))


def share(values: npt.NDArray[Any]) -> float:
    """Return the part of the pixels above 1 % of the 99.9th percentile.

    Examples
    --------
    >>> share(np.array([1.0, 1.0, 0.5, 0.001]))
    0.75
    """
    top = float(np.percentile(values, 99.9))
    return float(np.mean(values > THRESHOLD * top)) if top > 0 else 0.0


def _findings(found: list[_Ratios]) -> Findings:
    points = np.array([[one.before, one.after] for one in found])
    centres, labels = kmeans2(points, CLUSTERS, seed=np.random.default_rng(0), minit="++")
    table = Table(
        ("image", "before", "after, above 1 %", "after, above 0", "optimum, above 0", "cluster"),
        tuple(
            (one.name, one.before, one.after, one.strictly, one.optimum, int(label) + 1)
            for one, label in zip(found, labels, strict=True)
        ),
        "Parts of the pixels that are not dark",
    )
    order = sorted(range(CLUSTERS), key=lambda k: float(centres[k, 0]))
    text = "; ".join(f"{centres[k, 0]:.2f} to {centres[k, 1]:.2f} ({int((labels == k).sum())} images)" for k in order)
    mean = points.mean(0)
    strictly, optimum = (float(np.mean([getattr(one, n) for one in found])) for n in ("strictly", "optimum"))
    shown = (
        (
            f"The ratio falls from {mean[0]:.2f} to {mean[1]:.2f} on average over {len(found)} images, at the "
            f"published weights. Centres of three K-means clusters, before to after: {text}."
        ),
        (
            f"The number depends on how it is counted. Of the result of the published 100 iterations {strictly:.2f} "
            "of the pixels are above zero; of the certified optimum of the same objective, which has exact zeros, "
            f"{optimum:.2f}. The difference is an iteration that was stopped before it converged."
        ),
    )
    boundary = (
        (
            "A smaller ratio says that pixels became dark. It does not say that they should be: sparsity is an "
            "offset, so a larger weight lowers the ratio of any image, to zero in the end. See the experiment "
            "over-sparsity."
        ),
        (
            "Clusters are found in any scatter that is cut into three; nothing here shows that there are three "
            "kinds of image."
        ),
        (
            f"Threshold: {THRESHOLD:.0%} of the 99.9th percentile of each image, after a flat background was taken "
            "away and what is below it cut at zero. Without that every raw image has the ratio 1, because of the "
            "camera's offset. The paper does not state its threshold."
        ),
    )
    return Findings(
        "Non-zero ratio before and after",
        "“Different decreases in non-zero ratios of images after the sparse deconvolution … could be clustered by "
        "the K-means method into three categories” (the essay, Supplementary Fig. 4 of the paper).",
        _figure(found, labels, order),
        (table,),
        shown,
        boundary,
        (PAPER, ESSAY, "K-means with the ++ start: Arthur & Vassilvitskii, SODA 2007."),
        {"before": float(mean[0]), "after": float(mean[1]), "strictly": strictly, "optimum": optimum},
    )


def _figure(found: list[_Ratios], labels: npt.NDArray[np.integer[Any]], order: list[int]) -> Figure:
    def scatter(what: str, title: str) -> Plot:
        lines = [
            Line(
                [one.before for one, label in zip(found, labels, strict=True) if label == k],
                [float(getattr(one, what)) for one, label in zip(found, labels, strict=True) if label == k],
                f"cluster {number + 1}", "points",
            )
            for number, k in enumerate(order)
        ]  # fmt: skip
        lines.append(Line([0, 1], [0, 1], "no change", "dashed"))
        return Plot(tuple(lines), title, "before", "after", y_limits=(-0.03, 1.03))

    panels = (
        scatter("after", "published iteration, above 1 %"),
        scatter("strictly", "published iteration, above 0"),
        scatter("optimum", "certified optimum, above 0"),
    )
    return Figure((panels,), "One point for each image; clusters by K-means on the first panel.", cell_in=3.6)
