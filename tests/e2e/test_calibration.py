"""A person who knows nothing of the car calibrates it with the wizard, and finds what only the world knows.

World, board, actuator and wizard in one process on a virtual clock. The person sees the car, answers what they see, and
holds controls; the LiDAR sees a room. Nothing here reads the world's own data until the end.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from calibration.profile import CalibrationProfile
from calibration.profile_file import shipped_profile
from calibration.pulses import CalibratedPulses
from calibration.wizard.draft import Draft
from calibration.wizard.events import Alive, Entered, Held, Released, Tap
from calibration.wizard.rules import SILENCE_S, TURNING_S
from calibration.wizard.step import WizardState
from shared.cars import DEEPRACER
from shared.world_link import CarPose
from trainer.tracks import Track, load_track
from trainer.world import EmulatedCar, World
from vehicle.actuator.core import ActuatorCore
from vehicle.actuator.esc import esc_profile
from vehicle.actuator.guard_watch import SameProcess
from vehicle.actuator.lease import Lease
from vehicle.actuator.limits import DriveLimits
from vehicle.actuator.mode import Mode
from vehicle.actuator.status import ActuatorStatus
from vehicle.calibrating.session import CalibrationSession
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.esc import SpeedController
from vehicle.emulated.i2c import LocalI2C
from vehicle.hardware.pca9685 import Pca9685Board
from vehicle.hardware.protocols import Scan

TICKS_PER_S = 300
TURN_TICKS, WORLD_TICKS, SCAN_TICKS = 6, 20, 30
BEAT_TICKS = 60
ROOM_M = (-1.5, 6.5, -2.3, 2.6)  # from the start line: behind, ahead, right, left
STEP_S = WORLD_TICKS / TICKS_PER_S
WITHIN = 0.05
RUN_UP_M = 1.5


class LocalLink:
    """An actuator core of its own on the board, in this process."""

    def __init__(self, board: EmulatedBoard, profile: CalibrationProfile, clock: Callable[[], float]) -> None:
        epochs = itertools.count(1)
        self._clock = clock
        self.core = ActuatorCore(
            Pca9685Board(LocalI2C(board.wire), oscillator_hz=profile.chip_clock_hz, sleep=lambda _: None),
            CalibratedPulses(profile),
            DriveLimits(),
            new_epoch=lambda: next(epochs),
            guard=SameProcess(),
            esc_profile=esc_profile(profile.throttle),
            arming_obstacle="not confirmed",
        )
        self.core.start(clock())

    def arm(self) -> tuple[str | None, ActuatorStatus]:
        assert self.core.arm(Mode.MANUAL, 1.0, self._clock()) == "not confirmed"
        return self.core.arm(Mode.CALIBRATION, 1.0, self._clock()), self.status()

    def command(self, lease: Lease) -> ActuatorStatus:
        self.core.accept(lease, self._clock())
        return self.core.turn(self._clock())

    def status(self) -> ActuatorStatus:
        return self.core.status(self._clock())

    def battery_v(self) -> float | None:
        return 7.9

    def close(self) -> None:
        self.core.stop("closed", self._clock())
        self.core.turn(self._clock())
        self.core.shut_down(self._clock())


class Garage:
    """The car on a floor in a room, and a person with a wizard. Time passes only in `wait`."""

    def __init__(
        self,
        track: Track,
        car: EmulatedCar,
        base: CalibrationProfile,
        *,
        double_tap: bool = False,
        cuts_after_s: float | None = None,
    ) -> None:
        self.ticks = 0
        self.world = World(track, preset="off", car=car, free_floor=True)
        self.board = EmulatedBoard(self.clock, esc_cuts_after_s=cuts_after_s)
        if double_tap:
            self.board.esc = SpeedController(double_tap=True)
        self.scan: Scan | None = None
        self.link: LocalLink | None = None
        self.neutrals: list[float] = []
        self._origin = self.pose
        self._rng = np.random.default_rng(7)
        self.session = CalibrationSession(Draft.starting_from(base), self, self.clock, newest_scan=lambda: self.scan)

    def clock(self) -> float:
        return self.ticks / TICKS_PER_S

    def open(self, profile: CalibrationProfile) -> LocalLink:
        assert not profile.confirmed_on_board
        self.neutrals.append(profile.throttle.neutral_us)
        self.link = LocalLink(self.board, profile, self.clock)
        return self.link

    @property
    def pose(self) -> CarPose:
        return self.world._pose()

    # What the person does.

    def wait(self, duration_s: float, held: str | None = None) -> None:
        """Time passes, with a control held or none."""
        for _ in range(round(duration_s * TICKS_PER_S)):
            self.ticks += 1
            if self.ticks % WORLD_TICKS == 0:
                self.world.step()
            if self.ticks % SCAN_TICKS == 0:
                self.scan = self._seen()
            if self.ticks % TURN_TICKS == 0:
                self.session.hear(Held(held) if held else Alive())
                self.session.turn()
                if self.link is not None:
                    self.link.core.turn(self.clock())
                self.world.hear(self.board.report())

    def hold(self, control: str, duration_s: float) -> float:
        """Hold a control; the fastest that the wheels turned meanwhile, backwards negative."""
        fastest = 0.0
        for _ in range(round(duration_s / 0.1)):
            self.wait(0.1, control)
            speed_mps = self.pose.speed_mps
            fastest = speed_mps if abs(speed_mps) > abs(fastest) else fastest
        self.session.hear(Released())
        return fastest

    def seconds_between(self, first_m: float, second_m: float) -> float:
        """Hold until the car has passed two marks; what a stopwatch says."""
        start, passed_s, way_m = self.pose, [0.0, 0.0], 0.0
        while way_m < second_m:
            before_m, before_s = way_m, self.clock()
            self.wait(STEP_S, "drive")
            way_m = math.hypot(self.pose.x_m - start.x_m, self.pose.y_m - start.y_m)
            for index, mark_m in enumerate((first_m, second_m)):
                if before_m < mark_m <= way_m:
                    passed_s[index] = before_s + STEP_S * (mark_m - before_m) / (way_m - before_m)
        self.session.hear(Released())
        return passed_s[1] - passed_s[0]

    def across_m(self) -> float:
        """Hold until the car has driven half a circle; from its middle to its middle by tape measure."""
        self.wait(1.5, "drive")
        start, turned_rad = self.pose, 0.0
        while abs(turned_rad) < math.pi:
            heading_rad = self.pose.heading_rad
            self.wait(STEP_S, "drive")
            turned_rad += math.remainder(self.pose.heading_rad - heading_rad, math.tau)
        across_m = math.hypot(self.pose.x_m - start.x_m, self.pose.y_m - start.y_m)
        self.session.hear(Released())
        return across_m

    def tap(self, *controls: str) -> None:
        for control in controls:
            self.session.hear(Tap(control))

    def go_on(self, expected: str) -> None:
        self.tap("next")
        assert self.step == expected, self.session.state.note

    def let_it_roll_out(self) -> None:
        """And it is carried back to the start."""
        self.wait(4.5)

    @property
    def step(self) -> str:
        return self.session.state.draft.step

    def _seen(self) -> Scan:
        """The room by a LiDAR of 360 points, all at once, with a centimetre of noise."""
        pose, mount = self.pose, DEEPRACER.lidar
        turn = self._origin.heading_rad
        dx_m, dy_m = pose.x_m - self._origin.x_m, pose.y_m - self._origin.y_m
        heading = pose.heading_rad - turn
        x_m = dx_m * math.cos(turn) + dy_m * math.sin(turn) + mount.x_m * math.cos(heading)
        y_m = -dx_m * math.sin(turn) + dy_m * math.cos(turn) + mount.x_m * math.sin(heading)
        angles_deg = np.arange(0.5, 360.0, 1.0)
        rays = heading + np.radians(angles_deg)
        behind, ahead, right, left = ROOM_M
        along = np.where(np.cos(rays) > 0, ahead - x_m, behind - x_m) / np.cos(rays)
        across = np.where(np.sin(rays) > 0, left - y_m, right - y_m) / np.sin(rays)
        ranges_m = np.minimum(along, across) + self._rng.normal(0.0, 0.01, len(rays))
        now_s = self.clock()
        return Scan(angles_deg.astype(np.float32), ranges_m.astype(np.float32), now_s, now_s, self.ticks // SCAN_TICKS)


def calibrate_with_the_wheels_up(garage: Garage) -> None:
    """Everything up to the floor; the person looks at the wheels and answers."""
    garage.hold("confirm", 2.2)
    garage.go_on("steering")
    garage.wait(1.6)  # neutral is held before the car is armed
    for _ in range(2):
        garage.hold("turn", 0.5)
        garage.wait(0.02, "turn")
        garage.wait(0.3, "turn")
        angle_deg = garage.pose.steering_angle_deg
        garage.session.hear(Released())
        garage.tap("left" if angle_deg > 0 else "right")
        if angle_deg > 0:
            break
    garage.go_on("centre")
    garage.wait(0.2)
    for _ in range(200):
        angle_deg = garage.pose.steering_angle_deg
        if abs(angle_deg) < 0.4:
            break
        sign = garage.session.state.draft.left_polarity * (-1 if angle_deg > 0 else 1)
        garage.tap("+2" if sign > 0 else "-2")
        garage.wait(0.1)
    for side in ("left", "right"):
        garage.go_on(side)
        garage.tap("+10", "+10", "+10", "+10", "+2")
        garage.wait(0.2)
    garage.go_on("sweep")
    garage.hold("sweep", 7.5)
    garage.go_on("esc_off")
    garage.wait(1.1)
    garage.go_on("esc_on")
    garage.tap("on")
    garage.wait(3.2)
    garage.go_on("esc_range")
    garage.go_on("neutral")
    assert abs(garage.hold("listen", 0.6)) < 0.02
    garage.go_on("direction")
    garage.wait(1.6)
    for _ in range(30):
        speed_mps = garage.hold("drive", 1.0)
        garage.let_it_roll_out()
        if abs(speed_mps) < 0.05:
            garage.tap("nothing")
        else:
            garage.tap("forward" if speed_mps > 0 else "backward")
            if speed_mps > 0:
                break
        if garage.session.state.draft.try_us > 90:
            garage.tap("other")
    garage.go_on("first_forward")
    find_first_motion(garage)
    garage.go_on("reverse")
    for _ in range(6):
        garage.wait(0.2)
        ended = drive_backwards(garage)
        garage.tap("backward" if ended < -0.03 else "nothing")
        garage.let_it_roll_out()
        if ended < -0.03:
            break
    garage.go_on("first_reverse")
    find_first_motion(garage)
    garage.go_on("forward_limit")
    for _ in range(6):
        garage.tap("+10")
    garage.hold("drive", 0.5)
    garage.let_it_roll_out()
    garage.go_on("reverse_limit")
    garage.hold("drive", 0.5)
    garage.let_it_roll_out()
    garage.go_on("silence")
    look_what_it_does_without_pulses(garage)
    garage.go_on("floor")


def look_what_it_does_without_pulses(garage: Garage) -> float:
    """Hold until the wheels stand, or to the end; how long after the pulses the wheels stood."""
    began = garage.ticks
    garage.wait(TURNING_S, "drive")
    assert garage.pose.speed_mps > 0.05
    silent_s = 0.0
    while abs(garage.pose.speed_mps) > 0.01 and silent_s < SILENCE_S + 0.2:
        garage.wait(0.02, "drive")
        silent_s += 0.02
    garage.wait(0.3, "drive")  # a person sees it, and then lets go
    garage.session.hear(Released())
    garage.tap("turned" if silent_s >= SILENCE_S else "stopped")
    garage.let_it_roll_out()
    # The drives to come find world and LiDAR at the same beat as without this step: their error depends on it.
    garage.wait((-(garage.ticks - began) % BEAT_TICKS) / TICKS_PER_S)
    return silent_s


def drive_backwards(garage: Garage) -> float:
    """Hold to the end; what the wheels did at last."""
    garage.wait(1.96, "drive")
    speed_mps = garage.pose.speed_mps
    garage.session.hear(Released())
    return speed_mps


def find_first_motion(garage: Garage) -> None:
    for _ in range(60):
        moved = abs(garage.hold("drive", 1.9)) > 0.002
        garage.wait(0.5)
        if moved:
            break
        garage.tap("+2")
    garage.let_it_roll_out()


def measure_on_the_floor(garage: Garage) -> CalibrationProfile:
    garage.hold("confirm", 2.2)
    garage.tap("lidar")
    garage.go_on("speed_map")
    for rung in range(7):
        garage.hold("drive", 1.7)
        garage.let_it_roll_out()
        assert len(garage.session.state.draft.runs) == rung + 1, garage.session.state.note
    garage.go_on("speed_limit")
    garage.go_on("circles")
    for circle in range(6):
        garage.hold("drive", 14.0)
        garage.let_it_roll_out()
        assert len(garage.session.state.draft.circles) == circle + 1, garage.session.state.note
    garage.go_on("slalom")
    for slalom in range(2):
        garage.hold("drive", 3.6)
        garage.let_it_roll_out()
        assert len(garage.session.state.draft.steering_lags_s) == slalom + 1, garage.session.state.note
    for step in ("camera_height", "camera_ahead", "camera_pitch", "camera_view", "lidar", "review"):
        garage.go_on(step)
    garage.tap("save")
    assert garage.session.state.over == "saved", garage.session.state.note
    return garage.session.state.draft.profile("my-board")


def measure_by_hand(garage: Garage) -> CalibrationProfile:
    """With two marks, a stopwatch and a tape measure, and no LiDAR."""
    garage.tap("marks")
    garage.hold("confirm", 2.2)
    garage.go_on("speed_map")
    for rung in range(7):
        seconds = garage.seconds_between(RUN_UP_M, RUN_UP_M + 2.0)
        garage.session.hear(Entered("seconds", round(seconds, 2)))
        garage.let_it_roll_out()
        assert len(garage.session.state.draft.runs) == rung + 1, garage.session.state.note
    garage.go_on("speed_limit")
    garage.go_on("circles")
    for circle in range(6):
        garage.session.hear(Entered("across", round(garage.across_m(), 2)))
        garage.let_it_roll_out()
        assert len(garage.session.state.draft.circles) == circle + 1, garage.session.state.note
    garage.go_on("camera_height")
    return garage.session.state.draft.profile("my-board")


def check_against_the_world(profile: CalibrationProfile, car: EmulatedCar) -> None:
    """What the profile says of a pulse, and what the world does with it, differ by less than 5 % of the range."""
    throttle, steering = profile.throttle, profile.steering
    offsets_us = np.abs([point.pulse_us - throttle.neutral_us for point in throttle.points])
    for share in np.linspace(0.15, 1.0, 12):
        pulse_us = throttle.neutral_us + share * (throttle.forward_us - throttle.neutral_us)
        said_mps = float(
            np.interp(abs(pulse_us - throttle.neutral_us), offsets_us, [point.speed_mps for point in throttle.points])
        )
        true_mps = car.speed_mps(pulse_us)
        assert said_mps == pytest.approx(true_mps, rel=WITHIN, abs=0.02), (pulse_us, said_mps, true_mps)
    ordered = sorted((point.pulse_us, point.angle_deg) for point in steering.points)
    for pulse_us in np.linspace(steering.right_us, steering.left_us, 15):
        said_deg = float(np.interp(pulse_us, [pulse for pulse, _ in ordered], [angle for _, angle in ordered]))
        true_deg = car.steering_angle_deg(float(pulse_us))
        assert said_deg == pytest.approx(true_deg, rel=WITHIN, abs=0.75), (pulse_us, said_deg, true_deg)


@pytest.fixture(scope="module")
def track() -> Track:
    return load_track("straight")


def test_a_wizard_run_finds_what_only_the_world_knows(track: Track) -> None:
    car = EmulatedCar()
    garage = Garage(track, car, shipped_profile("rc_car"))
    calibrate_with_the_wheels_up(garage)
    profile = measure_on_the_floor(garage)
    assert profile.is_confirmed_for("my-board")
    assert profile.throttle.reverse == "direct"
    assert profile.throttle.battery_v == 7.9
    assert profile.throttle.stops_without_pulses_s == "holds"
    assert profile.throttle.dead_band_us == pytest.approx(14.0, abs=3.0)
    check_against_the_world(profile, car)
    # The servo's dead time of 0.05 s and lag of 0.06 s; and this world hears pulses, and is seen, 15 times a second.
    assert profile.steering.lag_s is not None
    assert 0.11 <= profile.steering.lag_s <= 0.11 + 2 * STEP_S


def test_two_marks_a_stopwatch_and_a_tape_measure_find_it_as_well(track: Track) -> None:
    car = EmulatedCar()
    garage = Garage(track, car, shipped_profile("rc_car"))
    draft = garage.session.state.draft.changed(
        step="floor", centre_us=1481.0, left_reach_us=190.0, right_reach_us=190.0, forward_reach_us=160.0,
        dead_band_us=16.0,
    )  # fmt: skip
    garage.session.state = WizardState(draft, garage.clock(), garage.clock())
    garage.wait(1.6)
    profile = measure_by_hand(garage)
    assert profile.throttle.lag_s is None
    check_against_the_world(profile, car)


@pytest.mark.parametrize(
    ("car", "double_tap"),
    [
        (EmulatedCar(arm_us_per_deg=-10.0, left_wheel_per_arm=1.2), True),
        (EmulatedCar(full_throttle_us=-260.0), False),
    ],
)
def test_servo_motor_and_reverse_are_found_out_whichever_way_they_are(
    track: Track, car: EmulatedCar, double_tap: bool
) -> None:
    garage = Garage(track, car, shipped_profile("rc_car"), double_tap=double_tap)
    calibrate_with_the_wheels_up(garage)
    draft = garage.session.state.draft
    assert draft.left_polarity == (1 if car.arm_us_per_deg > 0 else -1)
    assert draft.forward_polarity == (1 if car.full_throttle_us > 0 else -1)
    assert draft.reverse == ("double_tap" if double_tap else "direct")
    assert draft.dead_band_us == pytest.approx(abs(car.dead_share * car.full_throttle_us), abs=4.0)


def at_the_step_without_pulses(track: Track, cuts_after_s: float | None) -> Garage:
    garage = Garage(track, EmulatedCar(), shipped_profile("emulated"), cuts_after_s=cuts_after_s)
    draft = garage.session.state.draft.changed(step="silence", resume_at="")
    garage.session.state = replace(garage.session.state, draft=draft)
    garage.wait(1.6)
    return garage


@pytest.mark.parametrize("cuts_after_s", [0.1, 1.5, 3.0, None])
def test_what_the_speed_controller_does_without_pulses_is_found_out(track: Track, cuts_after_s: float | None) -> None:
    garage = at_the_step_without_pulses(track, cuts_after_s)
    stood_s = look_what_it_does_without_pulses(garage)
    found = garage.session.state.draft.profile("my-board").throttle.stops_without_pulses_s
    if cuts_after_s is None:
        assert found == "holds"
    else:
        assert cuts_after_s <= stood_s <= cuts_after_s + 1.0  # wheels roll out
        assert stood_s <= found <= stood_s + 0.5


def test_wheels_that_a_single_neutral_pulse_stopped_did_not_stop_by_themselves(track: Track) -> None:
    garage = at_the_step_without_pulses(track, None)
    garage.wait(TURNING_S + 1.0, "drive")
    assert garage.board.esc.drive_pulse_us == pytest.approx(1535.0, abs=3.0)
    assert garage.link is not None
    for _ in range(7):  # a computer too busy to renew the lease: the actuator says neutral
        garage.ticks += TURN_TICKS
        garage.link.core.turn(garage.clock())
    garage.wait(1.5, "drive")
    assert abs(garage.pose.speed_mps) < 0.01
    garage.session.hear(Released())
    assert "silent" in garage.session.state.note
    garage.tap("stopped")
    assert garage.session.state.draft.stops_without_pulses_s is None
