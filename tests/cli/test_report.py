"""The report of a run: beside its result, again on demand, machine-readable, and never instead of the result."""

from __future__ import annotations

import json
from pathlib import Path

from .conftest import Cli

SHORT = ("--sparse-iterations", "10", "--deconvolution-iterations", "2", "--fidelity", "100", "--sparsity", "1")


def test_every_run_writes_a_report_beside_its_result_and_says_what_to_believe(cli: Cli, cell: Path) -> None:
    said = cli("run", cell, *SHORT, "--background", "none", "--continuity", "0")
    assert said.code == 0
    page = cell.with_name("cell_sparse.report.html")
    assert "<title>Report of" in page.read_text()
    assert "evidence: " in said.out
    assert page.name in said.out


def test_no_report_is_a_flag_and_so_is_no_evidence(cli: Cli, cell: Path) -> None:
    said = cli("run", cell, *SHORT, "--no-report", "--evidence", "none")
    assert said.code == 0
    assert not cell.with_name("cell_sparse.report.html").exists()
    assert "evidence" not in said.out


def test_the_document_of_a_run_holds_the_evidence(cli: Cli, cell: Path) -> None:
    document = json.loads(cli("run", cell, *SHORT, "--json").out)["results"][0]
    found = document["evidence"][0]
    assert found["colour"] in ("green", "amber", "red")
    assert {"findings", "numbers", "window"} <= set(found)
    assert document["report"].endswith("cell_sparse.report.html")


def test_a_report_that_exists_stops_the_run_before_any_work(cli: Cli, cell: Path) -> None:
    page = cell.with_name("cell_sparse.report.html")
    page.write_text("mine")
    said = cli("run", cell, *SHORT)
    assert said.code == 1
    assert "cell_sparse.report.html" in said.err
    assert page.read_text() == "mine"
    assert not cell.with_name("cell_sparse.ome.tif").exists()


def test_the_report_of_a_result_is_made_again(cli: Cli, cell: Path, tmp_path: Path) -> None:
    assert cli("run", cell, *SHORT, "--no-report", "--evidence", "none").code == 0
    result = cell.with_name("cell_sparse.ome.tif")
    said = cli("report", result, "--evidence", "quick", "--out", tmp_path / "pages")
    assert said.code == 0, said.err
    text = (tmp_path / "pages" / "cell_sparse.report.html").read_text()
    assert "sparsescope rerun cell_sparse.ome.tif" in text
    again = cli("report", result, "--evidence", "quick", "--out", tmp_path / "pages")
    assert again.code == 1
    assert "--overwrite" in again.err


def test_a_report_of_a_file_that_is_not_ours_is_refused(cli: Cli, cell: Path) -> None:
    said = cli("report", cell)
    assert said.code == 1
    assert "it was not written by sparsescope" in said.err
