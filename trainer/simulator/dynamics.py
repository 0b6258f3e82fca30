"""How a car moves: single-track model with tyre saturation, lags, limits and a delay of every action.

State: position, heading psi, longitudinal speed u, lateral speed v, yaw rate r, wheel angle delta (ISO 8855).

    delta' = (delta_wanted - delta) / steering_lag                       limited to steering_rate
    u'     = (u_wanted - u) / speed_lag + v r - F_f sin(delta) / m       the first term limited
    alpha_f = delta - atan((v + l_f r) / u)      alpha_r = -atan((v - l_r r) / u)
    F_i / m = share_i * grip_i * sqrt((mu g)^2 - a_x^2) * tanh(stiffness * alpha_i / grip_i)     friction circle
    v' = (F_f cos(delta) + F_r) / m - u r        r' = (l_f F_f cos(delta) - l_r F_r) / (m k^2)

Slip angles are meaningless near standstill, so below BLEND_LOW_MPS the kinematic model holds (no side slip of the
rear axle) and up to BLEND_HIGH_MPS the two are mixed. Sources: Rajamani, Vehicle Dynamics and Control, 2nd edition,
chapter 2 (both models); Althoff and Wuersching, CommonRoad: Vehicle Models (2020), chapter 7, for the change at low
speed; the saturating tyre is the simplest curve with the right slope and limit. The damping of v and r is integrated
implicitly, so that stiff tyres at low speed need no finer steps.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from shared.settings import Settings
from trainer.simulator.kernels import kernel
from trainer.simulator.random_numbers import random_unit
from trainer.simulator.randomisation import STREAM_DELAY_JITTER, RandomisationSettings

GRAVITY_MPS2 = 9.81
BLEND_LOW_MPS = 0.4
BLEND_HIGH_MPS = 0.8
# How fast the kinematic model pulls lateral speed and yaw rate to its own: the tyres' relaxation.
KINEMATIC_LAG_S = 0.02
# The front tyres give way first, as cars are set up: at the limit the car runs wide and does not spin.
FRONT_GRIP = 0.9
# What is left of the sideways grip when all of it goes into accelerating.
LEAST_SIDEWAYS = 0.2
# A car that is told to stop and creeps slower than this stands.
STANDSTILL_MPS = 1e-4

DynamicsPreset = Literal["real_car", "deepracer_v4", "deepracer_v6", "kinematic"]

# value: (unit and meaning, lowest, highest)
VALUES: dict[str, tuple[str, float, float]] = {
    "friction": ("Coefficient mu of the tyres on this ground.", 0.05, 100),
    "tyre_stiffness_per_rad": ("Slope of the tyre curve at no slip, over mu times the load.", 1, 100),
    "effective_wheelbase_m": (
        "Speed times tan(steering angle) over yaw rate, without slip; 0: the car's own.",
        0,
        2,
    ),
    "steering_lag_s": ("Time constant of the steering.", 0, 1),
    "steering_rate_dps": ("Fastest turn of the wheels, degrees per second.", 1, 1e6),
    "speed_lag_s": ("Time constant of the speed.", 0, 5),
    "acceleration_mps2": ("Strongest acceleration.", 0.05, 1e6),
    "braking_mps2": ("Strongest braking.", 0.05, 1e6),
    "delay_s": ("From the command to the first change at servo and motor.", 0, 0.5),
    "slip": ("1: tyres that slip; 0: the kinematic model at every speed.", 0, 1),
}

# v4 and v6 are measured on deepracer-utils' sample logs, as no simulation documents them. From standstill to 1 m/s v4
# takes seven steps of 1/15 s (0, .13, .34, .54, .74, .81, .94, 1.03), v6 two to three; v tan(delta) / yaw rate is 0.47
# to 0.49 m and 0.32 to 0.41 m; mu is the URDF's 0.5. The real car: rubber on a smooth floor, a servo of 0.1 s per 60
# degrees, and an exposure, a transfer and an inference between the world and the pulse.
PRESETS: dict[str, dict[str, float]] = {
    "real_car": {
        "friction": 0.8, "tyre_stiffness_per_rad": 9.0, "effective_wheelbase_m": 0.0, "steering_lag_s": 0.06,
        "steering_rate_dps": 500.0, "speed_lag_s": 0.2, "acceleration_mps2": 4.0, "braking_mps2": 6.0,
        "delay_s": 0.05, "slip": 1.0,
    },
    "deepracer_v4": {
        "friction": 0.5, "tyre_stiffness_per_rad": 9.0, "effective_wheelbase_m": 0.48, "steering_lag_s": 0.07,
        "steering_rate_dps": 5000.0, "speed_lag_s": 0.12, "acceleration_mps2": 3.0, "braking_mps2": 3.0,
        "delay_s": 0.025, "slip": 1.0,
    },
    "deepracer_v6": {
        "friction": 0.5, "tyre_stiffness_per_rad": 9.0, "effective_wheelbase_m": 0.36, "steering_lag_s": 0.04,
        "steering_rate_dps": 5000.0, "speed_lag_s": 0.052, "acceleration_mps2": 1e3, "braking_mps2": 1e3,
        "delay_s": 0.044, "slip": 1.0,
    },
    "kinematic": {
        "friction": 100.0, "tyre_stiffness_per_rad": 10.0, "effective_wheelbase_m": 0.0, "steering_lag_s": 0.0,
        "steering_rate_dps": 1e6, "speed_lag_s": 0.0, "acceleration_mps2": 1e6, "braking_mps2": 1e6,
        "delay_s": 0.0, "slip": 0.0,
    },
}  # fmt: skip


class DynamicsSettings(Settings):
    """How the car moves: a preset, and what is different from it."""

    preset: DynamicsPreset = Field("real_car", description="Where every value not given here comes from.")
    friction: float | None = Field(None, ge=0.05, le=100, description=VALUES["friction"][0])
    tyre_stiffness_per_rad: float | None = Field(None, ge=1, le=100, description=VALUES["tyre_stiffness_per_rad"][0])
    effective_wheelbase_m: float | None = Field(None, ge=0, le=2, description=VALUES["effective_wheelbase_m"][0])
    steering_lag_s: float | None = Field(None, ge=0, le=1, description=VALUES["steering_lag_s"][0])
    steering_rate_dps: float | None = Field(None, ge=1, le=1e6, description=VALUES["steering_rate_dps"][0])
    speed_lag_s: float | None = Field(None, ge=0, le=5, description=VALUES["speed_lag_s"][0])
    acceleration_mps2: float | None = Field(None, ge=0.05, le=1e6, description=VALUES["acceleration_mps2"][0])
    braking_mps2: float | None = Field(None, ge=0.05, le=1e6, description=VALUES["braking_mps2"][0])
    delay_s: float | None = Field(None, ge=0, le=0.5, description=VALUES["delay_s"][0])
    slip: float | None = Field(None, ge=0, le=1, description=VALUES["slip"][0])
    max_speed_mps: float = Field(4.0, gt=0, le=20, description="Fastest the car goes, whatever it is told.")
    max_reverse_mps: float = Field(1.0, ge=0, le=20, description="Fastest it goes backwards.")
    max_steering_angle_deg: float = Field(30.0, gt=0, le=60, description="Furthest the wheels turn.")

    def value(self, name: str) -> float:
        """The value in force: the one given, else the preset's."""
        given: float | None = getattr(self, name)
        return PRESETS[self.preset][name] if given is None else given


