"""Recordings that are still written: a frame counts when all of it is there, and never before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsescope import io
from sparsescope.errors import InputError
from sparsescope.io import growing, growing_folder, growing_tiff, growing_zarr
from sparsescope.io.growing import Growing, Still
from sparsescope.io.live import follow

FRAMES, SIDE = 12, 40
MOVIE = np.random.default_rng(4).integers(1, 4000, (FRAMES, SIDE, SIDE + 3)).astype("uint16")


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the last part count without a rest."""
    monkeypatch.setattr(growing_tiff, "SETTLE_S", 0)
    monkeypatch.setattr(growing_folder, "SETTLE_S", 0)
    monkeypatch.setattr(growing_zarr, "SETTLE_S", 0)
    monkeypatch.setattr(growing_zarr, "SETTLE_LONG_S", 0)


def opened(path: Path, seconds: float = 20, **told: Any) -> Growing:
    """Open a recording as soon as that can be done."""
    end = time.monotonic() + seconds
    while True:
        try:
            return follow(path, **told)
        except InputError:
            if time.monotonic() > end:
                raise
            time.sleep(0.003)


def followed(source: Growing, frames: int, seconds: float = 30) -> list[Any]:
    """Read every frame as soon as it counts."""
    found: list[Any] = []
    end = time.monotonic() + seconds
    while len(found) < frames and time.monotonic() < end:
        count = source.count()
        assert len(found) <= count <= frames
        found += [source.frame(number) for number in range(len(found), count)]
        time.sleep(0.003)
    return found


WRITER = """
import sys, time, numpy as np, tifffile, zarr
from pathlib import Path
movie, path, how = np.load(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
def rest():
    time.sleep(0.004)
if how == "tiff" or how == "bigtiff":
    with tifffile.TiffWriter(path, bigtiff=how == "bigtiff") as writer:
        for frame in movie:
            writer.write(frame, metadata=None, rowsperstrip=16); rest()
elif how == "appended":
    for frame in movie:
        tifffile.imwrite(path, frame, append=True, metadata=None, compression="zlib"); rest()
elif how == "torn":
    whole = Path(str(path) + ".whole")
    tifffile.imwrite(whole, movie, metadata=None, photometric="minisblack")
    content = whole.read_bytes()
    with open(path, "wb", buffering=0) as file:
        for at in range(0, len(content), 1300):
            file.write(content[at:at + 1300]); time.sleep(0.001)
elif how == "folder":
    path.mkdir()
    for i, frame in enumerate(movie):
        with open(path / f"cell_t{i}.tif", "wb", buffering=0) as file:
            import io
            memory = io.BytesIO(); tifffile.imwrite(memory, frame); content = memory.getvalue()
            file.write(content[:100]); rest(); file.write(content[100:2000]); rest(); file.write(content[2000:])
elif how.startswith("zarr"):
    version = 3 if "3" in how else 2
    group = zarr.open_group(path, mode="w", zarr_format=version)
    full = "full" in how
    shape = (len(movie) if full else 0, *movie.shape[1:])
    more = {"dimension_names": list("tyx")} if version == 3 else {}
    array = group.create_array("0", shape=shape, chunks=(1, 16, 64), dtype="u2", **more)
    entry = {"axes": [{"name": n} for n in "tyx"], "datasets": [{"path": "0"}], "version": "0.4"}
    scales = {"multiscales": [entry]}
    group.update_attributes({"ome": {"version": "0.5", **scales}} if version == 3 else scales)
    for i, frame in enumerate(movie):
        if not full:
            array.resize((i + 1, *shape[1:])); rest()
        array[i] = frame; rest()
"""


