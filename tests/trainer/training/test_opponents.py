"""Opponents steer their own cars and no others, take turns by chance, and are found, checked and kept as files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.errors import ArchiveError, RunError, SettingsError
from shared.model_metadata import CameraView, LidarView, ModelMetadata
from shared.observation import Observer
from shared.sensors import FRONT_CAMERA, LIDAR, STEREO_CAMERAS, WHEEL_SPEED_AND_YAW_RATE
from shared.settings import load_settings
from tests.trainer.training.small_trainings import finish, new_run
from trainer.config import TrainingSettings
from trainer.evaluation.policy import load_policy
from trainer.models import sample_path
from trainer.training.opponent_files import check_opponents, keep_opponents, kept_opponents, opponent_paths
from trainer.training.opponents import Greedy, Opponents
from trainer.training.seats import training_seats

SEATS = training_seats(load_settings(TrainingSettings, None, ["race=head_to_head", "cars=8"]))
EVERYBODY = np.ones(8, dtype=bool)


class Constant:
    """A driver that always does the same and remembers what it saw."""

    def __init__(self, speed_mps: float, *sensors: str) -> None:
        self.speed_mps, self.sensors = speed_mps, sensors or (WHEEL_SPEED_AND_YAW_RATE, FRONT_CAMERA)
        self.lidar = None
        self.seen: dict[str, Any] = {}

    def observer(self, cars: int) -> Observer:
        return Observer(self.sensors, 1, None, cars)

    def commands(self, observation: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        self.seen = {name: values.copy() for name, values in observation.items()}
        count = len(next(iter(observation.values())))
        return np.full(count, -self.speed_mps), np.full(count, self.speed_mps)


def readings(step: int = 0) -> dict[str, np.ndarray]:
    rows = np.arange(8, dtype=np.float32)[:, None]
    return {
        "camera": np.broadcast_to(rows[:, :, None, None] + step, (8, 1, 120, 160)).astype(np.uint8),
        "motion": np.hstack([rows, rows + step]),
    }


def speeds(opponents: Opponents) -> np.ndarray:
    steering_deg, speed_mps = np.zeros(8), np.zeros(8)
    opponents.drive(steering_deg, speed_mps)
    assert np.array_equal(steering_deg, -speed_mps)
    return speed_mps


def test_they_steer_their_own_cars_and_see_what_those_see() -> None:
    driver = Constant(0.7)
    opponents = Opponents([driver], SEATS, (1,))
    opponents.begin(EVERYBODY, readings())
    assert speeds(opponents).tolist() == [0.0, 0.7, 0.7, 0.0, 0.0, 0.7, 0.7, 0.0]
    assert driver.seen[WHEEL_SPEED_AND_YAW_RATE][:, 0].tolist() == [1.0, 2.0, 5.0, 6.0]
    opponents.look(readings(step=3))
    speeds(opponents)
    assert driver.seen[FRONT_CAMERA][:, 0, 0, 0].tolist() == [4, 5, 8, 9]


def test_of_a_pool_every_car_draws_its_driver_anew_with_every_episode() -> None:
    opponents = Opponents([Constant(speed) for speed in (0.5, 1.0, 2.0)], SEATS, (1,))
    seen: set[tuple[float, ...]] = set()
    for _ in range(20):
        opponents.begin(EVERYBODY, readings())
        seen.add(tuple(speeds(opponents)))
    assert len(seen) > 10
    assert {speed for one in seen for speed in one} == {0.0, 0.5, 1.0, 2.0}


def test_a_car_that_goes_on_keeps_its_driver() -> None:
    opponents = Opponents([Constant(speed) for speed in (0.5, 1.0, 2.0)], SEATS, (1,))
    opponents.begin(EVERYBODY, readings())
    before = speeds(opponents)
    for _ in range(10):
        opponents.begin(np.arange(8) == 1, readings())
    after = speeds(opponents)
    assert np.array_equal(before[2:], after[2:])


def test_whoever_is_assigned_a_car_keeps_it() -> None:
    drivers = [Constant(0.5), Constant(1.0)]
    opponents = Opponents(drivers, SEATS, (1,), assigned=np.array([0, 1, 1, 0]))
    for _ in range(5):
        opponents.begin(EVERYBODY, readings())
        assert speeds(opponents)[SEATS.others].tolist() == [0.5, 1.0, 1.0, 0.5]


def test_a_car_that_was_put_back_has_forgotten_what_it_saw_before() -> None:
    class TwoPictures(Constant):
        def observer(self, cars: int) -> Observer:
            return Observer((FRONT_CAMERA,), 2, None, cars)

    driver = TwoPictures(0.7)
    opponents = Opponents([driver], SEATS, (1,))
    opponents.begin(EVERYBODY, readings())
    opponents.look(readings(step=3), put_back=np.arange(8) == 1)
    speeds(opponents)
    assert driver.seen[FRONT_CAMERA][:, :, 0, 0].tolist() == [[4, 4], [2, 5], [5, 8], [6, 9]]


def test_they_go_on_as_they_were() -> None:
    def pool() -> Opponents:
        return Opponents([Constant(speed) for speed in (0.5, 1.0, 2.0)], SEATS, (7,))

    one, other = pool(), pool()
    one.begin(EVERYBODY, readings())
    one.begin(EVERYBODY, readings(2))
    other.restore(one.state())
    for _ in range(3):
        for each in (one, other):
            each.begin(EVERYBODY, readings())
        assert np.array_equal(speeds(one), speeds(other))


def test_another_seed_draws_others() -> None:
    drawn = []
    for seed in range(6):
        opponents = Opponents([Constant(0.5), Constant(1.0)], SEATS, (seed,))
        opponents.begin(EVERYBODY, readings())
        drawn.append(tuple(speeds(opponents)))
    assert len(set(drawn)) > 1


# As files


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a run 'rival' that learned for a moment."""
    home = tmp_path_factory.mktemp("home")
    finish(*new_run(home, "rival", "stop.steps=64"))
    return home


