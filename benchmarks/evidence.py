"""How well the evidence predicts the truth: ``python benchmarks/evidence.py [--held-out] [--seeds N]``.

On simulated frames whose truth is known (quality/scenes.py): which part of planted false structure is marked and how
much of correct images is; how well the maps follow the true error; whether injected line pairs come apart where real
ones do; what quick evidence costs. Limits are set on the development seeds; the held-out seeds are only measured.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage, stats
from scipy.signal import fftconvolve

sys.path.insert(0, str(Path(__file__).parent / "quality"))

import scenes

import sparsescope as ss
from sparsescope.evidence import Evidence, gather
from sparsescope.optics.gaussian import gaussian_psf
from sparsescope.quality import injection

Array = Any

FIRST = {"development": 5, "held-out": 1005}
"""First seed of each set."""
FALSE = 0.3
"""A result is false where it differs from the truth by this part of the bright level, at 0.6 PSF widths."""
CORRECT = 0.02
"""A result counts as correct when less of its area is false."""
LOST = 0.5
"""Structure is lost where less than this part of it is left."""


def blurred(values: Array, fwhm_px: float) -> Array:
    return ndimage.gaussian_filter(np.asarray(values, np.float32), fwhm_px / 2.35482)


def frames(seeds: tuple[int, ...]) -> list[scenes.Scene]:
    """Every kind with structure at every light level, the PSF widths in turns."""
    kinds = [kind for kind in scenes.KINDS if kind != "empty"]
    return [
        scenes.scene(kind, light, scenes.WIDTHS[(i + j + seed) % 2], seed)
        for seed in seeds
        for i, kind in enumerate(kinds)
        for j, light in enumerate(scenes.LIGHTS)
    ]


def inside(scene: scenes.Scene) -> Array:
    """All but the border of 1.25 PSF widths, which evidence does not judge: light comes in over it."""
    mask = np.zeros(scene.image.shape, bool)
    border = round(1.25 * scene.fwhm_px)
    mask[border:-border, border:-border] = True
    return mask


def image_of(scene: scenes.Scene) -> ss.Image:
    return ss.as_image(scene.image, pixel_size_um=1.0)


def run(scene: scenes.Scene, **changes: Any) -> ss.Result:
    recipe = ss.Recipe(**changes) if changes else None
    return ss.deconvolve(image_of(scene), recipe, resolution_um=None if "resolution_um" in changes else scene.fwhm_px)


def given(result: ss.Result) -> dict[str, Any]:
    return result.recipe.model_dump()


def truth_at_detail(scene: scenes.Scene) -> tuple[Array, float, float]:
    """Truth in counts at 0.6 PSF widths, that width, and the bright level."""
    width = max(2.0, 0.6 * scene.fwhm_px)
    truth = blurred(scene.truth / scene.gain, width)
    return truth, width, float(np.percentile(truth, 99.5))


def false_area(scene: scenes.Scene, value: Array) -> Array:
    truth, width, top = truth_at_detail(scene)
    return np.abs(blurred(value, width) - truth) > FALSE * top


def with_value(result: ss.Result, value: Array) -> ss.Result:
    return replace(result, image=result.image.replace(data=np.asarray(value, np.float32)))


def perfect(scene: scenes.Scene, result: ss.Result) -> tuple[ss.Image, ss.Result]:
    """The truth itself as a result, and a frame that it explains: through the PSF of the solver, new noise."""
    truth = scene.truth / scene.gain
    behind = scene.background / scene.gain + scene.offset
    sampled = result.psfs[0]
    psf = gaussian_psf(scene.fwhm_px) if sampled is None else sampled.data
    half = len(psf) // 2
    wider = np.pad(truth, half, mode="symmetric")
    seen = np.maximum(fftconvolve(wider, psf.astype(float), "same")[half:-half, half:-half], 0)
    rng = np.random.default_rng([scene.seed, 78])
    electrons = rng.poisson(seen * scene.gain + scene.background) + rng.normal(0, scenes.READ_NOISE, seen.shape)
    frame = np.clip(np.rint(electrons / scene.gain + scene.offset), 0, 65535).astype(np.uint16)
    image = image_of(scene)
    known = replace(with_value(result, truth), background=image.replace(data=behind.astype(np.float32)))
    return image.replace(data=frame), known


def pasted(scene: scenes.Scene, result: ss.Result) -> tuple[ss.Result, Array]:
    """A result with filaments and spots pasted in that are not there, and where they are.

    Once blurred half as bright as the bright level of the frame, and as sharp as results are (half the PSF's width).
    """
    rng = np.random.default_rng([scene.seed, 77])
    canvas = np.zeros((scenes.GRID, scenes.GRID))
    scenes.filaments(rng, canvas, 3)
    line = scenes.binned(canvas)
    canvas[:] = 0
    scenes.splat(canvas, *rng.uniform(20, scenes.SIDE - 20, (2, 12)), 1.0)
    spots = scenes.binned(canvas)
    inner = (slice(scenes.MARGIN, -scenes.MARGIN),) * 2
    level = 0.5 * np.percentile(scene.signal / scene.gain, 99.5)
    fake = np.zeros((scenes.SIDE, scenes.SIDE), np.float32)
    for part in (line, spots):
        sharp = blurred(part, max(2.0, scene.fwhm_px / 2))[inner]
        fake += sharp * np.float32(level / blurred(sharp, scene.fwhm_px).max())
    seen = blurred(fake, scene.fwhm_px)
    return with_value(result, np.asarray(result.image.data) + fake), seen > 0.5 * level


def sparsified(scene: scenes.Scene, result: ss.Result) -> tuple[ss.Result, Array]:
    """The same run with a sparsity that takes a quarter of the maximum off, and where structure is lost by it.

    Structure counts from a tenth of the bright level, where the camera shows it at three times its noise.
    """
    values = given(result)
    values["sparsity"] = float(values["sparsity"]) + 0.25 * float(values["fidelity"])
    after = run(scene, **values)
    signal = scene.signal / scene.gain
    sigma = np.sqrt(blurred(scene.signal + scene.background + scenes.READ_NOISE**2, scene.fwhm_px)) / scene.gain
    seen = blurred(signal, scene.fwhm_px)
    clear = (seen > 0.1 * np.percentile(seen, 99.5)) & (seen > 3 * sigma / scene.fwhm_px)
    kept = [blurred(np.asarray(r.image.data), np.sqrt(2) * scene.fwhm_px) for r in (result, after)]
    lost = [clear & (k < LOST * seen) for k in kept]
    return after, lost[1] & ~lost[0]


def too_wide(scene: scenes.Scene, result: ss.Result) -> tuple[ss.Result, Array]:
    """The same run with a PSF half too wide and twice the iterations (60 at least), and what is false by it."""
    values = given(result)
    values["resolution_um"] = 1.5 * scene.fwhm_px
    values["deconvolution_iterations"] = max(60, 2 * int(values["deconvolution_iterations"]))
    after = replace(run(scene, **values), sources=result.sources)  # quick evidence may cost what it may beside a choice
    return after, false_area(scene, np.asarray(after.image.data)) & ~false_area(scene, np.asarray(result.image.data))


PLANTS = {"pasted": pasted, "over-sparsified": sparsified, "PSF too wide, over-iterated": too_wide}


def marked(evidence: Evidence) -> Array:
    found = evidence.map("doubt")
    assert found is not None
    return found > 0


def reasons(evidence: Evidence) -> str:
    names = ("", "lost_", "invented_", "misfit_", "noise_", "psf_", "parameters_")
    values = [(name, evidence.number(f"doubtful_{name}percent")) for name in names]
    return " ".join(f"{name}{value:.2g} %" for name, value in values if value)


def rank_correlation(scene: scenes.Scene, result: ss.Result, evidence: Evidence) -> dict[str, float]:
    """Spearman's correlation of each map with the true error at the same scale, where there is structure."""
    truth, width, top = truth_at_detail(scene)
    value = blurred(result.image.data, width)
    error = np.sqrt(ndimage.gaussian_filter((value - truth) ** 2, scene.fwhm_px * 0.424661))
    inner = np.zeros(truth.shape, bool)
    inner[16:-16, 16:-16] = True
    maps = {name: evidence.map(name) for name in ("disagreement", "psf_sensitivity", "parameter_sensitivity")}
    known = [m for m in maps.values() if m is not None]
    maps["all three"] = np.sqrt(np.sum(np.square(known), axis=0))
    maps["(brightness)"] = value
    found = {name: float(stats.spearmanr(m[inner], error[inner])[0]) for name, m in maps.items() if m is not None}
    bright = inner & (truth > 0.2 * top)
    return found | {f"{name}, bright": float(stats.spearmanr(m[bright], error[bright])[0]) for name, m in maps.items()
                    if m is not None and bright.sum() > 500}  # fmt: skip


def doubt_and_error(seeds: tuple[int, ...]) -> None:
    """Print how much planted false structure is marked, how much of correct images, and the rank correlations."""
    cover: dict[tuple[str, float], list[float]] = {}
    alarm: dict[tuple[str, float], list[float]] = {}
    ranks: dict[str, list[float]] = {}
    colours: dict[str, Counter[str]] = {"full": Counter(), "quick": Counter()}
    for scene in frames(seeds):
        image, result = image_of(scene), run(scene)
        evidence = gather(image, result, "full")
        colours["full"][evidence.colour] += 1
        colours["quick"][gather(image, result, "quick").colour] += 1
        for name, value in rank_correlation(scene, result, evidence).items():
            ranks.setdefault(name, []).append(value)
        false = false_area(scene, np.asarray(result.image.data))
        if false.mean() < CORRECT:
            alarm.setdefault(("automatic, correct", scene.light), []).append(float(marked(evidence).mean()))
        truth = gather(*perfect(scene, result), "quick")
        alarm.setdefault(("the truth itself", scene.light), []).append(float(marked(truth).mean()))
        said = [f"{scene.name} haze {scene.haze}: false {false.mean():.3f}, {evidence.colour}"]
        said += [f"marked {reasons(evidence)}", f"truth {reasons(truth)}"]
        for name, plant in PLANTS.items():
            planted, mask = plant(scene, result)
            mask = mask & inside(scene)
            if mask.sum() < 50:
                continue
            part = float(marked(gather(image, planted, "quick"))[mask].mean())
            cover.setdefault((name, scene.light), []).append(part)
            said.append(f"{name} {part:.2f}")
        print("; ".join(said), flush=True)
    print("\nmarked part of planted false structure: mean, median (frames)")
    _table(cover)
    print("\nmarked part of correct images: mean, median (frames)")
    _table(alarm)
    for level, count in colours.items():
        print(f"\nverdicts on the automatic results, {level} evidence: {dict(count)}")
    print("\nrank correlation of a map with the true error: median, 10th percentile over frames")
    for name, values in ranks.items():
        print(f"  {name:32s} {np.median(values):.2f}  {np.percentile(values, 10):.2f}  ({len(values)})")


def _table(found: dict[tuple[str, float], list[float]]) -> None:
    for name in dict.fromkeys(key[0] for key in found):
        parts = {light: values for (n, light), values in found.items() if n == name}
        every = [v for values in parts.values() for v in values]
        columns = [f"{light:g} photons {np.mean(v):.3f}, {np.median(v):.3f} ({len(v)})" for light, v in parts.items()]
        print(f"  {name:30s} all {np.mean(every):.3f}, {np.median(every):.3f} ({len(every)})   " + "   ".join(columns))


def real_pairs(kind: str, light: float, fwhm_px: float, seed: int) -> tuple[float | None, float | None]:
    """Return the separation of half recovery as injected, and as measured on pairs that are really in the sample.

    The pairs stand on and near the scene's structures, drawn on the fine grid through the true PSF, with photons of
    their own in every frame. What shows of them is the reconstruction with them less the mean of four reconstructions
    of the scene without them, each of other photons. Injection sees one frame, without the pairs.
    """
    scene = scenes.scene(kind, light, fwhm_px, seed)
    image, result = image_of(scene), run(scene)
    evidence = gather(image, result, "full")
    values = {**given(result), "resolution_um": fwhm_px}
    behind = 0 if result.background is None else np.asarray(result.background.data)
    top = float((scene.image - behind).max())
    rng = np.random.default_rng([seed, 79])

    def reconstruct(seen: Array) -> Array:
        electrons = rng.poisson(seen + scene.background) + rng.normal(0, scenes.READ_NOISE, seen.shape)
        frame = np.clip(np.rint(electrons / scene.gain + scene.offset), 0, 65535).astype(np.uint16)
        after = ss.deconvolve(image.replace(data=frame), ss.Recipe(**values), scale=top)
        return np.asarray(after.image.data)

    without = np.mean([reconstruct(scene.signal) for _ in range(4)], axis=0)
    pairs: list[injection.Pair] = []
    found: list[bool] = []
    sigma = np.sqrt(np.median(scene.background) + scenes.READ_NOISE**2)
    for i, distance in enumerate(injection.separations_px(fwhm_px) * 2):
        places = injection.sites(scene.signal, fwhm_px, 3 * sigma / (1.5 * fwhm_px), seed * 100 + i)
        made = [injection.Pair(y, x, rng.uniform(0, np.pi), distance, level) for y, x, level in places]
        after = reconstruct(scene.signal + _through_the_microscope(scene, made))
        pairs += made
        found += [injection.resolved(after - without, pair, fwhm_px) for pair in made]
    if not pairs:
        return evidence.number("separation_px"), None
    measured = injection.half_recovered(injection.Recovery(tuple(pairs), np.array(found)))
    return evidence.number("separation_px"), measured.separation_px


def _through_the_microscope(scene: scenes.Scene, pairs: list[injection.Pair]) -> Array:
    """Photons of line pairs, drawn finely and blurred by the scene's own PSF; as bright as injected ones."""
    canvas = np.zeros((scenes.GRID, scenes.GRID))
    length = injection.LENGTH_FWHM * scene.fwhm_px
    along = np.arange(-length / 2, length / 2, 0.5 / scenes.FINE)
    for pair in pairs:
        _, light = injection.blurred_pair(scene.image.shape, pair, scene.fwhm_px)
        weight = float(light.sum()) / (2 * along.size)
        for side in (-0.5, 0.5):
            ys = pair.y + along * np.sin(pair.angle) + side * pair.separation_px * np.cos(pair.angle)
            xs = pair.x + along * np.cos(pair.angle) - side * pair.separation_px * np.sin(pair.angle)
            shift = 0.5 - 0.5 / scenes.FINE  # the middle of pixel 0 lies at 0 for pairs, at 0.5 for splat
            scenes.splat(canvas, ys + shift, xs + shift, weight)
    through = scenes.transfer(scene.psf, scene.fwhm_px)
    seen = scenes.binned(scenes.fft.irfft2(scenes.fft.rfft2(canvas) * through, s=canvas.shape))
    return np.maximum(seen[scenes.MARGIN : -scenes.MARGIN, scenes.MARGIN : -scenes.MARGIN], 0)


def separations(seeds: tuple[int, ...]) -> None:
    """Print injected against measured separations."""
    ratios = []
    for seed in seeds:
        for kind in ("thin_filaments", "mesh", "rings", "puncta"):
            for light in scenes.LIGHTS:
                fwhm_px = scenes.WIDTHS[(seed + scenes.LIGHTS.index(light) + len(kind)) % 2]
                injected, measured = real_pairs(kind, light, fwhm_px, seed)
                ratio = injected / measured if injected and measured else float("nan")
                ratios.append(ratio)
                name = f"{kind}-{light:g}-{fwhm_px:g}-{seed}"
                print(f"{name}: injected {injected}, measured {measured}, ratio {ratio:.2f}", flush=True)
    known = np.array([r for r in ratios if np.isfinite(r)])
    near, outside = np.mean(np.abs(known - 1) <= 0.2), len(ratios) - known.size
    print(f"\ninjected / measured separation: median {np.median(known):.2f}, within 20 % in {near:.0%} of {known.size}")
    print(f"({outside} frames where one of the two lies outside what was tried)")


def cost() -> None:
    """Print what quick evidence adds to a run."""
    for name, changes in (("automatic", {}), ("given parameters", {"fidelity": 150, "sparsity": 1, "continuity": 0,
                                              "background": "flat", "deconvolution_iterations": 20})):  # fmt: skip
        for side in (256, 512, 1024):
            scene = scenes.scene("mesh", 300, 3.2, 7)
            times = side // scenes.SIDE
            image = ss.as_image(np.tile(scene.image, (times, times)), pixel_size_um=1.0)
            spent = []
            for _ in range(3):
                started = time.perf_counter()
                result = ss.deconvolve(image, ss.Recipe(**changes), resolution_um=3.2)
                middle = time.perf_counter()
                evidence = gather(image, result, "quick")
                spent.append((middle - started, time.perf_counter() - middle))
            whole, extra = np.median(spent, axis=0)
            print(f"{name}, {side}²: run {whole:.2f} s, quick evidence {extra:.2f} s ({100 * extra / whole:.0f} %), "
                  f"{evidence.solves} solves", flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", choices=["doubt", "pairs", "cost"])
    told = parser.parse_args()
    first = FIRST["held-out" if told.held_out else "development"]
    seeds = tuple(range(first, first + told.seeds))
    if told.only in (None, "doubt"):
        doubt_and_error(seeds)
    if told.only in (None, "pairs"):
        separations(seeds)
    if told.only in (None, "cost"):
        cost()


if __name__ == "__main__":
    main()