def writer(tmp_path: Path, name: str, how: str) -> tuple[Path, subprocess.Popen[bytes]]:
    """Start another process that writes the movie."""
    np.save(tmp_path / "movie.npy", MOVIE)
    path = tmp_path / name
    arguments = [sys.executable, "-c", WRITER, str(tmp_path / "movie.npy"), str(path), how]
    return path, subprocess.Popen(arguments)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.tif", "tiff"),
        ("a.tif", "bigtiff"),
        ("a.tif", "appended"),
        ("a.tif", "torn"),
        ("cells", "folder"),
        ("a.zarr", "zarr3"),
        ("a.zarr", "zarr2"),
        ("a.zarr", "zarr3 full"),
        ("a.zarr", "zarr2 full"),
    ],
)
def test_what_another_process_writes_is_read_frame_by_frame(name: str, how: str, tmp_path: Path) -> None:
    path, process = writer(tmp_path, name, how)
    source = opened(path)
    found = followed(source, FRAMES)
    assert process.wait(30) == 0
    np.testing.assert_array_equal(found, MOVIE)
    assert source.nature.axes == "TYX"
    assert source.unfinished() == ""
    finished = io.read(path, axes=source.nature.unsaid)
    image = source.image(3)
    np.testing.assert_array_equal(image.data, finished.data[:3])
    assert (image.axes, image.dtype) == (finished.axes, finished.dtype)
    assert image.meta["format"] == finished.meta["format"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, bytes, list[int]]]:
    """Complete files, and where the pixels of each page end."""
    made = {}
    for name, how in (("classic", {}), ("big", {"bigtiff": True}), ("packed", {"compression": "zlib"})):
        path = tmp_path_factory.mktemp(name) / "a.tif"
        with tifffile.TiffWriter(path, bigtiff=how.pop("bigtiff", False)) as file:
            for frame in MOVIE:
                file.write(frame, metadata=None, rowsperstrip=16, **how)
        with tifffile.TiffFile(path) as file:
            ends = [max(a + b for a, b in zip(p.dataoffsets, p.databytecounts, strict=True)) for p in file.pages]
        made[name] = path, path.read_bytes(), ends
    return made


@settings(max_examples=100)
@given(
    kind=st.sampled_from(["classic", "big", "packed"]), page=st.integers(0, FRAMES - 1), more=st.integers(-3000, 3000)
)
def test_of_any_beginning_of_a_file_only_whole_pages_count(whole: Any, kind: str, page: int, more: int) -> None:
    path, content, ends = whole[kind]
    size = min(max(ends[page] + more, 1), len(content))
    path.write_bytes(content[:size])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(growing_tiff, "SETTLE_S", 0)
        try:
            source = follow(path)
        except InputError:
            assert size < ends[0]
            return
        assert source.count() == sum(end <= size for end in ends)
        for number in range(source.count()):
            np.testing.assert_array_equal(source.frame(number), MOVIE[number])


@pytest.mark.usefixtures("at_once")
def test_a_page_whose_bytes_are_not_all_there_is_named_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for frame in MOVIE[:3]:
        tifffile.imwrite(path, frame, append=True, metadata=None)
    content = path.read_bytes()
    path.write_bytes(content[:-50])
    source = follow(path)
    assert source.count() == 2
    assert source.unfinished() == "a.tif ends with 1 page of a frame that is not complete: left out"
    path.write_bytes(content)
    assert (source.count(), source.unfinished()) == (3, "")


def test_the_last_page_waits_until_the_file_has_come_to_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(growing_tiff, "Still", lambda: Still(lambda: now[0]))
    for frame in MOVIE[:2]:
        tifffile.imwrite(tmp_path / "a.tif", frame, append=True, metadata=None)
    source = follow(tmp_path / "a.tif")
    assert source.count() == 1
    now[0] = growing.SETTLE_S
    assert source.count() == 2


