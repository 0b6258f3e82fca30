"""The simulator as one real car: its speed map, steering map, lags and mounts come from its calibration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from calibration.foreign_files import import_any
from calibration.profile import CalibrationProfile
from calibration.profile_file import read_profile
from calibration.response import CarResponse
from shared.atomic_files import storage_errors
from shared.errors import CalibrationError, SimulationError
from trainer.simulator import Simulator
from trainer.simulator.dynamics import PRESETS
from trainer.simulator.randomisation import QUANTITIES, RandomisationSettings
from trainer.simulator.settings import SimulatorSettings

# What a calibration decides of the simulator; a run that takes another one begins these anew.
DECIDED = (
    "simulator.dynamics.max_speed_mps",
    "simulator.dynamics.max_steering_angle_deg",
    "simulator.dynamics.speed_lag_s",
    "simulator.dynamics.steering_lag_s",
    "simulator.camera.x_m",
    "simulator.camera.y_m",
    "simulator.camera.height_m",
    "simulator.camera.pitch_deg",
    "simulator.camera.horizontal_fov_deg",
    "simulator.lidar.x_m",
    "simulator.lidar.y_m",
    "simulator.lidar.z_m",
    "simulator.lidar.yaw_deg",
    "simulator.randomisation.camera_roll_deg",
    "simulator.randomisation.camera_yaw_deg",
)


def profile_from_file(path: Path) -> CalibrationProfile:
    """A car's calibration, as `lapwing-car calibration export` writes it; DeepRacer's and donkeycar's files too."""
    with storage_errors(path, "read"):
        content = path.read_bytes()
    try:
        return read_profile(content, source=str(path))
    except CalibrationError as error:
        if "not a calibration file of Lapwing" in str(error) or "not JSON" in str(error):
            return import_any(content, source=str(path))
        raise


def filled_from_calibration(written: Mapping[str, Any]) -> dict[str, Any]:
    """The written settings of a training over those that its calibration brings along."""
    values = dict(written)
    given = values.get("calibration")
    if isinstance(given, str | Path):
        given = profile_from_file(Path(given))
    elif isinstance(given, Mapping):
        given = CalibrationProfile.model_validate(given)
    if not isinstance(given, CalibrationProfile):
        return values
    simulator = values.get("simulator", {})
    if isinstance(simulator, SimulatorSettings):
        simulator = simulator.model_dump()
    return {**values, "calibration": given, "simulator": _over(settings_of(given, simulator), simulator)}


def settings_of(profile: CalibrationProfile, simulator: Mapping[str, Any]) -> dict[str, Any]:
    """What a calibration says of the simulator, as written settings would say it. simulator: what is written of it."""
    camera, lidar = profile.camera, profile.lidar
    found: dict[str, Any] = {"dynamics": _dynamics(profile, simulator.get("dynamics", {}))}
    if camera is not None:
        found["camera"] = {
            "x_m": camera.x_m,
            "y_m": camera.y_m,
            "height_m": camera.z_m,
            "pitch_deg": camera.pitch_deg,
            "horizontal_fov_deg": camera.horizontal_fov_deg,
        }
        written = simulator.get("randomisation", {})
        turned = {"camera_roll_deg": camera.roll_deg, "camera_yaw_deg": camera.yaw_deg}
        found["randomisation"] = {
            name: _around(name, angle_deg, written) for name, angle_deg in turned.items() if angle_deg
        }
    if lidar is not None:
        found["lidar"] = lidar.model_dump()
    return found


def _dynamics(profile: CalibrationProfile, written: Any) -> dict[str, Any]:
    """Limits and lags. A lag that was measured begins with the command, the simulator's after its delay: it is less."""
    response, throttle = CarResponse(profile), profile.throttle
    furthest_deg = float(np.abs(response.angles_deg([-60.0, 60.0])).max())
    found: dict[str, Any] = {"max_steering_angle_deg": min(max(furthest_deg, 0.1), 60.0)}
    if throttle.points:
        found["max_speed_mps"] = response.top_speed_mps
    measured = {"steering_lag_s": profile.steering.lag_s, "speed_lag_s": throttle.lag_s}
    delay_s = _delay_s(written if isinstance(written, Mapping) else {})
    found |= {name: max(0.0, lag_s - delay_s) for name, lag_s in measured.items() if lag_s is not None}
    return found


def _delay_s(written: Mapping[str, Any]) -> float:
    """From the command to the first change at servo and motor, as it is written or as the preset has it."""
    delay_s = written.get("delay_s")
    if not isinstance(delay_s, int | float):
        delay_s = PRESETS.get(str(written.get("preset", "real_car")), PRESETS["real_car"])["delay_s"]
    return float(delay_s)


def _around(name: str, angle_deg: float, written: Any) -> dict[str, float]:
    """The preset's range of an angle, about the one that was measured."""
    preset = written.get("preset", "light") if isinstance(written, Mapping) else "light"
    low, high = RandomisationSettings(preset=preset).range_of(name)
    lowest, highest = QUANTITIES[name][:2]
    return {
        "low": min(max(low + angle_deg, lowest), highest),
        "high": min(max(high + angle_deg, lowest), highest),
    }


def _over(brought: Mapping[str, Any], written: Any) -> dict[str, Any]:
    """Both, groups within groups; what is written wins, and nothing written is None."""
    values = dict(brought)
    for key, value in (written if isinstance(written, Mapping) else {}).items():
        below = brought.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            values[key] = _over(below, value)
        elif value is not None or key not in brought:
            values[key] = value
    return values


class CalibratedSimulator(Simulator):
    """A simulator whose cars answer commands as the car does that was calibrated."""

    def __init__(self, profile: CalibrationProfile, *arguments: Any, **options: Any) -> None:
        """arguments, options: of the simulator."""
        super().__init__(*arguments, **options)
        self._response = CarResponse(profile)

    def step(self, steering_angle_deg: ArrayLike, speed_mps: ArrayLike) -> None:
        """Every car takes one step as its servo and its motor would; left is positive."""
        asked = np.asarray(steering_angle_deg, np.float64), np.asarray(speed_mps, np.float64)
        if not (np.isfinite(asked[0]).all() and np.isfinite(asked[1]).all()):
            raise SimulationError("A command is not a finite number: the policy's weights are probably NaN.")
        super().step(self._response.angles_deg(asked[0]), self._response.speeds_mps(asked[1]))


def open_simulator(profile: CalibrationProfile | None, *arguments: Any, **options: Any) -> Simulator:
    """A simulator, of one calibrated car where there is a profile."""
    if profile is None:
        return Simulator(*arguments, **options)
    return CalibratedSimulator(profile, *arguments, **options)
