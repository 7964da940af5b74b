"""Progress on stderr: a bar with rate and remaining time on a terminal, now and then a plain line elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from . import say

EVERY_S = 5.0
"""Time between plain lines; work that ends sooner prints none."""


class Step(Protocol):
    """What the pipeline reports: so many of so many units of a stage are done."""

    @property
    def stage(self) -> str: ...
    @property
    def done(self) -> int: ...
    @property
    def total(self) -> int: ...
    @property
    def unit(self) -> str: ...


def plain_lines(
    name: str, write: Callable[[str], None] = say.aside, clock: Callable[[], float] = time.monotonic
) -> Callable[[Step], None]:
    """Return a callback that writes a line every few seconds, with rate and remaining time of the stage."""
    stage, began, before, last = "", clock(), 0, clock()

    def report(step: Step) -> None:
        nonlocal stage, began, before, last
        now = clock()
        if step.stage != stage:
            stage, began, before = step.stage, now, max(0, step.done - 1)
            if stage == "compiling":
                write(f"{say.plain(name)}: compiling the kernels, once after installation …")
        if now - last < EVERY_S:
            return
        last = now
        text = f"{say.plain(name)}: {step.stage} {step.done}/{step.total} {step.unit}"
        if step.done > before and now > began:
            rate = (step.done - before) / (now - began)
            text += f", {rate:.3g} {step.unit}/s, {say.duration((step.total - step.done) / rate)} left"
        write(text)

    return report


def _bars(progress: Progress, name: str) -> Callable[[Step], None]:
    """Return a callback that keeps one bar for each stage."""
    tasks: dict[str, TaskID] = {}
    began: dict[str, tuple[float, int]] = {}

    def report(step: Step) -> None:
        now = time.monotonic()
        if step.stage not in tasks:
            if step.stage == "deconvolution" and "compiling" in tasks:  # the first result means that kernels are there
                progress.remove_task(tasks.pop("compiling"))
            tasks[step.stage] = progress.add_task(f"{say.plain(name)}: {step.stage}", total=step.total, rate="")
            began[step.stage] = now, max(0, step.done - 1)
        started, before = began[step.stage]
        elapsed, done = now - started, step.done - before
        rate = f"{done / elapsed:.3g} {step.unit}/s" if done and elapsed > 0.5 else step.unit
        progress.update(tasks[step.stage], completed=step.done, total=step.total, rate=rate)

    return report


@contextmanager
def shown(name: str, *, quiet: bool) -> Iterator[Callable[[Step], None] | None]:
    """Show the progress of one file while the block runs.

    Yields
    ------
    callable or None
        What to give to the pipeline; None when nothing is to be shown.
    """
    if quiet:
        yield None
        return
    console = say.console(sys.stderr)
    if not console.is_terminal:
        yield plain_lines(name)
        return
    columns = (
        TextColumn("  {task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield _bars(progress, name)