def test_channels_and_planes_of_imagej_and_ome_make_a_frame(tmp_path: Path) -> None:
    data = np.random.default_rng(1).integers(0, 99, (4, 3, 2, 8, 9)).astype("uint16")  # TZCYX
    tifffile.imwrite(
        tmp_path / "a.tif", data, imagej=True, resolution=(10, 10),
        metadata={"axes": "TZCYX", "unit": "um", "finterval": 0.5, "spacing": 0.3},
    )  # fmt: skip
    tifffile.imwrite(
        tmp_path / "a.ome.tif", data,
        metadata={"axes": "TZCYX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1, "PhysicalSizeZ": 0.3, "TimeIncrement": 0.5},  # noqa: E501
    )  # fmt: skip
    for name in ("a.tif", "a.ome.tif"):
        source, finished = follow(tmp_path / name), io.read(tmp_path / name)
        assert source.nature.declared == 4
        assert len(followed(source, 4)) == 4
        image = source.image(4)
        assert image.axes == finished.axes == "TCZYX"
        np.testing.assert_array_equal(image.data, finished.data)
        assert dict(image.spacing_um) == pytest.approx(dict(finished.spacing_um))
        assert (image.interval_s, image.channels) == (finished.interval_s, finished.channels)
        every = follow(tmp_path / name, axes="TYX")
        assert (every.nature.axes, every.nature.declared, len(followed(every, 24))) == ("TYX", None, 24)
        with pytest.raises(InputError, match=r"declares C 2, Z 3: allowed are TCZYX, or TYX"):
            follow(tmp_path / name, axes="ZYX")


def test_a_frame_of_several_pages_counts_when_its_last_is_there(tmp_path: Path) -> None:
    data = np.random.default_rng(1).integers(0, 99, (3, 2, 8, 9)).astype("uint16")
    tifffile.imwrite(tmp_path / "whole.ome.tif", data, metadata={"axes": "TCYX"})
    with tifffile.TiffFile(tmp_path / "whole.ome.tif") as file:
        description = file.pages.first.description
    path = tmp_path / "a.ome.tif"
    source = None
    for i, page in enumerate(data.reshape(-1, 8, 9)):
        more = {"description": description} if not i else {}
        tifffile.imwrite(path, page, append="force" if i else False, metadata=None, **more)
        source = source or follow(path)
        time.sleep(2 * growing.SETTLE_S)
        source.count()
        time.sleep(2 * growing.SETTLE_S)
        assert source.count() == (i + 1) // 2
    assert source is not None
    assert (source.nature.axes, source.nature.declared) == ("TCYX", 3)
    np.testing.assert_array_equal(source.image(3).data, data)


@pytest.mark.parametrize("big", [False, True])
def test_a_description_that_comes_at_the_end_is_waited_for(tmp_path: Path, big: bool) -> None:
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(
        path, MOVIE.reshape(4, 3, *MOVIE.shape[1:]), metadata={"axes": "TZYX"}, compression="zlib", bigtiff=big
    )
    content = path.read_bytes()
    path.write_bytes(content[:-200])
    with pytest.raises(InputError, match=r"the description of a\.ome\.tif, .* is not there yet: .* --axes TYX"):
        follow(path)
    assert follow(path, axes="TYX").nature.axes == "TYX"
    path.write_bytes(content)
    assert follow(path).nature.axes == "TZYX"


def test_time_that_is_not_slowest_cannot_be_followed(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", np.zeros((2, 3, 8, 9), "u2"), metadata={"axes": "CTYX"})
    with pytest.raises(InputError, match=r"in the order .* frames can be followed where time is slowest"):
        follow(tmp_path / "a.ome.tif")


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda p: tifffile.imwrite(p, np.zeros((8, 9, 3), "u1"), photometric="rgb"), "pages with one plane of whole"),
        (lambda p: tifffile.imwrite(p, np.zeros((8, 9), bool)), "pages with one plane of whole"),
        (lambda p: p.write_bytes(b"II*\0"), "cut off"),
        (lambda p: p.write_bytes(b""), "nothing at .* yet"),
        (lambda p: p.write_bytes(b"\x89PNG and more"), "cannot be followed while it is written"),
    ],
)
def test_what_cannot_be_followed_says_so(make: Callable[[Path], Any], text: str, tmp_path: Path) -> None:
    make(tmp_path / "a.tif")
    with pytest.raises(InputError, match=text):
        follow(tmp_path / "a.tif")


def plane(path: Path, content: Any) -> None:
    tifffile.imwrite(path, content, resolution=(1e4 / 0.1, 1e4 / 0.1), resolutionunit="CENTIMETER")


