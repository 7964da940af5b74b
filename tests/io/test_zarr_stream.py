"""An OME-Zarr filled plane by plane: the same files in any order, from several processes, opened again, and grown."""

from __future__ import annotations

import errno
import hashlib
import json
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from sparsescope import io
from sparsescope.errors import InputError, OutputError
from sparsescope.image import Image
from sparsescope.io.zarr_stream import Ranges, ZarrStream

VERSIONS = ["0.5", "0.4"]
SHAPE, AXES = (4, 2, 300, 270), "TCYX"
DATA = (np.random.default_rng(3).random(SHAPE) * 900 - 100).astype("float32")
DATA[1, 0] = 0.0  # a chunk of the fill value is a file like any other
IMAGE = Image(DATA, AXES, {"x": 0.065, "y": 0.065}, 0.5, meta={"provenance": {"program": "sparsescope"}})
PLACES = list(np.ndindex(SHAPE[:2]))


def tree(folder: Path) -> dict[str, str]:
    """Digest of every file by its name."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def written(folder: Path, version: str) -> dict[str, str]:
    """What io.write makes of the image."""
    io.write(folder, IMAGE, format="ome-zarr" if version == "0.5" else "ome-zarr-0.4")
    return tree(folder)


@pytest.mark.parametrize("version", VERSIONS)
def test_any_order_and_several_threads_give_the_files_of_an_image_written_at_once(version: str, tmp_path: Path) -> None:
    stream = ZarrStream.make(tmp_path / "part", SHAPE, AXES, version=version)
    order = np.random.default_rng(0).permutation(len(PLACES))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: stream.__setitem__(PLACES[i], DATA[PLACES[i]]), order))
    stream.finish(IMAGE, "a.ome.zarr")
    assert tree(tmp_path / "part") == written(tmp_path / "a.ome.zarr", version)


WORKER = """
import sys, json, numpy as np
from pathlib import Path
from sparsescope.io.zarr_stream import ZarrStream
data = np.load(sys.argv[2], mmap_mode="r")
stream = ZarrStream.open(Path(sys.argv[1]), "TCYX")
print("ready", flush=True)
sys.stdin.readline()
for t in map(int, sys.argv[3:]):
    stream[t] = data[t]
print(json.dumps(stream.ranges.listed()), flush=True)
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_several_processes_write_at_once_and_their_ranges_are_merged(version: str, tmp_path: Path) -> None:
    np.save(tmp_path / "data.npy", DATA)
    stream = ZarrStream.make(tmp_path / "part", SHAPE, AXES, version=version)
    at = [str(tmp_path / "part"), str(tmp_path / "data.npy")]
    # frame 2 is written by both: work that is done twice does no harm
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER, *at, *frames], stdin=-1, stdout=-1, text=True)
        for frames in (("3", "0", "2"), ("2", "1"))
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:  # both start when both are ready
        assert worker.stdin is not None
        worker.stdin.write("\n")
        worker.stdin.flush()
    for worker in workers:
        out, _ = worker.communicate(timeout=60)
        assert worker.returncode == 0
        stream.ranges.merge(Ranges.of(json.loads(out)))
    stream.finish(IMAGE, "a.ome.zarr")
    assert tree(tmp_path / "part") == written(tmp_path / "a.ome.zarr", version)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_was_begun_is_gone_on_with(version: str, tmp_path: Path) -> None:
    first = ZarrStream.make(tmp_path / "part", SHAPE, AXES, version=version)
    one = first.part()
    one[0], one[1, 0] = DATA[0], DATA[1, 0]
    assert first.ranges == Ranges()
    noted = json.loads(json.dumps(one.ranges.listed()))
    left = tmp_path / "part" / "0" / "3.0f.partial"
    left.write_bytes(b"of a killed writer")
    again = ZarrStream.open(tmp_path / "part", AXES)
    assert (again.shape, again.version, again.dtype) == (SHAPE, version, np.float32)
    np.testing.assert_array_equal(again[0], DATA[0])
    again.ranges.merge(Ranges.of(noted))
    again[1, 1], again[2:] = DATA[1, 1], DATA[2:]
    again[3, 1] = 0
    assert (tmp_path / "part" / "0" / ("c/3/1/0/0" if version == "0.5" else "3/1/0/0")).is_file(), "zeros are there"
    again[3, 1] = DATA[3, 1]
    again.finish(IMAGE, "a.ome.zarr")
    assert not left.exists()
    assert tree(tmp_path / "part") == written(tmp_path / "a.ome.zarr", version)


