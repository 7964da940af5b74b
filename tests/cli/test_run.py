"""``sparsescope run`` from files to files."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sparsescope import Recipe, __version__, as_image, read, write
from sparsescope.io import read_provenance

from .conftest import Cli, area, spots

FAST = ("--sparse-iterations", "10", "--deconvolution-iterations", "2", "--evidence", "none", "--no-report")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def row(text: str, name: str) -> list[str]:
    """Cells of the table's row with that name: value and source."""
    found = re.search(rf"^  {name} {{2,}}(.*)$", text, re.MULTILINE)
    assert found, f"no row {name!r} in\n{text}"
    return re.split(" {3,}", found[1].strip())


def test_the_result_lies_beside_the_input_with_its_sizes_and_finite_values(cli: Cli, cell: Path) -> None:
    before = cell.read_bytes()
    said = cli("run", cell, *FAST)
    assert said.code == 0
    assert names(cell.parent) == ["cell.ome.tif", "cell_sparse.ome.tif"]
    result = read(cell.with_name("cell_sparse.ome.tif"))
    assert (result.axes, result.shape, result.dtype) == ("YX", (48, 40), np.float32)
    assert result.pixel_size_um == 0.1
    assert np.isfinite(result.block()).all()
    assert area(result.block()) < 0.7 * area(read(cell).block()), "sharper"
    assert cell.read_bytes() == before
    assert f"{cell.with_name('cell_sparse.ome.tif')}" in said.out


