"""How fast the simulator is with every kind of sensor and with things on the road: 64 cars in `light` worlds."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tests.benchmarks.harness import Benchmark, Context

CARS = 64
SHORT_STEPS, FULL_STEPS = 600, 10_000
WARM_UP_STEPS = 30
# Figure -> the sensors, and what is on the road.
CASES: Mapping[str, tuple[Sequence[str], Mapping[str, Any]]] = {
    "camera_lidar_boxes_steps_per_s": (("FRONT_FACING_CAMERA", "LIDAR"), {"boxes": {"count": 6}}),
    "camera_bots_steps_per_s": (("FRONT_FACING_CAMERA",), {"bots": {"count": 4, "lane_change": True}}),
    "stereo_steps_per_s": (("STEREO_CAMERAS",), {}),
}


def run(context: Context) -> Mapping[str, float]:
    """Steps per second count sensors and resets; choosing actions and rewards is not timed."""
    from trainer.simulator import compile_kernels

    context.say("compiling the kernels, or loading them")
    compile_kernels()
    figures = {}
    for key, (sensors, race) in CASES.items():
        figures[key] = steps_per_s(sensors, race, FULL_STEPS if context.full else SHORT_STEPS)
        context.say(f"{' + '.join(sensors)}: {figures[key]:,.0f} steps/s")
    return figures


def steps_per_s(sensors: Sequence[str], race: Mapping[str, Any], steps: int) -> float:
    """CARS cars driven by a beginner, who leaves the road and runs into things often: many resets, as in training."""
    from shared.actions import DEFAULT_ACTION_SPACE
    from trainer.simulator import Simulator, SimulatorSettings
    from trainer.simulator.race import RaceSettings
    from trainer.tracks import load_track

    settings = SimulatorSettings(race=RaceSettings.model_validate(race))
    simulator = Simulator([load_track("cup")], settings, seeds=np.arange(CARS), sensors=sensors)
    simulator.reset()
    rng = np.random.default_rng(0)
    angles, speeds = DEFAULT_ACTION_SPACE.arrays()
    busy_s = 0.0
    for step in range(WARM_UP_STEPS + steps):
        action = rng.integers(len(angles), size=CARS)
        begun = time.perf_counter()
        simulator.step(angles[action], speeds[action])
        over = simulator.terminated | simulator.truncated
        if over.any():
            simulator.reset(over)
        if step >= WARM_UP_STEPS:
            busy_s += time.perf_counter() - begun
    return steps * CARS / busy_s


BENCHMARK = Benchmark(
    name="sensors",
    asked=dict.fromkeys(CASES, (">=", 10_000)),
    short=f"{SHORT_STEPS:,} steps of {CARS} cars for each of {len(CASES)} sets of sensors and objects, half a minute",
    full=f"{FULL_STEPS:,} steps of {CARS} cars for each, three minutes",
    run=run,
)
