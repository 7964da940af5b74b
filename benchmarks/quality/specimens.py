"""Settings for eight kinds of specimen, measured on simulated frames: where the presets of these names come from.

    python benchmarks/quality/specimens.py             choose and compare, two minutes on two idle cores
    python benchmarks/quality/specimens.py --quick     one seed and a coarse grid, a first look
    python benchmarks/quality/specimens.py --held-out  the presets as they are, on frames that they were not chosen on

Prints Markdown. Sizes, light and background are what we take to be usual; none is from the published table. For each
specimen one background is taken, then the one setting of fidelity, sparsity and iterations whose mean loss of PSNR from
each frame's own best is least.
"""

from __future__ import annotations

import argparse
import itertools
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy import fft
from score import Measures

import sparsescope as ss
from sparsescope.presets import PRESETS
from sparsescope.simulate.camera import CAMERAS, Camera
from sparsescope.simulate.canvas import Canvas
from sparsescope.simulate.optics import blurred, transfer
from sparsescope.simulate.phantoms import Look, discs, filaments, puncta, rings
from sparsescope.simulate.simulation import Simulation, simulate

Array = np.ndarray
Draw = Callable[[Canvas, np.random.Generator, float], None]
Score = tuple[float, float]
"""PSNR (dB) and agreement with the truth."""
Which = tuple[str, float, int]
"""Specimen, photons and seed of a frame."""

SHAPE_PX = (160, 160)
SIM_UM, DISK_UM = (0.0325, 0.10), (0.05, 0.15)
"""Pixel size and resolution of 2D-SIM and of spinning-disk SIM."""
SEEDS = (0, 1, 2)
HELD_OUT = (1000, 1001, 1002)
FIDELITIES = (20.0, 40.0, 60.0, 100.0, 150.0, 300.0)
PARTS = (0.0, 0.01, 0.03, 0.05)
"""Sparsity as a part of fidelity: what is darker than this part of the maximum is lost; no more than `auto` takes."""
ITERATIONS = (4, 7, 10, 14, 20, 35, 60)
BACKGROUNDS = ("flat", "smooth-wide", "smooth-16", "weak-high-light", "weak-low-light")
TRIAL = {"fidelity": 80.0, "sparsity": 0.8, "deconvolution_iterations": 12}
"""Setting at which backgrounds are compared."""
AS_GOOD_DB = 0.1
MOST_ITERATIONS = 35
"""More are not chosen: rings below the resolution fall into pieces, though the agreement still grows."""


def thin_and_bundled(canvas: Canvas, rng: np.random.Generator, fwhm_um: float) -> None:
    """Draw single filaments, and a few bundles as wide as the PSF and three times as bright."""
    filaments(canvas, rng, Look(fwhm_um, count=11))
    bundles = Canvas(canvas.grid)
    filaments(bundles, rng, Look(fwhm_um, size_um=fwhm_um, count=3))
    canvas.samples += 3 * bundles.samples


def dense(canvas: Canvas, rng: np.random.Generator, fwhm_um: float) -> None:
    """Draw many filaments, stiffer than actin's."""
    filaments(canvas, rng, Look(2 * fwhm_um, count=26))


def caveolae(canvas: Canvas, rng: np.random.Generator, fwhm_um: float) -> None:
    """Draw rings of 0.06 to 0.1 µm, about three in a square micron."""
    for _ in range(round(3 * canvas.area())):
        rings(canvas, rng, Look(fwhm_um, size_um=rng.uniform(0.06, 0.1), count=1))


def pits(canvas: Canvas, rng: np.random.Generator, fwhm_um: float) -> None:
    """Draw rings of 0.1 to 0.2 µm and discs of this size, which are pits seen from above and flat ones."""
    for _ in range(round(0.5 * canvas.area())):
        rings(canvas, rng, Look(fwhm_um, size_um=rng.uniform(0.1, 0.2), count=1))
        puncta(canvas, rng, Look(fwhm_um, size_um=rng.uniform(0.1, 0.2), count=1))


def bodies(canvas: Canvas, rng: np.random.Generator, fwhm_um: float) -> None:
    """Draw filled bodies of 0.3 to 0.6 µm."""
    for _ in range(round(0.4 * canvas.area())):
        discs(canvas, rng, Look(fwhm_um, size_um=rng.uniform(0.3, 0.6), count=1))


def hollow(
    canvas: Canvas, rng: np.random.Generator, fwhm_um: float, sizes_um: tuple[float, float], per_um2: float
) -> None:
    """Draw vesicles of these diameters: a ring, and a quarter of its light spread over the disc within."""
    for _ in range(round(per_um2 * canvas.area())):
        diameter = rng.uniform(*sizes_um)
        rings(canvas, rng, Look(fwhm_um, size_um=diameter, count=1))
        made = canvas.objects[-1]
        light = 0.25 * np.pi * diameter * float(made["light_per_um"])
        canvas.disc(float(made["y_um"]), float(made["x_um"]), diameter, light)