@pytest.mark.usefixtures("at_once")
def test_a_folder_of_channels_and_planes(tmp_path: Path) -> None:
    data = np.random.default_rng(1).integers(0, 99, (3, 2, 2, 8, 9)).astype("uint16")
    folder = tmp_path / "cells"
    folder.mkdir()
    for t in range(3):
        for z in range(2):
            for c, word in enumerate(("DNA", "actin")):
                if t == 1 and z + c == 0:
                    with pytest.raises(InputError, match="do not say what counts frames"):
                        follow(folder)
                plane(folder / f"x_t{t + 9}_z{z}_{word}.tif", data[t, c, z])
    source = follow(folder)
    assert source.nature.axes == "TCZYX"
    assert source.count() == 3
    image, finished = source.image(3), io.read(folder)
    np.testing.assert_array_equal(image.data, data)
    np.testing.assert_array_equal(finished.data, data)
    assert image.channels == finished.channels
    assert [one.name for one in image.channels] == ["DNA", "actin"]
    assert image.pixel_size_um == pytest.approx(0.1)
    plane(folder / "x_t12_z0_DNA.tif", data[0, 0, 0])
    assert source.count() == 3
    assert source.unfinished() == "cells holds part of 1 more frame, not complete: left out"


@pytest.mark.usefixtures("at_once")
def test_a_pattern_leaves_other_files_and_results_out_and_a_late_file_is_an_error(tmp_path: Path) -> None:
    for name in ("a_1.tif", "a_3.tif", "other.tif", "a_1_sparse.ome.tif", ".a_2.tif"):
        plane(tmp_path / name, MOVIE[0])
    source = follow(tmp_path / "a_*.tif")
    assert (source.nature.axes, source.nature.unsaid, source.count()) == ("TYX", "TYX", 2)
    time.sleep(0.02)  # the folder's time must differ
    plane(tmp_path / "a_2.tif", MOVIE[0])
    with pytest.raises(InputError, match=r"a_2\.tif appeared after frames with higher numbers were taken"):
        source.count()


@pytest.mark.usefixtures("at_once")
def test_frames_are_found_by_the_names_that_they_should_have_or_by_listing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[int] = []
    names = growing_folder.names

    def counted(path: Path) -> list[str]:
        listed.append(1)
        return names(path)

    monkeypatch.setattr(growing_folder, "names", counted)
    now = [0.0]
    monkeypatch.setattr(growing_folder, "Still", lambda: Still(lambda: now[0]))
    for number in (8, 9):
        plane(tmp_path / f"a_{number:03}.tif", MOVIE[number])
    source = follow(tmp_path)
    assert source.count() == 2
    before = len(listed)
    for number in (10, 11):
        plane(tmp_path / f"a_{number:03}.tif", MOVIE[number])
        assert source.count() == number - 7
    assert len(listed) == before, "no listing while names are as expected"
    now[0] += 1
    assert source.count() == 4
    assert len(listed) == before + 1, "one when the folder has come to rest"
    now[0] += 1
    assert (source.count(), len(listed)) == (4, before + 1)
    plane(tmp_path / "a_020.tif", MOVIE[0])
    assert (source.count(), len(listed)) == (5, before + 2), "other numbers are listed"


