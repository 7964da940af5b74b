"""Memory of a run: what is planned, what goes to files, what is refused, and that nothing of it changes a value."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sparsescope as ss
from problems import counts, settings
from sparsescope.errors import InputError, OutputError
from sparsescope.pipeline import room as rooms
from sparsescope.pipeline.blocks import BLOCK_BYTES
from sparsescope.pipeline.needs import portion
from sparsescope.pipeline.room import Need, Room, parse_bytes
from sparsescope.pipeline.shelf import Shelf

SIZES: dict[str, Any] = {"pixel_size_um": 0.1, "resolution_um": 0.3}


@pytest.mark.parametrize(
    ("text", "count"),
    [("2GB", 2 * 10**9), ("2 gb", 2 * 10**9), ("512MiB", 2**29), ("1.5G", 1.5e9), (".5kb", 500), ("4096", 4096)],
)
def test_sizes_of_memory_are_read(text: str, count: float) -> None:
    assert parse_bytes(text) == count


@pytest.mark.parametrize("text", ["", "GB", "2 GBs", "-1GB", "0", "0.1", "1e9", "nan", "2,5GB", "two"])
def test_what_is_no_size_is_told_with_what_is_allowed(text: str) -> None:
    with pytest.raises(InputError, match="such as 2GB"):
        parse_bytes(text)


def test_what_does_not_fit_goes_to_files_the_result_first() -> None:
    def shelved(allowed: int) -> tuple[str, ...]:
        room = Room(allowed)
        room.settle(Need(100, 50, 30))
        assert room.in_memory_bytes <= allowed
        assert room.in_memory_bytes + room.on_disk_bytes == 180
        return room.shelved

    assert [shelved(n) for n in (180, 179, 130, 129, 100)] == [
        (), ("background",), ("result",), ("result", "background"), ("result", "background"),
    ]  # fmt: skip


def test_more_at_once_than_allowed_is_refused_with_the_remedy() -> None:
    with pytest.raises(InputError, match=r"about 100 B .* 99 B .*: crop the image, or use a larger machine"):
        Room(99).settle(Need(100, 0, 0, "crop the image"))
    with pytest.raises(InputError, match=r"limit of 150 B leaves 99 B: crop it, or allow about 151 B \(--max-memory"):
        Room(99, given=150).settle(Need(100, 0, 0, "crop it"))


def test_a_disk_without_room_is_told_before_anything_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "disk_free_bytes", lambda folder: 10)
    with pytest.raises(OutputError, match="free some space"):
        Room(100).settle(Need(100, 11, 0))


def test_limits_of_containers_count(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("400\n")
    assert min(rooms._group_free(tmp_path)) == 600
    (tmp_path / "memory.max").write_text("max\n")
    assert min(rooms._group_free(tmp_path)) == 2**62


@pytest.mark.parametrize("number", [0, -5])
def test_a_limit_is_positive(number: int) -> None:
    with pytest.raises(InputError, match="allowed is a positive number of bytes"):
        ss.deconvolve(counts((16, 16)), settings(), max_memory_bytes=number, **SIZES)


def roomy(monkeypatch: pytest.MonkeyPatch, allowed: int) -> None:
    monkeypatch.setattr(Room, "of", classmethod(lambda cls, most=None, folder=None, coming=0: cls(allowed)))


@pytest.mark.parametrize(("axes", "shape"), [("TYX", (40, 20, 26)), ("TCYX", (12, 2, 20, 26)), ("YX", (70, 60))])
@pytest.mark.parametrize("upsample", [1, 2])
def test_arrays_in_files_change_no_value(
    axes: str, shape: tuple[int, ...], upsample: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, recipe = counts(shape), settings(upsample=upsample, continuity=0, background="smooth-8")
    usual = ss.deconvolve(data, recipe, axes=axes, **SIZES)
    image = ss.as_image(data, axes, pixel_size_um=0.1)
    least = portion(image, ss.plan(image, recipe, resolution_um=0.3), 1, 0).need.solver
    roomy(monkeypatch, least)
    result = ss.deconvolve(image, recipe, resolution_um=0.3)
    assert isinstance(result.image.data, Shelf)
    assert result.background is not None
    assert isinstance(result.background.data, Shelf)
    assert usual.background is not None
    np.testing.assert_array_equal(np.asarray(result.image.data), usual.image.data)
    np.testing.assert_array_equal(np.asarray(result.background.data), usual.background.data)
    assert result.measures == usual.measures
    assert result.notes == usual.notes


@pytest.mark.parametrize(("axes", "shape"), [("TYX", (50, 60, 40)), ("TZYX", (26, 4, 50, 12))])
def test_short_memory_makes_smaller_blocks_whose_seams_do_not_show_and_says_so(
    axes: str, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparsescope.pipeline.needs.LEAST_BLOCK", 1)
    data, recipe = counts(shape), settings(continuity=0.5, continuity_t=0.5)
    usual = ss.deconvolve(data, recipe, axes=axes, **SIZES)
    assert not any("smaller blocks" in note for note in usual.notes)
    image = ss.as_image(data, axes, pixel_size_um=0.1)
    least = portion(image, ss.plan(image, recipe, resolution_um=0.3), 1, 0)
    assert least.block_bytes < BLOCK_BYTES
    roomy(monkeypatch, least.need.solver)
    result = ss.deconvolve(image, recipe, resolution_um=0.3)
    assert any("smaller blocks" in note for note in result.notes)
    value = np.asarray(result.image.data)
    assert 0 < np.abs(value - usual.image.data).max() <= 1e-3 * usual.image.data.max()


def test_a_stack_whose_smallest_tile_does_not_fit_is_refused_beforehand() -> None:
    psf = np.zeros((9, 129, 129), np.float32)
    psf[4, 4, 4] = psf[4, 64, 64] = psf[4, -5, -5] = 1
    with pytest.raises(InputError, match=r"crop the stack, or use --dimensions 2d, or allow about .*--max-memory"):
        ss.deconvolve(
            np.broadcast_to(np.uint16(5), (900, 700, 700)), settings(continuity=0, background="none"), axes="ZYX",
            psf=psf, pixel_size_um=0.1, z_step_um=0.2, max_memory_bytes=rooms.resident_bytes() + 250_000_000,
        )  # fmt: skip


RESIDENT = """
import json, sys, threading
import numpy as np, psutil
import sparsescope as ss

