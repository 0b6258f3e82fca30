"""Every sensor of a car in the simulator: two pictures, scans at their rate, motion; alone, in a batch, on threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from shared.errors import MetadataError, SimulationError
from shared.lidar import RANGE_MAX_M
from shared.sensors import (
    DISCRETIZED_SECTOR_LIDAR,
    FRONT_CAMERA,
    LEFT_CAMERA,
    LIDAR,
    SENSORS,
    STEREO_CAMERAS,
    WHEEL_SPEED_AND_YAW_RATE,
)
from tests.trainer.simulator.made_up import KINEMATIC, NO_RULES, OFF, oval_track, quiet, steer_along, straight_track
from trainer.simulator import CameraSettings, RandomisationSettings, Simulator, SimulatorSettings
from trainer.simulator.settings import LidarSettings
from trainer.simulator.simulator import STATE
from trainer.tracks import Track

EVERYTHING = (STEREO_CAMERAS, LIDAR, WHEEL_SPEED_AND_YAW_RATE)
STRONG = SimulatorSettings(randomisation=RandomisationSettings(preset="strong"))


def simulator_of(track: Track, sensors: tuple[str, ...] = EVERYTHING, cars: int = 1, **changes: Any) -> Simulator:
    settings = SimulatorSettings(**{"randomisation": OFF, "threads": 1, "rules": NO_RULES} | changes)
    simulator = Simulator([track], settings, seeds=np.arange(cars) + 1, start_fraction=0.0, sensors=sensors)
    simulator.reset()
    return simulator


def drive(simulator: Simulator, steps: int) -> None:
    for step in range(steps):
        simulator.step(steer_along(simulator) + 12 * np.sin(step / 4), 1.3)
        over = simulator.terminated | simulator.truncated
        if over.any():
            simulator.reset(over)


@pytest.mark.parametrize("name", SENSORS)
def test_every_sensor_of_the_table_has_its_reading(oval: Track, name: str) -> None:
    simulator = simulator_of(oval, (name,), cars=2)
    reading = simulator.readings()[SENSORS[name].reading]
    shapes = {"camera": (1, 120, 160), "stereo": (2, 120, 160), "lidar": (64,), "motion": (2,)}
    assert reading.shape == (2, *shapes[SENSORS[name].reading])
    simulator.step(10.0, 2.0)
    assert reading.any()
    assert np.shares_memory(reading, simulator.readings()[SENSORS[name].reading])


def test_what_nobody_asked_for_is_not_there(oval: Track) -> None:
    simulator = simulator_of(oval, (FRONT_CAMERA,))
    assert list(simulator.readings()) == ["camera"]
    assert (simulator.lidar.size, simulator.motion.size, simulator.pictures.shape) == (0, 0, (1, 1, 120, 160))
    assert set(simulator_of(oval, (FRONT_CAMERA, DISCRETIZED_SECTOR_LIDAR)).readings()) == {"camera", "lidar"}
    assert set(simulator_of(oval, EVERYTHING).readings()) == {"camera", "stereo", "lidar", "motion"}


def test_a_sensor_that_does_not_exist_is_refused(oval: Track) -> None:
    with pytest.raises(MetadataError, match="'RADAR' is not supported"):
        Simulator([oval], seeds=[1], sensors=("RADAR",))


@pytest.mark.parametrize("name", [LEFT_CAMERA, FRONT_CAMERA])
def test_more_sensors_change_no_byte_of_a_single_cameras_picture(oval: Track, name: str) -> None:
    plain, more = (Simulator([oval], STRONG, seeds=[5, 6], sensors=s) for s in ((name,), (name, *EVERYTHING[1:])))
    for simulator in (plain, more):
        simulator.reset()
        drive(simulator, 10)
    np.testing.assert_array_equal(plain.camera, more.camera)


def test_two_cameras_stand_to_the_left_and_right_of_the_single_ones_place(oval: Track) -> None:
    pair = simulator_of(oval, (STEREO_CAMERAS,), randomisation=quiet())
    for picture, y_m in ((pair.pictures[0, 0], 0.03), (pair.pictures[0, 1], -0.03)):
        single = simulator_of(oval, (FRONT_CAMERA,), randomisation=quiet(), camera=CameraSettings(y_m=y_m))
        np.testing.assert_array_equal(picture, single.camera[0])
    np.testing.assert_array_equal(pair.camera[0], pair.pictures[0, 0])
    np.testing.assert_array_equal(pair.readings()["camera"][0, 0], pair.pictures[0, 0])


@pytest.mark.parametrize("name", [LEFT_CAMERA, FRONT_CAMERA])
def test_where_some_see_with_two_cameras_and_others_with_one_each_has_its_own(oval: Track, name: str) -> None:
    one, two, both = (
        Simulator([oval], STRONG, seeds=[5, 6], sensors=s) for s in ((name,), (STEREO_CAMERAS,), (STEREO_CAMERAS, name))
    )
    for simulator in (one, two, both):
        simulator.reset()
        drive(simulator, 10)
    assert (one.camera != two.camera).any()
    np.testing.assert_array_equal(both.readings()["camera"], one.readings()["camera"])
    np.testing.assert_array_equal(both.readings()["stereo"], two.readings()["stereo"])
    np.testing.assert_array_equal(both.camera, one.camera)


def test_the_distance_between_the_cameras_is_a_setting_and_is_drawn(oval: Track) -> None:
    wide = simulator_of(
        oval, (STEREO_CAMERAS,), randomisation=quiet(), camera=CameraSettings(stereo_baseline_m=0.1)
    ).pictures
    drawn = simulator_of(oval, (STEREO_CAMERAS,), randomisation=quiet(stereo_baseline_m=(0.04, 0.04))).pictures
    np.testing.assert_array_equal(wide, drawn)
    together = simulator_of(
        oval, (STEREO_CAMERAS,), randomisation=quiet(), camera=CameraSettings(stereo_baseline_m=0.0)
    ).pictures
    np.testing.assert_array_equal(together[:, 0], together[:, 1])


def test_the_two_cameras_have_noise_of_their_own(oval: Track) -> None:
    noisy = quiet(noise_level=(8.0, 8.0))
    camera = CameraSettings(stereo_baseline_m=0.0)
    left, right = simulator_of(oval, (STEREO_CAMERAS,), randomisation=noisy, camera=camera).pictures[0].astype(int)
    clean = simulator_of(oval, (STEREO_CAMERAS,), randomisation=quiet(), camera=camera).pictures[0, 0].astype(int)
    noise = np.stack([(left - clean)[60:].ravel(), (right - clean)[60:].ravel()])
    assert noise.std() == pytest.approx(8.0, rel=0.1)
    assert abs(np.corrcoef(noise)[0, 1]) < 0.05


def test_the_walls_are_where_the_room_has_them() -> None:
    """A straight road 6 m long and 0.8 m wide, walls 2 m outside: 2.4 m to either side of the centre line."""
    lidar = LidarSettings(rays=360, fov_deg=360, noise_m=0.0)
    simulator = simulator_of(straight_track(), (FRONT_CAMERA, LIDAR), lidar=lidar)
    x_m = simulator.cars.x_m[0] + 0.02913
    ahead, left, behind, right = simulator.lidar[0, [0, 90, 180, 270]]
    assert (left, right) == pytest.approx((2.4, 2.4), abs=1e-4)
    assert (ahead, behind) == pytest.approx((6.0 + 2.0 - x_m, x_m + 2.0), abs=1e-4)


def test_a_scan_holds_until_the_next_is_due(oval: Track) -> None:
    """10 scans a second in steps of 1/15 s: two of three steps bring a new one."""
    simulator = simulator_of(oval, (FRONT_CAMERA, LIDAR))
    news = []
    for _ in range(30):
        before = simulator.lidar.copy()
        simulator.step(0.0, 1.0)
        news.append(bool((simulator.lidar != before).any()))
    assert sum(news) == 20
    assert news[:6] == [False, True, True, False, True, True]


@pytest.mark.parametrize(("rate_hz", "scans"), [(5.0, 10), (15.0, 30), (40.0, 30)])
def test_the_rate_is_a_setting(oval: Track, rate_hz: float, scans: int) -> None:
    simulator = simulator_of(oval, (FRONT_CAMERA, LIDAR), lidar=LidarSettings(rate_hz=rate_hz))
    news = 0
    for _ in range(30):
        before = simulator.lidar.copy()
        simulator.step(0.0, 1.0)
        news += bool((simulator.lidar != before).any())
    assert news == scans


def test_a_new_episode_and_a_car_that_was_put_back_begin_with_a_new_scan(oval: Track) -> None:
    simulator = simulator_of(oval, (FRONT_CAMERA, LIDAR), cars=2, lidar=LidarSettings(rate_hz=0.5))
    for again in (
        lambda: simulator.reset([True, False], start_fraction=0.5),
        lambda: simulator.put_back([True, False]),
    ):
        for _ in range(4):
            simulator.step(0.0, 1.5)
        before = simulator.lidar.copy()
        again()
        assert (simulator.lidar[0] != before[0]).any()
        np.testing.assert_array_equal(simulator.lidar[1], before[1])


def test_wheels_and_gyroscope_say_how_the_car_moves(oval: Track) -> None:
    simulator = simulator_of(oval, dynamics=KINEMATIC)
    assert simulator.motion[0].tolist() == [0.0, 0.0]
    for _ in range(3):
        simulator.step(20.0, 1.5)
    speed_mps, yaw_rate_rps = simulator.motion[0]
    assert speed_mps == pytest.approx(1.5)
    assert yaw_rate_rps == pytest.approx(1.5 * np.tan(np.radians(20)) / 0.164, rel=1e-4)  # left is positive
    simulator.step(0.0, -0.5)
    assert simulator.motion[0, 0] == pytest.approx(-0.5)


def test_the_noise_of_motion_is_drawn(oval: Track) -> None:
    noisy = quiet(wheel_speed_noise_mps=(0.1, 0.1), yaw_rate_noise_rps=(0.2, 0.2), yaw_rate_bias_rps=(0.5, 0.5))
    simulator = simulator_of(oval, cars=400, randomisation=noisy, dynamics=KINEMATIC)
    assert simulator.motion.std(axis=0) == pytest.approx([0.1, 0.2], rel=0.1)
    assert simulator.motion.mean(axis=0) == pytest.approx([0.0, 0.5], abs=0.03)
    assert abs(np.corrcoef(simulator.motion.T)[0, 1]) < 0.15


def test_the_number_of_threads_changes_no_byte_of_any_sensor(oval: Track) -> None:
    results = []
    for threads in (1, 2):
        simulator = Simulator([oval], STRONG.changed(threads=threads), seeds=np.arange(7), sensors=EVERYTHING)
        simulator.reset()
        drive(simulator, 12)
        results.append({name: values.tobytes() for name, values in simulator.snapshot().items()})
    assert results[0] == results[1]


def test_every_car_of_a_batch_senses_as_if_it_were_alone() -> None:
    tracks, seeds = [oval_track(), straight_track()], [3, 14, 15]
    batch = Simulator(tracks, STRONG, seeds=seeds, start_fraction=0.1, sensors=EVERYTHING)
    batch.reset()
    drive(batch, 40)
    for car, seed in enumerate(seeds):
        alone = Simulator(
            tracks, STRONG, seeds=[seed], track_index=[car % 2], start_fraction=0.1, world_index=[car],
            sensors=EVERYTHING,
        )  # fmt: skip
        alone.reset()
        drive(alone, 40)
        alone.worlds["first_car"] = car
        for name in STATE:
            assert alone.snapshot()[name][0].tobytes() == batch.snapshot()[name][car].tobytes(), name


def test_a_restored_snapshot_senses_the_very_same_bytes(oval: Track) -> None:
    first, second = (Simulator([oval], STRONG, seeds=np.arange(3) + s, sensors=EVERYTHING) for s in (0, 9))
    first.reset()
    drive(first, 7)
    second.restore(first.snapshot())
    for simulator in (first, second):
        drive(simulator, 7)
    for name, reading in first.readings().items():
        np.testing.assert_array_equal(second.readings()[name], reading)


def test_a_snapshot_with_other_sensors_is_refused(oval: Track) -> None:
    with pytest.raises(SimulationError, match="other sensors"):
        simulator_of(oval, (FRONT_CAMERA,)).restore(simulator_of(oval, EVERYTHING).snapshot())


def test_without_answers_the_lidar_sees_nothing(oval: Track) -> None:
    silent = simulator_of(oval, (FRONT_CAMERA, LIDAR), randomisation=quiet(lidar_dropout=(1.0, 1.0)))
    assert (silent.lidar == RANGE_MAX_M).all()
