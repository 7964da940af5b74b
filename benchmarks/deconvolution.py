"""Speed and memory of the second stage beside its peers, measured in turns in one run.

    python benchmarks/deconvolution.py [--rounds N]      prints tables in Markdown

Peers: scikit-image (Richardson–Lucy with zero borders) comes with the development dependencies; tnia-python
(non-circulant Richardson–Lucy, the same borders as ours) is measured where it can be imported:

    pip install --no-deps --target FOLDER tnia-python;  PYTHONPATH=FOLDER python benchmarks/deconvolution.py

The unit is one real FFT round trip (scipy.fft.rfftn + irfftn, 2 workers, float32) of the data's size. Every figure is
the median over rounds in which the things compared take turns; the least is given beside it, because whatever else a
machine does can only add, and so is the least processor time of all threads together, which other work disturbs less.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import platform
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import fft, special
from skimage.restoration import richardson_lucy

from sparsescope.engines import pick
from sparsescope.optics.gaussian import gaussian_kernel1d
from sparsescope.optics.psf import Psf
from sparsescope.pipeline.second_stage import Deconvolver
from sparsescope.recipe import Recipe
from sparsescope.solvers.data_term import DataTerm
from sparsescope.solvers.landweber import Landweber
from sparsescope.solvers.richardson_lucy import RichardsonLucy

try:
    from tnia.deconvolution.richardson_lucy_np import richardson_lucy_np
except ImportError:
    richardson_lucy_np = None

THREADS = 2
VOLUME, PSF_SHAPE = (48, 256, 256), (47, 41, 41)
PLANE = 512

MEASURED_BEFORE = {"scikit-image": 241.0, "tnia-python": 723.0, "deconwolf": 171.0}
"""ms per iteration on 48×256×256, all measured on one other two-core machine; deconwolf has no package to run here."""


def wide_field(shape: tuple[int, ...]) -> np.ndarray:
    """Scalar PSF of a wide-field microscope: NA 1.3, oil, 520 nm, voxels of 65 × 65 × 200 nm."""
    aperture, index, wave = 1.3, 1.515, 2 * np.pi / 0.52
    z = (np.arange(shape[0]) - shape[0] // 2) * 0.2
    r = np.arange(0, max(shape[1:]), 0.25) * 0.065
    rho = (np.arange(200) + 0.5) / 200
    radial = special.j0(wave * aperture * np.outer(r, rho)) * rho
    depth = np.exp(1j * wave * index * np.outer(z, np.sqrt(1 - (aperture * rho / index) ** 2)))
    profiles = np.abs(depth @ radial.T) ** 2
    y, x = np.ogrid[: shape[1], : shape[2]]
    distance = np.hypot(y - shape[1] // 2, x - shape[2] // 2) * 0.065
    psf = np.stack([np.interp(distance, r, profile) for profile in profiles])
    return (psf / psf.sum()).astype(np.float32)


def scene(shape: tuple[int, ...]) -> np.ndarray:
    """Blurred points with counting noise, maximum 1."""
    rng = np.random.default_rng(0)
    image = (rng.random(shape) > 0.998) * rng.random(shape)
    spectrum = fft.rfftn(image)
    grids = np.meshgrid(*(fft.fftfreq(n) for n in shape[:-1]), fft.rfftfreq(shape[-1]), indexing="ij")
    blurred = fft.irfftn(spectrum * np.exp(-60 * sum(g**2 for g in grids)), s=shape)
    counts = rng.poisson(2 + 4000 * np.maximum(blurred, 0)).astype(np.float32)
    return counts / counts.max()


@dataclass
class Entry:
    """One thing measured: how to run so many iterations of it, and the ms per iteration found."""

    name: str
    run: Callable[[], Any]
    iterations: int
    times: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def measure(self) -> None:
        wall, processor = time.perf_counter(), time.process_time()
        with contextlib.redirect_stdout(io.StringIO()):  # peers that print their progress
            self.run()
        self.processor.append(1e3 * (time.process_time() - processor) / self.iterations)
        self.times.append(1e3 * (time.perf_counter() - wall) / self.iterations)

    @property
    def median(self) -> float:
        return float(np.median(self.times))

    @property
    def work(self) -> float:
        """Least processor time, all threads together."""
        return min(self.processor)


def stepping(solver: Any, data: np.ndarray, iterations: int) -> Callable[[], None]:
    """Run iterations of an own solver that has started."""
    state = solver.init(data)
    solver.step(state, 2)
    return lambda: solver.step(state, iterations)


def in_turns(entries: list[Entry], rounds: int) -> None:
    """Measure every entry once a round; the first round is not counted."""
    for number in range(rounds + 1):
        for entry in entries:
            entry.measure()
            if number == 0:
                entry.times.clear()
                entry.processor.clear()


def table(title: str, entries: list[Entry]) -> None:
    """Print ms per iteration, in round trips (the first entry) and as a multiple of the second entry's."""
    print(f"\n### {title}\n\n| | ms per iteration | least | round trips | times ours | processor ms | times ours |")
    print("|---|---|---|---|---|---|---|")
    unit, ours = entries[0], entries[1]
    for e in entries:
        print(
            f"| {e.name} | {e.median:.2f} | {min(e.times):.2f} | {e.median / unit.median:.2f} "
            f"| {e.median / ours.median:.2f} | {e.work:.2f} | {e.work / ours.work:.2f} |"
        )


