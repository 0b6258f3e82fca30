"""Boxes, cars and barriers in a picture: the right size in the right place, what is nearer in front, soft edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.trainer.simulator.painted import HEIGHT_PX, WIDTH_PX, camera, covered, paint, thing
from trainer.simulator.things import Kind


def left_edge(share: NDArray[np.float64]) -> float:
    """Column where a row of shares of pixels begins to be covered, to a part of a pixel."""
    first = int(np.argmax(share > 0.0))
    return first + 1.0 - share[first] if share[first] < 1.0 else float(first)


def right_edge(share: NDArray[np.float64]) -> float:
    return len(share) - left_edge(share[::-1])


def test_a_box_is_where_its_corners_are() -> None:
    """The near face is 1 m ahead and 0.3 m wide, the eye at 0.2 m, the focal length 100 pixels."""
    share = covered(camera(), [thing(1.2, 0.013)])
    assert left_edge(share[70]) == pytest.approx(80 - 100 * 0.163, abs=0.01)
    assert right_edge(share[70]) == pytest.approx(80 + 100 * 0.137, abs=0.01)
    # Its foot 0.2 m below the eye, its upper edge 0.05 m above it.
    assert left_edge(share[:, 80]) == pytest.approx(60 - 100 * 0.05, abs=0.01)
    assert right_edge(share[:, 80]) == pytest.approx(60 + 100 * 0.2, abs=0.01)


def test_a_turned_box_is_where_its_corners_are() -> None:
    """Turned by 90 degrees its length is across; by 45 degrees one corner is nearest."""
    across = covered(camera(), [thing(1.15, 0.0, 90.0)])
    assert right_edge(across[70]) - left_edge(across[70]) == pytest.approx(100 * 0.4, abs=0.01)
    square = covered(camera(), [thing(1.0, 0.0, 45.0, size_m=(0.2, 0.2, 0.25))])
    # The corners to the left and right are as far away as the middle, half a diagonal of 0.283 m aside.
    assert right_edge(square[62]) - left_edge(square[62]) == pytest.approx(100 * 0.2828, abs=0.02)
    assert right_edge(square[:, 80]) == pytest.approx(60 + 100 * 0.2 / (1.0 - 0.1414), abs=0.3)


@pytest.mark.parametrize("curve", [-0.1, -0.4])
def test_a_lens_with_distortion_moves_edges_as_it_moves_rays(curve: float) -> None:
    """A ray x to the side and y down, in focal lengths, looks along (x, y, 1 + curve (x^2 + y^2))."""
    share = covered(camera(curve=curve), [thing(1.2, -0.3)])
    for row in (60, 70):
        y = (row + 0.5 - 60) / 100
        # The left edge is that of the far face, 1.4 m ahead, the right one that of the near face.
        for edge, right in ((left_edge(share[row]), 0.15 / 1.4), (right_edge(share[row]), 0.45)):
            x = (edge - 80) / 100
            assert x / (1 + curve * (x * x + y * y)) == pytest.approx(right, abs=0.004)


def test_size_goes_with_one_over_the_distance() -> None:
    for metres in (1.0, 2.0, 4.0, 8.0):
        share = covered(camera(), [thing(metres + 0.2, 0.0)])
        assert share[60].sum() == pytest.approx(100 * 0.3 / metres, rel=0.01)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.NOTHING])
@pytest.mark.parametrize(("pitch_deg", "curve"), [(0.0, 0.0), (15.0, -0.1), (25.0, -0.5)])
def test_a_box_covers_what_rays_hit(kind: Kind, pitch_deg: float, curve: float) -> None:
    """Against nine rays a pixel that are met with the box itself; a car stays within its own box."""
    view = camera(pitch_deg=pitch_deg, curve=curve, height_m=0.16)
    for x_m, y_m, heading_deg in ((0.7, -0.2, 20.0), (0.3, 0.22, -50.0), (1.7, 0.4, 100.0), (0.15, -0.3, 5.0)):
        box = thing(x_m, y_m, heading_deg, kind=kind)
        share, rays = covered(view, [box]), rays_that_hit(view, box)
        if kind in (Kind.PARKED_CAR, Kind.BOT_CAR, Kind.LEARNED_CAR):
            assert (share[rays == 0.0] < 0.3).all()
            assert 0.15 < share.sum() / rays.sum() < 0.9
        else:
            assert np.abs(share - rays).mean() < 0.004
            assert share.sum() == pytest.approx(rays.sum(), rel=0.01)


def rays_that_hit(view: NDArray[np.void], box: NDArray[np.void]) -> NDArray[np.float64]:
    """(120, 160) share of nine rays a pixel that meet the box."""
    focal, curve = view["focal_px"][0], view["curve"][0]
    x, y = np.meshgrid((np.arange(3 * WIDTH_PX) + 0.5) / 3 - WIDTH_PX / 2, (np.arange(3 * HEIGHT_PX) + 0.5) / 3 - 60)
    x, y = x / focal, y / focal
    axes = {name: np.array([view[f"{name}_{axis}"][0] for axis in "xyz"]) for name in ("right", "down", "forward")}
    z = 1 + curve * (x * x + y * y)
    ray = x[..., None] * axes["right"] + y[..., None] * axes["down"] + z[..., None] * axes["forward"]
    heading = box["heading_rad"][0]
    cos, sin = math.cos(heading), math.sin(heading)
    turn = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
    eye = turn @ (np.array([0.0, 0.0, view["z_m"][0]]) - [box["x_m"][0], box["y_m"][0], 0.0])
    ray = ray @ turn.T
    low = np.array([-box["half_length_m"][0], -box["half_width_m"][0], 0.0])
    high = np.array([box["half_length_m"][0], box["half_width_m"][0], box["height_m"][0]])
    with np.errstate(divide="ignore", invalid="ignore"):
        one, other = (low - eye) / ray, (high - eye) / ray
    first, last = np.fmin(one, other).max(axis=-1), np.fmax(one, other).min(axis=-1)
    hit = (first < last) & (last > 0)
    return hit.reshape(HEIGHT_PX, 3, WIDTH_PX, 3).mean(axis=(1, 3))


def test_what_is_nearer_is_in_front() -> None:
    near, far = thing(1.0, 0.0, grey=250.0), thing(2.0, 0.1, grey=20.0, size_m=(0.4, 0.3, 0.6))
    both, alone = paint(camera(), [near, far]), paint(camera(), [near])
    inside = covered(camera(), [near]) > 0.999
    assert np.abs(both - alone)[inside].max() < 0.1
    assert (paint(camera(), [far, near]) == both).all()
    # The far one stands out above or beside it.
    assert np.abs(both - alone)[~inside].max() > 20.0


@pytest.mark.parametrize("swapped", [False, True])
def test_a_long_barrier_hides_a_box_behind_it_and_not_one_before_it(swapped: bool) -> None:
    """Its middle is far away and its end near: the distance of the middles tells nothing."""
    # Along the left of the view from 0.4 m to 4.4 m ahead; its middle is 2.4 m away.
    barrier = thing(2.4, 0.3, size_m=(4.0, 0.04, 0.3), kind=Kind.BARRIER, grey=240.0)
    behind = thing(1.6, 0.55, grey=20.0, size_m=(0.3, 0.3, 0.2))  # nearer than the middle, and hidden
    before = thing(3.0, 0.1, grey=20.0, size_m=(0.3, 0.3, 0.2))  # farther than the middle, and in front
    for box, hidden in ((behind, True), (before, False)):
        things = [box, barrier] if swapped else [barrier, box]
        both, front = paint(camera(), things), covered(camera(), [barrier if hidden else box])
        alone = paint(camera(), [barrier if hidden else box])
        inside = front > 0.999
        assert inside.sum() > 20
        assert np.abs(both - alone)[inside].max() < 0.1


def test_things_beside_each_other_around_a_bend_keep_their_order() -> None:
    """A ring of barriers around the road, seen along it: each hides what is farther, whatever comes first."""
    ring = [
        thing(3 * math.cos(a) - 1.0, 3 * math.sin(a), math.degrees(a) + 90, size_m=(1.2, 0.04, 0.3), grey=40 + 4 * k)
        for k, a in enumerate(np.linspace(0, 2 * np.pi, 24, endpoint=False))
    ]
    first = paint(camera(pitch_deg=10.0), ring)
    assert (paint(camera(pitch_deg=10.0), ring[::-1]) == first).all()


def test_a_box_beside_the_camera_fills_its_side_of_the_picture() -> None:
    """It reaches from behind the lens to 0.5 m ahead, 0.05 m to the left of it."""
    share = covered(camera(), [thing(0.2, 0.2, size_m=(0.6, 0.3, 0.5))])
    assert (share[20:100, :60] > 0.999).all()
    assert right_edge(share[60]) == pytest.approx(80 - 100 * 0.05 / 0.5, abs=0.01)
    # The front edge of its foot is 0.2 m below the eye.
    assert right_edge(share[:, 65]) == pytest.approx(60 + 0.2 / 0.05 * 14.5, abs=1.5)


@pytest.mark.parametrize("curve", [0.0, -0.3])
def test_what_is_behind_is_not_painted(curve: float) -> None:
    view = camera(curve=curve)
    assert (paint(view, [thing(-0.6, 0.1), thing(-3.0, 0.0, kind=Kind.LEARNED_CAR)]) == 100.0).all()
    assert (paint(view, [thing(1.0, 0.0, kind=Kind.NOTHING)]) == 100.0).all()


@pytest.mark.parametrize("kind", [Kind.BOX, Kind.STRIPED_BOX, Kind.BOT_CAR])
def test_a_thing_that_moves_slowly_far_away_changes_the_picture_smoothly(kind: Kind) -> None:
    """A tenth of a pixel a step to the side, then a pixel's share nearer."""
    for steps in (
        [(6.0, 0.006 * k) for k in range(20)],
        [(6.0 + 0.01 * k, 0.3) for k in range(20)],
    ):
        sums = [paint(camera(), [thing(x, y, 30.0, kind=kind)], ground=180.0).sum() for x, y in steps]
        change = np.abs(np.diff(sums) - np.diff(sums).mean())
        # A box of some 5 x 4 pixels is worth 20 x 100 levels.
        assert change.max() < 40.0


