"""Recordings followed while they are written: the same planes as a run of the finished file, and valid at all times."""

from __future__ import annotations

import errno
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from sparsescope import io
from sparsescope.engines import pick
from sparsescope.errors import InputError, OutputError
from sparsescope.image import Image
from sparsescope.io.live import follow as open_source
from sparsescope.io.zarr_stream import ZarrStream
from sparsescope.pipeline import deconvolve, plan
from sparsescope.pipeline.room import Room
from sparsescope.pipeline.stages import Levels
from sparsescope.recipe import Recipe
from sparsescope.scale import live_ends
from sparsescope.scale.follow import Followed, Limits, Step, follow, wait
from sparsescope.scale.live_frames import Frames, Windows, of_length

FAST: dict[str, Any] = {
    "sparse_iterations": 12, "fidelity": 100, "sparsity": 4, "continuity": 0, "deconvolution_iterations": 3,
    "background": "none", "continuity_t": 0,
}  # fmt: skip
FOLLOWING = "this result is still being written, or what wrote it was killed: the frames that are there are complete"
RANDOM = np.random.default_rng(5)
SIZES = {"pixel_size_um": 0.1, "z_step_um": 0.2}


def movie(*shape: int) -> Any:
    """Spots that bleach and flicker."""
    y, x = np.mgrid[: shape[-2], : shape[-1]]
    spots = sum(np.exp(-((y - a) ** 2 + (x - b) ** 2) / 4) for a, b in RANDOM.uniform(5, 35, (7, 2)))
    light = np.linspace(1, 0.6, shape[0]).reshape(-1, *(1,) * (len(shape) - 1))
    return RANDOM.poisson(20 + 300 * light * np.broadcast_to(spots, shape)).astype("uint16")


def told(image: Image) -> Image:
    return image.replace(spacing_um={"x": 0.1, "y": 0.1, **({"z": 0.2} if "Z" in image.axes else {})})


def run(path: Path, target: Path, recipe: Recipe, limits: Limits, **more: Any) -> Followed:
    """Wait for a recording, plan, and follow it, as the command does."""
    source, there = wait(lambda: open_source(path, axes=more.pop("axes", None)), limits)
    first = told(source.image(min(there, limits.first, limits.frames or there)))
    engine = pick("auto", 2)
    planned = plan(first, recipe, resolution_um=0.3, engine=engine)
    return follow(source, first, planned, target, engine=engine, limits=limits, room=Room.of(), **more)


def store(path: Path, data: Any, axes: str) -> Any:
    """An OME-Zarr of full size without any chunk."""
    group = zarr.open_group(path, mode="w")
    entry = {"axes": [{"name": name} for name in axes.lower()], "datasets": [{"path": "0"}]}
    group.update_attributes({"ome": {"version": "0.5", "multiscales": [entry]}})
    chunks = (*(1 for _ in data.shape[:-2]), *data.shape[-2:])
    return group.create_array(
        "0", shape=data.shape, chunks=chunks, dtype=data.dtype, dimension_names=list(axes.lower())
    )


@contextmanager
def recorded(path: Path, data: Any, axes: str = "TYX", every_s: float = 0.01) -> Iterator[threading.Thread]:
    """Write a recording frame by frame while the block runs."""

    def write() -> None:
        array = store(path, data, axes) if path.suffix == ".zarr" else None
        for number, frame in enumerate(data):
            if array is not None:
                array[number] = frame
            else:
                tifffile.imwrite(path, frame, append=number > 0, metadata=None, photometric="minisblack")
            time.sleep(every_s)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield thread
    finally:
        thread.join()


def attributes(path: Path) -> Any:
    return json.loads((path / "zarr.json").read_text())["attributes"]["sparsescope"]


