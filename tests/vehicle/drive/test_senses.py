"""What a model sees besides the leading picture: of the same moment, not too old, or no drive at all."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from shared.actions import STOP, Action
from shared.cars import DEEPRACER
from tests.vehicle.drive.test_loop import ARMED, LatchingActuator, ScriptedPilot
from vehicle.actuator.lease import LONGEST_TTL_S
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import Phase
from vehicle.drive.loop import DriveLoop
from vehicle.drive.senses import (
    LONGEST_MISSING_S,
    NO_PAIR,
    NO_SCAN,
    OLDEST_SCAN_S,
    PAIR_S,
    PAIR_WAIT_S,
    SPEED_LAG_S,
    STEERING_LAG_S,
    Senses,
)
from vehicle.drive.turn import Motion
from vehicle.emulated.camera import CameraSensor, still_scene
from vehicle.emulated.camera_fault import CameraFault, FaultySensor
from vehicle.hardware.frame_slot import FrameSlot
from vehicle.hardware.protocols import Frame, Scan
from vehicle.hardware.scan_slot import ScanSlot

PICTURE = np.zeros((120, 160, 3), np.uint8)
TURN_S = 0.1  # of the LiDAR's head
A_LITTLE_S = 0.001


class Devices:
    """A right camera and a LiDAR, and which of them are open."""

    def __init__(self) -> None:
        self.right, self.lidar = ClosingFrames(), ClosingScans()
        self.opened: list[str] = []
        self.senses = Senses(self._open_right, self._open_lidar)

    def _open_right(self) -> FrameSlot:
        self.opened.append("right")
        return self.right

    def _open_lidar(self) -> ScanSlot:
        self.opened.append("lidar")
        return self.lidar


class ClosingFrames(FrameSlot):
    closed = 0

    def close(self) -> None:
        self.closed += 1


class ClosingScans(ScanSlot):
    closed = 0

    def close(self) -> None:
        self.closed += 1


def frame(at_s: float, sequence: int = 1) -> Frame:
    return Frame(PICTURE, at_s, sequence)


def scan(ended_at_s: float, sequence: int = 1) -> Scan:
    ranges = np.full(4, 2.0, np.float32)
    return Scan(np.array([0, 90, 180, 270], np.float32), ranges, ended_at_s - TURN_S, ended_at_s, sequence)


@pytest.fixture
def devices() -> Devices:
    return Devices()


def test_what_a_model_does_not_see_with_is_not_opened_and_is_closed_when_it_goes(devices: Devices) -> None:
    devices.senses.use({"camera", "motion"})
    assert devices.opened == []
    devices.senses.use({"camera", "lidar"})
    devices.senses.use({"camera", "lidar"})
    assert devices.opened == ["lidar"]
    devices.senses.use({"stereo"})
    devices.senses.use({"stereo"})
    assert devices.opened == ["lidar", "right"]
    assert (devices.lidar.closed, devices.right.closed) == (1, 0)
    devices.senses.close()
    assert (devices.lidar.closed, devices.right.closed) == (1, 1)
    devices.senses.use({"stereo", "lidar"})
    assert sorted(devices.opened[2:]) == ["lidar", "right"]  # what was closed is opened anew


@pytest.mark.parametrize(
    ("age_s", "is_seen"),
    [(0.0, True), (OLDEST_SCAN_S, True), (OLDEST_SCAN_S + A_LITTLE_S, False), (-A_LITTLE_S, False)],
)
def test_a_scan_counts_until_it_is_too_old_and_none_is_of_the_future(
    devices: Devices, age_s: float, is_seen: bool
) -> None:
    devices.senses.use({"camera", "lidar"})
    devices.lidar.put(scan(0.0))
    sight = devices.senses.sight(frame(age_s), STOP, age_s)
    assert (sight is not None) == is_seen
    assert devices.senses.is_stale(age_s) != is_seen
    assert devices.senses.problem == ("" if is_seen else NO_SCAN)


def test_a_sight_has_the_newest_scan_and_no_older_one(devices: Devices) -> None:
    devices.senses.use({"camera", "lidar"})
    for sequence, ended_at_s in ((1, 99.8), (2, 99.9)):
        devices.lidar.put(scan(ended_at_s, sequence))
    sight = devices.senses.sight(frame(99.95), STOP, 100.0)
    assert sight is not None
    assert sight.scan is not None
    assert sight.scan.sequence == 2


def test_a_lidar_that_says_what_is_wrong_is_quoted(devices: Devices) -> None:
    devices.senses.use({"camera", "lidar"})
    devices.lidar.problem = "The LiDAR was unplugged. Plug it in again."
    assert devices.senses.sight(frame(100.0), STOP, 100.0) is None
    assert devices.senses.problem == devices.lidar.problem


@pytest.mark.parametrize("ahead", [1, -1])
@pytest.mark.parametrize(("apart_s", "is_pair"), [(PAIR_S, True), (PAIR_S + A_LITTLE_S, False)])
def test_two_pictures_are_a_pair_when_they_are_of_one_moment(
    devices: Devices, apart_s: float, is_pair: bool, ahead: int
) -> None:
    devices.senses.use({"stereo"})
    left_s, right_s = (apart_s, 0.0) if ahead < 0 else (0.0, apart_s)
    devices.right.put(frame(right_s, 9))
    sight = devices.senses.sight(frame(left_s), STOP, 0.03)
    assert (sight is not None) == is_pair
    if sight is not None:
        assert sight.right is not None
        assert sight.right.sequence == 9
    assert devices.senses.problem == ("" if is_pair else NO_PAIR)


class LateCamera(ClosingFrames):
    """Its next picture comes only when it is waited for. beyond: which sequences were, and for how long."""

    def __init__(self, next_frame: Frame) -> None:
        super().__init__()
        self.next_frame = next_frame
        self.beyond: list[tuple[int, float]] = []

    def wait_newer(self, sequence: int, timeout_s: float) -> Frame | None:
        self.beyond.append((sequence, timeout_s))
        self.put(self.next_frame)
        return self.next_frame


@pytest.mark.parametrize("last", [None, frame(100.0 - 1 / 15, 6)])
def test_the_right_picture_that_comes_a_moment_after_the_left_one_is_waited_for(
    devices: Devices, last: Frame | None
) -> None:
    devices.right = late = LateCamera(frame(100.002, 7))
    if last is not None:
        late.put(last)
    devices.senses.use({"stereo"})
    sight = devices.senses.sight(frame(100.0, 2), STOP, 100.004)
    assert sight is not None
    assert sight.right is late.next_frame
    devices.senses.sight(frame(100.0, 2), STOP, 100.004)
    assert late.beyond == [(0 if last is None else 6, PAIR_WAIT_S)]  # nobody waits for what is there


def test_nobody_waits_for_a_pair_that_is_there(devices: Devices) -> None:
    devices.right = late = LateCamera(frame(1.0, 7))
    late.put(frame(0.0, 6))
    devices.senses.use({"stereo"})
    assert devices.senses.sight(frame(PAIR_S), STOP, PAIR_S) is not None
    assert late.beyond == []


def test_what_is_missing_is_logged_once(devices: Devices, caplog: pytest.LogCaptureFixture) -> None:
    devices.senses.use({"camera", "lidar"})
    for number in range(3):
        devices.senses.sight(frame(100.0 + number), STOP, 100.0 + number)
    devices.lidar.put(scan(103.0))
    devices.senses.sight(frame(103.0), STOP, 103.0)
    assert caplog.messages == [NO_SCAN]


def motion(devices: Devices, applied: Action, now_s: float, yaw_rate_rps: float | None = None) -> Motion:
    sight = devices.senses.sight(frame(now_s), applied, now_s, yaw_rate_rps)
    assert sight is not None
    assert sight.motion is not None
    return sight.motion


@pytest.mark.parametrize("speed_mps", [1.5, -1.5])
def test_a_steady_motion_is_what_the_applied_action_makes_of_the_car(devices: Devices, speed_mps: float) -> None:
    motion(devices, Action(20.0, speed_mps), 100.0)
    steady = motion(devices, Action(20.0, speed_mps), 105.0)
    assert steady.wheel_speed_mps == pytest.approx(speed_mps)
    assert steady.yaw_rate_rps == pytest.approx(speed_mps * math.tan(math.radians(20.0)) / DEEPRACER.wheelbase_m)


def test_wheels_and_steering_follow_what_is_applied_with_their_lags(devices: Devices) -> None:
    motion(devices, STOP, 100.0)
    begun = motion(devices, Action(20.0, 1.0), 100.0 + SPEED_LAG_S)
    assert begun.wheel_speed_mps == pytest.approx(1.0 - math.exp(-1.0))
    angle_deg = 20.0 * (1.0 - math.exp(-SPEED_LAG_S / STEERING_LAG_S))
    expected_rps = begun.wheel_speed_mps * math.tan(math.radians(angle_deg)) / DEEPRACER.wheelbase_m
    assert begun.yaw_rate_rps == pytest.approx(expected_rps)
    ended = motion(devices, STOP, 100.0 + 2 * SPEED_LAG_S)
    assert ended.wheel_speed_mps == pytest.approx(begun.wheel_speed_mps * math.exp(-1.0))


@pytest.mark.parametrize("yaw_rate_rps", [-2.5, 0.0])
def test_where_an_imu_says_how_the_car_turns_it_is_believed(devices: Devices, yaw_rate_rps: float) -> None:
    assert motion(devices, Action(20.0, 1.5), 100.0, yaw_rate_rps).yaw_rate_rps == yaw_rate_rps


def test_the_loop_hands_on_what_the_actuator_says_of_the_motion(clock: Any) -> None:
    rig = Rig(clock)
    rig.actuator.now = replace(ARMED, yaw_rate_rps=0.75)
    rig.drive(0.3)
    assert rig.loop.decision is not None
    felt = rig.loop.decision.sight.motion
    assert felt is not None
    assert felt.yaw_rate_rps == 0.75
    assert 0.5 < felt.wheel_speed_mps < 1.0  # it follows what this actuator applies: the pilot's 1 m/s


def test_how_long_something_may_be_missing_counts_from_the_first_picture_without_it(devices: Devices) -> None:
    devices.senses.use({"camera", "lidar"})
    assert not devices.senses.ends_drive(0.0)
    devices.senses.sight(frame(0.0), STOP, 0.0)
    devices.senses.sight(frame(0.1), STOP, 0.1)
    assert not devices.senses.ends_drive(LONGEST_MISSING_S - A_LITTLE_S)
    assert devices.senses.ends_drive(LONGEST_MISSING_S)
    devices.lidar.put(scan(0.2))
    devices.senses.sight(frame(0.25), STOP, 0.26)
    assert not devices.senses.ends_drive(1.0)
    devices.senses.sight(frame(1.0), STOP, 1.0)
    assert devices.senses.ends_drive(2.0)
    devices.senses.use({"camera"})
    assert not devices.senses.ends_drive(2.0)


class Rig:
    """A loop whose model sees with everything; pictures at 15 Hz, scans at 10 Hz, a turn every 20 ms."""

    def __init__(self, clock: Any, *readings: str) -> None:
        self.clock, self.devices = clock, Devices()
        self.pilot, self.actuator, self.camera = ScriptedPilot(), LatchingActuator(), FrameSlot()
        self.pilot.readings = ("camera", *readings)
        self.scans, self.pairs = "lidar" in readings, "stereo" in readings
        self.loop = DriveLoop(self.camera, self.pilot, self.actuator, clock=clock, senses=self.devices.senses)
        self.right = FaultySensor(CameraSensor(seed=1))
        self.sees = True
        self._sensor, self._ticks = CameraSensor(seed=0), 0

    def drive(self, duration_s: float) -> None:
        for _ in range(round(duration_s / 0.02)):
            self._ticks += 1
            if self.scans and self._ticks % 5 == 0:
                self.devices.lidar.put(scan(self.clock(), self._ticks))
            if self.sees and self._ticks * 3 % 10 < 3:
                right = self.right.expose(still_scene(), self.clock()) if self.pairs else None
                if right is not None:
                    self.devices.right.put(right)
                self.camera.put(self._sensor.expose(still_scene(), self.clock()))
            self.loop.turn()
            self.clock.sleep(0.02)

    def silent_after_s(self, moment_s: float) -> float:
        """From the moment to the end of the last lease's life."""
        return self.actuator.leases[-1].issued_at_s + LONGEST_TTL_S - moment_s


