"""Iterations of the second stage in three dimensions, chosen on a stack whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, signal

from sparsescope.engines import pick
from sparsescope.optics.gaussian import gaussian_psf
from sparsescope.tuning.depth import COUNTS, DeepRequest, choose_depth

PSF = gaussian_psf((3.0, 4.0, 4.0), 3)
VALUES = {"fidelity": 100.0, "sparsity": 0.1, "continuity": 0.3}


def scene(peak: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.zeros((14, 64, 64))
    truth[tuple(rng.integers(2, n - 2, 60) for n in truth.shape)] = rng.uniform(0.4, 1, 60)
    truth += 0.02 * ndimage.gaussian_filter(rng.random(truth.shape) > 0.9, 4.0)
    blurred = np.maximum(signal.fftconvolve(truth, PSF, "same"), 0)
    blurred *= peak / blurred.max()
    return truth, (rng.poisson(blurred + 3)).astype(np.float32)


def request(stack: np.ndarray, method: str = "rl") -> DeepRequest:
    return DeepRequest(stack, np.full_like(stack, 3), float(stack.max()) - 3, PSF, 4.0, VALUES, 30, method, 0)


@pytest.mark.parametrize("method", ["rl", "landweber"])
def test_more_light_asks_for_more_iterations_and_each_count_has_its_score(method: str) -> None:
    engine = pick("cpu", 2)
    dim, points = choose_depth(request(scene(6)[1], method), engine)
    bright, _ = choose_depth(request(scene(3000)[1], method), engine)
    assert dim in COUNTS
    assert bright > dim
    assert [point.iterations for point in points] == list(COUNTS)
    least = min(point.score for point in points)
    assert next(point.score for point in points if point.iterations == dim) <= 1.01 * least


def test_the_choice_is_near_the_best_that_the_truth_would_choose() -> None:
    truth, stack = scene(400, seed=4)
    engine = pick("cpu", 2)
    count, _ = choose_depth(request(stack), engine)
    from sparsescope.solvers.data_term import DataTerm
    from sparsescope.solvers.loop import solve
    from sparsescope.solvers.richardson_lucy import RichardsonLucy

    goal = ndimage.gaussian_filter(truth, 0.85)
    scores = {}
    for iterations in COUNTS:
        term = DataTerm(engine.imaging(PSF, stack.shape))
        made = solve(RichardsonLucy(term, iterations), (stack - 3) / stack.max()).value[term.imaging.field]
        scores[iterations] = np.corrcoef(ndimage.gaussian_filter(made, 0.85).ravel(), goal.ravel())[0, 1]
    assert scores[count] >= 0.97 * max(scores.values())


def test_the_same_request_gives_the_same_choice() -> None:
    stack = scene(100)[1]
    one, two = (choose_depth(request(stack), pick("cpu", threads)) for threads in (1, 2))
    assert one[0] == two[0]
    assert [p.score for p in one[1]] == pytest.approx([p.score for p in two[1]], rel=1e-6)
