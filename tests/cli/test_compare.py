"""``sparsescope compare`` from the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from sparsescope import Channel, as_image, write

from .conftest import Cli, spots
from .test_run import row


@pytest.fixture
def three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A truth, a good image of it and a bad one, in the working folder."""
    monkeypatch.chdir(tmp_path)
    truth = spots(96, 96).astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 5, truth.shape)
    for name, values in (
        ("truth", truth),
        ("good", 2 * truth + 7),
        ("bad", ndimage.gaussian_filter(truth, 2) + noise),
    ):
        write(f"{name}.tif", as_image(values))
    return tmp_path


def test_two_images_are_compared_in_six_measures_that_say_what_they_are(cli: Cli, three: Path) -> None:
    said = cli("compare", "bad.tif", "good.tif")
    assert (said.code, said.err) == (0, "")
    for name in ("agreement", "PSNR at 2 px", "correlation", "FRC", "RSP", "RSE"):
        assert len(row(said.out, name)) == 2
    assert row(said.out, "A")[0] == "bad.tif"
    assert "SQUIRREL" in said.out


def test_with_a_truth_both_are_compared_with_it_and_the_better_one_wins(cli: Cli, three: Path) -> None:
    (document,) = cli("compare", "good.tif", "bad.tif", "--truth", "truth.tif", "--json").document["results"]
    pairs = {(c["first"], c["second"]): c for c in document["comparisons"]}
    good, bad = pairs["good.tif", "truth.tif"], pairs["bad.tif", "truth.tif"]
    assert ("good.tif", "bad.tif") in pairs
    assert good["correlation"] == pytest.approx(1, abs=1e-5)
    assert good["agreement"] == pytest.approx(1, abs=1e-3)
    assert all(good[name] > bad[name] for name in ("agreement", "psnr_2px_db", "correlation", "rsp"))
    assert set(document["meaning"]) < set(good)
    table = cli("compare", "good.tif", "bad.tif", "--truth", "truth.tif").out
    assert "A to truth" in table
    assert row(table, "correlation")[:2] == ["1.000", f"{bad['correlation']:.3f}"]


def test_channels_are_compared_one_by_one_by_name(cli: Cli, three: Path) -> None:
    for name, seed in (("a", 1), ("b", 2)):
        data = np.stack([spots(64, 64, seed=seed), spots(64, 64, seed=9)])
        image = as_image(data, "CYX").replace(channels=[Channel("GFP"), Channel("RFP")])
        write(f"{name}.ome.tif", image, dtype="uint16")
    said = cli("compare", "a.ome.tif", "b.ome.tif")
    assert "GFP" in said.out
    (document,) = cli("compare", "a.ome.tif", "b.ome.tif", "--json").document["results"]
    assert [c["channel"] for c in document["comparisons"]] == ["GFP", "RFP"]
    assert document["comparisons"][1]["correlation"] == pytest.approx(1)


def test_files_of_one_name_are_told_apart_by_their_folders(cli: Cli, three: Path) -> None:
    (three / "other").mkdir()
    write("other/good.tif", as_image(spots(96, 96, seed=5).astype(np.float32)))
    assert row(cli("compare", "good.tif", "other/good.tif").out, "B")[0] == str(Path("other/good.tif"))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["good.tif"], 2, "B"),
        (["good.tif", "good.tif"], 2, "same file twice"),
        (["good.tif", "no.tif"], 1, "no.tif"),
        (["good.tif", "small.tif"], 1, "same axes and sizes"),
        (["small.tif", "little.tif"], 1, "too small"),
    ],
)
def test_what_cannot_be_compared_is_one_message(
    cli: Cli, three: Path, arguments: list[str], code: int, words: str
) -> None:
    for name in ("small", "little"):
        write(f"{name}.tif", as_image(spots(32, 32)), dtype="uint16")
    said = cli("compare", *arguments)
    assert (said.code, said.out) == (code, "")
    assert said.err.startswith("error: ")
    assert words in said.err
