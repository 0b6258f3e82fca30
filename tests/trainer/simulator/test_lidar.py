"""The LiDAR's ranges by hand: boxes, cars, barriers, walls; what it cannot see, and what chance adds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.cars import DEEPRACER
from shared.lidar import RANGE_MAX_M, LidarConfig, rays_from_scan
from trainer.simulator.lidar import lidar_record, ray_directions, scan
from trainer.simulator.randomisation import EPISODE_DRAW
from trainer.simulator.settings import LidarSettings
from trainer.simulator.state import CAR
from trainer.simulator.things import BOX_HEIGHT_M, BOX_LENGTH_M, BOX_WIDTH_M, THING, Kind
from trainer.simulator.view import VIEW

EXACT = LidarSettings(noise_m=0.0)
AROUND = LidarSettings(rays=360, fov_deg=360.0, noise_m=0.0)
MOUNT_X_M = DEEPRACER.lidar.x_m
# The two rays beside straight back are half a ray's spacing off it.
BESIDE = math.radians(0.5 * 300 / 63)
BEHIND, LEFT, RIGHT = (31, 32), 13, 50
SIDE = math.radians(90 - (150 - 13 * 300 / 63))  # of the rays LEFT and RIGHT, from square to the side


def box(x_m: float, y_m: float, heading_deg: float = 0.0, **changes: Any) -> NDArray[np.void]:
    """A box of DeepRacer's size, or what the changes make of it."""
    thing = np.zeros(1, THING)
    values = {
        "kind": Kind.BOX, "x_m": x_m, "y_m": y_m, "heading_rad": math.radians(heading_deg), "height_m": BOX_HEIGHT_M,
        "half_length_m": BOX_LENGTH_M / 2, "half_width_m": BOX_WIDTH_M / 2,
    } | changes  # fmt: skip
    for name, value in values.items():
        thing[name] = value
    return thing


def other_car(x_m: float, y_m: float, heading_deg: float = 0.0, kind: Kind = Kind.LEARNED_CAR) -> NDArray[np.void]:
    return box(
        x_m, y_m, heading_deg, kind=kind, height_m=0.19,
        half_length_m=DEEPRACER.length_m / 2, half_width_m=DEEPRACER.width_m / 2,
    )  # fmt: skip


def measure(
    *things: NDArray[np.void],
    settings: LidarSettings = EXACT,
    pose: tuple[float, float, float] = (0.0, 0.0, 0.0),
    room_m: float = 20.0,
    wall_height_m: float = 0.6,
    steps: int = 0,
    **draws: float,
) -> NDArray[np.float32]:
    """One scan of a car at x, y, heading in degrees, in a square room this far to every side."""
    car, draw, room = np.zeros(1, CAR), np.zeros(1, EPISODE_DRAW), np.zeros(1, VIEW)
    car["x_m"], car["y_m"], car["heading_rad"], car["steps"] = pose[0], pose[1], math.radians(pose[2]), steps
    for name, value in draws.items():
        draw[name] = value
    room["low_x_m"] = room["low_y_m"] = -room_m
    room["high_x_m"] = room["high_y_m"] = room_m
    room["wall_height_m"] = wall_height_m
    ranges = np.full(settings.rays, -1.0, np.float32)
    all_things = np.concatenate([*things, np.zeros(1, THING)])
    scan(
        ranges, car[0], draw[0], lidar_record(settings, DEEPRACER)[0], ray_directions(settings),
        all_things, len(things), room[0],
    )  # fmt: skip
    return ranges


def seen(ranges: NDArray[np.float32]) -> list[int]:
    """Indices of the rays that meet something."""
    return np.flatnonzero(ranges < RANGE_MAX_M).tolist()


def test_a_box_behind_is_as_far_as_its_near_face() -> None:
    """Its middle is 1.5 m behind the car, its rear face 1.3 m; the LiDAR stands 0.029 m ahead of the car's middle."""
    ranges = measure(box(-1.5, 0.0))
    assert ranges[list(BEHIND)] == pytest.approx((1.3 + MOUNT_X_M) / math.cos(BESIDE), abs=1e-5)
    assert seen(ranges) == list(BEHIND)  # 0.3 m wide at 1.33 m: 6.4 degrees to either side


