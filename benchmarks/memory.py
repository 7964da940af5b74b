"""Memory and rate of a long movie, with a limit of memory and without one.

    python benchmarks/memory.py                               a small movie
    python benchmarks/memory.py --side 4096 --frames 500 --max-memory 2GB --free

A movie of Poisson counts is written to a temporary folder (two bytes per pixel), then ``sparsescope run`` works on it
in a process of its own, whose resident memory is read every 20 ms. ``--free`` leaves out the run without a limit, which
needs the whole result in memory.
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

import sparsescope as ss

FLAGS = {
    "--fidelity": 100, "--sparsity": 3, "--background": "smooth-16", "--sparse-iterations": 30,
    "--deconvolution-iterations": 5, "--resolution-um": 0.25, "--evidence": "none",
}  # fmt: skip
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


def run(movie: Path, out: Path, more: list[str]) -> tuple[float, float, int]:
    """Return seconds, largest resident memory in GB, and the exit code of a run."""
    command = [sys.executable, "-m", "sparsescope", "run", str(movie), "--out", str(out), *SWITCHES, *more]
    command += [str(part) for flag in FLAGS.items() for part in flag]
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
    print(
        "\n".join(line for line in text.splitlines() if line.strip().startswith(("memory", "engine", "note: memory")))
    )
    return seconds, peak[0] / 1e9, child.returncode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--max-memory", default="500MB")
    parser.add_argument("--continuity", default="0")
    parser.add_argument("--free", action="store_true", help="leave out the run without a limit")
    parser.add_argument("--folder", type=Path, help="where the movie and the results are kept for the time")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        movie = folder / "movie.ome.tif"
        ss.write(movie, ss.Image(Movie(given.frames, given.side), "TYX", {"x": 0.065, "y": 0.065}), dtype="uint16")
        pixels = given.frames * given.side**2
        size = f"{given.frames} × {given.side}²"
        print(
            f"{size}: input {2 * pixels / 1e9:.2f} GB, result {4 * pixels / 1e9:.2f} GB, continuity {given.continuity}"
        )
        limits = [given.max_memory] if given.free else [None, given.max_memory]
        for limit in limits:
            more = ["--continuity", given.continuity, *([] if limit is None else ["--max-memory", limit])]
            seconds, peak, code = run(movie, folder / "out", more)
            rate = pixels / seconds / 1e6
            print(
                f"{limit or 'no limit'}: {seconds:.1f} s, {rate:.2f} Mpixel/s, {peak:.2f} GB resident, exit code {code}"
            )


if __name__ == "__main__":
    main()