def round_trip(data: np.ndarray) -> Callable[[], Any]:
    """One real FFT and back."""
    return lambda: fft.irfftn(fft.rfftn(data, workers=THREADS), s=data.shape, workers=THREADS)


def peers(data: np.ndarray, psf: np.ndarray, iterations: int) -> list[Entry]:
    """scikit-image, and tnia-python where it is there."""
    found = [Entry("scikit-image", lambda: richardson_lucy(data, psf, iterations, clip=False), iterations)]
    if data.ndim == 3 and richardson_lucy_np is not None:
        run = lambda: richardson_lucy_np(data, psf, iterations, noncirc=True)  # noqa: E731
        found.append(Entry("tnia-python, non-circulant", run, iterations))
    return found


def volumes(rounds: int) -> None:
    """3-D with a general PSF."""
    data, psf = scene(VOLUME), wide_field(PSF_SHAPE)
    term = DataTerm(pick("cpu", THREADS).imaging(psf, VOLUME))
    entries = [
        Entry("FFT round trip of the data's size", round_trip(data), 1),
        Entry("this package, Richardson–Lucy", stepping(RichardsonLucy(term, 99), data, 3), 3),
        Entry("this package, Landweber", stepping(Landweber(term, 99), data, 3), 3),
        *peers(data, psf, 2),
    ]
    in_turns(entries, rounds)
    size = "×".join(map(str, VOLUME))
    table(f"{size}, wide-field PSF {'×'.join(map(str, PSF_SHAPE))}", entries)
    print(f"\nObject domain {term.imaging.object_shape}.")
    for peer, before in MEASURED_BEFORE.items():
        now = next((e.median for e in entries if e.name.startswith(peer)), None)
        if now is not None:
            bar = 0.5 * MEASURED_BEFORE["deconwolf"] * now / before
            print(
                f"Bar, 0.5 × deconwolf's 171 ms scaled by {peer} ({now:.0f} ms here, {before:.0f} there): {bar:.0f} ms."
            )


def planes(rounds: int) -> None:
    """2-D: a general PSF beside scikit-image, and seven iterations with a Gaussian beside mirrored borders."""
    data = scene((PLANE, PLANE))
    psf = np.ascontiguousarray(wide_field((5, 41, 41))[2])
    psf /= psf.sum()
    engine, kernel = pick("cpu", THREADS), gaussian_kernel1d(4.0)
    general = DataTerm(engine.imaging(psf, data.shape))
    gaussian = DataTerm(engine.imaging((kernel, kernel), data.shape))
    mirrored = DataTerm(engine.mirrored(kernel, kernel, data.shape))
    entries = [
        Entry("FFT round trip of the data's size", round_trip(data), 1),
        Entry("this package, any PSF", stepping(RichardsonLucy(general, 99), data, 7), 7),
        Entry("this package, Gaussian", stepping(RichardsonLucy(gaussian, 99), data, 7), 7),
        Entry("this package, Gaussian, mirrored borders", stepping(RichardsonLucy(mirrored, 99), data, 7), 7),
        *peers(data, psf, 7),
    ]
    in_turns(entries, 3 * rounds)
    table(f"{PLANE}², in-focus wide-field PSF 41×41, Gaussian of FWHM 4 pixels", entries)


def memory() -> None:
    """Peak of a whole 3-D run, in float32 volumes of the object's domain."""
    data, psf = scene(VOLUME), Psf(wide_field(PSF_SHAPE))
    engine = pick("cpu", THREADS)
    recipe = Recipe(deconvolution_iterations=2, sparse_iterations=0)
    Deconvolver(recipe, psf)(data[:9, :64, :64], None, engine)  # kernels are loaded
    gc.collect()
    tracemalloc.start()
    Deconvolver(recipe, psf)(data.copy(), None, engine)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    size = 4 * float(np.prod(engine.imaging(psf.data, VOLUME).object_shape))
    print(f"\nPeak memory of a 3-D run, data included: {peak / size:.2f} float32 volumes of the object's domain")
    print(f"({peak / 1e6:.0f} MB).")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(f"{platform.machine()}, {THREADS} threads, Python {platform.python_version()}, NumPy {np.__version__}")
    volumes(rounds)
    planes(rounds)
    memory()


if __name__ == "__main__":
    main()