def test_boxes_beside_the_car_are_on_their_own_side() -> None:
    left, right = measure(box(MOUNT_X_M, 1.0)), measure(box(MOUNT_X_M, -2.0))
    assert left[LEFT] == pytest.approx(0.85 / math.cos(SIDE), abs=1e-5)
    assert right[RIGHT] == pytest.approx(1.85 / math.cos(SIDE), abs=1e-5)
    assert max(seen(left)) < 31
    assert min(seen(right)) > 32


def test_what_is_straight_ahead_is_out_of_sight_of_deepracers_lidar() -> None:
    assert seen(measure(box(1.0, 0.0))) == []
    assert 0 in seen(measure(box(1.0, 0.6)))  # the first ray, 30 degrees to the left
    assert 63 in seen(measure(box(1.0, -0.6)))


def test_all_around_the_ray_straight_ahead_is_the_first() -> None:
    ranges = measure(box(1.0, 0.0), settings=AROUND)
    assert ranges[0] == pytest.approx(0.8 - MOUNT_X_M, abs=1e-5)
    half = math.degrees(math.atan2(0.15, 0.8 - MOUNT_X_M))  # of the near face
    assert seen(ranges) == [*range(int(half) + 1), *range(360 - int(half), 360)]


def test_a_turned_box_shows_its_corner() -> None:
    """A square of 0.4 m turned by 45 degrees reaches 0.2 * sqrt(2) towards the car."""
    ranges = measure(box(-1.0, 0.0, 45.0, half_width_m=0.2), settings=AROUND)
    assert ranges[180] == pytest.approx(1.0 + MOUNT_X_M - 0.2 * math.sqrt(2), abs=1e-5)


def test_the_nearest_of_two_hides_the_other() -> None:
    near, far = box(-1.0, 0.0), box(-2.0, 0.0, half_width_m=1.0)
    for things in ((near, far), (far, near)):
        ranges = measure(*things)
        assert ranges[31] == pytest.approx((0.8 + MOUNT_X_M) / math.cos(BESIDE), abs=1e-5)
        assert ranges[28] > 1.8


def test_of_another_car_the_lidar_on_its_roof_is_seen() -> None:
    """9 x 9 cm: its near face is 4.5 cm this side of its middle."""
    for kind in (Kind.PARKED_CAR, Kind.BOT_CAR, Kind.LEARNED_CAR):
        ranges = measure(other_car(-0.9, 0.0, kind=kind))
        assert ranges[31] == pytest.approx((0.9 - 0.045) / math.cos(BESIDE), abs=1e-5)
        assert seen(ranges) == [31, 32]
    # On a car that looks the other way it is on the other side of its middle.
    assert measure(other_car(-0.9, 0.0, 180.0))[31] == pytest.approx(
        (0.9 - 0.045 + 2 * MOUNT_X_M) / math.cos(BESIDE), abs=1e-5
    )


def test_a_lidar_on_the_bumper_sees_the_whole_of_another_car() -> None:
    ranges = measure(other_car(-0.9, 0.0), settings=EXACT.changed(z_m=0.06, x_m=0.0))
    assert ranges[31] == pytest.approx((0.9 - DEEPRACER.length_m / 2) / math.cos(BESIDE), abs=1e-5)
    assert len(seen(ranges)) > 2


@pytest.mark.parametrize(
    ("thing", "is_seen"),
    [
        (box(-1.0, 0.0, height_m=0.16), False),
        (box(-1.0, 0.0, height_m=0.17), True),
        (box(-1.0, 0.0, kind=Kind.BARRIER, half_length_m=0.02, half_width_m=0.4, height_m=0.3), True),
        (box(-1.0, 0.0, kind=Kind.BARRIER, half_length_m=0.02, half_width_m=0.4, height_m=0.1), False),
        (box(-1.0, 0.0, kind=Kind.NOTHING), False),
    ],
    ids=["low box", "box", "barrier", "low barrier", "nothing"],
)
def test_only_what_is_taller_than_the_lidar_is_seen(thing: NDArray[np.void], is_seen: bool) -> None:
    assert bool(seen(measure(thing))) is is_seen


