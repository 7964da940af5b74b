"""How near an automatic result comes to the best that can be had with the truth in hand.

    python benchmarks/quality/run.py                       development scenes, every method
    python benchmarks/quality/run.py --method auto --quick half of the scenes, ours only
    python benchmarks/quality/run.py --method auto --every 7   nine scenes, a first look
    python benchmarks/quality/run.py --family mild --seeds 3    36 milder scenes instead
    python benchmarks/quality/run.py --held-out            scenes that tuning has not looked at
    python benchmarks/quality/run.py --method auto --detail one line per scene

Prints Markdown. `auto` knows the pixel size and the resolution, nothing else; so do the published defaults. The
oracle and both Richardson–Lucy know background, offset and PSF width, and the best setting of each measure is chosen
by the truth. ``oracle.py`` says how; its numbers are kept in ``.cache``.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import mild
import numpy as np
from oracle import best, best_one
from oracle import published as published_kept
from peers import spitfire_kept
from scenes import DEVELOPMENT, HELD_OUT, KINDS, Scene, scenes
from score import Measures, measure

import sparsescope as ss

Array = np.ndarray
Record = dict[str, float]

PIXEL_UM = 0.065
"""Pixel size that the simulated frames are said to have; the resolution follows."""
PUBLISHED = ss.Recipe(
    background="weak-high-light", fidelity=150, sparsity=10, sparse_iterations=100, deconvolution_iterations=7
)
PUBLISHED_PLAIN = PUBLISHED.replace(background="none")
MILD = (0.4, 0.1)
"""Haze up to which tables of their own are printed. With 0 and 10 % of the peak the published defaults lose about 6 dB,
as near as these scenes come to the 4.7 dB of the measurements that the bars were set by."""
FINE = 0.25
"""Where not even the oracle agrees better than this (smooth blobs), there is nothing fine to agree with: no share."""
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
PAIRS = {
    "microtubules": (
        "biosr_pairs/Microtubules2_widefield_level9_1.tif", "biosr_pairs/Microtubules2_sim_gt_1.tif",
        0.0626, 0.20, 0.575, 0.951,
    ),
    "F-actin": (
        "biosr_pairs/Factin_Nonlinear_widefield_level9_1.tif", "biosr_pairs/Factin_Nonlinear_sim_gt_1.tif",
        0.0626, 0.20, 0.592, 0.823,
    ),
    "HE": (
        "sim_light_pairs/HE_15_widefield_mean.tif", "sim_light_pairs/HER_sim_high_light.tif",
        0.030, 0.195, 0.196, 0.699,
    ),
    "LE": (
        "sim_light_pairs/LE_15_widefield_mean.tif", "sim_light_pairs/HER_sim_high_light.tif",
        0.030, 0.195, 0.111, 0.543,
    ),
}  # fmt: skip
"""Wide-field and SIM of one field: files, pixel and resolution (µm), least agreement and correlation to reach."""


def raw(image: Array, pixel_um: float, resolution_um: float) -> Array:  # noqa: ARG001
    """Return the frame itself."""
    return image.astype(np.float32)


def published(image: Array, pixel_um: float, resolution_um: float) -> Array:
    """Published default settings, background removed as they do."""
    return ours(PUBLISHED, image, pixel_um, resolution_um)


def published_less_minimum(image: Array, pixel_um: float, resolution_um: float) -> Array:
    """Published default settings on the image less its minimum, without a background."""
    return ours(PUBLISHED_PLAIN, image - image.min(), pixel_um, resolution_um)


def auto(image: Array, pixel_um: float, resolution_um: float) -> Array:
    """Nothing given but pixel size and resolution."""
    return ours(ss.Recipe(), image, pixel_um, resolution_um)


def ours(recipe: ss.Recipe, image: Array, pixel_um: float, resolution_um: float) -> Array:
    result = ss.deconvolve(image, recipe, pixel_size_um=pixel_um, resolution_um=resolution_um, threads=1)
    return np.asarray(result.image.data)


BLIND: dict[str, Callable[[Array, float, float], Array]] = {
    "raw": raw,
    "published": published,
    "published, minimum off": published_less_minimum,
    "auto": auto,
}
"""Methods that see the image, its pixel size and its resolution; they return counts."""
KNOWING: dict[str, Callable[[Scene], Record]] = {
    "published, background known": lambda scene: published_kept(scene, "grid"),
    "best-stopped RL": lambda scene: best(scene, "lucy"),
    "best-stopped RL, skimage": lambda scene: best(scene, "skimage"),
    "oracle, one setting": lambda scene: best_one(scene, "grid"),
    "oracle": lambda scene: best(scene, "grid"),
}
"""Methods that know background and offset; of all but the first the truth chooses the setting, by PSNR and by agreement
apart but for the one setting of best PSNR."""
SPITFIRE = "spitfire"
METHODS = (*BLIND, *KNOWING, SPITFIRE)


def evaluate(scene: Scene, methods: tuple[str, ...]) -> dict[str, Record]:
    """Return the measures of each method on a scene, and what it took."""
    measures, out = Measures(scene.truth), {}
    for name in dict.fromkeys(["raw", *methods]):
        if name in BLIND:
            started = time.process_time()
            counts = BLIND[name](scene.image, PIXEL_UM, PIXEL_UM * scene.fwhm_px)
            seconds = time.process_time() - started
            photons = counts * scene.gain - (scene.offset * scene.gain if name == "raw" else 0)
            out[name] = {"seconds": seconds, **measure(scene, photons, measures)}
        elif name == SPITFIRE:
            out[name] = spitfire_kept(scene) or {}
        elif scene.truth.any():
            out[name] = KNOWING[name](scene)
    if scene.truth.any():
        top = best(scene, "grid")
        for record in out.values():
            if "agreement" in record:
                record["loss"] = top["psnr"] - record["psnr"]
                worse = record["psnr"] < out["raw"]["psnr"]
                if top["agreement"] > FINE:
                    record["share"] = record["agreement"] / top["agreement"]
                    worse = worse or record["agreement"] < out["raw"]["agreement"]
                record["worse"] = float(worse)
    return out


Found = list[tuple[Scene, dict[str, Record]]]


def column(found: Found, method: str, key: str) -> dict[str, float]:
    """Return one measure of one method by scene name, where it is there."""
    return {scene.name: records[method][key] for scene, records in found if key in records.get(method, {})}


def mean(values: dict[str, float], form: str) -> str:
    return format(float(np.mean(list(values.values()))), form) if values else "–"


def overall(found: Found, methods: tuple[str, ...]) -> Iterator[str]:
    """One line per method over all scenes."""
    yield (
        "| method | scenes | agreement / oracle's | least | PSNR loss, dB | largest | worse than raw "
        "| false, empty | false, smooth | ring 0.1 / 1 (300, 3000 photons) | CPU s |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for name in methods:
        share, loss = (column(found, name, key) for key in ("share", "loss"))
        if not loss:
            continue
        bottom, top = min(share, key=share.__getitem__), max(loss, key=loss.__getitem__)
        false = column(found, name, "false")
        ratio = [v for k, v in column(found, name, "ratio").items() if "-30-" not in k]
        cells = [
            name, str(len(loss)), mean(share, ".3f"), f"{share[bottom]:.2f} {bottom}", mean(loss, ".2f"),
            f"{loss[top]:.2f} {top}", f"{sum(column(found, name, 'worse').values()):.0f}",
            *(mean({k: v for k, v in false.items() if k.startswith(kind)}, ".2f") for kind in ("empty", "blobs")),
            f"{min(ratio):.3f} – {max(ratio):.3f}" if ratio else "–",
            mean(column(found, name, "seconds"), ".2f"),
        ]  # fmt: skip
        yield "| " + " | ".join(cells) + " |"


def groups(found: Found, methods: tuple[str, ...], by_haze: bool) -> Iterator[str]:
    """Share of the oracle's agreement and PSNR loss by kind, light, width, haze where it goes in steps, and PSF."""
    yield "| agreement / oracle's, PSNR loss | " + " | ".join(methods) + " |"
    yield "|---" * (len(methods) + 1) + "|"
    axes: dict[str, Callable[[Scene], Any]] = {
        "": lambda s: s.kind, " photons": lambda s: s.light, " px": lambda s: s.fwhm_px,
        " haze": lambda s: s.haze, " PSF": lambda s: s.psf,
    }  # fmt: skip
    if not by_haze:
        del axes[" haze"]
    for unit, key in axes.items():
        values = dict.fromkeys(key(scene) for scene, records in found if "loss" in records["raw"])
        for value in values if unit == "" else sorted(values):
            part = [(s, r) for s, r in found if key(s) == value]
            cells = [
                f"{mean(column(part, name, 'share'), '.2f')}, {mean(column(part, name, 'loss'), '.1f')}"
                for name in methods
            ]
            yield f"| {value}{unit} | " + " | ".join(cells) + " |"


