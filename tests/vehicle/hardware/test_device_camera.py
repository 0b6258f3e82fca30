"""A camera that is absent, fails and comes back, on a clock that moves when told."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from shared.errors import HardwareError
from vehicle.hardware.device_camera import (
    FIRST_PICTURE_S,
    LOOK_S,
    OPENING,
    SILENT,
    SILENT_S,
    DeviceCamera,
)
from vehicle.hardware.protocols import CameraDevice, DeliverFrame, Frame

ABSENT = "There is no camera. Plug one in."
LOST = "The camera was unplugged."


class Device:
    """One opened device."""

    def __init__(self, deliver: DeliverFrame) -> None:
        self.deliver = deliver
        self.trouble = ""
        self.is_closed = False

    def problem(self) -> str:
        return self.trouble

    def close(self) -> None:
        self.is_closed = True

    def picture(self, taken_at_s: float = 0.0) -> None:
        self.deliver(Frame(np.zeros((120, 160), np.uint8), taken_at_s, 1))


class Shelf:
    """Where cameras come from. opened: all that were."""

    def __init__(self) -> None:
        self.is_empty = False
        self.opened: list[Device] = []

    def open(self, deliver: DeliverFrame) -> CameraDevice:
        if self.is_empty:
            raise HardwareError(ABSENT)
        self.opened.append(Device(deliver))
        return self.opened[-1]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def camera(shelf: Shelf, clock: Any) -> DeviceCamera:
    return DeviceCamera(shelf.open, clock=clock)


def test_a_camera_that_is_there_gives_its_pictures(shelf: Shelf, camera: DeviceCamera) -> None:
    assert (camera.problem, camera.latest()) == (OPENING, None)
    assert camera.look() == LOOK_S
    shelf.opened[0].picture(99.9)
    frame = camera.latest()
    assert frame is not None
    assert (frame.sequence, frame.taken_at_s, camera.problem) == (1, 99.9, "")


def test_an_absent_camera_says_why_and_is_looked_for_ever_less_often(shelf: Shelf, camera: DeviceCamera) -> None:
    shelf.is_empty = True
    assert [camera.look() for _ in range(7)] == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert (camera.problem, camera.latest()) == (ABSENT, None)
    shelf.is_empty = False
    assert camera.look() == LOOK_S
    shelf.opened[0].picture()
    assert camera.problem == ""
    shelf.opened[0].trouble = LOST
    shelf.is_empty = True
    assert [camera.look() for _ in range(3)] == [0.5, 1.0, 2.0]  # pictures came: begin with short pauses again


def test_a_lost_camera_is_closed_told_and_opened_again(shelf: Shelf, camera: DeviceCamera) -> None:
    camera.look()
    first = shelf.opened[0]
    first.picture()
    first.trouble = LOST
    camera.look()
    assert (camera.problem, first.is_closed) == (LOST, True)
    camera.look()
    shelf.opened[1].picture()
    frame = camera.latest()
    assert frame is not None
    assert (frame.sequence, camera.problem) == (2, "")


def test_a_camera_that_falls_silent_is_opened_anew(shelf: Shelf, camera: DeviceCamera, clock: Any) -> None:
    camera.look()
    clock.sleep(FIRST_PICTURE_S - 0.01)
    assert camera.look() == LOOK_S
    shelf.opened[0].picture()
    clock.sleep(SILENT_S - 0.01)
    assert camera.look() == LOOK_S
    clock.sleep(0.02)
    camera.look()
    assert (camera.problem, shelf.opened[0].is_closed) == (SILENT, True)


def test_a_picture_is_never_of_the_future(shelf: Shelf, camera: DeviceCamera, clock: Any) -> None:
    camera.look()
    shelf.opened[0].picture(clock() + 3.0)
    frame = camera.latest()
    assert frame is not None
    assert frame.taken_at_s == clock()


def test_closed_it_lets_go_and_takes_nothing_more(shelf: Shelf, camera: DeviceCamera) -> None:
    camera.look()
    camera.close()
    shelf.opened[0].picture()
    assert shelf.opened[0].is_closed
    assert camera.latest() is None


def test_in_its_own_thread_it_does_the_same_until_closed(shelf: Shelf) -> None:
    opened = threading.Event()

    def open_device(deliver: DeliverFrame) -> CameraDevice:
        device = shelf.open(deliver)
        opened.set()
        return device

    camera = DeviceCamera(open_device).start()
    assert opened.wait(5.0)
    shelf.opened[0].picture()
    assert camera.wait_newer(0, 5.0) is not None
    camera.close()
    assert shelf.opened[0].is_closed
    assert not [thread for thread in threading.enumerate() if thread.name == "camera"]
