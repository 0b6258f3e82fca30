"""Keeps the books of an evaluation: which lap every car is in, its mistakes, its times, and its steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.evaluation.lap_book import Floats, LapBook, Mask
from trainer.evaluation.plan import Starts
from trainer.evaluation.results import LapResult, TrialResult
from trainer.runs.episode_log import EpisodeRecord
from trainer.runs.simtrace import NO_ACTION, TraceTable, WaypointFinder, trace_rows
from trainer.simulator import Column, EpisodeStatus
from trainer.tracks import Track
from trainer.training.field import Field


class TrialBook:
    """The books of N cars, each in a trial of its own. Every lap is an episode of the trace, numbered as they begin."""

    def __init__(self, tracks: Sequence[Track], measurements: Floats, *, laps: int, now: Callable[[], float]) -> None:
        cars = len(measurements)
        self._tracks = tracks
        self._laps_wanted = laps
        self._now = now
        self._waypoints = WaypointFinder(tracks)
        self._table = TraceTable()
        self._first = measurements.copy()
        self._episode = np.arange(cars)
        self._next_episode = cars
        self._book = LapBook(measurements)
        self._records: list[EpisodeRecord] = []
        self._speed_sum_mps = np.zeros(cars)
        self._steps = np.zeros(cars)
        nothing = np.zeros(cars)
        self._trace(np.arange(cars), measurements, nothing + NO_ACTION, nothing.astype(bool), nothing)

    @property
    def resets(self) -> NDArray[np.int64]:
        """(N,) times every car was put back."""
        return self._book.resets

    def step(self, field: Field, actions: NDArray[np.floating], active: Mask, put_back: Mask, ended: Mask) -> None:
        """Take in a step of the active cars.

        Args (N cars, those of the field that are ours):
            actions: (N,) indices or (N, 2), what the policy chose.
            put_back: made a mistake and will be put back. ended: their trial is over.
        """
        records, rows = field.records, field.measurements
        self._steps[active] += 1
        self._speed_sum_mps[active] += np.abs(rows[active, Column.MEASURED_SPEED_MPS])
        lap_done = active & self._book.crossed(records["laps"])
        self._book.count_mistakes(rows, put_back | (ended & ~lap_done), put_back)
        pause_s = np.maximum(records["pause_until_s"] - records["time_s"], 0.0)
        paused = np.where(records["status"] == int(EpisodeStatus.PAUSE), pause_s, 0.0)
        shown = rows.copy()  # the simulator already counts the next lap
        shown[lap_done, Column.PROGRESS_PERCENT] = 100.0
        shown[lap_done, Column.STATUS] = int(EpisodeStatus.LAP_COMPLETE)
        self._trace(np.flatnonzero(active), shown, actions, lap_done | ended, paused)
        for car in np.flatnonzero(lap_done).tolist():
            self._finish_lap(car, rows[car], float(records["last_lap_time_s"][car]))
        for car in np.flatnonzero(ended & ~lap_done).tolist():
            self._finish_lap(car, rows[car], None)

    def _finish_lap(self, car: int, row: Floats, lap_time_s: float | None) -> None:
        lap = self._book.finish_lap(car, row, lap_time_s)
        self._records.append(self._record(car, row, lap))
        self._episode[car] = self._next_episode
        self._next_episode += 1

    def _record(self, car: int, row: Floats, lap: LapResult) -> EpisodeRecord:
        episode = int(self._episode[car])
        return EpisodeRecord(
            episode=episode,
            trial=episode + 1,
            phase="evaluation",
            reward=0.0,
            progress_percent=lap.completion_percent,
            status=lap.status,
            start_s=lap.start_s,
            end_s=lap.end_s,
            steps=lap.steps,
            car=car,
            track=self._tracks[int(row[Column.TRACK_INDEX])].name,
            off_track_count=lap.off_track_count,
            crash_count=lap.crash_count,
            immobilized_count=lap.immobilized_count,
            reversed_count=lap.reversed_count,
            reset_count=lap.reset_count,
        )

    def trials(self, starts: Starts, opponents: Sequence[str]) -> tuple[TrialResult, ...]:
        """One result per car, once all have ended. opponents: the names of the plan's."""
        return tuple(
            TrialResult(
                trial=car + 1,
                track=self._tracks[int(starts.track_index[car])].name,
                is_reversed=bool(starts.reversed[car]),
                start_fraction=float(starts.fraction[car]),
                start_lateral_m=float(self._first[car, Column.LATERAL_M]),
                laps_wanted=self._laps_wanted,
                mean_speed_mps=float(self._speed_sum_mps[car] / max(self._steps[car], 1)),
                laps=tuple(laps),
                grid_place=int(starts.grid_place[car]),
                opponents=tuple(opponents[number] for number in starts.opponents[car]),
            )
            for car, laps in enumerate(self._book.laps)
        )

    def records(self) -> tuple[EpisodeRecord, ...]:
        """One per lap, in the order in which they began."""
        return tuple(sorted(self._records, key=lambda record: record.episode))

    def trace(self) -> Floats:
        """Every step so far, in the run folder's columns."""
        return self._table.take()

    def _trace(
        self,
        cars: NDArray[np.intp],
        measurements: Floats,
        actions: NDArray[np.floating],
        done: Mask,
        pause_s: Floats,
    ) -> None:
        rows = measurements[cars]
        rows[:, Column.STEPS] -= self._book.start_steps[cars]
        self._table.extend(
            trace_rows(
                rows,
                self._waypoints,
                episodes=self._episode[cars],
                actions=np.asarray(actions, dtype=np.float64)[cars],
                rewards=np.zeros(len(cars)),
                done=done[cars],
                clock_start_s=np.zeros(len(cars)),
                pause_s=pause_s[cars],
                crashes=self._book.crashes[cars],
                wall_clock_s=self._now(),
            )
        )
