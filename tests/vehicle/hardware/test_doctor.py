"""The doctor finds what is there, what is not and what fails, asks the actuator where one runs, and moves nothing."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.pulses import CalibratedPulses
from tests.vehicle.board_thread import switched_on
from vehicle.actuator.core import ActuatorCore
from vehicle.actuator.guard_watch import SameProcess
from vehicle.actuator.health_watch import HealthWatch
from vehicle.actuator.process import fitted
from vehicle.actuator.safety_level import SafetyLevel
from vehicle.actuator.server import ActuatorServer
from vehicle.actuator.slack import SlackReader
from vehicle.actuator.state import Phase
from vehicle.cli import run
from vehicle.commands.doctor import examine as examine_all
from vehicle.commands.doctor import told
from vehicle.config import CarConfig
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.camera_fault import CameraFault
from vehicle.emulated.faulty_chip import ChipFault
from vehicle.hardware.assembly import open_bus_devices, open_servo_board
from vehicle.hardware.doctor import Doctor, examine_enable_line, safety
from vehicle.hardware.doctor_computer import LOW_DISK_BYTES, examine_computer
from vehicle.hardware.doctor_sensors import examine_sensors
from vehicle.hardware.finding import Finding, Verdict
from vehicle.hardware.frame_slot import FrameSlot
from vehicle.hardware.protocols import Frame
from vehicle.hardware.this_car import Car, board_id, calibration_store, load_profile
from vehicle.runtime_folder import RuntimeFolder, listen

DEVICES = {"battery": {"gauge": "ina219"}, "imu": {"chip": "mpu6050"}, "tail_light": {"wiring": "servo_board"}}


@pytest.fixture(autouse=True)
def _short_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vehicle.hardware.doctor_sensors.LOOK_S", 0.4)
    monkeypatch.setattr("vehicle.hardware.doctor_sensors.PICTURE_TIMEOUT_S", 0.3)
    monkeypatch.setattr("vehicle.hardware.doctor_sensors.SCAN_TIMEOUT_S", 2.0)


@pytest.fixture
def car(folder: RuntimeFolder, tmp_path: Path) -> Car:
    return Car(CarConfig(calibrations=tmp_path / "calibrations").changed(devices=DEVICES), folder, emulated=True)


@pytest.fixture
def board(car: Car) -> Iterator[EmulatedBoard]:
    with switched_on(car.folder) as board:
        yield board


class SlowCamera(FrameSlot):
    """A picture every two seconds."""

    def wait_newer(self, sequence: int, timeout_s: float) -> Frame | None:
        image = np.random.default_rng(sequence).integers(0, 256, (120, 160), dtype=np.uint8)
        return Frame(image, 2.0 * sequence, sequence + 1)


class LineGuard(SameProcess):
    """A guard with an enable line, which may not run before other programs."""

    safety_level = "L1"
    warnings = ("under load, a stop may come late.",)


@pytest.fixture
def core(car: Car, board: EmulatedBoard) -> Iterator[ActuatorCore]:
    """An actuator that runs, with the devices between its turns."""
    profile, stop = load_profile(car), threading.Event()
    exits = contextlib.ExitStack()
    slack = SlackReader(open_bus_devices(car, exits))
    watch = HealthWatch(lambda: slack.readings, fitted(car))
    core = ActuatorCore(
        open_servo_board(car, profile),
        CalibratedPulses(profile),
        car.config.limits,
        new_epoch=lambda: 1,
        guard=LineGuard(),
        health=watch,
    )
    server = ActuatorServer(core, car.folder.actuator, slack=slack, devices=watch.told)
    thread = threading.Thread(target=server.run, args=(stop,))
    thread.start()
    while core.state.phase is not Phase.READY or "z_mps2" not in watch.told()["imu"].values:
        time.sleep(0.005)
    yield core
    stop.set()
    thread.join()
    exits.close()


def devices(car: Car) -> dict[str, Finding]:
    """What is said of all but the sensors."""
    return {finding.name: finding for finding in Doctor(car, sleep=lambda s: time.sleep(s / 20)).examine()}


def examine(car: Car) -> dict[str, Finding]:
    return devices(car) | {finding.name: finding for finding in examine_sensors(car)}


def verdicts(findings: dict[str, Finding]) -> dict[str, str]:
    return {name: finding.verdict.value for name, finding in findings.items() if finding.name != "gamepad"}


def test_a_car_that_is_well_and_stands_alone(car: Car, board: EmulatedBoard) -> None:
    findings = examine(car)
    assert verdicts(findings) == {
        "calibration": "good",
        "servo board": "good",
        "safety L0": "note",
        "battery": "good",
        "imu": "good",
        "computer": "note",
        "tail light": "good",
        "camera": "good",
        "right camera": "good",
        "lidar": "good",
    }
    assert findings["servo board"].found == "It answers, and keeps its settings. No actuator runs."
    assert findings["battery"].found == "7.90 V, 0.00 A, about 71 %."
    assert findings["camera"].found.startswith("640x480, ")
    assert [change for change in board.chip.settled_history() if change.channel < 2 and change.width_us] == []
    open_servo_board(car, load_profile(car)).close()  # the bus is free again


def test_deepracers_own_imu_is_given_the_time_to_wake(car: Car, board: EmulatedBoard) -> None:
    devices = DEVICES | {"imu": {"chip": "bmi160", "address": 0x69}}
    car = replace(car, config=car.config.changed(devices=devices))
    board.chips["imu"].fault = ChipFault.ABSENT  # the other kind, which this car has not
    findings = {finding.name: finding for finding in Doctor(car, sleep=time.sleep).examine()}
    assert findings["imu"].verdict is Verdict.GOOD
    assert findings["imu"].found.startswith("It feels 9.8 m/s^2")


def test_a_running_actuator_is_asked_and_keeps_the_bus(car: Car, core: ActuatorCore, board: EmulatedBoard) -> None:
    findings = examine(car)
    assert "The actuator has it and is ready" in findings["servo board"].found
    assert {findings[name].verdict for name in ("servo board", "guard", "battery", "imu")} == {Verdict.GOOD}
    assert core.state.phase is Phase.READY
    assert "enable line" in findings["safety L1"].found
    assert (findings["actuator"].verdict, findings["actuator"].found) == (
        Verdict.WARNING,
        "Under load, a stop may come late.",
    )


@pytest.mark.parametrize(
    ("level", "known", "verdict"),
    [
        ("L0", None, "note"), ("L1", None, "note"), ("L2", None, "good"),
        ("L0", 0.5, "note"), ("L1", 0.5, "note"), ("L2", 0.5, "good"),
        ("L0", "holds", "warning"), ("L1", "holds", "warning"), ("L2", "holds", "warning"),
    ],
)  # fmt: skip
def test_a_controller_that_holds_its_last_pulse_is_a_warning_at_every_level(
    level: str, known: Any, verdict: str
) -> None:
    finding = safety(SafetyLevel(level), known)
    assert (finding.name, finding.verdict) == (f"safety {level}", verdict)
    assert bool(finding.advice) is (known == "holds")


def test_what_the_calibration_says_of_the_controller_is_told_where_no_actuator_runs(
    car: Car, board: EmulatedBoard
) -> None:
    profile = load_profile(car)
    known = profile.changed(throttle=profile.throttle.changed(stops_without_pulses_s="holds"))
    calibration_store(car).save(known, reason="measured", saved_at="2026-01-01T00:00:00+00:00")
    finding = examine(car)["safety L0"]
    assert finding.verdict is Verdict.WARNING
    assert "goes on with the last one" in finding.found


def test_a_fault_of_the_actuator_is_told_with_its_reason(car: Car, core: ActuatorCore, board: EmulatedBoard) -> None:
    with board.wire.quiet():
        board.chip.reset()  # a brown-out
    while core.state.phase is not Phase.FAULT:
        time.sleep(0.005)
    finding = examine(car)["servo board"]
    assert finding.verdict is Verdict.PROBLEM
    assert "lost its settings" in finding.found


@pytest.mark.parametrize(
    ("battery_v", "verdict", "word"),
    [(7.15, "warning", "low"), (6.9, "warning", "half speed"), (6.4, "problem", "empty"), (0.0, "warning", "switched")],
)
def test_a_battery_is_judged_as_the_drive_will(
    car: Car, board: EmulatedBoard, battery_v: float, verdict: str, word: str
) -> None:
    board.set_battery_v(battery_v)
    finding = examine(car)["battery"]
    assert finding.verdict == verdict
    assert word in finding.found
    assert finding.advice


def test_devices_that_fail_are_each_told_and_only_the_camera_keeps_the_car(car: Car, board: EmulatedBoard) -> None:
    board.chips["imu"].fault, board.chips["ina219"].fault = ChipFault.ABSENT, ChipFault.ONES
    board.sensor.fault = CameraFault.BLACK
    time.sleep(0.1)
    findings = examine(car)
    assert verdicts(findings) | {"imu": "warning", "battery": "warning", "camera": "problem"} == verdicts(findings)
    assert "does not answer" in findings["imu"].found
    assert "nothing but black" in findings["camera"].found
    assert "Uncover" in findings["camera"].advice


def test_without_the_servo_board_the_car_cannot_drive(car: Car, board: EmulatedBoard) -> None:
    board.chips["servo_board"].fault = ChipFault.ABSENT
    board.sensor.fault = CameraFault.STALL
    time.sleep(0.1)
    findings = examine(car)
    assert (findings["servo board"].verdict, findings["camera"].verdict) == (Verdict.PROBLEM, Verdict.PROBLEM)
    assert "SDA/SCL" in findings["servo board"].advice


def test_a_bus_that_somebody_else_has_is_left_alone(car: Car, board: EmulatedBoard) -> None:
    owner = open_servo_board(car, load_profile(car))
    before = board.wire.transactions
    finding = examine(car)["servo board"]
    assert finding.verdict is Verdict.PROBLEM
    assert finding.found == "Another process drives the servo board."
    assert board.wire.transactions == before
    owner.close()


def test_a_calibration_that_was_damaged_on_the_disk_is_told(car: Car, board: EmulatedBoard) -> None:
    store = calibration_store(car)
    for reason in ("first", "second"):
        store.save(load_profile(car), reason=reason, saved_at="2026-01-01T00:00:00+00:00")
    folder = car.config.calibrations / board_id(car)
    (folder / "000002.json").write_text("{")
    assert "2 is damaged" in examine(car)["history"].found
    assert "generation 1 is in force" in examine(car)["history"].found
    store.save(load_profile(car), reason="again", saved_at="2026-01-01T00:00:00+00:00")
    assert "history" not in examine(car)


def test_a_board_that_nobody_calibrated_is_not_said_to_have_been_tried(car: Car, board: EmulatedBoard) -> None:
    new = replace(car, config=car.config.changed(starting_profile="rc_car"))
    findings = devices(new)
    assert findings["calibration"].verdict is Verdict.PROBLEM
    assert findings["servo board"].found == (
        "It answers. Its outputs stay off until the car is calibrated, and its settings were not tried. "
        "No actuator runs."
    )
    assert board.chip.settled_history() == []


def test_with_a_calibration_that_is_damaged_the_other_devices_are_looked_at(
    car: Car, board: EmulatedBoard, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.json"
    damaged.write_text("{")
    findings = devices(replace(car, config=car.config.changed(calibration=str(damaged))))
    assert findings["calibration"].verdict is Verdict.PROBLEM
    assert {findings[name].verdict for name in ("servo board", "battery", "imu")} == {Verdict.GOOD}


def test_an_actuator_that_hangs_is_a_finding_and_its_bus_left_alone(car: Car, board: EmulatedBoard) -> None:
    before = board.wire.transactions
    hung = listen(car.folder.actuator, socket.SOCK_SEQPACKET)
    threading.Thread(target=lambda: hung.accept()[0].close()).start()
    findings = devices(car)
    hung.close()
    assert findings["servo board"].verdict is Verdict.PROBLEM
    assert findings["servo board"].found.startswith("The actuator ")
    assert board.wire.transactions == before


def test_an_enable_line_that_is_not_there_is_a_problem_and_one_that_is_not_wired_a_note(folder: RuntimeFolder) -> None:
    def said(**settings: object) -> Finding:
        return examine_enable_line(Car(CarConfig().changed(servo_board=settings), folder, emulated=False))

    missing = said(output_enable="line", output_enable_chip=63)
    assert (missing.name, missing.verdict) == ("enable line", Verdict.PROBLEM)
    assert "output_enable_chip" in missing.advice
    assert (said(output_enable="none").name, said(output_enable="none").verdict) == ("safety L0", Verdict.NOTE)


@pytest.mark.parametrize("in_use", [set(), {"camera"}, {"camera", "lidar"}, {"camera", "stereo"}])
def test_what_the_drive_has_open_is_left_alone_and_the_rest_looked_at(
    car: Car, board: EmulatedBoard, in_use: set[str]
) -> None:
    names = {finding.name for finding in examine_sensors(car, in_use)} - {"gamepad"}
    called = {"camera": "camera", "stereo": "right camera", "lidar": "lidar"}
    assert names == {called[reading] for reading in called if reading not in in_use}


def test_a_camera_that_gives_hardly_any_pictures_is_a_problem(
    car: Car, board: EmulatedBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vehicle.hardware.doctor_sensors.open_camera", lambda car: SlowCamera())
    found = next(examine_sensors(car, {"stereo", "lidar"}))
    assert (found.name, found.verdict) == ("camera", Verdict.PROBLEM)
    assert "fewer than 9 pictures a second" in found.found


def test_a_second_camera_that_fails_is_a_warning_and_where_none_is_set_a_note(
    car: Car, board: EmulatedBoard, folder: RuntimeFolder
) -> None:
    board.right_sensor.fault = CameraFault.BLACK
    right = {finding.name: finding for finding in examine_sensors(car, {"camera", "lidar"})}["right camera"]
    assert right.verdict is Verdict.WARNING
    assert right.found == "The right camera sees nothing but black."
    real = Car(CarConfig(), folder, emulated=False)
    right = {finding.name: finding for finding in examine_sensors(real, {"camera", "lidar"})}["right camera"]
    assert right.verdict is Verdict.NOTE


def test_nothing_fitted_is_nothing_wrong(car: Car, board: EmulatedBoard) -> None:
    findings = examine(Car(car.config.changed(devices={}), car.folder, emulated=True))
    assert {findings[name].verdict for name in ("battery", "imu", "tail light")} == {Verdict.NOTE}


@pytest.mark.parametrize(("flags", "word"), [("1", "supply is too low"), ("4", "too hot"), ("50000", "supply is good")])
def test_the_computer_is_asked_for_heat_and_supply(car: Car, board: EmulatedBoard, flags: str, word: str) -> None:
    path = car.folder.computer / "sys/devices/platform/soc/soc:firmware/get_throttled"
    path.parent.mkdir(parents=True)
    path.write_text(flags)
    finding = examine(car)["computer"]
    assert word in finding.found
    assert (finding.verdict is Verdict.GOOD) == (flags == "50000")


def computer(car: Car, **options: Any) -> dict[str, Finding]:
    given = {"may_be_realtime": lambda: True, "free_bytes": lambda path: LOW_DISK_BYTES, **options}
    return {finding.name: finding for finding in examine_computer(car, **given)}


def test_real_time_and_disk_space_are_warnings(car: Car) -> None:
    assert {finding.verdict for finding in computer(car).values()} == {Verdict.GOOD}
    findings = computer(car, may_be_realtime=lambda: False, free_bytes=lambda path: LOW_DISK_BYTES - 1)
    assert {finding.verdict for finding in findings.values()} == {Verdict.WARNING}


SHOWN = """Type=notify
NRestarts=0
Id=lapwing-actuator.service
ActiveState={actuator}

