"""Other devices of the bus are read in turn, in the time that is left, and given up when they fail."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from typing import Any

from vehicle.actuator.slack import NEEDED_S, RETRY_S, SlackReader

ENOUGH_S = 0.015


class Gauge:
    """Counts how often it was asked; fails as often as it is told."""

    def __init__(self, name: str, every_s: float) -> None:
        self.name, self.every_s = name, every_s
        self.asked = self.failures_left = 0

    def read(self) -> Mapping[str, float]:
        self.asked += 1
        if self.failures_left:
            self.failures_left -= 1
            raise OSError(errno.EREMOTEIO, os.strerror(errno.EREMOTEIO))
        return {"voltage_v": 7.0 + self.asked / 10}


def run(slack: SlackReader, clock: Any, turns: int) -> None:
    for _ in range(turns):
        clock.sleep(0.02)
        slack.read_one(clock(), ENOUGH_S)


def test_every_device_is_read_at_its_own_rate_and_one_a_turn(clock: Any) -> None:
    battery, imu = Gauge("battery", 1.0), Gauge("imu", 0.1)
    slack = SlackReader([battery, imu])
    slack.read_one(clock(), ENOUGH_S)
    assert battery.asked + imu.asked == 1
    run(slack, clock, 500)
    assert abs(battery.asked - 10) <= 1
    assert 80 <= imu.asked <= 101
    assert slack.readings["battery"].values == {"voltage_v": 7.0 + battery.asked / 10}
    assert clock() - slack.readings["imu"].at_s <= 0.14


def test_without_time_left_nothing_is_asked(clock: Any) -> None:
    battery = Gauge("battery", 1.0)
    slack = SlackReader([battery])
    slack.read_one(clock(), NEEDED_S - 1e-9)
    assert battery.asked == 0
    slack.read_one(clock(), NEEDED_S)
    assert battery.asked == 1


def test_one_failure_is_forgiven_and_two_in_a_row_end_it(clock: Any) -> None:
    battery, imu = Gauge("battery", 0.1), Gauge("imu", 0.1)
    slack = SlackReader([battery, imu])
    run(slack, clock, 50)
    battery.failures_left = 1
    run(slack, clock, 50)
    assert slack.readings["battery"].problem == ""
    values = slack.readings["battery"].values
    battery.failures_left = 2
    before, imu_before = battery.asked, imu.asked
    run(slack, clock, 200)
    assert battery.asked == before + 2
    assert "does not answer (Remote I/O error)" in slack.readings["battery"].problem
    assert slack.readings["battery"].values.keys() == values.keys()  # the last that it said
    assert imu.asked > imu_before + 10


def test_a_device_that_never_answered_says_so_too(clock: Any) -> None:
    battery = Gauge("battery", 0.1)
    battery.failures_left = 9
    slack = SlackReader([battery])
    run(slack, clock, 50)
    assert slack.readings["battery"].values == {}
    assert "wires" in slack.readings["battery"].problem


def test_a_car_without_such_devices_asks_nobody(clock: Any) -> None:
    slack = SlackReader()
    run(slack, clock, 10)
    assert slack.readings == {}


def test_a_device_that_failed_is_asked_again_while_the_car_stands(clock: Any) -> None:
    battery = Gauge("battery", 0.1)
    battery.failures_left = 3
    slack = SlackReader([battery])
    run(slack, clock, 20)
    assert battery.asked == 2
    run(slack, clock, 2 * round(RETRY_S / 0.02))
    assert battery.asked == 2
    for _ in range(2 * round(RETRY_S / 0.02) + 20):
        clock.sleep(0.02)
        slack.read_one(clock(), ENOUGH_S, may_retry=True)
    assert slack.readings["battery"].problem == ""
    run(slack, clock, 50)
    assert battery.asked >= 13  # and counts as well again


def test_a_device_is_asked_again_when_its_time_has_come_and_not_before() -> None:
    battery = Gauge("battery", 0.5)
    slack = SlackReader([battery])
    for at_s, asked in ((0.0, 1), (0.499, 1), (0.5, 2), (0.999, 2), (1.0, 3)):
        slack.read_one(at_s, ENOUGH_S)
        assert battery.asked == asked


def test_a_device_that_failed_is_left_alone_for_a_while_also_where_it_may_be_asked_again() -> None:
    battery = Gauge("battery", 0.125)
    battery.failures_left = 9
    slack = SlackReader([battery])
    for at_s, asked in ((0.0, 1), (0.125, 2), (0.25, 2), (0.124 + RETRY_S, 2), (0.125 + RETRY_S, 3), (2.25, 3)):
        slack.read_one(at_s, ENOUGH_S, may_retry=True)
        assert battery.asked == asked
