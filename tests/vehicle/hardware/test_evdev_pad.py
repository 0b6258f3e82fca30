"""A gamepad through its event stream: sticks and buttons become what their driver means, until the pad is gone."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.errors import HardwareError
from vehicle.emulated.pad import (
    BUTTON_EAST,
    BUTTON_SHOULDER,
    BUTTON_START,
    LEFT_TRIGGER,
    RIGHT_TRIGGER,
    STICK_X,
    EmulatedPad,
)
from vehicle.hardware.evdev_pad import EvdevPad, find_pad

EVENT0 = Path("/dev/input/event0")
EV_SYN, EV_REL, SYN_DROPPED = 0, 2, 3


@pytest.fixture
def device() -> Iterator[EmulatedPad]:
    device = EmulatedPad()
    yield device
    device.close()


@pytest.fixture
def pad(device: EmulatedPad, clock: Any) -> Iterator[EvdevPad]:
    pad = EvdevPad(EVENT0, open_device=device.open_device, ioctl=device.ioctl, clock=clock)
    yield pad
    pad.close()


def test_a_pad_has_its_name_and_says_nothing_at_first(pad: EvdevPad) -> None:
    assert pad.name == "Emulated gamepad"
    state = pad.wait(0.0)
    assert (state.steering, state.throttle, state.dead_man, state.arm, state.stop) == (0.0, 0.0, False, False, False)
    assert state.heard_at_s == float("-inf")


@pytest.mark.parametrize(
    ("value", "steering"),
    [(-32768, 1.0), (32767, -1.0), (0, 0.0), (1500, 0.0), (-1900, 0.0), (-17367, 0.5), (17367, -0.5)],
)
def test_the_stick_steers_left_positive_and_rests_dead_about_its_middle(
    pad: EvdevPad, device: EmulatedPad, value: int, steering: float
) -> None:
    device.move(STICK_X, value)
    assert pad.wait(0.0).steering == pytest.approx(steering, abs=1e-3)


@pytest.mark.parametrize(
    ("forward", "backward", "throttle"), [(255, 0, 1.0), (0, 255, -1.0), (255, 255, 0.0), (15, 0, 0.0), (135, 0, 0.5)]
)
def test_the_triggers_drive_forward_and_backward(
    pad: EvdevPad, device: EmulatedPad, forward: int, backward: int, throttle: float
) -> None:
    device.move(RIGHT_TRIGGER, forward)
    device.move(LEFT_TRIGGER, backward)
    assert pad.wait(0.0).throttle == pytest.approx(throttle, abs=2e-3)


def test_buttons_are_down_until_they_come_up_and_the_pad_was_heard_when_it_spoke(
    pad: EvdevPad, device: EmulatedPad, clock: Any
) -> None:
    for button, name in ((BUTTON_EAST, "stop"), (BUTTON_SHOULDER, "dead_man"), (BUTTON_START, "arm")):
        clock.sleep(1.0)
        device.press(button)
        assert getattr(pad.wait(0.0), name)
        assert pad.wait(0.0).heard_at_s == clock()
        device.press(button, is_down=False)
        assert not getattr(pad.wait(0.0), name)


def test_what_was_held_when_the_pad_was_opened_is_known(device: EmulatedPad) -> None:
    device.press(BUTTON_SHOULDER)
    device.move(RIGHT_TRIGGER, 255)
    pad = EvdevPad(EVENT0, open_device=device.open_device, ioctl=device.ioctl)
    state = pad._state()
    assert (state.dead_man, state.throttle) == (True, 1.0)
    pad.close()


def test_after_lost_events_the_whole_state_is_asked_anew(pad: EvdevPad, device: EmulatedPad) -> None:
    device.press(BUTTON_SHOULDER)
    assert pad.wait(0.0).dead_man
    device.buttons[BUTTON_SHOULDER] = False  # let go, and nobody said so
    assert pad.wait(0.0).dead_man
    device.say((EV_SYN, SYN_DROPPED, 0))
    assert not pad.wait(0.0).dead_man


def test_other_axes_and_buttons_change_nothing(pad: EvdevPad, device: EmulatedPad) -> None:
    before = pad.wait(0.0)
    device.say((3, 0x10, 1), (1, 0x130, 1), (EV_REL, 0, 5), (EV_SYN, 0, 0))
    after = pad.wait(0.0)
    assert (after.steering, after.throttle, after.dead_man) == (before.steering, before.throttle, before.dead_man)


def test_a_pad_that_is_unplugged_is_gone(pad: EvdevPad, device: EmulatedPad) -> None:
    device.press(BUTTON_SHOULDER)
    device.unplug()
    assert pad.wait(0.0).dead_man  # what it said before
    with pytest.raises(HardwareError, match="is gone"):
        pad.wait(0.0)


def test_a_mouse_is_no_gamepad_and_told_what_it_lacks(device: EmulatedPad) -> None:
    del device.axes[RIGHT_TRIGGER], device.buttons[BUTTON_START]
    with pytest.raises(HardwareError, match=r"no gamepad: it has no right trigger, start"):
        EvdevPad(EVENT0, open_device=device.open_device, ioctl=device.ioctl)
    device.axes[RIGHT_TRIGGER], device.buttons[BUTTON_START] = [0, 0, 0, 0], False
    with pytest.raises(HardwareError, match="no range"):
        EvdevPad(EVENT0, open_device=device.open_device, ioctl=device.ioctl)


@pytest.mark.parametrize(
    ("number", "advice"), [(errno.ENOENT, "Plug"), (errno.EACCES, "group input"), (errno.EIO, "again")]
)
def test_a_file_that_does_not_open_says_what_to_do(number: int, advice: str) -> None:
    def refused(path: str, flags: int) -> int:
        raise OSError(number, os.strerror(number))

    with pytest.raises(HardwareError, match=advice):
        EvdevPad(EVENT0, open_device=refused)


def test_the_first_pad_among_the_devices_is_found(device: EmulatedPad, tmp_path: Path) -> None:
    for name in ("event10", "event2", "mouse0", "event9"):
        (tmp_path / name).touch()
    opened: list[str] = []

    def open_device(path: str, flags: int) -> int:
        opened.append(path.rpartition("/")[2])
        if not path.endswith("event9"):
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        return device.open_device(path, flags)

    pad = find_pad(tmp_path, open_device=open_device, ioctl=device.ioctl)
    assert (pad.path, opened) == (tmp_path / "event9", ["event2", "event9"])
    pad.close()


def test_without_a_pad_one_is_told_so_or_that_one_may_not_look(tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match="No gamepad is connected"):
        find_pad(tmp_path)
    (tmp_path / "event0").touch()

    def forbidden(path: str, flags: int) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with pytest.raises(HardwareError, match="group input"):
        find_pad(tmp_path, open_device=forbidden)
