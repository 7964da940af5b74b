"""The best that can be had with the truth in hand, computed once and kept in ``.cache``.

    python benchmarks/quality/oracle.py [--held-out] [--seeds N] [--jobs 2] [--detail]

Fills the cache and prints which settings are best, by light and by kind. `best` is a search over the whole published
method (fidelity × sparsity × Richardson–Lucy iterations) and over Richardson–Lucy alone, with background, offset and
PSF width known. The cache holds the numbers of every setting; it is keyed by the frame and the grid, not by the
solvers: remove the folder after a change to those.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from scenes import DEVELOPMENT, HELD_OUT, Scene, scenes
from score import Measures, measure

from sparsescope.engines import HessianTerms, pick
from sparsescope.optics.gaussian import gaussian_kernel1d
from sparsescope.solvers.data_term import DataTerm
from sparsescope.solvers.loop import solve
from sparsescope.solvers.richardson_lucy import RichardsonLucy
from sparsescope.solvers.sparse_hessian import PublishedHessian

CACHE = Path(__file__).resolve().parent / ".cache"

FIDELITIES = (20.0, 50.0, 150.0, 500.0, 1500.0)
SPARSITIES = (0.0, 1.0, 4.0, 10.0)
ITERATIONS = (3, 7, 12, 20, 35, 60)
SPARSE_ITERATIONS = 100
"""The grid of the oracle: 120 settings."""
STOPS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 17, 20, 25, 30, 35, 40, 50, 60, 70, 85, 100)
"""Iterations at which Richardson–Lucy alone may stop."""
SKIMAGE_STOPS = (5, 10, 20, 40, 80, 160)
"""The same for scikit-image's, which is not accelerated and must start anew for each."""

Record = dict[str, float]


def cached(scene: Scene, what: str, grid: object, compute: Callable[[], list[Record]]) -> list[Record]:
    """Return what is in the cache for this frame and grid, computing it where it is missing."""
    truth = np.ascontiguousarray(scene.truth, np.float32)
    key = hashlib.sha256(scene.image.tobytes() + truth.tobytes() + repr(grid).encode()).hexdigest()[:12]
    path = CACHE / f"{scene.name}-{what}-{key}.json"
    if path.exists():
        found: list[Record] = json.loads(path.read_text())
        return found
    records = compute()
    CACHE.mkdir(exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(records))
    part.replace(path)
    return records


def visits(data: np.ndarray, fwhm_px: float, stops: tuple[int, ...], behind: np.ndarray | None) -> Iterator[Any]:
    """Yield (iterations, estimate) along one run of Richardson–Lucy."""
    kernel = gaussian_kernel1d(fwhm_px)
    term = DataTerm(pick("cpu", 1).mirrored(kernel, kernel, data.shape))
    solver = RichardsonLucy(term, max(stops), behind)
    state, taken = solver.init(data), 0
    for stop in stops:
        solver.step(state, stop - taken)
        taken = stop
        yield stop, solver.finish(state)


def grid_search(scene: Scene, fwhm_px: float | None = None) -> list[Record]:
    """Score every setting of the grid; background and offset are the true ones."""
    net = (scene.photons - scene.background).astype(np.float32)
    scale, measures, records = net.max(), Measures(scene.truth), []
    for fidelity in FIDELITIES:
        for sparsity in SPARSITIES:
            solver = PublishedHessian(pick("cpu", 1), HessianTerms(fidelity, sparsity), SPARSE_ITERATIONS)
            denoised = solve(solver, net / scale).value
            for stop, found in visits(denoised, fwhm_px or scene.fwhm_px, ITERATIONS, None):
                setting = {"fidelity": fidelity, "sparsity": sparsity, "iterations": stop}
                records.append({**setting, **measure(scene, found * scale, measures)})
    return records


def lucy_search(scene: Scene) -> list[Record]:
    """Score Richardson–Lucy alone at every stop, the true background in its model."""
    data = scene.photons.astype(np.float32)
    scale, measures = data.max(), Measures(scene.truth)
    behind = (scene.background / scale).astype(np.float32)
    return [
        {"iterations": stop, **measure(scene, found * scale, measures)}
        for stop, found in visits(data / scale, scene.fwhm_px, STOPS, behind)
    ]


def skimage_search(scene: Scene) -> list[Record]:
    """Score scikit-image's Richardson–Lucy at every stop, the true background subtracted before."""
    from skimage.restoration import richardson_lucy  # noqa: PLC0415

    line = gaussian_kernel1d(scene.fwhm_px)
    net = np.maximum(scene.photons - scene.background, 0).astype(np.float32)
    scale, measures, psf = net.max(), Measures(scene.truth), line[:, None] * line
    return [
        {
            "iterations": n,
            **measure(scene, richardson_lucy(net / scale, psf, n, clip=False, filter_epsilon=1e-6) * scale, measures),
        }
        for n in SKIMAGE_STOPS
    ]


