"""The carrier of axes and microns: what it accepts, what it refuses and how it says so."""

from __future__ import annotations

import math
import pickle
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sparsescope as ss
from sparsescope.errors import InputError, SparsescopeError
from sparsescope.image import AXES, check_axes


class Lazy:
    """Reads when indexed, and keeps the keys it was asked for."""

    def __init__(self, data: np.ndarray) -> None:
        self.data, self.keys = data, []
        self.shape, self.dtype, self.ndim = data.shape, data.dtype, data.ndim

    def __getitem__(self, key: Any) -> Any:
        self.keys.append(key)
        return self.data[key]


def test_sizes_shape_and_type_are_those_of_the_pixels() -> None:
    image = ss.Image(np.zeros((3, 2, 4, 5), "uint16"), "TCYX", {"x": 0.065, "y": 0.07}, 0.5)
    assert image.sizes == {"T": 3, "C": 2, "Y": 4, "X": 5}
    assert image.shape == (3, 2, 4, 5)
    assert image.dtype == np.uint16
    assert image.pixel_size_um == 0.065
    assert ss.Image(np.zeros((4, 5)), "YX").pixel_size_um is None


@given(st.permutations(AXES).flatmap(lambda letters: st.integers(0, 3).map(lambda drop: (letters, drop))))
def test_any_order_of_axes_is_brought_into_the_one_order_by_a_view(given_axes: tuple[list[str], int]) -> None:
    letters, drop = given_axes
    dropped = "TCZ"[:drop]
    axes = "".join(letter for letter in letters if letter not in dropped)
    lengths = {"T": 2, "C": 3, "Z": 4, "Y": 5, "X": 6}
    array = np.arange(math.prod(lengths[a] for a in axes)).reshape([lengths[a] for a in axes])
    image = ss.as_image(array, axes.lower())
    assert image.axes == "".join(a for a in AXES if a in axes)
    assert image.sizes == {a: lengths[a] for a in image.axes}
    assert np.shares_memory(image.data, array)
    where = {a: lengths[a] - 1 for a in axes}
    assert image.block(**where) == array[tuple(where[a] for a in axes)]


def test_an_array_of_two_axes_is_yx() -> None:
    image = ss.as_image([[1.0, 2.0], [3.0, 4.0]], pixel_size_um=0.1, z_step_um=0.3, interval_s=2.0)
    assert image.axes == "YX"
    assert dict(image.spacing_um) == {"x": 0.1, "y": 0.1, "z": 0.3}
    assert image.interval_s == 2.0


@pytest.mark.parametrize("shape", [(3,), (3, 4, 5), (1, 2, 3, 4), ()])
def test_any_other_array_must_say_its_axes(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="does not say what its axes are; give axes"):
        ss.as_image(np.zeros(shape))


@pytest.mark.parametrize("axes", ["", "YY", "YXX", "XZ", "YXS", "ZYXQ", "Y X", "TCZ"])
def test_letters_that_are_no_axes_are_refused_with_those_that_are(axes: str) -> None:
    with pytest.raises(InputError, match="allowed is a string over TCZYX"):
        ss.as_image(np.zeros((2,) * len(axes)), axes)


@pytest.mark.parametrize(("axes", "shape"), [("YX", (2, 3, 4)), ("TYX", (2, 3)), ("YX", ())])
def test_axes_and_shape_must_agree(axes: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=rf"axes '{axes}' name {len(axes)} axes, but the array has {len(shape)}"):
        ss.as_image(np.zeros(shape), axes)


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 0)])
def test_an_empty_array_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="the image is empty"):
        ss.as_image(np.zeros(shape))


def test_an_image_out_of_order_says_what_reorders_it() -> None:
    with pytest.raises(InputError, match=r"axes 'YXT' are not in the order TCZYX; use as_image\(array, axes='YXT'\)"):
        ss.Image(np.zeros((2, 3, 4)), "YXT")


@pytest.mark.parametrize(
    "spacing", [{"x": 0.0}, {"y": -1.0}, {"z": math.nan}, {"x": math.inf}, {"X": 1.0}, {"t": 1.0}], ids=str
)
def test_sizes_are_positive_and_of_x_y_and_z(spacing: dict[str, float]) -> None:
    with pytest.raises(InputError, match="allowed are positive sizes in µm for x, y and z"):
        ss.Image(np.zeros((4, 5)), "YX", spacing)


