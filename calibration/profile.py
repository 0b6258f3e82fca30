"""One car's truth: which pulse is straight ahead, which is standing still, and how far either may go.

Pulse widths are microseconds at 50 Hz. Which way a servo or a motor turns is not a setting of its own:
left and right, reverse and forward each name their pulse, and the polarity follows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from shared.cars import CAR_MODELS, DEEPRACER
from shared.settings import Settings

PROFILE_VERSION: Final = 1

# What every hobby servo and speed controller survives. Beyond, servos hit their stop and draw stall current.
SHORTEST_PULSE_US, LONGEST_PULSE_US = 900.0, 2100.0
# Closer than this, two pulses are a few steps of a PCA9685 (4.88 us) apart: a mistake, not a range.
SMALLEST_SPAN_US = 20.0

PulseUs = Annotated[float, Field(ge=SHORTEST_PULSE_US, le=LONGEST_PULSE_US)]
TrimUs = Annotated[float, Field(ge=-100, le=100)]
# Seconds; "holds": it goes on with its last pulse; None: nobody has looked.
StopsWithoutPulses = Annotated[float, Field(ge=0, le=60)] | Literal["holds"] | None


class SteeringPoint(Settings):
    """One measured steering pulse."""

    pulse_us: PulseUs
    angle_deg: float = Field(ge=-60, le=60, description="Angle of the front wheels, positive left.")


class SpeedPoint(Settings):
    """One measured throttle pulse."""

    pulse_us: PulseUs
    speed_mps: float = Field(ge=0, le=20, description="Speed the car settles at.")


class SteeringCalibration(Settings):
    """The steering servo."""

    left_us: PulseUs = Field(1700.0, description="Pulse of the leftmost allowed position.")
    centre_us: PulseUs = Field(1450.0, description="Pulse of straight ahead.")
    right_us: PulseUs = Field(1200.0, description="Pulse of the rightmost allowed position.")
    trim_us: TrimUs = Field(0.0, description="Added to the centre, found while driving.")
    max_angle_deg: float = Field(30.0, ge=1, le=60, description="Wheel angle at the leftmost and rightmost pulse.")
    points: tuple[SteeringPoint, ...] = Field((), max_length=64, description="Measured map, right to left.")
    error_deg: float | None = Field(None, ge=0, description="Typical error of the measured map.")
    lag_s: float | None = Field(
        None, ge=0, le=1, description="How late the wheels follow the pulse: dead time and time constant together."
    )

    @property
    def polarity(self) -> Literal[-1, 1]:
        """+1: a longer pulse turns left."""
        return 1 if self.left_us > self.right_us else -1

    @property
    def trimmed_centre_us(self) -> float:
        return self.centre_us + self.trim_us

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_order("right, centre + trim and left", self.right_us, self.trimmed_centre_us, self.left_us)
        if self.points:
            _check_points([point.pulse_us for point in self.points], "steering.points", self.right_us, self.left_us)
            _check_rising([point.angle_deg for point in self.points], "angle_deg of steering.points")
        return self


class ThrottleCalibration(Settings):
    """The motor's speed controller."""

    reverse_us: PulseUs = Field(1603.5, description="Pulse of the fastest allowed reverse.")
    neutral_us: PulseUs = Field(1446.0, description="Pulse of standing still.")
    forward_us: PulseUs = Field(1311.0, description="Pulse of the fastest allowed forward.")
    trim_us: TrimUs = Field(0.0, description="Added to the neutral pulse.")
    dead_band_us: float = Field(0.0, ge=0, le=200, description="How far from neutral the motor begins to turn.")
    reverse_dead_band_us: float | None = Field(
        None, ge=0, le=200, description="The same backwards; left out, as forwards."
    )
    reverse: Literal["none", "direct", "double_tap"] = Field(
        "direct",
        description="How the speed controller goes backwards: not at all, at once, or after a brake and neutral.",
    )
    arming_s: float = Field(
        1.0, ge=1, le=30, description="How long neutral must be heard after switching on, before the motor obeys."
    )
    points: tuple[SpeedPoint, ...] = Field((), max_length=64, description="Measured forward map, slow to fast.")
    error_mps: float | None = Field(None, ge=0, description="Typical error of the measured map.")
    lag_s: float | None = Field(
        None, ge=0, le=5, description="How far the speed lags behind the pulse: dead time and time constant together."
    )
    battery_v: float | None = Field(None, ge=0, le=60, description="Voltage of the battery when the map was measured.")
    stops_without_pulses_s: StopsWithoutPulses = Field(
        None, description="How long after its last pulse the wheels stand; 'holds': the motor goes on with that pulse."
    )

    @property
    def polarity(self) -> Literal[-1, 1]:
        """+1: a longer pulse drives forward."""
        return 1 if self.forward_us > self.reverse_us else -1

    @property
    def trimmed_neutral_us(self) -> float:
        return self.neutral_us + self.trim_us

    def dead_band_towards(self, end_us: float) -> float:
        """How far from neutral the motor begins to turn on the side of end_us, one of the two limits."""
        if end_us == self.reverse_us and self.reverse_dead_band_us is not None:
            return self.reverse_dead_band_us
        return self.dead_band_us

    @model_validator(mode="after")
    def _check(self) -> Self:
        neutral_us = self.trimmed_neutral_us
        _check_order("reverse, neutral + trim and forward", self.reverse_us, neutral_us, self.forward_us)
        for end_us in (self.forward_us, self.reverse_us):
            reach_us = abs(end_us - neutral_us)
            if self.dead_band_towards(end_us) >= reach_us:
                raise ValueError(
                    f"the dead band of {self.dead_band_towards(end_us):g} us reaches beyond a limit "
                    f"{reach_us:g} us away."
                )
        if self.points:
            pulses_us = [point.pulse_us for point in self.points]
            _check_points(pulses_us, "throttle.points", neutral_us, self.forward_us)
            _check_rising([point.speed_mps for point in self.points], "speed_mps of throttle.points")
        return self