def detail(found: Found, methods: tuple[str, ...]) -> Iterator[str]:
    """One line per scene and method."""
    yield "| scene | haze | gain | PSF | method | agreement | share | PSNR | loss | false | ratio |"
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    forms = {"agreement": ".3f", "share": ".3f", "psnr": ".2f", "loss": ".2f", "false": ".2f", "ratio": ".3f"}
    for scene, records in found:
        for name in methods:
            cells = [format(records[name][k], f) if k in records.get(name, {}) else "–" for k, f in forms.items()]
            yield f"| {scene.name} | {scene.haze:.2g} | {scene.gain:g} | {scene.psf} | {name} | {' | '.join(cells)} |"


def pairs(methods: tuple[str, ...]) -> Iterator[str]:
    """Agreement and correlation with SIM of the same field, where the shared data are there."""
    import tifffile  # noqa: PLC0415

    names = [name for name in methods if name in BLIND]
    yield "| agreement, correlation with SIM | to reach | " + " | ".join(names) + " |"
    yield "|---" * (len(names) + 2) + "|"
    for title, (wide, sim, pixel_um, resolution_um, least, least_r) in PAIRS.items():
        image, measures = tifffile.imread(SHARED / wide), Measures(tifffile.imread(SHARED / sim))
        cells = []
        for name in names:
            result = BLIND[name](image, pixel_um, resolution_um)
            cells.append(f"{measures.agreement(result):.3f}, {measures.correlation(result):.3f}")
        yield f"| {title} | {least}, {least_r} | " + " | ".join(cells) + " |"


