"""Evidence for commands: gathered channel by channel, its cost said beforehand where it is long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from . import say
from .progress import shown

if TYPE_CHECKING:
    from ..evidence import Evidence
    from ..image import Image
    from ..pipeline import Result


def evidence_of(
    image: Image,
    result: Result,
    level: Literal["quick", "full", "none"],
    *,
    name: str,
    threads: int | None = None,
    quiet: bool = False,
) -> dict[int, Evidence]:
    """Return the evidence of each channel; full evidence is kept in the user's cache."""
    if level == "none":
        return {}
    from ..evidence import Cache, Cost, gather

    def said(cost: Cost) -> None:
        if cost.seconds is not None and not quiet:
            time = say.duration(cost.seconds)
            say.aside(f"{say.plain(name)}: full evidence takes {cost.solves} reconstructions of a window, about {time}")

    found = {}
    with shown(name, quiet=quiet) as progress:
        for channel in range(image.sizes.get("C", 1)):
            found[channel] = gather(
                image, result, level, channel=channel if "C" in image.axes else None, threads=threads,
                cache=Cache() if level == "full" else None, on_cost=said, on_progress=progress,
            )  # fmt: skip
    return found
