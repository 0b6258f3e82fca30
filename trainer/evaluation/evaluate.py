"""Evaluate a policy: greedy trials on any tracks, all cars in one batch, with or without penalties.

Strict, the first mistake ends a trial. With penalties, as in DeepRacer's evaluations and races, a car that
left the road is put back in the nearer lane at the progress it had, one that crashed behind what it ran into,
and stands there for the penalty; its clock runs on. Everything follows from the plan and its seed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from trainer.calibrated_car import open_simulator
from trainer.evaluation.penalties import made_a_mistake, return_to_road
from trainer.evaluation.plan import EvaluationPlan, Starts, plan_starts
from trainer.evaluation.policy import LoadedPolicy
from trainer.evaluation.results import EvaluationResult, compared_with_solo
from trainer.evaluation.trial_book import TrialBook
from trainer.simulator import Simulator
from trainer.training.curriculum import whole_race
from trainer.training.roads import lay_out, mixed_kinds


class Spectator(Protocol):
    """Who looks on, for example to film. Called by `evaluate` in its own loop."""

    def begin(self, simulator: Simulator) -> None:
        """Every car stands at its start."""

    def step(
        self,
        simulator: Simulator,
        observation: Mapping[str, NDArray[Any]],
        output: NDArray[np.float32],
        active: NDArray[np.bool_],
    ) -> None:
        """The active cars (N,) saw this, (N, …) by sensor, answered `output` and have taken the step."""


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
    simulator = at_the_start(policy, plan, starts)
    eyes = policy.observer(len(starts))
    observation = eyes.push(simulator.readings())
    book = TrialBook(plan.tracks, simulator.measurements, laps=plan.laps, now=now)
    active = np.ones(len(starts), dtype=np.bool_)
    for spectator in spectators:
        spectator.begin(simulator)
    while active.any():
        output = policy.act(observation)
        steering_deg, speed_mps = policy.action_space.decode_batch(output)
        simulator.step(steering_deg, speed_mps)
        over = (simulator.terminated | simulator.truncated) & active
        put_back = over & may_go_on(simulator, plan, book)
        book.step(simulator, chosen(policy, output), active, put_back, over & ~put_back)
        for spectator in spectators:
            spectator.step(simulator, observation, output, active)
        if plan.penalties is not None and put_back.any():
            return_to_road(simulator, put_back, plan.penalties)
            eyes.reset(put_back)
        active &= ~over | put_back
        observation = eyes.push(simulator.readings())
    return EvaluationResult(
        policy=policy.name,
        source=policy.source,
        plan=plan.describe(),
        trials=book.trials(starts),
        records=book.records(),
        trace=book.trace(),
    )


def at_the_start(policy: LoadedPolicy, plan: EvaluationPlan, starts: Starts) -> Simulator:
    """Every trial's car where it begins, with what is in its way."""
    simulator = open_simulator(
        plan.calibration,
        plan.tracks,
        plan.settings().for_lidar(policy.metadata.lidar),
        seeds=starts.seeds,
        track_index=starts.track_index,
        car=plan.car,
        sensors=policy.metadata.sensors,
    )
    if plan.in_turn:
        kinds = mixed_kinds(np.arange(len(starts)) % plan.trials, 0)
        lay_out(simulator, whole_race(plan.simulator.race), kinds)
    simulator.reset(start_fraction=starts.fraction, start_lateral_m=starts.lateral_m, reversed=starts.reversed)
    return simulator


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


def may_go_on(simulator: Simulator, plan: EvaluationPlan, book: TrialBook) -> NDArray[np.bool_]:
    """(N,) cars that made a mistake which a penalty makes good."""
    if plan.penalties is None:
        return np.zeros(len(simulator), dtype=np.bool_)
    return made_a_mistake(simulator) & (book.resets < plan.max_resets) & (simulator.cars.records["laps"] < plan.laps)
