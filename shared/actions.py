"""Driving commands and the action spaces a model chooses from, with DeepRacer's meaning of its outputs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from shared.errors import ActionError

FloatArray = NDArray[np.float64]

# DeepRacer console limits (DRoA validator, guide): what a person may ask for when making a car.
MAX_STEERING_ANGLE_DEG = 30.0
MIN_SPEED_MPS, MAX_SPEED_MPS = 0.1, 4.0
STEERING_GRANULARITIES = (3, 5, 7)
SPEED_GRANULARITIES = (1, 2, 3)

# What any action space may hold at all, whoever wrote it: a hobby car's wheels and motor do not go further.
_STEERING_LIMIT_DEG = 90.0
_SPEED_LIMIT_MPS = 20.0
_MAX_ACTIONS = 256

# Probabilities leave float16 engines and quantised models a little off one.
_PROBABILITY_SUM_TOLERANCE = 0.05


@dataclass(frozen=True, slots=True)
class Action:
    """One driving command.

    steering_angle_deg: angle of the front wheels, degrees, positive = left (ISO 8855).
    speed_mps: requested speed, metres per second, negative = reverse.
    """

    steering_angle_deg: float
    speed_mps: float


STOP = Action(steering_angle_deg=0.0, speed_mps=0.0)


@dataclass(frozen=True, slots=True)
class DiscreteActionSpace:
    """A list of actions; the policy gives one probability for each, in this order."""

    actions: tuple[Action, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.actions) <= _MAX_ACTIONS:
            raise ActionError(f"An action space has 1 to {_MAX_ACTIONS} actions, this one has {len(self.actions)}.")
        for number, action in enumerate(self.actions):
            _check_finite(f"action {number}: steering_angle", action.steering_angle_deg, _STEERING_LIMIT_DEG)
            _check_finite(f"action {number}: speed", action.speed_mps, _SPEED_LIMIT_MPS)
        if self.max_speed_mps == 0.0:
            raise ActionError("Every action has speed 0, so the car could never move. Give one of them a speed.")

    @property
    def kind(self) -> Literal["discrete"]:
        return "discrete"

    @property
    def output_size(self) -> int:
        return len(self.actions)

    @property
    def max_speed_mps(self) -> float:
        return max(abs(action.speed_mps) for action in self.actions)

    @property
    def max_steering_angle_deg(self) -> float:
        return max(abs(action.steering_angle_deg) for action in self.actions)

    def arrays(self) -> tuple[FloatArray, FloatArray]:
        """steering_deg (n,), speed_mps (n,)."""
        steering_deg = np.array([action.steering_angle_deg for action in self.actions], dtype=np.float64)
        speed_mps = np.array([action.speed_mps for action in self.actions], dtype=np.float64)
        return steering_deg, speed_mps

    def decode(self, policy_output: NDArray[Any]) -> Action:
        """The most probable action. policy_output: (n,) or (1, n) probabilities, else ActionError."""
        output = _checked_output(policy_output, self.output_size)
        _check_probabilities(output)
        return self.actions[int(np.argmax(output[0]))]

    def decode_batch(self, policy_outputs: NDArray[Any]) -> tuple[FloatArray, FloatArray]:
        """(N, n) probabilities -> steering_deg (N,), speed_mps (N,) of each row's most probable action."""
        outputs = _checked_outputs(policy_outputs, self.output_size)
        _check_probabilities(outputs)
        steering_deg, speed_mps = self.arrays()
        chosen = np.argmax(outputs, axis=1)
        return steering_deg[chosen], speed_mps[chosen]


@dataclass(frozen=True, slots=True)
class ContinuousActionSpace:
    """Two ranges; the policy gives steering and speed in -1..1, scaled linearly to low..high."""

    steering_low_deg: float
    steering_high_deg: float
    speed_low_mps: float
    speed_high_mps: float

    def __post_init__(self) -> None:
        for name, value, limit in (
            ("steering_angle low", self.steering_low_deg, _STEERING_LIMIT_DEG),
            ("steering_angle high", self.steering_high_deg, _STEERING_LIMIT_DEG),
            ("speed low", self.speed_low_mps, _SPEED_LIMIT_MPS),
            ("speed high", self.speed_high_mps, _SPEED_LIMIT_MPS),
        ):
            _check_finite(name, value, limit)
        if not self.steering_low_deg < self.steering_high_deg:
            raise ActionError(
                f"steering_angle low {self.steering_low_deg:g} must be below high {self.steering_high_deg:g} degrees."
            )
        if not self.speed_low_mps < self.speed_high_mps:
            raise ActionError(f"speed low {self.speed_low_mps:g} must be below high {self.speed_high_mps:g} m/s.")

    @property
    def kind(self) -> Literal["continuous"]:
        return "continuous"

    @property
    def output_size(self) -> int:
        return 2

    @property
    def max_speed_mps(self) -> float:
        return max(abs(self.speed_low_mps), abs(self.speed_high_mps))

    @property
    def max_steering_angle_deg(self) -> float:
        """The larger of both sides; DeepRacer's car took only `high` and so failed on asymmetric ranges."""
        return max(abs(self.steering_low_deg), abs(self.steering_high_deg))

    def scale(self, raw: NDArray[Any]) -> tuple[FloatArray, FloatArray]:
        """(N, 2) in -1..1, clipped -> steering_deg (N,), speed_mps (N,). NaN passes: for training."""
        unit = (np.clip(np.asarray(raw, dtype=np.float64), -1.0, 1.0) + 1.0) / 2.0
        steering_deg = self.steering_low_deg + unit[:, 0] * (self.steering_high_deg - self.steering_low_deg)
        speed_mps = self.speed_low_mps + unit[:, 1] * (self.speed_high_mps - self.speed_low_mps)
        return steering_deg, speed_mps

    def decode(self, policy_output: NDArray[Any]) -> Action:
        """policy_output: (2,) or (1, 2), steering and speed; NaN, infinity or another size: ActionError."""
        steering_deg, speed_mps = self.scale(_checked_output(policy_output, 2))
        return Action(steering_angle_deg=float(steering_deg[0]), speed_mps=float(speed_mps[0]))

    def decode_batch(self, policy_outputs: NDArray[Any]) -> tuple[FloatArray, FloatArray]:
        """(N, 2) -> steering_deg (N,), speed_mps (N,), checked like `decode`."""
        return self.scale(_checked_outputs(policy_outputs, 2))


