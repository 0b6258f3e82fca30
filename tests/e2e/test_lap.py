"""Board, actuator, drive and world in one process on a virtual clock: a lap, and how it must end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from calibration.profile import CalibrationProfile
from calibration.profile_file import shipped_profile
from calibration.pulses import CalibratedPulses
from shared.actions import Action
from trainer.world import EmulatedCar
from vehicle.actuator.lease import LONGEST_TTL_S, OLDEST_BASIS_S, Driver
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import Phase

MakeCar = Callable[..., Any]
TURN_S, PERIOD_S = 0.020, 0.020


def swapped_steering(profile: CalibrationProfile) -> CalibrationProfile:
    """Left is right: the servo was mounted the other way round."""
    steering = profile.steering
    return profile.changed(steering=steering.changed(left_us=steering.right_us, right_us=steering.left_us, points=()))


def short_throw(profile: CalibrationProfile) -> CalibrationProfile:
    """The ends of the steering were not looked for: full lock turns the wheels by a quarter."""
    steering = profile.steering.changed(left_us=1535.0, right_us=1428.0, points=())
    return profile.changed(steering=steering)


def reversed_motor(profile: CalibrationProfile) -> CalibrationProfile:
    """Forward is backward."""
    throttle = profile.throttle
    return profile.changed(
        throttle=throttle.changed(forward_us=throttle.reverse_us, reverse_us=throttle.forward_us, points=())
    )


def test_a_lap_completes_with_the_right_profile(virtual_car: MakeCar) -> None:
    car = virtual_car()
    assert car.drive_lap()
    assert 15.0 < car.pose.last_lap_time_s < 40.0


@pytest.mark.parametrize("spoil", [swapped_steering, short_throw, reversed_motor])
def test_the_lap_fails_with_a_wrong_profile(
    virtual_car: MakeCar, spoil: Callable[[CalibrationProfile], CalibrationProfile]
) -> None:
    car = virtual_car(profile=spoil(shipped_profile("emulated")))
    assert not car.drive_lap(timeout_s=25.0)
    assert car.pose.laps == 0


def test_the_shipped_profile_describes_the_hidden_car_within_five_percent() -> None:
    pulses, truth = CalibratedPulses(shipped_profile("emulated")), EmulatedCar()
    for angle_deg in range(-30, 31, 5):
        real_deg = truth.steering_angle_deg(pulses.steering_pulse_us(angle_deg))
        assert real_deg == pytest.approx(angle_deg, rel=0.05, abs=0.3)
    for tenths in range(3, 30):
        real_mps = truth.speed_mps(pulses.throttle_pulse_us(tenths / 10, top_speed_mps=3.0))
        assert real_mps == pytest.approx(tenths / 10, rel=0.05)
    assert truth.speed_mps(pulses.throttle_pulse_us(0.0, top_speed_mps=3.0)) == 0.0


def test_two_runs_give_the_same_pulses_to_the_last_bit(virtual_car: MakeCar) -> None:
    logs = []
    for _ in range(2):
        car = virtual_car(preset="light", seed=11)
        car.arm()
        car.run(5.0)
        logs.append(car.pulse_log())
    assert len(logs[0]) > 20
    assert logs[0] == logs[1]


def test_a_drive_that_dies_leaves_neutral_within_the_life_of_a_lease(virtual_car: MakeCar) -> None:
    car = virtual_car()
    car.arm()
    car.run(3.0)
    assert car.pose.speed_mps > 0.5
    died_at_s, car.drive_runs = car.clock(), False
    car.run(0.3)
    assert car.neutral_after_s(died_at_s) <= LONGEST_TTL_S + TURN_S + PERIOD_S
    car.run(2.0)
    assert not car.is_armed()
    assert abs(car.pose.speed_mps) < 0.05


def test_a_world_that_stands_still_is_a_camera_that_stands_still(virtual_car: MakeCar) -> None:
    car = virtual_car()
    car.arm()
    car.run(3.0)
    stood_at_s, car.world_runs = car.clock(), False
    car.run(0.3)
    oldest_s = OLDEST_BASIS_S[Driver.AUTONOMOUS]
    assert car.neutral_after_s(stood_at_s) <= oldest_s + TURN_S + PERIOD_S
    status = car.run(0.7)
    assert status.phase is not Phase.ARMED
    assert "camera" in status.reason


def test_a_pilot_that_answers_nan_stops_the_car_at_once(virtual_car: MakeCar) -> None:
    car = virtual_car()
    car.arm()
    car.run(3.0)
    car.pilot.decide_wrongly = lambda action: Action(float("nan"), action.speed_mps)
    mad_from_s = car.clock()
    car.run(0.3)
    assert car.neutral_after_s(mad_from_s) <= car.world.step_s + TURN_S + PERIOD_S
    assert "finite" in car.run(0.5).reason


def test_a_stopped_car_drives_again_only_after_a_new_arming(virtual_car: MakeCar) -> None:
    car = virtual_car()
    car.arm()
    car.run(2.0)
    car.core.stop("the button", car.clock())
    car.run(3.0)
    assert abs(car.pose.speed_mps) < 0.05
    assert car.core.arm(Mode.AUTONOMOUS, 1.0, car.clock()) is None
    car.run(2.0)
    assert car.pose.speed_mps > 0.5


def test_no_pulse_ever_leaves_the_calibrated_range(virtual_car: MakeCar) -> None:
    car = virtual_car(preset="strong", seed=3)
    car.pilot.decide_wrongly = lambda action: Action(action.steering_angle_deg * 3 % 60 - 30, 12.0)
    car.arm()
    car.run(5.0)
    profile = shipped_profile("emulated")
    for change in car.pulse_log():
        limits = (
            (profile.throttle.neutral_us, profile.throttle.forward_us)
            if change.channel == 0
            else (profile.steering.right_us, profile.steering.left_us)
        )
        assert limits[0] - 2.5 <= change.width_us <= limits[1] + 2.5
