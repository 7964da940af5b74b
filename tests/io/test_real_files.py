"""Real files of microscopes are read with the axes, shape and sizes known for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparsescope import io
from sparsescope.errors import InputError

STACK = {"axes": "ZYX"}
FILES: list[tuple[str, dict[str, Any], str, tuple[int, ...], str, dict[str, float], float | None]] = [
    ("biosr_pairs/Factin_Nonlinear_sim_gt_1.tif", {}, "YX", (502, 502), "float64", {}, None),
    ("biosr_pairs/Factin_Nonlinear_widefield_level9_1.tif", {}, "YX", (502, 502), "float64", {}, None),
    ("biosr_pairs/Microtubules2_sim_gt_1.tif", {}, "YX", (502, 502), "float64", {}, None),
    ("biosr_pairs/Microtubules2_widefield_level9_1.tif", {}, "YX", (502, 502), "float64", {}, None),
    ("confocal_beads/Bead_Image1_crop.tif", {}, "ZYX", (41, 150, 150), "uint8", {"x": 0.0225, "z": 0.125}, None),
    ("confocal_beads/DeconvolutionSampleVerticalGrid1AU-crop.tif", {}, "ZYX", (21, 150, 150), "uint8",
     {"x": 0.02196, "z": 0.125}, None),
    ("confocal_beads/psf_from_beads_ec13757.tif", STACK, "ZYX", (45, 45, 45), "float64", {}, None),
    ("confocal_sets/xyc_16bit__cell_dna_mts_actin.tif", {}, "CYX", (3, 350, 350), "uint16", {"x": 0.1325}, None),
    ("confocal_sets/xyt_calibrated_16bit__golgi_bfa_sum_projection.tif", {}, "TYX", (30, 137, 147), "float32",
     {"x": 0.3514}, 59.86),
    ("confocal_sets/xyz_calibrated_16bit__golgi_bfa.tif", {}, "ZYX", (25, 137, 147), "uint16",
     {"x": 0.3514, "z": 0.3876}, None),
    ("confocal_sets/xyzc_16bit__dna_conf_wf.tif", {}, "CZYX", (2, 45, 130, 133), "uint16",
     {"x": 0.5119, "z": 0.4994}, None),
    ("containers/38_Hoechst_Golgi_Mito_Lyso_CellMask_mixture.lsm", {}, "CYX", (28, 256, 256), "uint8",
     {"x": 0.13179}, None),
    ("lattice_lightsheet/im_raw.tif", STACK, "ZYX", (88, 320, 256), "uint16", {}, None),
    ("lattice_lightsheet/psf.tif", STACK, "ZYX", (61, 128, 128), "uint16", {}, None),
    ("live3d/yeast_3d_mitochondria_t00-09.ome.tif", {}, "TZYX", (10, 17, 192, 279), "uint16",
     {"x": 0.0655, "z": 0.25}, 4.5356),
    ("sim_light_pairs/HER_sim_high_light.tif", {}, "YX", (256, 256), "uint16", {"x": 0.03}, None),
    ("sim_light_pairs/HE_15_widefield_mean.tif", {}, "YX", (256, 256), "uint16", {}, None),
    ("sim_light_pairs/LER_sim_low_light.tif", {}, "YX", (256, 256), "uint16", {"x": 0.03}, None),
    ("sim_light_pairs/LE_15_widefield_mean.tif", {}, "YX", (256, 256), "uint16", {}, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "arguments", "axes", "shape", "dtype", "spacing", "interval"), FILES, ids=[row[0] for row in FILES]
)
def test_a_real_file_is_read_as_it_is_known(
    shared_data: Path,
    name: str,
    arguments: dict[str, Any],
    axes: str,
    shape: tuple[int, ...],
    dtype: str,
    spacing: dict[str, float],
    interval: float | None,
) -> None:
    path = shared_data / name
    if arguments:
        with pytest.raises(InputError, match="--axes TYX if it is time or --axes ZYX if it is depth"):
            io.read(path)
    image = io.read(path, **arguments)
    assert (image.axes, image.shape, image.dtype.name) == (axes, shape, dtype)
    expected = spacing | ({"y": spacing["x"]} if spacing else {})
    assert dict(image.spacing_um) == pytest.approx(expected, rel=2e-3)
    assert image.interval_s == (None if interval is None else pytest.approx(interval, rel=1e-4))
    lazy = io.read(path, lazy=True, **arguments)
    assert np.array_equal(np.asarray(lazy.data), image.data)


def test_the_optics_and_spectral_channels_of_a_real_lsm_file_are_read(shared_data: Path) -> None:
    image = io.read(shared_data / "containers" / "38_Hoechst_Golgi_Mito_Lyso_CellMask_mixture.lsm")
    assert image.meta["numerical_aperture"] == 1.4
    assert image.meta["refractive_index"] == 1.518
    assert image.meta["pinhole_um"] == pytest.approx(53.2362)
    assert image.meta["modality"] == "LaserScanningConfocal"
    assert image.meta["series_count"] == 1
    assert image.channels[0].name == "423"
    assert [round(channel.emission_nm or 0) for channel in image.channels] == list(range(423, 694, 10))


def test_every_tiff_and_lsm_of_the_shared_data_is_in_this_test(shared_data: Path) -> None:
    there = {
        path.relative_to(shared_data).as_posix()
        for path in shared_data.rglob("*")
        if path.suffix in (".tif", ".tiff", ".lsm")
    }
    assert there == {row[0] for row in FILES}


def test_a_raw_airyscan_file_is_refused_until_one_detector_is_chosen(shared_data: Path) -> None:
    path = shared_data / "containers" / "celegans_airyscan.czi"
    with pytest.raises(
        InputError, match=r"holds 33 images: add --series N .*1: channel 0, phase or detector 1 \(YX 316"
    ):
        io.read(path)
    with pytest.raises(InputError, match="has no series 33: allowed are 0 to 32"):
        io.read(path, series=33)


def test_each_detector_of_an_airyscan_is_what_czifile_reads(shared_data: Path) -> None:
    czifile = pytest.importorskip("czifile", reason="missing tool: czifile")
    path = shared_data / "containers" / "celegans_airyscan.czi"
    with czifile.CziFile(path) as file:
        blocks = {
            (block.start[block.axes.index("C")], block.start[block.axes.index("H")]): block
            for block in file.subblock_directory
        }
        for series, place in ((0, (0, 0)), (17, (0, 17)), (31, (0, 31)), (32, (1, 0))):
            image = io.read(path, series=series)
            assert np.array_equal(image.data, blocks[place].data_segment().data().squeeze())
    assert image.channels == ()


def test_the_metadata_of_a_real_czi_file_are_mapped(shared_data: Path) -> None:
    image = io.read(shared_data / "containers" / "celegans_airyscan.czi", series=5, lazy=True)
    assert dict(image.spacing_um) == pytest.approx({"x": 0.04261366, "y": 0.04261366})
    channel = image.channels[0]
    assert (channel.name, channel.emission_nm, channel.excitation_nm) == ("ChA", 522.5, 488)
    known = {"numerical_aperture": 1.4, "refractive_index": 1.518, "bits": 12, "modality": "Airyscan"}
    assert {key: image.meta[key] for key in known} == known
    assert image.meta["pinhole_airy"] == pytest.approx(2.5025, abs=1e-4)
    assert image.meta["notes"] == ("one detector of an Airyscan was read: they were not summed or reassigned",)
    assert np.asarray(image.data[100:110, 5:9]).shape == (10, 4)


def test_a_real_mrc_map_is_read_with_the_values_that_its_header_names() -> None:
    path = Path(__file__).resolve().parent.parent / "data" / "EMD-3197.map"
    image = io.read(path)
    assert (image.axes, image.shape, image.dtype.name) == ("ZYX", (20, 20, 20), "float32")
    assert dict(image.spacing_um) == pytest.approx({"x": 0.00114, "y": 0.00114, "z": 0.00114})
    lowest, highest, mean = np.frombuffer(path.read_bytes(), "<f4", 3, 76)
    values = np.asarray(image.data)
    assert (values.min(), values.max()) == (lowest, highest)
    assert values.mean() == pytest.approx(mean, rel=1e-5)
