"""`lapwing train --calibration FILE`: the simulator becomes the car, and the run keeps which car that was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calibration.profile import CalibrationProfile, CameraPose, LidarPose
from calibration.profile_file import export_profile
from shared.errors import SettingsError, SimulationError
from shared.settings import dump_settings, load_settings
from trainer.calibrated_car import open_simulator
from trainer.config import TrainingSettings
from trainer.environment import RacingEnv
from trainer.simulator import SimulatorSettings
from trainer.simulator.randomisation import RandomisationSettings
from trainer.simulator.settings import EpisodeRules
from trainer.tracks import load_track

CAR = CalibrationProfile(
    steering={
        "left_us": 1700, "centre_us": 1500, "right_us": 1350, "lag_s": 0.11,
        "points": [
            {"pulse_us": 1350, "angle_deg": -18},
            {"pulse_us": 1500, "angle_deg": 0},
            {"pulse_us": 1700, "angle_deg": 28},
        ],
    },
    throttle={
        "forward_us": 1650, "neutral_us": 1500, "reverse_us": 1400, "dead_band_us": 20, "lag_s": 0.35,
        "points": [{"pulse_us": 1520, "speed_mps": 0}, {"pulse_us": 1650, "speed_mps": 1.2}],
    },
    camera=CameraPose(z_m=0.21, x_m=0.05, pitch_deg=21.0, horizontal_fov_deg=71.0, yaw_deg=3.0),
    lidar=LidarPose(yaw_deg=170.0),
)  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "car.json"
    path.write_text(export_profile(CAR))
    return path


def test_a_training_takes_speed_steering_lags_and_mounts_of_the_car(file: Path) -> None:
    settings = load_settings(TrainingSettings, None, [f"calibration={file}"])
    dynamics, camera = settings.simulator.dynamics, settings.simulator.camera
    assert dynamics.max_speed_mps == pytest.approx(1.2, abs=0.05)
    assert dynamics.max_steering_angle_deg == pytest.approx(28.0, abs=0.7)
    # The lags of the profile begin with the command, the simulator's after its delay of 0.05 s.
    assert dynamics.value("steering_lag_s") == pytest.approx(0.06)
    assert dynamics.value("speed_lag_s") == pytest.approx(0.30)
    assert (camera.height_m, camera.x_m, camera.pitch_deg, camera.horizontal_fov_deg) == (0.21, 0.05, 21.0, 71.0)
    assert settings.simulator.randomisation.range_of("camera_yaw_deg") == (1.5, 4.5)
    assert settings.simulator.lidar.yaw_deg == 170.0


def test_what_is_written_wins_over_the_car(file: Path) -> None:
    settings = load_settings(TrainingSettings, None, [f"calibration={file}", "simulator.camera.height_m=0.5"])
    assert settings.simulator.camera.height_m == 0.5
    assert settings.simulator.camera.pitch_deg == 21.0


def test_a_run_keeps_its_car_when_the_file_changes(file: Path, tmp_path: Path) -> None:
    settings = load_settings(TrainingSettings, None, [f"calibration={file}"])
    kept = tmp_path / "settings.toml"
    kept.write_text(dump_settings(settings))
    file.unlink()
    again = load_settings(TrainingSettings, kept)
    assert again == settings
    assert again.calibration is not None
    assert again.calibration.sha256() == CAR.sha256()


def test_a_file_that_is_no_calibration_is_refused(tmp_path: Path) -> None:
    (tmp_path / "car.json").write_text("{}")
    with pytest.raises((SettingsError, OSError), match=r"car\.json"):
        load_settings(TrainingSettings, None, [f"calibration={tmp_path / 'car.json'}"])
    with pytest.raises((SettingsError, OSError), match="nowhere"):
        load_settings(TrainingSettings, None, [f"calibration={tmp_path / 'nowhere.json'}"])


def test_the_simulated_car_answers_as_the_profile_says(file: Path) -> None:
    """Told more than it can, it settles at its own limits, each side its own; told less, at what it was told."""
    settings = load_settings(TrainingSettings, None, [f"calibration={file}"])
    rules = EpisodeRules(off_track=False, reversed_steps=0, immobilized_steps=0, time_limit_s=0)
    world = settings.simulator.changed(threads=1, rules=rules, randomisation=RandomisationSettings(preset="off"))
    simulator = open_simulator(settings.calibration, [load_track("straight")], world, seeds=[0, 1, 2, 3])
    simulator.reset()
    for _ in range(60):
        simulator.step([45.0, -45.0, 10.0, 0.0], [0.5, 0.5, 0.6, 4.0])
    assert simulator.cars.steering_angle_rad == pytest.approx(np.radians([28.0, -18.0, 10.0, 0.0]), abs=0.013)
    assert simulator.cars.speed_mps[3] == pytest.approx(1.2, abs=0.05)
    assert simulator.cars.speed_mps[2] == pytest.approx(0.6, abs=0.05)
    with pytest.raises(SimulationError, match="NaN"):
        simulator.step([np.nan] * 4, [0.0] * 4)


def test_without_a_calibration_nothing_changes() -> None:
    assert load_settings(TrainingSettings, None).simulator == SimulatorSettings()


@pytest.mark.parametrize("randomisation", [None, "off"])
@pytest.mark.parametrize("simulator", [None, SimulatorSettings(), {"race": {"boxes": {"count": 2}}}])
def test_an_environment_is_that_car_too(
    file: Path, randomisation: str | None, simulator: SimulatorSettings | dict[str, object] | None
) -> None:
    env = RacingEnv(track="straight", calibration=file, simulator=simulator, randomisation=randomisation)
    settings = env.cars.simulator_settings
    assert (settings.camera.height_m, settings.lidar.yaw_deg) == (0.21, 170.0)
    assert settings.dynamics.max_speed_mps == pytest.approx(1.2, abs=0.05)


def test_what_is_written_for_an_environment_wins_over_the_car() -> None:
    for simulator in ({"camera": {"height_m": 0.5}}, SimulatorSettings(camera={"height_m": 0.5})):
        settings = RacingEnv(calibration=CAR, simulator=simulator, randomisation="off").cars.simulator_settings
        assert (settings.camera.height_m, settings.camera.x_m) == (0.5, 0.05)


def test_the_car_of_an_environment_turns_its_wheels_as_far_as_that_one() -> None:
    furthest_deg = []
    for calibration in (CAR, None):
        env = RacingEnv(
            track="straight", calibration=calibration, randomisation="off", action_space="continuous",
            simulator={"dynamics": {"steering_lag_s": 0.05}},
        )  # fmt: skip
        env.reset(seed=1)
        for _ in range(10):
            _, _, _, _, info = env.step(np.array([-1.0, -1.0], np.float32))
        furthest_deg.append(info["steering_angle_deg"])
        env.close()
    assert furthest_deg == [pytest.approx(-18.0, abs=0.7), pytest.approx(-30.0, abs=0.5)]
