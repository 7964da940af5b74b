"""PSF files: the round trip, files of other programs, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from optics.bead_scenes import spot, truth
from sparsescope import Channel, as_image, read, write
from sparsescope.errors import InputError, OutputError, RecipeError
from sparsescope.io import read_provenance
from sparsescope.optics.psf import Psf
from sparsescope.pipeline.psf_file import read_psf, write_psf

VOLUME = truth((9, 15, 13), (3.0, 4.0, 4.0)).astype(np.float32)
SIZES = {"z": 0.2, "y": 0.07, "x": 0.065}


@pytest.mark.parametrize("ndim", [2, 3])
def test_values_sizes_source_and_notes_come_back_and_the_emitter_is_at_the_middle_voxel(tmp_path: Path, ndim: int):
    sizes = {axis: SIZES[axis] for axis in "zyx"[-ndim:]}
    psf = Psf(VOLUME if ndim == 3 else VOLUME[4], sizes, "made up", ("first", "second"))
    path = tmp_path / "psf.ome.tif"
    assert write_psf(path, psf) == []
    back = read_psf(path)
    np.testing.assert_allclose(back.data, psf.data, rtol=1e-6)
    assert np.unravel_index(back.data.argmax(), back.data.shape) == tuple(n // 2 for n in back.data.shape)
    assert (dict(back.spacing_um), back.source, back.notes) == (sizes, "made up", ("first", "second"))


def test_optics_and_what_it_was_made_from_are_in_the_file(tmp_path: Path):
    path = tmp_path / "psf.ome.tif"
    optics = {"numerical_aperture": 1.4, "refractive_index": None}
    write_psf(path, Psf(VOLUME, SIZES), made_from={"beads": 7}, optics=optics, channel=Channel(emission_nm=525.0))
    image = read(path)
    assert image.axes == "ZYX"
    assert image.meta["numerical_aperture"] == 1.4
    assert "refractive_index" not in image.meta
    assert image.channels[0].emission_nm == 525
    story = read_provenance(path)
    assert (story["beads"], story["psf_source"], story["software"]) == (7, "given as an array", "sparsescope")


def test_an_existing_file_is_kept(tmp_path: Path):
    path = tmp_path / "psf.tif"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        write_psf(path, Psf(VOLUME, SIZES))
    assert path.read_text() == "mine"
    write_psf(path, Psf(VOLUME, SIZES), overwrite=True)
    assert read_psf(path).data.shape == VOLUME.shape


def test_three_axes_without_names_are_a_stack(tmp_path: Path):
    path = tmp_path / "theirs.tif"
    tifffile.imwrite(path, VOLUME, photometric="minisblack")
    psf = read_psf(path)
    assert psf.data.shape == VOLUME.shape
    assert psf.source == "read from theirs.tif"
    assert psf.notes == ("the file does not name its three axes: the first was taken as z",)
    assert dict(read_psf(path, pixel_size_um=0.1, z_step_um=0.3).spacing_um) == {"z": 0.3, "y": 0.1, "x": 0.1}


def test_a_file_off_its_middle_and_of_even_size_is_centred(tmp_path: Path):
    path = tmp_path / "theirs.tif"
    write(path, as_image(spot((16, 20), (8, 12), (4.0, 4.0)).astype(np.float32), pixel_size_um=0.1))
    psf = read_psf(path)
    assert np.unravel_index(psf.data.argmax(), psf.data.shape) == tuple(n // 2 for n in psf.data.shape)
    assert "even number of voxels" in psf.notes[0]


def test_channels_are_chosen_and_time_is_refused(tmp_path: Path):
    path = tmp_path / "psf.ome.tif"
    write(path, as_image(np.stack([VOLUME, np.roll(VOLUME, 2, axis=2)]), "CZYX", pixel_size_um=0.1))
    with pytest.raises(RecipeError, match="the PSF has 2 channels"):
        read_psf(path)
    assert "off its middle" in read_psf(path, channel=1).notes[0]
    write(path, as_image(VOLUME, "TYX"), overwrite=True)
    with pytest.raises(InputError, match=r"time points: .*--axes ZYX"):
        read_psf(path)
    assert read_psf(path, axes="ZYX").ndim == 3


@pytest.mark.parametrize("values", [VOLUME + VOLUME.max() / 50, VOLUME - VOLUME.max() / 50])
def test_an_image_with_its_background_is_no_psf(tmp_path: Path, values: np.ndarray):
    path = tmp_path / "beads.tif"
    write(path, as_image(values, "ZYX"))
    with pytest.raises(RecipeError, match="sparsescope psf distil"):
        read_psf(path)


def test_a_file_that_is_no_image_says_so(tmp_path: Path):
    with pytest.raises(InputError, match="there is no file"):
        read_psf(tmp_path / "no.tif")
    (tmp_path / "text.tif").write_text("text")
    with pytest.raises(InputError, match="not an image"):
        read_psf(tmp_path / "text.tif")


def test_a_real_psf_that_another_program_averaged_is_read_and_centred(shared_data: Path):
    psf = read_psf(shared_data / "confocal_beads" / "psf_from_beads_ec13757.tif")
    assert any("off its middle (z +3.5" in note for note in psf.notes)
    assert psf.ndim == 3
