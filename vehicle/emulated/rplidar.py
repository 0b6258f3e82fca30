"""The emulated RPLIDAR: requests and their answers, a motor, and nodes of what is around the car. Bytes in and out.

It has no port and takes the time as an argument; rplidar_pty.py puts it on a pseudo-terminal. It is mounted as the car
model has its LiDAR: its zero looks backwards, its angles grow clockwise.
"""

from __future__ import annotations

import struct
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.lidar import RANGE_MAX_M

BAUD_RATE = 460_800  # a C1's
SAMPLES_PER_S, TURNS_PER_S = 4000.0, 10.0
YAW_DEG = 180.0
QUALITY = 47
SYNC = 0xA5
STOP, RESET, SCAN, FORCE_SCAN, INFO, HEALTH, MOTOR = 0x25, 0x40, 0x20, 0x21, 0x50, 0x52, 0xF0
HAS_PAYLOAD = 0x80
SHORTEST_PAUSE_S = 1.0  # of what nobody fetched, only the last second is sent
LOSE_ONE_IN = 4000  # bytes, of a lossy cable: about five a second

Bytes = NDArray[np.uint8]


class LidarFault(StrEnum):
    """Which fault. Set to NONE, the LiDAR is well again."""

    NONE = "none"
    SILENT = "silent"  # no more bytes, the port stays
    UNPLUG = "unplug"  # the port is gone
    LOSSY = "lossy"  # single bytes get lost
    BROKEN = "broken"  # it says so when asked for its health


class RplidarDevice:
    """around_m: (rays,) float32, what is around the LiDAR, counter-clockwise from straight ahead of the car.

    fault may be set at any time, from any thread.
    """

    def __init__(self, seed: int = 0) -> None:
        self.around_m: NDArray[np.float32] = still_room()
        self.fault = LidarFault.NONE
        self.motor_pwm = 0
        self._rng = np.random.default_rng(seed)
        self._heard = b""
        self._scans_since_s: float | None = None
        self._sampled = 0

    @property
    def is_scanning(self) -> bool:
        """Whether it looks around: it was asked to, and its head turns."""
        return self._scans_since_s is not None and self.motor_pwm > 0

    def hear(self, data: bytes, now_s: float) -> bytes:
        """Requests, whole or in pieces, and the answers to them."""
        self._heard += data
        answers = b""
        while (request := self._next_request()) is not None:
            answers += self._answer(*request, now_s)
        return b"" if self.fault is LidarFault.SILENT else answers

    def nodes(self, now_s: float) -> bytes:
        """What it measured since the last call."""
        if self._scans_since_s is None or not self.is_scanning:
            return b""
        due = int((now_s - self._scans_since_s) * SAMPLES_PER_S)
        first = max(self._sampled, due - int(SHORTEST_PAUSE_S * SAMPLES_PER_S))
        samples, self._sampled = np.arange(first, due), due
        if self.fault in (LidarFault.SILENT, LidarFault.UNPLUG):
            return b""
        data = self._measured(samples)
        if self.fault is LidarFault.LOSSY:
            data = data[self._rng.integers(0, LOSE_ONE_IN, len(data)) > 0]
        return data.tobytes()

    def _measured(self, samples: NDArray[np.int64]) -> Bytes:
        turned, turned_before = (taken * (TURNS_PER_S / SAMPLES_PER_S) + 1e-9 for taken in (samples, samples - 1))
        device_deg = turned % 1.0 * 360.0
        rays = len(self.around_m)
        ray = np.rint((YAW_DEG - device_deg) * (rays / 360.0)).astype(np.int64) % rays
        return packed_nodes(device_deg, self.around_m[ray], np.floor(turned) > np.floor(turned_before))

    def _next_request(self) -> tuple[int, bytes] | None:
        """The next whole request and its payload; a damaged one is passed over."""
        while True:
            begin = self._heard.find(SYNC)
            self._heard = b"" if begin < 0 else self._heard[begin:]
            if len(self._heard) < 2:
                return None
            request = self._heard[1]
            if not request & HAS_PAYLOAD:
                self._heard = self._heard[2:]
                return request, b""
            if len(self._heard) < 3 or len(self._heard) < 4 + self._heard[2]:
                return None
            end = 4 + self._heard[2]
            message, self._heard = self._heard[:end], self._heard[end:]
            if _checksum(message[:-1]) == message[-1]:
                return request, message[3:-1]

    def _answer(self, request: int, payload: bytes, now_s: float) -> bytes:
        if request in (STOP, RESET):
            self._scans_since_s = None
        elif request == INFO:
            return _descriptor(20, 4) + bytes([0x41, 1, 1, 18]) + bytes(range(16))
        elif request == HEALTH:
            return _descriptor(3, 6) + (b"\x02\x01\x80" if self.fault is LidarFault.BROKEN else b"\0\0\0")
        elif request in (SCAN, FORCE_SCAN) and self.fault is not LidarFault.BROKEN:
            self._scans_since_s, self._sampled = now_s, 0
            return _descriptor(5, 0x81, many=True)
        elif request == MOTOR and len(payload) == 2:
            (self.motor_pwm,) = struct.unpack("<H", payload)
        return b""


def packed_nodes(device_deg: NDArray[Any], ranges_m: NDArray[np.float32], starts: NDArray[np.bool_]) -> Bytes:
    """(5 * points,) the points as they go over the wire. starts: which begin a turn."""
    angle = np.rint(device_deg * 64).astype(np.int64) % (360 * 64)
    seen = (ranges_m > 0) & (ranges_m < RANGE_MAX_M)
    distance = np.where(seen, np.rint(ranges_m.astype(np.float64) * 4000), 0).astype(np.int64)
    data = np.empty((len(angle), 5), np.uint8)
    data[:, 0] = np.where(seen, QUALITY << 2, 0) | np.where(starts, 1, 2)
    data[:, 1] = (angle & 0x7F) << 1 | 1
    data[:, 2] = angle >> 7
    data[:, 3] = distance & 0xFF
    data[:, 4] = distance >> 8
    return data.reshape(-1)


def still_room(rays: int = 720) -> NDArray[np.float32]:
    """(rays,) metres to the walls of a room of 5 by 4 metres, from its middle."""
    angle_rad = np.arange(rays) * (2 * np.pi / rays)
    ahead, left = (np.maximum(np.abs(part), 1e-9) for part in (np.cos(angle_rad), np.sin(angle_rad)))
    walls_m: NDArray[np.float32] = np.minimum(2.5 / ahead, 2.0 / left).astype(np.float32)
    return walls_m


def _descriptor(length: int, kind: int, *, many: bool = False) -> bytes:
    return b"\xa5\x5a" + struct.pack("<I", length | (1 << 30 if many else 0)) + bytes([kind])


def _checksum(data: bytes) -> int:
    total = 0
    for byte in data:
        total ^= byte
    return total
