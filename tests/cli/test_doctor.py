"""What is said about a machine: all is well on this one, and each fault is named with what to do."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparsescope.cli import doctor

from .conftest import Cli

NAMES = [name for name, _, _ in doctor.CHECKS]


def test_this_machine_is_well(cli: Cli) -> None:
    said = cli("doctor", "--json")
    findings = said.document["findings"]
    assert [one["name"] for one in findings] == NAMES
    assert [one for one in findings if one["state"] == "broken"] == []
    assert said.code == 0
    texts = {one["name"]: one["text"] for one in findings}
    assert "cores may be used" in texts["processor"]
    assert "computes on the processor" in texts["graphics"]
    assert "ome-zarr" in texts["files"]


def only(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(doctor, "CHECKS", tuple(check for check in doctor.CHECKS if check[0] in names))


def broken(cli: Cli, name: str, remedy: str) -> str:
    said = cli("doctor")
    assert said.code == 1
    [line] = [line for line in said.out.splitlines() if line.split()[:2] == ["broken", name]]
    assert remedy in said.out
    assert "1 broken" in said.out
    return line


def test_kernels_that_compute_something_else_are_broken(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from sparsescope.engines.cpu import PublishedPlane

    only(monkeypatch, "kernels", "python")
    right = PublishedPlane.estimate
    monkeypatch.setattr(PublishedPlane, "estimate", lambda self: right(self) + np.float32(0.01))
    assert "differ by 1.0e-02" in broken(cli, "kernels", "numba llvmlite")


def test_kernels_that_give_nan_are_broken(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from sparsescope.engines.cpu import PublishedPlane

    only(monkeypatch, "kernels")
    monkeypatch.setattr(PublishedPlane, "estimate", lambda self: np.full((40, 48), np.nan, np.float32))
    broken(cli, "kernels", "numba llvmlite")


def test_files_that_come_back_different_are_broken(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from sparsescope import io

    only(monkeypatch, "files")
    right = io.write
    monkeypatch.setattr(io, "write", lambda path, image, **flags: right(path, image.replace(spacing_um={}), **flags))
    assert "ome-tiff comes back different" in broken(cli, "files", "pip install --upgrade")


def test_a_check_that_fails_is_a_finding(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    only(monkeypatch, "files")
    monkeypatch.setattr(doctor.tempfile, "tempdir", str(tmp_path / "gone"))
    assert "FileNotFoundError" in broken(cli, "files", "TMPDIR")


@pytest.mark.parametrize(("name", "state"), [("nd2", "broken"), ("pymoo", "note")])
def test_a_library_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, name: str, state: str) -> None:
    right = importlib.metadata.version

    def version(of: str) -> str:
        if of == name:
            raise importlib.metadata.PackageNotFoundError(of)
        return right(of)

    monkeypatch.setattr(importlib.metadata, "version", version)
    found = doctor.libraries()
    assert found.state == state
    assert f"not there: {name}" in found.text
    assert "pip install" in found.remedy


def test_a_codec_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "CODECS", ("LZW", "NONE"))
    import imagecodecs

    monkeypatch.setattr(imagecodecs, "NONE", type("Codec", (), {"available": False}), raising=False)
    assert doctor.codecs().state == "broken"
    assert "not there: NONE" in doctor.codecs().text


@pytest.mark.parametrize("check", [doctor.memory, doctor.disk])
def test_little_room_is_a_note_with_a_remedy(check: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (check().state, check().remedy) == ("ok", "")
    monkeypatch.setattr("sparsescope.pipeline.room.free_bytes", lambda: 10)
    monkeypatch.setattr("sparsescope.pipeline.room.disk_free_bytes", lambda folder: 10)
    assert check().state == "note"
    assert "10 B free" in check().text
    assert check().remedy


def test_caches_that_cannot_be_written_are_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_writable", lambda folder: False)
    assert (doctor.caches().state, "NUMBA_CACHE_DIR" in doctor.caches().remedy) == ("note", True)


def test_a_graphics_card_is_named_and_not_promised(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA X, 80 GiB'\n")
    tool.chmod(0o755)
    monkeypatch.setattr(doctor.shutil, "which", lambda name: str(tool))
    assert doctor.graphics().text == "NVIDIA X, 80 GiB; sparsescope computes on the processor, and needs none"
