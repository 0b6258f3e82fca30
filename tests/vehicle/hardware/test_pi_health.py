"""The computer's heat and supply, from whichever of the kernel's and the firmware's words there are."""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path
from typing import Any

import pytest

from vehicle.hardware.pi_health import GET_THROTTLED, IOCTL_MBOX_PROPERTY, PiHealth


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def pi(tmp_path: Path) -> Path:
    write(tmp_path / "sys/class/thermal/thermal_zone0/temp", "48312\n")
    write(tmp_path / "sys/class/thermal/thermal_zone1/temp", "51000\n")
    return tmp_path


FLAGS = [(0x0, 0, 0), (0x1, 1, 0), (0x4, 0, 1), (0x50005, 1, 1), (0x50000, 0, 0), (0x8, 0, 0)]


@pytest.mark.parametrize(("bits", "undervoltage", "slowed"), FLAGS)
def test_the_firmwares_flags_tell_what_is_so_now_and_not_what_was(
    pi: Path, bits: int, undervoltage: int, slowed: int
) -> None:
    write(pi / "sys/devices/platform/soc/soc:firmware/get_throttled", f"{bits:x}\n")
    assert PiHealth(pi).read() == {
        "temperature_c": 51.0,
        "undervoltage": undervoltage,
        "slowed_by_heat": slowed,
        "throttled_bits": bits,
    }


def test_without_that_file_the_firmware_is_asked_itself(pi: Path) -> None:
    write(pi / "dev/vcio", "")
    asked = []

    def ioctl(descriptor: int, request: int, message: Any) -> None:
        asked.append((request, struct.unpack("=7I", message)))
        struct.pack_into("=I", message, 20, 0x50005)

    assert PiHealth(pi, ioctl=ioctl).read()["throttled_bits"] == 0x50005
    assert asked == [(IOCTL_MBOX_PROPERTY, (28, 0, GET_THROTTLED, 4, 0, 0, 0))]
    assert IOCTL_MBOX_PROPERTY == 0xC0086400  # of a 64-bit system


def test_without_either_the_kernels_alarm_tells_of_the_supply(pi: Path) -> None:
    def refused(descriptor: int, request: int, message: Any) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    write(pi / "dev/vcio", "")
    write(pi / "sys/class/hwmon/hwmon0/name", "cpu_thermal\n")
    write(pi / "sys/class/hwmon/hwmon0/in0_lcrit_alarm", "0\n")
    write(pi / "sys/class/hwmon/hwmon1/name", "rpi_volt\n")
    write(pi / "sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n")
    assert PiHealth(pi, ioctl=refused).read() == {"temperature_c": 51.0, "undervoltage": 1.0}


def test_a_computer_that_is_no_pi_tells_what_it_has(pi: Path, tmp_path: Path) -> None:
    assert PiHealth(pi).read() == {"temperature_c": 51.0}
    assert PiHealth(tmp_path / "nothing").read() == {}


def test_files_that_cannot_be_read_or_say_nonsense_are_left_out(pi: Path) -> None:
    write(pi / "sys/class/thermal/thermal_zone1/temp", "hot\n")
    write(pi / "sys/devices/platform/soc/soc:firmware/get_throttled", "?\n")
    (pi / "sys/class/thermal/thermal_zone2/temp").mkdir(parents=True)
    assert PiHealth(pi).read() == {"temperature_c": pytest.approx(48.3, abs=0.1)}