@pytest.mark.parametrize(
    ("name", "axes", "shape", "more"),
    [
        ("a.tif", "TYX", (9, 40, 44), {}),
        ("a.tif", "TYX", (9, 40, 44), {"background": "medium-low-light"}),
        ("a.tif", "TYX", (7, 40, 44), {"background": "smooth-8", "hot_pixels": "adaptive", "upsample": 2}),
        ("a.zarr", "TCYX", (6, 2, 40, 44), {"background": "flat"}),
        ("a.zarr", "TZYX", (4, 5, 40, 44), {"continuity": 1}),
        ("a.zarr", "TCZYX", (3, 2, 4, 40, 44), {"sparse_iterations": 0}),
    ],
)
def test_a_followed_recording_has_the_planes_of_a_run_of_the_finished_file(
    name: str, axes: str, shape: tuple[int, ...], more: dict[str, Any], tmp_path: Path
) -> None:
    data, recipe = movie(*shape), Recipe(**{**FAST, **more})
    with recorded(tmp_path / name, data, axes):
        found = run(tmp_path / name, tmp_path / "out.ome.zarr", recipe, Limits(20, shape[0], 3))
    finished = told(io.read(tmp_path / name, axes=axes))
    made = io.read_provenance(tmp_path / "out.ome.zarr")
    levels = [Levels(**one) for one in made["levels"]]
    batch = deconvolve(finished, recipe, resolution_um=0.3, levels=levels)
    result = io.read(tmp_path / "out.ome.zarr")
    assert result.axes == axes
    np.testing.assert_array_equal(np.asarray(result.data), np.asarray(batch.image.data))
    np.testing.assert_array_equal(np.asarray(found.image.data), np.asarray(batch.image.data))
    assert dict(result.spacing_um) == pytest.approx(dict(batch.image.spacing_um))
    for key, value in batch.measures.items():
        assert found.measures[key] == pytest.approx(value, rel=1e-9, abs=1e-9)
    assert found.ended == f"{shape[0]} frames are done"
    assert made["followed"] == {"frames": shape[0], "first": 3, "ended": found.ended}
    assert "following" not in attributes(tmp_path / "out.ome.zarr")
    assert len(found.latencies_s) + found.at_start == shape[0]


def test_the_files_are_those_of_an_image_written_at_once(tmp_path: Path) -> None:
    data = movie(6, 40, 44)
    with recorded(tmp_path / "a.tif", data):
        found = run(tmp_path / "a.tif", tmp_path / "out.zarr", Recipe(**FAST), Limits(20, 6, 3))
    (tmp_path / "once").mkdir()
    io.write(tmp_path / "once" / "out.zarr", found.image)
    for path in (tmp_path / "once" / "out.zarr").rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / path.relative_to(tmp_path / "once")).read_bytes(), path.name


@pytest.mark.parametrize(
    ("axes", "shape", "weights"),
    [
        ("TYX", (61, 24, 28), {"continuity": 1.0}),
        ("TZYX", (40, 4, 24, 28), {"continuity": 1.0, "continuity_t": 0.5}),
        ("TZYX", (40, 4, 24, 28), {"continuity": 0.0, "continuity_t": 0.5}),
    ],
)
def test_frames_tied_along_t_are_solved_in_windows_that_join_without_a_seam(
    axes: str, shape: tuple[int, ...], weights: dict[str, float], tmp_path: Path
) -> None:
    data, recipe = movie(*shape), Recipe(**{**FAST, **weights, "sparse_iterations": 60})
    store(tmp_path / "a.zarr", data, axes)[:] = data
    found = run(tmp_path / "a.zarr", tmp_path / "out.zarr", recipe, Limits(0.3, None, 5))
    levels = [Levels(**one) for one in io.read_provenance(tmp_path / "out.zarr")["levels"]]
    batch = deconvolve(told(io.read(tmp_path / "a.zarr")), recipe, resolution_um=0.3, levels=levels)
    result, whole = np.asarray(io.read(tmp_path / "out.zarr").data), np.asarray(batch.image.data)
    assert result.shape == whole.shape
    assert 0 < np.abs(result - whole).max() <= 1e-3 * whole.max()
    (said,) = [note for note in found.notes if "tied along t" in note]
    assert "so a frame waits for up to" in said
    assert found.ended == "nothing new for 0.3 s"