@dataclass(frozen=True)
class Specimen:
    """How a kind of specimen is simulated; `photons` are the light levels, `reconstructed` is SIM, else a camera."""

    draw: Draw
    pixel_size_um: float
    resolution_um: float
    photons: tuple[float, float]
    reconstructed: bool


def sim(draw: Draw, *photons: float) -> Specimen:
    return Specimen(draw, *SIM_UM, (photons[0], photons[1]), reconstructed=True)


def disk(draw: Draw, *photons: float) -> Specimen:
    return Specimen(draw, *DISK_UM, (photons[0], photons[1]), reconstructed=False)


SPECIMENS = {
    "sim-actin": sim(thin_and_bundled, 200, 1000),
    "sim-lysoview": sim(partial(hollow, sizes_um=(0.15, 0.6), per_um2=0.8), 40, 150),
    "sim-caveolae": sim(caveolae, 150, 600),
    "sd-sim-actin": disk(thin_and_bundled, 80, 400),
    "sd-sim-ccp": disk(pits, 60, 250),
    "sd-sim-peroxisome": disk(bodies, 30, 120),
    "sd-sim-tubulin": disk(dense, 80, 400),
    "sd-sim-lysosome": disk(partial(hollow, sizes_um=(0.3, 0.8), per_um2=0.4), 60, 250),
}
FLAT, HAZE = 0.05, 0.15
"""Even and uneven background as parts of the photons of the brightest pixel."""


@dataclass(frozen=True)
class Frame:
    """A frame of a specimen: what is seen, in counts, and the truth, in photons."""

    name: str
    photons: float
    seed: int
    image: Array
    truth: Array


def frame(name: str, photons: float, seed: int) -> Frame:
    """Return a frame of a specimen; of a camera's frames half are blurred by a Gaussian, half by an Airy pattern."""
    kind = SPECIMENS[name]
    rng = np.random.default_rng([seed, zlib.crc32(f"{name} {photons:g}".encode())])
    ground = Simulation(
        "empty",
        SHAPE_PX,
        kind.pixel_size_um,
        kind.resolution_um,
        photons=photons,
        background=FLAT,
        haze=HAZE,
        seed=seed,
    )
    canvas = Canvas(ground.grid)
    kind.draw(canvas, rng, kind.resolution_um)
    round_pupil = kind.reconstructed or (seed + kind.photons.index(photons)) % 2 == 1
    response = transfer(ground.grid, kind.resolution_um, "airy" if round_pupil else "gauss")
    seen = ground.grid.pixels(blurred(canvas.samples, response))
    scale = photons / seen.max()
    expected = seen * scale + simulate(ground).background
    take = reconstructed if kind.reconstructed else CAMERAS["scmos"].expose
    return Frame(name, photons, seed, take(expected, rng), ground.grid.pixels(canvas.samples) * scale)


def reconstructed(expected: Array, rng: np.random.Generator) -> Array:
    """Return what SIM makes of light: its noise has the band of its transfer function, nothing is below zero.

    The noise keeps its strength, so that the photons tell the ratio of signal to noise as they do with a camera.
    """
    noise = Camera(offset_counts=0, read_noise_e=0, bits=0).expose(expected, rng) - expected
    pixel_um, fwhm_um = SIM_UM
    frequency = np.hypot(*np.meshgrid(*(fft.fftfreq(n, pixel_um) for n in expected.shape), indexing="ij"))
    v = np.minimum(frequency * fwhm_um / 1.029, 1)
    band = 2 / np.pi * (np.arccos(v) - v * np.sqrt(1 - v * v))
    passed = fft.ifft2(fft.fft2(noise) * band).real / np.sqrt((band**2).mean())
    return np.maximum(expected + passed, 0).astype(np.float32)


def settings(quick: bool) -> list[dict[str, float]]:
    """Return the grid, smoothest first: fewest iterations, then least fidelity, then least sparsity."""
    return [
        {"fidelity": fidelity, "sparsity": round(part * fidelity, 6), "deconvolution_iterations": iterations}
        for iterations, fidelity, part in itertools.product(
            ITERATIONS[:: 2 if quick else 1], FIDELITIES[:: 2 if quick else 1], PARTS[:: 2 if quick else 1]
        )
    ]


def deconvolved(made: Frame, image: Array, recipe: ss.Recipe) -> ss.Result:
    kind = SPECIMENS[made.name]
    return ss.deconvolve(image, recipe, pixel_size_um=kind.pixel_size_um, resolution_um=kind.resolution_um, threads=1)


def recipe_of(background: str, setting: dict[str, float]) -> ss.Recipe:
    values: dict[str, Any] = {**setting, "background": background}
    return ss.Recipe(**values, continuity=0, sparse_iterations=100, intensity="unbiased")


def scored(image: Array, measures: Measures) -> Score:
    return measures.psnr(image), measures.agreement(image)