def test_walls_are_where_the_room_ends() -> None:
    """The car stands 1 m from the wall on its left, turned by 90 degrees: behind it is the wall at y = -3."""
    ranges = measure(pose=(-2.0, 0.0, 90.0), room_m=3.0)
    assert ranges[LEFT] == pytest.approx(1.0 / math.cos(SIDE), abs=1e-4)
    assert ranges[RIGHT] == pytest.approx(5.0 / math.cos(SIDE), abs=1e-4)
    assert ranges[31] == pytest.approx((3.0 + MOUNT_X_M) / math.cos(BESIDE), abs=1e-4)
    assert len(seen(ranges)) == 64


def test_walls_lower_than_the_lidar_are_not_seen() -> None:
    assert seen(measure(room_m=3.0, wall_height_m=0.16)) == []
    assert len(seen(measure(room_m=3.0, wall_height_m=0.17))) == 64


def test_a_car_outside_of_the_room_sees_no_walls() -> None:
    assert seen(measure(pose=(0.0, 5.0, 0.0), room_m=3.0)) == []


def test_the_rays_turn_with_the_car_and_with_the_mount() -> None:
    ahead = measure(box(1.5, 0.0), settings=EXACT.changed(yaw_deg=0.0, x_m=0.0))
    assert ahead[list(BEHIND)] == pytest.approx(1.3 / math.cos(BESIDE), abs=1e-5)
    thing = box(-1.0, 0.3, 20.0)
    spacing = 300 / 63
    turned = measure(thing, settings=EXACT.changed(x_m=0.0), lidar_yaw_deg=2 * spacing)
    plain = measure(thing, settings=EXACT.changed(x_m=0.0))
    np.testing.assert_allclose(turned[:-2], plain[2:], rtol=1e-5)
    car_turned = measure(thing, settings=EXACT.changed(x_m=0.0), pose=(0.0, 0.0, 2 * spacing))
    np.testing.assert_allclose(car_turned, turned, rtol=1e-5)


def test_the_drawn_mount_is_added_to_the_settings() -> None:
    moved = measure(box(-1.5, 0.0), lidar_x_m=0.02, lidar_y_m=0.03)
    set_there = measure(box(-1.5, 0.0), settings=EXACT.changed(x_m=MOUNT_X_M + 0.02, y_m=0.03))
    np.testing.assert_allclose(moved, set_there, rtol=1e-6)


def test_nearer_than_the_range_is_the_nearest_and_further_is_nothing() -> None:
    assert measure(box(-0.32, 0.0))[31] == pytest.approx(0.15)
    assert measure(box(0.0, 0.0)).tolist() == pytest.approx([0.15] * 64)  # inside of it
    assert measure(box(-3.0, 0.0), settings=EXACT.changed(max_range_m=2.5))[31] == RANGE_MAX_M
    assert measure(room_m=12.0)[31] == RANGE_MAX_M
    assert measure(room_m=11.9)[31] < RANGE_MAX_M


def crossings(start: NDArray[np.float64], angles: NDArray[np.float64], thing: np.void) -> NDArray[np.float64]:
    """Distances along rays to the four sides of a thing, solved side by side as lines; infinity for none."""
    cos, sin = math.cos(thing["heading_rad"]), math.sin(thing["heading_rad"])
    turn = np.array([[cos, -sin], [sin, cos]])
    signs = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)])
    corners = signs * (thing["half_length_m"], thing["half_width_m"]) @ turn.T + (thing["x_m"], thing["y_m"])
    best = np.full(len(angles), np.inf)
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        for k, angle in enumerate(angles):
            matrix = np.array([[math.cos(angle), a[0] - b[0]], [math.sin(angle), a[1] - b[1]]])
            along, share = np.linalg.solve(matrix, a - start)
            if along > 0 and 0 <= share <= 1:
                best[k] = min(best[k], along)
    return best


