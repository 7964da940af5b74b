"""A run on a cluster gives what one process gives, bit for bit, whatever is lost on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sparsescope as ss
from sparsescope import io
from sparsescope.errors import ClusterError, InputError, SparsescopeError
from sparsescope.io.atomic import unfinished
from sparsescope.pipeline import Plan, Progress, Result, deconvolve, plan
from sparsescope.pipeline.pieces import pieces
from sparsescope.pipeline.room import Room
from sparsescope.scale import cluster_crew
from sparsescope.scale.cluster import Cluster
from sparsescope.scale.cluster_run import deconvolve_on, share
from sparsescope.scale.journal import Journal
from sparsescope.scale.work_array import WorkArray

FAST = {"sparse_iterations": 8, "deconvolution_iterations": 3, "fidelity": 100.0, "sparsity": 3.0}


def stored(folder: Path, shape: tuple[int, ...], axes: str) -> ss.Image:
    """An input in a Zarr, read plane by plane."""
    random = np.random.default_rng(sum(shape))
    data = random.poisson(40 + 30 * random.random(shape)).astype(np.uint16)
    path = folder / "input.ome.zarr"
    io.write(path, ss.as_image(data, axes, pixel_size_um=0.1, z_step_um=0.2), dtype="uint16")
    return io.read(path, lazy=True)


def on(
    cluster: Cluster, image: ss.Image, planned: Plan, target: Path,
    report: Callable[[Progress], None] = lambda _: None, *, resume: bool = False,
) -> Result:  # fmt: skip
    """Run on the cluster, and give the result its name."""
    with Journal(target, {}, axes=image.axes, resume=resume, stream="0.5") as journal:
        found = deconvolve_on(cluster, image, planned, journal, scratch_folder=target.parent, on_progress=report)
        journal.finish(found.image)
        journal.finished()
    return found


def ball() -> np.ndarray[Any, np.dtype[np.float32]]:
    z, y, x = np.mgrid[-1:2, -3:4, -3:4]
    return np.exp(-(x**2 + y**2 + 2 * z**2) / 3).astype(np.float32)


KINDS: dict[str, tuple[tuple[int, ...], str, dict[str, Any], dict[str, Any]]] = {
    "planes": ((24, 40, 44), "TYX", {"continuity": 0}, {}),
    "finer planes": ((4, 40, 44), "TYX", {"continuity": 0, "upsample": 2}, {}),
    "no background": ((4, 40, 44), "TYX", {"continuity": 0, "background": "none"}, {}),
    "movie tied along t": ((40, 40, 44), "TYX", {"continuity": 1}, {}),
    "stack tied along z, two channels": ((2, 2, 5, 40, 44), "TCZYX", {"continuity": 1}, {}),
    "stacks in three dimensions": ((2, 6, 40, 44), "TZYX", {}, {"psf": ball()}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_result_is_that_of_one_process_bit_for_bit(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    shape, axes, recipe, more = KINDS[kind]
    if kind.startswith("movie"):  # several blocks with halos, here and there
        monkeypatch.setattr("sparsescope.pipeline.blocks.BLOCK_BYTES", 13 * 4 * 40 * 44 * 26)
    image = stored(tmp_path, shape, axes)
    planned = plan(image, ss.Recipe(**FAST, **recipe), **(more or {"resolution_um": 0.25}))
    assert len(pieces(image, planned)) > 1
    here = deconvolve(image, planned=planned, threads=1)
    there = on(cluster, image, planned, tmp_path / "out.ome.zarr")
    written = io.read(tmp_path / "out.ome.zarr")
    assert np.array_equal(np.asarray(here.image.data), np.asarray(written.data))
    assert np.asarray(written.data).any()
    assert (there.measures, there.notes, there.outcome) == (here.measures, here.notes, here.outcome)
    assert (here.background is None) == (there.background is None)


def test_stacks_too_large_for_a_worker_are_worked_on_in_tiles_as_in_one_process(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = stored(tmp_path, (2, 16, 160, 162), "TZYX")
    planned = plan(image, ss.Recipe(**FAST, continuity=0), psf=ball())
    monkeypatch.setattr("sparsescope.scale.cluster_run.WORKER_BYTES", int(0.75 * 2e9) - 12_000_000)
    parts = share(cluster, image, planned, None, None, tmp_path)[2]
    assert parts.tile is not None
    on(cluster, image, planned, tmp_path / "out.ome.zarr")
    monkeypatch.setattr(Room, "of", lambda *_: Room(12_000_000, tmp_path))
    here = deconvolve(image, planned=planned, threads=1)
    assert np.array_equal(np.asarray(here.image.data), np.asarray(io.read(tmp_path / "out.ome.zarr").data))


def test_what_was_done_before_all_was_lost_is_not_done_again(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = stored(tmp_path, (24, 40, 44), "TYX")
    planned = plan(image, ss.Recipe(**FAST, continuity=0), resolution_um=0.25)
    given: list[int] = []
    batches = cluster_crew.batches

    def counted(items: Sequence[Any], most: int, workers: int) -> Iterator[Sequence[Any]]:
        given.append(len(items))
        return batches(items, most, workers)

    def lose(progress: Progress) -> None:
        if progress.stage == "deconvolution" and progress.done >= 8:
            raise ClusterError("lost")

    with pytest.raises(ClusterError):
        on(cluster, image, planned, tmp_path / "out.ome.zarr", lose)
    assert not (tmp_path / "out.ome.zarr").exists()
    assert '"parts"' in (unfinished(tmp_path / "out.ome.zarr") / "journal.jsonl").read_text("utf-8")
    monkeypatch.setattr(cluster_crew, "batches", counted)
    again = on(cluster, image, planned, tmp_path / "out.ome.zarr", resume=True)
    assert len(given) == 1
    assert given[0] <= 17
    here = deconvolve(image, planned=planned, threads=1)
    assert again.notes == here.notes
    assert np.array_equal(np.asarray(here.image.data), np.asarray(io.read(tmp_path / "out.ome.zarr").data))


def test_a_corrupt_chunk_is_named_and_nothing_is_visible(cluster: Cluster, tmp_path: Path) -> None:
    image = stored(tmp_path, (9, 40, 44), "TYX")
    planned = plan(image, ss.Recipe(**FAST, continuity=0), resolution_um=0.25)
    chunk = tmp_path / "input.ome.zarr" / "0" / "c" / "7" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:40])
    with pytest.raises(InputError, match=r"cannot read input\.ome\.zarr: the pixels of its plane T 7 are damaged"):
        on(cluster, image, planned, tmp_path / "out.ome.zarr")
    assert [path.name for path in tmp_path.iterdir()] == ["input.ome.zarr"]


def test_an_input_that_vanishes_is_told(cluster: Cluster, tmp_path: Path) -> None:
    image = stored(tmp_path, (40, 40, 44), "TYX")
    planned = plan(image, ss.Recipe(**FAST, continuity=0), resolution_um=0.25)

    def vanish(progress: Progress) -> None:
        if progress.stage == "deconvolution" and (tmp_path / "input.ome.zarr").exists():
            (tmp_path / "input.ome.zarr").rename(tmp_path / "elsewhere")

    with pytest.raises(SparsescopeError, match=r"cannot read input\.ome\.zarr: No such file"):
        on(cluster, image, planned, tmp_path / "out.ome.zarr", vanish)
    assert not (tmp_path / "out.ome.zarr").exists()


def test_a_worker_that_goes_on_after_its_run_brings_no_folder_back(tmp_path: Path) -> None:
    array = WorkArray(tmp_path / "result", (2, 4, 5))
    standing = cluster_crew.Standing(array)
    standing[0] = np.ones((4, 5), np.float32)
    assert standing[0, 1, 1] == 1
    (tmp_path / "result").rename(tmp_path / "named")
    with pytest.raises(ClusterError, match="has ended"):
        standing[1] = np.ones((4, 5), np.float32)
    assert [path.name for path in tmp_path.iterdir()] == ["named"]


def test_a_folder_that_workers_do_not_see_is_told(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"the worker on .* does not see .*away: input and result must be on a disk"):
        cluster_crew.see(tmp_path / "away", wait_s=0.3)


def test_what_is_worked_on_is_planned_for_the_memory_of_a_worker(cluster: Cluster, tmp_path: Path) -> None:
    image = ss.as_image(np.broadcast_to(np.ones((1, 1, 1), np.float32), (200, 512, 512)), "TYX", pixel_size_um=0.1)
    planned = plan(image, ss.Recipe(**FAST, continuity=1, background="none"), resolution_um=0.25)
    threads, room, parts = share(cluster, image, planned, None, None, tmp_path)
    assert threads == 1
    assert parts.need.solver <= room.allowed < 1.2e9
    with pytest.raises(InputError, match=r"at once in each worker, and its 500 MB leave 0 B: .* about .*--max-memory"):
        share(cluster, image, planned, None, 5 * 10**8, tmp_path)


def test_arrays_in_memory_are_not_sent_to_workers(cluster: Cluster, tmp_path: Path) -> None:
    from sparsescope.pipeline.keeping import Nowhere

    image = stored(tmp_path, (3, 40, 44), "TYX")
    planned = plan(image, ss.Recipe(**FAST, continuity=0), resolution_um=0.25)
    with pytest.raises(TypeError, match="kept in files"):
        deconvolve_on(cluster, image, planned, Nowhere(Room(10**9)), scratch_folder=tmp_path)
    with pytest.raises(TypeError, match="read plane by plane"):
        on(cluster, image.replace(data=np.asarray(image.data)), planned, tmp_path / "out.ome.zarr")


def test_batches_hold_every_item_once_in_order() -> None:
    for count in (0, 1, 7, 100, 1000):
        for workers in (1, 2, 30):
            cut = list(cluster_crew.batches(range(count), 16, workers))
            assert [item for batch in cut for item in batch] == list(range(count))
            assert all(1 <= len(batch) <= 16 for batch in cut)
