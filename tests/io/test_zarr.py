"""OME-Zarr: written and read back in both versions, after the specification; hostile stores are refused."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from sparsescope import io
from sparsescope.errors import InputError, OutputError
from sparsescope.image import Channel, Image, as_image
from sparsescope.io import zarr_read, zarr_store, zarr_stream

RNG = np.random.default_rng(5)
DATA = RNG.integers(0, 4000, (2, 2, 3, 40, 53)).astype("uint16")
CHANNELS = [Channel("DNA", (0, 0, 255), 460.0, 405.0), Channel("tubulin", (0, 255, 0), 525.0, 488.0)]
META: dict[str, Any] = {
    "numerical_aperture": 1.4, "refractive_index": 1.518, "modality": "SpinningDiskConfocal", "bits": 12,
    "pinhole_airy": (1.0, 1.2), "provenance": {"program": "sparsescope", "shape": [1, 2]},
}  # fmt: skip
IMAGE = Image(DATA, "TCZYX", {"x": 0.065, "y": 0.066, "z": 0.3}, 2.5, CHANNELS, META)
VERSIONS = ["ome-zarr", "ome-zarr-0.4"]


def ome(path: Path) -> Any:
    """Return OME's attributes of a store, whichever version."""
    if (path / "zarr.json").is_file():
        return json.loads((path / "zarr.json").read_text())["attributes"]["ome"]
    return json.loads((path / ".zattrs").read_text())


def edit(path: Path, change: Any) -> None:
    found = json.loads(path.read_text())
    change(found)
    path.write_text(json.dumps(found))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("lazy", [False, True])
def test_an_image_comes_back_as_it_was(version: str, lazy: bool, tmp_path: Path) -> None:
    assert io.write(tmp_path / "a.ome.zarr", IMAGE, dtype="uint16", format=version) == []
    image = io.read(tmp_path / "a.ome.zarr", lazy=lazy)
    assert image.axes == "TCZYX"
    assert image.dtype == np.uint16
    assert np.array_equal(np.asarray(image.data), DATA)
    assert dict(image.spacing_um) == pytest.approx(dict(IMAGE.spacing_um))
    assert image.interval_s == 2.5
    assert list(image.channels) == CHANNELS
    kept = {key: image.meta[key] for key in META if key != "provenance"}
    assert kept == {key: value for key, value in META.items() if key != "provenance"}
    assert image.meta["format"] == "OME-Zarr"
    assert image.meta["notes"] == ()
    encoding = {"dtype": "uint16", "factor": 1.0, "clipped": 0}
    assert io.read_provenance(tmp_path / "a.ome.zarr") == META["provenance"] | {"output": encoding}
    assert image.meta["provenance"] == io.read_provenance(tmp_path / "a.ome.zarr")


@pytest.mark.parametrize("axes", ["YX", "TYX", "CZYX", "ZYX"])
def test_each_set_of_axes_comes_back(axes: str, tmp_path: Path) -> None:
    data = RNG.random((2, 3, 4, 5)[-len(axes) :]).astype("float32")
    io.write(tmp_path / "a.zarr", as_image(data, axes))
    image = io.read(tmp_path / "a.zarr")
    assert image.axes == axes
    assert np.array_equal(image.data, data)
    assert dict(image.spacing_um) == {}
    assert image.interval_s is None


def test_version_05_is_the_default_and_is_zarr_3_with_named_dimensions(tmp_path: Path) -> None:
    io.write(tmp_path / "a.zarr", IMAGE)
    assert ome(tmp_path / "a.zarr")["version"] == "0.5"
    group = zarr.open_group(tmp_path / "a.zarr", mode="r")
    assert group.metadata.zarr_format == 3
    assert group["0"].metadata.dimension_names == ("t", "c", "z", "y", "x")


