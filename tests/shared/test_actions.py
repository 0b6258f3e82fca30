"""Action spaces as DeepRacer's console made them, and policy outputs turned into commands or refused."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.actions import (
    DEFAULT_ACTION_SPACE,
    SPEED_GRANULARITIES,
    STEERING_GRANULARITIES,
    STOP,
    Action,
    ActionSpace,
    ContinuousActionSpace,
    DiscreteActionSpace,
    check_console_limits,
    generate_discrete_actions,
)
from shared.errors import ActionError

CONTINUOUS = ContinuousActionSpace(-20.0, 30.0, 0.5, 2.0)
SPACES: tuple[ActionSpace, ...] = (DEFAULT_ACTION_SPACE, CONTINUOUS)


def test_the_default_is_thirty_degrees_in_five_and_one_metre_per_second_in_three() -> None:
    angles = [-30.0, -15.0, 0.0, 15.0, 30.0]
    speeds = [1 / 3, 2 / 3, 1.0]
    wanted = list(itertools.product(angles, speeds))
    assert len(DEFAULT_ACTION_SPACE.actions) == 15
    for action, (angle, speed) in zip(DEFAULT_ACTION_SPACE.actions, wanted, strict=True):
        assert action.steering_angle_deg == angle
        assert action.speed_mps == pytest.approx(speed, abs=1e-9)


@pytest.mark.parametrize("steering", STEERING_GRANULARITIES)
@pytest.mark.parametrize("speed", SPEED_GRANULARITIES)
@pytest.mark.parametrize("max_steering_deg", [1, 10, 17, 30])
@pytest.mark.parametrize("max_speed_mps", [0.1, 0.3, 2.5, 4.0])
def test_generated_actions_are_symmetric_evenly_spaced_and_reach_the_maximum(
    steering: int, speed: int, max_steering_deg: float, max_speed_mps: float
) -> None:
    space = generate_discrete_actions(max_steering_deg, steering, max_speed_mps, speed)
    angles_deg, speeds_mps = space.arrays()
    assert space.output_size == steering * speed == len(set(space.actions))
    assert space.max_steering_angle_deg == max_steering_deg
    assert space.max_speed_mps == max_speed_mps
    by_angle = angles_deg.reshape(steering, speed)
    assert (by_angle == by_angle[:, :1]).all()
    np.testing.assert_allclose(by_angle[:, 0], np.linspace(-max_steering_deg, max_steering_deg, steering))
    wanted_mps = max_speed_mps * np.arange(1, speed + 1) / speed
    np.testing.assert_allclose(speeds_mps.reshape(steering, speed), np.tile(wanted_mps, (steering, 1)))


def test_the_middle_angle_is_a_plain_zero() -> None:
    assert math.copysign(1, generate_discrete_actions(30, 3, 1, 1).actions[1].steering_angle_deg) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        (0.9, 3, 1, 1),
        (30.1, 3, 1, 1),
        (30, 4, 1, 1),
        (30, 3, 0.09, 1),
        (30, 3, 4.1, 1),
        (30, 3, 1, 4),
        (math.nan, 3, 1, 1),
        (30, 3, math.nan, 1),
    ],
)
def test_what_the_console_did_not_offer_is_refused(arguments: tuple[float, int, float, int]) -> None:
    with pytest.raises(ActionError, match="allowed is"):
        generate_discrete_actions(*arguments)


def test_the_most_probable_action_is_taken() -> None:
    probabilities = np.full(15, 0.01, dtype=np.float32)
    probabilities[4] = 0.86
    assert DEFAULT_ACTION_SPACE.decode(probabilities) == DEFAULT_ACTION_SPACE.actions[4]
    assert DEFAULT_ACTION_SPACE.decode(probabilities[None]) == DEFAULT_ACTION_SPACE.actions[4]


@pytest.mark.parametrize(
    ("output", "angle_deg", "speed_mps"),
    [
        ((-1, -1), -20.0, 0.5),
        ((1, 1), 30.0, 2.0),
        ((0, 0), 5.0, 1.25),  # the middle of an asymmetric range is not straight ahead
        ((-0.2, 1 / 3), 0.0, 1.5),
        ((7, -7), 30.0, 0.5),  # clipped, as DeepRacer does
    ],
)
def test_continuous_outputs_are_scaled_linearly_onto_the_ranges(
    output: tuple[float, float], angle_deg: float, speed_mps: float
) -> None:
    action = CONTINUOUS.decode(np.array(output))
    assert action.steering_angle_deg == pytest.approx(angle_deg)
    assert action.speed_mps == pytest.approx(speed_mps)


def test_an_asymmetric_range_has_the_larger_side_as_its_maximum() -> None:
    assert ContinuousActionSpace(-30.0, 20.0, 0.5, 2.0).max_steering_angle_deg == 30.0


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.kind)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_an_output_that_is_not_finite_is_refused(space: ActionSpace, bad: float) -> None:
    for position in range(space.output_size):
        output = np.full(space.output_size, 1 / space.output_size)
        output[position] = bad
        with pytest.raises(ActionError, match="not finite"):
            space.decode(output)


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.kind)
def test_an_output_of_another_shape_is_refused(space: ActionSpace) -> None:
    n = space.output_size
    for shape in [(), (n - 1,), (n + 1,), (1, n + 1), (2, n), (n, 1), (1, 1, n), (0,)]:
        with pytest.raises(ActionError, match="shape"):
            space.decode(np.ones(shape))
        with pytest.raises(ActionError, match="shape"):
            space.decode_batch(np.ones((3, n + 1)))


def test_text_and_objects_are_no_outputs() -> None:
    with pytest.raises(ActionError, match="instead of numbers"):
        CONTINUOUS.decode(np.array(["0", "1"]))
    with pytest.raises(ActionError, match="instead of numbers"):
        CONTINUOUS.decode(np.array([None, 1]))


@pytest.mark.parametrize("output", [np.zeros(15), np.ones(15), np.r_[-1.0, 2.0, np.zeros(13)]])
def test_outputs_of_a_dead_engine_are_no_probabilities(output: np.ndarray) -> None:
    with pytest.raises(ActionError, match="probabilities"):
        DEFAULT_ACTION_SPACE.decode(output)


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), cars=st.integers(1, 20))
def test_a_batch_is_decoded_as_its_rows_are(seed: int, cars: int) -> None:
    rng = np.random.default_rng(seed)
    for space in SPACES:
        outputs = rng.dirichlet(np.ones(space.output_size), cars).astype(np.float32)
        angles_deg, speeds_mps = space.decode_batch(outputs)
        for row, angle_deg, speed_mps in zip(outputs, angles_deg, speeds_mps, strict=True):
            assert space.decode(row) == Action(angle_deg, speed_mps)


@settings(max_examples=200)
@given(st.lists(st.floats(width=32), min_size=2, max_size=2))
def test_every_continuous_decision_is_inside_the_ranges_or_refused(output: list[float]) -> None:
    try:
        action = CONTINUOUS.decode(np.array(output, dtype=np.float32))
    except ActionError:
        assert not np.isfinite(output).all()
    else:
        assert -20.0 <= action.steering_angle_deg <= 30.0
        assert 0.5 <= action.speed_mps <= 2.0


@pytest.mark.parametrize(
    "actions",
    [
        (),
        (Action(0.0, 0.0), Action(10.0, 0.0)),
        (Action(math.nan, 1.0),),
        (Action(0.0, math.inf),),
        (Action(91.0, 1.0),),
        (Action(0.0, 21.0),),
        (Action(0.0, 1.0),) * 257,
    ],
)
def test_a_list_that_no_car_could_drive_is_refused(actions: tuple[Action, ...]) -> None:
    with pytest.raises(ActionError):
        DiscreteActionSpace(actions)


def test_the_largest_possible_spaces_are_accepted() -> None:
    assert DiscreteActionSpace((Action(90.0, 20.0),) * 256).output_size == 256
    assert ContinuousActionSpace(-90.0, 90.0, -20.0, 20.0).max_speed_mps == 20.0


@pytest.mark.parametrize(
    "limits",
    [
        (10, 10, 0.5, 1),
        (10, -10, 0.5, 1),
        (-10, 10, 1, 1),
        (-10, 10, 2, 1),
        (-91, 10, 0.5, 1),
        (-10, 10, math.nan, 1),
    ],
)
def test_a_range_must_rise_and_be_possible(limits: tuple[float, float, float, float]) -> None:
    with pytest.raises(ActionError):
        ContinuousActionSpace(*limits)


def test_console_limits_are_asked_of_people_and_not_of_models_from_elsewhere() -> None:
    check_console_limits(DEFAULT_ACTION_SPACE)
    check_console_limits(ContinuousActionSpace(-30.0, 30.0, 0.1, 4.0))
    for space in (
        DiscreteActionSpace((Action(31.0, 1.0),)),
        DiscreteActionSpace((Action(0.0, 4.5),)),
        ContinuousActionSpace(-30.0, 30.0, 0.0, 1.0),
        ContinuousActionSpace(-30.5, 30.0, 0.5, 1.0),
    ):
        with pytest.raises(ActionError, match="allowed is"):
            check_console_limits(space)


def test_stop_is_straight_and_still() -> None:
    assert Action(0.0, 0.0) == STOP
