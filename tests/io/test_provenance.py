"""A dict becomes text in metadata and comes back as it was."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparsescope.io.provenance import pack, unpack, xml_text

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


def through_xml(values: dict[str, object]) -> dict[str, object]:
    """Write values to XML and read them back."""
    pairs = []
    for key, text in pack(values):
        element = ET.Element("M", K=key)
        element.text = text
        back = ET.fromstring(ET.tostring(element, encoding="utf-8"))
        pairs.append((back.attrib["K"], back.text or ""))
    return unpack(pairs)


@given(st.dictionaries(st.text("abc_ éµ<>&\"'"), VALUES, max_size=5))
def test_every_value_comes_back_through_xml(values: dict[str, object]) -> None:
    assert through_xml(values) == values


@pytest.mark.parametrize(
    "text", ["1", "1.0", "true", "null", "NaN", "[1]", '"quoted"', "", " space ", "line\r\n", "\0", "\ud800"]
)
def test_text_that_looks_like_something_else_stays_text(text: str) -> None:
    assert through_xml({"key": text}) == {"key": text}


def test_a_recipe_stays_readable_text() -> None:
    toml = 'fidelity = 150.0\nbackground = "none"\n'
    assert pack({"recipe": toml}) == [("recipe", toml)]


def test_numbers_of_numpy_become_plain_numbers() -> None:
    back = unpack(pack({"a": np.float32(0.5), "b": np.arange(3), "c": (1, 2)}))
    assert back == {"a": 0.5, "b": [0, 1, 2], "c": [1, 2]}


def test_characters_that_xml_cannot_hold_are_replaced() -> None:
    assert xml_text("a\0b\x1bc\ud800d\n") == "a�b�c�d\n"