Type=notify
NRestarts=0
Id=lapwing-guard.service
ActiveState={guard}
"""


@pytest.mark.parametrize(
    ("actuator", "guard", "verdict", "word"),
    [
        ("active", "active", "good", "run."),
        ("inactive", "active", "warning", "lapwing-actuator.service"),
        ("active", "failed", "problem", "lapwing-guard.service has failed"),
    ],
)
def test_services_are_told_as_they_are(
    folder: RuntimeFolder, tmp_path: Path, actuator: str, guard: str, verdict: str, word: str
) -> None:
    real = Car(CarConfig(), folder, emulated=False)
    for name in ("lapwing-actuator", "lapwing-guard", "lapwing-importer@"):
        (tmp_path / f"{name}.service").touch()
    finding = computer(real, units=tmp_path, systemctl=lambda arguments: SHOWN.format(actuator=actuator, guard=guard))[
        "services"
    ]
    assert finding.verdict == verdict
    assert word in finding.found
    assert computer(real, units=tmp_path / "none")["services"].verdict is Verdict.NOTE


def test_a_finding_fits_the_terminal_and_has_colour_only_where_it_is_wanted() -> None:
    finding = Finding("camera", Verdict.PROBLEM, "It sees nothing. " * 8, "Take its cap off. " * 8)
    plain = told(finding, 80, is_colourful=False)
    assert plain.startswith("PROBLEM  camera        It sees nothing.")
    assert max(len(line) for line in plain.splitlines()) < 80
    assert "-> Take its cap off." in plain
    assert "\x1b" not in plain
    assert "\x1b[31m" in told(finding, 80, is_colourful=True)


def test_the_verb_tells_json_and_its_exit_code_whether_the_car_can_drive(
    car: Car, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--emulated", "--runtime", str(car.folder.path), "--set", f"models={tmp_path / 'models'}"]
    options += ["--set", "drive.engine=onnxruntime", "--set", f"drive.cache={tmp_path / 'cache'}"]
    assert run(["doctor", "--json", *options]) == 1
    shown = capsys.readouterr()
    report = json.loads(shown.out)
    assert report["can_drive"] is False
    by_name = {finding["name"]: finding for finding in report["findings"]}
    assert by_name["servo board"]["verdict"] == "problem"
    assert "lapwing-car board" in by_name["servo board"]["advice"]
    assert by_name["model"]["verdict"] == "good"
    assert "cannot drive: servo board, camera" in shown.err


def test_a_drive_that_hangs_is_a_finding_and_what_it_may_have_is_left_alone(car: Car) -> None:
    hung = listen(car.folder.drive, socket.SOCK_STREAM)
    threading.Thread(target=lambda: hung.accept()[0].close()).start()
    findings = {finding.name: finding for finding in examine_all(car)}
    hung.close()
    assert findings["drive"].verdict is Verdict.PROBLEM
    assert "restart it" in findings["drive"].advice
    assert not findings.keys() & {"camera", "right camera", "lidar", "model"}
    assert "disk" in findings