@pytest.mark.parametrize(("count", "axes"), [(1, "CYX"), (3, "CYX"), (2, "YX")])
def test_channels_are_described_one_by_one_or_not_at_all(count: int, axes: str) -> None:
    data = np.zeros((2, 4, 5)[-len(axes) :])
    with pytest.raises(InputError, match="give one for each, or none"):
        ss.Image(data, axes, channels=[ss.Channel()] * count)
    fits = ss.Image(data, axes, channels=[ss.Channel("a")] * (2 if "C" in axes else 1))
    assert fits.channels[0].name == "a"


def test_an_image_cannot_be_changed_and_keeps_its_own_copies_of_mappings() -> None:
    spacing, meta = {"x": 0.1}, {"path": "a"}
    image = ss.Image(np.zeros((4, 5)), "YX", spacing, meta=meta)
    spacing["x"], meta["path"] = 9.0, "b"
    assert image.spacing_um["x"] == 0.1
    assert image.meta["path"] == "a"
    with pytest.raises(FrozenInstanceError):
        image.axes = "XY"  # type: ignore[misc]
    with pytest.raises(TypeError):
        image.spacing_um["x"] = 1.0  # type: ignore[index]


def test_a_copy_with_changes_is_checked_again() -> None:
    image = ss.Image(np.zeros((4, 5)), "YX", {"x": 0.1})
    assert image.replace(interval_s=3.0).interval_s == 3.0
    assert image.replace(interval_s=3.0).spacing_um == image.spacing_um
    with pytest.raises(InputError):
        image.replace(axes="ZYX")


def test_a_block_reads_only_what_is_asked_for() -> None:
    lazy = Lazy(np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5))
    image = ss.as_image(lazy, "TZYX")
    assert lazy.keys == [], "nothing is read before it is asked for"
    assert np.array_equal(image.block(T=1, Z=slice(0, 2)), lazy.data[1, :2])
    assert lazy.keys == [(1, slice(0, 2), slice(None), slice(None))]
    with pytest.raises(InputError, match=r"no axis \['C'\] in an image with axes TZYX"):
        image.block(C=0)


def test_a_dask_array_stays_lazy_even_when_it_is_reordered() -> None:
    source = Lazy(np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5))
    image = ss.as_image(dask.array.from_array(source, chunks=(1, 1, 4, 5), meta=np.empty((0,) * 4, int)), "ZCYX")
    assert isinstance(image.data, dask.array.Array)
    assert image.sizes == {"C": 3, "Z": 2, "Y": 4, "X": 5}
    assert np.array_equal(image.block(C=2, Z=1), source.data[1, 2])
    assert len(source.keys) == 1


def test_a_lazy_array_that_cannot_be_reordered_says_so() -> None:
    with pytest.raises(InputError, match="type Lazy cannot be reordered from ZCYX"):
        ss.as_image(Lazy(np.zeros((2, 3, 4, 5))), "ZCYX")


@pytest.mark.parametrize("path", ["cell.tif", Path("cell.tif")])
def test_a_path_is_answered_with_how_to_read_it(path: str | Path) -> None:
    with pytest.raises(InputError, match=r"'cell.tif' is not pixels: a file is opened by sparsescope.read"):
        ss.as_image(path)


def test_a_ragged_list_is_no_image() -> None:
    with pytest.raises(InputError, match="rows of different lengths"):
        ss.as_image([[1, 2], [3]])


def test_mistakes_of_users_have_one_base_class() -> None:
    with pytest.raises(SparsescopeError):
        check_axes("Q", (1,))


def test_an_image_comes_to_another_process_as_it_is() -> None:
    image = ss.Image(
        np.arange(12.0).reshape(3, 2, 2), "TYX", {"x": 0.1}, 0.5, (ss.Channel("GFP"),), {"notes": ("one",)}
    )
    back = pickle.loads(pickle.dumps(image))
    assert (back.axes, back.spacing_um, back.interval_s, back.channels, back.meta) == (
        image.axes, image.spacing_um, image.interval_s, image.channels, image.meta,
    )  # fmt: skip
    assert np.array_equal(back.data, image.data)
    with pytest.raises(TypeError):
        back.meta["notes"] = ()
