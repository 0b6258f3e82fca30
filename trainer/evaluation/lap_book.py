"""Counts laps: which one every car is in, when it began, and what went wrong in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trainer.evaluation.results import LapResult
from trainer.runs.simtrace import STATUS_NAMES
from trainer.simulator import Column, EpisodeStatus

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

# Which count of a lap a mistake goes to.
COUNT_OF_STATUS = {
    EpisodeStatus.OFF_TRACK: "off_track_count",
    EpisodeStatus.CRASHED: "crash_count",
    EpisodeStatus.IMMOBILIZED: "immobilized_count",
    EpisodeStatus.REVERSED: "reversed_count",
}
COUNTS = (*COUNT_OF_STATUS.values(), "reset_count")
# Columns that count from the start of a trial, and the counts of a lap they become.
COUNT_OF_COLUMN = {
    Column.CONTACTS: "contact_count",
    Column.OVERTAKES: "overtake_count",
    Column.OVERTAKEN: "overtaken_count",
}


class LapBook:
    """The laps of N cars. Rows are their measurements (N, columns), after every step.

    laps: the finished ones of every car. start_steps: steps (N,) at which the present lap began. resets: (N,) times
    put back; crashes: (N,) times run into something, both in all laps.
    """

    def __init__(self, rows: Floats) -> None:
        cars = len(rows)
        self.laps: list[list[LapResult]] = [[] for _ in range(cars)]
        self.start_steps = np.zeros(cars)
        self.resets = np.zeros(cars, dtype=np.int64)
        self.crashes = np.zeros(cars)
        self._start_s = np.zeros(cars)
        self._start_counts = rows[:, list(COUNT_OF_COLUMN)].copy()
        self._counts = [dict.fromkeys(COUNTS, 0) for _ in range(cars)]

    def crossed(self, laps_driven: NDArray[np.int64]) -> Mask:
        """(N,) cars that crossed the line in this step. laps_driven: (N,) as the simulator counts them."""
        crossed: Mask = laps_driven > np.array([len(done) for done in self.laps])
        return crossed

    def count_mistakes(self, rows: Floats, mistaken: Mask, put_back: Mask) -> None:
        """Take down what went wrong in this step. put_back: those of the mistaken that will be put back."""
        self.resets += put_back
        self.crashes += mistaken & (rows[:, Column.STATUS] == int(EpisodeStatus.CRASHED))
        for car in np.flatnonzero(mistaken).tolist():
            name = COUNT_OF_STATUS.get(EpisodeStatus(int(rows[car, Column.STATUS])))
            if name is not None:
                self._counts[car][name] += 1
            self._counts[car]["reset_count"] += int(put_back[car])

    def finish_lap(self, car: int, row: Floats, lap_time_s: float | None) -> LapResult:
        """Close the lap a car is in, and open the next. lap_time_s: None when the line was not reached."""
        counted = (row[list(COUNT_OF_COLUMN)] - self._start_counts[car]).astype(int).tolist()
        lap = LapResult(
            lap=len(self.laps[car]) + 1,
            status="lap_complete" if lap_time_s is not None else STATUS_NAMES[int(row[Column.STATUS])],
            completion_percent=100.0 if lap_time_s is not None else float(row[Column.PROGRESS_PERCENT]),
            start_s=float(self._start_s[car]),
            end_s=float(row[Column.TIME_S]),
            steps=int(row[Column.STEPS] - self.start_steps[car]),
            lap_time_s=lap_time_s,
            **self._counts[car],
            **dict(zip(COUNT_OF_COLUMN.values(), counted, strict=True)),
        )
        self.laps[car].append(lap)
        self._start_s[car] = row[Column.TIME_S]
        self.start_steps[car] = row[Column.STEPS] - 1
        self._start_counts[car] = row[list(COUNT_OF_COLUMN)]
        self._counts[car] = dict.fromkeys(COUNTS, 0)
        return lap
