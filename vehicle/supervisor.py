"""What a process tells its supervisor (systemd): that it works, and that it still does. Standard library only.

The words go to the socket in NOTIFY_SOCKET; where nobody supervises, nothing is said. See sd_notify(3).
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping

PINGS_PER_TIMEOUT = 4  # so that one lost ping is no alarm


class Supervisor:
    """Hears from one loop. Building it says nothing."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """environment: where a supervisor left its address and how long it waits for a ping."""
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        is_meant = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        timeout_us = environment.get("WATCHDOG_USEC", "") if is_meant else ""
        self._ping_every_s = int(timeout_us) / 1e6 / PINGS_PER_TIMEOUT if timeout_us.isdecimal() else float("inf")
        self._ping_due_s = float("-inf")
        self._socket: socket.socket | None = None

    def turned(self, now_s: float) -> None:
        """The loop has completed a turn, all of it. The first one means that this process is ready. Never waits."""
        if not self._address or now_s < self._ping_due_s:
            return
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)
        with contextlib.suppress(OSError):  # nobody listens, or not fast enough: the next ping comes soon
            self._socket.sendto(b"READY=1\nWATCHDOG=1", self._address)
        self._ping_due_s = now_s + self._ping_every_s

    def close(self) -> None:
        """Say no more."""
        if self._socket is not None:
            self._socket.close()
        self._address, self._socket = "", None
