"""Every experiment runs, and its main claim and the place where it ends come out; the numbers are loose on purpose."""

from __future__ import annotations

import math
import re
from functools import cache
from pathlib import Path

import pytest

from sparsescope.errors import InputError
from sparsescope.experiments import TABLE, Ask, load
from sparsescope.findings import Findings
from sparsescope.report.experiment_page import experiment_page
from sparsescope.report.figures import png

WITHOUT_DATA = [name for name in TABLE if name != "real-pairs"]


@cache
def found(name: str, data: Path | None = None) -> Findings:
    if name == "solver-agnostic":
        pytest.importorskip("pymoo", reason="missing tool: pymoo")
    return load(name).run(Ask(quick=True, data=data))


@pytest.mark.parametrize("name", WITHOUT_DATA)
def test_an_experiment_says_what_it_found_where_it_ends_and_draws_it(name: str) -> None:
    result = found(name)
    assert result.shown
    assert result.boundary
    assert result.sources
    assert all(math.isfinite(v) or "nm" in k or "photons" in k for k, v in result.measures.items())
    for sentence in (result.title, result.claim, *result.shown, *result.boundary):
        assert "nan" not in sentence.split()
        assert sentence == " ".join(sentence.split()), "no double blanks"
    picture = png(result.figure)
    assert picture.startswith(b"\x89PNG")
    page = experiment_page(result, picture, f"sparsescope experiment {name}", quick=True)
    assert not re.search(r"(src|href)=.https?:|url\(|<script", page), "nothing is fetched, nothing runs"
    assert "Where it ends" in page
    assert len(page) < 4_000_000
    header, *rows = result.tables[0].csv().splitlines()
    assert header
    assert rows


def test_noise_free_recovery_is_exact_where_richardson_lucy_is_not() -> None:
    measures = found("noise-free").measures
    assert measures["error"] <= 1e-6
    assert measures["rl_iterations"] == 20_000
    assert measures["rl_error"] > 0.1
    assert measures["pedestal_error"] > 0.3, "a pedestal ends it"
    assert measures["noise_error"] > 0.2 > measures["least_noise_error"] > 1e-3, "and so does noise"


def test_all_good_solvers_reach_the_same_picture() -> None:
    measures = found("solver-agnostic").measures
    for name in ("conjugate gradients", "L-BFGS-B, x ≥ 0", "differential evolution", "particle swarm"):
        assert measures[f"{name} misfit"] < 1e-3
        assert measures[f"{name} error"] < 1e-2
    assert measures["Richardson–Lucy error"] < 0.01
    assert measures["genetic algorithm misfit"] < 0.02
    assert measures["conjugate gradients used"] < 100 < measures["differential evolution used"]


def test_a_background_belongs_into_the_model() -> None:
    measures = found("background").measures
    inside, outside = measures["least error, b in the model"], measures["least error, b left out"]
    assert inside < 0.6 * outside
    assert measures["black"] < inside < measures["least error, b 10 % too low"], "and it costs light, and must be right"


def test_continuity_and_both_priors_lower_the_error() -> None:
    measures = found("priors").measures
    for scene in ("actin-like", "clathrin-like"):
        assert measures[f"{scene} both"] < 0.85 * measures[f"{scene} neither"]
        assert measures[f"{scene} both"] <= 1.02 * min(measures[f"{scene} {n}"] for n in ("sparsity", "continuity"))


def test_more_noise_wants_stronger_priors_and_the_choice_follows() -> None:
    measures = found("noise-vs-prior").measures
    assert measures["best_column_most_noise"] >= measures["best_column_least_noise"]
    assert measures["best_score_most_noise"] < 0.9 * measures["best_score_least_noise"], "and costs detail all the same"
    assert measures["usual_automatic_ratio"] > 0.9


def test_sparsity_turns_the_whole_picture_into_zero_where_it_reaches_fidelity() -> None:
    measures = found("over-sparsity").measures
    assert measures["zero_at"] == 150.0
    assert measures["left_least"] == 0.0
    assert 0.4 < measures["left_at_default"] < 0.95


def test_the_nonzero_ratio_falls_and_depends_on_how_it_is_counted() -> None:
    measures = found("nonzero-ratio").measures
    assert measures["after"] < measures["before"]
    assert measures["optimum"] < 0.5 * measures["strictly"]


def test_the_ladder_goes_below_the_raw_image_with_light_enough() -> None:
    measures = found("ladder").measures
    raw, best = (measures[f"{name}, 3000 photons, background 0"] for name in ("raw", "automatic"))
    assert best < raw
    assert measures["automatic, 300 photons, background 0.3"] >= best, "less light and more background resolve no more"


def test_molecules_are_found_far_below_the_width_of_the_psf() -> None:
    measures = found("single-molecules").measures
    assert measures["recall"] > 0.7
    assert measures["jaccard"] > 0.6
    assert measures["rms_nm"] < 50


def test_transients_keep_their_size_where_no_offset_is_taken() -> None:
    measures = found("linearity").measures
    assert measures["raw slope"] == pytest.approx(1, abs=0.05)
    assert measures["automatic slope"] == pytest.approx(1, abs=0.25)
    assert measures["automatic r2"] > 0.95
    assert measures["published defaults slope"] > 1.3, "the published offset makes transients look larger"


def test_real_pairs_come_nearer_to_sim(shared_data: Path) -> None:
    measures = found("real-pairs", shared_data).measures
    assert measures["microtubules automatic"] > measures["microtubules wide-field"]


def test_real_pairs_without_images_say_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--data"):
        load("real-pairs").run(Ask(quick=True, data=tmp_path))


def test_an_experiment_is_the_same_again() -> None:
    again = load("background").run(Ask(quick=True))
    assert again.measures == found("background").measures
    assert png(again.figure) == png(found("background").figure)
