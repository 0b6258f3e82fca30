"""A whole car in one process on a virtual clock: world, board, actuator and drive, and a lap in seconds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest

from calibration.profile import CalibrationProfile, LidarPose
from calibration.profile_file import shipped_profile
from calibration.pulses import CalibratedPulses
from shared.actions import Action
from shared.cars import DEEPRACER
from shared.errors import HardwareError
from shared.link_socket import link_pair, newest
from shared.world_link import CarPose, PulseReport, WorldFrame
from trainer.simulator.race import RaceSettings
from trainer.tracks import Track, load_track
from trainer.world import World
from vehicle.actuator.client import LocalActuator
from vehicle.actuator.core import ActuatorCore
from vehicle.actuator.guard_watch import SameProcess
from vehicle.actuator.health import HEALTHY, Health
from vehicle.actuator.limits import DriveLimits
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import Phase
from vehicle.actuator.status import ActuatorStatus
from vehicle.drive.loop import DriveLoop, DriveRecorder
from vehicle.drive.pilot import Pilot
from vehicle.drive.senses import Senses
from vehicle.drive.turn import Decision, Sight
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.i2c import LocalI2C
from vehicle.emulated.pca9685 import PulseChange
from vehicle.hardware.frame_slot import FrameSlot
from vehicle.hardware.lidar_mount import ScanFrame
from vehicle.hardware.pca9685 import Pca9685Board
from vehicle.hardware.rplidar import TurnWatch
from vehicle.hardware.scan_slot import ScanSlot

TICKS_PER_S = 300  # both 15 Hz and 50 Hz are whole numbers of it
TURN_TICKS = TICKS_PER_S // 50
LIDAR_TICKS = 3  # 10 ms of bytes at once
DECISION_TICKS = 3  # 10 ms from the picture to the command, as a car takes
THROTTLE = 0


class CentreLinePilot:
    """Drives by looking at the world instead of the picture: towards a point ahead on the centre line."""

    top_speed_mps = 1.0
    control_rate_hz = 15.0
    readings = ("camera",)
    _ahead_m = 0.45
    _wheelbase_m = 0.164

    def __init__(self, track: Track, pose: Callable[[], CarPose]) -> None:
        self._track, self._pose = track, pose
        self.decide_wrongly: Callable[[Action], Action] = lambda action: action

    def decide(self, sight: Sight) -> Decision:
        now_s = sight.frame.taken_at_s
        return Decision(sight, {}, np.zeros(0, np.float32), self.decide_wrongly(self._action()), now_s, now_s)

    def _action(self) -> Action:
        pose = self._pose()
        arc_m, _ = self._track.project([pose.x_m, pose.y_m])
        x_m, y_m = self._track.position(float(arc_m) + self._ahead_m)
        bearing_rad = math.atan2(y_m - pose.y_m, x_m - pose.x_m) - pose.heading_rad
        distance_m = math.hypot(y_m - pose.y_m, x_m - pose.x_m)
        angle_rad = math.atan2(2 * self._wheelbase_m * math.sin(bearing_rad), distance_m)
        return Action(max(-30.0, min(30.0, math.degrees(angle_rad))), 0.9)

    def forget(self) -> None:
        pass


class VirtualLidar(ScanSlot):
    """The board's RPLIDAR without the port between: the device's own bytes, the car's own reading of them."""

    def __init__(self, board: EmulatedBoard, clock: Callable[[], float]) -> None:
        super().__init__()
        self._device, self._clock = board.lidar, clock
        self._frame = ScanFrame(LidarPose(), DEEPRACER.lidar)
        self._scans = 0
        self._watch = TurnWatch(clock())

    def start(self) -> VirtualLidar:
        """Motor on, scan."""
        self._device.hear(b"\xa5\xf0\x02\x94\x02\xc1\xa5\x20", self._clock())
        return self

    def read(self) -> None:
        """What came since the last time."""
        if not self._device.is_scanning:
            return
        with suppress(HardwareError):
            turn = self._watch.take(self._device.nodes(self._clock()), self._clock())
            if turn is not None:
                self._scans += 1
                self.put(self._frame.scan(turn, self._scans))


