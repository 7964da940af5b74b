"""Held-out pixels: where they lie, what stands in for them, how a prediction is scored."""

from __future__ import annotations

import numpy as np
import pytest

from sparsescope.tuning.crop import informative
from sparsescope.tuning.holdout import errors, filled, hold_out, weights


@pytest.mark.parametrize("radius", [0, 1, 2])
def test_each_scored_pixel_is_the_middle_of_a_hidden_block_of_its_own(radius: int) -> None:
    held = hold_out((90, 77), radius, seed=3)
    y, x = held.centres
    assert held.hidden.sum() == len(y) * (2 * radius + 1) ** 2, "blocks do not meet"
    for a, b in zip(y, x, strict=True):
        assert held.hidden[a - radius : a + radius + 1, b - radius : b + radius + 1].all()


def test_one_pixel_in_nine_is_held_out_of_white_noise() -> None:
    assert hold_out((99, 99), 0, seed=1).hidden.mean() == pytest.approx(1 / 9)


def test_the_same_seed_draws_the_same_pixels_and_another_does_not() -> None:
    a, b, c = (hold_out((60, 60), 0, seed).hidden for seed in (1, 1, 2))
    assert (a == b).all()
    assert (a != c).any()


def test_what_is_hidden_does_not_matter_to_what_stands_in_for_it() -> None:
    plane = np.random.default_rng(0).random((40, 40)).astype(np.float32)
    hidden = hold_out((40, 40), 1, seed=0).hidden
    other = np.where(hidden, np.float32(1e6), plane)
    np.testing.assert_array_equal(filled(plane, hidden, 1), filled(other, hidden, 1))
    np.testing.assert_array_equal(filled(plane, hidden, 1)[~hidden], plane[~hidden])


def test_scale_and_offset_of_a_prediction_are_forgiven_but_not_its_sign() -> None:
    x = np.random.default_rng(1).random(50).astype(np.float32)
    ones = np.ones_like(x)
    assert errors(3 * x - 2, x, ones).mean() < 1e-12
    assert errors(-x, x, ones).mean() == pytest.approx(x.var(), rel=1e-5)


def test_bright_pixels_weigh_less_as_their_noise_is_larger() -> None:
    plane = np.full((60, 60), 10, np.float32)
    plane[20:40, 20:40] = 1000
    found = weights(plane, 3.0)
    assert found[30, 30] < 0.05 * found[5, 5]


def test_the_crop_is_where_the_structure_is() -> None:
    plane = np.zeros((300, 400), np.float32)
    plane[200:220:4, 300:320:4] = 1
    y, x = informative(plane, 3.0, side=64)
    assert y.start <= 195
    assert y.stop >= 222
    assert x.start <= 295
    assert x.stop >= 322