def test_a_run_is_kept_whole_enough_to_drive_when_it_is_gone(trained: Path, tmp_path: Path) -> None:
    (path,) = opponent_paths(trained, ["self", "rival"])
    run, _ = new_run(tmp_path, "mine")
    keep_opponents(run, [path])
    (kept,) = kept_opponents(run)
    assert kept.is_relative_to(run.path)
    before, after = Greedy(load_policy(path, trained)), Greedy(load_policy(kept, trained))
    picture = {FRONT_CAMERA: np.random.default_rng(0).integers(0, 255, (3, 1, 120, 160), dtype=np.uint8)}
    assert np.array_equal(before.commands(picture), after.commands(picture))
    assert load_policy(kept, trained).name == "rival"


@pytest.mark.parametrize(
    ("model", "error", "words"),
    [
        ("rivla", RunError, "Did you mean 'rival'|There is no run 'rivla'"),
        ("rival:7", RunError, "no checkpoint 7"),
        ("nowhere/fast.tar.gz", ArchiveError, "no file nowhere/fast.tar.gz to race against"),
    ],
)
def test_an_opponent_that_is_not_there_is_refused(trained: Path, model: str, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        opponent_paths(trained, [model])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"control_rate_hz": 30.0}, "acts at 30 Hz, and for the other cars it is 15"),
        ({"camera": CameraView(horizontal_fov_deg=120.0)}, "sees 120 degrees"),
        ({"camera": CameraView(pitch_deg=3.0)}, "pitched by 3 degrees"),
        ({"camera": CameraView(stereo_baseline_m=0.1)}, "has cameras 0.1 m apart"),
        ({"lidar_view": LidarView(x_m=0.1)}, "has its LiDAR 0.1 m ahead of its middle"),
        ({"lidar_view": LidarView(y_m=-0.05)}, "has its LiDAR -0.05 m left of its middle"),
        ({"lidar_view": LidarView(height_m=0.1)}, "has its LiDAR at 0.1 m"),
        ({"lidar_view": LidarView(yaw_deg=0.0)}, "has its LiDAR turned by 0 degrees"),
        ({"lidar_config": {"num_values": 32}}, "has a LiDAR of 32 rays"),
    ],
)
def test_an_opponent_that_looks_or_acts_otherwise_is_refused(trained: Path, changes: dict, words: str) -> None:
    rival = load_policy("rival", trained)
    ours = replace(rival.metadata, sensors=(STEREO_CAMERAS, LIDAR), sensors_as_written=(), lidar_config={})
    check_opponents([replace(rival, metadata=ours)], ours)
    with pytest.raises(SettingsError, match=words):
        check_opponents([replace(rival, metadata=replace(ours, **changes))], ours)


def test_an_opponents_sensors_count_only_where_it_has_them(trained: Path) -> None:
    rival = load_policy("rival", trained)
    changes = {"camera": CameraView(stereo_baseline_m=0.1), "lidar_view": LidarView(yaw_deg=0.0)}
    check_opponents([replace(rival, metadata=replace(rival.metadata, **changes))], rival.metadata)


def test_a_sample_model_is_an_opponent_by_its_name_unless_a_run_has_it(trained: Path, tmp_path: Path) -> None:
    assert opponent_paths(trained, ["race_bots"]) == [sample_path("race_bots")]
    finish(*new_run(tmp_path, "race_bots", "stop.steps=16"))
    (path,) = opponent_paths(tmp_path, ["race_bots"])
    assert path.is_relative_to(tmp_path)


def test_metadata_of_an_opponent_may_differ_in_everything_else(trained: Path) -> None:
    rival = load_policy("rival", trained)
    check_opponents([rival], replace(rival.metadata, neural_network="DEEP_CONVOLUTIONAL_NETWORK"))
    assert isinstance(rival.metadata, ModelMetadata)
