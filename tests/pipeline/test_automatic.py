"""Of large planes a part is looked at: the one with most structure, told in the coordinates of the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sparsescope as ss
from sparsescope import Recipe
from sparsescope.pipeline import automatic, plan
from sparsescope.preprocess.haze import haze
from sparsescope.tuning.prepare import prepare


def scene(frames: int, side: int = 300) -> np.ndarray[Any, Any]:
    """Lines in the lower right corner, and frames of which each is noise of its own."""
    random = np.random.default_rng(3)
    light = np.full((frames, side, side), 20.0)
    for row in range(side - 100, side - 10, 9):
        light[:, row - 1 : row + 2, side - 100 : side - 10] += np.array([60, 150, 60])[None, :, None]
    return random.poisson(light).astype("uint16")


def chosen(frames: int) -> ss.Recipe:
    image = ss.as_image(scene(frames), "TYX", pixel_size_um=0.1)
    made = plan(image, Recipe(background="flat"), resolution_um=0.3)
    choice = made.tuning[0]
    assert choice is not None
    rows, columns = choice.crop
    assert min(rows.start, columns.start) >= 300 - 96 - 32, "where the structure is, in the whole plane"
    assert max(rows.stop, columns.stop) <= 300
    return made.recipe


def test_the_part_with_most_structure_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(automatic, "MOST_SIDE", 96)
    monkeypatch.setattr(automatic, "CAMERA_SIDE", 64)
    assert float(chosen(3).fidelity) > 1


def test_no_more_of_a_plane_than_its_part_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(automatic, "MOST_SIDE", 96)
    seen: list[tuple[int, ...]] = []
    choose = automatic.choose

    def noted(request: Any, *rest: Any) -> Any:
        seen.append(request.planes.shape)
        return choose(request, *rest)

    monkeypatch.setattr(automatic, "choose", noted)
    chosen(5)
    assert seen == [(5, 96, 96)]


def test_the_unit_is_that_of_the_brightest_plane_of_a_movie_that_bleaches(monkeypatch: pytest.MonkeyPatch) -> None:
    light = np.full((17, 64, 64), 20.0)
    light[:, 20:23, 10:50] += np.geomspace(1000, 100, 17)[:, None, None]
    movie = np.random.default_rng(3).poisson(light).astype("uint16")
    seen: list[Any] = []

    class Enough(Exception):
        pass

    def noted(request: Any, *_: Any) -> Any:
        seen.append(request)
        raise Enough

    monkeypatch.setattr(automatic, "choose", noted)
    with pytest.raises(Enough):
        plan(ss.as_image(movie, "TYX", pixel_size_um=0.1), Recipe(background="flat"), resolution_um=0.3)
    first = movie[0].astype(np.float32)
    assert seen[0].peak == pytest.approx((first - haze(first, "flat", fwhm_px=3.0)).max())
    behind = np.full((64, 64), 20.0, np.float32)
    bench = prepare(seen[0], lambda *_: behind, "flat", 0, (slice(64), slice(64)), seen[0].planes[:1], slice(0, 1))
    assert bench.scale == seen[0].peak
    assert bench.scale > 1.5 * (seen[0].planes.max() - 20)