def test_without_scans_the_leases_end_and_then_the_drive_with_what_is_wrong(clock: Any) -> None:
    rig = Rig(clock, "lidar")
    rig.drive(1.0)
    assert len(rig.actuator.leases) > 40
    decisions, ended_at_s = rig.pilot.decisions, rig.devices.lidar.latest().ended_at_s  # type: ignore[union-attr]
    rig.scans = False
    rig.drive(1.5)
    assert OLDEST_SCAN_S < rig.silent_after_s(ended_at_s) <= OLDEST_SCAN_S + LONGEST_TTL_S
    assert rig.pilot.decisions <= decisions + 6
    assert rig.actuator.stops == [NO_SCAN]
    leases, rig.scans = len(rig.actuator.leases), True
    rig.drive(1.0)
    assert len(rig.actuator.leases) == leases  # nothing drives again by itself
    assert rig.pilot.decisions > decisions + 6


def test_one_turn_of_the_lidar_that_is_lost_ends_no_drive(clock: Any) -> None:
    rig = Rig(clock, "lidar")
    rig.drive(1.0)
    rig.scans = False
    rig.drive(OLDEST_SCAN_S + LONGEST_MISSING_S - 0.1)
    rig.scans = True
    rig.drive(0.3)
    assert rig.actuator.stops == []
    assert clock() - rig.actuator.leases[-1].issued_at_s <= 0.02