SEARCHES: dict[str, tuple[object, Callable[[Scene], list[Record]]]] = {
    "grid": ((FIDELITIES, SPARSITIES, ITERATIONS, SPARSE_ITERATIONS), grid_search),
    "lucy": (STOPS, lucy_search),
    "skimage": (SKIMAGE_STOPS, skimage_search),
}


def search(scene: Scene, what: str) -> list[Record]:
    """Return the records of every setting of a search, from the cache where it has them."""
    grid, compute = SEARCHES[what]
    return cached(scene, what, grid, lambda: compute(scene))


def best(scene: Scene, what: str) -> Record:
    """Return the best agreement and the best PSNR of a search (two settings); the other measures at the best PSNR."""
    records = search(scene, what)
    top = max(records, key=lambda record: record["psnr"])
    return {**top, "agreement": max(record["agreement"] for record in records)}


def best_one(scene: Scene, what: str) -> Record:
    """Return the setting of best PSNR, with the agreement of that same setting."""
    return max(search(scene, what), key=lambda record: record["psnr"])


def published(scene: Scene, what: str) -> Record:
    """Return the published default setting in the grid."""
    wanted = {"fidelity": 150.0, "sparsity": 10.0, "iterations": 7}
    return next(record for record in search(scene, what) if wanted.items() <= record.items())


def fill(scene: Scene) -> Scene:
    """Put every search of a scene into the cache."""
    if scene.truth.any():
        for what in SEARCHES:
            search(scene, what)
    return scene


def each(made: list[Scene]) -> Iterator[str]:
    """Describe the best settings, one line per scene and measure."""
    yield "| scene | by | fidelity | sparsity | iterations | agreement | PSNR | raw agreement | raw PSNR |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for scene in made:
        raw = measure(scene, scene.photons)
        for by in ("agreement", "psnr"):
            top = max(search(scene, "grid"), key=lambda record, by=by: record[by])
            yield (
                f"| {scene.name} | {by} | {top['fidelity']:g} | {top['sparsity']:g} | {top['iterations']} "
                f"| {top['agreement']:.3f} | {top['psnr']:.2f} | {raw['agreement']:.3f} | {raw['psnr']:.2f} |"
            )


def settings(made: list[Scene]) -> Iterator[str]:
    """Describe the best settings by light, width and kind: fidelity and iterations by geometric mean, and the range."""
    yield "| scenes | by agreement: fidelity, sparsity, iterations | by PSNR: fidelity, sparsity, iterations |"
    yield "|---|---|---|"
    keys: dict[str, Callable[[Scene], Any]] = {
        " photons": lambda s: s.light, " px": lambda s: s.fwhm_px, " haze": lambda s: s.haze, "": lambda s: s.kind
    }  # fmt: skip
    for unit, key in keys.items():
        for value in sorted({key(scene) for scene in made}):
            part = [scene for scene in made if key(scene) == value]
            cells = []
            for by in ("agreement", "psnr"):
                tops = [max(search(s, "grid"), key=lambda record, by=by: record[by]) for s in part]
                f, s, n = (np.array([top[k] for top in tops]) for k in ("fidelity", "sparsity", "iterations"))
                middles = (np.exp(np.log(f).mean()), s.mean(), np.exp(np.log(n).mean()))
                cells.append(
                    ", ".join(
                        f"{middle:.3g} ({values.min():g}–{values.max():g})"
                        for middle, values in zip(middles, (f, s, n), strict=True)
                    )
                )
            yield f"| {value}{unit} | " + " | ".join(cells) + " |"


def main() -> None:
    """Fill the cache and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--held-out", action="store_true", help="the seeds that tuning has not looked at")
    parser.add_argument("--seeds", type=int, default=1, help="seeds per kind, light and width (default 1)")
    parser.add_argument("--quick", action="store_true", help="half of the scenes: the two widths in turns")
    parser.add_argument("--detail", action="store_true", help="also two lines per scene")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    arguments = parser.parse_args()
    seeds = (HELD_OUT if arguments.held_out else DEVELOPMENT)[: arguments.seeds]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        made = [scene for scene in pool.map(fill, scenes(seeds, arguments.quick)) if scene.truth.any()]
    print("\n".join(settings(made)))
    if arguments.detail:
        print("\n" + "\n".join(each(made)))


if __name__ == "__main__":
    main()