def run(frames, side, limit):
    data = np.random.default_rng(0).poisson(50, (frames, side, side)).astype(np.uint16)
    data[:, ::9, ::9] += 500
    recipe = ss.Recipe(fidelity=100, sparsity=2, continuity=0, background="smooth-16", resolution_um=0.3,
                       sparse_iterations=2, deconvolution_iterations=2)
    image = ss.as_image(data, "TYX", pixel_size_um=0.1)
    before = me.memory_info().rss
    peak.clear()
    peak.append(before)
    result = ss.deconvolve(image, recipe, threads=2, max_memory_bytes=None if limit is None else before + limit)
    ss.write(sys.argv[1] + f"/{frames}_{limit}.ome.tif", result.image)
    return max(peak) - before, float(result.image.data[2].sum()), type(result.image.data).__name__

me, peak, over = psutil.Process(), [0], threading.Event()
def watch():
    while not over.wait(0.002):
        peak.append(me.memory_info().rss)
watching = threading.Thread(target=watch, daemon=True)
watching.start()
run(4, 256, None)
found = [run(50, 256, None), run(70, 256, 24_000_000)]
over.set()
watching.join()
print(json.dumps(found))
"""


def test_a_long_movie_stays_within_its_memory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RESIDENT, str(tmp_path)], capture_output=True, text=True, check=True, timeout=300
    )
    (usual, same, other), (short, value, kind) = json.loads(done.stdout)
    assert value == pytest.approx(same, rel=1e-3), "the first frames are the same, the scale is that of the whole movie"
    assert (kind, other) == ("Shelf", "ndarray")
    assert short <= 24_000_000, "result and background are 37 MB"
    assert usual > 24_000_000, "the measurement sees what is resident"


def test_kernels_that_are_not_loaded_yet_take_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "resident_bytes", lambda: 100)
    monkeypatch.setattr(rooms, "free_bytes", lambda: 10_000)
    assert [Room.of(1000).allowed, Room.of(1000, coming=300).allowed, Room.of(100_000).allowed] == [900, 600, 10_000]
    assert Room.of().allowed == 8000


def test_kernels_are_loaded_once() -> None:
    from sparsescope.engines import pick
    from sparsescope.pipeline.needs import still_to_load

    ss.deconvolve(counts((16, 16)), settings(), **SIZES)
    assert still_to_load(pick("cpu")) == still_to_load(pick("numpy")) == 0
