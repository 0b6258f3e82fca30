"""Some worlds of a training with a simulator of their own, which takes its steps in the background.

While one share is simulated, the learner decides for the other: the simulator's time costs nothing as long as it is
the shorter one. Each simulator runs on one thread, which never enters numba's threading layer.
"""

from __future__ import annotations

import time
from concurrent.futures import Executor, Future
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.training.field import Field
from trainer.training.roads import Roads
from trainer.training.seats import Mask


class Share:
    """The cars of some worlds, those at `cars` among all that learn."""

    def __init__(self, field: Field, roads: Roads, cars: slice, *, world_steps: int) -> None:
        """world_steps: a car's world changes after so many steps of its episode; 0: only between episodes."""
        self.field, self.cars = field, cars
        self._roads = roads
        self._world_steps = world_steps
        self._turns = np.arange(len(field.seats))  # not all worlds change at the same step
        self._step: Future[None] | None = None

    def begin(self) -> None:
        """Put every car at the start of its first episode."""
        self._roads.prepare(self.field.simulator, np.zeros(self.field.seats.worlds, dtype=bool))
        self.field.simulator.reset()
        self.field.begin()

    def set_off(self, actions: NDArray[Any], background: Executor) -> None:
        """Let our cars take a step with these actions; settle() must follow before anything is read."""
        orders = self.field.orders(actions)
        self._step = background.submit(self._take_step, *orders)

    def settle(self) -> float:
        """Wait until no step is being taken; returns the seconds that took. Raises what the step raised."""
        begun = time.perf_counter()
        step, self._step = self._step, None
        if step is not None:
            step.result()
        return time.perf_counter() - begun

    def begin_anew(self, done: Mask) -> None:
        """The next episodes of our cars in the mask, and of others whose race is over."""
        field, seats = self.field, self.field.seats
        rows = field.restarting(done)
        if not rows.any():
            return
        tracks = self._roads.prepare(field.simulator, seats.whole_worlds(rows))
        field.simulator.reset(rows, track_index=None if tracks is None else tracks[seats.world_index])
        field.begin(rows)

    def _take_step(self, steering_deg: NDArray[np.float64], speed_mps: NDArray[np.float64]) -> None:
        self._change_worlds()
        self.field.simulator.step(steering_deg, speed_mps)

    def _change_worlds(self) -> None:
        """Another world around some of the cars, long before they have driven a lap in the one they know."""
        if self._world_steps:
            due = (self.field.simulator.cars.steps.astype(np.int64) + self._turns) % self._world_steps == 0
            if due.any():
                self.field.simulator.redraw(due)
