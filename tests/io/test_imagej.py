"""ImageJ hyperstacks: what tifffile and ImageJ's own rules say of the file; what does not fit is refused or said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from sparsescope import io
from sparsescope.errors import OutputError
from sparsescope.image import Channel, Image, as_image
from sparsescope.io import imagej

RNG = np.random.default_rng(6)
DATA = RNG.integers(0, 4000, (2, 2, 3, 12, 15)).astype("uint16")
SPACING = {"x": 0.065, "y": 0.065, "z": 0.3}
CHANNELS = [Channel("DNA", (0, 0, 255)), Channel("tubulin")]
IMAGE = Image(DATA, "TCZYX", SPACING, 2.5, CHANNELS, {"provenance": {"program": "sparsescope"}})


@pytest.mark.parametrize("dtype", imagej.DTYPES)
def test_an_image_comes_back_with_sizes_channels_and_provenance(dtype: str, tmp_path: Path) -> None:
    data = (DATA // 16).astype(dtype)
    io.write(tmp_path / "a.tif", IMAGE.replace(data=data), dtype=dtype, format="imagej")
    image = io.read(tmp_path / "a.tif")
    assert (image.axes, image.dtype.name) == ("TCZYX", dtype)
    assert np.array_equal(image.data, data)
    assert dict(image.spacing_um) == pytest.approx(SPACING)
    assert image.interval_s == 2.5
    assert image.channels == (Channel("DNA", (0, 0, 255)), Channel("tubulin", (255, 0, 255)))
    assert image.meta["format"] == "ImageJ TIFF"
    assert io.read_provenance(tmp_path / "a.tif")["program"] == "sparsescope"
    assert image.meta["provenance"] == io.read_provenance(tmp_path / "a.tif")


@pytest.mark.parametrize("axes", ["YX", "TYX", "ZYX", "CYX", "TZYX", "CZYX"])
def test_each_set_of_axes_comes_back(axes: str, tmp_path: Path) -> None:
    data = RNG.random((2, 3, 4, 5)[-len(axes) :]).astype("float32")
    io.write(tmp_path / "a.tif", as_image(data, axes), format="imagej")
    image = io.read(tmp_path / "a.tif")
    assert image.axes == axes
    assert np.array_equal(image.data, data)
    assert dict(image.spacing_um) == {}


def test_the_description_and_tags_are_those_of_imagej(tmp_path: Path) -> None:
    data = DATA.copy()
    data[:, 1] += 1000
    io.write(tmp_path / "a.tif", IMAGE.replace(data=data), dtype="uint16", format="imagej")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.byteorder == ">"
        assert not file.is_bigtiff
        found: dict[str, Any] = file.imagej_metadata or {}
        resolution = file.pages.first.tags["XResolution"].value
    expected = {"images": 12, "channels": 2, "slices": 3, "frames": 2, "hyperstack": True, "mode": "composite"}
    assert {key: found[key] for key in expected} == expected
    assert (found["unit"], found["spacing"], found["finterval"]) == ("um", 0.3, 2.5)
    assert resolution[0] / resolution[1] == pytest.approx(1 / 0.065)
    ranges = [float(edge) for c in range(2) for edge in (data[:, c].min(), data[:, c].max())]
    assert list(found["Ranges"]) == ranges
    assert (found["min"], found["max"]) == (min(ranges), max(ranges))
    assert found["Labels"][:3] == ["DNA", "tubulin", "DNA"]


def test_a_plane_without_sizes_is_grey_and_has_no_unit(tmp_path: Path) -> None:
    io.write(tmp_path / "a.tif", as_image(np.arange(20.0).reshape(4, 5)), format="imagej")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        found: dict[str, Any] = file.imagej_metadata or {}
    assert "unit" not in found
    assert found["mode"] == "grayscale"


def test_a_lazy_image_is_written_plane_by_plane(tmp_path: Path) -> None:
    io.write(tmp_path / "a.ome.tif", IMAGE, dtype="uint16")
    io.write(tmp_path / "b.tif", io.read(tmp_path / "a.ome.tif", lazy=True), dtype="uint16", format="imagej")
    assert np.array_equal(io.read(tmp_path / "b.tif").data, DATA)


def test_what_has_no_place_is_said(tmp_path: Path) -> None:
    image = IMAGE.replace(channels=[Channel("a", None, 525.0), Channel("b")], meta={"numerical_aperture": 1.4})
    notes = io.write(tmp_path / "a.tif", image, format="imagej")
    assert notes == ["wavelengths, numerical aperture: there is no place for it in an ImageJ TIFF, so it is left out"]


@pytest.mark.parametrize("dtype", ["float64", "int16", "uint32"])
def test_a_type_that_imagej_does_not_have_is_refused(dtype: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=rf"dtype {dtype} is not one of ImageJ: allowed are float32, uint8, uint16"):
        io.write(tmp_path / "a.tif", IMAGE, dtype=dtype, format="imagej")
    assert not list(tmp_path.iterdir())


def test_an_image_above_4_gb_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    import dask.array

    huge = Image(dask.array.zeros((600, 1500, 1500), chunks=(1, 1500, 1500), dtype="float32"), "TYX")
    with pytest.raises(
        OutputError, match=r"would have 5\.4 GB, and an ImageJ TIFF holds 4: choose ome-tiff or ome-zarr"
    ):
        io.write(tmp_path / "a.tif", huge, format="imagej")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.ome.tif", "a.zarr", "a.png"])
def test_another_ending_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"ends in \.tif, but not \.ome\.tif"):
        io.write(tmp_path / name, IMAGE, format="imagej")
