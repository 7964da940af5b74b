"""``sparsescope bench``: how fast this machine is, in seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Parameter

from .._version import __version__
from . import say
from .exits import OK, UsageError
from .flags import OUTPUT

if TYPE_CHECKING:
    from ..engines import Engine

SIDE: Final = 512
ITERATIONS: Final = 100
ROUNDS: Final = 7

RECORDED: Final = (18.0, 18.9)
"""Milliseconds and round trips of the sparse stage at 512² in benchmarks/RESULTS.md, two cores of Zen 4."""


def bench(
    *,
    threads: Annotated[int | None, Parameter(group=OUTPUT)] = None,
    json: Annotated[bool, Parameter(group=OUTPUT)] = False,
) -> int:
    """Measure the speed of this machine in a few seconds.

    Parameters
    ----------
    threads
        Threads to compute with. [default: all cores]
    json
        Print one JSON document on stdout instead of the table.
    """
    from ..engines import pick

    if threads is not None and threads < 1:
        raise UsageError(f"--threads {threads}: allowed is a whole number from 1")
    engine = pick("auto", threads)
    figures = measure(engine)
    if json:
        recorded = dict(zip(("sparse_ms", "sparse_round_trips"), RECORDED, strict=True))
        say.as_json({"version": __version__, "engine": engine.describe(), **figures, "recorded": recorded})
        return OK
    say.line(f"{engine.describe()}, medians of {ROUNDS}", style="bold")
    say.table(
        [
            ("FFT round trip, 512²", f"{figures['round_trip_ms']:.2f} ms", "real, with scipy, same threads"),
            (f"sparse stage, 512², {ITERATIONS} iterations", f"{figures['sparse_ms']:.1f} ms",
             f"= {figures['sparse_round_trips']:.1f} round trips"),
            ("Richardson–Lucy, 512², 10 iterations", f"{figures['plane_ms']:.1f} ms", "Gaussian PSF, 3 px wide"),
            ("Richardson–Lucy, 16×128×128, 5 iterations", f"{figures['stack_ms']:.1f} ms", "PSF of 9×15×15 voxels"),
        ]
    )  # fmt: skip
    say.line(
        f"  recorded in benchmarks/RESULTS.md: sparse stage {RECORDED[0]} ms = {RECORDED[1]} round trips, 2 threads"
    )
    return OK


def measure(engine: Engine) -> dict[str, float]:
    """Return the figures: what is compared takes turns, so that a machine that slows down slows both."""
    import numpy as np
    from scipy import fft

    from ..engines import HessianTerms
    from ..optics.psf import Psf
    from ..pipeline.second_stage import Deconvolver
    from ..recipe import Recipe

    rng = np.random.default_rng(0)
    image = rng.poisson(50 + 400 * (rng.random((SIDE, SIDE)) > 0.995)).astype(np.float32)
    image /= image.max()
    stack = np.ascontiguousarray(image[:128, :128])[None].repeat(16, 0)
    axes = np.meshgrid(*(np.arange(n) - n // 2 for n in (9, 15, 15)), indexing="ij")
    psf = Psf(np.exp(-(axes[0] ** 2 / 8 + (axes[1] ** 2 + axes[2] ** 2) / 4)).astype(np.float32))
    plane = Deconvolver(Recipe(deconvolution_iterations=10), [3.0, 3.0])
    volume = Deconvolver(Recipe(deconvolution_iterations=5), psf)

    def sparse() -> Any:
        iteration = engine.published(image, HessianTerms(150.0, 10.0))
        iteration.advance(ITERATIONS - 1)
        return iteration.estimate()

    def trip() -> Any:
        return fft.irfft2(fft.rfft2(image, workers=engine.threads), s=image.shape, workers=engine.threads)

    taken = in_turns(sparse, trip, lambda: plane(image, None, engine), lambda: volume(stack, None, engine))
    figures = dict(zip(("sparse_ms", "round_trip_ms", "plane_ms", "stack_ms"), taken, strict=True))
    return {**figures, "sparse_round_trips": figures["sparse_ms"] / figures["round_trip_ms"]}


def in_turns(*actions: Callable[[], Any]) -> list[float]:
    """Return the median milliseconds of each action over rounds in which they take turns; a first round is left out."""
    taken: list[list[float]] = [[] for _ in actions]
    for _ in range(1 + ROUNDS):
        for action, times in zip(actions, taken, strict=True):
            started = time.perf_counter()
            action()
            times.append(1000 * (time.perf_counter() - started))
    return [median(times[1:]) for times in taken]