def test_windows_and_the_frames_they_wait_for() -> None:
    image = told(Image(movie(2, 40, 44), "TYX"))
    loose = plan(image, Recipe(**FAST), resolution_um=0.3)
    assert Windows.of(image, loose) == Windows(1, 0)
    assert Windows.of(image, loose).waits == 0
    long = of_length(image, 100)
    assert long.shape == (100, 40, 44)
    tied = plan(long, Recipe(**{**FAST, "continuity": 1.0}), resolution_um=0.3)
    windows = Windows.of(image, tied)
    assert (windows.kept, windows.halo, windows.waits) == (2 * windows.halo, 11, 3 * windows.halo - 1)


def test_frames_in_flight_are_planned_and_what_does_not_fit_is_refused() -> None:
    image = told(Image(movie(3, 200, 220), "TYX"))
    planned = plan(image, Recipe(**FAST), resolution_um=0.3)
    engine = pick("auto", 2)
    wide = Frames(image, planned, engine, Room(10**9))
    frame = 200 * 220 * (2 + 4 + 4)
    assert wide.at_once == 2
    tight = Frames(image, planned, engine, Room(20 * frame))
    assert tight.at_once == 1
    assert tight.room.in_memory_bytes <= 20 * frame
    assert wide.room.in_memory_bytes >= tight.room.in_memory_bytes + 2 * frame
    same = [found.solve([image.data[1]], slice(0, 1)) for found in (wide, tight)]
    np.testing.assert_array_equal(*same)
    with pytest.raises(InputError, match="of memory at once"):
        Frames(image, planned, engine, Room(8 * frame))


def test_a_viewer_sees_complete_frames_only_and_that_more_will_come(tmp_path: Path) -> None:
    data, seen, target = movie(12, 40, 44), list[tuple[int, Any, Any]](), tmp_path / "out.zarr"

    def look(step: Step) -> None:
        assert target.is_dir(), "the name is there with the first frame"
        image = io.read(target)
        assert image.sizes["T"] == step.done
        assert image.meta["notes"] == (FOLLOWING,), "no chunk is missing"
        seen.append((step.done, np.asarray(image.data[-1]), attributes(target).get("following")))

    with recorded(tmp_path / "a.tif", data):
        run(tmp_path / "a.tif", target, Recipe(**FAST), Limits(20, 12, 3), on_step=look)
    final = io.read(target).data
    assert [done for done, _, _ in seen] == list(range(1, 13))
    for done, frame, following in seen:
        np.testing.assert_array_equal(frame, final[done - 1])
        assert following is True


