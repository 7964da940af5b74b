"""A run that is ended anywhere and gone on with gives what it would have given; what does not fit is refused."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparsescope import Recipe, as_image
from sparsescope.engines import pick
from sparsescope.errors import OutputError
from sparsescope.image import Image
from sparsescope.io import read
from sparsescope.pipeline import Result, deconvolve, plan
from sparsescope.pipeline.crew import Here, Job
from sparsescope.pipeline.needs import portion
from sparsescope.pipeline.room import process
from sparsescope.pipeline.stages import Levels
from sparsescope.pipeline.survey import Ground
from sparsescope.scale.facts import facts_of, fingerprint
from sparsescope.scale.journal import LINES, OWNER, Journal, difference
from sparsescope.scale.record import Record

FIXED: dict[str, Any] = {"fidelity": 100, "sparsity": 3, "sparse_iterations": 12, "deconvolution_iterations": 3}

CASES: dict[str, tuple[str, tuple[int, ...], dict[str, Any]]] = {
    "planes": ("TYX", (7, 20, 23), {"continuity": 0, "background": "smooth-16"}),
    "channels": ("TCYX", (3, 2, 20, 23), {"continuity": 0, "background": "flat"}),
    "stacks tied along z": ("TZYX", (4, 4, 20, 23), {"continuity": 0.3, "continuity_t": 0, "background": "none"}),
    "finer": ("TYX", (4, 20, 23), {"continuity": 0, "upsample": 2, "background": "flat"}),
    "in three dimensions": ("TZYX", (4, 5, 20, 23), {"continuity": 0, "continuity_t": 0, "background": "flat"}),
}


class EndedHere(BaseException):
    """What ends a process at any place."""


class Ending(Here):
    """A crew that is ended after some pieces."""

    def each(self, job: Job[Any, Any], items: Sequence[Any], found: Callable[..., None], *, together: bool) -> None:
        left = self.__dict__.setdefault("left", self.__dict__.get("most", 0))
        pieces = type(job).__name__ == "Solve"

        def counted(item: Any, value: Any) -> None:
            nonlocal left
            found(item, value)
            left -= pieces
            if pieces and left <= 0:
                raise EndedHere

        super().each(job, items, counted, together=False)


def ending(after: int) -> Ending:
    crew = Ending(pick("auto", 1))
    crew.__dict__["most"] = after
    return crew


def scene(axes: str, shape: tuple[int, ...]) -> Image:
    random = np.random.default_rng(len(shape))
    data = random.poisson(4, shape).astype("uint16")
    data[..., 8:10, 5:17] += random.poisson(90, (*shape[:-2], 2, 12)).astype("uint16")
    return as_image(data, axes, pixel_size_um=0.1, z_step_um=0.3 if "Z" in axes else None)


def known(name: str) -> tuple[Image, dict[str, Any]]:
    axes, shape, more = CASES[name]
    psf = np.ones((3, 5, 5), np.float32) / 75 if name == "in three dimensions" else None
    image = scene(axes, shape)
    return image, {
        "planned": plan(image, Recipe(**FIXED, **more), psf=psf, resolution_um=None if psf is not None else 0.3)
    }


@contextmanager
def journal(target: Path, image: Image, how: dict[str, Any], **more: Any) -> Iterator[Journal]:
    facts = facts_of(image, how["planned"], "cpu")
    with Journal(target, facts, axes=image.axes, **{"resume": True, **more}) as made:
        yield made


def pixels(result: Result) -> np.ndarray[Any, Any]:
    return np.asarray(result.image.data)


def same(one: Result, other: Result) -> None:
    np.testing.assert_array_equal(pixels(one), pixels(other))
    assert one.notes == other.notes
    assert one.measures == other.measures
    assert (one.background is None) == (other.background is None)
    if one.background is not None and other.background is not None:
        np.testing.assert_array_equal(np.asarray(one.background.data), np.asarray(other.background.data))


@pytest.mark.parametrize("stream", [None, "0.5"])
@pytest.mark.parametrize("name", CASES)
def test_ended_after_any_piece_and_gone_on_with_is_the_same(tmp_path: Path, name: str, stream: str | None) -> None:
    image, how = known(name)
    whole = deconvolve(image, **how)
    target = tmp_path / "out.ome.zarr"
    for after in (1, 1, 2):
        with pytest.raises(EndedHere), journal(target, image, how, stream=stream) as kept:
            deconvolve(image, **how, keeper=kept, crew=ending(after))
    with journal(target, image, how, stream=stream) as kept:
        assert len(kept.done()) >= 3
        again = deconvolve(image, **how, keeper=kept)
        same(again, whole)
        if stream:
            made = kept.finish(again.image)
            np.testing.assert_array_equal(np.asarray(made.data), pixels(whole))
        kept.finished()
    assert [path.name for path in tmp_path.iterdir()] == (["out.ome.zarr"] if stream else [])
    if stream:
        np.testing.assert_array_equal(np.asarray(read(target).data), pixels(whole))


def part_of(folder: Path, name: str) -> Path:
    return max(path for path in (folder / name / "0").rglob("*") if path.is_file() and path.name != "zarr.json")


@pytest.mark.parametrize("name", ["result", "background"])
@pytest.mark.parametrize("damage", ["gone", "cut off", "other numbers"])
def test_a_plane_that_is_not_what_was_kept_is_done_again(tmp_path: Path, name: str, damage: str) -> None:
    image, how = known("planes")
    whole = deconvolve(image, **how)
    with pytest.raises(EndedHere), journal(tmp_path / "a.tif", image, how) as kept:
        deconvolve(image, **how, keeper=kept, crew=ending(7))
    chunk = part_of(kept.folder, name)
    if damage == "gone":
        chunk.unlink()
    elif damage == "cut off":
        chunk.write_bytes(chunk.read_bytes()[:30])
    else:
        with journal(tmp_path / "a.tif", image, how) as kept:
            array = kept.array(name, image.shape)
            array[3] = np.full(image.shape[-2:], 5.0, np.float32)
    with journal(tmp_path / "a.tif", image, how) as kept:
        same(deconvolve(image, **how, keeper=kept), whole)


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    image, how = known("planes")
    with pytest.raises(EndedHere), journal(tmp_path / "a.tif", image, how) as kept:
        deconvolve(image, **how, keeper=kept, crew=ending(5))
    seen: list[int] = []

    class Noting(Here):
        def each(self, job: Job[Any, Any], items: Sequence[Any], found: Callable[..., None], *, together: bool) -> None:
            assert type(job).__name__ == "Solve", "what the channel rests on is known"
            seen.extend(piece.number for piece in items)
            super().each(job, items, found, together=together)

    reports: list[int] = []
    with journal(tmp_path / "a.tif", image, how) as kept:
        crew = Noting(pick("auto", 1))
        deconvolve(image, **how, keeper=kept, crew=crew, on_progress=lambda step: reports.append(step.done))
    assert seen == [5, 6]
    assert reports[0] == 6
    assert reports[-1] == 7


def test_a_line_that_was_cut_off_is_dropped_and_written_anew(tmp_path: Path) -> None:
    file = tmp_path / LINES
    record = Record(file)
    for i in range(3):
        record.add({"piece": i})
    record.close()
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        record = Record(file)
        assert record.entries == [{"piece": i} for i in range(whole[:length].count(b"\n"))]
        record.add({"piece": "last"})
        record.close()
        with closing(Record(file)) as again:
            assert again.entries[-1] == {"piece": "last"}


def test_an_unfinished_run_is_not_overwritten_unasked(tmp_path: Path) -> None:
    image, how = known("planes")
    with pytest.raises(EndedHere), journal(tmp_path / "a.tif", image, how) as kept:
        deconvolve(image, **how, keeper=kept, crew=ending(2))
    with pytest.raises(OutputError, match=r"unfinished run .*--resume.*--overwrite"):
        Journal(tmp_path / "a.tif", {}, axes="TYX")
    with Journal(tmp_path / "a.tif", {}, axes="TYX", overwrite=True) as anew:
        assert not anew.resumed
        assert anew.done() == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("software", "sparsescope 0.0", "software is"),
        ("parameters of channel 0", {"fidelity": 7.0}, "parameters of channel 0 differ .*fidelity 7.0, was 100"),
        ("input", {"bytes": 3}, "the input has changed since .*bytes 3, was 9"),
        ("PSF", [12], r"PSF is \[12\], was \[\]"),
    ],
)
def test_other_facts_are_refused_with_what_differs(tmp_path: Path, name: str, value: Any, said: str) -> None:
    image, how = known("planes")
    facts = {**facts_of(image, how["planned"], "cpu"), "input": {"bytes": 9}}
    with pytest.raises(EndedHere), Journal(tmp_path / "a.tif", facts, axes="TYX") as kept:
        deconvolve(image, **how, keeper=kept, crew=ending(2))
    before = (kept.folder / LINES).read_bytes()
    with pytest.raises(OutputError, match=said):
        Journal(tmp_path / "a.tif", {**facts, name: value}, axes="TYX", resume=True)
    assert (kept.folder / LINES).read_bytes() == before
    with Journal(tmp_path / "a.tif", facts, axes="TYX", resume=True) as kept:
        assert kept.resumed


def test_a_journal_of_another_format_is_refused(tmp_path: Path) -> None:
    image, how = known("planes")
    with pytest.raises(EndedHere), Journal(tmp_path / "a.tif", {}, axes="TYX") as kept:
        deconvolve(image, **how, keeper=kept, crew=ending(1))
    lines = (kept.folder / LINES).read_text().splitlines()
    (kept.folder / LINES).write_text("\n".join([json.dumps({**json.loads(lines[0]), "format": 0}), *lines[1:]]) + "\n")
    with pytest.raises(OutputError, match="another version"):
        Journal(tmp_path / "a.tif", {}, axes="TYX", resume=True)


def test_smaller_memory_than_at_the_beginning_is_refused(tmp_path: Path) -> None:
    image, how = known("planes")
    parts = portion(image, how["planned"], 1, 10**9)
    with suppress(EndedHere), Journal(tmp_path / "a.tif", {}, axes="TYX") as kept:
        kept.settle(parts)
        kept.keep_ground(None, Ground(Levels(9.0, 1.0, 2.0), 0.0, 0))
        raise EndedHere
    with Journal(tmp_path / "a.tif", {}, axes="TYX", resume=True) as kept, pytest.raises(OutputError, match="memory"):
        kept.settle(replace(parts, block_bytes=parts.block_bytes // 2))
    with Journal(tmp_path / "a.tif", {}, axes="TYX", resume=True) as kept:
        assert kept.settle(replace(parts, block_bytes=2 * parts.block_bytes)).block_bytes == parts.block_bytes


def _hold(target: Path, ready: Any, over: Any) -> None:
    with Journal(target, {}, axes="TYX"):
        ready.set()
        over.wait(60)


def test_two_processes_do_not_write_one_result(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, over = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(tmp_path / "a.tif", ready, over))
    other.start()
    try:
        assert ready.wait(60)
        with pytest.raises(OutputError, match=f"written by process {other.pid}"):
            Journal(tmp_path / "a.tif", {}, axes="TYX", resume=True, overwrite=True)
    finally:
        over.set()
        other.join(60)
    assert other.exitcode == 0


def test_one_that_was_killed_does_not_block_the_next(tmp_path: Path) -> None:
    folder = tmp_path / ".a.tif.sparsescope"
    folder.mkdir()
    (folder / OWNER).write_text(json.dumps({**process(), "began": 1.0}))
    with Journal(tmp_path / "a.tif", {}, axes="TYX", resume=True):
        pass
    folder.mkdir()
    (folder / OWNER).write_text(json.dumps({**process(), "host": "elsewhere"}))
    with pytest.raises(OutputError, match="on elsewhere"):
        Journal(tmp_path / "a.tif", {}, axes="TYX", resume=True)


def test_nothing_is_left_where_nothing_was_done(tmp_path: Path) -> None:
    with pytest.raises(EndedHere), Journal(tmp_path / "a.tif", {}, axes="TYX"):
        raise EndedHere
    assert list(tmp_path.iterdir()) == []


def test_ended_between_the_name_and_the_end_nothing_is_done_again(tmp_path: Path) -> None:
    image, how = known("planes")
    target = tmp_path / "a.ome.zarr"
    with suppress(EndedHere), journal(target, image, how, stream="0.5") as kept:
        kept.finish(deconvolve(image, **how, keeper=kept).image)
        raise EndedHere
    assert target.exists()
    with journal(target, image, how, stream="0.5") as kept:
        assert kept.named
        again = deconvolve(image, **how, keeper=kept, crew=ending(0))
        np.testing.assert_array_equal(np.asarray(kept.finish(again.image).data), pixels(deconvolve(image, **how)))
        kept.finished()
    assert [path.name for path in tmp_path.iterdir()] == ["a.ome.zarr"]


def test_a_fingerprint_tells_a_changed_file(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(b"123")
    one = fingerprint(file)
    assert fingerprint(file) == one
    file.write_bytes(b"1234")
    assert "bytes 4, was 3" in difference("input", one, fingerprint(file))