def test_version_04_is_zarr_2_with_slashes_between_numbers(tmp_path: Path) -> None:
    io.write(tmp_path / "a.zarr", IMAGE, format="ome-zarr-0.4")
    assert ome(tmp_path / "a.zarr")["multiscales"][0]["version"] == "0.4"
    array = json.loads((tmp_path / "a.zarr" / "0" / ".zarray").read_text())
    assert (array["zarr_format"], array["dimension_separator"]) == (2, "/")
    assert (tmp_path / "a.zarr" / "0" / "1" / "1" / "2" / "0" / "0").is_file()


@pytest.mark.parametrize("version", VERSIONS)
def test_axes_scales_and_channels_follow_the_specification(version: str, tmp_path: Path) -> None:
    big = np.zeros((2, 300, 517), "float32")
    big[1] = 7
    io.write(tmp_path / "a.zarr", Image(big, "CYX", {"x": 0.1, "y": 0.2}, None, CHANNELS), format=version)
    found = ome(tmp_path / "a.zarr")
    (scale,) = found["multiscales"]
    assert scale["axes"] == [
        {"name": "c", "type": "channel"},
        {"name": "y", "type": "space", "unit": "micrometer"},
        {"name": "x", "type": "space", "unit": "micrometer"},
    ]
    first, second = (dataset["coordinateTransformations"] for dataset in scale["datasets"][:2])
    assert first == [{"type": "scale", "scale": [1.0, 0.2, 0.1]}]
    assert second == [
        {"type": "scale", "scale": [1.0, 0.4, 0.2]},
        {"type": "translation", "translation": [0.0, 0.1, 0.05]},
    ]
    assert [(one["label"], one["color"]) for one in found["omero"]["channels"]] == [
        ("DNA", "0000FF"),
        ("tubulin", "00FF00"),
    ]
    assert found["omero"]["channels"][1]["window"] == {"min": 7.0, "max": 7.0, "start": 7.0, "end": 7.0}


def test_the_pyramid_halves_until_no_side_is_above_256(tmp_path: Path) -> None:
    data = RNG.random((2, 300, 1100)).astype("float32")
    io.write(tmp_path / "a.zarr", as_image(data, "TYX"))
    group = zarr.open_group(tmp_path / "a.zarr", mode="r")
    levels = [group[one["path"]] for one in ome(tmp_path / "a.zarr")["multiscales"][0]["datasets"]]
    assert [level.shape for level in levels] == [(2, 300, 1100), (2, 150, 550), (2, 75, 275), (2, 38, 138)]
    assert [level.chunks for level in levels[:2]] == [(1, 300, 1024), (1, 150, 550)]
    assert np.allclose(levels[1][:], data.reshape(2, 150, 2, 550, 2).mean(axis=(2, 4)), rtol=1e-6)


@given(
    st.integers(1, 9), st.integers(1, 9), st.sampled_from(["uint8", "uint16", "int32", "float32", "float64"]), st.data()
)
def test_halving_keeps_the_mean_and_the_range(rows: int, columns: int, dtype: str, data: st.DataObject) -> None:
    plane = np.random.default_rng(data.draw(st.integers(0, 99))).integers(0, 200, (2 * rows, 2 * columns)).astype(dtype)
    half = zarr_stream.halved(plane)
    assert half.shape == (rows, columns)
    assert half.dtype == plane.dtype
    assert half.mean(dtype=float) == pytest.approx(
        plane.mean(dtype=float), abs=0.5 if plane.dtype.kind in "iu" else 1e-4
    )
    assert plane.min() <= half.min() <= half.max() <= plane.max()
    odd = zarr_stream.halved(plane[: 2 * rows - 1])
    assert np.array_equal(odd[: rows - 1], half[: rows - 1])
    alone = plane[2 * rows - 2].reshape(-1, 2).mean(axis=1)
    assert np.array_equal(odd[-1], np.rint(alone) if plane.dtype.kind in "iu" else alone)


