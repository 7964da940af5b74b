"""Memory and rate of a long movie, with a limit of memory and without one.

    python benchmarks/memory.py                               a small movie
    python benchmarks/memory.py --side 4096 --frames 500 --max-memory 2GB --free
    python benchmarks/memory.py --side 1024 --planes 64 --max-memory 1GB     a stack, deconvolved in three dimensions
    python benchmarks/memory.py --side 16384 --frames 1 --max-memory 8GB --free   one large plane

A movie of Poisson counts is written to a temporary folder (two bytes per pixel), then ``sparsescope run`` works on it
in a process of its own, whose resident memory is read every 20 ms. ``--free`` leaves out the run without a limit, which
needs the whole result in memory; where both are run, their results are compared.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from scipy import ndimage

import sparsescope as ss

FLAGS = {
    "--fidelity": 100, "--sparsity": 3, "--background": "smooth-16", "--sparse-iterations": 30,
    "--deconvolution-iterations": 5, "--resolution-um": 0.25, "--evidence": "none",
}  # fmt: skip
OPTICS = {"--na": 1.2, "--emission-nm": 520, "--modality": "widefield", "--refractive-index": 1.33}
SWITCHES = ["--no-report", "--quiet", "--overwrite"]


class Movie:
    """Frames made when they are asked for."""

    dtype = np.dtype(np.uint16)
    ndim = 3

    def __init__(self, frames: int, side: int) -> None:
        self.shape = (frames, side, side)
        rng = np.random.default_rng(0)
        scene = rng.poisson(100, (side, side)) + 600 * (rng.random((side, side)) > 0.99)
        self.scene = scene.astype(np.uint16)

    def __getitem__(self, key: Any) -> np.ndarray:
        index = key[0] if isinstance(key, tuple) else key
        return np.roll(self.scene, 7 * int(index), axis=1)


def beads(planes: int, side: int) -> ss.Image:
    """Return a stack of blurred beads with Poisson noise."""
    rng = np.random.default_rng(0)
    scene = np.zeros((planes, side, side), np.float32)
    count = scene.size // 5000
    scene[tuple(rng.integers(0, n, count) for n in scene.shape)] = rng.uniform(2e3, 2e4, count)
    ndimage.gaussian_filter(scene, (2, 1.3, 1.3), output=scene)
    data = np.stack([rng.poisson(plane + 20).astype(np.uint16) for plane in scene])
    return ss.Image(data, "ZYX", {"x": 0.1, "y": 0.1, "z": 0.25})


def difference(first: Path, second: Path) -> float:
    """Return the largest difference of two results, as a part of the maximum."""
    a, b = ss.read(first), ss.read(second)
    apart, top = 0.0, 0.0
    for z in range(a.shape[0]):
        one, other = (np.asarray(image.block(**{image.axes[0]: z})) for image in (a, b))
        apart, top = max(apart, float(np.abs(one - other).max())), max(top, float(one.max()))
    return apart / top


def run(movie: Path, out: Path, flags: dict[str, Any]) -> tuple[float, float, int]:
    """Return seconds, largest resident memory in GB, and the exit code of a run."""
    command = [sys.executable, "-m", "sparsescope", "run", str(movie), "--out", str(out), *SWITCHES]
    command += [str(part) for flag in flags.items() for part in flag]
    started, peak, over = time.perf_counter(), [0], threading.Event()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    process = psutil.Process(child.pid)

    def watch() -> None:
        while not over.wait(0.02):
            try:
                peak[0] = max(peak[0], process.memory_info().rss)
            except psutil.Error:
                return

    watching = threading.Thread(target=watch)
    watching.start()
    text, _ = child.communicate()
    seconds = time.perf_counter() - started
    over.set()
    watching.join()
    said = ("memory", "engine", "note: memory", "note: PSF")
    print("\n".join(line for line in text.splitlines() if line.strip().startswith(said)))
    return seconds, peak[0] / 1e9, child.returncode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--max-memory", default="500MB")
    parser.add_argument("--continuity", default="0")
    parser.add_argument("--planes", type=int, help="a stack of so many planes instead of a movie")
    parser.add_argument("--free", action="store_true", help="leave out the run without a limit")
    parser.add_argument("--folder", type=Path, help="where the movie and the results are kept for the time")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        movie = folder / "movie.ome.tif"
        planes = given.planes or given.frames
        if given.planes:
            ss.write(movie, beads(given.planes, given.side), dtype="uint16")
        else:
            ss.write(movie, ss.Image(Movie(planes, given.side), "TYX", {"x": 0.065, "y": 0.065}), dtype="uint16")
        pixels = planes * given.side**2
        print(
            f"{planes} × {given.side}²: input {2 * pixels / 1e9:.2f} GB, result {4 * pixels / 1e9:.2f} GB, "
            f"continuity {given.continuity}"
        )
        limits = [given.max_memory] if given.free else [None, given.max_memory]
        flags = {**FLAGS, "--continuity": given.continuity}
        if given.planes:
            flags = {**flags, **OPTICS, "--background": "flat"}
            del flags["--resolution-um"]
        results = []
        for limit in limits:
            limited = flags if limit is None else {**flags, "--max-memory": limit}
            seconds, peak, code = run(movie, folder / str(limit), limited)
            results += list((folder / str(limit)).glob("*.ome.tif"))
            rate = pixels / seconds / 1e6
            print(
                f"{limit or 'no limit'}: {seconds:.1f} s, {rate:.2f} Mpixel/s, {peak:.2f} GB resident, exit code {code}"
            )
        if len(results) == 2:
            print(f"largest difference: {difference(results[0], results[1]):.1e} of the maximum")


if __name__ == "__main__":
    main()
