"""The emulated RPLIDAR's port: a pseudo-terminal, under a name that stays while the device is plugged in.

Like a serial line it loses what nobody fetches, and at a wrong rate only nonsense comes through.
"""

from __future__ import annotations

import contextlib
import os
import select
import termios
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path

from vehicle.emulated.rplidar import BAUD_RATE, LidarFault, RplidarDevice

STREAM_EVERY_S = 0.010
IDLE_S = 0.050
REQUEST_BYTES = 4096
GARBLED = bytes(value ^ 0x33 for value in range(256))


class RplidarPty:
    """Serves one device under one path."""

    def __init__(
        self,
        device: RplidarDevice,
        path: Path,
        *,
        baud_rate: int = BAUD_RATE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._device = device
        self._path = path
        self._speed = getattr(termios, f"B{baud_rate}")
        self._clock = clock

    def run(self, stop: threading.Event) -> None:
        """Until stop is set; an unplugged device has no port."""
        while not stop.is_set():
            if self._device.fault is LidarFault.UNPLUG:
                stop.wait(IDLE_S)
            else:
                self._plugged(stop)

    def _plugged(self, stop: threading.Event) -> None:
        with contextlib.ExitStack() as exits:
            master, slave = os.openpty()
            exits.callback(os.close, master)
            exits.callback(os.close, slave)
            tty.setraw(slave)
            os.set_blocking(master, False)
            self._path.unlink(missing_ok=True)
            self._path.symlink_to(os.ttyname(slave))
            exits.callback(self._path.unlink, missing_ok=True)
            while not stop.is_set() and self._device.fault is not LidarFault.UNPLUG:
                self._serve(master)
                if self._device.is_scanning:
                    stop.wait(STREAM_EVERY_S)

    def _serve(self, master: int) -> None:
        readable, _, _ = select.select([master], [], [], 0.0 if self._device.is_scanning else IDLE_S)
        is_understood = termios.tcgetattr(master)[4] == self._speed
        answers = b""
        if readable:
            with contextlib.suppress(OSError):
                heard = os.read(master, REQUEST_BYTES)
                answers = self._device.hear(heard if is_understood else heard.translate(GARBLED), self._clock())
        data = answers + self._device.nodes(self._clock())
        with contextlib.suppress(BlockingIOError):
            os.write(master, data if is_understood else data.translate(GARBLED))
