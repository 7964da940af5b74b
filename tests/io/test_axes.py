"""Axes of files become TCZYX, or a message names the flag that decides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparsescope.errors import InputError
from sparsescope.image import AXES
from sparsescope.io.axes import arrange, resolve


@pytest.mark.parametrize(
    ("axes", "shape", "given_axes", "letters"),
    [
        ("YX", (8, 9), None, "YX"),
        ("TZCYX", (2, 3, 4, 8, 9), None, "TZCYX"),
        ("IYX", (5, 8, 9), "tyx", "TYX"),
        ("QQYX", (5, 2, 8, 9), "ZCYX", "ZCYX"),
        ("TYX", (5, 8, 9), "ZYX", "ZYX"),
        ("TRYX", (5, 1, 8, 9), None, "T-YX"),
        ("TQYX", (5, 1, 8, 9), "TYX", "T-YX"),
        ("YXS", (8, 9, 3), "CYX", "YXC"),
        ("YXS", (8, 9, 3), "YXC", "YXC"),
        ("SYX", (3, 8, 9), "CYX", "CYX"),
        ("SYX", (3, 8, 9), "TYX", "TYX"),
        ("IYXS", (5, 8, 9, 3), "TCYX", "TYXC"),
        ("PYX", (3, 8, 9), "TYX", "TYX"),
    ],
)
def test_axes_of_a_file_are_named(axes: str, shape: tuple[int, ...], given_axes: str | None, letters: str) -> None:
    assert resolve("cell.tif", axes, shape, given_axes)[0] == letters


@pytest.mark.parametrize(
    ("axes", "shape", "text"),
    [
        (
            "IYX",
            (5, 8, 9),
            "cell.tif holds 5 × 8 × 9 values and does not say what its first axis is: add --axes TYX if",
        ),
        ("IYX", (5, 8, 9), 'if it is time or --axes ZYX if it is depth (in Python axes="TYX")'),
        ("QQYX", (5, 2, 8, 9), 'add --axes TZYX or --axes TCYX or --axes ZCYX (in Python axes="TZYX")'),
        ("TIYX", (5, 2, 8, 9), 'add --axes TZYX or --axes TCYX (in Python axes="TZYX")'),
        ("QQQQYX", (2, 2, 2, 2, 8, 9), "on 6 axes; at most the five TCZYX can be used"),
        (
            "YXS",
            (8, 9, 3),
            "is an RGB photograph (3 colour samples per pixel), not a measured intensity. Convert it to",
        ),
        (
            "YXS",
            (8, 9, 3),
            "grey or split its channels (Fiji: Image > Color > Split Channels), or treat red, green and",
        ),
        ("YXS", (8, 9, 3), 'red, green and blue as channels: --axes CYX (in Python axes="CYX")'),
        ("IYXS", (5, 8, 9, 4), "RGB photograph (4 colour samples per pixel)"),
        ("IYXS", (5, 8, 9, 3), "--axes TCYX"),
        ("TPYX", (5, 3, 8, 9), "position (P) cannot be used (only TCZYX). Export one part of it"),
        ("HYX", (64, 8, 9), "lifetime (H)"),
    ],
)
def test_unknown_axes_are_refused_with_the_flag_to_add(axes: str, shape: tuple[int, ...], text: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve("cell.tif", axes, shape, None)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("given_axes", "text"),
    [
        ("TZYX", "axes 'TZYX' name 4 axes, but cell.tif has 3 of lengths 5 × 8 × 9 (stored as IYX)"),
        ("YX", "axes 'YX' name 2 axes, but cell.tif has 3"),
        ("TYQ", "axes 'TYQ': allowed is a string over TCZYX"),
        ("TTYX", "axes 'TTYX': allowed is a string over TCZYX"),
        ("TZX", "allowed is a string over TCZYX"),
        ("", "allowed is a string over TCZYX"),
    ],
)
def test_axes_that_do_not_fit_are_refused(given_axes: str, text: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve("cell.tif", "IYX", (5, 8, 9), given_axes)
    assert text in str(caught.value)


def test_colour_samples_of_a_stack_need_a_letter_for_each_axis() -> None:
    with pytest.raises(InputError, match="name 3 axes, but photo has 4"):
        resolve("photo", "IYXS", (5, 8, 9, 3), "CYX")


def test_what_was_dropped_or_overridden_is_noted() -> None:
    assert resolve("a", "TRYX", (5, 1, 8, 9), None)[1] == ["an axis of length 1 (R) was dropped"]
    assert resolve("a", "TYX", (5, 8, 9), "ZYX")[1] == ["axes ZYX as given; the file says TYX"]
    assert resolve("a", "IYX", (5, 8, 9), "ZYX")[1] == []


@given(st.permutations(AXES).map("".join), st.integers(2, 5))
def test_any_order_of_axes_is_brought_to_the_same_order(letters: str, count: int) -> None:
    letters = "".join(letter for letter in letters if letter in AXES[-count:])
    sizes = dict(zip(AXES, (2, 3, 4, 5, 6), strict=True))
    wanted = "".join(letter for letter in AXES if letter in letters)
    expected = np.arange(np.prod([sizes[a] for a in wanted])).reshape([sizes[a] for a in wanted])
    stored = expected.transpose([wanted.index(a) for a in letters])
    data, axes = arrange(stored, letters)
    assert axes == wanted
    assert np.array_equal(data, expected)