def test_it_ends_when_all_declared_frames_are_there(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", movie(4, 40, 44), imagej=True, metadata={"axes": "TYX"})
    found = run(tmp_path / "a.tif", tmp_path / "out.zarr", Recipe(**FAST), Limits(60))
    assert found.ended == "all 4 frames that a.tif declares are done"
    assert io.read_provenance(tmp_path / "out.zarr")["sha256"] == io.sha256(tmp_path / "a.tif")
    assert found.image.sizes["T"] == 4


def test_one_frame_is_a_recording(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", movie(1, 40, 44)[0], metadata=None)
    found = run(tmp_path / "a.tif", tmp_path / "out.zarr", Recipe(**FAST), Limits(0.2))
    assert io.read(tmp_path / "out.zarr").shape == (1, 40, 44)
    assert found.ended == "nothing new for 0.2 s"
    assert (found.median_s, found.most_s) == (None, None)


def test_what_never_comes_is_told_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no frame was complete in 0\.1 s: there is nothing at .*a\.tif yet"):
        wait(lambda: open_source(tmp_path / "a.tif"), Limits(0.1))
    store(tmp_path / "a.zarr", movie(2, 40, 44), "TYX")
    with pytest.raises(InputError, match="the recording is empty"):
        wait(lambda: open_source(tmp_path / "a.zarr"), Limits(0.1))


def test_dark_first_frames_are_no_ground_to_decide_on(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((3, 40, 44), "u2"), metadata=None, photometric="minisblack")
    with pytest.raises(InputError, match="nothing stands above the background in the first 3 frames"):
        run(tmp_path / "a.tif", tmp_path / "out.zarr", Recipe(**FAST), Limits(0.1))
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def stays(path: Path, frames: int, ended: str) -> None:
    """Check that a result is a valid image of so many frames, and no longer followed."""
    image = io.read(path)
    assert image.sizes["T"] == frames
    assert image.meta["notes"] == ()
    assert np.isfinite(np.asarray(image.data)).all()
    assert "following" not in attributes(path)
    assert io.read_provenance(path)["followed"]["ended"] == ended
    assert not [part.name for part in path.parent.iterdir() if part.name.startswith(".")]


def test_ctrl_c_ends_it_with_the_frames_done(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", movie(8, 40, 44), metadata=None, photometric="minisblack")
    engine = pick("auto", 2)
    source, _ = wait(lambda: open_source(tmp_path / "a.tif"), Limits(60))
    first = told(source.image(5))
    planned = plan(first, Recipe(**FAST), resolution_um=0.3, engine=engine)
    with pytest.MonkeyPatch.context() as patch:
        take, calls = live_ends.Reading.take, list[int]()

        def interrupted(self: Any, most: int) -> Any:
            calls.append(most)
            if len(calls) == 4:
                raise KeyboardInterrupt
            return take(self, 1)

        patch.setattr(live_ends.Reading, "take", interrupted)
        found = follow(
            source, first, planned, tmp_path / "out.zarr", engine=engine, limits=Limits(60), room=Room.of()
        )  # fmt: skip
    assert found.ended == "stopped by the user"
    stays(tmp_path / "out.zarr", 3, "stopped by the user")
    assert "sha256" not in io.read_provenance(tmp_path / "out.zarr")


def test_a_damaged_frame_ends_it_with_those_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_ends, "LATE_S", 0.05)
    array = store(tmp_path / "a.zarr", movie(6, 40, 44), "TYX")
    array[:] = movie(6, 40, 44)
    chunk = tmp_path / "a.zarr" / "0" / "c" / "5" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:30])
    with pytest.raises(InputError, match="frame 5 is damaged"):
        run(tmp_path / "a.zarr", tmp_path / "out.zarr", Recipe(**FAST), Limits(20, None, 3))
    stays(tmp_path / "out.zarr", 5, "an error")


def test_a_frame_that_can_be_read_a_moment_later_is_waited_for(tmp_path: Path) -> None:
    data = movie(6, 40, 44)
    store(tmp_path / "a.zarr", data, "TYX")[:] = data
    chunk = tmp_path / "a.zarr" / "0" / "c" / "5" / "0" / "0"
    content = chunk.read_bytes()
    chunk.write_bytes(content[:30])

    def mend(step: Step) -> None:
        if step.done == 5:
            threading.Timer(0.2, chunk.write_bytes, [content]).start()

    found = run(tmp_path / "a.zarr", tmp_path / "out.zarr", Recipe(**FAST), Limits(20, 6, 3), on_step=mend)
    assert found.image.sizes["T"] == 6


def test_a_writer_that_keeps_others_out_for_a_moment_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", movie(4, 40, 44), metadata=None, photometric="minisblack")
    source, _ = wait(lambda: open_source(tmp_path / "a.tif"), Limits(60, first=3))
    first, count, calls = told(source.image(3)), source.count, list[int]()

    def busy() -> int:
        calls.append(1)
        if len(calls) % 3:
            raise PermissionError(errno.EACCES, "used by another process")
        return count()

    monkeypatch.setattr(source, "count", busy)
    planned = plan(first, Recipe(**FAST), resolution_um=0.3)
    found = follow(
        source, first, planned, tmp_path / "out.zarr", engine=pick("auto", 2), limits=Limits(20, 4), room=Room.of()
    )
    assert found.image.sizes["T"] == 4


