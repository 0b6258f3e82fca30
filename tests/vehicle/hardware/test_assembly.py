"""The assembly opens what the car has, and a car that must not be armed says why."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg

from calibration.profile import CalibrationProfile
from calibration.profile_file import export_profile, shipped_profile
from calibration.pulses import CalibratedPulses
from shared.errors import HardwareError
from tests.vehicle.board_thread import switched_on
from vehicle.actuator.client import ActuatorClient
from vehicle.actuator.core import ActuatorCore
from vehicle.actuator.guard_watch import SameProcess
from vehicle.actuator.limits import DriveLimits
from vehicle.actuator.mode import Mode
from vehicle.actuator.neutral import bring_to_rest
from vehicle.actuator.server import ActuatorServer
from vehicle.actuator.state import Phase
from vehicle.config import CarConfig
from vehicle.emulated.board import EmulatedBoard
from vehicle.hardware.assembly import guard_arguments, neutral_first, open_camera, open_lidar, open_servo_board
from vehicle.hardware.device_camera import OPENING
from vehicle.hardware.this_car import Car, load_profile
from vehicle.runtime_folder import RuntimeFolder


@pytest.fixture
def running_board(emulated_car: Car) -> Iterator[EmulatedBoard]:
    with switched_on(emulated_car.folder) as board:
        yield board


@contextlib.contextmanager
def a_running_actuator(car: Car) -> Iterator[ActuatorCore]:
    """One that is ready, without a guard."""
    profile, stop = load_profile(car), threading.Event()
    board, pulses = open_servo_board(car, profile), CalibratedPulses(profile)
    core = ActuatorCore(board, pulses, DriveLimits(), new_epoch=lambda: 1, guard=SameProcess())
    thread = threading.Thread(target=ActuatorServer(core, car.folder.actuator).run, args=(stop,))
    thread.start()
    while core.state.phase is not Phase.READY:
        time.sleep(0.005)
    yield core
    stop.set()
    thread.join()


def test_a_servo_board_that_the_kernel_drives_is_not_opened(
    folder: RuntimeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []

    def named(bus: int, address: int) -> str:
        asked.append((bus, address))
        return "pca9685-pwm"

    monkeypatch.setattr("vehicle.hardware.assembly.kernel_driver_of", named)
    car = Car(CarConfig().changed(servo_board={"bus": 63, "address": 0x41}), folder, emulated=False)
    with pytest.raises(HardwareError, match=r"'pca9685-pwm' has the servo board.*dtoverlay"):
        open_servo_board(car, CalibrationProfile())
    assert asked == [(63, 0x41)]


@pytest.mark.parametrize(("wiring", "word"), [("none", "none"), ("line", "line:2:17"), ("dead_man", "dead_man:2:17")])
def test_the_guard_is_started_with_the_neutral_that_this_car_has_and_needs_to_read_nothing(
    folder: RuntimeFolder, tmp_path: Path, wiring: str, word: str
) -> None:
    board = {"bus": 3, "address": 0x41, "output_enable": wiring, "output_enable_chip": 2, "output_enable_line": 17}
    profile = CalibrationProfile(chip_clock_hz=26.4e6).changed(throttle={"neutral_us": 1450.0, "trim_us": 12.0})
    (tmp_path / "car.json").write_text(export_profile(profile))
    car = Car(CarConfig(calibration=tmp_path / "car.json").changed(servo_board=board), folder, emulated=False)
    words = guard_arguments(car, profile)
    assert dict(zip(words[::2], words[1::2], strict=True)) == {
        "--socket": str(folder.guard),
        "--bus": "i2c:3",
        "--address": "65",
        "--prescale": "128",  # 26.4 MHz / (4096 x 50 Hz) - 1
        "--neutral-ticks": "299",  # 1462 us of a period of 129 x 4096 / 26.4 MHz
        "--output-enable": word,
    }
    emulated = guard_arguments(Car(CarConfig().changed(servo_board=board), folder, emulated=True), profile)
    assert emulated[emulated.index("--bus") + 1] == f"emulated:{folder.board_i2c}"
    assert emulated[emulated.index("--output-enable") + 1] == "none"


@pytest.mark.parametrize(("known", "is_told"), [(None, False), (0.5, False), ("holds", True)])
def test_the_guard_is_told_to_say_neutral_first_where_the_controller_is_known_to_hold_its_last_pulse(
    folder: RuntimeFolder, known: Any, is_told: bool
) -> None:
    profile = CalibrationProfile().changed(throttle={"stops_without_pulses_s": known})
    words = guard_arguments(Car(CarConfig(), folder, emulated=False), profile)
    assert ("--neutral-first" in words) is neutral_first(profile) is is_told


def test_the_guard_of_a_car_that_was_never_calibrated_knows_no_neutral_until_one_is_being_found(
    folder: RuntimeFolder, tmp_path: Path
) -> None:
    car = Car(CarConfig(calibrations=tmp_path), folder, emulated=False)
    words = guard_arguments(car, load_profile(car))
    assert words[words.index("--neutral-ticks") + 1] == "0"
    folder.calibrating.write_text(export_profile(shipped_profile("rc_car")))
    words = guard_arguments(car, load_profile(car))
    assert words[words.index("--neutral-ticks") + 1] == "307"


def test_devices_that_are_not_there_are_sentences(folder: RuntimeFolder) -> None:
    real = Car(CarConfig().changed(servo_board={"bus": 63}), folder, emulated=False)
    with pytest.raises(HardwareError, match="/dev/i2c-63"):
        open_servo_board(real, CalibrationProfile())
    with pytest.raises(HardwareError, match="lapwing-car board"):
        open_camera(Car(CarConfig(), folder, emulated=True))


def test_a_car_without_a_camera_has_one_that_says_so(folder: RuntimeFolder) -> None:
    config = CarConfig().changed(camera={"kind": "usb", "device": "/dev/video63"})
    camera = open_camera(Car(config, folder, emulated=False))
    while camera.problem == OPENING:
        time.sleep(0.005)
    assert "/dev/video63 cannot be used: No such file" in camera.problem
    assert camera.latest() is None
    camera.close()


def test_without_any_kind_of_camera_every_reason_is_told(
    folder: RuntimeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    monkeypatch.setattr("vehicle.hardware.usb_camera.video_devices", list)
    camera = open_camera(Car(CarConfig(), folder, emulated=False))
    while camera.problem == OPENING:
        time.sleep(0.005)
    assert "needs picamera2" in camera.problem
    assert "No USB camera" in camera.problem
    camera.close()


def test_recorded_pictures_drive_the_emulated_car_alone(folder: RuntimeFolder, tmp_path: Path) -> None:
    config = CarConfig().changed(camera={"kind": "replay", "replay": str(tmp_path)})
    with pytest.raises(HardwareError, match="must not drive a real car"):
        open_camera(Car(config, folder, emulated=False))
    with pytest.raises(HardwareError, match="has no pictures"):
        open_camera(Car(config, folder, emulated=True))
    image = np.full((120, 160, 3), 90, np.uint8)
    (tmp_path / "1.jpg").write_bytes(simplejpeg.encode_jpeg(image))
    camera = open_camera(Car(config, folder, emulated=True))
    frame = camera.latest()
    assert frame is not None
    assert frame.image.shape == (120, 160, 3)
    camera.close()


def test_where_the_settings_say_that_the_lidar_sees_the_car_itself_it_sees_nothing(
    emulated_car: Car, running_board: EmulatedBoard
) -> None:
    masked = emulated_car.config.changed(lidar={"masks_deg": [[150.0, 200.0], [-10.0, 20.0]]})
    lidar = open_lidar(Car(masked, emulated_car.folder, emulated=True))
    scan = lidar.wait_newer(0, 10.0)
    lidar.close()
    assert scan is not None, lidar.problem
    sees = scan.ranges_m > 0.0
    angles_deg = (scan.angles_deg + 180.0) % 360.0 - 180.0
    behind = (scan.angles_deg >= 150.0) & (scan.angles_deg <= 200.0)
    ahead = (angles_deg >= -10.0) & (angles_deg <= 20.0)
    assert behind.any()
    assert ahead.any()
    assert not sees[behind | ahead].any()
    assert sees[~(behind | ahead)].mean() > 0.9


def test_neutral_without_an_actuator_says_neutral_on_the_bus_and_switches_off(
    emulated_car: Car, running_board: EmulatedBoard
) -> None:
    assert "switched off" in bring_to_rest(emulated_car)
    widths = [change.width_us for change in running_board.chip.settled_history() if change.channel == 0]
    assert widths == [pytest.approx(1500.0, abs=3), None]


def test_a_car_that_was_never_calibrated_gets_no_pulse(
    emulated_car: Car, running_board: EmulatedBoard, tmp_path: Path
) -> None:
    new = emulated_car.config.changed(starting_profile="deepracer", calibrations=tmp_path)
    car = Car(new, emulated_car.folder, emulated=True)
    board = open_servo_board(car, load_profile(car))
    board.start()
    for _ in range(3):
        board.write_pulses(1500.0, 1600.0)
        board.check()
    board.close()
    assert "switched off" in bring_to_rest(car)
    assert running_board.chip.settled_history() == []
    car.folder.calibrating.write_text(export_profile(shipped_profile("deepracer")))
    board = open_servo_board(car, load_profile(car))
    board.start()
    board.write_pulses(1500.0, 1446.0)
    board.check()
    board.close()


def test_neutral_is_asked_of_the_actuator_where_one_runs(emulated_car: Car, running_board: EmulatedBoard) -> None:
    with a_running_actuator(emulated_car) as core:
        driver = ActuatorClient(emulated_car.folder.actuator)
        assert driver.arm(Mode.AUTONOMOUS, 1.0) == ""
        assert bring_to_rest(emulated_car) == "The actuator holds neutral."
        assert driver.status().reason == "lapwing-car neutral"
        driver.close()
        with running_board.wire.quiet():
            assert running_board.chip.pulse_us(0) == pytest.approx(1500.0, abs=3)  # it is not switched off
        assert core.state.phase is not Phase.ARMED


def test_neutral_does_not_claim_what_a_faulty_actuator_cannot_promise(
    emulated_car: Car, running_board: EmulatedBoard
) -> None:
    with a_running_actuator(emulated_car) as core:
        with running_board.wire.quiet():
            running_board.chip.reset()  # a brown-out
        while core.state.phase is not Phase.FAULT:
            time.sleep(0.005)
        with pytest.raises(HardwareError, match="switch the motor off"):
            bring_to_rest(emulated_car)


def test_neutral_keeps_its_hands_off_a_bus_that_somebody_has(emulated_car: Car, running_board: EmulatedBoard) -> None:
    owner = open_servo_board(emulated_car, load_profile(emulated_car))
    with pytest.raises(HardwareError, match="Another process"):
        bring_to_rest(emulated_car)
    assert running_board.chip.settled_history() == []
    owner.close()
    assert "switched off" in bring_to_rest(emulated_car)
