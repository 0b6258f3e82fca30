"""From an IMU's readings: was the car picked up, does it lie tilted, did it fall or hit something? Pure.

How the chip sits in the car is not known; where down is, it learns whenever the car has stood still for a second.

- A blow is an acceleration that wheels cannot give.
- A lift is the vertical acceleration summed up: the car rises, for longer than a bump would let it.
- A fall is next to no acceleration at all.
- A tilt is gravity from another side, and gravity alone: in a bend the tyres' grip adds to it, and the sum is longer
  than gravity. Where grip gives less than 0.57 g, the apparent tilt stays below 30 degrees; where it gives more,
  the sum is longer than 1.15 g. So no bend looks like a tilt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from pydantic import Field

from shared.settings import Settings

GRAVITY_MPS2 = 9.80665
STILL_S = 1.0
STILL_MPS2 = 0.6  # how much the readings of a car that stands still differ
STILL_DPS = 40.0  # twice what a chip that does not turn may say; a steady bend is faster
LONGEST_GAP_S = 0.1  # between two readings; after a longer one, the sum begins anew
RISE_FADES_S = 0.5  # the vertical speed is forgotten at this rate, so that small errors do not add up
RISING_S = 0.11  # a bump is over sooner
FALL_FRACTION, FALLING_S = 0.3, 0.11  # of gravity; in that time, it falls 6 cm
TILTED_S = 0.3
GRAVITY_ALONE_FRACTION = 0.15

Vector = tuple[float, float, float]


class MotionLimits(Settings):
    """What no drive does to a car."""

    crash_mps2: float = Field(
        30.0, ge=15, le=70, description="Acceleration that is a blow; 30 is a stop from about 1 m/s at a wall."
    )
    lift_mps: float = Field(0.35, ge=0.1, le=2, description="Vertical speed of a car that is picked up.")
    tilt_deg: float = Field(40.0, ge=35, le=90, description="Tilt at which it does not stand on its wheels.")


@dataclass(frozen=True, slots=True)
class Still:
    """Readings that differ little from the first of them: when that was, their sum, their number."""

    since_s: float
    first: Vector
    total: Vector
    count: int


@dataclass(frozen=True, slots=True)
class MotionState:
    """upset: what happened to the car with the newest reading, else empty.

    rest: the acceleration that the chip says at rest, its direction is up; None until it was learnt.
    still: the readings that hardly differ, up to now. rise_mps: vertical speed, roughly.
    rising_since_s, falling_since_s, tilted_since_s: since when; None: it does not.
    """

    upset: str = ""
    rest: Vector | None = None
    still: Still | None = None
    at_s: float = -math.inf
    rise_mps: float = 0.0
    rising_since_s: float | None = None
    falling_since_s: float | None = None
    tilted_since_s: float | None = None


def motion_after(
    last: MotionState, acceleration: Vector, rotation: Vector, limits: MotionLimits, now_s: float
) -> MotionState:
    """The state that follows a reading, in m/s^2 and degrees a second on the chip's axes."""
    dt_s = now_s - last.at_s
    state = _learnt(replace(last, upset="", at_s=now_s), acceleration, rotation, dt_s)
    if state.rest is None:
        return state
    length, total = math.hypot(*state.rest), math.hypot(*acceleration)
    blow_mps2 = math.dist(acceleration, state.rest)
    if blow_mps2 >= limits.crash_mps2:
        return replace(state, upset=f"the car hit something ({blow_mps2 / GRAVITY_MPS2:.1f} g)")
    vertical = sum(a * b for a, b in zip(acceleration, state.rest, strict=True)) / length
    rise_mps = 0.0
    if dt_s <= LONGEST_GAP_S:
        rise_mps = last.rise_mps * math.exp(-dt_s / RISE_FADES_S) + (vertical - length) * dt_s
    level_mps2 = math.dist(acceleration, [vertical / length * each for each in state.rest])
    tilt_deg = math.degrees(math.atan2(level_mps2, vertical))
    gravity_alone = _is_gravity(total, length)
    state = replace(
        state,
        rise_mps=rise_mps,
        rising_since_s=_since(last.rising_since_s, rise_mps >= limits.lift_mps, now_s),
        falling_since_s=_since(last.falling_since_s, total <= FALL_FRACTION * length, now_s),
        tilted_since_s=_since(last.tilted_since_s, gravity_alone and tilt_deg >= limits.tilt_deg, now_s),
    )
    return replace(state, upset=_upset(state, tilt_deg))


def _upset(state: MotionState, tilt_deg: float) -> str:
    """What has lasted for long enough."""
    for since_s, lasting_s, upset in (
        (state.tilted_since_s, TILTED_S, f"the car lies tilted by {tilt_deg:.0f} degrees"),
        (state.rising_since_s, RISING_S, "the car was picked up"),
        (state.falling_since_s, FALLING_S, "the car fell"),
    ):
        if since_s is not None and state.at_s - since_s >= lasting_s:
            return upset
    return ""


def _learnt(state: MotionState, acceleration: Vector, rotation: Vector, dt_s: float) -> MotionState:
    """The same, with the reading counted among those of a car that stands still, if it is one."""
    still = state.still
    is_still = dt_s <= LONGEST_GAP_S and math.hypot(*rotation) <= STILL_DPS
    if still is None or not is_still or math.dist(acceleration, still.first) > STILL_MPS2:
        return replace(state, still=Still(state.at_s, acceleration, acceleration, 1))
    x, y, z = (a + b for a, b in zip(still.total, acceleration, strict=True))
    still = replace(still, total=(x, y, z), count=still.count + 1)
    if state.at_s - still.since_s < STILL_S:
        return replace(state, still=still)
    rest = (x / still.count, y / still.count, z / still.count)
    return replace(state, still=None, rest=rest if _is_gravity(math.hypot(*rest), GRAVITY_MPS2) else state.rest)


def _is_gravity(total_mps2: float, gravity_mps2: float) -> bool:
    return abs(total_mps2 - gravity_mps2) <= GRAVITY_ALONE_FRACTION * gravity_mps2


def _since(last_s: float | None, is_so: bool, now_s: float) -> float | None:
    if not is_so:
        return None
    return now_s if last_s is None else last_s