def test_the_table_says_every_number_and_where_it_came_from(cli: Cli, cell: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "my.toml"
    recipe.write_text("fidelity = 300\nsparsity = 4\n")
    said = cli("run", cell, *FAST, "--recipe", recipe, "--sparsity", "5", "--resolution-um", "0.25")
    assert row(said.out, "pixel size") == ["0.1 µm", "file"]
    assert row(said.out, "fidelity") == ["300", "recipe"]
    assert row(said.out, "sparsity") == ["5", "flag"]
    assert row(said.out, "continuity") == ["0", "auto"], "one plane has nothing to be continuous with"
    assert row(said.out, "resolution") == ["0.25 µm = 2.5 px", "flag"]
    for name in Recipe.model_fields:
        if name not in ("resolution_um", "tolerance"):
            assert len(row(said.out, name.replace("_", " "))) == 2


def test_a_flag_for_a_size_goes_before_the_file_and_says_so(cli: Cli, cell: Path) -> None:
    said = cli("run", cell, *FAST, "--pixel-size-um", "0.065")
    assert row(said.out, "pixel size") == ["0.065 µm", "flag"]
    assert read(cell.with_name("cell_sparse.ome.tif")).pixel_size_um == 0.065


def test_recipe_version_and_hash_of_the_input_are_inside_the_result(cli: Cli, cell: Path) -> None:
    cli("run", cell, *FAST, "--fidelity", "123")
    inside = read_provenance(cell.with_name("cell_sparse.ome.tif"))
    assert Recipe.from_toml(inside["recipe"]).fidelity == 123
    assert inside["version"] == __version__
    assert inside["sha256"] == hashlib.sha256(cell.read_bytes()).hexdigest()
    assert Path(inside["input"]) == cell


def test_an_input_too_large_to_be_read_once_more_gets_no_checksum(
    cli: Cli, cell: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparsescope.pipeline.provenance.MOST_HASHED", 1000)
    cli("run", cell, *FAST)
    inside = read_provenance(cell.with_name("cell_sparse.ome.tif"))
    assert "sha256" not in inside
    assert Path(inside["input"]) == cell


def test_the_same_command_gives_the_same_file(cli: Cli, cell: Path, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        assert cli("run", cell, *FAST, "--out", tmp_path / folder).code == 0
    first, second = (read(tmp_path / folder / "cell_sparse.ome.tif").block() for folder in ("a", "b"))
    assert np.array_equal(first, second)


def test_json_is_one_document_with_what_the_table_says(cli: Cli, cell: Path) -> None:
    said = cli("run", cell, *FAST, "--json", "--fidelity", "200", "--save-background")
    document = said.document
    (result,) = document["results"]
    assert document["version"] == __version__
    assert (document["failures"], document["skipped"]) == ([], [])
    assert result["input"] == str(cell)
    assert Path(result["output"]).is_file()
    assert Path(result["background"]).is_file()
    assert (result["axes"], result["shape"], result["pixel_size_um"]) == ("YX", [48, 40], 0.1)
    assert result["recipe"]["fidelity"] == 200
    assert result["sources"]["fidelity"] == "flag"
    assert result["sources"]["pixel_size_um"] == "file"
    assert result["seconds"] > 0
    assert isinstance(result["notes"], list)


def test_json_names_what_failed_and_the_exit_code_is_1(cli: Cli, cell: Path, tmp_path: Path) -> None:
    said = cli("run", cell, tmp_path / "no.tif", *FAST, "--json")
    assert said.code == 1
    assert len(said.document["results"]) == 1
    (failure,) = said.document["failures"]
    assert failure["input"] == str(tmp_path / "no.tif")
    assert "there is no file" in failure["error"]


def test_a_batch_goes_on_past_a_bad_file_and_lists_it_at_the_end(cli: Cli, cell: Path) -> None:
    bad = cell.with_name("a_bad.tif")
    bad.write_text("this is text")
    said = cli("run", cell.parent, *FAST)
    assert said.code == 1
    assert cell.with_name("cell_sparse.ome.tif").is_file()
    assert said.err.splitlines()[-1] == f"1 of 2 inputs failed: {bad}"
    assert names(cell.parent) == ["a_bad.tif", "cell.ome.tif", "cell_sparse.ome.tif"]


def test_an_error_that_nobody_thought_of_ends_one_file_and_not_the_batch(
    cli: Cli, cell: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("sparsescope.io.write", broken)
    said = cli("run", cell, *FAST)
    assert said.code == 1
    assert "ZeroDivisionError: oops. This is a bug: please report it" in said.err


def test_a_batch_is_resumed_with_skip_existing(cli: Cli, cell: Path) -> None:
    done = cell.with_name("cell_sparse.ome.tif")
    done.write_bytes(b"done before")
    write(cell.with_name("other.tif"), as_image(spots(32, 32), pixel_size_um=0.1))
    said = cli("run", cell.parent, *FAST, "--skip-existing")
    assert said.code == 0
    assert done.read_bytes() == b"done before"
    assert cell.with_name("other_sparse.ome.tif").is_file()
    assert f"{cell}: skipped" in said.err


def test_an_existing_result_is_kept_and_replaced_only_with_overwrite(cli: Cli, cell: Path) -> None:
    done = cell.with_name("cell_sparse.ome.tif")
    done.write_bytes(b"mine")
    said = cli("run", cell, *FAST)
    assert said.code == 1
    assert "exists already" in said.err
    assert "--overwrite" in said.err
    assert said.out == "", "refused before any work"
    assert done.read_bytes() == b"mine"
    assert cli("run", cell, *FAST, "--overwrite").code == 0
    assert read(done).shape == (48, 40)


def test_results_of_several_folders_go_into_one_that_is_made(cli: Cli, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / f"{folder}.tif", as_image(spots(32, 32), pixel_size_um=0.1))
    out = tmp_path / "new" / "out"
    assert cli("run", tmp_path / "a", tmp_path / "*" / "b.tif", "--out", out, *FAST).code == 0
    assert names(out) == ["a_sparse.ome.tif", "b_sparse.ome.tif"]


def test_two_inputs_for_one_result_are_refused_before_any_work(cli: Cli, cell: Path, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "cell.tif").write_bytes(cell.read_bytes())
    said = cli("run", cell, tmp_path / "b" / "cell.tif", "--out", tmp_path / "out")
    assert said.code == 2
    assert "would both become" in said.err
    assert not (tmp_path / "out").exists()


def test_whole_numbers_are_written_on_request_and_the_loss_is_stated(cli: Cli, cell: Path) -> None:
    for dtype in ("uint16", "same"):
        said = cli("run", cell, *FAST, "--dtype", dtype, "--overwrite")
        assert said.code == 0
        assert read(cell.with_name("cell_sparse.ome.tif")).dtype == np.uint16


def test_the_background_is_saved_beside_the_result(cli: Cli, cell: Path) -> None:
    assert cli("run", cell, *FAST, "--save-background", "--background", "weak-high-light").code == 0
    assert read(cell.with_name("cell_background.ome.tif")).shape == (48, 40)


def test_without_a_background_there_is_none_to_save_and_a_note_says_so(cli: Cli, cell: Path) -> None:
    said = cli("run", cell, *FAST, "--save-background", "--background", "none")
    assert said.code == 0
    assert "no background was subtracted" in said.out
    assert not cell.with_name("cell_background.ome.tif").exists()


@pytest.mark.parametrize("axes", ["TYX", "ZYX", "CYX", "TZYX", "TCZYX"])
def test_every_kind_of_image_keeps_its_axes_sizes_and_channels(cli: Cli, tmp_path: Path, axes: str) -> None:
    shape = [{"T": 3, "C": 2, "Z": 4}[axis] for axis in axes[:-2]] + [24, 24]
    image = as_image(spots(*shape), axes, pixel_size_um=0.1, z_step_um=0.3, interval_s=2.5)
    write(tmp_path / "cell.tif", image, dtype="uint16")
    said = cli("run", tmp_path / "cell.tif", *FAST)
    assert said.code == 0, said.err
    result = read(tmp_path / "cell_sparse.ome.tif")
    assert (result.axes, list(result.shape), result.pixel_size_um) == (axes, shape, 0.1)
    if "Z" in axes:
        assert row(said.out, "z step") == ["0.3 µm", "file"]
        assert result.spacing_um["z"] == 0.3
    if "T" in axes:
        assert row(said.out, "interval") == ["2.5 s", "file"]
        assert result.interval_s == 2.5


def test_up_sampling_halves_the_pixel_size(cli: Cli, cell: Path) -> None:
    assert cli("run", cell, *FAST, "--upsample", "2").code == 0
    result = read(cell.with_name("cell_sparse.ome.tif"))
    assert (result.shape, result.pixel_size_um) == ((96, 80), 0.05)


def test_a_pipe_gets_plain_lines_without_colour(cell: Path) -> None:
    command = [sys.executable, "-m", "sparsescope", "run", str(cell), *FAST]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "FORCE_COLOR": ""})
    assert "\x1b" not in done.stdout + done.stderr
    assert max(map(len, done.stdout.splitlines())) > 80, "a long path is not broken into lines"


def test_an_interrupt_leaves_no_file_and_gives_exit_code_130(
    cli: Cli, cell: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from contextlib import nullcontext

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sparsescope.cli.work.shown", lambda *_, **__: nullcontext(interrupt))
    said = cli("run", cell, *FAST)
    assert said.code == 130
    assert "interrupted" in said.err
    assert names(cell.parent) == ["cell.ome.tif"]
