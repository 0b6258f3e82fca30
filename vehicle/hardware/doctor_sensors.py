"""What the doctor says of cameras, LiDAR and gamepad: each is opened and looked at for a moment."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator

from shared.errors import LapwingError
from vehicle.hardware.assembly import open_camera, open_gamepad, open_lidar, open_right_camera
from vehicle.hardware.camera_watch import CameraWatch
from vehicle.hardware.finding import Finding, Verdict, failed
from vehicle.hardware.protocols import Camera
from vehicle.hardware.this_car import Car

PICTURE_TIMEOUT_S = 3.0
SCAN_TIMEOUT_S = 8.0  # its motor has to come to speed
LOOK_S = 1.2  # at the camera: long enough to count its pictures
NEEDED_RATE_HZ = 15.0  # of a model that was trained as usual


def examine_sensors(car: Car, in_use: Collection[str] = ()) -> Iterator[Finding]:
    """Every finding. in_use: what the drive has open, as in shared/sensors.py; it is left alone."""
    if "camera" not in in_use:
        yield _camera("camera", lambda: open_camera(car))
    if "stereo" not in in_use:
        if car.emulated or car.config.right_camera is not None:
            # Without it a car drives by every model but those of two cameras.
            yield _camera("right camera", lambda: open_right_camera(car), Verdict.WARNING)
        else:
            yield Finding("right camera", Verdict.NOTE, "None is fitted.")
    if "lidar" not in in_use:
        yield _lidar(car)
    yield _gamepad(car)


def _camera(name: str, open_one: Callable[[], Camera], otherwise: Verdict = Verdict.PROBLEM) -> Finding:
    try:
        camera = open_one()
    except LapwingError as error:
        return failed(name, error, otherwise)
    with contextlib.closing(camera):
        first = camera.wait_newer(0, PICTURE_TIMEOUT_S)
        if first is None:
            problem = camera.problem or f"The {name} gives no picture. Check its cable at both ends."
            return failed(name, problem, otherwise)
        watch, newest = CameraWatch(NEEDED_RATE_HZ, name), first
        problem = watch.judge(first, first.taken_at_s).problem
        while not problem and newest.taken_at_s - first.taken_at_s < LOOK_S:
            frame = camera.wait_newer(newest.sequence, PICTURE_TIMEOUT_S)
            if frame is None:
                problem = camera.problem or f"The {name} has stopped giving pictures. Check its cable."
                return failed(name, problem, otherwise)
            newest = frame
            problem = watch.judge(frame, frame.taken_at_s).problem
        if problem:
            return failed(name, problem, otherwise)
        rate_hz = (newest.sequence - first.sequence) / (newest.taken_at_s - first.taken_at_s)
        height_px, width_px = newest.image.shape[:2]
        return Finding(name, Verdict.GOOD, f"{width_px}x{height_px}, {rate_hz:.0f} pictures a second.")


def _lidar(car: Car) -> Finding:
    if car.config.lidar.device == "none" and not car.emulated:
        return Finding("lidar", Verdict.NOTE, "None is fitted.")
    try:
        lidar = open_lidar(car)
    except LapwingError as error:
        return failed("lidar", error, Verdict.WARNING)
    with contextlib.closing(lidar):
        scan = lidar.wait_newer(0, SCAN_TIMEOUT_S)
        if scan is None:
            problem = lidar.problem or "The LiDAR gives no scan. Check its cable and its supply."
            return failed("lidar", problem, Verdict.WARNING)
        seen = int((scan.ranges_m > 0).sum())
        return Finding("lidar", Verdict.GOOD, f"{seen} of the {scan.ranges_m.size} points of a turn see something.")


def _gamepad(car: Car) -> Finding:
    try:
        pad = open_gamepad(car)
    except LapwingError as error:
        is_wanted = car.config.devices.gamepad.device is not None
        return failed("gamepad", error, Verdict.WARNING if is_wanted else Verdict.NOTE)
    with contextlib.closing(pad):
        return Finding("gamepad", Verdict.GOOD, f"{pad.name}. Drive by it: lapwing-car gamepad")
