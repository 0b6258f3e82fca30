"""The handshake with an RPLIDAR: rplidar-roboticia for requests, motor and health, where it is to be relied on.

The library (0.9.5, pinned: this uses methods it keeps for itself) waits for ever for an answer that does not come,
cannot start a motor over a line without modem signals, and knows three kinds of health. Those are done here.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
import select
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from rplidar import RPLidar, RPLidarException
from serial import SerialException

from shared.errors import HardwareError

# A1 and A2M8; A2M12, A3 and S1; C1; S2 and S3. A wrong one gives no answer or nonsense.
BAUD_RATES = (115_200, 256_000, 460_800, 1_000_000)
ANSWER_TIMEOUT_S = 0.3
SCAN_REQUEST, SCAN_NODE_BYTES, SCAN_TYPE = b"\x20", 5, 0x81
HEALTH_REQUEST, HEALTH_BYTES, HEALTH_TYPE = b"\x52", 3, 6
HEALTH_ERROR = 2
READ_BYTES = 8192

Errors = (RPLidarException, SerialException, OSError, ValueError, KeyError)


@dataclass(frozen=True, slots=True)
class RplidarInfo:
    """What the device says of itself."""

    model: int
    firmware: str
    hardware: int
    serial_number: str


class RplidarPort:
    """One device on one serial port: it scans from when the constructor returns until close()."""

    def __init__(self, path: str, baud_rates: Sequence[int] = BAUD_RATES) -> None:
        """HardwareError where no RPLIDAR answers at any of the rates, or where it is broken."""
        self._device, self.info, self.baud_rate = _found(path, baud_rates)
        try:
            self._start()
        except Errors as error:
            self.close()
            if isinstance(error, HardwareError):
                raise
            raise HardwareError(f"The LiDAR at {path} answers, but does not start: {error}. Unplug it once.") from error

    def read(self, timeout_s: float) -> bytes:
        """What has come, as soon as something has; nothing after timeout_s. HardwareError when it was unplugged."""
        descriptor = self._device.descriptor()
        try:
            readable, _, _ = select.select([descriptor], [], [], timeout_s)
            data = os.read(descriptor, READ_BYTES) if readable else b""
        except OSError as error:
            raise HardwareError(f"The LiDAR was unplugged ({error.strerror}). Plug it in again.") from error
        if readable and not data:
            raise HardwareError("The LiDAR was unplugged. Plug it in again.")
        return data

    def close(self) -> None:
        """Stop scan and motor, as far as the device still hears."""
        for word in (self._device.stop, self._device.stop_motor, self._device.disconnect):
            with suppress(*Errors):
                word()

    def _start(self) -> None:
        health = self._device.health()
        if health[0] >= HEALTH_ERROR:
            raise HardwareError(
                f"The LiDAR reports a fault (status {health[0]}, code {health[1]:#06x}). See that its head can turn, "
                "then unplug it and plug it in again."
            )
        self._device.start_motor()
        self._device.start_scan()


class _Device(RPLidar):  # type: ignore[misc]
    """The library's device without its traps."""

    def __init__(self, path: str, baud_rate: int) -> None:
        logger = logging.getLogger("rplidar")
        logger.setLevel(logging.WARNING)  # it says of every motor and scan that it starts or stops it
        super().__init__(path, baud_rate, timeout=ANSWER_TIMEOUT_S, logger=logger)

    def descriptor(self) -> int:
        return int(self._serial.fileno())

    def start_motor(self) -> None:
        if not _has_modem_lines(super().start_motor):
            self._set_pwm(self.motor_speed)
        self.motor_running = True

    def stop_motor(self) -> None:
        _has_modem_lines(super().stop_motor)
        self.motor_running = False

    def health(self) -> tuple[int, int]:
        """Status, 0 good, 1 warning, 2 error, and the error code."""
        self._send_cmd(HEALTH_REQUEST)
        self._expect(HEALTH_BYTES, HEALTH_TYPE, is_single=True)
        data = self._read_response(HEALTH_BYTES)
        return data[0], data[1] | data[2] << 8

    def start_scan(self) -> None:
        """The nodes follow at once."""
        self._send_cmd(SCAN_REQUEST)
        self._expect(SCAN_NODE_BYTES, SCAN_TYPE, is_single=False)

    def _expect(self, size: int, kind: int, *, is_single: bool) -> None:
        if self._read_descriptor() != (size, is_single, kind):
            raise RPLidarException("it gave another answer than was asked for")

    def _read_response(self, dsize: int) -> bytes:
        data = bytes(self._serial.read(dsize))  # the port has a time-out
        if len(data) != dsize:
            raise RPLidarException(f"its answer ended after {len(data)} of {dsize} bytes")
        return data


def _found(path: str, baud_rates: Sequence[int]) -> tuple[_Device, RplidarInfo, int]:
    """The device at the first rate at which it says who it is."""
    last: Exception | None = None
    for baud_rate in baud_rates:
        try:
            device = _Device(path, baud_rate)
        except Errors as error:
            raise HardwareError(_why_not_open(path, error)) from error
        _claim(device, path)
        try:
            device.stop()  # one whose master died still scans
            return device, _introduced(device), baud_rate
        except Errors as error:
            last = error
            with suppress(*Errors):
                device.disconnect()
    rates = ", ".join(str(rate) for rate in baud_rates)
    raise HardwareError(
        f"No RPLIDAR answers at {path} at {rates} baud ({last}). Check that it has power, and lidar.port and "
        "lidar.baud_rate."
    )


def _claim(device: _Device, path: str) -> None:
    """Two readers would each get half of the bytes. HardwareError where another program has the port."""
    try:
        fcntl.flock(device.descriptor(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        with suppress(*Errors):
            device.disconnect()
        raise HardwareError(
            f"Another program has the LiDAR at {path}. If the car's drive does, choose a model that drives without, or "
            "stop it for now: sudo systemctl stop lapwing-drive"
        ) from error


def _introduced(device: _Device) -> RplidarInfo:
    about = device.get_info()
    if not isinstance(about, dict):
        raise RPLidarException("it does not stop to send")
    firmware = ".".join(str(number) for number in about["firmware"])
    return RplidarInfo(about["model"], firmware, about["hardware"], about["serialnumber"])


def _has_modem_lines(word: Callable[[], None]) -> bool:
    """Say it. False where that ended at the DTR line, which a pseudo-terminal has not.

    The library sets the line, an A1's motor, before it asks a motor to start and after it asked one to stop.
    """
    try:
        word()
    except OSError as error:
        if error.errno != errno.ENOTTY:
            raise
        return False
    return True


def _why_not_open(path: str, error: Exception) -> str:
    """The libraries say it three times over; the last is the kernel's word."""
    reasons = re.findall(r"\[Errno \d+\] ([^:\[]+)", str(error))
    reason = reasons[-1].strip() if reasons else str(error)
    if reason == os.strerror(errno.EACCES):
        what_to_do = "Add this user to the group dialout: sudo usermod -aG dialout $USER"
    else:
        what_to_do = "Check its cable, and lidar.port."
    return f"The LiDAR's port {path} cannot be opened: {reason}. {what_to_do}"
