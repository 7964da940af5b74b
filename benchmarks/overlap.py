"""What reading and writing cost a run: the most that could be gained by overlapping them with the solving.

    python benchmarks/overlap.py                       16 frames of 2048², packed TIFF in, OME-Zarr out
    python benchmarks/overlap.py --side 1024 --frames 32 --iterations 30

The same movie is deconvolved with the same plan from memory to memory, from a packed TIFF file that is not in the
system's cache, read plane by plane, to memory, and from that file to an OME-Zarr; in turns, least times of all rounds.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

import sparsescope as ss
from sparsescope.engines import pick
from sparsescope.io.zarr_stream import ZarrStream
from sparsescope.pipeline import plan
from sparsescope.pipeline.keeping import Nowhere
from sparsescope.pipeline.room import Room


@dataclass(frozen=True)
class InZarr(Nowhere):
    """Keeps the result in an OME-Zarr."""

    folder: Path = Path()

    def array(self, name: str, shape: tuple[int, ...]) -> Any:
        if name != "result":
            return super().array(name, shape)
        return ZarrStream.make(self.folder, shape, "TYX")


def write(path: Path, frames: int, side: int) -> None:
    """Write a packed movie of Poisson counts, page by page."""
    rng = np.random.default_rng(0)
    scene = rng.poisson(100, (side, side)) + 600 * (rng.random((side, side)) > 0.99)
    with tifffile.TiffWriter(path) as file:
        for number in range(frames):
            frame = rng.poisson(np.roll(scene, 7 * number, axis=1)).astype(np.uint16)
            file.write(frame, metadata=None, compression="zlib", photometric="minisblack", rowsperstrip=256)


def forget(path: Path) -> None:
    """Take a file out of the system's cache."""
    os.sync()
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--background", default="none")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    recipe = ss.Recipe(
        background=given.background, fidelity=150, sparsity=10, continuity=0, deconvolution_iterations=7,
        sparse_iterations=given.iterations,
    )  # fmt: skip
    found: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "movie.tif"
        write(path, given.frames, given.side)
        told: dict[str, Any] = {"axes": "TYX", "pixel_size_um": 0.065}
        whole, lazy = ss.read(path, **told, lazy=False), ss.read(path, **told, lazy=True)
        planned = plan(whole, recipe, resolution_um=0.25)
        megabytes = path.stat().st_size / 1e6, 4 * given.frames * given.side**2 / 1e6
        for turn in range(given.rounds + 1):
            for label, image, keep in (
                ("from memory to memory", whole, False),
                ("from a packed TIFF", lazy, False),
                ("from a packed TIFF to OME-Zarr", lazy, True),
            ):
                forget(path)
                keeper = InZarr(Room.of(), folder / f"{turn}.zarr") if keep else None
                wall, work = time.perf_counter(), time.process_time()
                ss.deconvolve(image, planned=planned, keeper=keeper)
                if turn:
                    found.setdefault(label, []).append((time.perf_counter() - wall, time.process_time() - work))
    threads = pick().threads
    print(f"{given.frames} × {given.side}², {given.iterations} iterations, background {given.background}")
    print(f"{megabytes[0]:.0f} MB packed in, {megabytes[1]:.0f} MB out\n")
    print("| | least time | cores at work | more time than from memory |\n|---|---|---|---|")
    least = {label: min(times) for label, times in found.items()}
    base = least["from memory to memory"][0]
    for label, (wall, work) in least.items():
        print(f"| {label} | {wall:.2f} s | {work / wall:.2f} of {threads} | {100 * (wall / base - 1):+.1f} % |")


if __name__ == "__main__":
    main()
