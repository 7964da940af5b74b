"""What is said to the user: results on stdout, all else on stderr; text from files never acts on the terminal."""

from __future__ import annotations

import json
import math
import os
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text


def accept_any_text() -> None:
    """Let a terminal without some letters (µ, ×) show others in their place instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def close_quietly() -> None:
    """Give up stdout after the reader of a pipe has left, so that Python does not complain at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def plain(text: object) -> str:
    r"""Return text without what could act on a terminal (escape sequences, line breaks).

    Examples
    --------
    >>> plain("cell\x1b[2J\n1")
    'cell\\x1b[2J\\n1'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def console(stream: TextIO) -> Console:
    """Return a console that colours only on a terminal and never wraps, marks up or highlights."""
    return Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True)


def line(text: str = "", style: str = "") -> None:
    """Print one line of results on stdout."""
    console(sys.stdout).print(Text(text, style=style))


def aside(text: str, style: str = "") -> None:
    """Print one line on stderr."""
    console(sys.stderr).print(Text(text, style=style))


def paragraph(text: str, style: str = "") -> None:
    """Print a sentence of results on stdout: broken at words on a terminal, one line elsewhere."""
    out = console(sys.stdout)
    out.print(Text(_fitted(text, out), style=style))


def error(text: str) -> None:
    """Print an error on stderr, broken at words on a terminal."""
    out = console(sys.stderr)
    shown = Text(_fitted(" ".join(map(plain, ["error:", *text.split()])), out))
    shown.stylize("bold red", 0, len("error:"))
    out.print(shown)


def _fitted(text: str, out: Console) -> str:
    """Break text at words to the width of a terminal, what follows indented; other readers get it whole."""
    if not out.is_terminal:
        return text
    indent = " " * (len(text) - len(text.lstrip()) + 2)
    lines = textwrap.wrap(text, out.width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines)


def reason(problem: BaseException) -> str:
    """Return the text of an error in one line."""
    if isinstance(problem, MemoryError):
        return "this needs more memory than there is: run a smaller part of the image, or use a larger machine"
    return " ".join(str(problem).split())


def table(rows: Iterable[Sequence[str]], indent: str = "  ") -> None:
    """Print rows of text in aligned columns on stdout; the last column is dim."""
    kept = [[plain(cell) for cell in row] for row in rows]
    if not kept:
        return
    widths = [max(len(row[i]) for row in kept) for i in range(len(kept[0]))]
    out = console(sys.stdout)
    for row in kept:
        *cells, last = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        out.print(Text.assemble(indent, "   ".join(cells), "   ", (last.rstrip(), "dim")))


def as_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document on stdout; numbers that JSON cannot say become null."""
    sys.stdout.write(json.dumps(_sayable(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    sys.stdout.flush()  # so that a reader who has left is met here and not while Python ends


def plainly(document: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a document as plain values, as another process can hand them over."""
    made: dict[str, Any] | None = None if document is None else _sayable(document)
    return made


def _sayable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _sayable(item) for key, item in value.items()}
    if isinstance(value, str) or value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Iterable):
        return [_sayable(item) for item in value]
    return _sayable(value.item()) if hasattr(value, "item") else str(value)  # a NumPy number, or anything else


def number(value: Any) -> str:
    """Return a value as a short text: numbers with up to five digits, nothing for None.

    Examples
    --------
    >>> number(0.06549999), number(150.0), number(None), number("auto")
    ('0.0655', '150', 'not used', 'auto')
    """
    if value is None:
        return "not used"
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def size(count: float) -> str:
    """Return a number of bytes as a short text.

    Examples
    --------
    >>> size(12_345_678)
    '12.3 MB'
    """
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def duration(seconds: float) -> str:
    """Return a time span as a short text.

    Examples
    --------
    >>> duration(0.254), duration(75), duration(7290)
    ('0.25 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.2g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
