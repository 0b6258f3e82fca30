"""The car's motion against numbers worked out by hand and against what was measured of DeepRacer's simulations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from shared.errors import SettingsError, SimulationError
from shared.settings import parse_settings
from tests.trainer.simulator.made_up import NO_RULES, OFF, one_car
from trainer.simulator import DynamicsSettings, RandomisationSettings, Range, Simulator, SimulatorSettings
from trainer.simulator.dynamics import PRESETS
from trainer.tracks import Track

STEP_S = 1 / 15
WHEELBASE_M = 0.164


def car_with(track: Track, preset: str = "kinematic", **changes: Any) -> Simulator:
    dynamics = DynamicsSettings(preset=preset, **changes)
    return one_car(track, dynamics=dynamics, rules=NO_RULES)


def velocity(simulator: Simulator) -> np.ndarray:
    """Velocity in the world, m/s."""
    cars = simulator.cars
    u, v, heading = cars.speed_mps[0], cars.lateral_speed_mps[0], cars.heading_rad[0]
    return np.array([u * math.cos(heading) - v * math.sin(heading), u * math.sin(heading) + v * math.cos(heading)])


def test_a_kinematic_car_goes_straight_as_far_as_it_was_told(straight: Track) -> None:
    simulator = car_with(straight)
    x_m = simulator.cars.x_m[0]
    for _ in range(15):
        simulator.step(0.0, 1.5)
    assert simulator.cars.x_m[0] - x_m == pytest.approx(1.5, abs=1e-9)
    assert simulator.cars.y_m[0] == pytest.approx(0.0, abs=1e-12)
    assert simulator.cars.time_s[0] == pytest.approx(1.0)


def test_a_kinematic_car_drives_the_circle_that_its_wheels_describe(oval: Track) -> None:
    # 20 degrees: rear axle on a radius of 0.164 / tan 20 = 0.4506 m, yaw rate 1 / 0.4506 = 2.2193 rad/s.
    simulator = car_with(oval)
    simulator.step(20.0, 1.0)
    assert simulator.cars.yaw_rate_rps[0] == pytest.approx(2.2193, abs=1e-3)
    around = round(2 * math.pi / 2.2193 / STEP_S)
    start = np.array([simulator.cars.x_m[0], simulator.cars.y_m[0]])
    places = []
    for _ in range(around):
        simulator.step(20.0, 1.0)
        places.append([simulator.cars.x_m[0], simulator.cars.y_m[0]])
    # The origin is half a wheelbase ahead of the rear axle: a radius of sqrt(0.4506^2 + 0.082^2) = 0.458 m.
    middle = np.mean(places, axis=0)
    radii = np.hypot(*(np.array(places) - middle).T)
    assert radii.mean() == pytest.approx(0.458, abs=0.01)
    assert np.hypot(*(np.array(places[-1]) - start)) < 0.05


@pytest.mark.parametrize("angle_deg", [-25.0, 25.0])
def test_positive_steering_turns_left(oval: Track, angle_deg: float) -> None:
    simulator = car_with(oval, "real_car")
    for _ in range(10):
        simulator.step(angle_deg, 1.0)
    assert np.sign(simulator.cars.yaw_rate_rps[0]) == np.sign(angle_deg)
    assert np.sign(simulator.cars.steering_angle_rad[0]) == np.sign(angle_deg)


@pytest.mark.parametrize("preset", ["real_car", "deepracer_v4", "deepracer_v6"])
@pytest.mark.parametrize("angle_deg", [10.0, 20.0, 30.0])
def test_slipping_tyres_never_push_harder_than_friction_allows(oval: Track, preset: str, angle_deg: float) -> None:
    simulator = car_with(oval, preset)
    limit_mps2 = PRESETS[preset]["friction"] * 9.81
    for _ in range(45):
        simulator.step(angle_deg, 3.5)
    accelerations = []
    for _ in range(15):
        before = velocity(simulator)
        simulator.step(angle_deg, 3.5)
        accelerations.append(np.hypot(*(velocity(simulator) - before)) / STEP_S)
    assert max(accelerations) <= 1.02 * limit_mps2
    # It is at the limit: a kinematic car would need 3.5^2 tan(10) / 0.48 = 4.5 m/s^2 at the very least.
    assert np.mean(accelerations) >= 0.6 * limit_mps2


def test_at_the_limit_the_car_runs_wide_and_does_not_spin(oval: Track) -> None:
    simulator = car_with(oval, "real_car")
    for _ in range(60):
        simulator.step(30.0, 4.0)
        slip_deg = math.degrees(math.atan2(simulator.cars.lateral_speed_mps[0], simulator.cars.speed_mps[0]))
        assert abs(slip_deg) < 30.0 or simulator.cars.speed_mps[0] < 0.8


def test_v4_takes_seven_steps_from_standstill_to_one_metre_per_second(oval: Track) -> None:
    simulator = car_with(oval, "deepracer_v4")
    speeds = []
    for _ in range(7):
        simulator.step(0.0, 1.0)
        speeds.append(float(simulator.cars.speed_mps[0]))
    measured = [0.13, 0.34, 0.54, 0.74, 0.81, 0.94, 1.03]
    np.testing.assert_allclose(speeds, measured, atol=0.1)


def test_v6_weighs_the_last_three_commands_as_measured(oval: Track) -> None:
    # The response to a step is the sum of the weights so far: .32 to .38, then .42 to .52 more, then all.
    simulator = car_with(oval, "deepracer_v6")
    speeds = []
    for _ in range(3):
        simulator.step(0.0, 1.0)
        speeds.append(float(simulator.cars.speed_mps[0]))
    assert 0.9 * 0.32 <= speeds[0] <= 1.1 * 0.38
    assert 0.9 * (0.32 + 0.42) <= speeds[1] <= 1.1 * (0.38 + 0.52)
    assert 0.9 <= speeds[2] <= 1.1


@pytest.mark.parametrize(("preset", "low_m", "high_m"), [("deepracer_v4", 0.47, 0.49), ("deepracer_v6", 0.32, 0.41)])
@pytest.mark.parametrize("angle_deg", [10.0, 20.0, 30.0])
@pytest.mark.parametrize("speed_mps", [0.5, 1.0])
def test_deepracers_cars_turn_as_wide_as_measured(
    oval: Track, preset: str, low_m: float, high_m: float, angle_deg: float, speed_mps: float
) -> None:
    simulator = car_with(oval, preset)
    for _ in range(45):
        simulator.step(angle_deg, speed_mps)
    cars = simulator.cars
    effective_m = cars.speed_mps[0] * math.tan(math.radians(angle_deg)) / cars.yaw_rate_rps[0]
    assert 0.9 * low_m <= effective_m <= 1.1 * high_m


def test_the_real_car_turns_as_its_wheelbase_says_when_slow(oval: Track) -> None:
    simulator = car_with(oval, "real_car")
    for _ in range(45):
        simulator.step(15.0, 0.5)
    cars = simulator.cars
    effective_m = cars.speed_mps[0] * math.tan(math.radians(15.0)) / cars.yaw_rate_rps[0]
    assert effective_m == pytest.approx(WHEELBASE_M, rel=0.02)


@pytest.mark.parametrize("delay_s", [0.0, 0.03, STEP_S, 0.1])
def test_a_command_takes_effect_after_the_delay(oval: Track, delay_s: float) -> None:
    simulator = one_car(
        oval, dynamics=DynamicsSettings(preset="kinematic", delay_s=delay_s), rules=NO_RULES, substeps=100
    )
    simulator.step(0.0, 0.0)
    start = simulator.cars.x_m[0]
    for _ in range(4):
        simulator.step(0.0, 1.0)
    assert simulator.cars.x_m[0] - start == pytest.approx(4 * STEP_S - delay_s, abs=0.001)


def test_a_car_that_is_told_to_stop_stands_still(oval: Track) -> None:
    simulator = car_with(oval, "real_car")
    for _ in range(30):
        simulator.step(20.0, 2.0)
    for _ in range(90):
        simulator.step(20.0, 0.0)
    assert simulator.cars.speed_mps[0] == 0.0
    assert simulator.cars.yaw_rate_rps[0] == 0.0


def test_a_car_can_be_driven_backwards_no_faster_than_its_reverse_limit(oval: Track) -> None:
    simulator = one_car(oval, dynamics=DynamicsSettings(max_reverse_mps=0.5), rules=NO_RULES)
    for _ in range(40):
        simulator.step(10.0, -3.0)
    assert simulator.cars.speed_mps[0] == pytest.approx(-0.5, abs=1e-3)


@pytest.mark.parametrize("substeps", [2, 10, 40])
@pytest.mark.parametrize("speed_mps", [0.41, 0.6, 0.81, 1.5, 4.0])
def test_motion_is_stable_at_every_speed_and_substep(oval: Track, substeps: int, speed_mps: float) -> None:
    grippy = RandomisationSettings(preset="off", friction=Range(low=1.5, high=1.5))
    simulator = one_car(oval, rules=NO_RULES, substeps=substeps, randomisation=grippy)
    rates = []
    for _ in range(60):
        simulator.step(8.0, speed_mps)
        rates.append(float(simulator.cars.yaw_rate_rps[0]))
    assert np.ptp(rates[-10:]) < 0.02 * abs(rates[-1])


def test_limits_hold_whatever_is_commanded(oval: Track) -> None:
    simulator = one_car(oval, dynamics=DynamicsSettings(preset="kinematic", max_speed_mps=2.0), rules=NO_RULES)
    simulator.step(80.0, 50.0)
    assert simulator.cars.speed_mps[0] == pytest.approx(2.0)
    assert math.degrees(simulator.cars.steering_angle_rad[0]) == pytest.approx(30.0)


@pytest.mark.parametrize("command", [(math.nan, 1.0), (0.0, math.nan), (math.inf, 1.0)])
def test_a_command_that_is_not_a_number_is_refused(oval: Track, command: tuple[float, float]) -> None:
    simulator = one_car(oval)
    with pytest.raises(SimulationError, match="not a finite number"):
        simulator.step(*command)


def test_a_value_given_replaces_the_presets() -> None:
    settings = DynamicsSettings(preset="deepracer_v4", friction=0.9)
    assert settings.value("friction") == 0.9
    assert settings.value("delay_s") == PRESETS["deepracer_v4"]["delay_s"]


def test_an_unknown_dynamics_preset_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match=r"dynamics\.preset"):
        parse_settings(SimulatorSettings, {"dynamics": {"preset": "bobsleigh"}}, source="test")


def test_the_steering_offset_of_a_car_makes_it_drift(straight: Track) -> None:
    crooked = RandomisationSettings(preset="off", steering_offset_deg=Range(low=3, high=3))
    drifting, true = one_car(straight, randomisation=crooked), one_car(straight, randomisation=OFF)
    for _ in range(20):
        drifting.step(0.0, 1.0)
        true.step(0.0, 1.0)
    assert drifting.cars.lateral_m[0] > 0.1
    assert abs(true.cars.lateral_m[0]) < 1e-9


def test_a_long_delay_is_kept_at_short_steps(oval: Track) -> None:
    simulator = one_car(
        oval, dynamics=DynamicsSettings(preset="kinematic", delay_s=0.4), rules=NO_RULES, step_s=0.01, substeps=2
    )
    start = simulator.cars.x_m[0]
    for _ in range(100):
        simulator.step(0.0, 1.0)
    assert simulator.cars.x_m[0] - start == pytest.approx(0.6, abs=0.01)
