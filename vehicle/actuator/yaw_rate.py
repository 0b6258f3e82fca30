"""How fast the car turns, from an IMU that sits in it somehow.

While the car stands, the IMU says where up is and what its gyroscope says of no turn at all, which is often several
degrees a second. Afterwards the rotation about that axis, less that bias, is the car's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from vehicle.actuator.slack import Reading

OLDEST_S = 0.1  # a reading that tells how the car turns now; there are fifty a second
STILL_S = 0.5
STILL_MPS2, STILL_DPS = 0.6, 3.0  # how much the readings of a car that nobody touches differ

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Rest:
    """Readings that differ little from the first of them: when that was, their sums, their number."""

    since_s: float
    first: tuple[Vector, Vector]
    acceleration: Vector
    rotation: Vector
    count: int


@dataclass(frozen=True, slots=True)
class YawState:
    """rate_rps: of the newest reading, left positive; None until the car has stood still for a moment.

    up: the direction on the chip's axes, of length 1. bias_dps: what its gyroscope says at rest. rest: the readings
    of a car that stands, up to now; None while it may move.
    """

    rate_rps: float | None = None
    up: Vector | None = None
    bias_dps: Vector = (0.0, 0.0, 0.0)
    rest: Rest | None = None


class YawRate:
    """Asked every turn of the actuator. reading: the IMU's newest; None while there is none."""

    def __init__(self, reading: Callable[[], Reading | None]) -> None:
        self._reading = reading
        self._state = YawState()
        self._read_at_s = -math.inf

    def __call__(self, now_s: float, *, stands: bool) -> float | None:
        """rad/s, left positive; None while it is not known. stands: whether nothing moves the car."""
        reading = self._reading()
        if reading is None or reading.problem or "z_dps" not in reading.values or now_s - reading.at_s > OLDEST_S:
            self._state = replace(self._state, rest=None)
            return None
        if reading.at_s != self._read_at_s:
            self._read_at_s = reading.at_s
            x, y, z = (reading.values[f"{axis}_mps2"] for axis in "xyz")
            rotation = (reading.values["x_dps"], reading.values["y_dps"], reading.values["z_dps"])
            self._state = yaw_after(self._state, (x, y, z), rotation, reading.at_s, stands=stands)
        return self._state.rate_rps


def yaw_after(last: YawState, acceleration: Vector, rotation: Vector, now_s: float, *, stands: bool) -> YawState:
    """The state that follows a reading, in m/s^2 and degrees a second on the chip's axes."""
    state = _learnt(last, acceleration, rotation, now_s) if stands else replace(last, rest=None)
    if state.up is None:
        return state
    turn_dps = sum((rate - bias) * up for rate, bias, up in zip(rotation, state.bias_dps, state.up, strict=True))
    return replace(state, rate_rps=math.radians(turn_dps))


def _learnt(state: YawState, acceleration: Vector, rotation: Vector, now_s: float) -> YawState:
    rest = state.rest
    if rest is None or not _is_like(rest.first, acceleration, rotation):
        return replace(state, rest=Rest(now_s, (acceleration, rotation), acceleration, rotation, 1))
    rest = Rest(
        rest.since_s,
        rest.first,
        _sum(rest.acceleration, acceleration),
        _sum(rest.rotation, rotation),
        rest.count + 1,
    )
    length = math.hypot(*rest.acceleration)
    if now_s - rest.since_s < STILL_S or length == 0.0:
        return replace(state, rest=rest)
    x, y, z = (part / length for part in rest.acceleration)
    bias_x, bias_y, bias_z = (part / rest.count for part in rest.rotation)
    return replace(state, up=(x, y, z), bias_dps=(bias_x, bias_y, bias_z), rest=None)


def _is_like(first: tuple[Vector, Vector], acceleration: Vector, rotation: Vector) -> bool:
    return math.dist(first[0], acceleration) <= STILL_MPS2 and math.dist(first[1], rotation) <= STILL_DPS


def _sum(one: Vector, other: Vector) -> Vector:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]
