"""A calibration in the making: all that a wizard has found so far. Kept on disk, it can be gone on with."""

from __future__ import annotations

from functools import lru_cache
from statistics import fmean
from typing import Literal, Self

from pydantic import Field

from calibration.profile import (
    LONGEST_PULSE_US,
    SHORTEST_PULSE_US,
    SMALLEST_SPAN_US,
    CalibrationProfile,
    CameraPose,
    LidarPose,
    PulseUs,
    StopsWithoutPulses,
)
from calibration.response import step_us
from calibration.speed_map import FEWEST_RUNS, SpeedMap, SpeedRun, fit_speed_map, speed_map_of
from calibration.steering_map import Circle, SteeringMap, fit_steering_map, steering_map_of, straight_angle_deg
from calibration.wizard.rules import FURTHEST_REACH_US, LEAST_REACH_US, LIMIT_BEYOND_DEAD_BAND_US, MOST_TRY_US
from shared.cars import CAR_MODELS
from shared.errors import CalibrationError
from shared.settings import Settings, parse_settings

SAME_US, SAME_DEAD_BAND_US = 0.5, 12.0  # a step of the chip is 4.88 us, and nobody sees the first motion exactly
MOST_TRIM_US = 50.0
REST_REACH_US = 50.0  # no pulse of the actuator's own ever goes there: it is not armed for that


class Turn(Settings):
    """How much the heading changed on a way that should have been straight."""

    turned_deg: float
    driven_m: float = Field(gt=0)


