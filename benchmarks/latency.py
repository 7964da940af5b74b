"""Latency of live acquisition: from a frame being complete on disk to its result being there for a viewer.

    python benchmarks/latency.py                                  512², 5, 10 and 20 frames/s, a TIFF file that grows
    python benchmarks/latency.py --source zarr --background flat  chunks of an OME-Zarr that appear one by one
    python benchmarks/latency.py --side 1024 --rates 1 2 4

One process writes frames of Poisson counts at a rate and notes when each was closed, ``sparsescope run --follow`` works
on them in another, and this one looks every millisecond at the length that the growing result shows. Frames that were
complete before the first result count as start-up and are left out. A rate is kept up where the last frames wait no
longer than the first.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

FLAGS = {
    "--pixel-size-um": 0.065, "--resolution-um": 0.25, "--fidelity": 150, "--sparsity": 10, "--sparse-iterations": 100,
    "--deconvolution-iterations": 7,
}  # fmt: skip

WRITER = """
import json, sys, time
import numpy as np, tifffile, zarr
path, source, side, rate, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5])
rng = np.random.default_rng(0)
y, x = np.mgrid[:side, :side]
scene = np.full((side, side), 100.0)
for a, b in rng.uniform(0, side, (side // 6, 2)):
    near = (slice(max(0, int(a) - 9), int(a) + 10), slice(max(0, int(b) - 9), int(b) + 10))
    scene[near] += 400 * np.exp(-((y[near] - a) ** 2 + (x[near] - b) ** 2) / 6)
frames = [rng.poisson(scene).astype("uint16") for _ in range(10)]
if source == "zarr":
    group = zarr.open_group(path, mode="w")
    entry = {"axes": [{"name": name} for name in "tyx"], "datasets": [{"path": "0"}]}
    group.update_attributes({"ome": {"version": "0.5", "multiscales": [entry]}})
    array = group.create_array("0", shape=(count, side, side), chunks=(1, side, side), dtype="u2")
started, closed = time.time(), []
for number in range(count):
    time.sleep(max(0, started + number / rate - time.time()))
    if source == "zarr":
        array[number] = frames[number % 10]
    else:
        tifffile.imwrite(path, frames[number % 10], append=number > 0, metadata=None, photometric="minisblack")
    closed.append(time.time())
print(json.dumps(closed))
"""


def shown(meta: Path) -> int:
    """Return how many frames a result shows."""
    try:
        return int(json.loads(meta.read_text())["shape"][0])
    except (OSError, ValueError):
        return 0


def once(folder: Path, given: argparse.Namespace, rate: float) -> str:
    """Return a row of the table."""
    path = folder / f"movie.{'zarr' if given.source == 'zarr' else 'tif'}"
    meta = folder / "movie_sparse.ome.zarr" / "0" / "zarr.json"
    command = [sys.executable, "-m", "sparsescope", "run", str(path), "--follow", "--json", "--quiet"]
    command += ["--frames", str(given.frames), "--background", given.background]
    command += [str(part) for flag in FLAGS.items() for part in flag]
    follower = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    time.sleep(given.before)
    arguments = [str(path), given.source, str(given.side), str(rate), str(given.frames)]
    writer = subprocess.Popen([sys.executable, "-c", WRITER, *arguments], stdout=subprocess.PIPE, text=True)
    seen: list[float] = []
    while follower.poll() is None:
        seen += [time.time()] * (shown(meta) - len(seen))
        time.sleep(0.001)
    closed = json.loads(writer.communicate()[0])
    told = json.loads(follower.communicate()[0])["results"][0]["followed"]
    live = [number for number, at in enumerate(closed) if at > seen[0]]
    waits = np.array([seen[number] - closed[number] for number in live]) * 1e3
    third = max(1, len(waits) // 3)
    kept = np.median(waits[-third:]) < 2 * np.median(waits[:third]) + 20
    median, most = (1e3 * (told[name] or np.nan) for name in ("latency_median_s", "latency_95_percent_s"))
    verdict = "yes" if kept else f"no, {(len(seen) - 1) / (seen[-1] - seen[0]):.3g} frames/s"
    return (
        f"| {rate:g} | {len(live)} | {np.median(waits):.0f} ms | {np.percentile(waits, 95):.0f} ms "
        f"| {median:.0f} and {most:.0f} ms | {verdict} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--rates", type=float, nargs="+", default=[5, 10, 20])
    parser.add_argument("--source", choices=["tiff", "zarr"], default="tiff")
    parser.add_argument("--background", default="none")
    parser.add_argument("--before", type=float, default=2.0, help="seconds for the follower to start before the writer")
    given = parser.parse_args()
    print(f"{given.side}², {given.source}, background {given.background}\n")
    print("| frames/s | frames | median | 95 % | said by the command | kept up |\n|---|---|---|---|---|---|")
    for rate in given.rates:
        with tempfile.TemporaryDirectory() as name:
            print(once(Path(name), given, rate), flush=True)


if __name__ == "__main__":
    main()
