"""What happens to the wizard, and what it answers: values that a terminal and a phone can carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Alive:
    """The person's face is there; time passes. Every event says so, this one says nothing else."""


@dataclass(frozen=True, slots=True)
class Tap:
    """A control of the kind tap."""

    control: str


@dataclass(frozen=True, slots=True)
class Held:
    """A control of the kind hold is down; said again and again while it is."""

    control: str


@dataclass(frozen=True, slots=True)
class Released:
    """Nothing is held."""


@dataclass(frozen=True, slots=True)
class Entered:
    """A number for a control of the kind number."""

    control: str
    value: float


@dataclass(frozen=True, slots=True)
class Checked:
    """What is known of the car, sentences. problems: with which nobody goes on. warnings: what is worth knowing."""

    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ScanSeen:
    """One turn of the LiDAR: (N,) angles, counter-clockwise from straight ahead, and ranges; taken on the wizard's
    clock.
    """

    taken_at_s: float
    angles_deg: NDArray[Any]
    ranges_m: NDArray[Any]


@dataclass(frozen=True, slots=True)
class TurnSeen:
    """How fast the car turns, left positive, as its IMU says; at_s on the wizard's clock."""

    at_s: float
    yaw_rate_dps: float


@dataclass(frozen=True, slots=True)
class BatterySeen:
    """What the battery's gauge says."""

    voltage_v: float


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The car did not do what was held, or not all the time: what was seen tells nothing."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The person, or the car, has ended it."""

    reason: str


Event = Alive | Tap | Held | Released | Entered | Checked | ScanSeen | TurnSeen | BatterySeen | Interrupted | Stopped


@dataclass(frozen=True, slots=True)
class Control:
    """Something a person can use. key: where there is a keyboard."""

    name: str
    label: str
    kind: Literal["tap", "hold", "number"] = "tap"
    key: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """What to show. values: name and text of each. number of count: how far along. progress: of a press, 0 to 1."""

    step: str
    title: str
    text: str
    controls: tuple[Control, ...]
    number: int
    count: int
    values: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    progress: float | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to hold now.

    throttle_us: None is neutral, whatever the actuator knows as such. rest_us: what it should know as such.
    heard_at_s: when the held control was last heard; the throttle rests on that.
    silent: no throttle pulse at all; throttle_us is None then.
    """

    steering_us: float
    throttle_us: float | None
    rest_us: float
    heard_at_s: float
    silent: bool = False
