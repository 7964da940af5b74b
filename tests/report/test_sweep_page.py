"""The page of a sweep in a real browser: click, keyboard, clipboard, no request, no script error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sparsescope as ss
from browsing import Opened, luminance
from sparsescope import Image, Recipe
from sparsescope.report.busy import Place
from sparsescope.report.sweep import Sweep, Tile, axes_around
from sparsescope.report.sweep_page import page, write_page

NASTY = '<img src="https://example.org/x.png" onerror="document.title=1">&\'".tif'


def sheet(side: int = 24, name: str = "cell.tif", notes: tuple[str, ...] = ()) -> Sweep:
    """A sweep of noise, which no compression makes small; tiles differ."""
    random = np.random.default_rng(0)
    raw = random.uniform(0, 100, (side, side)).astype(np.float32)
    image = Image(raw, "YX", {"x": 0.1, "y": 0.1}, meta={"path": f"folder/{name}", "notes": notes})
    plan = ss.plan(image, Recipe.preset("published-python", resolution_um=0.3))
    fidelities, sparsities = axes_around(float(plan.recipe.fidelity), float(plan.recipe.sparsity))
    chosen = (plan.recipe.fidelity, plan.recipe.sparsity)
    rows = tuple(
        tuple(Tile(f, s, random.uniform(0, 9, raw.shape).astype(np.float32), (f, s) == chosen) for s in sparsities)
        for f in fidelities
    )
    return Sweep(image, raw, rows, Place({}, slice(0, side), slice(0, side)), plan, 1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "cell_sweep.html"
    write_page(sheet(), path)
    return path


@pytest.fixture
def opened(browser: Any, file: Path) -> Iterator[Opened]:
    made = Opened(browser, file)
    yield made
    assert made.requests == [file.as_uri()], "the page asks for nothing but itself"
    assert made.complaints == []
    made.context.close()


def test_a_click_copies_the_flags_of_its_tile_and_says_so(opened: Opened) -> None:
    opened.tiles.nth(7).click()
    opened.page.wait_for_selector(".tile.copied")
    assert opened.clipboard() == "--fidelity 47.4 --sparsity 3.16"
    assert opened.said() == "Copied: --fidelity 47.4 --sparsity 3.16"
    assert opened.tiles.nth(7).locator(".done").is_visible()
    opened.tiles.nth(8).click()
    opened.page.wait_for_selector(".tile.copied[data-flags='--fidelity 47.4 --sparsity 10']")
    assert opened.page.locator(".tile.copied").count() == 1
    assert opened.clipboard() == "--fidelity 47.4 --sparsity 10"


def test_the_keyboard_reaches_every_tile_and_enter_copies(opened: Opened) -> None:
    opened.page.keyboard.press("Tab")
    focused = "document.activeElement.dataset.flags"
    assert opened.page.evaluate(focused) == "--fidelity 15 --sparsity 0"
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowUp", "ArrowLeft"):
        opened.page.keyboard.press(key)
    assert opened.page.evaluate(focused) == "--fidelity 47.4 --sparsity 3.16"
    opened.page.keyboard.press("Enter")
    opened.page.wait_for_selector(".tile.copied")
    assert opened.clipboard() == "--fidelity 47.4 --sparsity 3.16"
    for _ in range(17):
        opened.page.keyboard.press("Tab")
    assert opened.page.evaluate(focused) == "--fidelity 1500 --sparsity 31.6"
    for key in ("ArrowRight", "ArrowDown"):
        opened.page.keyboard.press(key)
    assert opened.page.evaluate(focused) == "--fidelity 1500 --sparsity 31.6", "arrows stop at the border"


def test_the_tile_looked_at_stands_beside_the_input(opened: Opened) -> None:
    source = "(id) => document.getElementById(id).src"
    assert opened.page.evaluate(source, "big") == opened.page.evaluate("document.querySelector('.chosen img').src")
    assert opened.page.locator("#bigname").inner_text() == "--fidelity 150 --sparsity 10 (your choice)"
    opened.tiles.nth(3).hover()
    assert opened.page.evaluate(source, "big") == opened.tiles.nth(3).locator("img").get_attribute("src")
    assert opened.page.locator("#bigname").inner_text() == "--fidelity 15 --sparsity 10"
    assert opened.page.locator("#biglevels").inner_text() == opened.tiles.nth(3).get_attribute("data-levels")


def test_the_input_stands_first_and_the_choice_is_framed_and_named(opened: Opened) -> None:
    images = opened.page.locator("img")
    assert images.first.get_attribute("id") == "raw"
    assert opened.page.locator(".tile.chosen").count() == 1
    assert opened.page.locator(".tile.chosen .name").inner_text() == "your choice"
    frame = "(e) => getComputedStyle(e).borderTopColor"
    assert opened.page.locator(".tile.chosen").evaluate(frame) != opened.tiles.first.evaluate(frame)
    assert "black at 0.5 %, white at 99.9 %" in opened.page.inner_text("body")


def test_without_the_clipboard_of_today_the_old_way_copies(browser: Any, file: Path) -> None:
    made = Opened(browser, file, "Object.defineProperty(navigator, 'clipboard', {value: undefined});")
    made.tiles.first.click()
    made.page.wait_for_selector(".tile.copied")
    assert made.said() == "Copied: --fidelity 15 --sparsity 0"
    made.page.evaluate("document.body.append(document.createElement('textarea'))")
    made.page.locator("textarea").focus()
    made.page.keyboard.press("Control+V")
    assert made.page.locator("textarea").input_value() == "--fidelity 15 --sparsity 0"
    made.context.close()


def test_where_nothing_may_be_copied_the_page_shows_the_flags_and_claims_nothing(browser: Any, file: Path) -> None:
    script = "Object.defineProperty(navigator, 'clipboard', {value: undefined}); document.execCommand = () => false;"
    made = Opened(browser, file, script)
    made.tiles.first.click()
    made.page.wait_for_selector("#said:not(:empty)")
    assert made.said().endswith("copy this yourself: --fidelity 15 --sparsity 0")
    assert made.page.locator(".tile.copied").count() == 0
    made.context.close()


def test_numbers_chosen_from_the_image_are_copied_too_when_asked(browser: Any, tmp_path: Path) -> None:
    made = sheet()
    automatic = dict.fromkeys(["fidelity", "sparsity", "background", "deconvolution_iterations"], "auto")
    made = replace(made, plan=replace(made.plan, sources={**made.plan.sources, **automatic}))
    path = tmp_path / "auto.html"
    write_page(made, path)
    shown = Opened(browser, path)
    assert shown.page.locator(".tile.chosen .name").inner_text() == "automatic choice"
    shown.page.locator("#all").check()
    shown.page.locator(".tile.chosen").click()
    shown.page.wait_for_selector(".tile.copied")
    more = "--background weak-high-light --deconvolution-iterations 7"
    assert shown.clipboard() == f"--fidelity 150 --sparsity 10 {more}"
    shown.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_in_dark(browser: Any, file: Path, scheme: str) -> None:
    made = Opened(browser, file, color_scheme=scheme)
    ground = luminance(made.page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert (ground > 0.5) == (scheme == "light")
    made.tiles.first.click()
    made.page.wait_for_selector(".tile.copied")
    for selector in ("h1", "p.soft", "#said", ".chosen .name", "figcaption small", "td.source"):
        ink = luminance(made.page.locator(selector).first.evaluate("(e) => getComputedStyle(e).color"))
        high, low = max(ink, ground), min(ink, ground)
        assert (high + 0.05) / (low + 0.05) >= 4.5, selector
    made.context.close()


def test_names_and_notes_from_files_are_text_and_nothing_else(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "nasty.html"
    write_page(sheet(name=NASTY.replace("/", "_"), notes=(NASTY,)), path)
    made = Opened(browser, path)
    assert made.page.title() == f"Sweep of {NASTY.replace('/', '_')}"
    assert NASTY in made.page.locator("li").all_inner_texts()
    assert made.requests == [path.as_uri()]
    assert made.page.locator("img[onerror]").count() == 0
    assert made.complaints == []
    made.context.close()


def test_a_narrow_window_never_scrolls_sideways_as_a_whole(browser: Any, file: Path) -> None:
    made = Opened(browser, file, viewport={"width": 360, "height": 700})
    assert made.page.evaluate("document.documentElement.scrollWidth") <= 360
    made.context.close()


def test_the_largest_sheet_of_the_worst_pictures_is_below_4_mb() -> None:
    assert len(page(sheet(256)).encode()) <= 4_000_000


def test_the_page_names_no_address_but_its_own_pictures() -> None:
    text = page(sheet())
    assert not re.findall(r"(?:src|href)=\"(?!data:)", text)
    assert "http" not in re.sub(r"http-equiv", "", text)