def main() -> None:
    """Evaluate and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--family", choices=("harsh", "mild"), default="harsh", help="of the scenes (default harsh)")
    parser.add_argument("--held-out", action="store_true", help="scenes that tuning has not looked at")
    parser.add_argument(
        "--method", nargs="+", choices=METHODS, default=METHODS, metavar="NAME", help=", ".join(METHODS)
    )
    parser.add_argument("--kind", nargs="+", choices=[*KINDS, *mild.KINDS], help="these kinds only")
    parser.add_argument("--quick", action="store_true", help="half of the scenes: the two widths in turns")
    parser.add_argument("--every", type=int, default=1, help="every n-th scene only; 7 meets all kinds and lights")
    parser.add_argument("--seeds", type=int, default=1, help="seeds per kind, light and width (default 1)")
    parser.add_argument("--detail", action="store_true", help="also one line per scene and method")
    parser.add_argument("--no-pairs", action="store_true", help="leave the real pairs out")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    arguments = parser.parse_args()
    methods, harsh = tuple(arguments.method), arguments.family == "harsh"
    sets = (DEVELOPMENT, HELD_OUT) if harsh else (mild.DEVELOPMENT, mild.HELD_OUT)
    seeds = sets[arguments.held_out][: arguments.seeds]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        every = scenes(seeds, arguments.quick) if harsh else mild.scenes(seeds)
        made = [s for s in every if not arguments.kind or s.kind in arguments.kind]
        made = made[:: arguments.every]
        found = list(zip(made, pool.map(partial(evaluate, methods=methods), made), strict=True))
    which = f"{arguments.family} {'held-out' if arguments.held_out else 'development'}"
    print(f"{len(made)} {which} scenes, command `python benchmarks/quality/run.py {shlex.join(sys.argv[1:])}`\n")
    print("\n".join(overall(found, methods)) + "\n")
    for most in MILD if harsh else ():
        part = [(s, r) for s, r in found if s.haze <= most]
        if part:
            print(f"haze of at most {100 * most:g} % of the peak:\n\n" + "\n".join(overall(part, methods)) + "\n")
    print("\n".join(groups(found, methods, harsh)))
    if arguments.detail:
        print("\n" + "\n".join(detail(found, methods)))
    if not arguments.no_pairs and SHARED.exists():
        print("\n" + "\n".join(pairs(methods)))
    elif not arguments.no_pairs:
        print("\nno real pairs: ../shared/data is not beside the repository")


if __name__ == "__main__":
    main()
