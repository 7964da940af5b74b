"""How an image was made, as text that survives in any metadata: a dict to key-value strings and back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

NAMESPACE = "sparsescope/provenance"
"""Marks our annotation among others in a file."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: object) -> str:
    """Return text with every character that XML 1.0 cannot hold replaced by U+FFFD."""
    return _NOT_XML.sub("�", str(text))


def pack(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Turn a dict into pairs of strings that people can read and :func:`unpack` restores.

    Text stays as it is, all else becomes JSON; text that would read as JSON, or that XML would change, is written as a
    JSON string. Tuples come back as lists, NumPy numbers as plain ones.

    Examples
    --------
    >>> pack({"program": "sparsescope", "factor": 2.5, "version": "1.0"})
    [('program', 'sparsescope'), ('factor', '2.5'), ('version', '"1.0"')]
    """
    return [(xml_text(key), _to_text(value)) for key, value in values.items()]


def unpack(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Restore what :func:`pack` has written.

    Examples
    --------
    >>> unpack([("factor", "2.5"), ("version", '"1.0"')])
    {'factor': 2.5, 'version': '1.0'}
    """
    return {key: _from_text(text) for key, text in pairs}


def _from_text(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _to_text(value: Any) -> str:
    if not isinstance(value, str):
        return json.dumps(value, default=_plain)
    kept = _NOT_XML.search(value) is None and "\r" not in value
    return value if kept and _from_text(value) is value else json.dumps(value)


def _plain(value: Any) -> Any:
    """Turn what JSON does not know into what it knows: NumPy numbers and arrays, mappings, all else as text."""
    if isinstance(value, Mapping):
        return dict(value)
    return value.tolist() if hasattr(value, "tolist") else str(value)


def write_info(values: Mapping[str, Any]) -> str:
    r"""Return the line of ImageJ's info text that holds how an image was made.

    Examples
    --------
    >>> read_info("Title: cell\n" + write_info({"factor": 2.5}))
    {'factor': 2.5}
    """
    return f"{NAMESPACE} = {json.dumps(dict(values), default=_plain)}\n"


def read_info(text: str) -> dict[str, Any]:
    """Return what :func:`write_info` has put into a text, empty where there is nothing."""
    for line in text.splitlines():
        key, _, value = line.partition(" = ")
        if key == NAMESPACE:
            found = _from_text(value)
            return found if isinstance(found, dict) else {}
    return {}