def test_a_shadow_falls_away_from_the_light_and_on_the_ground_only() -> None:
    """The light comes from the left; on the right the ground is darker, on the left it is not."""
    view, box = camera(height_m=0.4, pitch_deg=20.0), thing(1.5, 0.0)
    picture = paint(view, [box], light_direction_deg=90.0, shadow_strength=0.5)
    clean = paint(view, [box], light_direction_deg=90.0, shadow_strength=0.0)
    inside = covered(view, [box]) > 0.999
    assert (picture[inside] == clean[inside]).all()
    shade = clean - picture
    columns = np.nonzero(inside.any(axis=0))[0]
    left, right = shade[:, : columns[0] - 2].sum(), shade[:, columns[-1] + 2 :].sum()
    assert shade.max() == pytest.approx(50.0, abs=0.5)
    assert right > 2000.0
    assert left < 0.1 * right
    # Nothing above the ground's horizon gets darker.
    horizon = round(60 - 100 * math.tan(math.radians(20.0)))
    assert (shade[:horizon] == 0.0).all()


def test_a_shadow_is_darker_or_lighter_but_never_moves_the_box() -> None:
    for strength in (0.0, 0.8):
        picture = paint(camera(), [thing(1.2, 0.0)], shadow_strength=strength, ground=50.0)
        assert left_edge((picture[65] > 60).astype(float)) == 65.0


