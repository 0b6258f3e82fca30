"""One round: cars of different models on one road, or each alone against the clock, step by step to the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.evaluation.entrants import Entrant, one_model
from trainer.evaluation.lap_book import Floats, LapBook
from trainer.evaluation.penalties import MISTAKES, return_to_road
from trainer.evaluation.race_plan import RacePlan
from trainer.evaluation.race_results import Drive
from trainer.simulator import Column, Simulator
from trainer.simulator.state import FIRST_STATUS_OVER


class Seat:
    """One model in one car: what it sees and what it does. row: of the simulator, whose other rows are others' cars.

    observation: by sensor, of a batch of one. decided_on, output: the last one that the model was asked about, and its
    answer (1, n).
    """

    def __init__(self, entrant: Entrant, simulator: Simulator, row: int) -> None:
        self.entrant, self.simulator, self.row = entrant, simulator, row
        self._observer = entrant.policy.observer(1)
        self.observation: dict[str, NDArray[Any]] = {}
        self.decided_on: dict[str, NDArray[Any]] = {}
        self.output = np.zeros((1, 0), np.float32)

    def look(self, *, is_fresh: bool) -> None:
        """Take in what its sensors read now. is_fresh: the car was just put there."""
        if is_fresh:
            self._observer.reset()
        readings = self.simulator.readings()
        self.observation = self._observer.push({name: values[[self.row]] for name, values in readings.items()})

    def decide(self) -> tuple[float, float]:
        """Steering angle in degrees and speed in m/s."""
        self.decided_on = {name: values.copy() for name, values in self.observation.items()}
        self.output = self.entrant.policy.act(self.decided_on)
        steering_deg, speed_mps = self.entrant.policy.action_space.decode_batch(self.output)
        return float(steering_deg[0]), float(speed_mps[0])


class RaceRound:
    """A round from the start on. Arrays (N,) are in the order of the grid.

    seats: one per car. active: who still drives. book: the laps so far.
    """

    def __init__(self, grid: Sequence[Entrant], plan: RacePlan, seeds: NDArray[np.uint64]) -> None:
        self.plan = plan
        self.seats = tuple(alone(grid, plan, seeds) if plan.against_clock else on_one_road(grid, plan, seeds))
        self.simulators = tuple(dict.fromkeys(seat.simulator for seat in self.seats))
        for simulator in self.simulators:
            simulator.reset(start_fraction=0.0, reversed=plan.is_reversed)
        for seat in self.seats:
            seat.look(is_fresh=True)
        self.active = np.ones(len(self.seats), np.bool_)
        self._put_back = self._ended = ~self.active
        self.book = LapBook(self.rows())

    def rows(self) -> Floats:
        """(N, columns) measurements of the cars."""
        return np.stack([seat.simulator.measurements[seat.row] for seat in self.seats])

    def records(self) -> NDArray[np.void]:
        """(N,) CAR of the cars."""
        return np.concatenate([seat.simulator.cars.records[[seat.row]] for seat in self.seats])

    def step(self) -> None:
        """Everybody who still drives decides and moves. Afterwards active are those who did: call go_on()."""
        for simulator in self.simulators:
            steering_deg, speed_mps = np.zeros(len(simulator)), np.zeros(len(simulator))
            for seat, is_active in zip(self.seats, self.active, strict=True):
                if is_active and seat.simulator is simulator:
                    steering_deg[seat.row], speed_mps[seat.row] = seat.decide()
            simulator.step(steering_deg, speed_mps)
        rows, records = self.rows(), self.records()
        over = self.active & (records["status"] >= FIRST_STATUS_OVER)
        self._put_back = over & np.isin(records["status"], [int(status) for status in MISTAKES])
        self._ended = over & ~self._put_back
        crossed = self.active & self.book.crossed(records["laps"])
        self.book.count_mistakes(rows, self._put_back | (self._ended & ~crossed), self._put_back)
        for car in np.flatnonzero(crossed).tolist():
            self.book.finish_lap(car, rows[car], float(records["last_lap_time_s"][car]))
        for car in np.flatnonzero(self._ended & ~crossed).tolist():
            self.book.finish_lap(car, rows[car], None)

    def go_on(self) -> None:
        """After a step: mistakes are paid for, whoever is through leaves, the others look again."""
        for simulator in self.simulators:
            wanted = np.zeros(len(simulator), np.bool_)
            for seat, is_back in zip(self.seats, self._put_back, strict=True):
                wanted[seat.row] |= is_back and seat.simulator is simulator
            if wanted.any():
                return_to_road(simulator, wanted, self.plan.penalties)
        self.active &= ~self._ended
        for car in np.flatnonzero(self.active).tolist():
            self.seats[car].look(is_fresh=bool(self._put_back[car]))

    def order(self) -> list[int]:
        """Cars from the first to the last, as things stand: finished ones by their time, then by the way driven."""
        rows = self.rows()
        laps = [len([lap for lap in done if lap.is_complete]) for done in self.book.laps]
        times_s = [sum(lap.lap_time_s or 0.0 for lap in done) for done in self.book.laps]

        def key(car: int) -> tuple[float, ...]:
            if laps[car] == self.plan.laps:
                return (0, times_s[car])
            return (1, -(laps[car] + rows[car, Column.PROGRESS_PERCENT] / 100))

        return sorted(range(len(self.seats)), key=key)

    def drives(self) -> tuple[Drive, ...]:
        """One per car, once all have ended."""
        return tuple(
            Drive(seat.entrant.name, place, self.plan.laps, tuple(laps))
            for place, (seat, laps) in enumerate(zip(self.seats, self.book.laps, strict=True), 1)
        )


def on_one_road(grid: Sequence[Entrant], plan: RacePlan, seeds: NDArray[np.uint64]) -> list[Seat]:
    """Everybody in one world, on its start grid; the simulator reads every sensor that any of them needs."""
    sensors = dict.fromkeys(name for entrant in grid for name in entrant.policy.metadata.sensors)
    simulator = Simulator(
        [plan.track],
        plan.settings(one_model(grid), len(grid)),
        seeds=seeds,
        sensors=tuple(sensors),
        car=grid[0].car,
    )
    return [Seat(entrant, simulator, row) for row, entrant in enumerate(grid)]


def alone(grid: Sequence[Entrant], plan: RacePlan, seeds: NDArray[np.uint64]) -> list[Seat]:
    """Everybody in a world of their own, the same for all."""
    return [
        Seat(
            entrant,
            Simulator(
                [plan.track],
                plan.settings(entrant.simulator, 1),
                seeds=seeds[:1],
                sensors=entrant.policy.metadata.sensors,
                car=entrant.car,
            ),
            0,
        )
        for entrant in grid
    ]
