"""The report of a run as one self-contained HTML file: what was done, what to believe, and the pictures to judge by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from .._version import __version__
from ..evidence.model import Evidence
from ..image import Image
from ..io.atomic import replacing
from ..pipeline import Result
from .methods import CITATIONS, command_lines, methods_text
from .page import asset, render
from .views import views

HEADLINE: Final = {
    "green": "nothing speaks against this result",
    "amber": "parts of this result need care",
    "red": "do not trust this result as it is",
    "grey": "no evidence was gathered",
}
"""What each colour says; grey is a report without evidence."""


def write_report(
    path: str | Path,
    image: Image,
    result: Result,
    evidence: Mapping[int, Evidence] | None = None,
    *,
    output: str | Path | None = None,
    overwrite: bool = False,
) -> None:
    """Write the report of a run as one HTML file of at most 4 MB that asks the network for nothing.

    Parameters
    ----------
    path : path-like
        The file to write.
    image : Image
        The input, read lazily or not.
    result : Result
        What :func:`sparsescope.deconvolve` gave for it.
    evidence : mapping of int to Evidence, optional
        By channel (0 where there is one).
    output : path-like, optional
        The image file of the result, named in the page.
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    OutputError
        If the file exists already or cannot be written.
    """
    text = report_page(image, result, evidence or {}, output=output)
    with replacing(path, overwrite=overwrite) as file:
        file.write(text.encode())


def report_page(
    image: Image, result: Result, evidence: Mapping[int, Evidence], *, output: str | Path | None = None
) -> str:
    """Return the whole page.

    Parameters
    ----------
    image, result, evidence, output
        As of :func:`write_report`.
    """
    name = Path(str(image.meta.get("path") or "image")).name
    shown = views(image, result.image, evidence)
    colour = max((e.colour for e in evidence.values()), key=["green", "amber", "red"].index, default="grey")
    data = {
        "pixel_um": image.pixel_size_um,
        "views": [asdict(view) for view in shown],
        "curves": list(_curves(image, result, evidence)),
    }
    return render(
        "report.html.jinja",
        style=asset("report.css"),
        script=asset("report.js"),
        version=__version__,
        name=name,
        output=Path(output).name if output else "",
        axes=" × ".join(f"{axis} {n}" for axis, n in image.sizes.items()),
        kind=str(image.dtype),
        colour=colour,
        headline=HEADLINE[colour],
        findings=list(_findings(image, evidence)),
        data=data,
        channels=list(dict.fromkeys(view.channel for view in shown)),
        planes=list(dict.fromkeys(view.plane for view in shown)),
        parts=list(dict.fromkeys(view.part for view in shown)),
        layers=list(dict.fromkeys(layer.name for view in shown for layer in view.layers)),
        left_out=_left_out(image, shown),
        parameters=list(_parameters(image, result)),
        measures=[(key.replace("_", " "), f"{value:.4g}") for key, value in result.measures.items()],
        numbers=list(_numbers(image, evidence)),
        maps=list(_maps(evidence)),
        commands=command_lines(image, result, output),
        methods=methods_text(image, result),
        citations=CITATIONS,
        notes=list(dict.fromkeys([*image.meta.get("notes", ()), *result.notes])),
        engine=result.engine,
        seconds=f"{result.seconds:.3g}",
        outcome=result.outcome,
        level=", ".join(dict.fromkeys(e.level for e in evidence.values())),
    )


def _prefix(image: Image, channel: int) -> str:
    if "C" not in image.axes:
        return ""
    name = image.channels[channel].name if image.channels else None
    return f"{name or f'channel {channel}'}: "


def _findings(image: Image, evidence: Mapping[int, Evidence]) -> Iterator[tuple[str, str]]:
    for channel, found in evidence.items():
        for finding in found.findings:
            yield finding.colour, _prefix(image, channel) + finding.text


def _numbers(image: Image, evidence: Mapping[int, Evidence]) -> Iterator[dict[str, str]]:
    for channel, found in evidence.items():
        for number in found.numbers:
            error = f" ± {number.error:.2g}" if number.error is not None else ""
            value = "–" if number.value is None else f"{number.value:.4g}{error} {number.unit}".strip()
            yield {
                "name": _prefix(image, channel) + number.name.replace("_", " "), "value": value,
                "meaning": number.meaning, "blind": number.blind, "source": number.source,
            }  # fmt: skip


def _maps(evidence: Mapping[int, Evidence]) -> Iterator[tuple[str, str, str, str]]:
    seen = {found.name: found for e in evidence.values() for found in e.maps}
    for found in seen.values():
        yield found.name, found.unit, found.meaning, found.blind


def _parameters(image: Image, result: Result) -> Iterator[tuple[str, str, str]]:
    """Yield name, value and source of every number of the run."""
    for axis, size in image.spacing_um.items():
        given = {"x": "pixel_size_um", "y": "pixel_size_um", "z": "z_step_um"}[axis]
        yield f"spacing {axis}", f"{size:.5g} µm", "flag" if given in image.meta.get("given", ()) else "file"
    if image.interval_s:
        yield "interval", f"{image.interval_s:.4g} s", "flag" if "interval_s" in image.meta.get("given", ()) else "file"
    for name, value in result.recipe.model_dump().items():
        if value is None:
            continue
        text = f"{value:.5g}" if isinstance(value, float) else str(value)
        unit = " µm" if name.endswith("_um") else ""
        yield name.removesuffix("_um").replace("_", " "), text + unit, str(result.sources.get(name, ""))


def _left_out(image: Image, shown: Sequence[Any]) -> str:
    """Say which planes the page does not show."""
    total = 1
    for axis in "TZ":
        total *= image.sizes.get(axis, 1)
    there = len({view.plane for view in shown})
    return "" if there >= total else f"{there} of {total} planes are in this page; the image file has all"


def _curves(image: Image, result: Result, evidence: Mapping[int, Evidence]) -> Iterator[dict[str, Any]]:
    """Yield every curve as the script draws it: those of the evidence, then the score of the settings tried."""
    for channel, found in evidence.items():
        for curve in found.curves:
            yield {
                "title": _prefix(image, channel) + curve.name, "x_label": curve.x_label, "y_label": curve.y_label,
                "series": [{"name": "", "x": list(curve.x), "y": list(curve.y)}], "log_x": False,
                "meaning": curve.meaning, "mark": None,
            }  # fmt: skip
    for channel, choice in enumerate(result.tuning):
        if choice is not None and choice.curve:
            yield _tuning_curve(_prefix(image, channel), choice)
        if choice is not None and choice.rehearsed:
            yield _rehearsed_curve(_prefix(image, channel), choice)


def _rehearsed_curve(prefix: str, choice: Any) -> dict[str, Any]:
    """Least error of each fidelity tried on the made-up frame."""
    best: dict[float, float] = {}
    for point in choice.rehearsed:
        best[point.fidelity] = min(point.score, best.get(point.fidelity, point.score))
    return {
        "title": f"{prefix}settings rehearsed", "x_label": "fidelity", "y_label": "truth not explained",
        "series": [{"name": "", "x": sorted(best), "y": [best[f] for f in sorted(best)]}],
        "log_x": True, "mark": choice.values.get("fidelity"),
        "meaning": "What the best of the settings tried makes of the image was taken for the truth of a made-up frame "
        "with the same blur, background and noise. Each setting was run on that frame, and compared with its truth at "
        "half the width of the PSF: lower is better. Each point is the best of the sparsities and iteration counts "
        "tried; the chosen fidelity is marked.",
    }  # fmt: skip


def _tuning_curve(prefix: str, choice: Any) -> dict[str, Any]:
    """Least score of each fidelity tried, one line per background."""
    lines: dict[str, dict[float, float]] = {}
    for point in choice.curve:
        best = lines.setdefault(point.background, {})
        best[point.fidelity] = min(point.score, best.get(point.fidelity, point.score))
    least = min(min(best.values()) for best in lines.values()) or 1.0
    series = [
        {"name": name, "x": sorted(best), "y": [best[f] / least for f in sorted(best)]} for name, best in lines.items()
    ]
    return {
        "title": f"{prefix}settings tried", "x_label": "fidelity", "y_label": "error of held-out pixels / least",
        "series": series, "log_x": True, "mark": None if choice.rehearsed else choice.values.get("fidelity"),
        "meaning": "Each setting was run with pixels hidden, and scored by how well it predicts them: lower is better. "
        "One line for each background, each point the best of the sparsities and iteration counts tried"
        + ("; the best was taken for the rehearsal." if choice.rehearsed else "; the chosen fidelity is marked."),
    }  # fmt: skip
