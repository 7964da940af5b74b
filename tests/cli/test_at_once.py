"""Several files at once: the same results and the same output in the same order, and one bad file ends no other."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sparsescope as ss
from sparsescope.cli import at_once
from sparsescope.cli.at_once import Share, go_through_at_once
from sparsescope.cli.flags import Computing
from sparsescope.cli.jobs import Job
from sparsescope.errors import InputError

from .conftest import Cli, spots
from .test_dry_run import FAST


def test_two_at_once_are_as_one_after_the_other(cli: Cli, tmp_path: Path) -> None:
    for i, name in enumerate("abc"):
        ss.write(tmp_path / f"{name}.ome.tif", ss.as_image(spots(32, 40, seed=i), pixel_size_um=0.1), dtype="uint16")
    (tmp_path / "b2.tif").write_bytes(b"no image")
    one, two = tmp_path / "one", tmp_path / "two"
    alone = cli("run", tmp_path, *FAST, "--out", one, "--no-report")
    many = cli("run", tmp_path, *FAST, "--out", two, "--no-report", "--jobs", 2)
    assert alone.code == many.code == 1
    for path in sorted(one.iterdir()):
        np.testing.assert_array_equal(np.asarray(ss.read(path).data), np.asarray(ss.read(two / path.name).data))

    def said(text: str) -> list[str]:
        lines = text.replace("/one/", "/two/").splitlines()
        return [line for line in lines if not line.strip().startswith(("memory", "engine"))]

    assert said(many.out) == said(alone.out)
    states = [line for line in many.err.splitlines() if line.startswith("[")]
    assert [line.split()[0] for line in states] == ["[1/4]", "[2/4]", "[3/4]", "[4/4]"]
    assert [Path(line.split(": ")[0].split()[1]).name for line in states] == [
        "a.ome.tif", "b.ome.tif", "b2.tif", "c.ome.tif",
    ]  # fmt: skip
    assert "b2.tif: failed" in states[2]
    assert "1 of 4 inputs failed" in many.err


def test_threads_and_memory_are_shared() -> None:
    assert Share.of(Computing(threads=8, max_memory="6GB", jobs=3), 10) == Share(3, 2, 2 * 10**9)
    assert Share.of(Computing(threads=2, jobs=8), 3).threads == 1
    assert Share.of(Computing(threads=8, max_memory="6GB", jobs=3), 1) == Share(1, 8, 6 * 10**9)
    assert Share.of(Computing(), 5) == Share(1, None, None)


@pytest.mark.parametrize("flag", ["--jobs", "--threads"])
def test_none_at_all_is_wrong_usage(cli: Cli, cell: Path, flag: str) -> None:
    said = cli("run", cell, flag, 0)
    assert said.code == 2
    assert "allowed is a whole number from 1" in said.err


def some(job: Job) -> dict[str, Any]:
    """Stands for the work on a file."""
    if job.source.name == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if job.source.name == "bad":
        raise InputError("is bad")
    print(job.source.name)  # noqa: T201
    return {"name": job.source.name}


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs POSIX signals")
def test_a_process_that_is_killed_takes_no_other_file_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = [Job(Path(name), Path(f"{name}_out"), quiet=True) for name in ("a", "killed", "bad", "b", "c")]
    documents, failed = go_through_at_once(jobs, some, {}, 2)
    assert [document["name"] for document in documents] == ["a", "b", "c"]
    assert failed == {"killed": at_once.LOST, "bad": "is bad"}
    assert capsys.readouterr().out.split() == ["a", "b", "c"]
