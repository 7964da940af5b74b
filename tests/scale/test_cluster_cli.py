"""``run --cluster``: the whole way through the command line, with processes that are really killed."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

import plain_work
import sparsescope as ss
from sparsescope.cli import main
from sparsescope.pipeline.piecework import Piecework
from sparsescope.scale.cluster import Cluster

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
pytest.importorskip("distributed")

TESTS = Path(__file__).parent.parent

FAST = ["--fidelity", 100, "--sparsity", 2, "--continuity", 0, "--background", "smooth-8", "--sparse-iterations", 5,
        "--deconvolution-iterations", 2, "--resolution-um", 0.3, "--evidence", "none", "--no-report"]  # fmt: skip

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments: object) -> tuple[int, str, str]:
        code = main(["run", *map(str, arguments)])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    return call


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """Frames of points that blink, on a background."""
    random = np.random.default_rng(5)
    y, x = np.mgrid[:48, :52]
    frames = np.full((30, 48, 52), 80.0)
    for row, column in random.uniform(4, 44, (8, 2)):
        spot = np.exp(-((y - row) ** 2 + (x - column) ** 2) / 3)
        frames += 300 * spot * random.uniform(0, 1, (30, 1, 1))
    path = tmp_path / "movie.ome.zarr"
    image = ss.as_image(random.poisson(frames).astype(np.uint16), "TYX", pixel_size_um=0.1)
    ss.write(path, image, dtype="uint16")
    return path


def content(path: Path) -> dict[str, bytes]:
    return {str(one.relative_to(path)): one.read_bytes() for one in path.rglob("*") if one.is_file()}


def address(cluster: Cluster) -> str:
    return str(cluster._client.scheduler.address)


def test_the_command_gives_what_it_gives_without_a_cluster(
    run: Run, cluster: Cluster, movie: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # workers are in another folder: paths that are not whole must do
    given = [movie.name, *FAST, "--format", "ome-zarr", "--out"]
    assert run(*given, "here")[::2] == (0, "")
    code, out, err = run(*given, "there", "--cluster", address(cluster))
    assert code == 0
    assert "in each of 2 workers" in out
    assert err.startswith("cluster: 2 workers, 1 thread, 2 GB each; dashboard http://127.0.0.1:")
    here, there = (content(tmp_path / name / "movie_sparse.ome.zarr") for name in ("here", "there"))
    told = [json.loads(one.pop("zarr.json")) for one in (here, there)]
    assert here == there
    made = [one["attributes"]["sparsescope"]["provenance"] for one in told]
    assert made[1]["engine"] == "cpu, 1 thread in each worker of a cluster"
    differ = {key for key in made[0] if made[0][key] != made[1][key]}
    assert differ <= {"engine", "input"}
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["movie_sparse.ome.zarr"]


def test_json_quiet_and_a_result_in_whole_numbers(run: Run, cluster: Cluster, movie: Path, tmp_path: Path) -> None:
    code, out, err = run(
        movie, *FAST, "--format", "ome-zarr-0.4", "--dtype", "uint16", "--cluster", address(cluster), "--json",
        "--quiet", "--out", tmp_path / "out",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert json.loads(out)["results"][0]["engine"].endswith("worker of a cluster")
    assert ss.read(tmp_path / "out" / "movie_sparse.ome.zarr").dtype == np.uint16


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--cluster", "local:2"], "add --format ome-zarr"),
        (["--cluster", "local:2", "--format", "imagej"], "add --format ome-zarr"),
        (["--cluster", "here", "--format", "ome-zarr"], "allowed are local:N"),
        (["--cluster", "local:2", "--format", "ome-zarr", "--jobs", "2"], "leave --jobs out"),
        (["--cluster", "local:2", "--format", "ome-zarr", "--follow"], "leave --cluster out"),
    ],
)
def test_what_does_not_go_together_is_told(run: Run, movie: Path, flags: list[str], said: str) -> None:
    code, _, err = run(movie, *FAST, *flags)
    assert code == 2
    assert said in " ".join(err.split())


def test_a_dry_run_opens_none(run: Run, movie: Path) -> None:
    code, out, err = run(movie, *FAST, "--cluster", "tcp://127.0.0.1:1", "--format", "ome-zarr", "--dry-run")
    assert code == 0
    assert "would write" in out
    assert "no cluster is opened in a dry run" in err
    assert [path.name for path in movie.parent.iterdir()] == [movie.name]


def test_one_bad_file_ends_no_other(run: Run, cluster: Cluster, movie: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.ome.zarr"
    ss.write(bad, ss.as_image(np.full((4, 40, 40), 100, np.uint16), "TYX", pixel_size_um=0.1), dtype="uint16")
    chunk = bad / "0" / "c" / "2" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:20])
    where = tmp_path / "out"
    code, _, err = run(bad, movie, *FAST, "--format", "ome-zarr", "--cluster", address(cluster), "--out", where)
    assert code == 1
    assert "bad.ome.zarr: the pixels of its plane T 2 are damaged" in " ".join(err.split())
    assert [path.name for path in where.iterdir()] == ["movie_sparse.ome.zarr"]


def processes(child: subprocess.Popen[str]) -> list[psutil.Process]:
    """The workers that a command has started."""
    started = psutil.Process(child.pid).children(recursive=True)
    return [one for one in started if any("spawn_main" in part for part in one.cmdline())]


def wait_for(what: Callable[[], bool], child: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 120
    while not what():
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


def begin(arguments: list[object], **environment: str) -> subprocess.Popen[str]:
    """Start the command in a process group of its own, as a terminal does."""
    command = [sys.executable, "-m", "sparsescope", "run", *map(str, arguments)]
    return subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(TESTS), **environment}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def test_importing_what_makes_workers_slow_makes_nothing_slow_here() -> None:
    importlib.import_module("slow_pieces")
    assert Piecework._put.__module__ == Piecework.__module__


def test_a_worker_is_killed_then_ctrl_c_then_the_command_is_killed_and_it_ends_in_the_same_bytes(
    run: Run, cluster: Cluster, movie: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    given: list[object] = [movie, *FAST, "--format", "ome-zarr", "--out"]
    journal = out / ".movie_sparse.ome.zarr.sparsescope" / "journal.jsonl"

    def done() -> int:
        return journal.read_bytes().count(b'"piece"') if journal.exists() else 0

    child = begin([*given, out, "--cluster", "local:2"], DASK_DISTRIBUTED__WORKER__PRELOAD="slow_pieces")
    wait_for(lambda: done() >= 2, child)
    workers = processes(child)
    assert len(workers) == 2
    workers[0].kill()
    before = done()
    wait_for(lambda: done() >= before + 5, child)
    workers += processes(child)
    os.killpg(child.pid, signal.SIGINT)  # the workers get it, too
    said = "".join(child.communicate(timeout=60))
    assert child.returncode == 130
    assert "Traceback" not in said
    assert "distributed" not in said
    assert "--resume goes on" in said
    assert not psutil.wait_procs(workers, timeout=20)[1], "processes are left"
    assert not (out / "movie_sparse.ome.zarr").exists()

    cluster.on_every_worker(plain_work.slow_down)
    before = done()
    child = begin([*given, out, "--resume", "--cluster", address(cluster)])
    wait_for(lambda: done() >= before + 3, child)
    child.kill()
    child.communicate()
    cluster.on_every_worker(plain_work.speed_up)

    code, _, err = run(*given, out, "--resume", "--cluster", address(cluster))
    assert code == 0
    assert "going on" in err
    assert run(*given, tmp_path / "whole", "--cluster", address(cluster))[0] == 0
    assert content(out / "movie_sparse.ome.zarr") == content(tmp_path / "whole" / "movie_sparse.ome.zarr")
    assert [path.name for path in out.iterdir()] == ["movie_sparse.ome.zarr"]
