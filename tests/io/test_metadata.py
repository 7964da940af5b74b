"""Sizes, times, channels and optics are read from what ImageJ, OME-XML, LSM and plain TIFF files say, never guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from sparsescope import io
from sparsescope.errors import InputError
from sparsescope.image import Channel, Image
from sparsescope.io import tags
from sparsescope.io.facts import Facts, length_um, time_s

FRAME = np.arange(80, dtype="uint16").reshape(8, 10)


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (65, "nm", 0.065),
        ("0.1", "µm", 0.1),
        (0.1, "μm", 0.1),
        (0.1, "um", 0.1),
        (0.1, "micron", 0.1),
        (0.1, "Microns", 0.1),
        (0.1, "\\u00B5m", 0.1),
        (0.1, "Âµm", 0.1),
        (2e-4, "mm", 0.2),
        (1e-7, "m", 0.1),
        (1e-5, "cm", 0.1),
        (650, "Å", 0.065),
        (650, "\u212b", 0.065),
        (1, "inch", None),
        (1, "Mm", None),
        (1, "pixel", None),
        (1, "", None),
        (1, None, None),
        (0, "nm", None),
        (-1, "nm", None),
        ("nan", "nm", None),
        (float("inf"), "nm", None),
        ("ten", "nm", None),
        (None, "nm", None),
    ],
)
def test_a_length_needs_a_unit_of_length(value: object, unit: str | None, expected: float | None) -> None:
    assert length_um(value, unit) == (None if expected is None else pytest.approx(expected, rel=1e-15))


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [(50, "ms", 0.05), (2, "min", 120), (1, "h", 3600), (3, "sec", 3), (5, "us", 5e-6), (1, "frames", None)],
)
def test_a_time_needs_a_unit_of_time(value: object, unit: str, expected: float | None) -> None:
    assert time_s(value, unit) == (None if expected is None else pytest.approx(expected))


def imagej(folder: Path, resolution: tuple[float, float] = (10.0, 20.0), **metadata: Any) -> Image:
    path = folder / "imagej.tif"
    data = np.zeros((2, 3, 8, 10), "uint16")
    metadata = {"axes": "TZYX", **metadata}
    tifffile.imwrite(path, data, imagej=True, resolution=resolution, metadata=metadata)
    return io.read(path)


@pytest.mark.parametrize("unit", ["um", "micron", "\\u00B5m", "microns"])
def test_sizes_of_imagej_are_read_whatever_it_calls_the_micron(tmp_path: Path, unit: str) -> None:
    image = imagej(tmp_path, unit=unit, spacing=0.3, finterval=1.5)
    assert image.spacing_um == pytest.approx({"x": 0.1, "y": 0.05, "z": 0.3})
    assert image.interval_s == 1.5
    assert image.meta["notes"] == ()


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_the_sign_of_the_micron_is_read_in_old_and_new_files(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "imagej.tif"
    text = "ImageJ=1.54f\nunit=µm\n".encode(encoding)
    tifffile.imwrite(path, FRAME, description=text, metadata=None, resolution=(10, 10))
    assert io.read(path).spacing_um == pytest.approx({"x": 0.1, "y": 0.1})


def test_other_units_of_imagej_are_converted(tmp_path: Path) -> None:
    assert imagej(tmp_path, (0.01, 0.01), unit="nm", spacing=300).spacing_um == pytest.approx(
        {"x": 0.1, "y": 0.1, "z": 0.3}
    )
    assert imagej(tmp_path, unit="um", yunit="nm").spacing_um["y"] == pytest.approx(5e-5)
    assert imagej(tmp_path, unit="um", zunit="nm", spacing=300).spacing_um["z"] == pytest.approx(0.3)
    assert imagej(tmp_path, unit="um", finterval=50, tunit="ms").interval_s == pytest.approx(0.05)


@pytest.mark.parametrize("unit", ["inch", "pixel", "", None])
def test_inches_pixels_and_no_unit_are_no_pixel_size(tmp_path: Path, unit: str | None) -> None:
    image = imagej(tmp_path, spacing=0.3, **({} if unit is None else {"unit": unit}))
    assert image.spacing_um == {}
    assert any("inch" in note for note in image.meta["notes"]) == (unit == "inch")


def test_display_colours_of_imagej_become_channels(tmp_path: Path) -> None:
    path = tmp_path / "colours.tif"
    ramp, none = np.arange(256, dtype="uint8"), np.zeros(256, dtype="uint8")
    luts = [np.stack([ramp, none, none]), np.stack([none, ramp, ramp])]
    metadata = {"axes": "CYX", "mode": "composite", "LUTs": luts}
    tifffile.imwrite(path, np.zeros((2, 8, 9), "uint16"), imagej=True, metadata=metadata)
    assert io.read(path).channels == (Channel(color=(255, 0, 0)), Channel(color=(0, 255, 255)))


def test_an_interval_or_z_step_of_an_axis_that_is_not_there_is_left_out() -> None:
    facts = Facts({"x": 0.1, "y": 0.1, "z": 0.3}, interval_s=2.0)
    image = facts.image(FRAME, "YX")
    assert image.spacing_um == {"x": 0.1, "y": 0.1}
    assert image.interval_s is None


def test_channel_descriptions_that_do_not_fit_are_left_out_with_a_note() -> None:
    image = Facts(channels=(Channel("a"), Channel("b"))).image(FRAME, "YX")
    assert image.channels == ()
    assert image.meta["notes"] == ("the file describes 2 channels, but has 1: the descriptions are left out",)


@pytest.mark.parametrize(
    ("resolution", "unit", "size"),
    [
        (1e4 / 0.065, "CENTIMETER", 0.065),
        (1e4 / 0.065, "INCH", None),
        (1e4 / 0.065, "NONE", None),
        (118.11, "CENTIMETER", None),  # a printer's 300 dots per inch
        (1e9, "CENTIMETER", None),
    ],
)
def test_the_resolution_of_a_plain_tiff_counts_only_where_it_can_be_a_microscope(
    tmp_path: Path, resolution: float, unit: str, size: float | None
) -> None:
    path = tmp_path / "plain.tif"
    tifffile.imwrite(path, FRAME, metadata=None, resolution=(resolution, resolution), resolutionunit=unit)
    image = io.read(path)
    if size is None:
        assert image.spacing_um == {}
        assert image.meta["notes"] == ()
    else:
        assert image.spacing_um == pytest.approx({"x": size, "y": size})
        assert image.meta["notes"] == (
            "pixel size 0.065 µm from the TIFF resolution tags; give --pixel-size-um if it is another",
        )


def test_values_that_are_shown_inverted_or_through_a_table_are_noted(tmp_path: Path) -> None:
    path = tmp_path / "shown.tif"
    tifffile.imwrite(path, FRAME.astype("uint8"), photometric="miniswhite", metadata=None)
    assert io.read(path).meta["notes"] == (
        "the file shows low values as white; the stored values were read as they are",
    )
    table = np.arange(768, dtype="uint16").reshape(3, 256)
    tifffile.imwrite(path, FRAME.astype("uint8"), photometric="palette", colormap=table, metadata=None)
    assert io.read(path).meta["notes"] == ("the values are positions in a colour table; they were read as intensities",)


NAMESPACES = [
    'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"',
    'xmlns="http://www.openmicroscopy.org/Schemas/OME/2013-06"',
    'xmlns="http://www.openmicroscopy.org/Schemas/ome/2008-02"',
    "",
]

OME = """<?xml version="1.0" encoding="UTF-8"?>
<OME {namespace}>
 <Instrument ID="Instrument:0">
  <Objective ID="Objective:0:0" LensNA="0.3" Immersion="Air"/>
  <Objective ID="Objective:0:1" LensNA="1.49" Immersion="Oil"/>
 </Instrument>
 <Image ID="Image:0" Name="cell">
  <InstrumentRef ID="Instrument:0"/>
  <ObjectiveSettings ID="Objective:0:1" {settings}/>
  <Pixels ID="Pixels:0" DimensionOrder="XYCTZ" Type="uint16" SizeX="10" SizeY="8" SizeC="2" SizeT="3" SizeZ="1"
    SignificantBits="12" {sizes}>
   <Channel ID="Channel:0:0" Name="&lt;script&gt;alert(&quot;µ&quot;)&lt;/script&gt; 日本" Color="-16776961"
     EmissionWavelength="525" ExcitationWavelength="0.488" ExcitationWavelengthUnit="µm" AcquisitionMode="TIRF"
     SamplesPerPixel="1"/>
   <Channel ID="Channel:0:1" Name="" Color="16711935" AcquisitionMode="Other" SamplesPerPixel="1"/>
   <TiffData IFD="0" PlaneCount="6"/>
   {planes}
  </Pixels>
 </Image>
