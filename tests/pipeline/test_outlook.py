"""What is said of a run beforehand: what it will have in memory, and about how long it takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sparsescope as ss
from problems import counts, settings
from sparsescope.pipeline import needs, outlook
from sparsescope.pipeline.needs import portion

SIZES: dict[str, Any] = {"pixel_size_um": 0.1}


def planned(image: ss.Image, **values: Any) -> Any:
    return ss.plan(image, settings(resolution_um=0.3, **values))


def test_time_grows_with_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    module = __import__("sparsescope.pipeline.outlook", fromlist=["x"])
    monkeypatch.setattr(module, "_measured", lambda part, plan, engine, most: float(np.prod(part.shape)))
    monkeypatch.setattr(module, "SIDE", 16)
    for axes, shape, values in (
        ("YX", (40, 50), {}),
        ("TYX", (9, 40, 50), {"continuity": 0}),
        ("TYX", (40, 40, 50), {"continuity": 0.5}),
        ("TCYX", (8, 2, 40, 50), {"continuity": 0}),
        ("TZYX", (4, 6, 40, 50), {"continuity": 0.5}),
    ):
        image = ss.as_image(np.ones(shape, np.uint16), axes, **SIZES)
        found = outlook(image, planned(image, background="none", **values), threads=2, timed=True)
        assert found.seconds == pytest.approx(np.prod(shape)), "in units of a pixel's time"


def test_halos_of_blocks_cost_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "LEAST_BLOCK", 1)
    image = ss.as_image(np.ones((60, 60, 20), np.uint16), "TYX", **SIZES)
    plan = planned(image, continuity=0.5)
    assert portion(image, plan, 1, 10**10).overlap == 1
    assert portion(image, plan, 1, 0).overlap > 2


def test_a_part_is_run_where_the_whole_takes_long_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(__import__("sparsescope.pipeline.outlook", fromlist=["x"]), "SIDE", 64)
    image = ss.as_image(counts((3, 192, 192)), "TYX", **SIZES)
    plan = planned(image, continuity=0)
    found = outlook(image, plan, threads=1)
    assert found.seconds is not None
    assert found.seconds > 0
    assert outlook(image.replace(data=image.data[:2]), plan, threads=1).seconds is None, "too short to be worth it"


def test_a_psf_larger_than_the_part_leaves_the_time_open(monkeypatch: pytest.MonkeyPatch) -> None:
    module = __import__("sparsescope.pipeline.outlook", fromlist=["x"])
    monkeypatch.setattr(module, "SIDE", 16)
    image = ss.as_image(counts((64, 64)), **SIZES)
    psf = np.ones((21, 21), np.float32)
    plan = ss.plan(image, settings(), psf=psf)
    assert outlook(image, plan, timed=True).seconds is None


def test_what_is_in_memory_is_counted() -> None:
    image = ss.as_image(counts((12, 64, 64)), "TYX", **SIZES)
    found = outlook(image, planned(image, continuity=0, background="smooth-8"), threads=1)
    pixels = 12 * 64 * 64
    assert (found.portion.need.result, found.portion.need.background) == (4 * pixels, 4 * pixels)
    assert found.input_bytes == image.data.nbytes
    assert found.memory_bytes == found.resident_bytes + found.portion.need.solver + 8 * pixels
