"""The verdict on runs whose truth is known: planted false structure is marked, correct images are left in peace."""

from __future__ import annotations

import numpy as np
import pytest

from sparsescope.evidence import Evidence, gather
from sparsescope.evidence.model import Finding, Number
from sparsescope.evidence.verdict import RULES, judge

from .scenes import FWHM, GAIN, SIDE, blurred, run, with_value


def marked(evidence: Evidence) -> np.ndarray:
    found = evidence.map("doubt")
    assert found is not None
    return found > 0


def fault(evidence: Evidence) -> Finding:
    return evidence.findings[0]


@pytest.mark.parametrize("photons", [100.0, 500.0, 3000.0])
def test_a_good_result_is_green_and_hardly_marked(photons: float) -> None:
    made = run(photons)
    evidence = gather(made.image, made.result)
    assert marked(evidence).mean() < 0.1
    assert evidence.number("residual_chi2") == pytest.approx(1, abs=0.2)
    assert [f.colour for f in evidence.findings if f.number == "doubtful_percent"] == ["green"]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("photons", [100.0, 500.0, 3000.0])
def test_the_truth_itself_is_left_in_peace(photons: float, seed: int) -> None:
    made = run(photons, seed)
    evidence = gather(made.image, with_value(made.result, made.truth))
    assert marked(evidence).mean() < 0.1


@pytest.mark.parametrize("photons", [100.0, 500.0, 3000.0])
def test_pasted_structure_is_marked_as_invented(photons: float) -> None:
    made = run(photons)
    fake = np.zeros((SIDE, SIDE))
    fake[16:80, 48] = 1
    fake = blurred(fake, FWHM / 2)
    seen = blurred(fake)
    level = 0.4 * GAIN * photons
    evidence = gather(
        made.image, with_value(made.result, np.asarray(made.result.image.data) + fake * level / seen.max())
    )
    mask = seen > 0.5 * seen.max()
    assert marked(evidence)[mask].mean() >= 0.8
    assert evidence.number("doubtful_invented_percent") > 0
    assert evidence.colour != "green"


def test_erased_dim_structure_is_marked_as_lost() -> None:
    made = run(500.0, sparsity=60.0)
    evidence = gather(made.image, made.result)
    seen, kept = blurred(made.truth), blurred(np.asarray(made.result.image.data))
    lost = (seen > 0.08 * seen.max()) & (kept < 0.5 * seen)
    lost[:6] = lost[-6:] = lost[:, :6] = lost[:, -6:] = False
    assert lost.sum() > 100
    assert marked(evidence)[lost].mean() >= 0.8
    assert evidence.number("doubtful_lost_percent") > 1


@pytest.mark.parametrize("photons", [500.0, 3000.0])
def test_a_psf_half_too_wide_is_found_out(photons: float) -> None:
    made = run(photons, resolution_um=1.5 * FWHM, deconvolution_iterations=80)
    good = np.asarray(run(photons).result.image.data)
    evidence = gather(made.image, made.result)
    top = np.percentile(blurred(made.truth, 0.6 * FWHM), 99.5)
    errors = [np.abs(blurred(v, 0.6 * FWHM) - blurred(made.truth, 0.6 * FWHM)) > 0.3 * top
              for v in (np.asarray(made.result.image.data), good)]  # fmt: skip
    false = errors[0] & ~errors[1]
    false[:6] = false[-6:] = false[:, :6] = false[:, -6:] = False
    assert false.sum() > 50
    assert marked(evidence)[false].mean() >= 0.8
    assert evidence.colour == "red"


def test_too_many_iterations_at_few_photons_hang_on_noise() -> None:
    made = run(20.0, deconvolution_iterations=300, sparsity=0.0, fidelity=5000.0)
    calm = run(20.0, deconvolution_iterations=5, fidelity=50.0)
    wild, mild = (gather(r.image, r.result, "full") for r in (made, calm))
    assert wild.number("disagreement_percent") > 1.3 * mild.number("disagreement_percent")
    assert wild.number("doubtful_noise_percent") > mild.number("doubtful_noise_percent")


def test_findings_are_worst_first_and_each_names_its_number() -> None:
    made = run(500.0, sparsity=60.0)
    evidence = gather(made.image, made.result)
    order = [("red", "amber", "green").index(f.colour) for f in evidence.findings]
    assert order == sorted(order)
    names = {number.name for number in evidence.numbers}
    assert {f.number for f in evidence.findings} <= names
    assert evidence.colour == evidence.findings[0].colour


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.number)
def test_every_rule_has_rising_limits_and_says_its_value(rule) -> None:
    assert rule.limits[0] < rule.limits[1]
    assert "{" in rule.good or rule.number == "beyond_psf_sigmas"
    assert "{" in rule.bad


def test_an_interpolated_image_is_told_to_be_one() -> None:
    made = run(500.0)
    smooth = blurred(np.asarray(made.image.data, float), 2.0)
    evidence = gather(made.image.replace(data=smooth.astype(np.float32)), made.result)
    assert any(f.number == "noise_correlation_px" and "raw data" in f.text for f in evidence.findings)


def test_a_coarsely_sampled_image_and_a_saturated_one_are_told() -> None:
    made = run(500.0)
    coarse = gather(made.image, run(500.0, resolution_um=1.8).result)
    assert [f.colour for f in coarse.findings if f.number == "psf_fwhm_px"] == ["red"]
    full = np.minimum(np.asarray(made.image.data), 1023).astype(np.uint16)
    told = gather(made.image.replace(data=full), made.result)
    assert told.number("saturated_percent") > 0.01
    assert any(f.number == "saturated_percent" and f.colour != "green" for f in told.findings)


@pytest.mark.parametrize(("gain", "colour"), [(0.5, "red"), (None, "amber")])
def test_a_misfit_in_units_of_noise_is_no_verdict_of_its_own_where_counts_are_no_photons(
    gain: float | None, colour: str
) -> None:
    flat = np.ones((32, 32), np.float32)
    numbers = [Number("residual_chi2", 5.0, "", ""), Number("gain_counts_per_electron", gain, "", "")]
    arrays = {"light": flat, "model": flat, "z": 0 * flat, "value": flat}
    findings, _, _ = judge(numbers, arrays, 3.0)
    assert [f.colour for f in findings if f.number == "residual_chi2"] == [colour]
