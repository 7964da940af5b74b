"""Running the command line inside the test process, and small images to run it on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from sparsescope import as_image, write
from sparsescope.cli import main


class Said(NamedTuple):
    """What a command gave: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Cli = Callable[..., Said]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments: object) -> Said:
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Said(code, out, err)

    return call


def spots(*shape: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """Blurred points on a background of 100 counts, as a camera would give them."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[-2], : shape[-1]]
    scene = np.full(shape, 100.0)
    for _ in range(6):
        row, column = random.uniform(6, np.array(shape[-2:]) - 6)
        scene += 400 * np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * 1.3**2))
    return random.poisson(scene).astype(np.uint16)


def area(values: np.ndarray[Any, Any]) -> float:
    """Number of pixels on which the light above the median is concentrated (inverse participation ratio)."""
    light = np.clip(values.astype(np.float64) - np.median(values), 0, None)
    return float(light.sum() ** 2 / np.square(light).sum())


@pytest.fixture
def cell(tmp_path: Path) -> Path:
    """A small image with its pixel size, 0.1 µm."""
    path = tmp_path / "cell.ome.tif"
    write(path, as_image(spots(48, 40), pixel_size_um=0.1), dtype="uint16")
    return path
