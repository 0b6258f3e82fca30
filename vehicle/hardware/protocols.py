"""What the rest of the car asks of its devices: small protocols, in the units of the thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Frame:
    """One camera picture.

    image: (480, 640, 3) uint8, RGB; valid until three newer frames have come.
    taken_at_s: when the sensor saw it, on the monotonic clock of this computer.
    sequence: rises with every picture; gaps are pictures nobody looked at.
    """

    image: NDArray[np.uint8]
    taken_at_s: float
    sequence: int


@dataclass(frozen=True, slots=True)
class Scan:
    """One turn of a LiDAR.

    angles_deg, distances_m: (points,) float32, as the device gives them; shared/lidar.py makes a model's rays of
        them. A distance of 0: nothing came back.
    taken_at_s: when its last point was measured, on the monotonic clock of this computer.
    sequence: rises with every scan.
    """

    angles_deg: NDArray[np.float32]
    distances_m: NDArray[np.float32]
    taken_at_s: float
    sequence: int


class Camera(Protocol):
    """Gives the newest picture; older ones are gone. Nothing queues."""

    def latest(self) -> Frame | None:
        """The newest picture, None before the first one."""
        ...

    def wait_newer(self, sequence: int, timeout_s: float) -> Frame | None:
        """The newest picture, as soon as its sequence is above the given one; None when none came in time."""
        ...

    def close(self) -> None:
        """Let go of the device."""
        ...


class ServoBoard(Protocol):
    """A board that gives the steering servo and the speed controller their pulses.

    Building one moves nothing and writes nothing. A method that cannot reach the board raises OSError.
    """

    def start(self) -> None:
        """Make the board ready. Every output stays silent."""
        ...

    def write_pulses(self, steering_us: float, throttle_us: float) -> None:
        """Change both pulses in one transaction, so that no mixture of old and new reaches the car."""
        ...

    def check(self) -> None:
        """Read back what was written last; HardwareError when the board disagrees."""
        ...

    def all_off(self) -> None:
        """Stop every pulse.

        What a speed controller does with silence is its own affair: send neutral first.
        """
        ...

    def close(self) -> None:
        """Stop every pulse and let go of the bus."""
        ...
