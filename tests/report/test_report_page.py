"""The report in a real browser: slider, linked zoom, contrast, choosers, overlays, profile; no request."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

import sparsescope as ss
from browsing import Opened, luminance
from sparsescope import Image, Recipe, Result
from sparsescope.evidence.model import Curve, Evidence, Finding, Map, Number
from sparsescope.image import Channel
from sparsescope.report.methods import command_lines
from sparsescope.report.report_page import report_page, write_report

NASTY = '<script>document.title="owned"</script><img src="https://example.org/x.png" onerror="document.title=1">&\'"'
RECIPE = Recipe.preset("published-python", resolution_um=0.3, sparse_iterations=3, deconvolution_iterations=2)


def cell(side: int = 48, name: str = "cell.tif", **changes: Any) -> Image:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    plane = 20 + 400 * np.exp(-((y - 12) ** 2 + (x - 30) ** 2) / 18)
    frames = rng.poisson(np.stack([[plane, 0.5 * plane]] * 3)).astype("uint16")
    channels = (Channel("actin"), Channel(changes.pop("second", "DNA")))
    return Image(
        frames, "TCYX", {"x": 0.1, "y": 0.1}, channels=channels, meta={"path": f"folder/{name}"}
    ).replace(**changes)  # fmt: skip


def evidence(colour: Any = "amber", index: int = 0) -> Evidence:
    values = np.zeros((20, 20), np.float32)
    values[5:9, 5:9] = 4
    values[0, 0] = np.nan
    return Evidence(
        "quick", {"T": 1, "C": index}, (4, 24), (10, 30),
        (Number("raw_resolution_um", 0.31, "µm", "finest detail", "bias", "FRC, somebody 2013", 0.02),),
        (Map("doubt", values, "σ", "where to doubt", "what is nowhere"),),
        (Curve("frc_raw", "cycles/px", "correlation", (0.0, 0.25, 0.5), (1.0, 0.5, 0.0), "how it falls"),),
        (Finding(colour, "halves of the light disagree by 40 %", "disagreement"),), 0, 0.1,
    )  # fmt: skip


@pytest.fixture(scope="module")
def made() -> tuple[Image, Result]:
    image = cell()
    return image, ss.deconvolve(image, RECIPE)


@pytest.fixture
def file(made: tuple[Image, Result], tmp_path: Path) -> Path:
    path = tmp_path / "cell_sparse.report.html"
    write_report(path, *made, {0: evidence(), 1: evidence("green", 1)}, output="cell_sparse.ome.tif")
    return path


@pytest.fixture
def opened(browser: Any, file: Path) -> Iterator[Opened]:
    shown = Opened(browser, file, viewport={"width": 1100, "height": 900})
    shown.page.wait_for_function("document.getElementById('said').textContent !== ''")
    yield shown
    assert [url for url in shown.requests if not url.startswith("data:")] == [file.as_uri()]
    assert shown.complaints == []
    shown.context.close()


def stage(opened: Opened, name: str) -> float:
    return float(opened.page.locator("#stage").get_attribute(f"data-{name}"))


def drawn(opened: Opened) -> np.ndarray[Any, Any]:
    """The canvas as shown: height, width, colours."""
    uri = opened.page.evaluate("document.getElementById('canvas').toDataURL()")
    colours = imread(io.BytesIO(base64.b64decode(uri.partition(",")[2])), format="png")
    return np.rint(255 * colours[..., :3]).astype(int)


def pixel(opened: Opened, x: float, y: float) -> list[int]:
    """Red, green, blue of the canvas at a place given as parts of its width and height."""
    colours = drawn(opened)
    return [int(v) for v in colours[int(colours.shape[0] * y), int(colours.shape[1] * x)]]


def test_the_slider_is_dragged_and_shows_more_of_the_result(opened: Opened) -> None:
    slider = opened.page.locator("#slider")
    assert slider.get_attribute("aria-valuenow") == "50"
    before = pixel(opened, 0.45, 0.1)
    box = slider.bounding_box()
    opened.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 80)
    opened.page.mouse.down()
    opened.page.mouse.move(box["x"] - 300, box["y"] + 90, steps=4)
    opened.page.mouse.up()
    assert 15 <= int(slider.get_attribute("aria-valuenow")) <= 30
    assert pixel(opened, 0.45, 0.1) != before or pixel(opened, 0.4, 0.2) != before


def test_keys_move_the_slider_to_its_ends(opened: Opened) -> None:
    slider = opened.page.locator("#slider")
    slider.focus()
    for key, value in (("ArrowLeft", "48"), ("Home", "0"), ("ArrowRight", "2"), ("End", "100"), ("PageDown", "90")):
        opened.page.keyboard.press(key)
        assert slider.get_attribute("aria-valuenow") == value


def test_zoom_and_pan_are_one_for_before_and_after(opened: Opened) -> None:
    opened.page.locator("#stage").focus()
    for _ in range(5):
        opened.page.keyboard.press("+")
    assert stage(opened, "zoom") == pytest.approx(1.25**5, abs=0.01)
    here = stage(opened, "x")
    opened.page.keyboard.press("ArrowRight")
    assert stage(opened, "x") > here
    opened.page.keyboard.press("0")
    assert stage(opened, "zoom") == 1
    opened.page.mouse.move(400, 500)
    opened.page.mouse.wheel(0, -400)
    opened.page.wait_for_function("+document.getElementById('stage').dataset.zoom > 1.2")
    opened.page.locator("#fit").click()
    assert stage(opened, "zoom") == 1


def test_dragging_moves_the_picture_under_the_finger(opened: Opened) -> None:
    for _ in range(4):
        opened.page.locator("#in").click()
    x, y = stage(opened, "x"), stage(opened, "y")
    box = opened.page.locator("#stage").bounding_box()
    opened.page.mouse.move(box["x"] + 200, box["y"] + 300)
    opened.page.mouse.down()
    opened.page.mouse.move(box["x"] + 140, box["y"] + 260, steps=3)
    opened.page.mouse.up()
    assert stage(opened, "x") > x
    assert stage(opened, "y") > y


def test_two_fingers_zoom(browser: Any, file: Path) -> None:
    shown = Opened(browser, file, has_touch=True, viewport={"width": 800, "height": 800})
    shown.page.wait_for_function("document.getElementById('stage').dataset.zoom")
    script = """() => { const s = document.getElementById('stage'), b = s.getBoundingClientRect();
        s.setPointerCapture = () => {};
        const send = (type, id, x) => s.dispatchEvent(new PointerEvent(type,
            { pointerId: id, clientX: b.left + x, clientY: b.top + 100, bubbles: true }));
        send('pointerdown', 1, 100); send('pointerdown', 2, 200); send('pointermove', 2, 300);
        send('pointerup', 1, 100); send('pointerup', 2, 300); }"""
    shown.page.evaluate(script)
    assert stage(shown, "zoom") == pytest.approx(2, abs=0.01)
    shown.context.close()


def test_one_contrast_for_both_is_a_switch_away(opened: Opened) -> None:
    own = opened.said()
    opened.page.select_option("#contrast", "same")
    opened.page.wait_for_function("document.getElementById('said').textContent.includes('the same for both')")
    same = re.search(r"before (.+?) to (.+?), after (.+?) to (.+?) counts", opened.said())
    assert same is not None
    assert same[1] == same[3]
    assert same[2] == same[4]
    assert opened.said() != own


def test_channels_and_frames_are_chosen(opened: Opened, made: tuple[Image, Result]) -> None:
    options = opened.page.locator("#channel option").all_inner_texts()
    assert options == ["actin", "DNA"]
    assert opened.page.locator("#plane option").all_inner_texts() == ["T 1", "T 0", "T 2"]
    opened.page.select_option("#channel", "DNA")
    opened.page.select_option("#plane", "T 2")
    opened.page.wait_for_function("document.getElementById('said').textContent.startsWith('DNA, T 2')")


def test_an_overlay_colours_the_result_and_says_what_it_means(opened: Opened) -> None:
    opened.page.locator("#slider").focus()
    opened.page.keyboard.press("Home")
    assert len(set(pixel(opened, 0.4, 0.3))) == 1, "grey"
    opened.page.select_option("#overlay", "doubt")
    opened.page.wait_for_function("document.getElementById('legend').textContent.includes('where to doubt')")
    colours = drawn(opened)
    coloured = np.abs(colours[..., 0] - colours[..., 2]) > 30
    assert 0.001 < coloured.mean() < 0.05
    opened.page.select_option("#channel", "actin")
    opened.page.select_option("#plane", "T 0")
    opened.page.wait_for_function("document.getElementById('legend').textContent.includes('not made for this view')")


def test_a_profile_is_drawn_along_the_users_line(opened: Opened) -> None:
    first = opened.page.locator("#profile path.series").first.get_attribute("d")
    opened.page.locator("#profile-mode").check()
    box = opened.page.locator("#stage").bounding_box()
    opened.page.mouse.move(box["x"] + 300, box["y"] + 60)
    opened.page.mouse.down()
    opened.page.mouse.move(box["x"] + 700, box["y"] + 400, steps=5)
    opened.page.mouse.up()
    assert opened.page.locator("#profile path.series").count() == 2
    assert opened.page.locator("#profile path.series").first.get_attribute("d") != first
    assert "µm" in opened.page.locator("#profile").inner_text()
    assert stage(opened, "zoom") == 1, "drawing does not move the picture"


def test_pixels_are_the_numbers_of_the_image(opened: Opened, made: tuple[Image, Result]) -> None:
    data = json.loads(opened.page.locator("#data").inner_text())
    picture = data["views"][0]["before"]
    script = """async (p) => { const i = new Image(), c = document.createElement('canvas');
        i.src = p.uri; await i.decode(); c.width = p.width; c.height = p.height; const g = c.getContext('2d');
        g.drawImage(i, 0, 0);
        const d = g.getImageData(0, 0, p.width, p.height).data, out = [];
        for (let k = 0; k < d.length; k += 4) out.push(p.low + p.step * (256 * d[k] + d[k + 1])); return out; }"""
    shown = np.reshape(opened.page.evaluate(script, picture), (picture["height"], picture["width"]))
    truth = made[0].block(T=1, C=0).astype(float)
    assert np.abs(shown - truth).max() <= 0.5 * picture["step"] + 1e-6


def test_verdict_numbers_sources_commands_and_methods_are_there(opened: Opened) -> None:
    text = opened.page.inner_text("body")
    for words in (
        "amber: parts of this result need care", "actin: halves of the light disagree by 40 %", "0.31 ± 0.02 µm",
        "FRC, somebody 2013", "fidelity", "recipe", "sparsescope rerun cell_sparse.ome.tif", "--resolution-um 0.3",
        "Zhao, W. et al.", "2 iterations of Richardson–Lucy", "100 nm",
    ):  # fmt: skip
        assert words in text, words
    opened.page.locator(".copier").first.click()
    opened.page.wait_for_selector(".copier.done")
    assert opened.clipboard() == "sparsescope rerun cell_sparse.ome.tif"


def test_names_from_files_are_shown_not_run(browser: Any, tmp_path: Path) -> None:
    image = cell(name=NASTY.replace("/", "_"), second=NASTY)
    path = tmp_path / "nasty.html"
    write_report(path, image, ss.deconvolve(image, RECIPE), {1: evidence(index=1)})
    shown = Opened(browser, path)
    shown.page.wait_for_function("document.getElementById('said').textContent !== ''")
    assert shown.page.title() == f"Report of {NASTY.replace('/', '_')}"
    assert NASTY in shown.page.locator("#channel option").all_inner_texts()
    assert shown.page.locator("img[onerror]").count() == 0
    assert [url for url in shown.requests if not url.startswith("data:")] == [path.as_uri()]
    assert shown.complaints == []
    shown.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_in_dark(browser: Any, file: Path, scheme: str) -> None:
    shown = Opened(browser, file, color_scheme=scheme)
    for selector in ("h1", ".soft", ".verdict li", "td.value", ".copy code", "dd .soft"):
        place = shown.page.locator(selector).first
        ink = luminance(place.evaluate("(e) => getComputedStyle(e).color"))
        back = """(e) => { while (e && getComputedStyle(e).backgroundColor === 'rgba(0, 0, 0, 0)') e = e.parentElement;
            return getComputedStyle(e).backgroundColor; }"""
        ground = luminance(place.evaluate(back))
        high, low = max(ink, ground), min(ink, ground)
        assert (high + 0.05) / (low + 0.05) >= 4.5, selector
    shown.context.close()


def test_a_narrow_window_never_scrolls_sideways_as_a_whole(browser: Any, file: Path) -> None:
    shown = Opened(browser, file, viewport={"width": 360, "height": 700})
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= 360
    shown.context.close()


def test_on_paper_the_controls_are_gone_and_the_picture_stays(browser: Any, file: Path) -> None:
    shown = Opened(browser, file)
    shown.page.emulate_media(media="print")
    assert not shown.page.locator(".controls").is_visible()
    assert shown.page.locator("#canvas").is_visible()
    shown.context.close()


def test_a_page_of_many_large_noisy_planes_stays_below_4_mb() -> None:
    rng = np.random.default_rng(1)
    planes = rng.poisson(300, (3, 4, 700, 700)).astype("uint16")
    image = Image(planes, "TCYX", {"x": 0.1, "y": 0.1})
    recipe = RECIPE.replace(deconvolution="none", sparse_iterations=1)
    text = report_page(image, ss.deconvolve(image, recipe), {})
    assert len(text.encode()) <= 4_000_000
    for channel in range(4):
        assert f'"channel": "channel {channel}"' in text


def test_without_evidence_the_page_says_so(made: tuple[Image, Result]) -> None:
    assert "no evidence was gathered" in report_page(*made, {})


def test_the_command_that_repeats_a_run_is_one_that_the_program_takes(made: tuple[Image, Result]) -> None:
    from sparsescope.cli import app

    command = command_lines(*made)[0].split()
    assert command[:2] == ["sparsescope", "run"]
    _, bound, unused = app.parse_args(command[1:], exit_on_error=False, print_error=False)[:3]
    assert not unused
    assert "blurring" not in bound.arguments, "no PSF file is asked for"
    assert bound.arguments["method"].psf_model == "gaussian"