def test_a_recording_that_vanishes_ends_it_with_the_frames_done(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", movie(5, 40, 44), metadata=None, photometric="minisblack")

    def vanish(step: Step) -> None:
        if step.done == 5:
            (tmp_path / "a.tif").unlink()

    with pytest.raises(InputError, match=r"a\.tif cannot be followed any longer: No such file"):
        run(tmp_path / "a.tif", tmp_path / "out.zarr", Recipe(**FAST), Limits(20), on_step=vanish)
    stays(tmp_path / "out.zarr", 5, "an error")


def test_a_full_disk_ends_it_with_the_frames_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "a.tif", movie(8, 40, 44), metadata=None, photometric="minisblack")
    write = ZarrStream.__setitem__

    def full(self: ZarrStream, key: Any, value: Any) -> None:
        if key == 4:
            write(self, key, value)  # even where part of the frame is there already
            raise OutputError("cannot write: the disk is full")
        write(self, key, value)

    monkeypatch.setattr(ZarrStream, "__setitem__", full)
    with pytest.raises(OutputError, match="the disk is full"):
        run(tmp_path / "a.tif", tmp_path / "out.zarr", Recipe(**FAST), Limits(20))
    image = io.read(tmp_path / "out.zarr")
    assert image.sizes["T"] == 4
    assert "following" not in attributes(tmp_path / "out.zarr")


def test_a_result_that_is_there_is_kept_unless_it_may_be_replaced(tmp_path: Path) -> None:
    target = tmp_path / "out.zarr"
    tifffile.imwrite(tmp_path / "a.tif", movie(3, 40, 44), metadata=None, photometric="minisblack")
    io.write(target, told(Image(np.ones((2, 40, 44), "float32"), "TYX")))
    with pytest.raises(OutputError, match="exists already"):
        run(tmp_path / "a.tif", target, Recipe(**FAST), Limits(0.1))
    assert io.read(target).shape == (2, 40, 44)
    run(tmp_path / "a.tif", target, Recipe(**FAST), Limits(0.1), overwrite=True, version="0.4")
    assert io.read(target).shape == (3, 40, 44)
    assert (target / ".zattrs").is_file()


def test_reading_solving_and_writing_overlap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While frame 1 is solved, frame 2 is read and frame 0 is still being written."""
    tifffile.imwrite(tmp_path / "a.tif", movie(4, 40, 44), metadata=None, photometric="minisblack")
    read, solved = threading.Event(), threading.Event()
    waited = dict[str, bool]()
    source, _ = wait(lambda: open_source(tmp_path / "a.tif"), Limits(60, first=3))
    first = told(source.image(3))
    frame, solve, take = source.frame, Frames.solve, live_ends.Reading.take

    def reads(number: int) -> Any:
        if number == 2:
            read.set()
        return frame(number)

    def solves(self: Any, frames: Any, kept: slice) -> Any:
        waited["solves"] = "solves" in waited
        if waited["solves"]:
            solved.set()
            waited["read"] = read.wait(10)
        return solve(self, frames, kept)

    def look(step: Step) -> None:
        if step.done == 1:
            waited["written"] = solved.wait(10)

    monkeypatch.setattr(source, "frame", reads)
    monkeypatch.setattr(Frames, "solve", solves)
    monkeypatch.setattr(live_ends.Reading, "take", lambda self, _: take(self, 1))
    follow(
        source, first, plan(first, Recipe(**FAST), resolution_um=0.3), tmp_path / "out.zarr", engine=pick("auto", 2),
        limits=Limits(60, 4), room=Room.of(), on_step=look,
    )  # fmt: skip
    assert waited == {"solves": True, "read": True, "written": True}
