"""How fast the simulator is: 64 cars as in training, one car through the environment, and its share of a training."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np

from tests.benchmarks.harness import Benchmark, Context

CARS = 64
SHORT_STEPS, FULL_STEPS = 1_500, 20_000
SHORT_SINGLE_STEPS, FULL_SINGLE_STEPS = 10_000, 100_000
SHORT_TURNS, FULL_TURNS = 6, 100
WARM_UP_STEPS = 30


def run(context: Context) -> Mapping[str, float]:
    """Steps per second count pictures and resets; choosing actions is not the simulator's work and not timed."""
    from trainer.simulator import compile_kernels

    context.say("compiling the kernels, or loading them")
    begun = time.perf_counter()
    compile_kernels()
    figures = {"kernels_ready_s": time.perf_counter() - begun}
    context.say(f"{CARS} cars")
    figures |= vector_figures(FULL_STEPS if context.full else SHORT_STEPS)
    context.say("one RacingEnv")
    figures["single_steps_per_s"] = single_steps_per_s(FULL_SINGLE_STEPS if context.full else SHORT_SINGLE_STEPS)
    context.say("a training")
    figures["simulating_share_percent"] = simulating_share_percent(context, FULL_TURNS if context.full else SHORT_TURNS)
    return figures


def vector_figures(steps: int) -> dict[str, float]:
    """CARS cars in `light` worlds driven by a beginner, who leaves the road often: many resets, as in training."""
    from shared.actions import DEFAULT_ACTION_SPACE
    from trainer.simulator import Simulator, SimulatorSettings
    from trainer.tracks import DEFAULT_TRACK, load_track

    simulator = Simulator([load_track(DEFAULT_TRACK)], SimulatorSettings(), seeds=np.arange(CARS))
    simulator.reset()
    rng = np.random.default_rng(0)
    angles, speeds = DEFAULT_ACTION_SPACE.arrays()
    busy_s, resets = 0.0, 0
    for step in range(WARM_UP_STEPS + steps):
        action = rng.integers(len(angles), size=CARS)
        begun = time.perf_counter()
        simulator.step(angles[action], speeds[action])
        over = simulator.terminated | simulator.truncated
        if over.any():
            simulator.reset(over)
        if step >= WARM_UP_STEPS:
            busy_s += time.perf_counter() - begun
            resets += int(over.sum())
    return {
        "vector_steps_per_s": steps * CARS / busy_s,
        "vector_steps_per_episode": steps * CARS / max(resets, 1),
        "vector_threads": simulator.threads,
    }


def single_steps_per_s(steps: int) -> float:
    """One RacingEnv with its reward in the same process, resets included."""
    from trainer.environment import RacingEnv

    environment = RacingEnv()
    actions = np.random.default_rng(0).integers(environment.action_space.n, size=steps + WARM_UP_STEPS)
    environment.reset(seed=0)
    busy_s = 0.0
    for step, action in enumerate(actions):
        begun = time.perf_counter()
        *_, terminated, truncated, _ = environment.step(action)
        if terminated or truncated:
            environment.reset()
        if step >= WARM_UP_STEPS:
            busy_s += time.perf_counter() - begun
    environment.close()
    return steps / busy_s


class SimulatingTime:
    """A watcher of a training that only adds up the time spent simulating."""

    def __init__(self) -> None:
        self.simulating_s = 0.0

    def say(self, sentence: str) -> None:
        """Not wanted here."""

    def pulse(self) -> None:
        """Not wanted here."""

    def updated(self, standing: Any, drive: Any, report: Any) -> None:
        """A rollout was driven and learnt from."""
        self.simulating_s += drive.simulating_s

    def evaluated(self, *_: Any, **__: Any) -> None:
        """Evaluations are no part of the share."""


def simulating_share_percent(context: Context, turns: int) -> float:
    """Of the time of rollouts and updates of the default training, after a first turn that warms up."""
    from trainer.config import TrainingSettings
    from trainer.training.loop import Training
    from trainer.training.run_starting import start_run
    from trainer.training.stopping import StopRequest

    with ExitStack() as opened:
        settings = TrainingSettings()
        watcher = SimulatingTime()
        folder, reward_file = start_run(context.folder, "simulating", settings, "", "bench simulator", None)
        training = Training(folder, settings, watcher, StopRequest(), opened, reward_file)
        training.begin(None)
        training._turn()
        watcher.simulating_s, begun = 0.0, time.perf_counter()
        for _ in range(turns):
            training._turn()
        return 100.0 * watcher.simulating_s / (time.perf_counter() - begun)


BENCHMARK = Benchmark(
    name="simulator",
    asked={
        "vector_steps_per_s": (">=", 30_000),
        "single_steps_per_s": (">=", 3_000),
        "simulating_share_percent": ("<=", 10),
    },
    short=f"{SHORT_STEPS:,} steps of {CARS} cars, {SHORT_SINGLE_STEPS:,} of one, a short training; two minutes",
    full=f"{FULL_STEPS:,} steps of {CARS} cars, {FULL_SINGLE_STEPS:,} of one, a longer training; ten minutes",
    run=run,
)