def shown(folder: Path, level: int, version: str) -> int:
    """Number of frames that a reader sees now."""
    name = "zarr.json" if version == "0.5" else ".zarray"
    return int(json.loads((folder / str(level) / name).read_text())["shape"][0])


@pytest.mark.parametrize("version", VERSIONS)
def test_it_grows_and_no_reader_sees_a_frame_before_it_is_there(version: str, tmp_path: Path) -> None:
    stream = ZarrStream.make(tmp_path / "part", (1, *SHAPE[1:]), AXES, version=version)
    stream[0] = DATA[0]
    for frame in range(1, SHAPE[0]):
        stream.grow(frame + 1)
        stream[frame] = DATA[frame]
        stream.describe(IMAGE, "a.ome.zarr", following=True)
        assert [shown(tmp_path / "part", level, version) for level in (0, 1)] == [frame, frame]
        stream.show()
        assert [shown(tmp_path / "part", level, version) for level in (0, 1)] == [frame + 1, frame + 1]
        image = io.read(tmp_path / "part")
        np.testing.assert_array_equal(image.data, DATA[: frame + 1])
        assert image.meta["notes"][-1].startswith("this result is still being written")
    with pytest.raises(ValueError, match="fewer than the 4"):
        stream.grow(2)
    stream.finish(IMAGE, "a.ome.zarr")
    assert tree(tmp_path / "part") == written(tmp_path / "a.ome.zarr", version)


def test_a_file_that_a_viewer_keeps_busy_is_written_a_moment_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = ZarrStream.make(tmp_path / "part", (1, 600, 20), "TYX")
    stream.grow(2)
    replace, refused = Path.replace, list[Path]()

    def busy(self: Path, to: Path) -> Path:
        if len(refused) < 3:
            refused.append(to)
            raise PermissionError(errno.EACCES, "used by another process")
        return replace(self, to)

    monkeypatch.setattr(Path, "replace", busy)
    stream.show()
    assert [shown(tmp_path / "part", level, "0.5") for level in range(3)] == [2, 2, 2]
    assert not list((tmp_path / "part").rglob("*.partial"))
    stream.grow(3)
    monkeypatch.setattr(Path, "replace", lambda *_: busy(*_) if refused.clear() is None else None)
    monkeypatch.setattr("sparsescope.io.zarr_stream.BUSY_S", 0.05)
    with pytest.raises(OutputError, match="no permission"):
        stream.show()


def test_coarse_levels_get_their_length_before_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = ZarrStream.make(tmp_path / "part", (1, 600, 20), "TYX")
    stream.grow(2)
    names: list[str] = []
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, to: (names.append(Path(to).parent.name), replace(self, to))[1])
    stream.show()
    assert names == ["2", "1", "0"]


def parts(length: int) -> st.SearchStrategy[int | slice]:
    return st.integers(-length, length - 1) | st.slices(length)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[ZarrStream, Any]:
    data = np.random.default_rng(0).random((3, 2, 5, 4), np.float32)
    stream = ZarrStream.make(tmp_path_factory.mktemp("zarr") / "a.zarr", data.shape, "TZYX")
    stream[...] = data
    return stream, data


