"""Throughput in bounded memory against that from memory to memory, side by side in one run.

    python benchmarks/throughput.py                         8 frames of 4096² within 2 GB
    python benchmarks/throughput.py --side 2048 --frames 24 --max-memory 700MB

The same plan is carried out on the movie read as a whole, with the result in memory and written as an OME-Zarr when it
is complete; and on the file read plane by plane within the limit, with a journal, the result written while it is
computed. Each in a process of its own, from the planned image to the named result; in turns, least times count.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import sparsescope as ss
from sparsescope import io
from sparsescope.pipeline import deconvolve, plan
from sparsescope.pipeline.room import parse_bytes, resident_bytes
from sparsescope.scale.facts import facts_of
from sparsescope.scale.journal import Journal

RECIPE = {
    "fidelity": 100.0, "sparsity": 3.0, "background": "flat", "continuity": 0.0, "sparse_iterations": 100,
    "deconvolution_iterations": 7,
}  # fmt: skip


def movie(path: Path, frames: int, side: int) -> None:
    random = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side].astype(np.float32)
    scene = 100 * np.exp(-(((y - side / 2 + 40 * np.sin(x / 90)) % 64) ** 2) / 4)
    frame = random.poisson(scene + 3).astype("uint16")
    data = np.stack([np.roll(frame, 37 * i, axis=1) for i in range(frames)])
    io.write(path, ss.as_image(data, "TYX", pixel_size_um=0.065), dtype="uint16")


def one(path: Path, how: str, limit: str) -> None:
    """Run once in this process, after a small run that loads the kernels; print seconds and resident bytes."""
    image = io.read(path, lazy=True)
    planned = plan(image, ss.Recipe(**RECIPE), resolution_um=0.2)
    deconvolve(
        np.ones((2, 64, 64), np.float32), ss.Recipe(**RECIPE), axes="TYX", pixel_size_um=0.065, resolution_um=0.2
    )
    started = time.perf_counter()
    target = path.with_name("result.ome.zarr")
    if how == "memory":
        image = image.replace(data=np.array(io.read(path, lazy=False).data))
        found = deconvolve(image, planned=planned)
        solved = time.perf_counter() - started
        io.write(target, found.image, overwrite=True)
    else:
        facts = facts_of(image, planned, "cpu")
        with Journal(target, facts, axes=image.axes, overwrite=True, stream="0.5") as journal:
            found = deconvolve(image, planned=planned, keeper=journal, max_memory_bytes=parse_bytes(limit))
            journal.finish(found.image)
            journal.finished()
        solved = time.perf_counter() - started
    print(time.perf_counter() - started, solved, resident_bytes())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--max-memory", default="2GB")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--one", nargs=2, metavar=("PATH", "HOW"), help="used by this program itself")
    given = parser.parse_args()
    if given.one:
        one(Path(given.one[0]), given.one[1], given.max_memory)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "movie.ome.tif"
        movie(path, given.frames, given.side)
        least: dict[str, float] = {}
        for turn in range(given.rounds):
            for how in ("memory", "bounded"):
                call = [sys.executable, __file__, "--one", str(path), how, "--max-memory", given.max_memory]
                seconds, solved, resident = map(
                    float, subprocess.run(call, capture_output=True, text=True, check=True).stdout.split()
                )
                least[how] = min(seconds, least.get(how, seconds))
                times = f"{seconds:7.1f} s, without writing at the end {solved:.1f} s"
                print(f"{turn} {how:8} {times}, {resident / 1e9:.2f} GB at the end", flush=True)
        each = {how: seconds / given.frames for how, seconds in least.items()}
        print(
            f"in memory {each['memory']:.3f} s a frame, within {given.max_memory} {each['bounded']:.3f} s a frame: ",
            end="",
        )
        print(f"throughput {100 * each['memory'] / each['bounded']:.0f} %")


if __name__ == "__main__":
    main()