def test_it_is_read_by_an_independent_parser_of_the_specification(tmp_path: Path) -> None:
    models = pytest.importorskip("ome_zarr_models", reason="missing tool: ome-zarr-models")
    for version, place in (("0.5", "v05"), ("0.4", "v04")):
        path = tmp_path / f"{place}.zarr"
        io.write(path, IMAGE, format=VERSIONS[version == "0.4"])
        image = models.open_ome_zarr(zarr.open_group(path, mode="r"))
        assert type(image).__module__.split(".")[1].lstrip("_") == place
        (scale,) = (image.ome_attributes if version == "0.5" else image.attributes).multiscales
        assert [axis.name for axis in scale.axes] == list("tczyx")


def test_integers_state_their_factor_and_the_values_come_back(tmp_path: Path) -> None:
    notes = io.write(tmp_path / "a.zarr", as_image(np.full((8, 8), 100.0)), dtype="uint16")
    assert notes == ["values were multiplied by 655.35 to fit the range of uint16; divide by it to get them back"]
    assert int(io.read(tmp_path / "a.zarr").data[0, 0]) == 65535


def test_an_existing_store_is_replaced_only_when_that_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    io.write(path, IMAGE)
    with pytest.raises(OutputError, match="exists already"):
        io.write(path, IMAGE)
    io.write(path, as_image(np.ones((4, 5))), overwrite=True)
    assert io.read(path).shape == (4, 5)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zarr"]


def test_a_folder_that_is_no_store_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "thesis.zarr"
    path.mkdir()
    (path / "chapter1.txt").write_text("years of work")
    with pytest.raises(OutputError, match="is nothing that may be replaced: move it away"):
        io.write(path, IMAGE, overwrite=True)
    assert (path / "chapter1.txt").read_text() == "years of work"
    (tmp_path / "file.zarr").write_text("x")
    with pytest.raises(OutputError, match="is nothing that may be replaced"):
        io.write(tmp_path / "file.zarr", IMAGE, overwrite=True)


def test_an_error_while_writing_leaves_the_old_store_and_nothing_half_written(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    io.write(path, IMAGE, dtype="uint16")
    bad = np.ones((3, 6, 7))
    bad[2, 0, 0] = np.nan
    for overwrite in (True, False):
        with pytest.raises(OutputError):
            io.write(path if overwrite else tmp_path / "b.zarr", as_image(bad, "TYX"), overwrite=overwrite)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zarr"]
    assert np.array_equal(io.read(path).data, DATA)


def test_a_name_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"ends in \.ome\.zarr or \.zarr"):
        io.write(tmp_path / "a.tif", IMAGE, format="ome-zarr")
    with pytest.raises(
        OutputError, match="format 'ome-zarr-9' is not one that is written: allowed are ome-tiff, imagej"
    ):
        io.write(tmp_path / "a.zarr", IMAGE, format="ome-zarr-9")
    with pytest.raises(OutputError, match=r"the folder .* does not exist"):
        io.write(tmp_path / "no" / "a.zarr", IMAGE)


def foreign(
    path: Path, data: Any, chunks: tuple[int, ...], attributes: Any, *, version: Any = 2, key: str = "0"
) -> None:
    """Write a store as other programs do."""
    group = zarr.open_group(path, mode="a", zarr_format=version)
    group.create_array(key, data=data, chunks=chunks)
    group.update_attributes(attributes)


def test_chunks_that_hold_several_planes_are_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = RNG.integers(0, 99, (4, 7, 8)).astype("uint16")
    scale = {"axes": ["z", "y", "x"], "datasets": [{"path": "0"}], "version": "0.3"}
    foreign(tmp_path / "a.zarr", data, (3, 4, 8), {"multiscales": [scale]})
    assert np.array_equal(io.read(tmp_path / "a.zarr").data, data)
    store = zarr_read._Store(tmp_path / "a.zarr")
    planes = [store.plane(0, i) for i in (0, 1, 2)]
    shutil.rmtree(tmp_path / "a.zarr" / "0")
    assert np.array_equal([*planes, store.plane(0, 0)], data[[0, 1, 2, 0]])


