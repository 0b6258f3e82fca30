"""Everything a car senses at one moment: a picture or two, a scan, its wheels' speed and its yaw rate."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.cars import CarModel
from shared.sensors import CAMERA_HEIGHT_PX, CAMERA_WIDTH_PX
from trainer.simulator.kernels import kernel
from trainer.simulator.lidar import lidar_record, ray_directions, scan, scan_is_due
from trainer.simulator.motion_sensor import sense_motion
from trainer.simulator.picture import choose_blur, develop, draw_levels, mix_grey, noise_key_of, prepare_scene
from trainer.simulator.random_numbers import mixed
from trainer.simulator.settings import SimulatorSettings
from trainer.simulator.solids import GREY, paint_things
from trainer.simulator.view import look_through_camera, mount_record

SINGLE = 2  # place of the single camera's picture, behind those of the two


@dataclass(frozen=True, slots=True, eq=False)
class SensorArrays:
    """What all cars sense; a sensor that nobody asked for has no columns, and is not computed.

    pictures: (N, C, 120, 160) uint8, C = 1, or 2 for stereo cameras, the left one first; 3 where some see with stereo
    cameras and others with one, which is the third. lidar: (N, rays) float32 metres. motion: (N, 2) float32, wheel
    speed m/s and yaw rate rad/s.
    """

    pictures: NDArray[np.uint8]
    lidar: NDArray[np.float32]
    motion: NDArray[np.float32]

    def arrays(self) -> tuple[NDArray[np.generic], ...]:
        """All arrays in the order of the fields, as the kernels take them."""
        return self.pictures, self.lidar, self.motion

    def readings(self) -> dict[str, NDArray[np.generic]]:
        """By reading name, views of the arrays; of two cameras alone the left one is also the single camera."""
        single = SINGLE if self.pictures.shape[1] > SINGLE else 0
        found: dict[str, NDArray[np.generic]] = {"camera": self.pictures[:, single : single + 1]}
        if self.pictures.shape[1] > 1:
            found["stereo"] = self.pictures[:, :SINGLE]
        found |= {name: values for name, values in (("lidar", self.lidar), ("motion", self.motion)) if values.size}
        return found


def make_sensor_arrays(cars: int, wanted: Collection[str], settings: SimulatorSettings) -> SensorArrays:
    """Arrays for the wanted readings; a picture is always among them."""
    cameras = 1
    if "stereo" in wanted:
        cameras = SINGLE + 1 if "camera" in wanted else SINGLE
    return SensorArrays(
        pictures=np.zeros((cars, cameras, CAMERA_HEIGHT_PX, CAMERA_WIDTH_PX), np.uint8),
        lidar=np.zeros((cars, settings.lidar.rays if "lidar" in wanted else 0), np.float32),
        motion=np.zeros((cars, 2 if "motion" in wanted else 0), np.float32),
    )


def device_records(
    settings: SimulatorSettings, car: CarModel
) -> tuple[NDArray[np.void], NDArray[np.void], NDArray[np.float64]]:
    """The camera's mount, the LiDAR and its rays, as the kernels take them."""
    return (
        mount_record(settings.camera, car.camera),
        lidar_record(settings.lidar, car),
        ray_directions(settings.lidar),
    )


@kernel
def sense(i, part, judging, step_s, car, draw, track, count, ground, devices, tables, senses, work):
    """Fill car i's row of every sensor's array.

    part: which of the work spaces is this thread's; the first count of its things are what the car may see. judging: a
    step has been taken; else every sensor begins anew.
    """
    mount, lidar, directions = devices
    grain, noise = tables
    pictures, ranges, motion = senses
    views, scenes, palettes, blurs, plans, levels, rows, words, texels, halves, things, solids = work
    view, scene, palette, blur = views[part], scenes[part], palettes[part], blurs[part]
    cameras, width = pictures.shape[1], pictures.shape[3]
    key = noise_key_of(car)
    for camera in range(cameras):
        side = 1 - 2 * camera
        if cameras == 1 or camera == SINGLE:
            side, key = 0, noise_key_of(car)
        look_through_camera(view, car, draw, mount[0], track, width, side)
        prepare_scene(scene, view, draw, track, car.episode)
        mix_grey(palette, draw)
        choose_blur(blur, car, draw, view, width)
        draw_levels(
            levels[part],
            view,
            scene,
            palette,
            ground,
            grain,
            plans[part],
            rows[part],
            words[part],
            texels[part],
            halves[part],
        )
        paint_things(levels[part], view, draw, things[part], count, GREY, rows[part], solids[part])
        develop(pictures[i, camera], levels[part], blur, noise, draw.noise_level, key)
        key = mixed(key)
    if ranges.shape[1] > 0 and (not judging or scan_is_due(car, lidar[0], step_s)):
        # The view knows where the walls are.
        scan(ranges[i], car, draw, lidar[0], directions, things[part], count, view)
    if motion.shape[1] > 0:
        sense_motion(motion[i], car, draw)
