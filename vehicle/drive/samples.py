"""How the computer and the devices beside the road are, for the log: battery, IMU, heat, memory, Wi-Fi.

Devices on the servo board's bus belong to the actuator, which is asked; the rest are files of the kernel.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from shared.drive_channels import BatterySample, ImuSample, SystemSample
from shared.errors import LinkError
from vehicle.actuator.client import ActuatorClient
from vehicle.actuator.messages import DevicesRequest
from vehicle.actuator.slack import Reading
from vehicle.drive.load import Load, LoadMeter
from vehicle.drive.turn_messages import TimedMessage

SYSTEM_S = 1.0
RECONNECT_S = 5.0
BATTERY, IMU, COMPUTER = "battery", "imu", "computer"  # as their drivers name them

Readings = Mapping[str, Reading]


class Samples:
    """What is new since it was asked last. jitter_p99_ms: of the control loop, for /system."""

    def __init__(self, readings: Callable[[], Readings], root: Path = Path("/")) -> None:
        """root: the file system to look at; tests give one of their own."""
        self._readings = readings
        self._root = root
        self._read_at_s: dict[str, float] = {}
        self._system_at_s = float("-inf")
        self._meter = LoadMeter(root / "proc")

    def __call__(self, now_s: float, jitter_p99_ms: float | None) -> list[TimedMessage]:
        """Battery and IMU when they were read again, the computer once a second."""
        readings = self._readings()
        messages: list[TimedMessage] = []
        for name, reading in readings.items():
            if reading.at_s == self._read_at_s.get(name) or not reading.values:
                continue
            self._read_at_s[name] = reading.at_s
            message = _battery(reading.values) if name == BATTERY else _imu(reading.values) if name == IMU else None
            if message is not None:
                messages.append((reading.at_s, message))
        if now_s - self._system_at_s >= SYSTEM_S:
            self._system_at_s = now_s
            computer = readings.get(COMPUTER, Reading({}, now_s)).values
            messages.append((now_s, self._system(computer, jitter_p99_ms, self._meter.read(now_s))))
        return messages

    def _system(self, computer: Mapping[str, float], jitter_p99_ms: float | None, load: Load) -> SystemSample:
        bits = computer.get("throttled_bits")
        return SystemSample(
            cpu_percent=load.cpu_percent,
            cpu_temperature_c=computer.get("temperature_c", self._temperature_c()),
            memory_percent=load.memory_percent,
            throttled_bits=None if bits is None else int(bits),
            loop_jitter_p99_ms=jitter_p99_ms,
            wifi_rssi_dbm=self._wifi_rssi_dbm(),
        )

    def _temperature_c(self) -> float | None:
        zones = [self._lines(f"sys/class/thermal/thermal_zone{number}/temp") for number in range(2)]
        return max((float(zone[0]) / 1000 for zone in zones if zone), default=None)

    def _wifi_rssi_dbm(self) -> float | None:
        """Of the first wireless interface; two lines of titles come before it."""
        for line in self._lines("proc/net/wireless")[2:]:
            with suppress(ValueError, IndexError):
                return float(line.split()[3])
        return None

    def _lines(self, name: str) -> list[str]:
        try:
            return (self._root / name).read_text().splitlines()
        except OSError:
            return []


class AskedReadings:
    """Asks the actuator for its devices' readings; nothing while it does not answer."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._client: ActuatorClient | None = None
        self._try_at_s = float("-inf")

    def __call__(self) -> Readings:
        """By the device's name."""
        if self._client is None and self._clock() < self._try_at_s:
            return {}
        try:
            self._client = self._client or ActuatorClient(self._path)
            return self._client.ask(DevicesRequest()).devices or {}
        except LinkError:
            self.close()
            self._try_at_s = self._clock() + RECONNECT_S
            return {}

    def close(self) -> None:
        """Hang up."""
        if self._client is not None:
            self._client.close()
            self._client = None


def _battery(values: Mapping[str, float]) -> BatterySample:
    percent = values.get("charge_percent")
    return BatterySample(values.get("voltage_v"), values.get("current_a"), None if percent is None else percent / 100)


def _imu(values: Mapping[str, float]) -> ImuSample:
    acceleration, rate = (
        (values.get(f"x_{unit}", 0.0), values.get(f"y_{unit}", 0.0), values.get(f"z_{unit}", 0.0))
        for unit in ("mps2", "dps")
    )
    return ImuSample(acceleration, rate)
