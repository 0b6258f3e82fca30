"""The control loop with a scripted pilot and an actuator that remembers, on a virtual clock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from shared.actions import STOP, Action
from shared.errors import ActionError
from shared.model_archive import ModelArchive, read_archive
from shared.model_metadata import ModelMetadata
from vehicle.actuator.lease import Driver, Lease
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import Phase
from vehicle.actuator.status import ActuatorStatus
from vehicle.drive.engine import open_engine
from vehicle.drive.loop import ARMED as LOOP_ARMED
from vehicle.drive.loop import DriveLoop
from vehicle.drive.pilot import ModelPilot
from vehicle.drive.senses import Senses
from vehicle.drive.turn import Decision, Sight, Turn
from vehicle.emulated.camera import CameraSensor, still_scene
from vehicle.emulated.camera_fault import CameraFault, FaultySensor
from vehicle.hardware.frame_slot import FrameSlot
from vehicle.hardware.protocols import Frame

ARMED = ActuatorStatus(Phase.ARMED, Driver.AUTONOMOUS, 7, "", "", STOP, 1500.0, 1500.0, 0, 0.0)


class RememberingActuator:
    """Accepts everything."""

    def __init__(self, status: ActuatorStatus = ARMED) -> None:
        self.now = status
        self.armings: list[tuple[Mode, float]] = []
        self.leases: list[Lease] = []
        self.stops: list[str] = []

    def arm(self, mode: Mode, top_speed_mps: float) -> str:
        self.armings.append((mode, top_speed_mps))
        self.now = replace(ARMED, epoch=self.now.epoch + 1, mode=mode)
        return ""

    def command(self, lease: Lease) -> ActuatorStatus:
        self.leases.append(lease)
        return replace(self.now, applied=lease.action)

    def status(self) -> ActuatorStatus:
        return self.now

    def stop(self, reason: str) -> None:
        self.stops.append(reason)


class LatchingActuator(RememberingActuator):
    """Stops when it is told to."""

    def stop(self, reason: str) -> None:
        super().stop(reason)
        self.now = replace(self.now, phase=Phase.STOPPING, driver=None, reason=reason)


class ScriptedPilot:
    """Answers with its number of decisions as the steering angle."""

    top_speed_mps = 1.0
    control_rate_hz = 15.0
    readings = ("camera",)

    def __init__(self) -> None:
        self.decisions = 0
        self.forgotten = 0

    def decide(self, sight: Sight) -> Decision:
        self.decisions += 1
        now_s = sight.frame.taken_at_s
        return Decision(sight, {}, np.zeros(0, np.float32), Action(float(self.decisions), 1.0), now_s, now_s)

    def forget(self) -> None:
        self.forgotten += 1


class RememberingRecorder:
    def __init__(self) -> None:
        self.turns: list[Turn] = []

    def record(self, turn: Turn) -> None:
        self.turns.append(turn)


class Rig:
    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.recorder = RememberingRecorder()
        self.camera = FrameSlot()
        self.pilot = ScriptedPilot()
        self.actuator = RememberingActuator()
        self.loop = DriveLoop(self.camera, self.pilot, self.actuator, clock=clock, recorder=self.recorder)
        self.sensor = FaultySensor(CameraSensor(seed=0))

    def picture(self) -> None:
        frame = self.sensor.expose(still_scene(), self.clock())
        if frame is not None:
            self.camera.put(frame)

    def drive(self, duration_s: float) -> None:
        """Pictures at 15 Hz, a turn every 20 ms."""
        for turn in range(round(duration_s / 0.02)):
            if turn * 3 % 10 < 3:
                self.picture()
            self.loop.turn()
            self.clock.sleep(0.02)


@pytest.fixture
def rig(clock: Any) -> Rig:
    return Rig(clock)


def test_without_a_picture_nothing_is_commanded(rig: Rig) -> None:
    rig.loop.turn()
    assert rig.actuator.leases == []


def test_a_picture_becomes_a_lease_that_carries_its_age(rig: Rig) -> None:
    rig.picture()
    rig.clock.sleep(0.008)
    rig.loop.turn()
    (lease,) = rig.actuator.leases
    assert lease.action == Action(1.0, 1.0)
    assert (lease.epoch, lease.driver, lease.sequence) == (7, Driver.AUTONOMOUS, 1)
    assert lease.issued_at_s - lease.rests_on_s == pytest.approx(0.008)


def test_between_pictures_the_lease_is_renewed_on_the_same_picture(rig: Rig) -> None:
    rig.picture()
    for _ in range(3):
        rig.loop.turn()
        rig.clock.sleep(0.02)
    assert rig.pilot.decisions == 1
    assert [lease.sequence for lease in rig.actuator.leases] == [1, 2, 3]
    assert len({lease.rests_on_s for lease in rig.actuator.leases}) == 1
    assert len({lease.issued_at_s for lease in rig.actuator.leases}) == 3


def test_the_newest_picture_wins_and_nothing_queues(rig: Rig) -> None:
    for _ in range(5):
        rig.clock.sleep(1 / 15)
        rig.picture()
    rig.loop.turn()
    assert rig.pilot.decisions == 1
    assert rig.loop.decision is not None
    assert rig.loop.decision.frame.sequence == 5


def test_a_faster_camera_does_not_make_a_faster_driver(rig: Rig) -> None:
    for _ in range(60):  # a second at 60 Hz
        rig.clock.sleep(1 / 60)
        rig.picture()
        rig.loop.turn()
    assert 14 <= rig.pilot.decisions <= 21


class AskedCamera(FrameSlot):
    """Remembers what the loop waited beyond; the third wait ends the drive."""

    def __init__(self, stop: threading.Event) -> None:
        super().__init__()
        self.beyond: list[int] = []
        self._stop = stop

    def wait_newer(self, sequence: int, timeout_s: float) -> Frame | None:
        self.beyond.append(sequence)
        if len(self.beyond) == 3:
            self._stop.set()
        return self.latest()


def test_a_picture_that_comes_too_soon_is_waited_beyond_and_not_looked_at_again(clock: Any) -> None:
    stop = threading.Event()
    camera, pilot = AskedCamera(stop), ScriptedPilot()
    loop = DriveLoop(camera, pilot, RememberingActuator(), clock=clock)
    image = np.zeros((480, 640, 3), dtype=np.uint8)
    camera.put(Frame(image, clock(), 1))
    loop.turn()
    camera.put(Frame(image, clock() + 1 / 60, 2))
    loop.run(stop)
    assert pilot.decisions == 1
    assert camera.beyond == [1, 2, 2]


@pytest.mark.parametrize(
    "status",
    [replace(ARMED, phase=Phase.READY, driver=None), replace(ARMED, driver=Driver.MANUAL)],
)
def test_while_somebody_else_or_nobody_drives_it_decides_and_keeps_silent(rig: Rig, status: ActuatorStatus) -> None:
    rig.actuator.now = status
    rig.picture()
    rig.loop.turn()
    assert rig.pilot.decisions == 1
    assert rig.actuator.leases == []


def test_a_new_arming_counts_from_one_and_the_model_forgets(rig: Rig) -> None:
    rig.picture()
    rig.loop.turn()
    rig.loop.turn()
    rig.actuator.now = replace(ARMED, phase=Phase.STOPPING, driver=None)
    rig.loop.turn()
    rig.actuator.now = replace(ARMED, epoch=8)
    rig.loop.turn()
    leases = [(lease.epoch, lease.sequence) for lease in rig.actuator.leases]
    assert leases == [(7, 1), (7, 2), (7, 3), (8, 1)]
    assert rig.pilot.forgotten == 2


def test_while_it_drives_the_answer_to_a_command_is_all_it_asks_for(rig: Rig) -> None:
    rig.picture()
    rig.loop.turn()
    rig.actuator.status = None  # type: ignore[method-assign, assignment]
    rig.loop.turn()
    assert len(rig.actuator.leases) == 2


@pytest.mark.parametrize(
    ("scale", "speed_mps"), [(1.0, 1.0), (0.25, 0.25), (0.0, 0.0), (1.5, 0.0), (-0.5, 0.0), (float("nan"), 0.0)]
)
def test_a_person_says_which_share_of_the_speed_is_driven(rig: Rig, scale: float, speed_mps: float) -> None:
    rig.loop.speed_scale = scale
    rig.picture()
    rig.loop.turn()
    (lease,) = rig.actuator.leases
    assert lease.action == Action(1.0, speed_mps)
    (turn,) = rig.recorder.turns
    assert turn.asked == lease.action
    assert turn.decision is not None
    assert turn.decision.action == Action(1.0, 1.0)  # what the model wanted stays known


def test_the_share_may_change_on_the_way(rig: Rig) -> None:
    rig.picture()
    rig.loop.turn()
    rig.loop.speed_scale = 0.5
    rig.loop.turn()
    assert [lease.action.speed_mps for lease in rig.actuator.leases] == [1.0, 0.5]  # type: ignore[union-attr]


def test_what_others_ask_is_done_between_two_turns(rig: Rig) -> None:
    rig.actuator.now = replace(ARMED, phase=Phase.READY, driver=None, epoch=0)
    rig.picture()
    rig.loop.turn()
    armed = rig.loop.ask(lambda: rig.loop.arm(Mode.CRAWL))
    assert not armed.done()
    rig.loop.turn()
    assert armed.result(0) == ""
    assert rig.actuator.armings == [(Mode.CRAWL, 1.0)]
    assert rig.actuator.leases[-1].epoch == 1


def test_a_car_that_does_not_see_is_not_armed(rig: Rig) -> None:
    assert "Without pictures" in rig.loop.arm(Mode.AUTONOMOUS)
    rig.picture()
    rig.loop.turn()
    rig.clock.sleep(0.171)
    assert "Without pictures" in rig.loop.arm(Mode.AUTONOMOUS)
    assert rig.actuator.armings == []


def test_another_pilot_is_taken_only_while_the_car_is_not_driven_by_this_one(rig: Rig) -> None:
    rig.picture()
    rig.loop.turn()
    other = ScriptedPilot()
    assert "Stop it" in rig.loop.take(other)
    assert rig.loop.pilot is rig.pilot
    rig.actuator.now = replace(ARMED, phase=Phase.SAFE, driver=None)
    assert rig.loop.take(other) == ""
    rig.loop.turn()
    assert (other.decisions, rig.pilot.decisions) == (1, 1)


@pytest.mark.parametrize("has_model", [True, False])
def test_beside_a_person_who_drives_a_first_model_comes_into_place_and_no_second(rig: Rig, has_model: bool) -> None:
    rig.actuator.now = replace(ARMED, driver=Driver.MANUAL)
    if not has_model:
        rig.loop.pilot = None
    other = ScriptedPilot()
    assert rig.loop.take(other) == (LOOP_ARMED if has_model else "")
    assert (rig.loop.pilot is other) != has_model


def test_what_was_asked_and_given_up_is_not_done(rig: Rig) -> None:
    rig.actuator.now = replace(ARMED, phase=Phase.READY, driver=None)
    rig.picture()
    rig.loop.turn()
    armed = rig.loop.ask(lambda: rig.loop.arm(Mode.CRAWL))
    assert armed.cancel()
    rig.loop.turn()
    assert rig.actuator.armings == []


def test_pictures_that_came_and_went_unseen_are_counted(rig: Rig) -> None:
    rig.picture()
    rig.loop.turn()
    for _ in range(3):
        rig.clock.sleep(1 / 15)
        rig.picture()
    rig.loop.turn()
    assert rig.loop.latency.missed_pictures == 2


def test_every_stage_of_a_turn_is_timed(rig: Rig) -> None:
    rig.picture()
    rig.clock.sleep(0.004)
    rig.loop.turn()
    assert rig.loop.latency.report().stages["capture"].p50_ms == pytest.approx(4.0)


def test_every_decision_is_recorded_once_with_what_became_of_it(rig: Rig) -> None:
    for _ in range(2):
        rig.picture()
        rig.clock.sleep(0.01)
        rig.loop.turn()
        rig.clock.sleep(0.06)
        rig.loop.turn()
    first, second = rig.recorder.turns
    assert first.decision is not None
    assert (first.decision.frame.sequence, first.decision.action) == (1, Action(1.0, 1.0))
    assert first.commanded_at_s == pytest.approx(first.decision.frame.taken_at_s + 0.01)
    assert first.status.applied == Action(1.0, 1.0)
    assert second.decision is not None
    assert second.decision.frame.sequence == 2


def test_a_stop_is_recorded_although_no_picture_comes(rig: Rig) -> None:
    rig.picture()
    rig.loop.turn()
    rig.actuator.now = replace(ARMED, phase=Phase.STOPPING, driver=None, reason="the camera stands still")
    rig.loop.turn()
    rig.loop.turn()
    _, stop = rig.recorder.turns
    assert (stop.decision, stop.status.phase) == (None, Phase.STOPPING)


@pytest.mark.parametrize(
    ("fault", "words", "within_s"),
    [
        (CameraFault.FREEZE, "frozen", 0.42),
        (CameraFault.BLACK, "nothing but black", 0.5),
        (CameraFault.SMALL, "from 640x480 to 320x240", 0.15),
        (CameraFault.HALF_RATE, "fewer than 9 pictures a second", 1.2),
    ],
)
def test_a_camera_that_cannot_be_driven_by_stops_the_car_and_says_why(
    rig: Rig, fault: CameraFault, words: str, within_s: float
) -> None:
    actuator = LatchingActuator()
    rig.loop = DriveLoop(rig.camera, rig.pilot, actuator, clock=rig.clock)
    rig.drive(1.5)
    assert actuator.stops == []
    rig.sensor.fault = fault
    rig.drive(within_s)
    assert len(actuator.stops) == 1
    assert words in actuator.stops[0]
    # Pictures of another size can be driven by as soon as the car stands.
    assert rig.loop.camera_verdict.problem == ("" if fault is CameraFault.SMALL else actuator.stops[0])
    leases, decisions = len(actuator.leases), rig.pilot.decisions
    rig.drive(0.3)
    assert len(actuator.leases) == leases
    assert (rig.pilot.decisions > decisions) == (fault is CameraFault.SMALL)
    rig.sensor.fault = CameraFault.NONE
    rig.loop.turn()
    rig.drive(1.5)
    assert rig.loop.camera_verdict.problem == ""
    assert len(actuator.leases) == leases  # nothing drives again by itself


def test_a_camera_that_stalls_is_left_to_the_lease_and_told(rig: Rig) -> None:
    rig.drive(0.5)
    rig.sensor.fault = CameraFault.STALL
    rig.drive(0.3)
    assert rig.actuator.stops == []
    assert "no more pictures" in rig.loop.camera_verdict.problem
    newest = rig.actuator.leases[-1]
    assert newest.issued_at_s - newest.rests_on_s > 0.25  # the actuator hears how old the picture is
    rig.sensor.fault = CameraFault.NONE
    rig.drive(0.1)
    assert rig.loop.camera_verdict.problem == ""


def test_a_bad_camera_of_a_car_that_stands_stops_nobody(rig: Rig) -> None:
    rig.actuator.now = replace(ARMED, phase=Phase.READY, driver=None)
    rig.sensor.fault = CameraFault.BLACK
    rig.drive(0.6)
    assert rig.actuator.stops == []
    assert "black" in rig.loop.camera_verdict.problem


def test_a_camera_that_was_exchanged_while_the_car_stood_is_driven_by(rig: Rig) -> None:
    rig.actuator.now = replace(ARMED, phase=Phase.READY, driver=None)
    rig.drive(0.3)
    rig.sensor.fault = CameraFault.SMALL  # its pictures are of another size
    rig.drive(0.3)
    assert rig.loop.camera_verdict.problem == ""
    assert rig.loop.arm(Mode.AUTONOMOUS) == ""
    rig.drive(0.3)
    assert rig.actuator.stops == []
    assert rig.loop.decision is not None
    assert rig.loop.decision.frame.image.shape == (240, 320, 3)


def test_the_end_of_a_drive_that_is_ended_on_its_way_is_recorded(clock: Any) -> None:
    rig = Rig(clock)
    rig.loop.reach(LatchingActuator(), Senses())
    rig.picture()
    rig.loop.turn()
    stop = threading.Event()
    stop.set()
    rig.loop.run(stop)
    last = rig.recorder.turns[-1]
    assert last.decision is None
    assert (last.status.phase, last.status.reason) == (Phase.STOPPING, "the drive ended")


def test_every_way_out_of_the_loop_stops_the_car(rig: Rig) -> None:
    stop = threading.Event()
    stop.set()
    rig.loop.run(stop)
    assert rig.actuator.stops == ["the drive ended"]


def test_a_model_that_fails_stops_the_car_and_makes_room_for_another(rig: Rig) -> None:
    def fail(sight: Sight) -> Decision:
        raise ActionError("The policy gave a value that is not finite.")

    rig.picture()
    rig.loop.turn()
    rig.pilot.decide = fail  # type: ignore[method-assign]
    rig.clock.sleep(1 / 15)
    rig.picture()
    rig.loop.turn()
    assert rig.actuator.stops == ["the model failed: The policy gave a value that is not finite."]
    assert len(rig.actuator.leases) == 1
    assert rig.loop.arm(Mode.AUTONOMOUS) == "The policy gave a value that is not finite."
    rig.actuator.now = replace(ARMED, phase=Phase.SAFE, driver=None)
    other = ScriptedPilot()
    assert rig.loop.take(other) == ""
    rig.loop.turn()
    assert other.decisions == 1
    assert rig.loop.arm(Mode.AUTONOMOUS) == ""


def test_a_model_sees_what_the_training_saw(archive: ModelArchive) -> None:
    pilot = ModelPilot(archive, open_engine(archive))
    pilot.warm_up()
    rng = np.random.default_rng(0)
    frames = [Frame(rng.integers(0, 256, (480, 640, 3), dtype=np.uint8), 0.0, n) for n in range(5)]
    actions = [pilot.decide(Sight(frame)).action for frame in frames]
    assert all(action in archive.metadata.action_space.actions for action in actions)  # type: ignore[union-attr]
    assert pilot.top_speed_mps == 1.0


def test_a_stack_of_pictures_is_kept_and_forgotten(make_archive: Callable[..., bytes]) -> None:
    metadata = ModelMetadata.from_json(
        ModelMetadata(action_space=read_archive(make_archive()).metadata.action_space, stack_size=3).to_json()
    )
    archive = read_archive(make_archive(metadata, channels=3))
    pilot = ModelPilot(archive, open_engine(archive))
    white = Sight(Frame(np.full((480, 640, 3), 255, dtype=np.uint8), 0.0, 1))
    first = pilot.decide(white)
    pilot.decide(Sight(Frame(np.zeros((480, 640, 3), dtype=np.uint8), 0.0, 2)))
    pilot.forget()
    np.testing.assert_array_equal(pilot.decide(white).answer, first.answer)


def test_a_model_that_answers_nan_is_refused_by_name(make_archive: Callable[..., bytes]) -> None:
    archive = read_archive(make_archive(bias=float("nan")))
    pilot = ModelPilot(archive, open_engine(archive, "onnxruntime"))
    with pytest.raises(ActionError, match="finite"):
        pilot.warm_up()
