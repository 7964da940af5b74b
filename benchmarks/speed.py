"""Speed of the sparse stage and of a whole run, as ratios measured side by side in one run.

    python benchmarks/speed.py            prints a table in Markdown (also ``make bench``)

Every figure is a median over rounds in which the things compared take turns, so that a machine that slows down slows
all of them. The unit is one real FFT round trip (scipy.fft.rfft2 + irfft2, 2 threads, float32) of the same image.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import fft

import sparsescope as ss
from sparsescope.engines import HessianTerms, pick

THREADS = 2
ITERATIONS = 100
SIZES = {512: 20.0, 1024: 22.0, 2048: None}
"""Image side, and the ratio to one round trip that we hold ourselves to."""


def scene(side: int) -> np.ndarray:
    """Bright dots on a dim ground with Poisson noise, maximum 1."""
    rng = np.random.default_rng(side)
    image = np.zeros((side, side))
    image[tuple(rng.integers(0, side, (2, side * side // 200)))] = 1
    spectrum = fft.rfft2(image) * np.exp(-60 * (fft.fftfreq(side)[:, None] ** 2 + fft.rfftfreq(side)[None] ** 2))
    counts = rng.poisson(5 + 4000 * np.maximum(fft.irfft2(spectrum), 0)).astype(np.float32)
    return counts / counts.max()


def round_trip(image: np.ndarray) -> np.ndarray:
    """One real FFT and back."""
    return fft.irfft2(fft.rfft2(image, workers=THREADS), s=image.shape, workers=THREADS)


def sparse_stage(image: np.ndarray, threads: int = THREADS) -> np.ndarray:
    """100 published iterations by the package."""
    iteration = pick("cpu", threads).published(image, HessianTerms(150.0, 10.0))
    iteration.advance(ITERATIONS - 1)
    return iteration.estimate()


def transcription(image: np.ndarray, iterations: int) -> np.ndarray:
    """The published iteration as its formulas read: three planes, complex FFTs, one solve per step, plain NumPy."""
    f = np.repeat(image[None].astype(np.complex64), 3, axis=0)
    axes = {"xx": (2, 2), "yy": (1, 1), "zz": (0, 0), "xy": (2, 1), "xz": (2, 0), "yz": (1, 0)}
    weights = {"xx": 1.0, "yy": 1.0, "zz": 0.0, "xy": 2.0, "xz": 0.0, "yz": 0.0}

    def forward(x: np.ndarray, axis: int) -> np.ndarray:
        return np.roll(x, -1, axis) - x

    def backward(x: np.ndarray, axis: int) -> np.ndarray:
        return np.roll(x, 1, axis) - x

    waves = np.meshgrid(*(fft.fftfreq(n) for n in f.shape), indexing="ij")
    symbol = sum(
        w * (4 * np.sin(np.pi * waves[a]) ** 2) * (4 * np.sin(np.pi * waves[b]) ** 2)
        for (a, b), w in zip(axes.values(), weights.values(), strict=True)
    )
    kernel = (150.0 + 10.0**2 + symbol).astype(np.float32)
    g = f.real.copy()
    duals = {term: np.zeros_like(g) for term in axes}
    identity = np.zeros_like(g)
    for _ in range(iterations):
        v = g + identity
        identity = np.clip(v, -1, 1)
        rhs = 150.0 * f.real + 10.0 * (v - 2 * identity)
        for term, (a, b) in axes.items():
            v = (forward if a != b else backward)(forward(g, a), b) + duals[term]
            duals[term] = np.clip(v, -1, 1)
            rhs += weights[term] * backward((backward if a != b else forward)(v - 2 * duals[term], a), b)
        g = np.fft.ifftn(np.fft.fftn(rhs) / kernel).real.astype(np.float32)
    return np.maximum(g[1], 0)


def timed(action: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def compare(side: int, rounds: int) -> tuple[float, float]:
    """Median seconds of a round trip and of the sparse stage, taken in turns."""
    image = scene(side)
    trips, solves = [], []
    sparse_stage(image), round_trip(image)
    for _ in range(rounds):
        trips.append(timed(lambda: [round_trip(image) for _ in range(5)]) / 5)
        solves.append(timed(lambda: sparse_stage(image)))
    return float(np.median(trips)), float(np.median(solves))


def sparse_table(rounds: int) -> None:
    """Print the sparse stage against one round trip."""
    print(f"| image | FFT round trip | {ITERATIONS} iterations | ratio | bar | ns per pixel and iteration |")
    print("|---|---|---|---|---|---|")
    for side, bar in SIZES.items():
        trip, solve = compare(side, rounds if side < 2048 else max(3, rounds // 4))
        per = solve / (ITERATIONS - 1) / side**2 * 1e9
        print(
            f"| {side}² | {trip * 1e3:.2f} ms | {solve * 1e3:.1f} ms | {solve / trip:.1f} | {bar or '–'} | {per:.2f} |"
        )


def peer_table() -> None:
    """Print the package against the formulas transcribed to NumPy."""
    image, few = scene(512), 10
    ours = float(np.median([timed(lambda: sparse_stage(image)) for _ in range(9)]))
    theirs = timed(lambda: transcription(image, few)) * (ITERATIONS - 1) / few
    error = np.abs(transcription(image, ITERATIONS - 1) - sparse_stage(image))[16:-16, 16:-16].max()
    print(
        f"\nPlain NumPy transcription of the published FFT iteration, 512², {ITERATIONS} iterations: {theirs:.2f} s; "
    )
    print(f"this package: {ours * 1e3:.1f} ms; ratio {theirs / ours:.0f}; largest interior difference {error:.1e}.")


def stack_line() -> None:
    """Print the rate of the sparse stage on a stack."""
    stack = np.stack([scene(256)] * 32)
    engine = pick("cpu", THREADS)

    def run() -> None:
        iteration = engine.published(stack, HessianTerms(150.0, 10.0, 0.5))
        iteration.advance(10)

    run()
    seconds = float(np.median([timed(run) for _ in range(5)])) / 10
    print(f"\nStack 32×256×256, one iteration: {seconds * 1e3:.1f} ms, {seconds / stack.size * 1e9:.1f} ns per voxel.")


def movie_line() -> None:
    """Print the rate on a movie of stacks, taken in turns with a stack of as many voxels."""
    movie = np.stack([scene(256)[:128]] * 128).reshape(8, 16, 128, 256)
    engine = pick("cpu", THREADS)
    terms = {"stack": HessianTerms(150.0, 10.0, 0.5), "movie": HessianTerms(150.0, 10.0, 0.5, 0.5)}
    runs = {
        "stack": engine.published(movie.reshape(-1, 128, 256), terms["stack"]),
        "movie": engine.published(movie, terms["movie"]),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run.advance(1)
    for _ in range(7):
        for name, run in runs.items():
            seconds[name].append(timed(lambda run=run: run.advance(5)) / 5 / movie.size)
    stack, both = (float(np.median(seconds[name])) * 1e9 for name in ("stack", "movie"))
    print(
        f"\nMovie of stacks 8×16×128×256 tied along z and t: {both:.1f} ns per voxel and iteration; as one stack "
        f"{stack:.1f} ns; ratio {both / stack:.2f}."
    )


def whole_run() -> None:
    """Print a whole run on one frame, and how soon a second process starts computing."""
    frame = (scene(512) * 4000 + 100).astype(np.uint16)
    recipe = ss.Recipe(
        background="weak-high-light", fidelity=150, sparsity=10, continuity=0, deconvolution_iterations=7
    )
    run = lambda: ss.deconvolve(frame, recipe, pixel_size_um=0.065, resolution_um=0.26, threads=THREADS)  # noqa: E731
    run()
    print(f"\nWhole run on one 512² frame (background, 100 iterations, 7 × Richardson–Lucy): "
          f"{np.median([timed(run) for _ in range(9)]) * 1e3:.0f} ms.")  # fmt: skip
    code = (
        "import time; t = time.perf_counter(); import numpy as np, sparsescope as ss; "
        "ss.deconvolve(np.ones((16, 16), 'f4'), ss.Recipe(sparse_iterations=2), pixel_size_um=1, resolution_um=3); "
        "print(time.perf_counter() - t)"
    )
    starts = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(5)]
    print(f"A fresh process with cached kernels has finished its first small image after {np.median(starts):.2f} s.")
    with tempfile.TemporaryDirectory() as folder:
        cold = timed(
            lambda: subprocess.check_output(
                [sys.executable, "-c", code], env={"NUMBA_CACHE_DIR": folder, "PATH": "/usr/bin"}
            )
        )
    print(f"With an empty kernel cache it takes {cold:.1f} s, once.")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=25, help="rounds per comparison (default 25)")
    arguments = parser.parse_args()
    print(
        f"sparsescope {ss.__version__}, Python {platform.python_version()}, {platform.machine()}, {THREADS} threads\n"
    )
    sparse_table(arguments.rounds)
    peer_table()
    stack_line()
    movie_line()
    whole_run()
    print(f"\nCommand: `python {Path(__file__).parent.name}/{Path(__file__).name}`")


if __name__ == "__main__":
    main()
