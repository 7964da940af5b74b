"""An OME-TIFF holds the values, sizes, channels and provenance, as other programs read them, or nothing is written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import ome_types
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sparsescope import io
from sparsescope.errors import InputError, OutputError
from sparsescope.image import Channel, Image, as_image
from sparsescope.io import tiff
from sparsescope.io.encode import DTYPES

SIZES = {"T": 2, "C": 3, "Z": 4, "Y": 5, "X": 7}
RECIPE = 'fidelity = 150.0\nsparsity = "auto"\n\n[extra]\nname = "<µm> & \'quotes\'"\n'
PROVENANCE = {
    "program": "sparsescope 0.1.0",
    "recipe": RECIPE,
    "version": "1.0",
    "seconds": 1.5,
    "planes": 40,
    "sources": {"fidelity": "flag", "sparsity": "default"},
    "shape": [3, 512, 512],
}
CHANNELS = (
    Channel('<script>alert("1")</script>', (255, 0, 127), 525.0, 488.0),
    Channel("日本 µm 'quoted' & more", (0, 255, 0), 610.5, None),
    Channel(None, None, None, None),
)


def full_image(dtype: str = "float32") -> Image:
    data = np.random.default_rng(3).integers(0, 120, tuple(SIZES.values())).astype(dtype)
    meta = {
        "numerical_aperture": 1.49,
        "refractive_index": 1.518,
        "modality": "SpinningDiskConfocal",
        "provenance": PROVENANCE,
    }
    return Image(data, "TCZYX", {"x": 0.065, "y": 0.066, "z": 0.3}, 0.25, CHANNELS, meta)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@given(
    axes=st.lists(st.sampled_from("TCZ"), unique=True).map(lambda a: "".join(x for x in "TCZ" if x in a) + "YX"),
    dtype=st.sampled_from(DTYPES),
    sizes=st.fixed_dictionaries({a: st.integers(2, 4) for a in "TCZ"} | {a: st.integers(1, 9) for a in "YX"}),
    lazy=st.booleans(),
    data=st.data(),
)
def test_every_type_and_every_set_of_axes_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    axes: str,
    dtype: str,
    sizes: dict[str, int],
    lazy: bool,
    data: st.DataObject,
) -> None:
    shape = [sizes[a] for a in axes]
    elements = {"allow_nan": False, "allow_infinity": False} if dtype.startswith("f") else {}
    array = data.draw(hnp.arrays(dtype, shape, elements=elements or None))
    path = tmp_path_factory.mktemp("write") / "image.ome.tif"
    notes = io.write(path, as_image(array, axes=axes, pixel_size_um=0.065), dtype=dtype)
    image = io.read(path, lazy=lazy)
    assert notes == []
    assert image.axes == axes
    assert image.dtype == np.dtype(dtype)
    assert np.array_equal(np.asarray(image.data), array)
    assert image.spacing_um == {"x": 0.065, "y": 0.065}


@given(
    hnp.arrays(st.sampled_from(["float32", "float64", "uint16"]), (3, 4), elements={"min_value": 0, "max_value": 60000})
)
def test_the_input_is_not_written_into(tmp_path_factory: pytest.TempPathFactory, array: Any) -> None:
    before = array.copy()
    array.flags.writeable = False
    io.write(tmp_path_factory.mktemp("write") / "a.tif", as_image(array), dtype="uint8")
    assert np.array_equal(array, before)


def test_everything_an_image_knows_comes_back(tmp_path: Path) -> None:
    written = full_image()
    io.write(tmp_path / "image.ome.tif", written)
    image = io.read(tmp_path / "image.ome.tif")
    assert image.axes == "TCZYX"
    assert image.spacing_um == {"x": 0.065, "y": 0.066, "z": 0.3}
    assert image.interval_s == 0.25
    assert image.channels == CHANNELS
    for key in ("numerical_aperture", "refractive_index", "modality", "provenance"):
        assert image.meta[key] == written.meta[key]
    assert image.meta["notes"] == ()
    assert image.meta["format"] == "OME-TIFF"
    assert image.meta["path"] == str(tmp_path / "image.ome.tif")
    assert image.meta["sha256"] == io.sha256(tmp_path / "image.ome.tif")


def test_ome_types_reads_what_was_written(tmp_path: Path) -> None:
    io.write(tmp_path / "image.ome.tif", full_image("uint16"), dtype="uint16")
    ome = ome_types.from_tiff(tmp_path / "image.ome.tif")
    (image,) = ome.images
    pixels = image.pixels
    assert pixels.dimension_order.value == "XYZCT"
    assert pixels.type.value == "uint16"
    assert {a: getattr(pixels, f"size_{a.lower()}") for a in SIZES} == SIZES
    assert [pixels.physical_size_x, pixels.physical_size_y, pixels.physical_size_z] == [0.065, 0.066, 0.3]
    assert pixels.physical_size_x_unit.value == "µm"
    assert pixels.time_increment == 0.25
    assert pixels.time_increment_unit.value == "s"
    assert [channel.name for channel in pixels.channels] == [channel.name for channel in CHANNELS]
    assert pixels.channels[0].color.as_rgb_tuple(alpha=False) == (255, 0, 127)
    color = str(tifffile.tiffcomment(tmp_path / "image.ome.tif")).split('Color="')[1].split('"')[0]
    assert int(color) == 0xFF007FFF - 2**32, "the schema wants a signed number of 32 bits"
    assert pixels.channels[0].emission_wavelength == 525.0
    assert pixels.channels[0].emission_wavelength_unit.value == "nm"
    assert pixels.channels[0].excitation_wavelength == 488.0
    assert pixels.channels[0].acquisition_mode.value == "SpinningDiskConfocal"
    assert ome.instruments[0].objectives[0].lens_na == 1.49
    assert image.objective_settings.refractive_index == 1.518
    (annotation,) = ome.structured_annotations.map_annotations
    pairs = {entry.k: entry.value for entry in annotation.value.ms}
    assert pairs["recipe"] == RECIPE
    assert pairs["program"] == "sparsescope 0.1.0"
    assert image.annotation_refs[0].id == annotation.id


def test_tifffile_reads_the_planes_in_the_order_that_ome_states(tmp_path: Path) -> None:
    image = full_image()
    io.write(tmp_path / "image.ome.tif", image)
    with tifffile.TiffFile(tmp_path / "image.ome.tif") as file:
        assert file.series[0].kind == "ome"
        assert file.series[0].axes == "TCZYX"
        assert np.array_equal(file.asarray(), np.asarray(image.data))
        page = file.pages.first
        assert page.photometric.name == "MINISBLACK"
        assert page.compression == 1
        assert page.tags.valueof("ResolutionUnit") == 3
        numerator, denominator = page.tags.valueof("XResolution")
        assert numerator / denominator == pytest.approx(1e4 / 0.065)
        numerator, denominator = page.tags.valueof("YResolution")
        assert numerator / denominator == pytest.approx(1e4 / 0.066)
        assert len(file.pages) == 24


def test_an_image_without_metadata_is_written_without_any(tmp_path: Path) -> None:
    io.write(tmp_path / "image.tif", as_image(np.ones((3, 4))))
    image = io.read(tmp_path / "image.tif")
    assert image.spacing_um == {}
    assert image.channels == ()
    assert "numerical_aperture" not in image.meta
    assert "provenance" not in image.meta
    assert io.read_provenance(tmp_path / "image.tif") == {}
    with tifffile.TiffFile(tmp_path / "image.tif") as file:
        assert file.pages.first.tags.valueof("ResolutionUnit") == 1


def test_provenance_comes_back_with_its_types(tmp_path: Path) -> None:
    io.write(tmp_path / "image.ome.tif", full_image())
    assert io.read_provenance(tmp_path / "image.ome.tif") == PROVENANCE


def test_a_file_of_another_program_has_no_provenance(tmp_path: Path) -> None:
    for options in ({"ome": True}, {"imagej": True}, {}):
        tifffile.imwrite(tmp_path / "other.tif", np.ones((4, 5), "uint8"), photometric="minisblack", **options)
        assert io.read_provenance(tmp_path / "other.tif") == {}
    with pytest.raises(InputError, match="there is no file"):
        io.read_provenance(tmp_path / "none.tif")


def test_the_same_image_gives_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    for folder in "12":
        io.write(tmp_path / folder / "image.ome.tif", full_image())
    assert io.sha256(tmp_path / "1" / "image.ome.tif") == io.sha256(tmp_path / "2" / "image.ome.tif")


def test_a_large_image_becomes_a_bigtiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "image.ome.tif"
    io.write(path, full_image())
    assert path.read_bytes()[:4] == b"II*\0"
    monkeypatch.setattr(tiff, "BIG_BYTES", 1000)
    io.write(path, full_image(), overwrite=True)
    assert path.read_bytes()[:4] == b"II+\0"
    assert np.array_equal(io.read(path).data, full_image().data)


@pytest.mark.parametrize(
    ("values", "dtype", "expected", "factor", "clipped"),
    [
        ([0.4, 0.6, 300.0], "uint16", [0, 1, 300], 1.0, 0),
        ([0.0, 1000.5, 1001.5], "uint16", [0, 1000, 1002], 1.0, 0),
        ([0.0, 0.5, 1.0], "uint16", [0, 32768, 65535], 65535.0, 0),
        ([0.0, 131070.0], "uint16", [0, 65535], 0.5, 0),
        ([0.0, 65535.0], "uint16", [0, 65535], 1.0, 0),
        ([-5.0, -0.1, 300.0], "uint16", [0, 0, 300], 1.0, 2),
        ([0.0, 100.0], "uint8", [0, 255], 2.55, 0),
        ([0.0, 255.0], "uint8", [0, 255], 1.0, 0),
        ([-1000.0, 500.0], "int16", [-1000, 500], 1.0, 0),
        ([-65534.0, 32767.0], "int16", [-32767, 16384], 0.5, 0),
        ([0.0, 0.0], "uint16", [0, 0], 1.0, 0),
        ([-3.0, 0.0], "uint16", [0, 0], 1.0, 1),
        ([0.0, 8589934590.0], "uint32", [0, 4294967295], 0.5, 0),
    ],
)
def test_integers_are_rounded_and_every_factor_and_clip_is_said_and_embedded(
    tmp_path: Path, values: list[float], dtype: str, expected: list[int], factor: float, clipped: int
) -> None:
    path = tmp_path / "image.tif"
    notes = io.write(path, as_image(np.array([values])), dtype=dtype)
    image = io.read(path)
    assert image.dtype == np.dtype(dtype)
    assert np.asarray(image.data)[0].tolist() == expected
    assert io.read_provenance(path) == {"output": {"dtype": dtype, "factor": factor, "clipped": clipped}}
    assert [("multiplied" in note, "became 0" in note) for note in notes] == [(True, False)] * (factor != 1) + [
        (False, True)
    ] * (clipped > 0)


@pytest.mark.parametrize(
    ("source", "target"), [("uint8", "uint16"), ("int16", "int16"), ("uint32", "uint16"), ("bool", "uint8")]
)
def test_integers_that_fit_are_never_scaled(tmp_path: Path, source: str, target: str) -> None:
    low, high = (np.iinfo(source).min, 200) if source != "bool" else (0, 1)
    array = np.array([[max(low, -32768), 0, high]]).astype(source)
    assert io.write(tmp_path / "a.tif", as_image(array), dtype=target) == []
    assert np.array_equal(io.read(tmp_path / "a.tif").data, array)


def test_notes_are_sentences_with_the_numbers(tmp_path: Path) -> None:
    notes = io.write(tmp_path / "a.tif", as_image(np.array([[-1.0, 0.5, 1.0, 0.2]])), dtype="uint16")
    assert notes == [
        "values were multiplied by 65535 to fit the range of uint16; divide by it to get them back",
        "1 of 4 values (25 %) were negative and became 0: uint16 has no sign",
    ]


@pytest.mark.parametrize("dtype", ["float32", "uint16"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(tmp_path: Path, dtype: str, value: float) -> None:
    data = np.ones((3, 4, 5), "float32")
    data[2, 1, 1] = value
    with pytest.raises(OutputError, match=r"1 values of a plane are NaN or infinite.*: such an image is not written"):
        io.write(tmp_path / "a.tif", as_image(data, axes="TYX"), dtype=dtype)
    assert names(tmp_path) == []


def test_values_beyond_the_range_of_the_type_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="NaN or infinite as float32"):
        io.write(tmp_path / "a.tif", as_image(np.array([[1e300]])))
    io.write(tmp_path / "a.tif", as_image(np.array([[1e300]])), dtype="float64")
    assert np.asarray(io.read(tmp_path / "a.tif").data) == 1e300


@pytest.mark.parametrize("dtype", ["complex64", "uint64", "float16", "nonsense", "object"])
def test_other_types_are_refused_with_the_list_of_allowed_ones(tmp_path: Path, dtype: str) -> None:
    with pytest.raises(OutputError, match=f"dtype '{dtype}' cannot be written: allowed are float32, float64, uint8"):
        io.write(tmp_path / "a.tif", as_image(np.ones((2, 2))), dtype=dtype)
    assert names(tmp_path) == []


def test_complex_values_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="values of type complex128 cannot be written: take their real part"):
        io.write(tmp_path / "a.tif", as_image(np.ones((2, 2), complex)))


@pytest.mark.parametrize("name", ["a.ome.tif", "a.OME.TIFF", "a.tif", "a.TIF"])
def test_every_ending_of_tiff_writes_ome_tiff(tmp_path: Path, name: str) -> None:
    io.write(tmp_path / name, as_image(np.ones((2, 2))))
    image = io.read(tmp_path / name)
    assert image.meta["format"] == "OME-TIFF"
    with tifffile.TiffFile(tmp_path / name) as file:
        assert 'Name="a"' in str(file.ome_metadata)


@pytest.mark.parametrize("name", ["a.png", "a.lsm", "a.btf", "a", "tif", "a.tif.gz"])
def test_any_other_ending_is_refused_with_the_allowed_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match=r"the name must end in one of \.ome\.tif, \.ome\.tiff, \.tif, \.tiff"):
        io.write(tmp_path / name, as_image(np.ones((2, 2))))
    assert names(tmp_path) == []


def test_an_existing_file_is_not_replaced_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    io.write(path, as_image(np.ones((2, 2))))
    with pytest.raises(OutputError, match=r"a\.tif exists already"):
        io.write(path, as_image(np.zeros((2, 2))))
    assert np.asarray(io.read(path).data).all()
    io.write(path, as_image(np.zeros((2, 2))), overwrite=True)
    assert not np.asarray(io.read(path).data).any()
    assert names(tmp_path) == ["a.tif"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"the folder .*nowhere does not exist"):
        io.write(tmp_path / "nowhere" / "a.tif", as_image(np.ones((2, 2))))


def test_a_lazy_image_is_written_plane_by_plane(tmp_path: Path) -> None:
    largest = 0

    def plane(block_info: Any) -> Any:
        nonlocal largest
        shape = block_info[None]["chunk-shape"]
        largest = max(largest, int(np.prod(shape)))
        return np.full(shape, block_info[None]["chunk-location"][0], "float32")

    data = dask.array.map_blocks(
        plane, chunks=((1,) * 6, (8,), (9,)), dtype="float32", meta=np.empty((0, 0, 0), "float32")
    )
    asked: list[Any] = []

    class Watched:
        shape, dtype, ndim = data.shape, data.dtype, 3

        def __getitem__(self, key: Any) -> Any:
            asked.append(key)
            return data[key]

    io.write(tmp_path / "a.tif", Image(Watched(), "TYX"))
    assert asked == [(t,) for t in range(6)]
    assert largest == 72
    assert np.array_equal(np.asarray(io.read(tmp_path / "a.tif").data)[:, 0, 0], np.arange(6))


def test_a_lazily_read_image_can_replace_its_own_file(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows does not replace a file that is open")
    path = tmp_path / "a.tif"
    data = np.arange(240, dtype="float32").reshape(3, 8, 10)
    io.write(path, as_image(data, axes="TYX"))
    io.write(path, io.read(path, lazy=True), overwrite=True)
    assert np.array_equal(io.read(path).data, data)


def test_an_error_while_reading_the_data_leaves_nothing_behind(tmp_path: Path) -> None:
    source = tmp_path / "source.tif"
    io.write(source, as_image(np.ones((3, 8, 10)), axes="TYX"))
    image = io.read(source, lazy=True)
    source.unlink()
    with pytest.raises(InputError, match=r"cannot read source\.tif"):
        io.write(tmp_path / "out.tif", image)
    assert names(tmp_path) == []


FULL_DISK = """
import resource, sys
import numpy as np
from sparsescope import io
from sparsescope.errors import OutputError
from sparsescope.image import as_image
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    io.write(sys.argv[1], as_image(np.ones((8, 90, 90)), axes="TYX"))
except OutputError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of file sizes to play a full disk")
def test_a_full_disk_is_said_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(
        f"cannot write {path}: the disk is full or a quota is reached; nothing half-written was left behind"
    )
    assert done.stderr == ""
    assert names(tmp_path) == []
