"""Those who look on at an evaluation: one films a trial, one writes its drive log as a car would."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shared.actions import ActionSpace
from shared.drive_channels import (
    ActuatorOutput,
    CameraFrame,
    Command,
    DriveEvent,
    DriveState,
    LidarScan,
    ModelOutput,
    ObjectSample,
    ObjectsSample,
    PoseSample,
)
from shared.drive_log import DriveLogWriter
from shared.film_writer import check_film_name
from shared.lidar import RANGE_MAX_M
from shared.model_messages import model_input
from shared.model_metadata import METADATA_NAME
from shared.sensors import SENSORS, sensor_of_kind
from trainer.evaluation.policy import LoadedPolicy
from trainer.evaluation.track_map import cars_around, things_around
from trainer.evaluation.video import LapVideo, VideoFrame, View
from trainer.simulator import Column, EpisodeStatus, Simulator
from trainer.simulator.measurements import ObjectColumn
from trainer.simulator.things import Kind

HOLD_LAST_S = 1.0  # long enough to read how it ended
JPEG_QUALITY = 95  # the model shall see nearly the same again


class TrialFilm:
    """Films one trial into an mp4."""

    def __init__(self, path: Path, *, view: View, trial: int, policy: LoadedPolicy) -> None:
        check_film_name(path)
        self._path, self._view, self._trial = path, view, trial - 1
        self._policy = policy
        self._film: LapVideo | None = None
        self._last: VideoFrame | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._film is not None:
            self._film.__exit__(kind, error, trace)

    @property
    def frames(self) -> int:
        """Frames so far."""
        return 0 if self._film is None else self._film.frames

    def begin(self, simulator: Simulator, rows: NDArray[np.int64]) -> None:
        """Open the film: the track is known now."""
        self._car = int(rows[self._trial])
        track = simulator.tracks[int(simulator.cars.track_index[self._car])]
        self._rate_hz = 1.0 / simulator.settings.step_s
        self._film = LapVideo(
            self._path,
            track,
            view=self._view,
            max_speed_mps=self._policy.action_space.max_speed_mps,
            title=f"{self._policy.name} on {track.title or track.name}",
            rate_hz=self._rate_hz,
        )
        self._add(simulator, simulator.camera[self._car])

    def step(
        self,
        simulator: Simulator,
        observation: Mapping[str, NDArray[Any]],
        output: NDArray[np.float32],
        active: NDArray[np.bool_],
    ) -> None:
        """Add a frame while the trial lasts; hold the last one for a moment."""
        if self._film is None or not active[self._trial]:
            return
        self._add(simulator, simulator.camera[self._car])
        if simulator.terminated[self._car] or simulator.truncated[self._car]:
            for _ in range(round(HOLD_LAST_S * self._rate_hz)):
                self._film.repeat()

    def _add(self, simulator: Simulator, camera: NDArray[np.uint8]) -> None:
        assert self._film is not None
        car = self._car
        record, row = simulator.cars.records[car], simulator.measurements[car]
        status = EpisodeStatus(int(row[Column.STATUS]))
        is_lap = status is EpisodeStatus.LAP_COMPLETE
        self._film.add(
            VideoFrame(
                x_m=float(record["x_m"]),
                y_m=float(record["y_m"]),
                heading_rad=float(record["heading_rad"]),
                speed_mps=float(record["speed_mps"]),
                steering_angle_deg=math.degrees(record["steering_angle_rad"]),
                progress_percent=float(row[Column.PROGRESS_PERCENT]),
                lap=int(record["laps"]) + (0 if is_lap else 1),
                lap_time_s=float(record["last_lap_time_s" if is_lap else "time_s"])
                - (0.0 if is_lap else float(record["lap_started_s"])),
                note=status.name.lower().replace("_", " "),
                camera=camera.copy(),
                chase=simulator.render(car, view="chase") if self._view == "chase" else None,
                things=(*things_around(simulator, car), *cars_around(simulator, car)),
            )
        )


class TrialLog:
    """Writes one trial as a drive log, with the channels a car writes; time counts from 0."""

    def __init__(self, path: Path, *, trial: int, policy: LoadedPolicy) -> None:
        self._trial = trial - 1
        self._car = 0  # of the simulator, known when it begins
        self._space: ActionSpace = policy.action_space
        camera = sensor_of_kind(policy.metadata.sensors, "camera")
        assert camera is not None, "every model has a camera"
        self._camera = camera
        self._frame = 0
        self._laps = 0
        self._time_s = 0.0
        self._writer = DriveLogWriter(path, about={"policy": policy.name, "source": policy.source, "car": "simulated"})
        self._writer.attach(METADATA_NAME, "application/json", policy.metadata.to_json().encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def begin(self, simulator: Simulator, rows: NDArray[np.int64]) -> None:
        """The car stands at its start."""
        self._car = int(rows[self._trial])
        track = simulator.tracks[int(simulator.cars.track_index[self._car])]
        self._writer.write(DriveState("armed", mode="autonomous", is_armed=True, reason=f"simulated {track.name}"), 0.0)
        self._pose(simulator, 0.0)

    def step(
        self,
        simulator: Simulator,
        observation: Mapping[str, NDArray[Any]],
        output: NDArray[np.float32],
        active: NDArray[np.bool_],
    ) -> None:
        """What the model saw and answered, what was commanded, and where that led."""
        if active[self._trial]:
            seen = {sensor: values[self._trial] for sensor, values in observation.items()}
            self.add(simulator, seen, output[self._trial])

    def add(self, simulator: Simulator, seen: Mapping[str, NDArray[Any]], output: NDArray[np.float32]) -> None:
        """One step. seen: by sensor, without a batch. output: (n,) what the model answered."""
        self._decision(seen, output)
        self._time_s = float(simulator.cars.time_s[self._car])
        self._pose(simulator, self._time_s)
        laps = int(simulator.cars.laps[self._car])
        if laps > self._laps:
            lap_time_s = float(simulator.cars.last_lap_time_s[self._car])
            self._writer.write(DriveEvent("lap", f"lap {laps}", lap_time_s), self._time_s)
            self._laps = laps
        status = EpisodeStatus(int(simulator.status[self._car]))
        if status.is_over and status is not EpisodeStatus.LAP_COMPLETE:
            self._writer.write(DriveEvent(status.name.lower()), self._time_s)

    def _decision(self, seen: Mapping[str, NDArray[Any]], output: NDArray[np.float32]) -> None:
        number, time_s, write = self._frame + 1, self._time_s, self._writer.write
        newest = seen[self._camera][-SENSORS[self._camera].shape[0]]  # of two cameras the left one, as on a car
        write(CameraFrame(jpeg_of(newest), number), time_s)
        write(model_input(self._frame, seen, frame_sequence=number), time_s)
        action = self._space.decode(output)
        angle, speed = action.steering_angle_deg, action.speed_mps
        write(ModelOutput(number, tuple(map(float, output)), angle, speed), time_s)
        write(Command(angle, speed, "autonomous", number, number), time_s)
        write(ActuatorOutput(angle, speed, None, None), time_s)
        self._frame = number

    def _pose(self, simulator: Simulator, time_s: float) -> None:
        if simulator.lidar.size:
            self._writer.write(lidar_scan(simulator, self._car), time_s)
        record, row = simulator.cars.records[self._car], simulator.measurements[self._car]
        objects = row[len(Column) :].reshape(-1, len(ObjectColumn))
        if len(objects):
            self._writer.write(ObjectsSample(tuple(map(object_sample, objects.tolist()))), time_s)
        self._writer.write(
            PoseSample(
                x_m=float(record["x_m"]),
                y_m=float(record["y_m"]),
                heading_deg=math.degrees(record["heading_rad"]),
                speed_mps=float(record["speed_mps"]),
                steering_angle_deg=math.degrees(record["steering_angle_rad"]),
                progress_percent=float(row[Column.PROGRESS_PERCENT]),
                lap=int(record["laps"]),
                is_off_track=bool(row[Column.IS_OFF_TRACK]),
            ),
            time_s,
        )


def lidar_scan(simulator: Simulator, car: int) -> LidarScan:
    """What a car's LiDAR sees now, in the car's frame, as a car logs it."""
    settings, mount = simulator.settings.lidar, simulator.car_model.lidar
    angles_deg = settings.config().angles_deg + (mount.yaw_deg if settings.yaw_deg is None else settings.yaw_deg)
    ranges_m = simulator.lidar[car]
    found = np.where(ranges_m < RANGE_MAX_M, ranges_m, 0.0)
    return LidarScan(tuple(angles_deg.tolist()), tuple(found.tolist()))


def object_sample(columns: list[float]) -> ObjectSample:
    """What a log says of one object of a row of measurements, given its ObjectColumn numbers."""
    return ObjectSample(
        kind=Kind(int(columns[ObjectColumn.KIND])).name.lower(),
        x_m=columns[ObjectColumn.X_M],
        y_m=columns[ObjectColumn.Y_M],
        heading_deg=math.degrees(columns[ObjectColumn.HEADING_RAD]),
        speed_mps=columns[ObjectColumn.SPEED_MPS],
    )


def jpeg_of(grey: NDArray[np.uint8]) -> bytes:
    """A (120, 160) picture as JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
