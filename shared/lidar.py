"""From a LiDAR's scan to the model's input: the one implementation, used by the simulator and by the car.

Angles of a ray are those of the LiDAR's own frame, ISO 8855: seen from above, counter-clockwise positive. DeepRacer's
LiDAR is mounted turned by 180 degrees: its zero looks BACKWARDS, and its 300 degrees leave out the 60 in front of the
car, which the camera sees. Rays are in the order of increasing angle. So the first ray, at -150 degrees, looks 30
degrees to the left of straight ahead; the rays go on over the left side (90 degrees to the left of ahead lies at
-90), the rear (0) and the right side (90) to the last one, 30 degrees to the right of ahead.

A ray is in metres; RANGE_MAX_M means that nothing is there. One distance, LidarConfig's clip, says on both machines
from where on a thing counts as nothing. (DeepRacer's simulator clips LIDAR at 1.0 m and its car at 0.5 m: a model met
on the car what it had never seen.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shared.errors import MetadataError, ObservationError
from shared.metadata_values import check_number, read_number, read_whole
from shared.sensors import DISCRETIZED_SECTOR_LIDAR, LIDAR, SECTOR_LIDAR

RANGE_MIN_M, RANGE_MAX_M = 0.15, 12.0  # of DeepRacer's LiDAR, an RPLIDAR A1
# From where on a thing counts as nothing, where a model's metadata does not say: DeepRacer's simulator.
DEFAULT_CLIP_M = {LIDAR: 1.0, SECTOR_LIDAR: 0.5, DISCRETIZED_SECTOR_LIDAR: 2.0}
FEWEST_RAYS, MOST_RAYS, MOST_VALUES = 8, 720, 64
# Two neighbouring points of a scan that differ by no more than this lie on one surface: between them it is straight.
SAME_SURFACE_M = 0.1


@dataclass(frozen=True, slots=True)
class LidarConfig:
    """How a model sees with its LiDAR; the defaults are DeepRacer's.

    num_rays over fov_deg degrees, in order of increasing angle, the first and the last at the two ends.
    clip_m: where nothing begins; None: the sensor's own distance, DEFAULT_CLIP_M.
    num_sectors: of SECTOR_LIDAR and DISCRETIZED_SECTOR_LIDAR; must divide num_rays.
    num_values_per_sector: of DISCRETIZED_SECTOR_LIDAR, "nothing" included.

    Raises:
        MetadataError: a value is out of its range.
    """

    num_rays: int = 64
    fov_deg: float = 300.0
    min_range_m: float = RANGE_MIN_M
    clip_m: float | None = None
    num_sectors: int = 8
    num_values_per_sector: int = 8

    def __post_init__(self) -> None:
        check_number("lidar_config.num_values", self.num_rays, FEWEST_RAYS, MOST_RAYS)
        check_number("lidar_config.max_angle - min_angle", self.fov_deg, 10, 360)
        check_number("lidar_config.min_distance", self.min_range_m, 0, 1)
        if self.clip_m is not None:
            check_number("lidar_config.clipping_dist", self.clip_m, max(RANGE_MIN_M, self.min_range_m), RANGE_MAX_M)
        check_number("lidar_config.num_sectors", self.num_sectors, 1, MOST_RAYS)
        check_number("lidar_config.num_values_per_sector", self.num_values_per_sector, 2, MOST_VALUES)

    def clip_of(self, sensor: str) -> float:
        """Where nothing begins for this sensor, metres."""
        return DEFAULT_CLIP_M[sensor] if self.clip_m is None else self.clip_m

    @property
    def angles_deg(self) -> NDArray[np.float64]:
        """(num_rays,) angles in the LiDAR's own frame, increasing; over a full circle the two ends are one ray."""
        half = 0.5 * self.fov_deg
        return np.linspace(-half, half, self.num_rays, endpoint=self.fov_deg < 360.0)

    @classmethod
    def from_metadata(cls, values: Mapping[str, Any] | None, sensor: str) -> LidarConfig:
        """Read `lidar_config` of model_metadata.json: the simulator's keys, the car's, both or none.

        Raises:
            MetadataError: names the key that is wrong.
        """
        values = {} if values is None else values
        found: dict[str, Any] = {}
        for key, field, read in (
            ("num_values", "num_rays", read_whole),
            ("min_distance", "min_range_m", read_number),
            ("num_sectors", "num_sectors", read_whole),
            ("num_values_per_sector", "num_values_per_sector", read_whole),
        ):
            if key in values:
                found[field] = read(values[key], f"lidar_config.{key}")
        if sensor == LIDAR:
            found.pop("num_sectors", None)  # the car writes there how many values LIDAR has
        if "min_angle" in values or "max_angle" in values:
            found["fov_deg"] = _field_of_view(values)
        config = cls(**found, clip_m=_clip(values, sensor))
        lidar_size(sensor, config)
        return config

    def to_metadata(self, sensor: str) -> dict[str, Any]:
        """`lidar_config` with the keys of both families: each of DeepRacer's two halves finds its own."""
        clip_m = self.clip_of(sensor)
        return {
            "num_sectors": self.num_rays if sensor == LIDAR else self.num_sectors,
            "num_values_per_sector": self.num_values_per_sector,
            "clipping_dist": clip_m,
            "num_values": self.num_rays,
            "min_angle": -0.5 * self.fov_deg,
            "max_angle": 0.5 * self.fov_deg,
            "min_distance": self.min_range_m,
            "max_distance": clip_m,
            "clipping_distance": clip_m,
        }


