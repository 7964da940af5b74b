"""``sparsescope sweep`` from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Cli

FAST = ["--preset", "published-python", "--sparse-iterations", "5", "--quiet"]


def test_a_page_and_a_picture_are_written_beside_the_input(cli: Cli, cell: Path) -> None:
    said = cli("sweep", cell, *FAST)
    assert (said.code, said.err) == (0, "")
    assert sorted(p.name for p in cell.parent.iterdir()) == ["cell.ome.tif", "cell_sweep.html", "cell_sweep.png"]
    assert (cell.parent / "cell_sweep.png").read_bytes().startswith(b"\x89PNG")
    assert "Fidelity × sparsity of cell.ome.tif" in (cell.parent / "cell_sweep.html").read_text(encoding="utf-8")
    assert "your choice: --fidelity 150 --sparsity 10" in said.out


@pytest.mark.parametrize("ending", ["html", "png"])
def test_a_file_that_exists_is_kept_and_the_other_not_made_unless_overwriting_is_asked_for(
    cli: Cli, cell: Path, ending: str
) -> None:
    there = cell.with_name(f"cell_sweep.{ending}")
    there.write_text("mine")
    said = cli("sweep", cell, *FAST)
    assert (said.code, said.out) == (1, "")
    assert "exists" in said.err
    assert there.read_text() == "mine"
    assert len(list(cell.parent.iterdir())) == 2
    assert cli("sweep", cell, *FAST, "--overwrite").code == 0
    assert there.read_bytes() != b"mine"
    assert len(list(cell.parent.iterdir())) == 3


def test_flags_are_the_middle_of_the_sheet_and_out_is_made(cli: Cli, cell: Path, tmp_path: Path) -> None:
    said = cli("sweep", cell, *FAST, "--fidelity", "300", "--out", tmp_path / "new", "--json")
    document = said.document["results"][0]
    assert document["fidelities"] == [30, 94.9, 300, 949, 3000]
    assert document["sparsities"] == [0, 1, 3.16, 10, 31.6]
    assert document["choice"] == {"name": "your choice", "fidelity": 300, "sparsity": 10}
    assert document["sources"]["fidelity"] == "flag"
    assert Path(document["page"]).parent == tmp_path / "new"
    assert Path(document["picture"]).is_file()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["no.tif"], 1, "no.tif"),
        ([], 2, "FILE"),
        (["cell.ome.tif", "--threads", "0"], 2, "--threads 0"),
        (["cell.ome.tif", "--sparse-iterations", "0"], 2, "--sparse-iterations 100"),
        (["cell.ome.tif", "--preset", "neuron"], 2, "did you mean neurons?"),
        (["cell.ome.tif", "--series", "7"], 1, "series"),
    ],
)
def test_what_cannot_be_done_is_one_message_and_no_file(
    cli: Cli, cell: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, message: str
) -> None:
    monkeypatch.chdir(cell.parent)
    said = cli("sweep", *arguments, "--quiet")
    assert (said.code, said.out) == (code, "")
    assert said.err.startswith("error: ")
    assert message in said.err
    assert [p.name for p in cell.parent.iterdir()] == ["cell.ome.tif"]