</OME>"""

MOVIE = np.arange(480, dtype="uint16").reshape(3, 2, 8, 10)


def ome(folder: Path, sizes: str = "", settings: str = "", planes: str = "", namespace: str = NAMESPACES[0]) -> Image:
    text = OME.format(sizes=sizes, settings=settings, planes=planes, namespace=namespace)
    path = folder / "cell.ome.tif"
    tifffile.imwrite(path, MOVIE, description=text.encode(), metadata=None, photometric="minisblack")
    return io.read(path)


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_every_version_of_ome_xml_is_read(tmp_path: Path, namespace: str) -> None:
    sizes = 'PhysicalSizeX="65" PhysicalSizeXUnit="nm" PhysicalSizeY="0.07" TimeIncrement="50" TimeIncrementUnit="ms"'
    image = ome(tmp_path, sizes, namespace=namespace)
    assert image.axes == "TCYX"
    assert np.array_equal(image.data, MOVIE)
    assert image.meta["format"] == "OME-TIFF"
    assert image.spacing_um == {"x": 0.065, "y": 0.07}
    assert image.interval_s == 0.05
    assert image.channels == (
        Channel('<script>alert("µ")</script> 日本', (255, 0, 0), 525.0, 488.0),
        Channel("", (0, 255, 0)),
    )
    assert image.meta["numerical_aperture"] == 1.49
    assert image.meta["refractive_index"] == 1.518
    assert image.meta["notes"] == ("refractive index 1.518 assumed for the immersion medium Oil",)
    assert image.meta["modality"] == "TIRF"
    assert image.meta["bits"] == 12


def test_the_encoding_that_ome_xml_declares_does_not_matter(tmp_path: Path) -> None:
    text = OME.format(sizes='PhysicalSizeX="0.1" PhysicalSizeXUnit="µm"', settings="", planes="", namespace="")
    text = text.replace('encoding="UTF-8"', 'encoding="ISO-8859-1"').replace("日本", "")
    path = tmp_path / "cell.ome.tif"
    for encoding in ("utf-8", "latin-1"):
        tifffile.imwrite(path, MOVIE, description=text.encode(encoding), metadata=None, photometric="minisblack")
        image = io.read(path)
        assert image.spacing_um == {"x": 0.1}
        assert 'alert("µ")' in (image.channels[0].name or "")


def test_a_stated_refractive_index_wins_over_the_medium(tmp_path: Path) -> None:
    image = ome(tmp_path, settings='RefractiveIndex="1.46" Medium="Water"')
    assert image.meta["refractive_index"] == 1.46
    assert image.meta["notes"] == ()
    assert ome(tmp_path, settings='Medium="Water"').meta["refractive_index"] == 1.333


@pytest.mark.parametrize(
    "sizes", ['PhysicalSizeX="1" PhysicalSizeXUnit="pixel"', 'PhysicalSizeX="0"', 'PhysicalSizeX="x"']
)
def test_a_size_that_is_none_is_ignored_with_a_note(tmp_path: Path, sizes: str) -> None:
    image = ome(tmp_path, sizes)
    assert image.spacing_um == {}
    assert any("PhysicalSizeX" in note and "is ignored" in note for note in image.meta["notes"])


def test_the_interval_is_taken_from_the_time_stamps_of_planes_where_it_is_not_stated(tmp_path: Path) -> None:
    planes = "".join(
        f'<Plane TheT="{t}" TheC="{c}" TheZ="0" DeltaT="{1000 * t * (2 + c)}" DeltaTUnit="ms"/>'
        for c in (0, 1)
        for t in (2, 0, 1)
    )
    assert ome(tmp_path, planes=planes).interval_s == pytest.approx(2.0)


def test_broken_ome_xml_is_ignored_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "broken.ome.tif"
    tifffile.imwrite(path, FRAME, description="<?xml version='1.0'?><OME><Image></OME>", metadata=None)
    for lazy in (False, True):
        image = io.read(path, lazy=lazy)
        assert image.meta["notes"] == ("the OME-XML metadata are damaged and were ignored",)
        assert np.array_equal(np.asarray(image.data), FRAME)


@pytest.mark.parametrize(
    "dtd",
    ['<!DOCTYPE OME [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>', '<!DOCTYPE OME SYSTEM "file:///etc/hostname">'],
)
def test_ome_xml_with_entities_is_refused(tmp_path: Path, dtd: str) -> None:
    path = tmp_path / "bomb.ome.tif"
    text = OME.format(sizes="", settings="", planes="", namespace=NAMESPACES[0]).replace("<OME ", f"{dtd}<OME ")
    tifffile.imwrite(path, MOVIE, description=text.encode(), metadata=None, photometric="minisblack")
    with pytest.raises(InputError, match=r"bomb\.ome\.tif has OME-XML metadata with a document type or entities"):
        io.read(path)


def test_metadata_belong_to_the_image_of_their_own_series(tmp_path: Path) -> None:
    path = tmp_path / "two.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        for size in (0.1, 0.2):
            writer.write(FRAME, photometric="minisblack", metadata={"axes": "YX", "PhysicalSizeX": size})
    assert io.read(path, series=0).pixel_size_um == 0.1
    assert io.read(path, series=1).pixel_size_um == 0.2


def test_numbers_given_win_over_the_file_and_are_named(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, MOVIE[:, 0], imagej=True, resolution=(10, 10), metadata={"axes": "ZYX", "unit": "um"})
    image = io.read(path, pixel_size_um=0.065, z_step_um=0.2, interval_s=3)
    assert image.spacing_um == {"x": 0.065, "y": 0.065, "z": 0.2}
    assert image.interval_s == 3.0
    assert image.meta["given"] == ("pixel_size_um", "z_step_um", "interval_s")


LSM = {
    "DimensionChannels": 2,
    "VoxelSizeX": 1.3e-7,
    "VoxelSizeY": 1.3e-7,
    "VoxelSizeZ": 1e-19,
    "TimeIntervall": 0.0,
    "TimeStamps": np.array([10.0, 12.0, 14.5]),
    "ScanInformation": {"Objective": "C-Apochromat 63x/1,2 W Korr"},
    "ChannelColors": {"Colors": [[255, 0, 0, 0], [0, 255, 0, 0]], "ColorNames": ["Ch1", "Ch2"]},
    "ChannelWavelength": np.array([[5.0e-7, 5.5e-7], [6.0e-7, 6.5e-7]]),
}


def test_what_an_lsm_file_says_is_read_and_placeholders_are_not() -> None:
    facts = tags.lsm(LSM)
    assert facts.spacing_um == pytest.approx({"x": 0.13, "y": 0.13})
    assert facts.interval_s == 2.25
    assert facts.channels == (Channel("Ch1", (255, 0, 0), 525.0), Channel("Ch2", (0, 255, 0), 625.0))
    assert facts.meta == {"numerical_aperture": 1.2, "refractive_index": 1.333}


def test_an_lsm_file_that_says_nothing_gives_nothing() -> None:
    facts = tags.lsm({"DimensionChannels": 1, "VoxelSizeX": 0.0, "ScanInformation": {"Objective": "Unknown W"}})
    assert facts.spacing_um == {}
    assert facts.interval_s is None
    assert facts.meta == {}
    assert facts.channels == (Channel(),)
