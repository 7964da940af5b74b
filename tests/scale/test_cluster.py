"""Plain functions on real processes: all items done, once each, whatever happens to the workers."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import plain_work
from sparsescope.errors import ClusterError, InputError
from sparsescope.scale.cluster import AHEAD, Cluster, _value, local_workers

pytest.importorskip("distributed")

TESTS = Path(plain_work.__file__).parent


def gather(cluster: Cluster, function: Callable[[Any, int], Any], count: int, shared: Any = None) -> Counter[Any]:
    found: Counter[Any] = Counter()
    cluster.each(function, range(count), lambda item, value: found.update([(item, value)]), shared=shared)
    return found


def test_every_item_is_done_once(cluster: Cluster) -> None:
    assert gather(cluster, plain_work.squared, 100, 3) == Counter((i, 3 * i**2) for i in range(100))


def test_no_items_is_no_work(cluster: Cluster) -> None:
    assert not gather(cluster, plain_work.squared, 0, 3)


def test_items_are_taken_only_when_somebody_can_work_on_them(cluster: Cluster) -> None:
    taken, done, most = 0, 0, 0

    def items() -> Iterator[int]:
        nonlocal taken, most
        for i in range(200):
            taken += 1
            most = max(most, taken - done)
            yield i

    def count(_item: int, _found: int) -> None:
        nonlocal done
        done += 1

    cluster.each(plain_work.squared, items(), count, shared=1)
    assert done == taken == 200
    assert most <= 2 * AHEAD


def test_what_is_shared_stays_in_the_process_from_one_item_to_the_next(cluster: Cluster) -> None:
    found = gather(cluster, plain_work.opened, 20, {})
    calls: dict[int, list[int]] = {}
    for _, (pid, call) in found:
        calls.setdefault(pid, []).append(call)
    assert os.getpid() not in calls
    assert all(sorted(one) == list(range(1, len(one) + 1)) for one in calls.values())


def test_two_workers_work_at_once(cluster: Cluster, tmp_path: Path) -> None:
    assert gather(cluster, plain_work.together, 2, str(tmp_path)) == Counter([(0, True), (1, True)])


def test_a_worker_killed_in_the_middle_costs_no_item_and_doubles_none(
    cluster: Cluster, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert gather(cluster, plain_work.died_once, 30, str(tmp_path)) == Counter((i, i) for i in range(30))
    assert (tmp_path / "died").exists()
    assert capfd.readouterr() == ("", "")


def test_what_was_fetched_counts_also_when_its_worker_is_lost_just_then() -> None:
    lost = SimpleNamespace(status="lost", exception=lambda: None)
    assert _value(lost, (5,), "work") == 5
    with pytest.raises(ClusterError, match="scheduler of the cluster is lost"):
        _value(lost, None, "work")


def test_an_item_that_ends_every_process_is_told_in_words(cluster: Cluster) -> None:
    with pytest.raises(ClusterError, match=r"4 workers were lost .* over the same part .*--max-memory.*--resume"):
        gather(cluster, plain_work.deadly, 4)
    assert gather(cluster, plain_work.squared, 5, 1).total() == 5


def test_the_first_error_calls_the_others_off_and_is_raised_as_it_is(
    cluster: Cluster, capfd: pytest.CaptureFixture[str]
) -> None:
    found: list[int] = []
    with pytest.raises(InputError, match=r"^frame 3 is damaged$"):
        cluster.each(plain_work.wrong, range(1000), lambda item, _: found.append(item), shared=None)
    assert len(found) < 500
    assert capfd.readouterr() == ("", "")


def test_an_error_of_the_one_who_is_told_ends_the_work(cluster: Cluster) -> None:
    def full(_item: int, _found: int) -> None:
        raise OSError(28, "disk full")

    with pytest.raises(OSError, match="disk full"):
        cluster.each(plain_work.squared, range(50), full, shared=1)


def test_what_is_known_of_workers(cluster: Cluster) -> None:
    assert [(one.threads, one.memory_bytes) for one in cluster.workers()] == [(1, 2 * 10**9)] * 2
    assert cluster.dashboard.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(cluster.dashboard, timeout=60) as page:
        assert b"Bokeh" in page.read()
    assert len(set(cluster.on_every_worker(os.getpid))) == 2


def test_a_running_scheduler_is_joined_and_left_running(cluster: Cluster) -> None:
    address = cluster._made.scheduler_address
    with Cluster.open(address) as joined:
        assert not joined.local
        assert gather(joined, plain_work.squared, 10, 2).total() == 10
        with pytest.raises(InputError):
            gather(joined, plain_work.wrong, 10)
    assert gather(cluster, plain_work.squared, 10, 2).total() == 10


def test_workers_of_another_version_are_refused(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import Client

    found = cluster._client.get_versions(packages=["sparsescope", "numba", "scipy"])

    def other(package: str, version: str) -> None:
        changed = {**found, "client": {"packages": {**found["client"]["packages"], package: version}}}
        monkeypatch.setattr(Client, "get_versions", lambda *_, **__: changed)

    for package, version in (("sparsescope", "99.0"), ("python", "2.7.18.final.0")):
        other(package, version)
        with pytest.raises(ClusterError, match=rf"{package} .* on tcp://.*, {version[:3]}.* here: install the same"):
            Cluster.open(cluster._made.scheduler_address)
    other("numpy", "1.0")
    with Cluster.open(cluster._made.scheduler_address) as joined:
        assert "last digits" in joined.notes[0]


@pytest.mark.parametrize(
    "address", ["local:0", "local:", "local:x", "here", "localhost:8786", "http://a:80", "tcp://", ""]
)
def test_what_is_no_address_is_told(address: str) -> None:
    with pytest.raises(ClusterError, match=r"allowed are local:N .* tcp://HOST:PORT"):
        Cluster.open(address)


def test_addresses() -> None:
    assert local_workers("local:12") == 12
    assert [local_workers(a) for a in ("tcp://node1.site:8786", "tls://10.0.0.1:1", "tcp://[::1]:8786")] == [None] * 3


def test_a_scheduler_that_does_not_answer_is_not_waited_for() -> None:
    started = time.monotonic()
    with pytest.raises(ClusterError, match=r"no scheduler answers at tcp://127.0.0.1:9 within 1 s"):
        Cluster.open("tcp://127.0.0.1:9", connecting_s=1)
    assert time.monotonic() - started < 10


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[tuple[str, Callable[[], subprocess.Popen[bytes]], subprocess.Popen[bytes]]]:
    """A scheduler of its own: its address, what starts a worker, its process."""
    file, started = tmp_path / "scheduler.json", []

    def start(command: str, *more: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": str(TESTS)}
        command = f"distributed.cli.dask_{command}"
        process = subprocess.Popen(
            [sys.executable, "-m", command, "--scheduler-file", str(file), *more], env=environment, cwd=tmp_path,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        started.append(process)
        return process

    process = start("scheduler", "--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0")
    until = time.monotonic() + 30
    while not file.exists() and time.monotonic() < until:
        time.sleep(0.05)
    address = json.loads(file.read_text("utf-8"))["address"]
    yield address, lambda: start("worker", "--no-nanny", "--nthreads", "1", "--no-dashboard"), process
    for one in started:
        one.kill()
        one.wait()


def test_a_cluster_without_workers_one_that_loses_them_all_and_one_whose_scheduler_is_killed(
    scheduler: tuple[str, Callable[[], subprocess.Popen[bytes]], subprocess.Popen[bytes]],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    address, start_worker, process = scheduler
    for name in ("distributed", "distributed.client"):  # what it logs, and does not hand on
        logging.getLogger(name).addHandler(caplog.handler)
    with pytest.raises(ClusterError, match=rf"{address} has no workers after 0 s: start some \(dask worker {address}"):
        Cluster.open(address, wait_s=0.2)

    def ended(one: subprocess.Popen[bytes], wait_s: float) -> str:
        """Kill a process after three items, and return what is said of it."""
        seen: list[int] = []

        def kill(item: int, _: int) -> None:
            seen.append(item)
            if len(seen) == 3:
                one.kill()

        with Cluster.open(address, connecting_s=2) as opened:
            opened._wait_s = wait_s
            with pytest.raises(ClusterError) as told:
                opened.each(plain_work.slow, range(200), kill, shared=0.05)
        assert 3 <= len(seen) < 200
        return str(told.value)

    assert "all workers are lost, and no other has come for 1 s" in ended(start_worker(), 1)
    start_worker()
    assert "the scheduler of the cluster is lost" in ended(process, 60)
    assert (caplog.text, *capfd.readouterr()) == ("", "", "")