def test_scales_of_the_level_and_of_the_image_are_multiplied_and_only_units_count(tmp_path: Path) -> None:
    axes = [
        {"name": "t", "type": "time", "unit": "millisecond"},
        {"name": "y", "type": "space", "unit": "nanometer"},
        {"name": "x", "type": "space"},
    ]
    datasets = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 32.5, 3]}]}]
    whole = [{"type": "scale", "scale": [500, 2, 1]}]
    scale = {"axes": axes, "datasets": datasets, "coordinateTransformations": whole, "version": "0.4"}
    foreign(tmp_path / "a.zarr", np.zeros((2, 4, 5), "u1"), (1, 4, 5), {"multiscales": [scale]})
    image = io.read(tmp_path / "a.zarr")
    assert (dict(image.spacing_um), image.interval_s) == ({"y": 0.065}, 0.5)


def test_axes_that_are_none_of_ours_are_asked_for(tmp_path: Path) -> None:
    scale = {"axes": [{"name": "angle"}, {"name": "y"}, {"name": "x"}], "datasets": [{"path": "0"}], "version": "0.4"}
    foreign(tmp_path / "a.zarr", np.zeros((2, 4, 5), "u1"), (1, 4, 5), {"multiscales": [scale]})
    with pytest.raises(InputError, match="does not say what its first axis is: add --axes TYX"):
        io.read(tmp_path / "a.zarr")
    assert io.read(tmp_path / "a.zarr", axes="ZYX").axes == "ZYX"


def test_a_plain_array_is_read_with_given_or_named_axes(tmp_path: Path) -> None:
    data = RNG.random((3, 4, 5)).astype("float32")
    zarr.create_array(tmp_path / "plain.zarr", data=data)
    with pytest.raises(InputError, match="does not say what its first axis is"):
        io.read(tmp_path / "plain.zarr")
    assert np.array_equal(io.read(tmp_path / "plain.zarr", axes="TYX").data, data)
    zarr.create_array(tmp_path / "named.zarr", data=data, dimension_names=["z", "y", "x"])
    assert io.read(tmp_path / "named.zarr").axes == "ZYX"


def test_the_images_of_a_converted_file_are_chosen_by_series_with_their_ome_xml(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    scale = {"axes": [{"name": "y"}, {"name": "x"}], "datasets": [{"path": "0"}], "version": "0.4"}
    zarr.open_group(path, mode="w", zarr_format=2, attributes={"bioformats2raw.layout": 3})
    for i in range(2):
        foreign(path / str(i), np.full((4, 5 + i), i, "u1"), (4, 5), {"multiscales": [{**scale, "name": f"field {i}"}]})
    sizes = 'SizeX="{}" SizeY="4" SizeZ="1" SizeC="1" SizeT="1" PhysicalSizeX="0.5"'
    pixels = f'<Pixels {sizes}><Channel EmissionWavelength="600"/></Pixels>'
    xml = "".join(f"<Image>{pixels.format(5 + i)}</Image>" for i in range(2))
    (path / "OME").mkdir()
    (path / "OME" / "METADATA.ome.xml").write_text(f"<OME>{xml}</OME>")
    with pytest.raises(InputError, match=r"holds 2 images: .*1: field 1 \(YX 4 × 6\)"):
        io.read(path)
    image = io.read(path, series=1)
    assert (image.shape, image.pixel_size_um, image.channels[0].emission_nm) == ((4, 6), 0.5, 600)


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ({"plate": {"wells": [{"path": "A/1"}]}}, r"is a plate of 1 wells: give one field of a well, such as .*A/1/0"),
        ({"something": 1}, "says nothing about images in it: give one of its parts"),
        ({"multiscales": [{"datasets": []}]}, "its image lists no array"),
        ({"multiscales": []}, "holds no image that can be read"),
        ({"multiscales": [{"coordinateSystems": [], "datasets": [{"path": "0"}]}]}, "a later version of OME-Zarr"),
        ({"multiscales": [{"datasets": [{"path": "9"}]}]}, "the array 9 is not there: the folder is not complete"),
        ({"multiscales": [{"datasets": [{"path": "0"}], "axes": ["x", "y"]}]}, "the last two must be y and x"),
    ],
)
def test_a_store_that_cannot_be_read_says_why(attributes: Any, text: str, tmp_path: Path) -> None:
    foreign(tmp_path / "a.zarr", np.zeros((4, 5), "u1"), (4, 5), attributes)
    with pytest.raises(InputError, match=text):
        io.read(tmp_path / "a.zarr")