def grounds(which: Which) -> list[float]:
    """Return the PSNR of a frame with each background, at one setting."""
    made = frame(*which)
    measures = Measures(made.truth)
    tried = [deconvolved(made, made.image, recipe_of(background, TRIAL)) for background in BACKGROUNDS]
    return [scored(result.image.data, measures)[0] for result in tried]


@dataclass(frozen=True)
class Judged:
    """Scores of a frame: of every setting of the grid, and of what they are compared with."""

    grid: list[Score]
    others: dict[str, Score]


def judge(which: Which, background: str, tried: list[dict[str, float]], preset: bool) -> Judged:
    """Return the scores of a frame; the published defaults get the specimen's background.

    The background is the same with every setting, so the grid takes it off once: the results are equal to the bit.
    """
    made = frame(*which)
    measures = Measures(made.truth)
    recipes = {
        "published": ss.Recipe.preset("published-python", background=background, continuity=0),
        "auto": ss.Recipe(),
        **({"preset": ss.Recipe.preset(made.name)} if preset else {}),
    }
    results = {name: deconvolved(made, made.image, recipe) for name, recipe in recipes.items()}
    others = {name: scored(result.image.data, measures) for name, result in results.items()}
    net = made.image.astype(np.float32) - results["published"].background.data
    grid = [scored(deconvolved(made, net, recipe_of("none", one)).image.data, measures) for one in tried]
    return Judged(grid, {"raw": scored(made.image, measures), **others})


def choose(frames: list[Judged], tried: list[dict[str, float]]) -> int:
    """Return which setting of the grid loses least on average, none of its frames worse than raw; of equals the first.

    Where every setting makes some frame worse than raw, all are allowed; the table counts such frames.
    """
    scores = np.array([one.grid for one in frames])
    raw = np.array([one.others["raw"] for one in frames])[:, None]
    loss = (scores[..., 0].max(1, keepdims=True) - scores[..., 0]).mean(0)
    allowed = (scores >= raw).all((0, 2))
    few = np.array([one["deconvolution_iterations"] <= MOST_ITERATIONS for one in tried])
    allowed = allowed & few if (allowed & few).any() else few
    return int(np.flatnonzero(allowed & (loss <= loss[allowed].min() + AS_GOOD_DB))[0])


def row(name: str, background: str, setting: dict[str, Any], frames: list[Judged], chosen: list[Score]) -> str:
    """Return a line of the table."""
    bests = [max(psnr for psnr, _ in one.grid) for one in frames]
    raw = [one.others["raw"] for one in frames]
    others = [[one.others[kind] for one in frames] for kind in ("raw", "published", "auto")]
    cells = []
    for scores in (chosen, *others):
        loss = [best - psnr for best, (psnr, _) in zip(bests, scores, strict=True)]
        worse = sum(a < c or b < d for (a, b), (c, d) in zip(scores, raw, strict=True))
        agreement = np.mean([b for _, b in scores])
        cells.append(f"{np.mean(loss):.2f} ({max(loss):.2f}), {agreement:.2f}" + (f", {worse} worse" if worse else ""))
    values = " | ".join(f"{setting[key]:g}" for key in ("fidelity", "sparsity", "deconvolution_iterations"))
    return f"| {name} | {background} | {values} | " + " | ".join(cells) + " |"


def table(seeds: tuple[int, ...], quick: bool, preset: bool, jobs: int) -> Iterator[str]:
    """Yield the lines of the table, one specimen after the other."""
    yield "| specimen | background | fidelity | sparsity | iterations | chosen | raw | published | auto |"
    yield "|---|---|---|---|---|---|---|---|---|"
    tried = settings(quick)
    with ProcessPoolExecutor(jobs) as pool:
        for name, kind in SPECIMENS.items():
            every = [(name, photons, seed) for seed in seeds for photons in kind.photons]
            if preset:
                setting: dict[str, Any] = dict(PRESETS[name].values)
                background = setting["background"]
            else:
                means = np.mean(list(pool.map(grounds, every)), axis=0)
                background = BACKGROUNDS[int(np.flatnonzero(means >= means.max() - AS_GOOD_DB)[0])]
            work = partial(judge, background=background, tried=tried, preset=preset)
            frames = list(pool.map(work, every))
            if preset:
                chosen = [one.others["preset"] for one in frames]
            else:
                place = choose(frames, tried)
                setting, chosen = tried[place], [one.grid[place] for one in frames]
            yield row(name, background, setting, frames, chosen)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one seed and an eighth of the grid")
    parser.add_argument("--held-out", action="store_true", help="the presets, on frames that nothing was chosen on")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    arguments = parser.parse_args()
    seeds = HELD_OUT if arguments.held_out else SEEDS
    for line in table(seeds[: 1 if arguments.quick else None], arguments.quick, arguments.held_out, arguments.jobs):
        print(line, flush=True)


if __name__ == "__main__":
    main()
