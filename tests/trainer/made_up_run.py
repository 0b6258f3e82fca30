"""A run without a simulator: cars that follow a track's centre line, as the simulator would report them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.actions import DEFAULT_ACTION_SPACE
from shared.model_metadata import ModelMetadata
from trainer.runs.episode_log import EpisodeLog, EpisodeRecord
from trainer.runs.run_folder import RunFolder
from trainer.simulator.measurements import Column
from trainer.simulator.state import EpisodeStatus
from trainer.tracks import Track, load_track

STEP_S = 1 / 15
HYPERPARAMETERS = {"batch_size": 64, "num_episodes_between_training": 20, "lr": 0.0003, "loss_type": "huber"}


class FollowingCars:
    """N cars on one track, each covering its own distance a step; a lap complete at the end of it.

    Car i leaves the road after a third of the lap in every episode whose number is a multiple of three.
    """

    def __init__(self, track: Track, speeds_mps: list[float]) -> None:
        self.track = track
        self.measurements = np.zeros((len(speeds_mps), len(Column)))
        self._speeds_mps = np.array(speeds_mps)
        self._episodes = np.zeros(len(speeds_mps), int)
        self.reset(np.ones(len(speeds_mps), bool))

    def reset(self, mask: NDArray[np.bool_]) -> None:
        self.measurements[mask, Column.STEPS] = 1
        self.measurements[mask, Column.TIME_S] = 0
        self.measurements[mask, Column.STATUS] = EpisodeStatus.PREPARE
        self._episodes[mask] += 1
        self._place(mask, np.zeros(len(mask)))

    def step(self) -> NDArray[np.bool_]:
        """Advance all cars; returns which are done."""
        everyone = np.ones(len(self._speeds_mps), bool)
        self.measurements[:, Column.STEPS] += 1
        self.measurements[:, Column.TIME_S] += STEP_S
        self._place(everyone, self._speeds_mps * self.measurements[:, Column.TIME_S])
        progress = self.measurements[:, Column.PROGRESS_PERCENT]
        leaves = (self._episodes % 3 == 0) & (progress > 33)
        status = np.where(progress >= 100, EpisodeStatus.LAP_COMPLETE, EpisodeStatus.IN_PROGRESS)
        self.measurements[:, Column.STATUS] = np.where(leaves, EpisodeStatus.OFF_TRACK, status)
        return leaves | (progress >= 100)

    def _place(self, mask: NDArray[np.bool_], arc_m: NDArray[np.float64]) -> None:
        track, rows = self.track, self.measurements
        arc_m = np.minimum(arc_m, track.length_m)
        rows[mask, Column.X_M : Column.Y_M + 1] = track.position(arc_m)[mask]
        rows[mask, Column.HEADING_RAD] = track.heading_rad(arc_m)[mask]
        rows[mask, Column.ARC_M] = arc_m[mask]
        rows[mask, Column.PROGRESS_PERCENT] = 100 * arc_m[mask] / track.length_m
        rows[mask, Column.COMMANDED_SPEED_MPS] = self._speeds_mps[mask]
        rows[mask, Column.WHEELS_ON_TRACK] = 4
        following = np.searchsorted(track.waypoint_arcs_m, arc_m, side="right")
        following = np.clip(following, 1, len(track.waypoint_arcs_m) - 1)
        rows[mask, Column.PREVIOUS_WAYPOINT] = following[mask] - 1
        rows[mask, Column.NEXT_WAYPOINT] = following[mask]


def create_run(home: Path, name: str = "made-up") -> RunFolder:
    """An empty run with a car of DeepRacer's default actions."""
    return RunFolder.create(
        home,
        name,
        settings_toml='tracks = ["lapwing_loop"]\n',
        metadata_json=ModelMetadata(DEFAULT_ACTION_SPACE).to_json(),
        hyperparameters=HYPERPARAMETERS,
        reward_source="def reward_function(params):\n    return 1.0\n",
        description="made up",
    )


def drive(
    cars: FollowingCars, log: EpisodeLog, steps: int, *, action: NDArray[np.float64] | None = None
) -> list[EpisodeRecord]:
    """Let the cars drive, logged; the reward of a step is the commanded speed."""
    finished = []
    chosen = np.arange(len(cars.measurements)) % 15 if action is None else action
    for _ in range(steps):
        done = cars.step()
        finished += log.step(cars.measurements, chosen, cars.measurements[:, Column.COMMANDED_SPEED_MPS].copy(), done)
        if done.any():
            cars.reset(done)
            log.begin(done, cars.measurements)
    return finished


def open_log(cars: FollowingCars, *, phase: str = "training", trace_every: int = 10) -> EpisodeLog:
    """A log whose cars stand at the start."""
    log = EpisodeLog([cars.track], cars=len(cars.measurements), phase=phase, trace_every=trace_every, now=lambda: 5.0)
    log.begin(np.ones(len(cars.measurements), bool), cars.measurements)
    return log


def loop() -> Track:
    """The default track."""
    return load_track("lapwing_loop")