@pytest.mark.usefixtures("at_once")
def test_a_file_that_comes_in_the_same_tick_of_the_folders_clock_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(growing_folder, "Still", lambda: Still(lambda: now[0]))
    for number in (1, 2):
        plane(tmp_path / f"a_{number}.tif", MOVIE[number])
    source = follow(tmp_path)
    assert source.count() == 2
    status = tmp_path.stat()
    plane(tmp_path / "a_7.tif", MOVIE[7])  # not the number that is expected, so that the folder must be listed
    os.utime(tmp_path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert source.count() == 2
    now[0] += 1
    assert source.count() == 3


def test_numbers_that_count_z_are_no_frames_unless_the_user_says_so(tmp_path: Path) -> None:
    for z in range(2):
        plane(tmp_path / f"a_z{z}.tif", MOVIE[z])
    with pytest.raises(InputError, match="do not say what counts frames"):
        follow(tmp_path)
    assert follow(tmp_path, axes="TYX").nature.axes == "TYX"


def store(path: Path, shape: tuple[int, ...], chunks: tuple[int, ...], axes: str = "tyx", **more: Any) -> Any:
    group = zarr.open_group(path, mode="w")
    entry = {"axes": [{"name": name} for name in axes], "datasets": [{"path": "0"}]}
    group.update_attributes({"ome": {"version": "0.5", "multiscales": [entry]}})
    return group.create_array("0", shape=shape, chunks=chunks, dtype="u2", dimension_names=list(axes), **more)


@pytest.mark.usefixtures("at_once")
def test_a_missing_chunk_is_not_there_yet_and_no_zeros(tmp_path: Path) -> None:
    array = store(tmp_path / "a.zarr", (3, 2, 8, 9), (1, 1, 8, 5), "tcyx")
    source = follow(tmp_path / "a.zarr")
    assert (source.nature.axes, source.count()) == ("TCYX", 0)
    array[0] = 7
    array[1, 0] = 7
    array[2] = 7
    assert source.count() == 1
    assert "a.zarr holds chunks of 2 more frames, but not all of frame 1: left out." in source.unfinished()
    array[1, 1] = 7
    assert (source.count(), source.unfinished()) == (3, "")


@pytest.mark.parametrize("shards", [None, (4, 8, 9)])
@pytest.mark.usefixtures("at_once")
def test_frames_that_share_a_file_count_up_to_the_last_that_holds_anything(shards: Any, tmp_path: Path) -> None:
    array = store(tmp_path / "a.zarr", (10, 8, 9), (1, 8, 9) if shards else (4, 8, 9), shards=shards)
    source = follow(tmp_path / "a.zarr")
    for frame in range(10):
        array[frame] = frame + 1
        assert source.count() == frame + 1
        assert source.frame(frame)[0, 0] == frame + 1


@pytest.mark.usefixtures("at_once")
def test_metadata_that_are_being_written_are_waited_for(tmp_path: Path) -> None:
    array = store(tmp_path / "a.zarr", (1, 8, 9), (1, 8, 9))
    array[0] = 1
    source = follow(tmp_path / "a.zarr")
    assert source.count() == 1
    array.resize((2, 8, 9))
    array[1] = MOVIE[0, :8, :9]
    meta = tmp_path / "a.zarr" / "0" / "zarr.json"
    content = meta.read_text()
    meta.write_text(content[:40])
    assert source.count() == 1
    meta.write_text(content)
    assert source.count() == 2
    chunk = tmp_path / "a.zarr" / "0" / "c" / "1" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:20])
    with pytest.raises(InputError, match="frame 1 is damaged"):
        source.frame(1)


def test_a_store_without_time_and_one_of_several_images(tmp_path: Path) -> None:
    store(tmp_path / "a.zarr", (3, 8, 9), (1, 8, 9), "zyx")
    with pytest.raises(InputError, match="no time: there is nothing to follow"):
        follow(tmp_path / "a.zarr")
    assert follow(tmp_path / "a.zarr", axes="TYX").nature.axes == "TYX"
    with pytest.raises(InputError, match="no series 3"):
        follow(tmp_path / "a.zarr", series=3)


def test_keys_of_chunks_are_named_as_the_metadata_say(tmp_path: Path) -> None:
    from sparsescope.io.zarr_store import grid

    for version, encoding in ((3, "default"), (3, "v2"), (2, "v2")):
        for separator in "./":
            path = tmp_path / f"{version}{encoding}{'dot' if separator == '.' else 'slash'}.zarr"
            array = zarr.create_array(
                path, shape=(3, 8, 9), chunks=(1, 8, 5), dtype="u2", zarr_format=version,
                chunk_key_encoding={"name": encoding, "separator": separator},
            )  # fmt: skip
            array[2] = 1
            found = grid(path, "")
            assert (path / found.name((2, 0, 1))).is_file()
            assert not (path / found.name((1, 0, 1))).is_file()
            assert (found.shape, found.files) == ((3, 8, 9), (1, 8, 5))
    assert json.loads((tmp_path / "3defaultdot.zarr" / "zarr.json").read_text())["node_type"] == "array"