def lidar_size(sensor: str, config: LidarConfig) -> int:
    """How many numbers this sensor gives a model.

    Raises:
        MetadataError: the rays cannot be shared out evenly among the sectors.
    """
    if sensor == LIDAR:
        return config.num_rays
    if config.num_rays % config.num_sectors:
        raise MetadataError(
            f"{sensor} has {config.num_rays} rays, which cannot be shared out evenly among num_sectors = "
            f"{config.num_sectors}. Choose a number that divides {config.num_rays}."
        )
    return config.num_sectors * (1 if sensor == SECTOR_LIDAR else config.num_values_per_sector - 1)


def lidar_input(rays: NDArray[Any], sensor: str, config: LidarConfig) -> NDArray[np.float32]:
    """(…, num_rays) metres, of one car or a batch -> (…, size) float32 as the model takes it.

    NaN and infinity are nothing. LIDAR: metres, limited to min_range_m and the clip. SECTOR_LIDAR: 1 for a sector in
    which a ray is shorter than the clip. DISCRETIZED_SECTOR_LIDAR: the clip is cut in num_values_per_sector equal
    parts, and of each sector's values the one is 1 in whose part the shortest ray ends. The furthest part counts as
    nothing and has no value: all others are then 0.
    """
    if rays.shape[-1] != config.num_rays:
        raise ObservationError(
            f"The LiDAR gives {rays.shape[-1]} rays, the model was made for {config.num_rays}. "
            "Give the LiDAR the model's number of rays and field of view."
        )
    clip_m = config.clip_of(sensor)
    # fmin and fmax pass over NaN.
    metres: NDArray[np.float32] = np.fmin(np.asarray(rays, dtype=np.float32), np.float32(clip_m))
    metres = np.fmax(metres, np.float32(config.min_range_m))
    if sensor == LIDAR:
        return metres
    size = lidar_size(sensor, config)
    nearest: NDArray[np.float32] = metres.reshape(*rays.shape[:-1], config.num_sectors, -1).min(axis=-1)
    if sensor == SECTOR_LIDAR:
        return (nearest < np.float32(clip_m)).astype(np.float32)
    part = np.floor(nearest.astype(np.float64) / (clip_m / config.num_values_per_sector))
    hot = part[..., None] == np.arange(config.num_values_per_sector - 1)
    values: NDArray[np.float32] = hot.reshape(*rays.shape[:-1], size).astype(np.float32)
    return values