class VirtualCar:
    """Everything between a track and a lap. Time passes only in `run`."""

    def __init__(
        self,
        track: Track,
        *,
        pilot: Pilot | None = None,
        profile: CalibrationProfile | None = None,
        preset: str = "off",
        seed: int = 0,
        recorder: DriveRecorder | None = None,
        race: RaceSettings | None = None,
        watch: Callable[[EmulatedBoard], Callable[[float], Health]] = lambda board: lambda now_s: HEALTHY,
    ) -> None:
        """watch: what looks after the health of the car with this board."""
        self.ticks = 0
        self.world = World(track, preset=preset, seed=seed, race=race)  # type: ignore[arg-type]
        self.board = EmulatedBoard(self.clock, seed=seed)
        self._board_link, self._world_link = link_pair()
        profile = profile or shipped_profile("emulated")
        epochs = itertools.count(1)
        self.core = ActuatorCore(
            Pca9685Board(LocalI2C(self.board.wire), oscillator_hz=profile.chip_clock_hz, sleep=lambda _: None),
            CalibratedPulses(profile),
            DriveLimits(),
            new_epoch=lambda: next(epochs),
            guard=SameProcess(),
            health=watch(self.board),
        )
        self.pilot = pilot or CentreLinePilot(track, lambda: self.pose)
        self.lidar = VirtualLidar(self.board, self.clock)
        self.loop = DriveLoop(
            self.board.camera,
            self.pilot,
            LocalActuator(self.core, self.clock),
            clock=self.clock,
            recorder=recorder,
            senses=Senses(self._look_right, lambda: self.lidar.start()),
        )
        self.pose = CarPose()
        self.world_runs = self.drive_runs = True
        self.core.start(self.clock())

    def clock(self) -> float:
        return self.ticks / TICKS_PER_S

    def run(self, duration_s: float, *, laps: int = 0) -> ActuatorStatus:
        """Let time pass; a drive of so many laps ends with the last of them, or beside the road."""
        world_ticks = round(self.world.step_s * TICKS_PER_S)
        for _ in range(round(duration_s * TICKS_PER_S)):
            self.ticks += 1
            if self.ticks % LIDAR_TICKS == 0:
                self.lidar.read()
            if self.world_runs and self.ticks % world_ticks == 0:
                self._step_world()
                if laps and (self.pose.laps >= laps or self.pose.off_track_count):
                    break
            if self.drive_runs and self.ticks % world_ticks == DECISION_TICKS and self.board.camera.latest():
                self.loop.turn()
            if self.ticks % TURN_TICKS == 0:
                if self.drive_runs:
                    self.loop.turn()
                self.core.turn(self.clock())
                self._board_link.send(self.board.report())
        return self.core.status(self.clock())

    def arm(self) -> None:
        """Wait for neutral to be held, then let the pilot drive."""
        self.run(1.2)
        assert self.core.arm(Mode.AUTONOMOUS, self.pilot.top_speed_mps, self.clock()) is None

    def drive_lap(self, timeout_s: float = 60.0) -> bool:
        """Arm and drive; whether a lap was completed without leaving the road."""
        self.arm()
        self.run(timeout_s, laps=1)
        return self.pose.laps == 1 and self.pose.off_track_count == 0

    def pulse_log(self) -> list[PulseChange]:
        return self.board.chip.settled_history()

    def neutral_after_s(self, moment_s: float) -> float:
        """How long after a moment the throttle's last change, to neutral, began."""
        neutral_us = CalibratedPulses(shipped_profile("emulated")).throttle_pulse_us(0.0, top_speed_mps=1.0)
        last = [change for change in self.pulse_log() if change.channel == THROTTLE][-1]
        assert last.width_us == pytest.approx(neutral_us, abs=3)
        return last.start_s - moment_s

    def is_armed(self) -> bool:
        return self.core.state.phase is Phase.ARMED

    def _look_right(self) -> FrameSlot:
        self.board.right_viewers = 1
        return self.board.right_camera

    def _step_world(self) -> None:
        report = newest(self._world_link, PulseReport)
        if report is not None:
            self.world.hear(report)
        self.world.step()
        self._world_link.send(self.world.frame())
        frame = newest(self._board_link, WorldFrame)
        assert frame is not None
        self.pose = frame.pose
        self.board.show(frame)


@pytest.fixture(scope="session")
def loop_track() -> Track:
    return load_track("lapwing_loop")


@pytest.fixture
def virtual_car(loop_track: Track) -> Callable[..., VirtualCar]:
    """Make a car on the default track."""

    def make(**options: object) -> VirtualCar:
        return VirtualCar(loop_track, **options)  # type: ignore[arg-type]

    return make
