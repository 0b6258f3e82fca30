"""Follows every car's episodes step by step: records of the finished ones, trace rows of some. No files.

A training numbers its episodes in the order in which they start. Every finished one gives an `EpisodeRecord`;
every `trace_every`-th is also traced step by step. A million steps make 130 MB of trace; one episode in ten
makes 14, without preferring some cars over others, and the numbers in trace and metrics agree.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.runs.simtrace import FIELD, NO_ACTION, STATUS_NAMES, TraceTable, WaypointFinder, trace_rows
from trainer.simulator.measurements import Column
from trainer.tracks import Track


@dataclass(frozen=True, slots=True)
class EpisodeRecord:
    """One finished episode.

    episode: number in the order of starting, from 0 (in training: the same number as in the trace).
    trial: place within its iteration or evaluation, from 1.
    phase: "training" or "evaluation".
    start_s, end_s: simulated time of the car it belongs to.
    status: how it ended, in the words of the trace ("lap_complete", "off_track"...).
    crash_count: crashes of this car's own making. contacts: times it touched something or was touched; overtakes:
    moving things it passed.
    """

    episode: int
    trial: int
    phase: str
    reward: float
    progress_percent: float
    status: str
    start_s: float
    end_s: float
    steps: int
    car: int = 0
    track: str = ""
    off_track_count: int = 0
    crash_count: int = 0
    immobilized_count: int = 0
    reversed_count: int = 0
    reset_count: int = 0
    contacts: int = 0
    overtakes: int = 0


class EpisodeLog:
    """The open episodes of N cars, and what waits to be written.

    The loop calls `begin` for the cars just reset, `step` after every step of the simulator, and now and then
    `take_trace` to hand the rows to the run folder.
    """

    def __init__(
        self,
        tracks: Sequence[Track],
        *,
        cars: int,
        phase: str = "training",
        episodes_per_iteration: int = 20,
        trace_every: int = 10,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Args:
        tracks: of the simulator, in its order.
        phase: "training" or "evaluation"; an evaluation is one iteration, however many trials it has.
        episodes_per_iteration: `num_episodes_between_training`.
        trace_every: trace one episode of so many; lowered where it does not divide an iteration.
        now: the time of day.
        """
        self._tracks = [track.name for track in tracks]
        self._waypoints = WaypointFinder(tracks)
        self._phase = phase
        self._episodes_per_iteration = episodes_per_iteration
        # The last episode of every iteration is traced: deepracer-utils counts an iteration by it.
        self._trace_every = math.gcd(trace_every, episodes_per_iteration)
        self._now = now
        self._table = TraceTable()
        self._next_episode = 0
        self._episode = np.full(cars, -1, dtype=np.int64)
        self._reward = np.zeros(cars)
        self._start_s = np.zeros(cars)
        self._clock_s = np.zeros(cars)

    def begin(self, mask: NDArray[np.bool_], measurements: NDArray[np.float64]) -> None:
        """The masked cars (N,) stand at a new start; measurements (N, columns) as the reset left them."""
        starting = np.flatnonzero(mask)
        self._episode[starting] = self._next_episode + np.arange(len(starting))
        self._next_episode += len(starting)
        self._reward[starting] = 0.0
        self._start_s[starting] = self._clock_s[starting]
        no_action = np.full(len(mask), NO_ACTION)
        nothing = np.zeros(len(mask))
        self._trace(mask, measurements, no_action, nothing, np.zeros(len(mask), bool), 0.0)

    def step(
        self,
        measurements: NDArray[np.float64],
        actions: NDArray[Any],
        rewards: NDArray[np.float64],
        done: NDArray[np.bool_],
        *,
        pause_s: NDArray[np.float64] | float = 0.0,
    ) -> list[EpisodeRecord]:
        """Take in one step of all cars and return the episodes that ended with it.

        Args (N cars):
            measurements: (N, columns) after the step, before any reset.
            actions: (N,) chosen index, or (N, 2) continuous.
            rewards: (N,)
            done: (N,) terminated or truncated.
            pause_s: seconds of penalty a car stands for, evaluation only.
        """
        active = self._episode >= 0
        self._reward[active] += rewards[active]
        self._trace(active, measurements, actions, rewards, done, pause_s)
        self._clock_s[active] = self._start_s[active] + measurements[active, Column.TIME_S]
        ended = np.flatnonzero(done & active)
        records = [self._finished(int(car), measurements[car]) for car in ended]
        self._episode[ended] = -1
        return records

    def take_trace(self) -> dict[int, NDArray[np.float64]]:
        """Rows collected since the last call, by iteration; an evaluation's are all under 0."""
        rows = self._table.take()
        if self._phase == "evaluation":
            return {0: rows}
        iterations = rows[:, FIELD["episode"]].astype(np.int64) // self._episodes_per_iteration
        return {int(number): rows[iterations == number] for number in np.unique(iterations)}

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Everything needed to go on counting after a resume. Take the trace first."""
        if len(self._table):
            raise RuntimeError("take_trace first: rows that are not written would be lost")
        return {
            "next_episode": np.array(self._next_episode),
            "episode": self._episode.copy(),
            "reward": self._reward.copy(),
            "start_s": self._start_s.copy(),
            "clock_s": self._clock_s.copy(),
        }

    def restore(self, snapshot: dict[str, NDArray[Any]]) -> None:
        """Continue where `snapshot` was taken."""
        self._table.take()
        self._next_episode = int(snapshot["next_episode"])
        self._episode[:] = snapshot["episode"]
        self._reward[:] = snapshot["reward"]
        self._start_s[:] = snapshot["start_s"]
        self._clock_s[:] = snapshot["clock_s"]

    def _trace(
        self,
        mask: NDArray[np.bool_],
        measurements: NDArray[np.float64],
        actions: NDArray[Any],
        rewards: NDArray[np.float64],
        done: NDArray[np.bool_],
        pause_s: NDArray[np.float64] | float,
    ) -> None:
        """Keep the rows of the masked cars whose episode is traced: the last of every `trace_every`."""
        traced = np.flatnonzero(mask & (self._episode % self._trace_every == self._trace_every - 1))
        if not len(traced):
            return
        self._table.extend(
            trace_rows(
                measurements[traced],
                self._waypoints,
                episodes=self._episode[traced],
                actions=np.asarray(actions, dtype=np.float64)[traced],
                rewards=rewards[traced],
                done=done[traced],
                clock_start_s=self._start_s[traced],
                pause_s=pause_s if isinstance(pause_s, float) else pause_s[traced],
                wall_clock_s=self._now(),
                crashes=measurements[traced, Column.IS_CRASHED],
            )
        )

    def _finished(self, car: int, measured: NDArray[np.float64]) -> EpisodeRecord:
        episode = int(self._episode[car])
        return EpisodeRecord(
            episode=episode,
            trial=1 + (episode if self._phase == "evaluation" else episode % self._episodes_per_iteration),
            phase=self._phase,
            reward=float(self._reward[car]),
            progress_percent=float(measured[Column.PROGRESS_PERCENT]),
            status=STATUS_NAMES[int(measured[Column.STATUS])],
            start_s=float(self._start_s[car]),
            end_s=float(self._clock_s[car]),
            steps=int(measured[Column.STEPS]),
            car=car,
            track=self._tracks[int(measured[Column.TRACK_INDEX])],
            crash_count=int(measured[Column.IS_CRASHED]),
            contacts=int(measured[Column.CONTACTS]),
            overtakes=int(measured[Column.OVERTAKES]),
        )
