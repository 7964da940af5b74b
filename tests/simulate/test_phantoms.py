"""What is drawn is where it is said to be, and pixels sum what lies in them."""

from __future__ import annotations

import numpy as np
import pytest

from sparsescope.simulate.canvas import Canvas, Grid
from sparsescope.simulate.phantoms import KINDS, Look, line_pair
from sparsescope.simulate.simulation import Simulation, simulate


def test_pixels_are_the_sums_of_their_fine_samples() -> None:
    grid = Grid((5, 7), 0.1, fine=3, margin_px=2)
    samples = np.random.default_rng(0).random(grid.fine_shape)
    expected = [[samples[6 + 3 * i : 9 + 3 * i, 6 + 3 * j : 9 + 3 * j].sum() for j in range(7)] for i in range(5)]
    np.testing.assert_allclose(grid.pixels(samples), expected)


def test_a_point_keeps_its_light_and_its_place() -> None:
    canvas = Canvas(Grid((20, 30), 0.1))
    canvas.points(1.234, 0.777, 3.0)
    y, x = ((np.arange(n) + 0.5) * canvas.grid.fine_um - canvas.grid.margin_um for n in canvas.grid.fine_shape)
    assert canvas.samples.sum() == pytest.approx(3)
    assert (canvas.samples.sum(1) @ y / 3, canvas.samples.sum(0) @ x / 3) == pytest.approx((1.234, 0.777))


def test_a_point_beyond_the_margin_is_not_drawn() -> None:
    canvas = Canvas(Grid((20, 30), 0.1, margin_px=2))
    canvas.points([-5.0, 90.0], [1.0, 1.0], 1.0)
    assert not canvas.samples.any()


@pytest.mark.parametrize("thickness_um", [0.0, 0.3])
def test_a_curve_has_the_light_of_its_length(thickness_um: float) -> None:
    canvas = Canvas(Grid((64, 64), 0.1))
    canvas.curve(np.array([1.0, 4.0]), np.array([1.0, 5.0]), 2.0, thickness_um)
    assert canvas.samples.sum() == pytest.approx(2.0 * 5.0)


def test_a_thick_line_is_as_thick_as_it_should_be() -> None:
    canvas = Canvas(Grid((64, 64), 0.1))
    canvas.curve(np.array([3.0, 3.0]), np.array([-1.0, 8.0]), 1.0, 0.8)
    y = (np.arange(canvas.grid.fine_shape[0]) + 0.5) * canvas.grid.fine_um - canvas.grid.margin_um
    profile = canvas.samples.sum(1) / canvas.samples.sum()
    assert 2 * np.sqrt(3 * (profile @ (y - 3.0) ** 2)) == pytest.approx(0.8, rel=0.02), "variance of a box is w²/12"


def test_a_disc_has_the_light_and_the_area_it_should_have() -> None:
    canvas = Canvas(Grid((64, 64), 0.1))
    canvas.disc(3.2, 3.1, 2.0, 7.0)
    assert canvas.samples.sum() == pytest.approx(7, rel=0.01)
    inside = np.count_nonzero(canvas.samples > canvas.samples.max() / 2) * canvas.grid.fine_um**2
    assert inside == pytest.approx(np.pi, rel=0.02)


@pytest.mark.parametrize("separation_um", [0.04, 0.1, 0.2])
@pytest.mark.parametrize("angle_rad", [0.0, 0.6, 2.2])
def test_two_lines_are_as_far_apart_as_stated(separation_um: float, angle_rad: float) -> None:
    canvas = Canvas(Grid((64, 64), 0.05))
    line_pair(canvas, 1.61, 1.57, separation_um, angle_rad, 1.0)
    y, x = np.meshgrid(
        *((np.arange(n) + 0.5) * canvas.grid.fine_um - canvas.grid.margin_um for n in canvas.grid.fine_shape),
        indexing="ij",
    )
    across = (y - 1.61) * np.cos(angle_rad) - (x - 1.57) * np.sin(angle_rad)
    light = canvas.samples
    upper, lower = across > 0, across <= 0
    between = sum(sign * (light * across)[side].sum() / light[side].sum() for sign, side in ((1, upper), (-1, lower)))
    assert between == pytest.approx(separation_um, abs=0.004)
    assert light.sum() == pytest.approx(2.0), "two lines of length 1 and light 1 per µm"


@pytest.mark.parametrize("kind", KINDS)
def test_every_phantom_but_the_empty_one_draws_light_within_the_frame(kind: str) -> None:
    canvas = Canvas(Grid((96, 80), 0.065))
    KINDS[kind].draw(canvas, np.random.default_rng(1), Look(0.2, times_s=(0.0, 0.1)))
    light = canvas.grid.pixels(canvas.samples)
    assert light.min() >= 0
    assert (light.sum() > 0) == (kind != "empty")


def test_objects_stand_where_the_table_says() -> None:
    made = simulate(Simulation("puncta", shape_px=(64, 64), count=400, seed=2))
    inside = [o for o in made.objects if 0.3 < float(o["y_um"]) < 3.8 and 0.3 < float(o["x_um"]) < 3.8]
    seen = [made.truth[int(float(o["y_um"]) / 0.065), int(float(o["x_um"]) / 0.065)] for o in inside]
    assert min(seen) > 0
    assert len(inside) > 50


def test_movers_go_straight_at_their_speed() -> None:
    made = simulate(Simulation("moving", shape_px=(64, 64), frames=3, interval_s=0.5, size_um=0.4, count=5))
    places = np.array([[float(o["y_um"]), float(o["x_um"])] for o in made.objects]).reshape(3, 5, 2)
    steps = np.diff(places, axis=0)
    np.testing.assert_allclose(np.hypot(*np.moveaxis(steps, 2, 0)), 0.2)
    np.testing.assert_allclose(steps[0], steps[1], atol=1e-12)


def test_molecules_blink_one_frame_in_fifty() -> None:
    made = simulate(Simulation("blinking", shape_px=(48, 48), frames=60, pixel_size_um=0.1, count=100, fine=1))
    rings = 9
    assert len(made.objects) == pytest.approx(100 * rings * 60 / 50, rel=0.15)