def test_faces_differ_by_where_the_light_comes_from() -> None:
    """Light from the left: of a box that stands edge on, the left face is brighter, and the top brighter than both."""
    picture = paint(
        camera(height_m=0.5, pitch_deg=25.0), [thing(1.2, 0.0, 45.0, size_m=(0.3, 0.3, 0.25))], light_direction_deg=90.0
    )
    left, right, top = picture[50, 72], picture[50, 88], picture[36, 80]
    assert right < 0.8 * left
    assert left < 0.95 * top
    assert top == pytest.approx(200.0, abs=0.1)


def test_the_faces_of_a_box_leave_no_seam() -> None:
    """Over a white and over a black ground the inside of a box and of a car is the same."""
    for kind in (Kind.BOX, Kind.PARCEL, Kind.STRIPED_BOX):
        view, box = camera(height_m=0.5, pitch_deg=25.0), thing(1.2, 0.1, 40.0, kind=kind)
        share = covered(view, [box])
        inside = share > 0.0
        inside[1:-1, 1:-1] &= inside[2:, 1:-1] & inside[:-2, 1:-1] & inside[1:-1, 2:] & inside[1:-1, :-2]
        assert share[inside].min() > 0.5
        inside[1:-1, 1:-1] &= inside[2:, 1:-1] & inside[:-2, 1:-1] & inside[1:-1, 2:] & inside[1:-1, :-2]
        assert share[inside].min() > 0.999


