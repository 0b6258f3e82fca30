"""Tracks, settings and a driver for the simulator's tests, so that they need neither the catalogue nor training."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.simulator import (
    Column,
    DynamicsSettings,
    EpisodeRules,
    RaceSettings,
    RandomisationSettings,
    Range,
    Simulator,
    SimulatorSettings,
)
from trainer.tracks import Track

OFF = RandomisationSettings(preset="off")
KINEMATIC = DynamicsSettings(preset="kinematic")
# Drive wherever you like, for as long as you like.
NO_RULES = EpisodeRules(off_track=False, reversed_steps=0, immobilized_steps=0, time_limit_s=0, laps=1000)


def oval_track(straight_m: float = 3.0, radius_m: float = 1.2, half_width_m: float = 0.4) -> Track:
    """Two straights and two half circles, counter-clockwise, beginning in the middle of the lower straight."""
    turn = np.linspace(-np.pi / 2, np.pi / 2, 60)
    right = np.stack((straight_m / 2 + radius_m * np.cos(turn), radius_m * np.sin(turn)), axis=-1)
    upper = np.stack((np.linspace(straight_m / 2, -straight_m / 2, 31)[1:-1], np.full(29, radius_m)), axis=-1)
    lower = np.stack((np.linspace(-straight_m / 2, straight_m / 2, 31), np.full(31, -radius_m)), axis=-1)
    line = np.concatenate((lower[15:-1], right, upper, -right, lower[1:16]))
    line[-1] = line[0]
    ahead = np.roll(line[:-1], -1, axis=0) - np.roll(line[:-1], 1, axis=0)
    ahead = np.concatenate((ahead, ahead[:1]))
    normal = np.stack((-ahead[:, 1], ahead[:, 0]), axis=-1) / np.hypot(*ahead.T)[:, None]
    return Track("oval", True, line, line + normal * half_width_m, line - normal * half_width_m)


def straight_track(length_m: float = 6.0, half_width_m: float = 0.4) -> Track:
    """An open road along x."""
    line = np.stack((np.linspace(0, length_m, 31), np.zeros(31)), axis=-1)
    side = np.array([0.0, half_width_m])
    return Track("straight", False, line, line + side, line - side)


def quiet(preset: str = "off", **ranges: tuple[float, float]) -> RandomisationSettings:
    """A preset without texture, blur and noise, so that a picture is its geometry alone."""
    silent = dict.fromkeys(
        ("road_texture", "field_texture", "wall_texture", "background_texture", "blur", "noise_level", "exposure_s"),
        (0.0, 0.0),
    )
    chosen: Any = {name: Range(low=low, high=high) for name, (low, high) in (silent | ranges).items()}
    return RandomisationSettings(preset=preset, **chosen)


def one_car(track: Track, **changes: Any) -> Simulator:
    """A single car at the start of the track, nothing random unless asked for."""
    settings = SimulatorSettings(**{"randomisation": OFF, "threads": 1} | changes)
    simulator = Simulator([track], settings, seeds=[1], start_fraction=[0.0])
    simulator.reset()
    return simulator


def steer_along(simulator: Simulator, look_ahead_m: float = 0.35, lateral_m: Any = 0.0) -> NDArray[np.float64]:
    """Steering angles, degrees, that take every car towards a place ahead of it, so far left of the centre line."""
    rows = simulator.measurements
    angles, beside_m = np.empty(len(rows)), np.broadcast_to(lateral_m, len(rows))
    for car, row in enumerate(rows):
        track = simulator.tracks[int(row[Column.TRACK_INDEX])]
        track = track.reversed() if row[Column.IS_REVERSED] else track
        at_m = row[Column.ARC_M] + look_ahead_m
        heading = track.heading_rad(at_m)
        target = track.position(at_m) + beside_m[car] * np.array([-np.sin(heading), np.cos(heading)])
        dx, dy = target - row[[Column.X_M, Column.Y_M]]
        error = np.arctan2(dy, dx) - row[Column.HEADING_RAD]
        angles[car] = np.degrees((error + np.pi) % (2 * np.pi) - np.pi)
    return np.clip(angles * 1.5, -30, 30)


def race_simulator(track: Track, cars: int = 1, *, race: dict[str, Any], **changes: Any) -> Simulator:
    """Cars at the start of the track, each world with what race says, nothing else random unless asked for."""
    chosen: Any = {"randomisation": OFF, "threads": 1, "race": RaceSettings(**race)} | changes
    simulator = Simulator([track], SimulatorSettings(**chosen), seeds=np.arange(cars), start_fraction=0.0)
    simulator.reset()
    return simulator
