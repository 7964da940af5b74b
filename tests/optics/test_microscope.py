"""The parameters of a microscope: ranges, what is assumed, where each came from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparsescope.errors import RecipeError
from sparsescope.optics.kinds import MODALITIES, has_model, kind_of
from sparsescope.optics.microscope import RANGES, Microscope, flag, immersion_for


@given(st.sampled_from(sorted(RANGES)), st.floats(allow_nan=True, allow_infinity=True))
def test_a_number_is_in_its_range_or_refused_with_range_and_flag(name: str, value: float) -> None:
    least, most, _ = RANGES[name]
    others = {} if name == "numerical_aperture" else {"numerical_aperture": 0.5}
    wide = {"refractive_index": 1.85, "coverslip_index": 1.85} if name == "numerical_aperture" else {}
    if least <= value <= most:
        assert getattr(Microscope(**{**others, **wide, name: value}), name) == value
    else:
        with pytest.raises(RecipeError) as error:
            Microscope(**{**others, **wide, name: value})
        assert all(part in str(error.value) for part in (name, f"{least:g}", f"{most:g}", flag(name)))


@pytest.mark.parametrize("name", sorted(RANGES))
def test_the_ends_of_a_range_are_allowed_and_nothing_beyond(name: str) -> None:
    least, most, _ = RANGES[name]
    layers = {"refractive_index": 1.85, "coverslip_index": 1.85}
    for value in (least, most):
        assert getattr(Microscope(**{**layers, "numerical_aperture": 0.5, name: value}), name) == value
    for value in (least - 1e-6, most * 1.000001):
        with pytest.raises(RecipeError, match=name):
            Microscope(**{**layers, "numerical_aperture": 0.5, name: value})


@pytest.mark.parametrize("value", ["1.4", True, [1.4], 1.4j])
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(RecipeError, match="numerical_aperture"):
        Microscope(numerical_aperture=value)


def test_numbers_of_numpy_are_numbers() -> None:
    assert Microscope(numerical_aperture=np.float32(0.5)).numerical_aperture == 0.5


def test_an_aperture_that_is_not_below_the_index_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"NA 1\.4 is not below the refractive_index 1\.333.*--refractive-index"):
        Microscope("widefield", 1.4, refractive_index=1.333)
    with pytest.raises(RecipeError, match=r"coverslip_index 1\.5"):
        Microscope("widefield", 1.6, refractive_index=1.78, coverslip_index=1.5)
    assert Microscope("widefield", 1.6, refractive_index=1.78).glass() == 1.78


@pytest.mark.parametrize(
    ("aperture", "index"),
    [(0.1, 1.0), (0.95, 1.0), (1.0, 1.333), (1.2, 1.333), (1.3, 1.518), (1.49, 1.518), (1.65, 1.78), (1.7, 1.78)],
)
def test_the_immersion_follows_from_the_aperture_where_it_is_not_known(aperture: float, index: float) -> None:
    one = Microscope("widefield", aperture)
    assert one.index() == immersion_for(aperture) == index
    assert one.sample() == index
    assert one.source_of("refractive_index") == "assumed from the NA"
    assert one.source_of("sample_index") == "taken as that of the immersion"


def test_sources_are_told_apart() -> None:
    one = Microscope("confocal", 1.4, emission_nm=525.0, source={"emission_nm": "file"})
    assert one.source_of("emission_nm") == "file"
    assert one.source_of("numerical_aperture") == "given"
    assert one.source_of("coverslip_um") == "default"
    assert one.source_of("pinhole_airy") == "not known"


def test_the_vectorial_model_is_for_high_apertures() -> None:
    assert Microscope("widefield", 1.4).is_vectorial()
    assert Microscope("widefield", 0.95).is_vectorial()
    assert Microscope("widefield", 0.61, refractive_index=1.0).is_vectorial()
    assert not Microscope("widefield", 0.79, refractive_index=1.333).is_vectorial()
    assert not Microscope("widefield", 1.4, model="scalar").is_vectorial()
    with pytest.raises(RecipeError, match="auto, scalar, vectorial"):
        Microscope(model="exact")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("WideField", "widefield"),
        ("epi-fluorescence", "widefield"),
        ("LaserScanningConfocalMicroscopy", "confocal"),
        ("SweptFieldConfocal", "confocal"),
        ("SpinningDiskConfocal", "spinning-disk"),
        ("spinning disc", "spinning-disk"),
        ("MultiPhotonMicroscopy", "two-photon"),
        ("2-photon", "two-photon"),
        ("SPIM", "light-sheet"),
        ("Lattice Light Sheet", "light-sheet"),
        ("StructuredIllumination", "sim"),
        ("SIM", "sim"),
        ("STED", "sted"),
        ("Airyscan", "airyscan"),
        ("TotalInternalReflection", "tirf"),
        ("TIRF-SIM", "sim"),
        *((name, name) for name in MODALITIES),
    ],
)
def test_the_names_of_files_and_people_are_understood(name: str, kind: str) -> None:
    assert kind_of(name) == kind
    assert has_model(name)
    assert Microscope(name, 0.5).modality == kind


@pytest.mark.parametrize("name", ["PALM", "STORM", "NearFieldScanningOpticalMicroscopy", "bright", "", None, 3])
def test_what_has_no_model_is_refused_with_what_is_allowed(name: Any) -> None:
    with pytest.raises(RecipeError, match=r"allowed are widefield, confocal.*--modality"):
        Microscope(name, 0.5)