class CameraPose(Settings):
    """Where this car's camera really is."""

    x_m: float = Field(DEEPRACER.camera.x_m, ge=-0.5, le=0.5, description="Ahead of the middle of the axles.")
    y_m: float = Field(DEEPRACER.camera.y_m, ge=-0.5, le=0.5, description="To the left of the middle.")
    z_m: float = Field(DEEPRACER.camera.z_m, ge=0.01, le=1, description="Above the ground.")
    pitch_deg: float = Field(DEEPRACER.camera.pitch_deg, ge=-90, le=90, description="Downwards positive.")
    roll_deg: float = Field(0.0, ge=-180, le=180, description="Right side down positive.")
    yaw_deg: float = Field(0.0, ge=-180, le=180, description="To the left positive.")
    horizontal_fov_deg: float = Field(DEEPRACER.camera.horizontal_fov_deg, ge=10, le=180)


class LidarPose(Settings):
    """Where this car's LiDAR is."""

    x_m: float = Field(DEEPRACER.lidar.x_m, ge=-0.5, le=0.5, description="Ahead of the middle of the axles.")
    y_m: float = Field(DEEPRACER.lidar.y_m, ge=-0.5, le=0.5, description="To the left of the middle.")
    z_m: float = Field(DEEPRACER.lidar.z_m, ge=0, le=1, description="Above the ground.")
    yaw_deg: float = Field(
        DEEPRACER.lidar.yaw_deg, ge=-180, le=180, description="Where its zero looks, to the left positive."
    )


class CalibrationProfile(Settings):
    """Everything about one car that differs from the next one of its kind."""

    version: Literal[1] = PROFILE_VERSION
    car_model: str = Field(DEEPRACER.name, description="Name in the table of cars.")
    car_id: str = Field("", max_length=100, description="Which car this is, as its owner calls it.")
    board_id: str = Field("", max_length=100, description="The board this was measured on.")
    confirmed_on_board: bool = Field(False, description="A person saw the wheels obey; without it no arming.")
    chip_clock_hz: float = Field(25_000_000.0, ge=20e6, le=30e6, description="The PCA9685's real oscillator.")
    steering: SteeringCalibration = Field(default_factory=SteeringCalibration)
    throttle: ThrottleCalibration = Field(default_factory=ThrottleCalibration)
    camera: CameraPose | None = None
    lidar: LidarPose | None = None
    note: str = Field("", max_length=1000, description="Where the values come from.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.car_model not in CAR_MODELS:
            raise ValueError(f"car_model '{self.car_model}' is not known; known are {', '.join(CAR_MODELS)}.")
        if self.confirmed_on_board and not self.board_id:
            raise ValueError("a profile that is confirmed must name its board_id.")
        return self

    def is_confirmed_for(self, board_id: str) -> bool:
        """Whether the car with this board may arm with it."""
        return self.confirmed_on_board and self.board_id == board_id

    def sha256(self) -> str:
        """Hash of what the profile says, for every drive log; the same however its file is written."""
        return canonical_sha256(self.model_dump(mode="json"))


def without_pulses(known: StopsWithoutPulses) -> str:
    """What a speed controller does when its pulses stop, in words."""
    if known is None:
        return "not known"
    return "goes on turning" if known == "holds" else f"stops within {known:g} s"


def canonical_sha256(values: Mapping[str, Any]) -> str:
    """Hash of JSON values, the same whatever the order of the keys and the spaces between."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _check_order(names: str, first_us: float, middle_us: float, last_us: float) -> None:
    """The middle strictly between, with some room on both sides, in either direction."""
    low_us, high_us = min(first_us, last_us), max(first_us, last_us)
    if not low_us + SMALLEST_SPAN_US <= middle_us <= high_us - SMALLEST_SPAN_US:
        raise ValueError(
            f"{names} are {first_us:g}, {middle_us:g} and {last_us:g} us; the middle one must lie between "
            f"the others, at least {SMALLEST_SPAN_US:g} us from each."
        )


def _check_points(pulses_us: list[float], name: str, from_us: float, to_us: float) -> None:
    """At least two points, strictly in the direction from one limit to the other, none outside."""
    direction = 1.0 if to_us > from_us else -1.0
    along_us = [(pulse_us - from_us) * direction for pulse_us in pulses_us]
    if len(pulses_us) < 2 or along_us[0] < 0 or along_us[-1] > abs(to_us - from_us):
        raise ValueError(f"{name} needs at least two pulses between {from_us:g} and {to_us:g} us.")
    _check_rising(along_us, f"pulses of {name}, counted from {from_us:g} us,")


def _check_rising(values: list[float], name: str) -> None:
    if any(later <= earlier for earlier, later in pairwise(values)):
        shown = ", ".join(f"{value:g}" for value in values)
        raise ValueError(f"{name} must rise from point to point; they are {shown}.")