def test_a_sharded_store_is_read_and_its_links_do_not_leave_it(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    scale = {"axes": [{"name": name} for name in "tyx"], "datasets": [{"path": "0"}]}
    group = zarr.open_group(path, mode="w", attributes={"ome": {"version": "0.5", "multiscales": [scale]}})
    group.create_array("0", data=DATA[0, 0], chunks=(1, 20, 20), shards=(3, 40, 60))
    image = io.read(path)
    assert np.array_equal(image.data, DATA[0, 0])
    assert image.meta["notes"] == ()
    shard = path / "0" / "c" / "0" / "0" / "0"
    shard.rename(tmp_path / "elsewhere")
    shard.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="outside its folder"):
        io.read(path)


def test_no_way_to_ask_for_bytes_leaves_the_folder(tmp_path: Path) -> None:
    io.write(tmp_path / "a.zarr", IMAGE)
    store = zarr_store._confined()(tmp_path / "a.zarr", read_only=True)
    prototype = zarr.core.buffer.default_buffer_prototype()
    for ask in (store.get("../b", prototype), store.get_partial_values(prototype, [("../b", None)])):
        with pytest.raises(InputError, match="outside its folder"):
            asyncio.run(ask)


def test_an_image_of_zeros_has_all_its_chunks(tmp_path: Path) -> None:
    io.write(tmp_path / "a.zarr", as_image(np.zeros((3, 8, 9), "uint16"), "TYX"))
    assert io.read(tmp_path / "a.zarr").meta["notes"] == ()


def test_missing_chunks_are_said(tmp_path: Path) -> None:
    io.write(tmp_path / "a.zarr", IMAGE)
    (tmp_path / "a.zarr" / "0" / "c" / "1" / "0" / "2" / "0" / "0").unlink()
    image = io.read(tmp_path / "a.zarr")
    assert image.meta["notes"] == ("1 of 12 chunks are not in the folder and were read as the fill value",)
    assert not image.data[1, 0, 2].any()


def test_a_corrupt_chunk_is_an_error_not_an_image(tmp_path: Path) -> None:
    io.write(tmp_path / "a.zarr", IMAGE)
    chunk = tmp_path / "a.zarr" / "0" / "c" / "1" / "0" / "2" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:50])
    with pytest.raises(InputError, match=r"pixels (of its plane .* )?are damaged"):
        io.read(tmp_path / "a.zarr")
    lazy = io.read(tmp_path / "a.zarr", lazy=True)
    assert np.array_equal(np.asarray(lazy.data[0]), DATA[0].astype("float32"))
    with pytest.raises(InputError, match=r"pixels (of its plane .* )?are damaged"):
        np.asarray(lazy.data)


