"""Engines by name, loaded when they are asked for."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from functools import partial

import pytest

from sparsescope.engines import TABLE, pick
from sparsescope.engines.cpu import available_threads, run_all
from sparsescope.errors import EngineError


def test_auto_is_the_processor_with_every_core_it_may_use() -> None:
    engine = pick()
    assert engine.name == "cpu"
    assert engine.threads == available_threads() >= 1
    if hasattr(os, "sched_getaffinity"):
        assert engine.threads == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("name", TABLE)
def test_every_engine_of_the_table_has_its_own_name(name: str) -> None:
    assert pick(name).name == name


@pytest.mark.parametrize("name", ["cuda", "", "CPU", "auto "])
def test_an_unknown_engine_is_refused_with_the_names_there_are(name: str) -> None:
    with pytest.raises(EngineError, match=f"no engine '{name}'; there are auto, cpu, numpy"):
        pick(name)


@pytest.mark.parametrize("threads", [0, -2])
def test_threads_must_be_positive(threads: int) -> None:
    with pytest.raises(EngineError, match=f"threads = {threads}: allowed is 1 or more"):
        pick("cpu", threads)


def loaded_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_engines_are_loaded_only_when_they_are_picked() -> None:
    contract = loaded_after("from sparsescope.engines import pick")
    assert "sparsescope.engines.cpu" not in contract
    assert "sparsescope.engines.reference" not in contract
    assert "numba" not in contract
    plain = loaded_after("from sparsescope.engines import pick; pick('numpy')")
    assert "sparsescope.engines.reference" in plain
    assert "sparsescope.engines.cpu" not in plain
    assert "numba" not in plain
    assert "numba" in loaded_after("from sparsescope.engines import pick; pick('cpu')")


def test_the_processor_engine_loads_no_transforms_before_it_needs_them() -> None:
    assert "scipy.fft" not in loaded_after("from sparsescope.engines import pick; pick('cpu')")


def test_after_an_error_waiting_jobs_are_not_started() -> None:
    started: list[int] = []

    def job(number: int) -> None:
        started.append(number)
        if number == 0:
            raise ValueError("first")
        time.sleep(0.002)

    with pytest.raises(ValueError, match="first"):
        run_all([lambda n=n: job(n) for n in range(300)], 2)
    time.sleep(0.5)  # long enough for all of them, had they been left in the queue
    assert len(started) < 150


def test_after_an_error_nobody_works_any_more() -> None:
    ended: list[int] = []

    def slow(n: int) -> None:
        if n == 0:
            time.sleep(0.05)
            raise ValueError(n)
        time.sleep(0.3)
        ended.append(n)

    with pytest.raises(ValueError, match="0"):
        run_all([partial(slow, n) for n in range(40)], 3)
    before = list(ended)
    time.sleep(0.5)
    assert ended == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_computes_with_threads_of_its_own() -> None:
    script = """
import os, signal
from sparsescope.engines.cpu import run_all
done = []
run_all([lambda: done.append(1)] * 8, 2)
child = os.fork()
if child == 0:
    signal.alarm(20)
    run_all([lambda: done.append(1)] * 8, 2)
    os._exit(len(done))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "16"