class Draft(Settings):
    """Reaches are distances from straight ahead or from neutral, so that an order once right stays right."""

    step: str = "preflight"
    resume_at: str = Field("", description="Where to go on once the wheels are lifted and the controller is on.")
    base: CalibrationProfile = Field(description="What it began with.")
    left_polarity: Literal[-1, 1] = 1
    centre_us: PulseUs = 1500.0
    left_reach_us: float = Field(150.0, ge=0, le=1200)
    right_reach_us: float = Field(150.0, ge=0, le=1200)
    max_angle_deg: float = Field(30.0, ge=1, le=60)
    esc_first: bool = Field(False, description="The servo has no power before the speed controller is on.")
    esc_ready: bool = False
    rest_us: PulseUs = 1500.0
    neutral_us: PulseUs = 1500.0
    forward_polarity: Literal[-1, 1] = 1
    forward_reach_us: float = Field(100.0, ge=0, le=FURTHEST_REACH_US)
    reverse_reach_us: float = Field(100.0, ge=0, le=FURTHEST_REACH_US)
    try_us: float = Field(10.0, ge=0, le=MOST_TRY_US)
    dead_band_us: float = Field(0.0, ge=0, le=MOST_TRY_US)
    reverse_dead_band_us: float | None = Field(None, ge=0, le=MOST_TRY_US)
    reverse: Literal["none", "direct", "double_tap"] = "direct"
    stops_without_pulses_s: StopsWithoutPulses = None
    method: Literal["lidar", "marks"] | None = None
    marks_m: float = Field(2.0, ge=0.2, le=50)
    rung: int = Field(0, ge=0)
    runs: tuple[SpeedRun, ...] = ()
    battery_v: float | None = Field(None, ge=0, le=60, description="When the last run was driven.")
    turns: tuple[Turn, ...] = ()
    circles: tuple[Circle, ...] = ()
    steering_lags_s: tuple[float, ...] = ()
    has_imu: bool = Field(False, description="Something has said how fast the car turns.")
    camera: CameraPose | None = None
    lidar: LidarPose | None = None

    @classmethod
    def starting_from(cls, base: CalibrationProfile) -> Self:
        """What a wizard begins with."""
        steering, throttle = base.steering, base.throttle
        centre_us, neutral_us = steering.trimmed_centre_us, throttle.trimmed_neutral_us
        return cls(
            base=base,
            left_polarity=steering.polarity,
            centre_us=centre_us,
            left_reach_us=abs(steering.left_us - centre_us),
            right_reach_us=abs(steering.right_us - centre_us),
            max_angle_deg=steering.max_angle_deg,
            rest_us=neutral_us,
            neutral_us=neutral_us,
            forward_polarity=throttle.polarity,
            forward_reach_us=min(abs(throttle.forward_us - neutral_us), FURTHEST_REACH_US),
            reverse_reach_us=min(abs(throttle.reverse_us - neutral_us), FURTHEST_REACH_US),
            dead_band_us=throttle.dead_band_us,
            reverse_dead_band_us=throttle.reverse_dead_band_us,
            reverse=throttle.reverse,
            stops_without_pulses_s=throttle.stops_without_pulses_s,
            camera=base.camera,
            lidar=base.lidar,
        )

    @property
    def left_us(self) -> float:
        return within(self.centre_us + self.left_polarity * self.left_reach_us)

    @property
    def right_us(self) -> float:
        return within(self.centre_us - self.left_polarity * self.right_reach_us)

    @property
    def forward_us(self) -> float:
        return self.throttle_us(self.forward_reach_us)

    @property
    def reverse_us(self) -> float:
        return self.throttle_us(-self.reverse_reach_us)

    @property
    def wheelbase_m(self) -> float:
        return CAR_MODELS[self.base.car_model].wheelbase_m

    @property
    def lidar_pose(self) -> LidarPose:
        return self.lidar or LidarPose()

    def throttle_us(self, offset_us: float) -> float:
        """The pulse so far from neutral, forward positive."""
        return within(self.neutral_us + self.forward_polarity * offset_us)

    def measurable_us(self, pulse_us: float) -> float:
        """The nearest pulse that the board really makes: what is measured at one is measured at that."""
        grid_us = step_us(self.base.chip_clock_hz)
        return within(round(pulse_us / grid_us) * grid_us)

    def speed_map(self) -> SpeedMap | None:
        """From the runs so far, or from before while the motor is as it was; None when nothing tells."""
        if self.has_new_speeds:
            return _fitted(self.runs, self.dead_band_us)
        before = self.base.throttle
        is_same = (
            before.polarity == self.forward_polarity
            and abs(before.trimmed_neutral_us - self.neutral_us) < SAME_US
            and abs(before.dead_band_us - self.dead_band_us) < SAME_DEAD_BAND_US
        )
        return speed_map_of(before) if is_same else None

    @property
    def has_new_speeds(self) -> bool:
        """Whether enough was driven for a map."""
        return len({run.offset_us for run in self.runs}) >= FEWEST_RUNS

    def straight_deg(self) -> float:
        """Where the wheels really point at the centre, as far as straight runs told."""
        driven_m = sum(turn.driven_m for turn in self.turns)
        if not driven_m:
            return 0.0
        return straight_angle_deg(sum(turn.turned_deg for turn in self.turns), driven_m, self.wheelbase_m)

    def steering_map(self) -> SteeringMap | None:
        """From the circles so far, or from before while it holds for this centre; None when nothing tells."""
        if self.circles:
            return fit_steering_map(self.circles, self.centre_us, self.straight_deg())
        before = self.base.steering
        is_same = abs(before.trimmed_centre_us - self.centre_us) < SAME_US
        return steering_map_of(before) if is_same and before.polarity == self.left_polarity else None

    def profile(self, board_id: str) -> CalibrationProfile:
        """The calibration, confirmed for this board. CalibrationError when something is still missing."""
        problem = self.problem()
        if problem:
            raise CalibrationError(problem)
        return parse_settings(
            CalibrationProfile,
            {
                **self.base.model_dump(),
                "board_id": board_id,
                "confirmed_on_board": True,
                "steering": self._steering(),
                "throttle": self._throttle(),
                "camera": self.camera,
                "lidar": self.lidar,
                "note": "Measured with the wizard.",
            },
            source="the wizard",
        )

    def rest_profile(self) -> CalibrationProfile:
        """What the actuator holds while the wizard finds out the rest; not confirmed, so it arms for nothing else."""
        reach_us = self.forward_polarity * REST_REACH_US
        throttle = self.base.throttle.changed(
            neutral_us=self.rest_us,
            trim_us=0.0,
            forward_us=within(self.rest_us + reach_us),
            reverse_us=within(self.rest_us - reach_us),
            dead_band_us=0.0,
            reverse_dead_band_us=None,
            points=(),
            error_mps=None,
        )
        steering = self.base.steering.changed(
            left_us=within(self.centre_us + LEAST_REACH_US * self.left_polarity),
            centre_us=self.centre_us,
            right_us=within(self.centre_us - LEAST_REACH_US * self.left_polarity),
            trim_us=0.0,
            points=(),
        )
        return self.base.changed(steering=steering, throttle=throttle, confirmed_on_board=False)

    def problem(self) -> str:
        """Why this is no calibration yet; empty when it is one."""
        if min(abs(self.left_us - self.centre_us), abs(self.right_us - self.centre_us)) < LEAST_REACH_US:
            return f"Both ends of the steering must be {LEAST_REACH_US:g} us or more from the centre."
        least_us = max(self.dead_band_us + LIMIT_BEYOND_DEAD_BAND_US, SMALLEST_SPAN_US)
        if abs(self.forward_us - self.neutral_us) < least_us:
            return f"The forward limit must be {least_us:g} us or more from neutral."
        return ""

    def _steering(self) -> dict[str, object]:
        steering = self.steering_map()
        values: dict[str, object] = {
            "left_us": self.left_us,
            "centre_us": self.centre_us,
            "right_us": self.right_us,
            "max_angle_deg": self.max_angle_deg,
            "lag_s": round(fmean(self.steering_lags_s), 3) if self.steering_lags_s else self.base.steering.lag_s,
        }
        if steering is not None:
            points = steering.points_between(self.right_us, self.left_us)
            angle_deg = min(max(1.0, *(abs(point.angle_deg) for point in points)), 60.0)
            values |= {"points": points, "error_deg": steering.error_deg, "max_angle_deg": angle_deg}
        return values if self.circles else {**values, "trim_us": self._trim_us(steering)}

    def _trim_us(self, kept: SteeringMap | None) -> float:
        """What straight runs told of the centre, where no circles were driven that know of it.

        kept: the map from before, which may know of it as well: only what it is off by counts.
        """
        if not self.turns:
            return 0.0
        if kept is None:
            reach_us = min(self.left_reach_us, self.right_reach_us)
            off_us = self.straight_deg() / self.max_angle_deg * reach_us * self.left_polarity
        else:
            off_us = kept.pulse_us(self.straight_deg()) - self.centre_us
        return round(min(max(-off_us, -MOST_TRIM_US), MOST_TRIM_US), 1)

    def _throttle(self) -> dict[str, object]:
        throttle, speeds = self.base.throttle, self.speed_map()
        values: dict[str, object] = {
            "reverse_us": self.throttle_us(-self._least_reverse_us()),
            "neutral_us": self.neutral_us,
            "forward_us": self.forward_us,
            "dead_band_us": self.dead_band_us,
            "reverse_dead_band_us": self.reverse_dead_band_us if self.reverse != "none" else None,
            "reverse": self.reverse,
            "arming_s": throttle.arming_s,
            "stops_without_pulses_s": self.stops_without_pulses_s,
        }
        if speeds is None:
            return values
        return {
            **values,
            "dead_band_us": speeds.dead_band_us,
            "points": speeds.points(self.neutral_us, self.forward_polarity, self.forward_us),
            "error_mps": round(speeds.error_mps, 4),
            "lag_s": None if speeds.lag_s is None else round(speeds.lag_s, 3),
            "battery_v": self.battery_v if self.has_new_speeds else throttle.battery_v,
        }

    def _least_reverse_us(self) -> float:
        """A car that never goes backwards has a reverse limit all the same: just beyond the dead band."""
        dead_us = max(self.dead_band_us, self.reverse_dead_band_us or 0.0)
        return max(self.reverse_reach_us, dead_us + LIMIT_BEYOND_DEAD_BAND_US)


def within(pulse_us: float) -> float:
    """Never a pulse that a servo does not survive."""
    return min(max(pulse_us, SHORTEST_PULSE_US), LONGEST_PULSE_US)


@lru_cache(maxsize=8)
def _fitted(runs: tuple[SpeedRun, ...], first_motion_us: float) -> SpeedMap:
    """The same runs are asked for at every turn of a drive."""
    return fit_speed_map(runs, first_motion_us)
