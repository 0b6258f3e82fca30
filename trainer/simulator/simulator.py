"""The simulator: N cars as rows of arrays, moved and observed by two launches a step."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from shared.cars import DEEPRACER, CarModel
from shared.errors import SimulationError
from shared.sensors import CAMERA_HEIGHT_PX, CAMERA_WIDTH_PX, FRONT_CAMERA, SENSORS, sensor_name
from trainer.simulator import launch
from trainer.simulator.dynamics import history_slots, motion_record
from trainer.simulator.episode import rules_record
from trainer.simulator.measurements import COLUMNS, OBJECT_COLUMNS
from trainer.simulator.randomisation import EPISODE_DRAW, QUANTITIES
from trainer.simulator.render import Renderer, Scenery, ViewName
from trainer.simulator.sensing import device_records, make_sensor_arrays
from trainer.simulator.settings import SimulatorSettings
from trainer.simulator.state import CAR, Cars
from trainer.simulator.textures import make_noise_tables
from trainer.simulator.track_arrays import TrackArrays, pack_tracks
from trainer.simulator.work import make_work_space
from trainer.simulator.worlds import build_race, check_directions, check_track_index
from trainer.tracks import Track

# Arrays that make up the whole state; everything else follows from the settings.
STATE = (
    "cars", "draws", "histories", "objects", "worlds",
    "pictures", "lidar", "motion", "measurements", "terminated", "truncated",
)  # fmt: skip
PRIVATE = ("cars", "draws", "histories")


class Simulator:
    """N cars, each in an episode of its own. Call reset() once before the first step().

    camera (N, 120, 160) uint8, measurements (N, len(Column) + M * len(ObjectColumn)) float64, terminated and truncated
    (N,) bool: written in place by reset and step, never reallocated. So are pictures, lidar and motion (SensorArrays);
    camera is the single one of the pictures, or else the left one. object_rows: (N, M, len(ObjectColumn)), the latter
    part of measurements; M objects: the K boxes and bots of the car's world, then its other cars in order. objects:
    (W, K) OBJECT. worlds: (W,) WORLD, of which active_boxes, active_bots and bot_speed_scale may be set; they hold from
    the next time on that a world's objects are laid, which is when its first car is reset. cars: named (N,) arrays of
    the state. Only one thread of the program may use simulators.
    """

    def __init__(
        self,
        tracks: Sequence[Track],
        settings: SimulatorSettings | None = None,
        *,
        seeds: ArrayLike,
        track_index: ArrayLike | None = None,
        start_fraction: ArrayLike | None = None,
        world_index: ArrayLike | None = None,
        car: CarModel = DEEPRACER,
        sensors: Sequence[str] = (FRONT_CAMERA,),
    ) -> None:
        """Args: seeds (N,) whole numbers, one car each; world_index (N,) ascending, which cars share a road, by default
        race.cars_per_world after each other; track_index (N,), by default worlds take turns on the tracks;
        start_fraction (N,) where the round robin of starts begins, by default spread evenly over the worlds; sensors:
        all that any policy needs, names of the sensor table (MetadataError for others)."""
        self.settings = settings or SimulatorSettings()
        self.tracks = tuple(tracks)
        self.car_model = car
        if not self.tracks:
            raise SimulationError("A simulator needs at least one track.")
        seeds = np.atleast_1d(np.asarray(seeds)).astype(np.uint64)
        count = len(seeds)
        if count == 0:
            raise SimulationError("A simulator needs at least one car: give it a seed.")
        arrays = pack_tracks(self.tracks)
        worlds = np.arange(count) // self.settings.race.cars_per_world if world_index is None else world_index
        worlds = np.broadcast_to(np.asarray(worlds, np.int64), (count,))
        self._race = build_race(self.tracks, arrays, self.settings, worlds, car)
        self.worlds, self.objects = self._race.worlds, self._race.objects
        self._allocate(count, {SENSORS[sensor_name(name)].reading for name in sensors})
        records = self._cars
        records["seed"], records["episode"], records["world_index"] = seeds, -1, worlds
        of, total = self._race.world_of, len(self.worlds)
        self._set(records, "track_index", of % len(self.tracks) if track_index is None else track_index)
        check_track_index(records["track_index"], len(self.tracks), self._race)
        self._set(records, "start_fraction", of / total if start_fraction is None else start_fraction)
        self._pack(car, arrays)

    def _allocate(self, count: int, readings: Collection[str]) -> None:
        self._cars = np.zeros(count, CAR)
        self._draws = np.zeros(count, EPISODE_DRAW)
        settings = self.settings
        slots = history_slots(settings.dynamics, settings.randomisation, settings.step_s)
        self._histories = np.zeros((count, slots, 2))
        self.cars = Cars(self._cars)
        self._senses = make_sensor_arrays(count, readings, settings)
        self.pictures, self.lidar, self.motion = self._senses.arrays()
        self.camera = self._senses.readings()["camera"][:, 0]
        others = self.objects.shape[1] + self.settings.race.cars_per_world - 1
        self.measurements = np.zeros((count, COLUMNS + others * OBJECT_COLUMNS))
        self.object_rows = self.measurements[:, COLUMNS:].reshape(count, others, OBJECT_COLUMNS)
        self.terminated = np.zeros(count, bool)
        self.truncated = np.zeros(count, bool)
        self.threads = launch.choose_threads(self.settings.threads, count)
        self._work = make_work_space(self.threads, CAMERA_HEIGHT_PX, CAMERA_WIDTH_PX).arrays()
        self._all = np.ones(count, bool)
        self._orders = np.empty((count, 3))
        self._commanded_steering_deg = self._cars["commanded_steering_angle_deg"]
        self._commanded_speed_mps = self._cars["commanded_speed_mps"]

    def _pack(self, car: CarModel, arrays: TrackArrays) -> None:
        settings = self.settings
        tables = make_noise_tables()
        self._ranges = settings.randomisation.ranges()
        self._motion = motion_record(settings.dynamics, car.wheelbase_m)
        self._rules = rules_record(settings.rules, settings.start, car)
        self._devices = device_records(settings, car)
        self._world = (arrays.tracks, arrays.line, arrays.waypoint_arcs_m, arrays.ground)
        self._tables = (tables.grain, tables.noise)
        self._outputs = (self.measurements, self.terminated, self.truncated)
        self._renderer = Renderer(
            Scenery(
                self.tracks, self._cars, self._draws, arrays.tracks, arrays.line, arrays.ground, self._devices[0],
                tables.grain, tables.noise, self._race,
            )
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self._cars)

    @property
    def status(self) -> NDArray[np.int64]:
        """(N,) EpisodeStatus of every car."""
        return self._cars["status"]

    def paint(self, car: int, rgb: Sequence[int]) -> None:
        """Give a car's body a colour until its next reset, in pictures for people: what cameras see of it stays."""
        self._cars["red"][car], self._cars["green"][car], self._cars["blue"][car] = rgb

    def barriers(self, track_index: int) -> NDArray[np.void]:
        """(B,) THING beside a track; their colours are drawn for every car."""
        first, last = self._race.barrier_rows[track_index]
        return self._race.barriers[first:last]

    def readings(self) -> dict[str, NDArray[np.generic]]:
        """What the sensors read now, (N, …) by reading name (SensorSpec.reading): views, not copies."""
        return self._senses.readings()

    def reset(
        self,
        mask: ArrayLike | None = None,
        *,
        seeds: ArrayLike | None = None,
        track_index: ArrayLike | None = None,
        start_fraction: ArrayLike | None = None,
        start_lateral_m: ArrayLike | None = None,
        reversed: ArrayLike | None = None,  # noqa: A002 the setting's own name
    ) -> None:
        """Start a new episode for the cars in mask (N,) bool, all by default; the other cars keep every byte.

        With the first car of a world its objects are laid anew (and bots that wait for a struck car wait no more). The
        cars of a world that are all reset line up behind the first one, but for those told another start fraction; they
        drive as it does. A car reset alone drives as its world does, at the next place that is free.
        Every argument is one value or (N,), and only read for the cars in mask. seeds: start counting episodes at 0
        with a new seed. track_index: from now on. start_fraction of the track, start_lateral_m to the left, reversed:
        for this episode.
        """
        wanted = self._all if mask is None else np.ascontiguousarray(mask, dtype=bool)
        if wanted.shape != (len(self),):
            raise SimulationError(f"A mask of {len(self)} cars is needed; this one has the shape {wanted.shape}.")
        records = self._cars
        if track_index is not None:
            tracks = np.where(wanted, self._row(track_index, np.int64), records["track_index"])
            check_track_index(tracks, len(self.tracks), self._race)
            records["track_index"] = tracks
        if reversed is not None:
            check_directions(wanted, self._row(reversed, np.bool_).astype(np.bool_), self._race)
        records["episode"][wanted] += 1
        if seeds is not None:
            records["seed"][wanted] = self._row(seeds, np.uint64)[wanted]
            records["episode"][wanted] = 0
        orders = self._orders
        orders[:] = np.nan
        if start_fraction is not None:
            orders[:, 0] = self._row(start_fraction, np.float64)
        if start_lateral_m is not None:
            orders[:, 1] = self._row(start_lateral_m, np.float64)
        if reversed is not None:
            orders[:, 2] = np.where(self._row(reversed, bool), -1.0, 1.0)
        tracks, line, *_ = self._world
        values = self._draws.view(np.float64).reshape(len(self), len(QUANTITIES))
        launch.start_cars(
            wanted,
            orders,
            records,
            self._draws,
            values,
            self._ranges,
            self._histories,
            self._rules,
            tracks,
            line,
            self._race,
        )
        self._observe(False, wanted)

    def step(self, steering_angle_deg: ArrayLike, speed_mps: ArrayLike) -> None:
        """Every car whose episode is not over takes one step under its command, (N,) each; left is positive."""
        steering, speed = self._commanded_steering_deg, self._commanded_speed_mps
        if self._cars["episode"][0] < 0:
            raise SimulationError("Reset the simulator before its first step.")
        steering[:] = steering_angle_deg
        speed[:] = speed_mps
        if not (math.isfinite(steering.sum()) and math.isfinite(speed.sum())):
            raise SimulationError("A command is not a finite number: the policy's weights are probably NaN.")
        settings, (tracks, line, *_) = self.settings, self._world
        rest = (
            self._cars,
            self._draws,
            self._histories,
            self._motion,
            settings.step_s,
            settings.substeps,
            self._race,
            tracks,
            line,
        )
        if self.threads == 1:
            launch.move_cars(0, len(self), *rest)
        else:
            numba.set_num_threads(self.threads)
            launch.move_all_cars(self.threads, *rest)
        self._observe(True, self._all)

    def _observe(self, judging: bool, wanted: NDArray[np.bool_]) -> None:
        step_s = self.settings.step_s
        rest = (
            wanted,
            self._cars,
            self._draws,
            self._rules,
            step_s,
            self._world,
            self._race,
            self._devices,
            self._tables,
            self._outputs,
            self._senses.arrays(),
            self._work,
        )
        if self.threads == 1:
            launch.observe_cars(0, len(self), 0, judging, *rest)
        else:
            numba.set_num_threads(self.threads)
            launch.observe_all_cars(self.threads, judging, *rest)

    def redraw(self, mask: ArrayLike) -> None:
        """Draw everything that is random about an episode anew for the cars in mask, where they drive.

        A car that learns meets more worlds that way than it starts episodes. The next step shows it.
        """
        wanted = np.ascontiguousarray(mask, dtype=bool)
        values = self._draws.view(np.float64).reshape(len(self), len(QUANTITIES))
        launch.redraw_worlds(wanted, self._cars, self._draws, values, self._ranges, self._world[0], self._race)

    def put_back(self, mask: ArrayLike, pause_s: float = 0.0, *, mercy: ArrayLike = False) -> None:
        """Stand the cars in mask in the nearer lane at the progress they had, as after an off-track in an evaluation.

        After a crash, or with an object within 1 m, it is 1 m behind the object in the other lane. mercy (one bool or
        (N,)): 1 m ahead of it, for a car that has crashed three times in a row at the same progress. Their episode goes
        on; for pause_s they stand whatever they are told, while their clock runs. They touch nothing until their pause
        is over and they overlap nothing.
        """
        wanted = np.ascontiguousarray(mask, dtype=bool)
        merciful = np.ascontiguousarray(self._row(mercy, np.bool_))
        tracks, line, *_ = self._world
        launch.put_cars_back(
            wanted,
            float(pause_s),
            merciful,
            self._cars,
            self._draws,
            self._histories,
            self._rules,
            tracks,
            line,
            self._race,
        )
        self._observe(False, wanted)

    def render(
        self, car: int = 0, *, width_px: int = 640, height_px: int = 480, view: ViewName = "camera"
    ) -> NDArray[np.uint8]:
        """(height_px, width_px, 3) in colour: what the car's camera sees, the car from behind, its track from above."""
        return self._renderer.picture(car, width_px, height_px, view)

    def snapshot(self) -> dict[str, NDArray[np.generic]]:
        """Everything that changes, as copies: restore() brings back the very same bytes."""
        return {name: self._state(name).copy() for name in STATE}

    def restore(self, snapshot: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue from a snapshot of a simulator with the same tracks, settings and number of cars."""
        for name in STATE:
            mine, given = self._state(name), snapshot.get(name)
            if given is None or given.shape != mine.shape or given.dtype != mine.dtype:
                raise SimulationError(
                    f"This snapshot does not fit: its {name} is not {mine.shape} of {mine.dtype}. "
                    "It was taken by a simulator with another number of cars, with other sensors or by another version."
                )
        for name in STATE:
            self._state(name)[...] = snapshot[name]

    def _state(self, name: str) -> NDArray[np.generic]:
        return getattr(self, f"_{name}" if name in PRIVATE else name)

    def _row(self, values: ArrayLike, kind: type) -> NDArray[np.generic]:
        return np.broadcast_to(np.asarray(values, dtype=kind), (len(self),))

    def _set(self, records: NDArray[np.void], name: str, values: ArrayLike) -> None:
        records[name] = self._row(values, records.dtype[name].type)
