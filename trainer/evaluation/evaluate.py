"""Evaluate a policy: greedy trials on any tracks, all cars in one batch, with or without penalties.

Strict, the first mistake ends a trial. With penalties, as in DeepRacer's evaluations and races, a car that
left the road is put back in the nearer lane at the progress it had, one that crashed behind what it ran into,
and stands there for the penalty; its clock runs on. Opponents are put back so in every evaluation: their mistakes
never end a trial. Everything follows from the plan and its seed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from trainer.calibrated_car import open_simulator
from trainer.evaluation.penalties import made_a_mistake, return_to_road
from trainer.evaluation.plan import DEFAULT_PENALTIES, EvaluationPlan, Starts, plan_starts
from trainer.evaluation.policy import LoadedPolicy
from trainer.evaluation.results import EvaluationResult, compared_with_solo
from trainer.evaluation.trial_book import TrialBook
from trainer.simulator import Simulator
from trainer.training.curriculum import whole_race
from trainer.training.field import Field, lidar_of, sensors_of
from trainer.training.opponents import Greedy, Opponents
from trainer.training.roads import lay_out, mixed_kinds
from trainer.training.seats import Mask, judged_seats


class Spectator(Protocol):
    """Who looks on, for example to film. Called by `evaluate` in its own loop."""

    def begin(self, simulator: Simulator, rows: NDArray[np.int64]) -> None:
        """Every car stands at its start. rows: (N,) of the simulator, those of the trials' own cars."""

    def step(
        self,
        simulator: Simulator,
        observation: Mapping[str, NDArray[Any]],
        output: NDArray[np.float32],
        active: NDArray[np.bool_],
    ) -> None:
        """The active ones (N,) of these saw this, (N, …) by sensor, answered `output` and have taken the step."""


def evaluate(
    policy: LoadedPolicy,
    plan: EvaluationPlan,
    *,
    spectators: Sequence[Spectator] = (),
    now: Callable[[], float] = time.time,
) -> EvaluationResult:
    """Drive every trial of the plan to its end.

    spectators: see every step. now: the wall clock that goes into the trace, and into nothing else.
    """
    starts = plan_starts(plan)
    field = at_the_start(policy, plan, starts)
    simulator = field.simulator
    book = TrialBook(plan.tracks, field.measurements, laps=plan.laps, now=now)
    active = np.ones(len(starts), dtype=np.bool_)
    for spectator in spectators:
        spectator.begin(simulator, field.seats.ours)
    while active.any():
        output = policy.act(field.observation)
        simulator.step(*field.with_opponents(*policy.action_space.decode_batch(output)))
        terminated, truncated = field.endings()
        over = (terminated | truncated) & active
        put_back = over & may_go_on(field, plan, book)
        book.step(field, chosen(policy, output), active, put_back, over & ~put_back)
        for spectator in spectators:
            spectator.step(simulator, field.observation, output, active)
        active &= ~over | put_back
        field.look(put_back_all(field, plan, put_back, active))
    return EvaluationResult(
        policy=policy.name,
        source=policy.source,
        plan=plan.describe(),
        trials=book.trials(starts, [opponent.name for opponent in plan.opponents]),
        records=book.records(),
        trace=book.trace(),
    )


def at_the_start(policy: LoadedPolicy, plan: EvaluationPlan, starts: Starts) -> Field:
    """Every trial's car where it begins, with what is in its way and who races it, in a world of their own."""
    seats = judged_seats(len(starts), plan.cars)
    drivers = [Greedy(opponent) for opponent in plan.opponents]
    seeds, trial = np.empty(len(seats), np.uint64), seats.world_index
    seeds[seats.ours], seeds[seats.others] = starts.seeds, starts.other_seeds.ravel()
    simulator = open_simulator(
        plan.calibration,
        plan.tracks,
        plan.settings().for_lidar(lidar_of(policy.metadata.lidar, drivers)),
        seeds=seeds,
        world_index=trial,
        track_index=starts.track_index[trial],
        car=plan.car,
        sensors=sensors_of(policy.metadata.sensors, drivers),
    )
    if plan.in_turn:
        kinds = mixed_kinds(np.arange(len(starts)) % plan.trials, 0)
        lay_out(simulator, whole_race(plan.simulator.race), kinds)
    simulator.reset(
        start_fraction=starts.fraction[trial],
        start_lateral_m=starts.lateral_m[trial],
        reversed=starts.reversed[trial],
    )
    opponents = Opponents(drivers, seats, (plan.seed,), assigned=starts.opponents.ravel())
    field = Field(simulator, seats, policy.action_space, policy.observer(len(starts)), opponents)
    field.begin()
    return field


def evaluate_beside_solo(
    policy: LoadedPolicy,
    plan: EvaluationPlan,
    *,
    spectators: Sequence[Spectator] = (),
    now: Callable[[], float] = time.time,
) -> EvaluationResult:
    """Evaluate, and where something is in the way, let the policy drive the same trials without it, for comparison."""
    result = evaluate(policy, plan, spectators=spectators, now=now)
    if not plan.has_objects:
        return result
    return compared_with_solo(result, evaluate(policy, plan.solo(), now=now))


def chosen(policy: LoadedPolicy, output: NDArray[np.float32]) -> NDArray[np.float64]:
    """The actions of an output as a trace holds them: (N,) indices, or (N, 2) in -1..1."""
    if policy.action_space.kind == "discrete":
        best: NDArray[np.float64] = output.argmax(axis=1).astype(np.float64)
        return best
    limited: NDArray[np.float64] = np.clip(output.astype(np.float64), -1.0, 1.0)
    return limited


def may_go_on(field: Field, plan: EvaluationPlan, book: TrialBook) -> Mask:
    """(N,) cars that made a mistake which a penalty makes good."""
    if plan.penalties is None:
        return np.zeros(len(book.resets), dtype=np.bool_)
    return field.seats.mine(erring(field, plan)) & (book.resets < plan.max_resets)


def put_back_all(field: Field, plan: EvaluationPlan, ours: Mask, active: Mask) -> Mask:
    """Put back our cars in the mask (N,), and opponents that made a mistake in the trials that are active (N,).

    Returns who was put back, among all rows of the simulator.
    """
    rows = erring(field, plan) & active[field.seats.world_index]
    rows[field.seats.ours] = ours
    if rows.any():
        return_to_road(field.simulator, rows, plan.penalties or DEFAULT_PENALTIES)
    return rows


def erring(field: Field, plan: EvaluationPlan) -> Mask:
    """(rows,) who waits for being put back before its last lap is driven."""
    waiting: Mask = made_a_mistake(field.simulator) & (field.simulator.cars.records["laps"] < plan.laps)
    return waiting
