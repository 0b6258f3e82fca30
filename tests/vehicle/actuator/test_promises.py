"""The figures that the README and the safety of the car rest on, written out: a changed one must be meant."""

from __future__ import annotations

import math
from typing import Any

import pytest

from shared.errors import SettingsError
from shared.settings import Settings, describe_settings, load_settings
from vehicle.actuator import (
    battery,
    board_writer,
    core,
    esc,
    guard_core,
    health,
    health_watch,
    heartbeat,
    lease,
    limits,
    mode,
    motion,
    realtime,
    slack,
    state,
    yaw_rate,
)
from vehicle.hardware import pca9685


def test_a_lease() -> None:
    assert lease.LONGEST_TTL_S == 0.100
    assert lease.OLDEST_ISSUE_S == 0.050
    assert lease.OLDEST_BASIS_S == {lease.Driver.AUTONOMOUS: 0.170, lease.Driver.MANUAL: 0.300}
    assert (lease.STEEPEST_ANGLE_DEG, lease.HIGHEST_SPEED_MPS) == (60.0, 15.0)
    assert (lease.SHORTEST_PULSE_US, lease.LONGEST_PULSE_US) == (900.0, 2100.0)
    assert lease.CLOCK_SLACK_S == 0.001
    assert lease.Pulses(1500.0, 1500.0).silent is False


def test_the_turn_and_the_latch() -> None:
    assert core.TURN_S == 0.020
    assert core.LATCH_AFTER_S == 0.500
    assert core.LONGEST_PRESS_S == 30.0
    assert core.LONGEST_SILENCE_S == 5.0
    assert (state.NEUTRAL_HOLD_S, state.STOP_HOLD_S) == (1.0, 0.2)
    assert (board_writer.CHECK_EVERY_S, board_writer.FAILED_WRITES_ALLOWED) == (0.095, 1)


def test_the_guard() -> None:
    assert (heartbeat.STILL_S, heartbeat.LEAST_LOOKS) == (0.150, 3)
    assert (guard_core.LOOK_S, guard_core.REST_EVERY_S, guard_core.NEUTRAL_S) == (0.010, 0.020, 0.2)
    assert (guard_core.ALONE_S, guard_core.LEAVE_S, guard_core.GIVE_UP_S) == (0.5, 1.0, 3.0)


def test_the_guard_comes_before_the_actuator_and_the_actuator_before_everything_else() -> None:
    assert (realtime.GUARD_PRIORITY, realtime.ACTUATOR_PRIORITY, realtime.OTHER_THREADS_PRIORITY) == (30, 20, 1)


def test_modes_health_and_the_speed_controller() -> None:
    assert mode.CRAWL_SPEED_MPS == 0.3
    assert (health.REDUCED_FRACTION, health.DIP_WINDOW_S) == (0.5, 10.0)
    assert (esc.TAP_S, esc.LEAST_ARMING_S) == (0.15, 1.0)
    assert limits.CALIBRATION_THROTTLE_RATE_US_PER_S == 400.0


def test_the_servo_board() -> None:
    assert (pca9685.PULSE_RATE_HZ, pca9685.STEPS_PER_PERIOD, pca9685.DEFAULT_ADDRESS) == (50.0, 4096, 0x40)
    assert (pca9685.LOWEST_PRE_SCALE, pca9685.HIGHEST_PRE_SCALE) == (3, 255)
    assert (pca9685.SHORTEST_PULSE_US, pca9685.LONGEST_PULSE_US) == (700.0, 2300.0)
    assert (pca9685.THROTTLE_CHANNEL, pca9685.STEERING_CHANNEL) == (0, 1)
    assert pca9685.OSCILLATOR_START_S == 0.0005


