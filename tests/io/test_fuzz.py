"""Damaged files of every format: an error in words or an image; no crash, no hang, nothing half-written.

``SPARSESCOPE_FUZZ=500`` reads as many damaged files as it says instead of 126.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from damaged import MAKERS, SECONDS, damage, outcome
from sparsescope import io

CASES = int(os.environ.get("SPARSESCOPE_FUZZ", "126"))
WORKER = Path(__file__).resolve().parent.parent / "damaged.py"


@pytest.mark.skipif(sys.platform == "win32", reason="limits of memory and time are those of Unix")
def test_damaged_files_are_read_or_refused_in_words(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(WORKER), str(tmp_path), "0", str(CASES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    rows: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"{rows[-1:]} ended the process ({done.returncode}): {done.stderr[-2000:]}"
    results = [row for row in rows if "said" in row]
    assert len(results) == CASES
    bad = [f"case {row['case']}, {row['format']}: {row['said']}" for row in results if row["said"].startswith("bad")]
    assert not bad
    assert max(row["seconds"] for row in results) < SECONDS
    kinds = Counter(row["said"].split(":")[0] for row in results)
    assert min(kinds["read"], kinds["refused"]) > CASES // 8  # the damage is neither harmless nor always fatal
    assert {row["format"] for row in results} == set(MAKERS)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the bytes of a good file of each format that is one file."""
    folder = tmp_path_factory.mktemp("good")
    made = {name: make(folder) for name, make in MAKERS.items()}
    return {path.name: path.read_bytes() for name, path in made.items() if path.is_file() and name != "oif"}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_with_any_bytes_changed_is_read_or_refused(
    good: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(good)))
    content = bytearray(good[name])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        new = data.draw(st.binary(min_size=1, max_size=8))
        content[at : at + len(new)] = new
    folder = tmp_path_factory.mktemp("changed")
    (folder / "out").mkdir()
    (folder / name).write_bytes(content)
    assert not outcome(folder / name, folder / "out").startswith("bad")


def test_the_good_files_are_good(tmp_path: Path) -> None:
    for make in MAKERS.values():
        assert io.read(make(tmp_path)).shape[-2:] == (24, 20)


def test_damage_is_the_same_for_the_same_number() -> None:
    content = bytes(range(256)) * 20
    assert damage(content, random.Random(5)) == damage(content, random.Random(5)) != content