MOTION = np.dtype(
    [
        (name, np.float64)
        for name in (
            *VALUES, "max_speed_mps", "max_reverse_mps", "max_steering_rad", "wheelbase_m", "gyration_m",
        )
    ]
)  # fmt: skip


def motion_record(settings: DynamicsSettings, wheelbase_m: float) -> NDArray[np.void]:
    """(1,) MOTION: what the kernels need to know of every car alike."""
    record = np.zeros(1, MOTION)
    for name in VALUES:
        record[name] = settings.value(name)
    record["max_speed_mps"] = settings.max_speed_mps
    record["max_reverse_mps"] = settings.max_reverse_mps
    record["max_steering_rad"] = math.radians(settings.max_steering_angle_deg)
    record["wheelbase_m"] = wheelbase_m
    # Radius of gyration of a car whose mass is spread over its length: half the wheelbase, a little more.
    record["gyration_m"] = 0.55 * wheelbase_m
    if record["effective_wheelbase_m"][0] == 0.0:
        record["effective_wheelbase_m"] = wheelbase_m
    return record


def history_slots(settings: DynamicsSettings, randomisation: RandomisationSettings, step_s: float) -> int:
    """How many commands a car must remember for the longest delay that can be drawn."""
    longest_s = settings.value("delay_s") + sum(
        randomisation.range_of(name)[1] for name in ("delay_s", "delay_jitter_s")
    )
    return math.ceil(max(longest_s, 0.0) / step_s) + 2


@kernel
def limited(value, low, high):
    """value, not below low and not above high."""
    return low if value < low else (high if value > high else value)


@kernel
def towards(value, wanted, lag_s, time_s):
    """A first-order lag, exact for a constant wanted value."""
    return wanted if lag_s < 1e-6 else wanted + (value - wanted) * math.exp(-time_s / lag_s)


@kernel
def remember_command(history, newest, steering_rad, speed_mps):
    """Put a command in the ring of one car; history is (slots, 2), newest the slot of the last one."""
    slot = (newest + 1) % len(history)
    history[slot, 0] = steering_rad
    history[slot, 1] = speed_mps
    return slot


