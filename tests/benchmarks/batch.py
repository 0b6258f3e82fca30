"""Whether N cars in one batch are N single environments, with objects on the road and with every sensor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tests.benchmarks.harness import Benchmark, Context

CARS = 6
SHORT_STEPS, FULL_STEPS = 150, 2_000
# Every camera and every LiDAR is in one of the sets.
SENSOR_SETS = (
    ("FRONT_FACING_CAMERA", "LIDAR", "WHEEL_SPEED_AND_YAW_RATE"),
    ("STEREO_CAMERAS", "SECTOR_LIDAR"),
    ("LEFT_CAMERA", "DISCRETIZED_SECTOR_LIDAR"),
)
RACE = {
    "boxes": {"count": 3, "kinds": ["box", "striped_box", "parcel", "parked_car"]},
    "bots": {"count": 2, "lane_change": True, "speed_mps": [0.2, 0.8]},
    "barriers": {"count": 4},
}


def run(context: Context) -> Mapping[str, float]:
    """Values whose bytes differ, over all sensor sets and both kinds of actions."""
    figures = {"mismatches": 0, "values_compared": 0, "episodes": 0}
    for number, sensors in enumerate(SENSOR_SETS):
        for action_space in ("discrete", "continuous"):
            part = compared(sensors, action_space, FULL_STEPS if context.full else SHORT_STEPS, seed=100 * number)
            context.say(f"{' + '.join(sensors)}, {action_space}: {part}")
            figures = {key: figures[key] + part[key] for key in figures}
    return figures


def compared(sensors: tuple[str, ...], action_space: str, steps: int, seed: int) -> dict[str, int]:
    """The same cars with the same seeds and actions, together and apart."""
    from trainer.environment import RacingEnv, RacingVectorEnv

    arguments: dict[str, Any] = {
        "track": ["cup", "zigzag_letters"], "action_space": action_space, "sensors": sensors, "stack_size": 2,
        "randomisation": "strong", "simulator": {"race": RACE},
    }  # fmt: skip
    batch = RacingVectorEnv(CARS, autoreset_mode="disabled", **arguments)
    singles = [RacingEnv(**arguments) for _ in range(CARS)]
    count = Count()
    observations, infos = batch.reset(seed=seed)
    for car, single in enumerate(singles):
        count.compare(of_car((observations, infos), car), single.reset(seed=seed + car))
    batch.action_space.seed(seed)
    for _ in range(steps):
        actions = batch.action_space.sample()
        together = batch.step(actions)
        for car, single in enumerate(singles):
            count.compare(of_car(together, car), single.step(actions[car]))
        done = together[2] | together[3]
        count.episodes += int(done.sum())
        if done.any():
            together = batch.reset(options={"reset_mask": done})
            for car in np.flatnonzero(done).tolist():
                count.compare(of_car(together, car), singles[car].reset())
    batch.close()
    return {"mismatches": count.mismatches, "values_compared": count.values, "episodes": count.episodes}


class Count:
    """Compares and counts."""

    def __init__(self) -> None:
        self.mismatches = self.values = self.episodes = 0

    def compare(self, ours: Any, theirs: Any) -> None:
        """Two values of the same form, byte by byte."""
        if isinstance(ours, Mapping):
            for key in {*ours, *theirs}:
                self.compare(ours.get(key), theirs.get(key))
        elif isinstance(ours, tuple):
            for one, other in zip(ours, theirs, strict=True):
                self.compare(one, other)
        else:
            self.values += 1
            self.mismatches += content(ours) != content(theirs)


def content(value: Any) -> Any:
    """What is compared of a value: the bytes of numbers, the text of words."""
    if value is None or isinstance(value, str):
        return value
    array = np.asarray(value)
    return array.shape, array.dtype.kind, array.tobytes()


def of_car(batched: Any, car: int) -> Any:
    """One car's share of what a batch returned; Gymnasium's masks of infos are left out."""
    if isinstance(batched, Mapping):
        return {key: of_car(value, car) for key, value in batched.items() if not key.startswith("_")}
    if isinstance(batched, tuple):
        return tuple(of_car(value, car) for value in batched)
    return batched[car]


BENCHMARK = Benchmark(
    name="batch",
    asked={"mismatches": ("<=", 0)},
    short=f"{CARS} cars in {len(SENSOR_SETS)} sensor sets with both kinds of actions, {SHORT_STEPS} steps each",
    full=f"the same with {FULL_STEPS:,} steps each",
    run=run,
)