def rays_from_scan(
    angles_deg: ArrayLike,
    distances_m: ArrayLike,
    config: LidarConfig,
    *,
    yaw_deg: float = 180.0,
    clockwise: bool = True,
) -> NDArray[np.float32]:
    """(num_rays,) metres, of a scan of any number of points in any order.

    angles_deg: as the device gives them, any turn. distances_m: NaN, infinity, zero or less: nothing is there.
    yaw_deg: where the device's zero looks, from straight ahead, to the left positive. clockwise: seen from above, the
    device's angles grow clockwise, as an RPLIDAR's do.

    A ray is the distance between the points beside it where those lie on one surface, else that of the nearer point;
    nothing where no point is within one ray's spacing. (DeepRacer's car draws a line across every edge, and so sees
    things between a box and what is behind it.)
    """
    angles, distances = _sorted_scan(angles_deg, distances_m, yaw_deg, clockwise)
    if not len(angles):
        return np.full(config.num_rays, RANGE_MAX_M, dtype=np.float32)
    # Once more around, so that every ray has a point on either side.
    angles = np.concatenate((angles[-1:] - 360.0, angles, angles[:1] + 360.0))
    distances = np.concatenate((distances[-1:], distances, distances[:1]))
    wanted = config.angles_deg % 360.0
    after = np.clip(np.searchsorted(angles, wanted, side="right"), 1, len(angles) - 1)
    gap_before, gap_after = wanted - angles[after - 1], angles[after] - wanted
    before_m, after_m = distances[after - 1], distances[after]
    nearer_m = np.where(gap_before <= gap_after, before_m, after_m)
    share = gap_before / np.maximum(gap_before + gap_after, 1e-9)
    same = (np.abs(after_m - before_m) <= SAME_SURFACE_M) & (before_m < RANGE_MAX_M) & (after_m < RANGE_MAX_M)
    rays = np.where(same, before_m + share * (after_m - before_m), nearer_m)
    spacing_deg = config.fov_deg / max(config.num_rays - 1, 1)
    rays[np.minimum(gap_before, gap_after) > spacing_deg] = RANGE_MAX_M
    return np.clip(rays, config.min_range_m, RANGE_MAX_M).astype(np.float32)


def _sorted_scan(
    angles_deg: ArrayLike, distances_m: ArrayLike, yaw_deg: float, clockwise: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Angles from 0 to below 360 in the frame whose zero looks backwards, increasing, and their distances."""
    angles = np.asarray(angles_deg, dtype=np.float64)
    distances = np.asarray(distances_m, dtype=np.float64)
    if angles.ndim != 1 or angles.shape != distances.shape:
        raise ObservationError(
            f"A scan is as many angles as distances, in two lists; these have the shapes {angles.shape} and "
            f"{distances.shape}."
        )
    known = np.isfinite(angles)
    angles, distances = angles[known], distances[known]
    angles = ((-angles if clockwise else angles) + yaw_deg - 180.0) % 360.0
    distances = np.where((distances > 0.0) & (distances < RANGE_MAX_M), distances, RANGE_MAX_M)
    order = np.argsort(angles, kind="stable")
    return angles[order], distances[order]


def _clip(values: Mapping[str, Any], sensor: str) -> float | None:
    """The distance the model was trained with, None for the sensor's own.

    The simulator's key counts first. The car's two distances mean different things to different sensors: the simulator
    trained LIDAR with what the car calls clipping_distance, and SECTOR_LIDAR with what it calls max_distance.
    """
    given = {
        key: read_number(values[key], f"lidar_config.{key}")
        for key in ("clipping_dist", "clipping_distance", "max_distance")
        if key in values
    }
    if "clipping_dist" in given:
        return given["clipping_dist"]
    if sensor == SECTOR_LIDAR:
        return min(given.values(), default=None)
    return given.get("clipping_distance")


def _field_of_view(values: Mapping[str, Any]) -> float:
    low = read_number(values.get("min_angle"), "lidar_config.min_angle")
    high = read_number(values.get("max_angle"), "lidar_config.max_angle")
    if abs(low + high) > 1e-6 * max(abs(low), abs(high)):
        raise MetadataError(
            f"lidar_config.min_angle {low:g} and max_angle {high:g} are not the same to both sides; "
            "write them as -150 and 150, for example."
        )
    return high - low
