"""What the rest of the car asks of its devices: small protocols, in the units of the thing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Frame:
    """One camera picture; pictures.py makes of it what others need. Valid until three newer frames have come.

    image: (height, width, 3) uint8, RGB; or (height, width) uint8, full-range luma, from a camera that delivers that.
    taken_at_s: when the sensor saw it, on the monotonic clock of this computer.
    sequence: rises with every picture; gaps are pictures nobody looked at.
    chroma: U and V of a luma image in colour, (height / 2, width / 2) uint8 each.
    jpeg: the picture as the camera itself compressed it, at its full size.
    exposure_us, gain: how it was exposed, from a camera that says so.
    """

    image: NDArray[np.uint8]
    taken_at_s: float
    sequence: int
    chroma: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None = None
    jpeg: bytes | None = None
    exposure_us: float | None = None
    gain: float | None = None


@dataclass(frozen=True, slots=True)
class Scan:
    """One turn of a LiDAR, in the car's frame, wherever and however the device is mounted.

    angles_deg: (points,) float32, counter-clockwise from straight ahead, 0 to below 360, in the order measured.
    ranges_m: (points,) float32, from the place where the car model has its LiDAR (shared/cars.py), which is where a
        model saw from in training. 0: nothing came back, or the car saw a part of itself.
    started_at_s, ended_at_s: when its first and its last point were measured, on the monotonic clock of this computer.
    sequence: rises with every scan; gaps are scans nobody looked at.
    """

    angles_deg: NDArray[np.float32]
    ranges_m: NDArray[np.float32]
    started_at_s: float
    ended_at_s: float
    sequence: int


class Camera(Protocol):
    """Gives the newest picture; older ones are gone. Nothing queues."""

    @property
    def problem(self) -> str:
        """Why the device gives no pictures, a sentence; empty while it is there."""
        ...

    def latest(self) -> Frame | None:
        """The newest picture, None before the first one."""
        ...

    def wait_newer(self, sequence: int, timeout_s: float) -> Frame | None:
        """The newest picture, as soon as its sequence is above the given one; None when none came in time."""
        ...

    def close(self) -> None:
        """Let go of the device."""
        ...


class CameraDevice(Protocol):
    """An open camera, which hands its pictures over from a thread of its own. DeviceCamera makes a Camera of it."""

    def problem(self) -> str:
        """Why no more pictures will come, a sentence; empty while they may."""
        ...

    def close(self) -> None:
        """Let go of the device. No picture is handed over afterwards."""
        ...


DeliverFrame = Callable[[Frame], None]  # the sequence in it is not looked at

OpenCameraDevice = Callable[[DeliverFrame], CameraDevice]  # HardwareError when it cannot be had


class Lidar(Protocol):
    """Gives the newest scan; older ones are gone. Nothing queues.

    One that is absent or has failed gives no scan and says why; where it can come back, so do its scans.
    """

    @property
    def problem(self) -> str:
        """Why no scan comes, as a sentence for the person at the car; empty while they come."""
        ...

    def latest(self) -> Scan | None:
        """The newest scan, None before the first one."""
        ...

    def wait_newer(self, sequence: int, timeout_s: float) -> Scan | None:
        """The newest scan, as soon as its sequence is above the given one; None when none came in time."""
        ...

    def close(self) -> None:
        """Stop the motor and let go of the device."""
        ...


class ServoBoard(Protocol):
    """A board that gives the steering servo and the speed controller their pulses.

    Building one moves nothing and writes nothing. A method that cannot reach the board raises OSError.
    """

    def start(self) -> None:
        """Make the board ready. Every output stays silent."""
        ...

    def write_pulses(self, steering_us: float, throttle_us: float | None) -> None:
        """Change both pulses in one transaction, so that no mixture of old and new reaches the car.

        throttle_us: None: no pulse, until one is written again.
        """
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


class BusDevice(Protocol):
    """A small device that is read now and then, in a few transactions."""

    @property
    def name(self) -> str: ...

    @property
    def every_s(self) -> float: ...

    def read(self) -> Mapping[str, float]:
        """What it measures, units in the names; nothing before its first measurement. OSError without an answer."""
        ...


class Colour(Enum):
    """Of a lamp: red, green, blue."""

    DARK = (False, False, False)
    RED = (True, False, False)
    YELLOW = (True, True, False)
    GREEN = (False, True, False)
    BLUE = (False, False, True)


class TailLight(Protocol):
    """A lamp that tells from afar how the car is."""

    def show(self, colour: Colour) -> None:
        """Change to this colour; OSError when the lamp does not hear."""
        ...


@dataclass(frozen=True, slots=True)
class PadState:
    """What a gamepad's driver does now.

    steering: -1 to 1, positive left. throttle: -1 to 1, positive forward. dead_man: whether the button that
    permits driving is held. arm, stop: whether these buttons are down. heard_at_s: when the pad last said anything.
    """

    steering: float = 0.0
    throttle: float = 0.0
    dead_man: bool = False
    arm: bool = False
    stop: bool = False
    heard_at_s: float = float("-inf")


class Gamepad(Protocol):
    """A pad that speaks only when something changes."""

    @property
    def name(self) -> str: ...

    def wait(self, timeout_s: float) -> PadState:
        """What is so after at most timeout_s; HardwareError when the pad is gone."""
        ...

    def close(self) -> None:
        """Let go of the device."""
        ...
