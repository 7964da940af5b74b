"""Single molecules: localisation as deconvolution, with the strongest prior, isolated points, and sparsity alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage, optimize

from ..findings import Figure, Findings, Line, Picture, Plot, Table
from ..optics.gaussian import SIGMA_PER_FWHM
from ..simulate.camera import Camera
from ..simulate.simulation import Simulated, Simulation, simulate
from ..solvers.points import SparsePoints
from . import Ask
from .tools import ESSAY, PAPER, Doubles, plane_of, run_recipe, solve64

PIXEL_UM, FWHM_UM, FINE = 0.1, 0.25, 4
"""A grid of 25 nm under camera pixels of 100 nm."""
NEAR_UM = 0.1
"""A molecule counts as found within this distance."""
BATCH = 10


@dataclass(frozen=True)
class _Model:
    """Points on the fine grid through the optics, summed over camera pixels, for stacks of frames."""

    transfer: Doubles
    shape: tuple[int, int]

    def forward(self, x: Doubles) -> Doubles:
        blurred = fft.irfft2(fft.rfft2(x) * self.transfer, s=x.shape[-2:])
        height, width = self.shape
        return np.asarray(blurred.reshape(len(x), height, FINE, width, FINE).sum((2, 4)))

    def adjoint(self, y: Doubles) -> Doubles:
        fine = y.repeat(FINE, 1).repeat(FINE, 2)
        return np.asarray(fft.irfft2(fft.rfft2(fine) * self.transfer, s=fine.shape[-2:]))


def model(shape: tuple[int, int]) -> _Model:
    """Return the model for frames of a shape; what leaves on one side enters on the other."""
    f = np.hypot(fft.fftfreq(shape[0] * FINE, PIXEL_UM / FINE)[:, None], fft.rfftfreq(shape[1] * FINE, PIXEL_UM / FINE))
    return _Model(np.exp(-2 * (np.pi * SIGMA_PER_FWHM * FWHM_UM * f) ** 2), shape)


def run(ask: Ask) -> Findings:
    """Run it."""
    side, frames, steps = (24, 10, 100) if ask.quick else (40, 150, 200)
    setup = Simulation(
        "blinking", (side, side), PIXEL_UM, FWHM_UM, photons=200.0, background=0.05, frames=frames, size_um=1.2,
        camera=Camera(read_noise_e=1.0), seed=9,
    )  # fmt: skip
    made = simulate(setup)
    behind = setup.background * setup.photons
    data = np.asarray(made.photons, np.float64) - behind
    optics = model(setup.shape_px)
    single = np.zeros((1, side * FINE, side * FINE))
    single[0, side * FINE // 2, side * FINE // 2] = 1.0
    footprint = float(np.linalg.norm(optics.forward(single)))
    noise = float(np.sqrt(behind + setup.camera.read_noise_e**2))
    solver = SparsePoints(optics.forward, optics.adjoint, 1.0 / FINE**2, 4.5 * noise * footprint, steps)
    parts = []
    for first in range(0, frames, BATCH):
        solution = solve64(solver, data[first : first + BATCH])
        parts.append(np.asarray(solution.value, np.float64))
        ask.step(min(first + BATCH, frames), frames, "frames")
    points = np.concatenate(parts)
    automatic = plane_of(run_recipe(made.photons.sum(0), PIXEL_UM, FWHM_UM))
    return _findings(made, points, automatic)


def spots(plane: Doubles, least: float) -> Doubles:
    """Return centroids (y, x in µm) and light of the connected groups of a plane that hold at least that much light.

    Examples
    --------
    >>> plane = np.zeros((20, 20)); plane[5, 5] = plane[5, 6] = 3.0
    >>> spots(plane, 1.0).round(3).tolist()
    [[0.138, 0.15, 6.0]]
    """
    labels, count = ndimage.label(plane > 0, np.ones((3, 3)))
    if count == 0:
        return np.zeros((0, 3))
    index = np.arange(1, count + 1)
    light = np.atleast_1d(ndimage.sum_labels(plane, labels, index))
    centres = np.array(ndimage.center_of_mass(plane, labels, index)).reshape(-1, 2)
    table = np.column_stack([(centres + 0.5) * PIXEL_UM / FINE, light])
    return np.asarray(table[light >= least])


def matched(found: Doubles, truth: Doubles) -> Doubles:
    """Return the distances in µm of the best one-to-one match within 0.1 µm, each axis of shape (n, 2) in µm.

    Examples
    --------
    >>> matched(np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([[0.0, 0.03]])).tolist()
    [0.03]
    """
    if not len(found) or not len(truth):
        return np.zeros(0)
    distance = np.hypot(*(found[:, None, :] - truth[None, :, :]).transpose(2, 0, 1))
    rows, columns = optimize.linear_sum_assignment(np.minimum(distance, 2 * NEAR_UM))
    pairs = distance[rows, columns]
    return np.asarray(pairs[pairs <= NEAR_UM])


def _compare(made: Simulated, points: Doubles, light: float) -> tuple[list[Doubles], list[Doubles], int]:
    """Return the findings and the distances of the right ones in each frame, and how many molecules there are."""
    field = made.setup.shape_px[0] * PIXEL_UM
    distances, everything, true_count = [], [], 0
    for number, frame in enumerate(points):
        places = [[float(o["y_um"]), float(o["x_um"])] for o in made.objects if o["frame"] == number]
        truth = np.array(places).reshape(-1, 2)
        truth = truth[((truth > 0) & (truth < field)).all(1)]
        everything.append(spots(frame, 0.25 * light))
        distances.append(matched(everything[-1][:, :2], truth))
        true_count += len(truth)
    return everything, distances, true_count


def _findings(made: Simulated, points: Doubles, automatic: npt.NDArray[Any]) -> Findings:
    light = float(made.truth[made.truth > 0].sum()) / max(len(made.objects), 1)
    everything, distances, true_count = _compare(made, points, light)
    found_count = sum(map(len, everything))
    hits = sum(map(len, distances))
    error = float(np.sqrt(np.mean(np.concatenate(distances) ** 2))) if hits else float("nan")
    jaccard = hits / max(found_count + true_count - hits, 1)
    middle = 1000 * float(np.median(np.concatenate(distances))) if hits else float("nan")
    best = SIGMA_PER_FWHM * FWHM_UM / np.sqrt(light) * np.sqrt(2)
    table = Table(
        ("frames", "molecules", "found", "right", "precision", "recall", "Jaccard", "RMS, nm", "median", "bound"),
        ((len(points), true_count, found_count, hits, hits / max(found_count, 1), hits / max(true_count, 1), jaccard,
          1000 * error, middle, 1000 * float(best)),),
        f"Found within {NEAR_UM * 1000:g} nm",
    )  # fmt: skip
    shown = (
        (
            f"{hits} of {true_count} molecules in {len(points)} frames are found within {NEAR_UM * 1000:g} nm, "
            f"{found_count - hits} findings are false (Jaccard index {jaccard:.2f}); the median distance is "
            f"{middle:.0f} nm, the root-mean-square distance {1000 * error:.0f} nm, with a PSF of {FWHM_UM * 1000:g} "
            f"nm and {light:.0f} photons a molecule. The bound for an isolated molecule without background, σ√2/√N, "
            f"is {1000 * best:.0f} nm."
        ),
        (
            "Nothing here knows of molecules: least squares, positivity and the L1 norm on a grid of 25 nm. The "
            "prior does it, and it holds only because few molecules are on in one frame."
        ),
    )
    measures = {
        "jaccard": jaccard,
        "rms_nm": 1000 * error,
        "recall": hits / max(true_count, 1),
        "bound_nm": 1000 * float(best),
    }
    return Findings(
        "Single molecules as deconvolution",
        "“SMLM … can also be treated as a deconvolution method, it utilizes the strongest prior knowledge on the "
        "real fluorescent signal x, i.e., the isolate puncta, to achieve super-resolution in 10~20 times.” (the "
        "essay)",
        _figure(made, np.concatenate(everything), points, automatic, np.concatenate(distances)),
        (table,),
        shown,
        _boundary(len(points)),
        (PAPER, ESSAY, "Bound: Thompson, Larson & Webb, Biophys. J. 82, 2775 (2002), without pixels and background."),
        measures,
    )


def _boundary(frames: int) -> tuple[str, ...]:
    """Say where it ends."""
    return (
        (
            f"It needs {frames} frames of a sample that blinks. The same light in one frame gives what the second "
            "picture shows, and the automatic two-stage result of that frame (the third) does not resolve the "
            "molecules."
        ),
        (
            "Molecules closer than about a PSF in the same frame merge or are placed between; with more of them on "
            "at once the gain goes."
        ),
        "Programs made for it fit positions without a grid, and tell near molecules apart by their shape.",
        (
            "The weight of the L1 norm is 4.5 times the noise that a known background and camera give; positions "
            "are centroids of connected pixels of at least a quarter of a molecule's light."
        ),
    )


def _figure(
    made: Simulated, found: Doubles, points: Doubles, automatic: npt.NDArray[Any], distances: Doubles
) -> Figure:
    shape = (made.setup.shape_px[0] * FINE, made.setup.shape_px[1] * FINE)
    true = np.array([[float(o["y_um"]), float(o["x_um"])] for o in made.objects])
    fine = PIXEL_UM / FINE

    def rendered(places: Doubles) -> Doubles:
        canvas = np.zeros(shape)
        index = np.floor(places[:, :2] / fine).astype(int)
        inside = ((index >= 0) & (index < np.array(shape))).all(1)
        np.add.at(canvas, tuple(index[inside].T), 1.0)
        return np.asarray(ndimage.gaussian_filter(canvas, 1.0))

    busy = int(points.sum((1, 2)).argmax())
    pictures = (
        Picture(made.image[busy].astype(float) - made.image[busy].min(), "one frame", PIXEL_UM),
        Picture(made.photons.sum(0), "all frames summed", PIXEL_UM),
        Picture(automatic, "two-stage, automatic, of the sum", PIXEL_UM),
    )
    counts, edges = np.histogram(1000 * distances, np.arange(0, 101, 5))
    plot = Plot((Line((edges[:-1] + edges[1:]) / 2, counts, "", "both"),), "distance from the truth", "nm", "molecules")
    second = (
        Picture(rendered(true), "truth, on 25 nm", fine),
        Picture(rendered(found), "found, drawn the same", fine),
        plot,
    )
    return Figure((pictures, second), "", cell_in=3.2)
