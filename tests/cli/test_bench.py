"""Figures of speed are positive, agree with each other, and are compared with what is recorded."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sparsescope.cli import bench

from .conftest import Cli

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "RESULTS.md"


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "SIDE", 128)
    monkeypatch.setattr(bench, "ROUNDS", 1)


def test_figures_as_json(cli: Cli) -> None:
    said = cli("bench", "--json", "--threads", 1)
    assert said.code == 0
    found = said.document
    assert found["engine"] == "cpu, 1 thread"
    assert min(found[name] for name in ("sparse_ms", "round_trip_ms", "plane_ms", "stack_ms")) > 0
    assert found["sparse_round_trips"] == pytest.approx(found["sparse_ms"] / found["round_trip_ms"])


def test_figures_as_a_table(cli: Cli) -> None:
    said = cli("bench")
    assert said.code == 0
    assert said.out.count(" ms ") >= 4
    assert "recorded in benchmarks/RESULTS.md" in said.out


def test_what_is_recorded_is_what_the_results_say() -> None:
    text = RESULTS.read_text("utf-8")
    trip, sparse = map(float, re.findall(r"^\| 512² \| ([\d.]+) ms[^|]*\| ([\d.]+) ms", text, re.MULTILINE)[0])
    assert (sparse, round(sparse / trip, 1)) == bench.RECORDED