ActionSpace = DiscreteActionSpace | ContinuousActionSpace


def generate_discrete_actions(
    max_steering_deg: float, steering_granularity: int, max_speed_mps: float, speed_granularity: int
) -> DiscreteActionSpace:
    """The list of DeepRacer's console: steering from -max (right) to +max (left), for each the speeds rising.

    Angles are evenly spaced with 0 in the middle; speeds are max/granularity, 2 max/granularity, … max.
    """
    _check_range("maximum steering angle", max_steering_deg, 1.0, MAX_STEERING_ANGLE_DEG, "degrees")
    _check_range("maximum speed", max_speed_mps, MIN_SPEED_MPS, MAX_SPEED_MPS, "m/s")
    _check_choice("steering granularity", steering_granularity, STEERING_GRANULARITIES)
    _check_choice("speed granularity", speed_granularity, SPEED_GRANULARITIES)
    half = steering_granularity // 2
    # Ten decimals take the binary dust off products like 0.1 * 3 and nothing else.
    angles_deg = [round(max_steering_deg * step / half, 10) for step in range(-half, half + 1)]
    speeds_mps = [round(max_speed_mps * step / speed_granularity, 10) for step in range(1, speed_granularity + 1)]
    return DiscreteActionSpace(tuple(Action(angle, speed) for angle in angles_deg for speed in speeds_mps))


def check_console_limits(space: ActionSpace) -> None:
    """Raise ActionError unless a person may ask for this space: steering within 30 degrees, 0.1 to 4 m/s.

    Not asked of a model from elsewhere: its metadata is what it is, and the car's limits come last.
    """
    if isinstance(space, DiscreteActionSpace):
        angles, speeds = [values.tolist() for values in space.arrays()]
    else:
        angles = [space.steering_low_deg, space.steering_high_deg]
        speeds = [space.speed_low_mps, space.speed_high_mps]
    for angle in angles:
        _check_range("steering angle", angle, -MAX_STEERING_ANGLE_DEG, MAX_STEERING_ANGLE_DEG, "degrees")
    for speed in speeds:
        _check_range("speed", speed, MIN_SPEED_MPS, MAX_SPEED_MPS, "m/s")


def _check_finite(name: str, value: float, limit: float) -> None:
    if not math.isfinite(value) or abs(value) > limit:
        raise ActionError(f"{name} is {value!r}; it must be a number from {-limit:g} to {limit:g}.")


def _check_range(name: str, value: float, low: float, high: float, unit: str) -> None:
    if not low <= value <= high:
        raise ActionError(f"The {name} is {value:g} {unit}; allowed is {low:g} to {high:g} {unit}.")


def _check_choice(name: str, value: int, choices: tuple[int, ...]) -> None:
    if value not in choices:
        raise ActionError(f"The {name} is {value}; allowed is {', '.join(map(str, choices))}.")


def _checked_output(policy_output: NDArray[Any], size: int) -> FloatArray:
    output = np.asarray(policy_output)
    if output.shape not in {(size,), (1, size)}:
        raise ActionError(f"The policy gave shape {output.shape}, its action space needs ({size},) or (1, {size}).")
    return _checked_outputs(output.reshape(1, size), size)


def _checked_outputs(policy_outputs: NDArray[Any], size: int) -> FloatArray:
    outputs = np.asarray(policy_outputs)
    if outputs.ndim != 2 or outputs.shape[1] != size:
        raise ActionError(f"The policy gave shape {outputs.shape}, its action space needs (N, {size}).")
    if outputs.dtype.kind not in "fiu":
        raise ActionError(f"The policy gave {outputs.dtype} values instead of numbers.")
    outputs = outputs.astype(np.float64)
    if not np.isfinite(outputs).all():
        raise ActionError("The policy gave a value that is not finite (NaN or infinity). The model is damaged.")
    return outputs


def _check_probabilities(outputs: FloatArray) -> None:
    """An engine that died often answers zeros; argmax would make a full right turn of it."""
    wrong = np.abs(outputs.sum(axis=1) - 1.0) > _PROBABILITY_SUM_TOLERANCE
    if wrong.any() or (outputs < -_PROBABILITY_SUM_TOLERANCE).any():
        raise ActionError("The policy's output is not a set of probabilities that add up to 1. The model is damaged.")


DEFAULT_ACTION_SPACE = generate_discrete_actions(30.0, 5, 1.0, 3)