def test_a_right_camera_that_fails_ends_the_drive_too(clock: Any) -> None:
    rig = Rig(clock, "stereo")
    rig.drive(1.0)
    rig.pairs = False
    rig.drive(0.2)
    assert rig.actuator.stops == []
    rig.drive(0.4)
    assert rig.actuator.stops == [NO_PAIR]


@pytest.mark.parametrize(
    ("fault", "within_s", "problem"),
    [
        (CameraFault.FREEZE, 0.45, "The right camera has frozen"),
        (CameraFault.BLACK, 0.45, "The right camera sees nothing but black"),
        (CameraFault.SMALL, 0.1, "The right camera's pictures changed from 640x480 to 320x240"),
        (CameraFault.HALF_RATE, 1.3, "The right camera gives fewer than 9 pictures a second"),
    ],
)
def test_right_pictures_that_must_not_be_driven_by_end_the_drive_and_say_which_camera(
    clock: Any, fault: CameraFault, within_s: float, problem: str
) -> None:
    rig = Rig(clock, "stereo")
    rig.drive(1.0)
    rig.right.fault = fault
    rig.drive(within_s)
    (reason,) = rig.actuator.stops
    assert reason.startswith(problem)


def test_a_right_camera_that_was_exchanged_while_the_car_stood_is_driven_by(clock: Any) -> None:
    rig = Rig(clock, "stereo")
    rig.actuator.now = replace(ARMED, phase=Phase.READY, driver=None)
    rig.drive(0.3)
    rig.right.fault = CameraFault.SMALL
    rig.drive(0.3)
    assert rig.loop.arm(Mode.AUTONOMOUS) == ""
    rig.drive(0.3)
    assert rig.actuator.stops == []


