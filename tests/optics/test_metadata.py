"""The microscope that a file describes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import sparsescope as ss
from sparsescope.errors import RecipeError
from sparsescope.optics.make import make_psf
from sparsescope.optics.metadata import microscope_of
from sparsescope.optics.width import fwhm_um

GREEN, RED = ss.Channel(emission_nm=525.0, excitation_nm=488.0), ss.Channel(emission_nm=610.0, excitation_nm=561.0)


def image(*channels: ss.Channel, **meta: Any) -> ss.Image:
    count = max(len(channels), 1)
    shape, axes = ((count, 8, 8), "CYX") if count > 1 else ((8, 8), "YX")
    values = {"numerical_aperture": 1.4, "refractive_index": 1.518, "modality": "WideField", **meta}
    return ss.Image(np.ones(shape, np.float32), axes, {"x": 0.05, "y": 0.05}, channels=channels, meta=values)


def test_every_channel_has_its_own_wavelengths_and_psf() -> None:
    widths = []
    for channel, expected in enumerate((GREEN, RED)):
        one = microscope_of(image(GREEN, RED), channel)
        assert (one.emission_nm, one.excitation_nm) == (expected.emission_nm, expected.excitation_nm)
        assert one.source_of("emission_nm") == one.source_of("numerical_aperture") == "file"
        widths.append(fwhm_um(make_psf(one, {"x": 0.02, "y": 0.02}))["x"])
    assert widths[1] == pytest.approx(widths[0] * 610 / 525, rel=5e-3)


def test_what_is_given_wins_and_says_so() -> None:
    one = microscope_of(
        image(GREEN, modality="LaserScanningConfocalMicroscopy", pinhole_airy=1.2),
        source="flag", modality="widefield", emission_nm=600.0, numerical_aperture=0.8, pinhole_airy=None,
    )  # fmt: skip
    assert (one.modality, one.emission_nm, one.numerical_aperture, one.pinhole_airy) == ("widefield", 600.0, 0.8, 1.2)
    assert [one.source_of(name) for name in ("modality", "emission_nm", "pinhole_airy")] == ["flag", "flag", "file"]


@pytest.mark.parametrize("pinhole", [1.2, (0.8, 1.2)])
def test_kind_and_pinhole_come_from_the_file_for_all_channels_or_each(pinhole: Any) -> None:
    one = microscope_of(image(GREEN, RED, modality="SpinningDiskConfocal", pinhole_airy=pinhole), 1)
    assert (one.modality, one.pinhole_airy, one.source_of("modality")) == ("spinning-disk", 1.2, "file")


def test_kinds_by_channel_are_told_apart_and_without_the_channel_asked_for() -> None:
    mixed = image(GREEN, RED, modality="LaserScanningConfocalMicroscopy / WideField")
    with pytest.raises(RecipeError, match=r"several kinds.*--modality"):
        microscope_of(mixed, 1)
    assert microscope_of(mixed, 1, modality="confocal").modality == "confocal"
    each = mixed.replace(meta={**mixed.meta, "channel_modalities": ("LaserScanningConfocalMicroscopy", "WideField")})
    assert [microscope_of(each, i).modality for i in (0, 1)] == ["confocal", "widefield"]


def test_a_kind_without_a_model_is_refused_and_one_that_says_nothing_is_wide_field_and_noted() -> None:
    with pytest.raises(RecipeError, match=r"PALM, has no PSF model.*--modality"):
        microscope_of(image(GREEN, modality="PALM"))
    one = microscope_of(image(GREEN, modality="SpectralImaging"))
    assert one.modality == "widefield"
    assert "SpectralImaging, says nothing about the optics: wide field is assumed" in one.notes[0]
    silent = microscope_of(image(GREEN, modality=None))
    assert silent.source_of("modality") == "default"
    assert "does not name the kind of microscope: wide field is assumed (--modality)" in silent.notes[0]


@pytest.mark.parametrize(
    ("meta", "channel", "said"),
    [
        ({"numerical_aperture": 14.0}, GREEN, "NA 14.0 in the file is impossible"),
        ({"refractive_index": 0.5}, GREEN, "refractive_index 0.5 in the file is impossible"),
        ({"refractive_index": 1.333}, GREEN, "contradict each other: 1.518 is assumed"),
        ({"pinhole_airy": -1}, GREEN, "pinhole_airy -1 in the file is impossible"),
        ({"pinhole_airy": 9.0, "modality": "Airyscan"}, GREEN, "pinhole_airy 9 in the file is none of an Airyscan"),
        ({}, ss.Channel(emission_nm=0.525), "emission wavelength 0.525 nm in the file is impossible"),
    ],
)
def test_impossible_values_of_the_file_are_ignored_and_said(
    meta: dict[str, Any], channel: ss.Channel, said: str
) -> None:
    one = microscope_of(image(channel, **meta))
    assert len(one.notes) == 1
    assert said in one.notes[0]


def test_a_given_aperture_drops_an_index_of_the_file_that_it_contradicts() -> None:
    one = microscope_of(image(GREEN, refractive_index=1.0), numerical_aperture=1.2)
    assert one.index() == 1.333
    with pytest.raises(RecipeError, match="--refractive-index"):
        microscope_of(image(GREEN), numerical_aperture=1.2, refractive_index=1.0)


def test_infrared_excitation_is_possible_where_two_photons_excite() -> None:
    deep = ss.Channel(emission_nm=610.0, excitation_nm=1280.0)
    assert microscope_of(image(deep, modality="MultiPhotonMicroscopy")).excitation_nm == 1280.0
    assert microscope_of(image(deep), modality="two-photon").excitation_nm == 1280.0
    assert microscope_of(image(deep)).excitation_nm is None


def test_a_pinhole_in_micrometres_is_not_guessed_in_airy_units_but_said() -> None:
    one = microscope_of(image(GREEN, modality="LaserScanningConfocalMicroscopy", pinhole_um=48.0))
    assert one.pinhole_airy is None
    assert any("48 µm wide" in note for note in one.notes)


def test_a_channel_that_is_not_there_is_refused() -> None:
    with pytest.raises(RecipeError, match="0 to 1"):
        microscope_of(image(GREEN, RED), 2)


def test_an_image_that_says_nothing_leaves_everything_open() -> None:
    plain = ss.Image(np.ones((8, 8), np.float32), "YX")
    one = microscope_of(plain)
    assert (one.numerical_aperture, one.emission_nm, len(one.notes)) == (None, None, 1)
    with pytest.raises(RecipeError, match="--na"):
        make_psf(one, {"x": 0.1, "y": 0.1})


OME = """<?xml version="1.0"?>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
 <Instrument ID="Instrument:0"><Objective ID="Objective:0" LensNA="1.3" Immersion="Glycerol"/></Instrument>
 <Image ID="Image:0"><ObjectiveSettings ID="Objective:0" RefractiveIndex="1.46"/>
  <Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="10" SizeY="8" SizeC="2" SizeT="1" SizeZ="1"
    PhysicalSizeX="0.04" PhysicalSizeY="0.04">
   <Channel ID="Channel:0:0" EmissionWavelength="525" ExcitationWavelength="488" {first} SamplesPerPixel="1"/>
   <Channel ID="Channel:0:1" EmissionWavelength="610" ExcitationWavelength="561" {second} SamplesPerPixel="1"/>
   <TiffData IFD="0" PlaneCount="2"/>
  </Pixels></Image></OME>"""


def read(folder: Path, first: str, second: str) -> ss.Image:
    path = folder / "cell.ome.tif"
    text = OME.format(first=first, second=second)
    tifffile.imwrite(
        path, np.ones((2, 8, 10), "uint16"), description=text.encode(), metadata=None, photometric="minisblack"
    )
    return ss.read(path)


def test_an_ome_tiff_tells_the_optics_of_each_channel(tmp_path: Path) -> None:
    confocal = 'AcquisitionMode="LaserScanningConfocalMicroscopy" PinholeSize="{}"'
    found = read(tmp_path, confocal.format(95.5), confocal.format(112))
    assert found.meta["modality"] == "LaserScanningConfocalMicroscopy"
    assert found.meta["pinhole_um"] == (95.5, 112.0)
    one = microscope_of(found, 1)
    assert (one.modality, one.numerical_aperture, one.refractive_index) == ("confocal", 1.3, 1.46)
    assert (one.emission_nm, one.excitation_nm) == (610.0, 561.0)
    assert any("112 µm wide" in note for note in one.notes)
    psf = make_psf(one, found.spacing_um)
    assert "NA 1.3 (file), excitation 561 nm (file), emission 610 nm (file), index 1.46 (file)" in psf.source


def test_an_ome_tiff_of_two_kinds_of_microscope_tells_which_took_which_channel(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        'AcquisitionMode="SpinningDiskConfocal" PinholeSize="50" PinholeSizeUnit="µm"',
        'AcquisitionMode="WideField" PinholeSize="50000" PinholeSizeUnit="nm"',
    )
    assert found.meta["channel_modalities"] == ("SpinningDiskConfocal", "WideField")
    assert found.meta["pinhole_um"] == 50.0
    assert [microscope_of(found, i).modality for i in (0, 1)] == ["spinning-disk", "widefield"]
