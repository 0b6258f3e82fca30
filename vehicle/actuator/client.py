"""How others reach the actuator: over its socket, or directly where everything lives in one process."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from shared.errors import LinkError
from vehicle.actuator.core import ActuatorCore
from vehicle.actuator.lease import Lease
from vehicle.actuator.messages import (
    LONGEST_MESSAGE_BYTES,
    Answer,
    ArmRequest,
    Request,
    StatusRequest,
    StopRequest,
    decode_answer,
    encode_request,
)
from vehicle.actuator.mode import Mode
from vehicle.actuator.status import ActuatorStatus
from vehicle.runtime_folder import why_no_answer

ANSWER_TIMEOUT_S = 1.0


class ActuatorLink(Protocol):
    """What the drive asks of the actuator. LinkError when it is gone."""

    def arm(self, mode: Mode, top_speed_mps: float) -> str:
        """Arm the car for who asks over this link. Why not; empty when it is armed."""
        ...

    def command(self, lease: Lease) -> ActuatorStatus:
        """Send a lease; what became of it."""
        ...

    def status(self) -> ActuatorStatus:
        """What is so now."""
        ...

    def stop(self, reason: str) -> None:
        """End the drive, latched."""
        ...


class ActuatorClient:
    """The actuator behind its socket. One thread uses it."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        self._socket.settimeout(ANSWER_TIMEOUT_S)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise LinkError(why_no_answer(path, "actuator", error)) from error

    def ask(self, request: Request) -> Answer:
        """One request, its answer."""
        try:
            self._socket.send(encode_request(request))
            message = self._socket.recv(LONGEST_MESSAGE_BYTES)
        except OSError as error:
            self._socket.close()
            raise LinkError("The actuator does not answer any more. Look at its log, then restart it.") from error
        if not message:
            raise LinkError("The actuator has ended. Start it again: lapwing-car actuator")
        return decode_answer(message)

    def arm(self, mode: Mode, top_speed_mps: float) -> str:
        """Arm the car for this connection. Why not; empty when it is armed."""
        return self.ask(ArmRequest(mode, top_speed_mps)).problem or ""

    def command(self, lease: Lease) -> ActuatorStatus:
        """Send a lease; what became of it."""
        return self.ask(lease).status

    def status(self) -> ActuatorStatus:
        """What is so now."""
        return self.ask(StatusRequest()).status

    def stop(self, reason: str) -> None:
        """End the drive, latched."""
        self.ask(StopRequest(reason))

    def close(self) -> None:
        """Hang up. Had this client been driving, the car stops."""
        self._socket.close()


class LocalActuator:
    """The actuator in the same process, on the same clock."""

    def __init__(self, core: ActuatorCore, clock: Callable[[], float]) -> None:
        self._core = core
        self._clock = clock

    def arm(self, mode: Mode, top_speed_mps: float) -> str:
        """Arm the car. Why not; empty when it is armed."""
        return self._core.arm(mode, top_speed_mps, self._clock()) or ""

    def command(self, lease: Lease) -> ActuatorStatus:
        """Send a lease; what became of it. The pulses change at once, as they do in the process."""
        now_s = self._clock()
        self._core.accept(lease, now_s)
        return self._core.turn(now_s)

    def status(self) -> ActuatorStatus:
        """What is so now."""
        return self._core.status(self._clock())

    def stop(self, reason: str) -> None:
        """End the drive, latched."""
        self._core.stop(reason, self._clock())
        self._core.turn(self._clock())