LIMITS = {
    "max_speed_mps": (1.5, 0.0, False, 8.0),
    "max_reverse_speed_mps": (0.0, 0.0, True, 2.0),
    "max_steering_angle_deg": (30.0, 0.0, False, 45.0),
    "acceleration_mps2": (15.0, 0.0, False, 50.0),
    "steering_rate_dps": (1500.0, 0.0, False, 5000.0),
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_has_its_default_and_its_range(name: str) -> None:
    default, lowest, takes_lowest, highest = LIMITS[name]
    assert set(limits.DriveLimits.model_fields) == set(LIMITS)
    assert getattr(limits.DriveLimits(), name) == default
    allowed = [math.nextafter(lowest, 1.0), highest, *([lowest] if takes_lowest else [])]
    refused = [math.nextafter(highest, 1e9), -1e-300, *([] if takes_lowest else [lowest])]
    for value in allowed:
        assert getattr(load_settings(limits.DriveLimits, None, [f"{name}={value!r}"]), name) == value
    for value in refused:
        with pytest.raises(SettingsError, match=name):
            load_settings(limits.DriveLimits, None, [f"{name}={value!r}"])


def test_the_battery() -> None:
    assert (battery.LASTING_S, battery.MARGIN_CELL_V, battery.MARGIN_PERCENT) == (1.0, 0.05, 5.0)
    assert (battery.LOWEST_CELL_V, battery.HIGHEST_CELL_V) == (2.0, 4.5)
    assert (battery.WARN_PERCENT, battery.SLOW_PERCENT, battery.STOP_PERCENT) == (40.0, 20.0, 10.0)
    assert battery.CHARGE_PERCENT == (
        (3.27, 0.0), (3.61, 5.0), (3.73, 20.0), (3.80, 40.0), (3.87, 60.0), (4.02, 80.0), (4.20, 100.0),
    )  # fmt: skip


def test_what_happens_to_the_car() -> None:
    assert motion.GRAVITY_MPS2 == 9.80665
    assert (motion.STILL_S, motion.STILL_MPS2, motion.STILL_DPS) == (1.0, 0.6, 40.0)
    assert (motion.LONGEST_GAP_S, motion.RISE_FADES_S, motion.RISING_S) == (0.1, 0.5, 0.11)
    assert (motion.FALL_FRACTION, motion.FALLING_S) == (0.3, 0.11)
    assert (motion.TILTED_S, motion.GRAVITY_ALONE_FRACTION) == (0.3, 0.15)


def test_how_fast_the_car_turns() -> None:
    assert (yaw_rate.OLDEST_S, yaw_rate.STILL_S) == (0.1, 0.5)
    assert (yaw_rate.STILL_MPS2, yaw_rate.STILL_DPS) == (0.6, 3.0)


def test_the_devices_beside_the_board() -> None:
    assert (slack.NEEDED_S, slack.FAILURES_ALLOWED, slack.RETRY_S) == (0.008, 1, 2.0)
    assert health_watch.OLDEST_S == {"battery": 3.0, "imu": 0.5, "computer": 3.0}
    assert (health_watch.FIRST_WORD_S, health_watch.UPSET_LASTS_S) == (3.0, 1.0)
    assert (health_watch.STALL_S, health_watch.TOO_HOT_C) == (2.0, 85.0)


@pytest.mark.parametrize(
    ("settings", "promised"),
    [
        (
            battery.BatteryLimits,
            {
                "cells": (2, "a whole number, from 1 to 6"),
                "warn_cell_v": (3.6, "a number, from 0.8 to 4.2"),
                "slow_cell_v": (3.5, "a number, from 0.8 to 4.2"),
                "stop_cell_v": (3.3, "a number, from 0.8 to 4.2"),
                "stall_current_a": (None, "a number, above 0 and at most 100"),
            },
        ),
        (
            motion.MotionLimits,
            {
                "crash_mps2": (30.0, "a number, from 15 to 70"),
                "lift_mps": (0.35, "a number, from 0.1 to 2"),
                "tilt_deg": (40.0, "a number, from 35 to 90"),
            },
        ),
    ],
)
def test_settings_have_their_defaults_and_their_ranges(settings: type[Settings], promised: dict[str, Any]) -> None:
    assert {each.key: (each.default, each.allowed) for each in describe_settings(settings)} == promised
