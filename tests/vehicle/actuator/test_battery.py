"""A battery's limits count when they last, and an unknown battery is told as unknown."""

from __future__ import annotations

import math

import pytest

from shared.errors import SettingsError
from shared.settings import parse_settings
from vehicle.actuator.battery import (
    LASTING_S,
    BatteryLevel,
    BatteryLimits,
    BatteryState,
    battery_after,
    charge_percent,
)

LIMITS = BatteryLimits(cells=2, warn_cell_v=3.6, slow_cell_v=3.5, stop_cell_v=3.3)
EVERY_S = 0.4


def after(volts: list[float], state: BatteryState | None = None, *, from_s: float = 50.0) -> BatteryState:
    """The state after these voltages, one every EVERY_S."""
    state = state or BatteryState()
    for index, voltage_v in enumerate(volts):
        state = battery_after(state, {"voltage_v": voltage_v}, LIMITS, from_s + index * EVERY_S)
    return state


LONG = math.ceil(LASTING_S / EVERY_S) + 1


@pytest.mark.parametrize(
    ("voltage_v", "level"),
    [
        (9.0, BatteryLevel.FINE), (8.4, BatteryLevel.FINE),
        (7.21, BatteryLevel.FINE), (7.2, BatteryLevel.LOW), (7.01, BatteryLevel.LOW),
        (7.0, BatteryLevel.VERY_LOW), (6.61, BatteryLevel.VERY_LOW), (6.6, BatteryLevel.EMPTY),
        (4.0, BatteryLevel.EMPTY),
    ],
)  # fmt: skip
def test_each_limit_counts_once_it_has_lasted(voltage_v: float, level: BatteryLevel) -> None:
    assert after([voltage_v] * LONG).level is level


def test_a_dip_while_the_motor_pulls_is_no_empty_battery() -> None:
    assert after([7.9, 6.0, 6.0, 6.0, 7.9]).level is BatteryLevel.FINE
    state = BatteryState()
    for at_s, voltage_v, level in (
        (0.0, 6.0, BatteryLevel.FINE),
        (LASTING_S - 0.001, 6.0, BatteryLevel.FINE),
        (LASTING_S, 6.0, BatteryLevel.EMPTY),
    ):
        state = battery_after(state, {"voltage_v": voltage_v}, LIMITS, at_s)
        assert state.level is level


def test_every_level_counts_from_when_it_was_itself_reached() -> None:
    assert after([7.1, 7.1, 7.1, 6.9]).level is BatteryLevel.LOW


def test_a_level_is_left_by_a_clear_margin() -> None:
    low = after([7.0] * LONG)
    assert after([7.09], low, from_s=60.0).level is BatteryLevel.VERY_LOW
    assert after([7.11], low, from_s=60.0).level is BatteryLevel.LOW
    assert after([7.31], low, from_s=60.0).level is BatteryLevel.FINE


def test_a_gauge_that_measures_no_current_knows_of_no_stall() -> None:
    limits = LIMITS.changed(stall_current_a=0.5)
    assert battery_after(BatteryState(), {"voltage_v": 7.9}, limits, 1.0).stall_since_s is None


@pytest.mark.parametrize("voltage_v", [0.0, 3.9, 9.1, -7.4, math.nan, math.inf])
def test_what_is_no_battery_is_unknown_and_not_full(voltage_v: float) -> None:
    state = after([voltage_v], after([7.0] * LONG))
    assert state.unknown
    assert (state.level, state.charge_percent) == (BatteryLevel.FINE, None)


def test_a_gauge_that_gives_nothing_is_unknown() -> None:
    assert battery_after(BatteryState(), {}, LIMITS, 1.0).unknown
    assert battery_after(BatteryState(), {"charge_percent": math.nan}, LIMITS, 1.0).unknown


@pytest.mark.parametrize(
    ("percent", "level"),
    [(41, "FINE"), (40, "LOW"), (21, "LOW"), (20, "VERY_LOW"), (11, "VERY_LOW"), (10, "EMPTY"), (0, "EMPTY")],
)
def test_a_gauge_without_volts_has_limits_too(percent: float, level: str) -> None:
    state = BatteryState()
    for at_s in (0.0, 1.0):
        state = battery_after(state, {"charge_percent": percent}, LIMITS, at_s)
    assert (state.level.name, state.charge_percent) == (level, percent)


@pytest.mark.parametrize(
    ("cell_v", "percent"),
    [(2.5, 0), (3.27, 0), (3.44, 2.5), (3.8, 40), (3.835, 50), (4.11, 90), (4.2, 100), (4.3, 100)],
)
def test_the_charge_follows_the_table(cell_v: float, percent: float) -> None:
    assert charge_percent(cell_v) == pytest.approx(percent)


def test_a_current_that_stays_is_timed_from_its_beginning() -> None:
    limits, state = LIMITS.changed(stall_current_a=8.0), BatteryState()
    for at_s, current_a, since_s in ((0.0, 7.9, None), (1.0, 8.0, 1.0), (1.5, 12.0, 1.0), (2.0, 1.0, None)):
        state = battery_after(state, {"voltage_v": 7.9, "current_a": current_a}, limits, at_s)
        assert state.stall_since_s == since_s
    assert battery_after(state, {"voltage_v": 7.9, "current_a": 99.0}, LIMITS, 3.0).stall_since_s is None


@pytest.mark.parametrize("values", [{"warn_cell_v": 3.5}, {"stop_cell_v": 3.5}, {"slow_cell_v": 3.7}])
def test_limits_in_the_wrong_order_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="rise in this order"):
        parse_settings(BatteryLimits, values, source="car.toml")