@pytest.mark.parametrize("settings", [EXACT, AROUND.changed(rays=90)], ids=["deepracer", "around"])
def test_any_boxes_are_where_lines_through_their_corners_cross_the_rays(settings: LidarSettings) -> None:
    rng = np.random.default_rng(8)
    for _ in range(10):
        heading = rng.uniform(-180, 180)
        places = rng.uniform(0.6, 4, 5) * np.exp(1j * rng.uniform(-np.pi, np.pi, 5))
        things = [box(p.real, p.imag, rng.uniform(-180, 180)) for p in places]
        ranges = measure(*things, settings=settings, pose=(0.0, 0.0, heading), wall_height_m=0.0)
        start = MOUNT_X_M * np.array([math.cos(math.radians(heading)), math.sin(math.radians(heading))])
        angles = np.radians(settings.config().angles_deg + 180.0 + heading)
        expected = np.min([crossings(start, angles, thing[0]) for thing in things], axis=0)
        np.testing.assert_allclose(ranges, np.minimum(expected, RANGE_MAX_M), rtol=1e-5)


def test_noise_has_the_deviation_of_the_settings_and_of_the_draw() -> None:
    exact = measure(room_m=3.0)
    for settings, draw in ((EXACT.changed(noise_m=0.01), 0.0), (EXACT.changed(noise_m=0.006), 0.004)):
        scans = np.stack(
            [measure(room_m=3.0, settings=settings, steps=n, lidar_noise_m=draw) - exact for n in range(60)]
        )
        assert scans.std() == pytest.approx(0.01, rel=0.05)
        assert abs(scans.mean()) < 0.001
        assert np.abs(np.corrcoef(scans)[0, 1:]).max() < 0.6  # every scan and every ray its own
    for nothing in ({"room_m": 20.0}, {"wall_height_m": 0.1}):  # too far away, too low: what is nothing stays nothing
        assert (measure(settings=LidarSettings(), **nothing) == RANGE_MAX_M).all()


def test_a_share_of_the_rays_returns_nothing() -> None:
    scans = np.stack([measure(room_m=3.0, steps=n, lidar_dropout=0.1) for n in range(100)])
    lost = scans == RANGE_MAX_M
    assert lost.mean() == pytest.approx(0.1, abs=0.012)
    assert lost.mean(axis=0).max() < 0.3
    np.testing.assert_array_equal(scans[~lost], np.broadcast_to(measure(room_m=3.0), scans.shape)[~lost])


def test_a_real_scan_of_the_same_place_gives_the_same_rays() -> None:
    """What an RPLIDAR gives all around, made into a model's rays, is what the simulator measures ray by ray."""
    things = [box(-1.2, 0.3, 30.0), box(0.2, 1.1, -20.0), other_car(-0.3, -0.8, 70.0)]
    rays = measure(*things, room_m=2.5)
    around = measure(*things, room_m=2.5, settings=AROUND.changed(rays=720))
    angles = AROUND.changed(rays=720).config().angles_deg
    device = -angles - 40.0  # a device that counts clockwise and whose zero looks 140 degrees to the left
    given = rays_from_scan(device, around, LidarConfig(), yaw_deg=140.0)
    near = np.isclose(given, rays, atol=0.02)
    assert near.sum() >= 62  # but for a ray that passes an edge within half a degree
    assert rays.min() < 0.9


def test_a_lidar_of_the_car_model_is_deepracers() -> None:
    record = lidar_record(LidarSettings(), DEEPRACER)[0]
    assert (record["x_m"], record["y_m"], record["z_m"]) == (0.02913, 0.0, 0.16145)
    assert record["yaw_rad"] == pytest.approx(math.pi)
    assert LidarSettings().config() == LidarConfig()