@kernel
def move_car(car, draw, history, motion, step_s, substeps):
    """Advance one car by one step under the commands in its history."""
    jitter = 2.0 * random_unit(car.seed, car.episode, STREAM_DELAY_JITTER, car.steps) - 1.0
    delay_s = motion.delay_s + draw.delay_s + draw.delay_jitter_s * jitter
    delay_s = limited(delay_s, 0.0, (len(history) - 2) * step_s)
    h = step_s / substeps
    for k in range(substeps):
        behind = math.ceil((delay_s - k * h) / step_s - 1e-9)
        slot = (car.newest_command - max(behind, 0)) % len(history)
        move_a_little(car, draw, motion, history[slot, 0], history[slot, 1], h)


@kernel
def move_a_little(car, draw, motion, steering_rad, speed_mps, h):
    """One substep of h seconds: steering, speed, slip, position."""
    wanted = steering_rad * draw.steering_gain + math.radians(draw.steering_offset_deg)
    wanted = limited(wanted, -motion.max_steering_rad, motion.max_steering_rad)
    turned = towards(car.steering_angle_rad, wanted, motion.steering_lag_s * draw.steering_lag, h)
    most = math.radians(motion.steering_rate_dps) * h
    delta = car.steering_angle_rad + limited(turned - car.steering_angle_rad, -most, most)
    car.steering_angle_rad = delta

    grip = motion.friction * draw.friction * GRAVITY_MPS2
    u = car.speed_mps
    wanted_mps = limited(speed_mps * draw.speed_gain, -motion.max_reverse_mps, motion.max_speed_mps)
    faster = towards(u, wanted_mps, motion.speed_lag_s * draw.speed_lag, h) - u
    # A slippery floor takes from the motor what it takes from the tyres.
    up = motion.acceleration_mps2 * min(draw.friction, 1.0) * h
    down = motion.braking_mps2 * min(draw.friction, 1.0) * h
    du = limited(faster, -down, up) if u >= 0.0 else limited(faster, -up, down)

    # Steering geometry that turns less than the wheelbase says is steering through a smaller angle.
    tangent = math.tan(delta) * motion.wheelbase_m / motion.effective_wheelbase_m
    slip_share = motion.slip * limited((u - BLEND_LOW_MPS) / (BLEND_HIGH_MPS - BLEND_LOW_MPS), 0.0, 1.0)
    v, r = kinematic_slip(car.lateral_speed_mps, car.yaw_rate_rps, u, tangent, motion, h)
    if slip_share > 0.0:
        along = du / h
        sideways = math.sqrt(max(grip * grip - along * along, LEAST_SIDEWAYS * LEAST_SIDEWAYS * grip * grip))
        v2, r2, drag = tyre_slip(car.lateral_speed_mps, car.yaw_rate_rps, u, math.atan(tangent), sideways, motion, h)
        v += (v2 - v) * slip_share
        r += (r2 - r) * slip_share
        du += slip_share * (v * r - drag) * h
    u += du
    if abs(u) < STANDSTILL_MPS and wanted_mps == 0.0:
        u, v, r = 0.0, 0.0, 0.0
    psi = car.heading_rad + 0.5 * h * r
    car.x_m += (u * math.cos(psi) - v * math.sin(psi)) * h
    car.y_m += (u * math.sin(psi) + v * math.cos(psi)) * h
    heading = car.heading_rad + h * r
    car.heading_rad = heading - 2.0 * math.pi * math.floor(heading / (2.0 * math.pi) + 0.5)
    car.speed_mps, car.lateral_speed_mps, car.yaw_rate_rps = u, v, r


@kernel
def kinematic_slip(v, r, u, tangent, motion, h):
    """Lateral speed at the origin and yaw rate when neither axle slips; both reached within the tyres' relaxation."""
    lag_s = KINEMATIC_LAG_S if motion.slip > 0.0 else 0.0
    return (
        towards(v, 0.5 * u * tangent, lag_s, h),
        towards(r, u * tangent / motion.wheelbase_m, lag_s, h),
    )


@kernel
def tyre_slip(v, r, u, delta, sideways, motion, h):
    """Lateral speed and yaw rate after h seconds, and what the turned wheels take from the speed, m/s^2.

    sideways: the lateral acceleration that the tyres can still give.
    """
    lever = 0.5 * motion.wheelbase_m  # both axles as far from the origin: they carry the same load
    stiffness = motion.tyre_stiffness_per_rad
    front_slip = delta - math.atan((v + lever * r) / u)
    force = 0.5 * sideways * FRONT_GRIP * math.tanh(stiffness / FRONT_GRIP * front_slip)
    front = force * math.cos(delta)
    rear = 0.5 * sideways * math.tanh(-stiffness * math.atan((v - lever * r) / u))
    inertia = motion.gyration_m * motion.gyration_m
    damping = sideways * stiffness / u
    dv = (front + rear - u * r) * h / (1.0 + damping * h)
    dr = lever * (front - rear) / inertia * h / (1.0 + damping * lever * lever / inertia * h)
    return v + dv, r + dr, force * math.sin(delta)