@given(key=st.tuples(parts(3), parts(2), parts(5), parts(4)), count=st.integers(0, 4))
def test_reading_any_part_is_that_of_an_array(filled: Any, key: tuple[Any, ...], count: int) -> None:
    stream, data = filled
    np.testing.assert_array_equal(stream[key[:count]], data[key[:count]])


def test_whole_planes_are_written_and_parts_of_them_are_refused(tmp_path: Path) -> None:
    stream, data = ZarrStream.make(tmp_path / "a.zarr", (3, 2, 5, 4), "TZYX"), np.zeros((3, 2, 5, 4), "float32")
    for place, value in (((slice(None, None, -1), 0), np.arange(60.0).reshape(3, 5, 4)), (1, 7), ((2, 1), data[0, 0])):
        stream[place], data[place] = value, value
    np.testing.assert_array_equal(np.asarray(stream), data)
    for place in ((0, 0, slice(2)), (0, 0, slice(None), slice(None, None, -1)), (0, 0, 1)):
        with pytest.raises(IndexError, match="planes are written whole"):
            stream[place] = 1


def test_an_image_of_one_plane_and_one_of_whole_numbers(tmp_path: Path) -> None:
    plane = np.arange(20, dtype="float32").reshape(4, 5)
    stream = ZarrStream.make(tmp_path / "a.zarr", (4, 5), "YX")
    stream[...] = plane
    stream.finish(Image(plane, "YX"), "a.zarr")
    np.testing.assert_array_equal(io.read(tmp_path / "a.zarr").data, plane)
    assert stream.ranges.listed() == [[0, 0.0, 19.0]]


def test_it_travels_to_another_process(tmp_path: Path) -> None:
    stream = ZarrStream.make(tmp_path / "part", (2, 4, 5), "TYX", target=tmp_path / "a.zarr")
    other = pickle.loads(pickle.dumps(stream))
    other[1] = 5
    assert (other.target, stream[:, 0, 0].tolist()) == (tmp_path / "a.zarr", [0.0, 5.0])


def test_ranges_do_not_tell_the_order_of_planes() -> None:
    one, other = Ranges(), Ranges()
    for ranges, values in ((one, (0.0, -0.0)), (other, (-0.0, 0.0))):
        for value in values:
            ranges.add(1, np.full((2, 2), value, "float32"))
    assert json.dumps(one.listed()) == json.dumps(other.listed()) == "[[1, 0.0, 0.0]]"
    assert one.windows(2) == [(0.0, 0.0), (0.0, 0.0)]


def test_numbers_that_stand_for_nothing_are_refused(tmp_path: Path) -> None:
    stream = ZarrStream.make(tmp_path / "a.zarr", (2, 4, 5), "TYX")
    with pytest.raises(OutputError, match="NaN or infinite"):
        stream[0] = np.nan


def test_a_full_disk_is_told_by_the_final_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = ZarrStream.make(tmp_path / "part", (2, 4, 5), "TYX", target=tmp_path / "a.zarr")

    async def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(zarr.storage.LocalStore, "set", full)
    with pytest.raises(OutputError, match=r"cannot write .*/a\.zarr: the disk is full"):
        stream[0] = 1


def test_what_is_no_image_in_the_making_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no group of arrays"):
        ZarrStream.open(tmp_path, "TYX")
    zarr.create_array(tmp_path / "plain.zarr", shape=(2, 3), dtype="f4")
    with pytest.raises(InputError, match="no group of arrays"):
        ZarrStream.open(tmp_path / "plain.zarr", "YX")
    ZarrStream.make(tmp_path / "other.zarr", (300, 5), "YX")
    with pytest.raises(OutputError, match="holds another image"):
        ZarrStream.open(tmp_path / "other.zarr", "TYX")
    zarr.create_group(tmp_path / "empty.zarr")
    with pytest.raises(OutputError, match="holds another image"):
        ZarrStream.open(tmp_path / "empty.zarr", "TYX")
