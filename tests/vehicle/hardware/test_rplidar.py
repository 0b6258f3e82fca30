"""An RPLIDAR as the car has it, on the emulated one at the other end of a pseudo-terminal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from rplidar import RPLidarException

from calibration.profile import LidarPose
from shared.cars import DEEPRACER
from shared.errors import HardwareError
from vehicle.emulated.rplidar import BAUD_RATE, LidarFault, RplidarDevice, still_room
from vehicle.emulated.rplidar_pty import RplidarPty
from vehicle.hardware.lidar_mount import ScanFrame
from vehicle.hardware.no_lidar import NoLidar
from vehicle.hardware.protocols import Scan
from vehicle.hardware.rplidar import SILENCE_S, SILENT, SPIN_UP_S, UNREADABLE, UNREADABLE_S, Rplidar, TurnWatch
from vehicle.hardware.rplidar_port import RplidarPort, _why_not_open

FRAME = ScanFrame(LidarPose(), DEEPRACER.lidar)
LONG_S = 20.0


def scanning_device() -> RplidarDevice:
    device = RplidarDevice()
    device.hear(b"\xa5\xf0\x02\x94\x02\xc1\xa5\x20", 0.0)
    return device


def test_a_device_that_goes_silent_is_an_error_within_half_a_second() -> None:
    device, watch = scanning_device(), TurnWatch(0.0)
    for tick in range(1, 41):
        watch.take(device.nodes(tick / 100), tick / 100)
    device.fault = LidarFault.SILENT
    watch.take(b"", 0.4 + SILENCE_S - 0.01)
    with pytest.raises(HardwareError) as caught:
        watch.take(b"", 0.4 + SILENCE_S)
    assert str(caught.value) == SILENT


def test_bytes_that_make_no_scan_are_an_error_too() -> None:
    watch = TurnWatch(0.0)
    watch.take(b"\x33" * 500, SPIN_UP_S - 0.01)
    with pytest.raises(HardwareError) as caught:
        watch.take(b"\x33" * 500, SPIN_UP_S)
    assert str(caught.value) == UNREADABLE
    assert UNREADABLE_S < SPIN_UP_S


def test_of_several_turns_that_have_waited_the_newest_counts() -> None:
    device, watch = scanning_device(), TurnWatch(0.0)
    watch.take(b"", 0.0)
    turn = watch.take(device.nodes(0.95), 0.95)
    assert turn is not None
    assert turn.started_at_s == pytest.approx(0.8, abs=0.01)


def test_an_absent_lidar_gives_no_scan_and_says_why() -> None:
    lidar = NoLidar()
    assert lidar.latest() is None
    assert lidar.wait_newer(0, 0.0) is None
    assert "no LiDAR" in lidar.problem


@contextmanager
def plugged_in(path: Path, baud_rate: int = BAUD_RATE) -> Iterator[RplidarDevice]:
    device, stop = RplidarDevice(), threading.Event()
    thread = threading.Thread(target=RplidarPty(device, path, baud_rate=baud_rate).run, args=(stop,))
    thread.start()
    try:
        while not path.exists():
            pass
        yield device
    finally:
        stop.set()
        thread.join()


@contextmanager
def opened(path: Path, *rates: int) -> Iterator[Rplidar]:
    lidar = Rplidar(lambda: RplidarPort(str(path), rates or (BAUD_RATE,)), FRAME)
    try:
        yield lidar
    finally:
        lidar.close()


def next_scan(lidar: Rplidar) -> Scan:
    seen = lidar.latest()
    scan = lidar.wait_newer(seen.sequence if seen is not None else 0, LONG_S)
    assert scan is not None, lidar.problem
    return scan


def until(lidar: Rplidar, condition: Callable[[str], bool]) -> None:
    """Wait until its problem is so."""
    for _ in range(int(LONG_S / 0.02)):
        if condition(lidar.problem):
            return
        threading.Event().wait(0.02)
    raise AssertionError(lidar.problem)


@pytest.mark.wall_clock
def test_the_scans_are_the_room_and_closing_stops_the_motor(tmp_path: Path) -> None:
    with plugged_in(tmp_path / "lidar") as device:
        with opened(tmp_path / "lidar") as lidar:
            next_scan(lidar)
            scan = next_scan(lidar)
            assert device.is_scanning
            assert lidar.problem == ""
        assert not device.is_scanning
        assert device.motor_pwm == 0
    expected_m = still_room()[np.rint(scan.angles_deg * 2).astype(int) % 720]
    np.testing.assert_allclose(scan.ranges_m, expected_m, atol=0.03)
    assert 0.05 < scan.ended_at_s - scan.started_at_s < 0.5


@pytest.mark.wall_clock
def test_unplugged_silent_and_lossy_it_says_so_and_comes_back(tmp_path: Path) -> None:
    with plugged_in(tmp_path / "lidar") as device, opened(tmp_path / "lidar") as lidar:
        next_scan(lidar)
        device.fault = LidarFault.UNPLUG
        until(lidar, lambda problem: "unplugged" in problem or "cannot be opened" in problem)
        device.fault = LidarFault.NONE
        next_scan(lidar)
        device.fault = LidarFault.SILENT
        until(lidar, lambda problem: "silent" in problem or "No RPLIDAR answers" in problem)
        device.fault = LidarFault.NONE
        next_scan(lidar)
        device.fault = LidarFault.LOSSY
        assert len(next_scan(lidar).angles_deg) >= 399  # late, but whole


@pytest.mark.wall_clock
def test_at_a_wrong_rate_nothing_answers_and_the_right_one_is_found(tmp_path: Path) -> None:
    path = tmp_path / "lidar"
    with plugged_in(path, baud_rate=1_000_000):
        with pytest.raises(HardwareError, match=r"No RPLIDAR answers at .* at 115200 baud .*lidar\.baud_rate"):
            RplidarPort(str(path), (115_200,))
        port = RplidarPort(str(path))
        assert (port.baud_rate, port.info.model) == (1_000_000, 0x41)
        port.close()


@pytest.mark.wall_clock
def test_a_device_whose_master_died_is_taken_over_while_it_scans(tmp_path: Path) -> None:
    path = tmp_path / "lidar"
    with plugged_in(path) as device:
        device.motor_pwm = 660
        device.hear(b"\xa5\x20", 0.0)
        port = RplidarPort(str(path), (BAUD_RATE,))
        assert port.read(LONG_S)
        port.close()


@pytest.mark.wall_clock
def test_a_second_program_is_told_that_the_first_has_it_and_spoils_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lidar"
    with plugged_in(path) as device:
        port = RplidarPort(str(path), (BAUD_RATE,))
        with pytest.raises(HardwareError, match="Another program has the LiDAR"):
            RplidarPort(str(path), (BAUD_RATE,))
        assert device.is_scanning
        assert port.read(LONG_S)
        port.close()
        RplidarPort(str(path), (BAUD_RATE,)).close()


@pytest.mark.wall_clock
def test_a_broken_device_and_an_absent_port_are_told(tmp_path: Path) -> None:
    path = tmp_path / "lidar"
    with plugged_in(path) as device:
        device.fault = LidarFault.BROKEN
        with pytest.raises(HardwareError, match=r"reports a fault .*0x8001"):
            RplidarPort(str(path), (BAUD_RATE,))
    with pytest.raises(HardwareError) as caught:
        RplidarPort(str(path))
    assert str(caught.value) == (
        f"The LiDAR's port {path} cannot be opened: No such file or directory. Check its cable, and lidar.port."
    )


def test_who_may_not_open_the_port_is_told_how_to_get_in() -> None:
    refused = RPLidarException(
        "Failed to connect to the sensor due to: [Errno 13] could not open port /dev/ttyUSB0: "
        "[Errno 13] Permission denied: '/dev/ttyUSB0'"
    )
    assert "cannot be opened: Permission denied. Add this user to the group dialout" in _why_not_open("it", refused)


def test_nobody_waits_for_a_device_that_does_not_say_who_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vehicle.hardware.rplidar.LONGEST_CLOSE_S", 0.001)
    asked, answers, let_go = threading.Event(), threading.Event(), threading.Event()

    class Port:
        def read(self, timeout_s: float) -> bytes:
            raise AssertionError("the LiDAR was closed")

        def close(self) -> None:
            let_go.set()

    def open_port() -> Port:
        asked.set()
        assert answers.wait(LONG_S)
        return Port()

    lidar = Rplidar(open_port, FRAME)
    assert asked.wait(LONG_S)
    lidar.close()
    assert not let_go.is_set()
    answers.set()
    assert let_go.wait(LONG_S)