def test_a_loop_that_commands_nothing_any_more_hears_what_became_of_the_car(clock: Any) -> None:
    rig = Rig(clock, "lidar")
    rig.drive(0.5)
    rig.sees = rig.scans = False  # both hang on one plug
    rig.drive(0.6)
    rig.actuator.now = replace(ARMED, phase=Phase.SAFE, driver=None, reason="the camera stands still")
    rig.drive(0.02)
    assert rig.loop.status is not None
    assert rig.loop.status.phase is Phase.SAFE


def test_a_car_whose_model_lacks_a_sensor_is_not_armed_and_says_which(clock: Any) -> None:
    rig = Rig(clock, "lidar")
    rig.actuator.now = replace(ARMED, phase=Phase.READY, driver=None)
    rig.drive(0.3)
    assert rig.loop.arm(Mode.AUTONOMOUS) == ""
    rig.actuator.now = replace(ARMED, phase=Phase.READY, driver=None)
    rig.scans = False
    rig.drive(0.6)
    assert rig.loop.arm(Mode.AUTONOMOUS) == f"The car is not armed while its model lacks a sensor. {NO_SCAN}"


def test_a_scan_that_became_too_old_since_the_last_picture_arms_nothing(clock: Any) -> None:
    rig = Rig(clock, "lidar")
    rig.actuator.now = replace(ARMED, phase=Phase.READY, driver=None)
    rig.devices.lidar.put(scan(clock() - OLDEST_SCAN_S + 0.01))
    rig.camera.put(frame(clock()))
    rig.loop.turn()
    clock.sleep(0.02)
    assert NO_SCAN in rig.loop.arm(Mode.AUTONOMOUS)
    assert rig.actuator.armings == []