def test_each_channel_has_its_own_colour() -> None:
    box = thing(1.2, 0.0)
    box["red"], box["green"], box["blue"], box["grey"] = 200.0, 100.0, 50.0, 125.0
    levels = [paint(camera(), [box], channel=channel)[70, 80] for channel in range(4)]
    assert np.array(levels) / levels[0] == pytest.approx([1.0, 1.6, 0.8, 0.4])


def test_stripes_and_tape_are_of_another_shade() -> None:
    plain, striped, parcel = (
        paint(camera(), [thing(1.2, 0.0, kind=kind)]) for kind in (Kind.BOX, Kind.STRIPED_BOX, Kind.PARCEL)
    )
    middle, foot, side = (68, 80), (78, 80), (68, 70)
    assert striped[middle] < 0.7 * plain[middle]
    assert parcel[middle] < 0.7 * plain[middle]
    assert striped[foot] == pytest.approx(plain[foot])
    assert parcel[side] == pytest.approx(plain[side])


def test_the_front_wheels_turn_with_the_steering() -> None:
    straight, turned = thing(0.8, 0.0, 180.0, kind=Kind.BOT_CAR), thing(0.8, 0.0, 180.0, kind=Kind.BOT_CAR)
    turned["steering_angle_rad"] = 0.5
    ahead, aside = (paint(camera(), [one]) for one in (straight, turned))
    changed = np.nonzero(np.abs(ahead - aside) > 5.0)[0]
    assert len(changed) > 5
    # Only wheels, no higher than 0.06 m and 0.14 m below the eye.
    assert changed.min() >= 60 + math.floor(100 * 0.14 / 0.75) - 2


def test_a_car_at_one_metre_looks_like_one() -> None:
    """From behind: a narrow dark LiDAR, below it a body twice as wide, below that two wheels with light between."""
    view = camera(focal_px=126.0, height_m=0.13, pitch_deg=15.0)
    picture = paint(view, [thing(1.15, 0.0, kind=Kind.BOT_CAR)], ground=180.0, shadow_strength=0.0)
    dark, body = picture < 50.0, (picture > 85.0) & (picture < 105.0)
    assert dark[23].sum() == pytest.approx(126 * 0.09 / 1.13, abs=1.5)
    assert body[34].sum() == pytest.approx(126 * 0.18 / 1.01, abs=1.5)
    wheels = dark[41]
    assert wheels.sum() == pytest.approx(126 * 2 * 0.04 / 1.03, abs=2)
    assert (picture[41, 76:84] == 180.0).all()
    assert wheels[:80].sum() == wheels[80:].sum()
