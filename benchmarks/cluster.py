"""Two single-thread workers against one, side by side in one run, and what a task costs.

    python benchmarks/cluster.py                         40 frames of 1024², two rounds
    python benchmarks/cluster.py --frames 256 --tied     tied along t

A movie of Poisson counts goes from an OME-Zarr to an OME-Zarr, with all parameters given. Clusters are opened in turns,
one at a time (an idle one's heartbeats take a few percent of the cores), and their workers have loaded their kernels
before anything is timed; the least time of each counts.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import AbstractContextManager, nullcontext
from itertools import product
from pathlib import Path

import numpy as np

import sparsescope as ss
from sparsescope import io
from sparsescope.pipeline import deconvolve, plan
from sparsescope.scale.cluster import Cluster
from sparsescope.scale.cluster_run import deconvolve_on, open_for
from sparsescope.scale.journal import Journal

RECIPE = {
    "fidelity": 100.0, "sparsity": 3.0, "background": "smooth-16", "sparse_iterations": 100,
    "deconvolution_iterations": 7,
}  # fmt: skip


def movie(folder: Path, frames: int, side: int) -> Path:
    rng = np.random.default_rng(0)
    scene = rng.poisson(100, (side, side)) + 600 * (rng.random((side, side)) > 0.99)
    data = np.stack([np.roll(scene, 7 * i, axis=1) for i in range(frames)]).astype(np.uint16)
    path = folder / f"movie{frames}_{side}.ome.zarr"
    io.write(path, ss.as_image(data, "TYX", pixel_size_um=0.065), dtype="uint16")
    return path


def seconds(cluster: Cluster | None, path: Path, recipe: ss.Recipe, target: Path, **more: int) -> tuple[float, float]:
    """Time one run, from the open input to the named result; and how long this process computed in it."""
    image = io.read(path, lazy=True)
    planned = plan(image, recipe, resolution_um=0.25)
    started, busy = time.perf_counter(), time.process_time()
    with Journal(target, {}, axes=image.axes, overwrite=True, stream="0.5") as journal:
        if cluster is None:
            found = deconvolve(image, planned=planned, keeper=journal, scratch_folder=target.parent, **more)
        else:
            found = deconvolve_on(cluster, image, planned, journal, scratch_folder=target.parent)
        journal.finish(found.image)
        journal.finished()
    return time.perf_counter() - started, time.process_time() - busy


def opened(workers: int, memory: int) -> AbstractContextManager[Cluster | None]:
    """Open a cluster, alone on the machine; none without workers."""
    return open_for(f"local:{workers}", threads=1, max_memory_bytes=memory) if workers else nullcontext()


def nothing(_: object, item: int) -> int:
    return item


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--tied", action="store_true", help="tie frames along t, in blocks of 150 MB")
    parser.add_argument("--tasks", type=int, default=2000, help="empty tasks, to time handing out")
    given = parser.parse_args()
    recipe = ss.Recipe(**RECIPE, continuity=0.5 if given.tied else 0)
    memory = 10**9 if given.tied else 4 * 10**9
    kinds = {"one worker": 1, "two workers": 2, "no cluster, one thread": 0}
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    serial: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, small = movie(folder, given.frames, given.side), movie(folder, 16, 256)
        target = folder / "out.ome.zarr"
        for turn, (kind, workers) in product(range(given.rounds), kinds.items()):
            with opened(workers, memory) as cluster:
                more = {} if workers else {"threads": 1}
                seconds(cluster, small, recipe, target, **more)
                wall, busy = seconds(cluster, path, recipe, target, **more)
                times[kind].append(wall)
                serial += [busy] if workers == 2 else []
                if cluster is not None and turn == given.rounds - 1 and workers == 2:
                    started = time.perf_counter()
                    cluster.each(nothing, range(given.tasks), lambda _item, _found: None, shared=None)
                    empty = (time.perf_counter() - started) / given.tasks
        least = {kind: min(found) for kind, found in times.items()}
        print(f"{given.frames} × {given.side}², {'tied along t' if given.tied else 'planes on their own'}")
        for kind, found in times.items():
            print(f"{kind}: {least[kind]:.2f} s ({', '.join(f'{t:.2f}' for t in found)})")
        print(f"two workers against one: {least['one worker'] / least['two workers']:.2f} times as fast")
        alone = least["one worker"] / least["no cluster, one thread"]
        print(f"one worker against the same thread without a cluster: {alone:.2f} times as long")
        voxel = least["one worker"] / (given.frames * given.side**2)
        print(f"one worker: {1e6 * voxel:.2f} µs for each voxel")
        print(f"this process, with two workers: {min(serial):.2f} s of work, which no number of workers shortens")
        print(f"an empty task: {1e3 * empty:.2f} ms")


if __name__ == "__main__":
    main()