@pytest.mark.parametrize("key", ["../secret.zarr/0", "..", "a/../../secret.zarr/0", "0/./../../secret.zarr/0"])
def test_a_path_that_leaves_the_folder_is_refused(key: str, tmp_path: Path) -> None:
    io.write(tmp_path / "secret.zarr", IMAGE, format="ome-zarr-0.4")
    io.write(tmp_path / "a.zarr", IMAGE, format="ome-zarr-0.4")
    edit(tmp_path / "a.zarr" / ".zattrs", lambda found: found["multiscales"][0]["datasets"][0].update(path=key))
    with pytest.raises(InputError, match="outside its folder: such a store is not read"):
        io.read(tmp_path / "a.zarr")


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
@pytest.mark.parametrize("version", VERSIONS)
def test_a_link_that_leaves_the_folder_is_refused(version: str, tmp_path: Path) -> None:
    io.write(tmp_path / "secret.zarr", IMAGE, format=version)
    io.write(tmp_path / "a.zarr", IMAGE, format=version)
    chunks = tmp_path / "a.zarr" / "0" / ("c" if version == "ome-zarr" else "") / "1"
    shutil.rmtree(chunks)
    chunks.symlink_to(
        os.path.relpath(tmp_path / "secret.zarr" / chunks.relative_to(tmp_path / "a.zarr"), chunks.parent)
    )
    with pytest.raises(InputError, match="outside its folder: such a store is not read"):
        io.read(tmp_path / "a.zarr")


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_a_store_that_is_itself_a_link_is_read(tmp_path: Path) -> None:
    io.write(tmp_path / "a.zarr", IMAGE)
    (tmp_path / "link.zarr").symlink_to(tmp_path / "a.zarr")
    assert np.array_equal(io.read(tmp_path / "link.zarr").data, DATA)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"dtype": "|O", "filters": [{"id": "pickle"}]}, "holds '|O', not integers or floating point"),
        ({"filters": [{"id": "pickle"}]}, "is packed by 'pickle', which is not read"),
        ({"compressor": {"id": "json2"}}, "is packed by 'json2', which is not read"),
        ({"dtype": [["a", "<u2"]]}, "not integers or floating point"),
        ({"shape": [2, 2, 3, 40, -53]}, "is damaged: its shape is"),
        ({"chunks": [1, 1, 1, 100000, 100000]}, "has chunks of 20.0 GB; at most 2.1 GB are read"),
        ({"shape": [2, 2, 300_000_000, 40, 53], "chunks": [1, 1, 300_000_000, 1, 1]}, "made to exhaust the memory"),
    ],
)
def test_hostile_metadata_of_zarr_2_are_refused_before_anything_is_decoded(
    change: dict[str, Any], text: str, tmp_path: Path
) -> None:
    io.write(tmp_path / "a.zarr", IMAGE, dtype="uint16", format="ome-zarr-0.4")
    edit(tmp_path / "a.zarr" / "0" / ".zarray", lambda found: found.update(change))
    with pytest.raises(InputError) as caught:
        io.read(tmp_path / "a.zarr")
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"data_type": "string"}, "holds 'string', not integers or floating point"),
        ({"codecs": [{"name": "numcodecs.pickle"}]}, "is packed by 'numcodecs.pickle', which is not read"),
        (
            {"codecs": [{"name": "sharding_indexed", "configuration": {"codecs": [{"name": "evil"}]}}]},
            "packed by 'evil'",
        ),
        ({"chunk_grid": {"name": "rectilinear"}}, "is damaged: its shape is"),
        ({"node_type": "group"}, "is not there: there is a group instead"),
        ({"shape": [2, 2, 3_000_000, 40, 53]}, "made to exhaust the memory"),
    ],
)
def test_hostile_metadata_of_zarr_3_are_refused_before_anything_is_decoded(
    change: dict[str, Any], text: str, tmp_path: Path
) -> None:
    io.write(tmp_path / "a.zarr", IMAGE, dtype="uint16")
    edit(tmp_path / "a.zarr" / "0" / "zarr.json", lambda found: found.update(change))
    with pytest.raises(InputError) as caught:
        io.read(tmp_path / "a.zarr")
    assert text in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[1]", "[" * 100_000, '{"attributes": 5}'])
def test_metadata_that_are_no_json_object_are_refused(text: str, tmp_path: Path) -> None:
    io.write(tmp_path / "a.zarr", IMAGE)
    (tmp_path / "a.zarr" / "zarr.json").write_text(text)
    with pytest.raises(InputError, match=r"is damaged: zarr\.json is not a JSON object|says nothing about images"):
        io.read(tmp_path / "a.zarr")


def test_the_checksum_of_a_store_is_that_of_names_and_bytes(tmp_path: Path) -> None:
    io.write(tmp_path / "a.zarr", IMAGE)
    before = io.sha256(tmp_path / "a.zarr")
    assert io.sha256(tmp_path / "a.zarr") == before
    (tmp_path / "a.zarr" / "zarr.json").write_text("{}")
    assert io.sha256(tmp_path / "a.zarr") != before
