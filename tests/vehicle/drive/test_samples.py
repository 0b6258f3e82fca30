"""What the log tells of battery, IMU and computer: each reading once, the computer once a second."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.drive_channels import BatterySample, ImuSample, SystemSample
from tests.vehicle.actuator.test_server import Running
from vehicle.actuator.slack import Reading
from vehicle.drive.samples import RECONNECT_S, AskedReadings, Readings, Samples
from vehicle.runtime_folder import RuntimeFolder


class Car:
    """What its actuator says, and the files of its computer."""

    def __init__(self, root: Path) -> None:
        self.readings: dict[str, Reading] = {}
        self.root = root
        self.samples = Samples(lambda: self.readings, root)

    def system(self, now_s: float) -> SystemSample:
        (message,) = [message for _, message in self.samples(now_s, None) if isinstance(message, SystemSample)]
        return message

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def car(tmp_path: Path) -> Car:
    return Car(tmp_path)


def test_a_reading_is_told_once_with_the_time_it_was_made(car: Car) -> None:
    car.readings["battery"] = Reading({"voltage_v": 7.4, "current_a": 1.2, "charge_percent": 60.0}, 5.0)
    car.readings["imu"] = Reading({"x_mps2": 1.0, "y_mps2": -2.0, "z_mps2": 9.8, "z_dps": 30.0}, 5.1)
    told = car.samples(5.2, None)[:2]
    assert told == [
        (5.0, BatterySample(7.4, 1.2, 0.6)),
        (5.1, ImuSample((1.0, -2.0, 9.8), (0.0, 0.0, 30.0))),
    ]
    assert car.samples(5.4, None) == []
    car.readings["battery"] = Reading({"voltage_v": 7.3}, 6.0)
    assert car.samples(6.1, None) == [(6.0, BatterySample(7.3))]


def test_a_device_that_has_measured_nothing_is_not_told(car: Car) -> None:
    car.readings["battery"] = Reading({}, 5.0, "it does not answer")
    assert [message for _, message in car.samples(5.0, None) if isinstance(message, BatterySample)] == []


def test_the_computer_is_told_once_a_second(car: Car) -> None:
    times = [now_s / 4 for now_s in range(13)]
    told = [time_s for now_s in times for time_s, _ in car.samples(now_s, 1.5)]
    assert told == [0.0, 1.0, 2.0, 3.0]


def test_heat_and_supply_are_what_the_actuator_says_and_else_the_kernel(car: Car) -> None:
    car.write("sys/class/thermal/thermal_zone0/temp", "51500\n")
    assert car.system(0.0).cpu_temperature_c == 51.5
    car.readings["computer"] = Reading({"temperature_c": 63.0, "throttled_bits": 5.0}, 1.0)
    told = car.system(1.0)
    assert (told.cpu_temperature_c, told.throttled_bits) == (63.0, 5)


def test_the_radio_and_the_memory_are_read_from_the_kernels_files(car: Car) -> None:
    assert car.system(0.0) == SystemSample()
    car.write("proc/meminfo", "MemTotal:  1000 kB\nMemFree:  1 kB\nMemAvailable:  250 kB\n")
    car.write("proc/net/wireless", "Inter-|\n face |\n wlan0: 0000   54.  -56.  -256        0\n")
    told = car.system(1.0)
    assert (told.memory_percent, told.wifi_rssi_dbm) == (pytest.approx(75.0), -56.0)


@pytest.fixture
def asked(folder: RuntimeFolder, clock: Any) -> Iterator[AskedReadings]:
    asked = AskedReadings(folder.actuator, clock)
    yield asked
    asked.close()


def test_an_actuator_that_comes_is_asked_and_one_that_is_absent_seldom(
    asked: AskedReadings, folder: RuntimeFolder, clock: Any
) -> None:
    assert asked() == {}
    actuator = Running(folder)
    clock.sleep(RECONNECT_S - 0.1)
    assert asked() == {}  # not yet tried again
    clock.sleep(0.1)
    asked()
    assert asked._client is not None
    actuator.end()
    readings: Readings = asked()
    assert (readings, asked._client) == ({}, None)
