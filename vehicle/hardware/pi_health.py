"""How the car's computer is: its temperature, and what the Raspberry Pi's firmware says of supply and heat.

Read from files of the kernel; where it offers no such file, the firmware is asked through /dev/vcio, as
`vcgencmd get_throttled` does.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

UNDERVOLTAGE, SLOWED_BY_HEAT = 1 << 0, 1 << 2  # bits of get_throttled: what is so now
GET_THROTTLED = 0x00030046  # property of the firmware's mailbox
# _IOWR(100, 0, char *): its size, and so its number, depends on the width of a pointer.
IOCTL_MBOX_PROPERTY = 0xC0000000 | struct.calcsize("P") << 16 | 100 << 8
_REQUEST = struct.Struct("=7I")  # bytes, request, tag, bytes of its value, request, value, end
_VALUE = 5


class PiHealth:
    """root: the file system to look at; tests give one of their own. What it does not offer is left out."""

    name = "computer"
    every_s = 0.4

    def __init__(
        self,
        root: Path = Path("/"),
        *,
        open_device: Callable[[str, int], int] = os.open,
        ioctl: Callable[[int, int, Any], Any] = fcntl.ioctl,
    ) -> None:
        self._root = root
        self._open_device = open_device
        self._ioctl = ioctl

    def read(self) -> Mapping[str, float]:
        """temperature_c, undervoltage and slowed_by_heat (1 or 0), throttled_bits."""
        values: dict[str, float] = {}
        temperature_c = self._temperature_c()
        if temperature_c is not None:
            values["temperature_c"] = temperature_c
        bits = self._throttled_bits()
        if bits is not None:
            values["undervoltage"] = float(bool(bits & UNDERVOLTAGE))
            values["slowed_by_heat"] = float(bool(bits & SLOWED_BY_HEAT))
            values["throttled_bits"] = float(bits)
            return values
        alarm = self._undervoltage_alarm()
        if alarm is not None:
            values["undervoltage"] = alarm
        return values

    def _temperature_c(self) -> float | None:
        """The hottest zone; thousandths of a degree in the files."""
        zones = (_number(path) for path in self._root.glob("sys/class/thermal/thermal_zone*/temp"))
        return max((zone / 1000 for zone in zones if zone is not None), default=None)

    def _throttled_bits(self) -> int | None:
        for path in self._root.glob("sys/devices/platform/*/*firmware/get_throttled"):
            with suppress(OSError, ValueError):
                return int(path.read_text(), 16)
        return self._asked_throttled_bits()

    def _asked_throttled_bits(self) -> int | None:
        request = bytearray(_REQUEST.pack(_REQUEST.size, 0, GET_THROTTLED, 4, 0, 0, 0))
        try:
            descriptor = self._open_device(str(self._root / "dev/vcio"), os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            self._ioctl(descriptor, IOCTL_MBOX_PROPERTY, request)
        except OSError:
            return None
        finally:
            os.close(descriptor)
        return int(_REQUEST.unpack(request)[_VALUE])

    def _undervoltage_alarm(self) -> float | None:
        """The kernel's own watch over the same bit."""
        for name in self._root.glob("sys/class/hwmon/hwmon*/name"):
            with suppress(OSError):
                if name.read_text().strip() == "rpi_volt":
                    return _number(name.with_name("in0_lcrit_alarm"))
        return None


def _number(path: Path) -> float | None:
    with suppress(OSError, ValueError):
        return float(path.read_text())
    return None
