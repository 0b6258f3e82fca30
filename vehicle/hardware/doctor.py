"""`lapwing-car doctor`: what each device of this car says, and what to do about it.

Devices on the I2C bus are asked of the actuator where one runs. The doctor opens the bus itself only where nobody has
it, and then leaves every output silent.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from calibration.profile import CalibrationProfile
from shared.errors import LapwingError, LinkError
from vehicle.actuator.battery import LASTING_S, BatteryLevel, BatteryState, battery_after
from vehicle.actuator.client import ActuatorClient
from vehicle.actuator.health_watch import TOO_HOT_C
from vehicle.actuator.messages import DevicesRequest
from vehicle.actuator.safety_level import SafetyLevel, level_of, meaning_of
from vehicle.actuator.slack import Reading
from vehicle.actuator.state import Phase
from vehicle.hardware.assembly import (
    Car,
    arming_obstacle,
    calibration_store,
    load_profile,
    open_bus_devices,
    open_camera,
    open_computer,
    open_gamepad,
    open_lidar,
    open_servo_board,
    open_tail_light,
)
from vehicle.hardware.camera_watch import CameraWatch
from vehicle.hardware.protocols import Camera, Colour

PICTURE_TIMEOUT_S = 3.0
SCAN_TIMEOUT_S = 8.0  # its motor has to come to speed
LOOK_S = 1.2  # at the camera: long enough to count its pictures
NEEDED_RATE_HZ = 15.0  # of a model that was trained as usual
LAMP_S = 0.4
TRIES = 4  # of a device that is asked by us: the first reading may only begin a measurement
WAKING_S = 0.3  # a gyroscope takes 80 ms


class Verdict(StrEnum):
    """good: it works. note: nothing is wrong, but worth knowing. warning: the car drives, worse. problem: it cannot."""

    GOOD = "good"
    NOTE = "note"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. found, advice: sentences; advice is empty where there is nothing to do."""

    name: str
    verdict: Verdict
    found: str
    advice: str = ""


Check = Callable[[], Iterator[Finding]]


class Doctor:
    """Looks at the devices of one car. sleep: how it waits for them.

    opens_sensors: whether camera and LiDAR are free; while the drive runs, they are its own.
    """

    def __init__(self, car: Car, sleep: Callable[[float], None] = time.sleep, *, opens_sensors: bool = True) -> None:
        self._car = car
        self._opens_sensors = opens_sensors
        self._sleep = sleep

    def examine(self) -> Iterator[Finding]:
        """Every finding, as soon as it is known."""
        profile = None
        try:
            profile = load_profile(self._car)
            yield self._calibration(profile)
            yield from self._damaged_calibrations()
        except LapwingError as error:
            yield failed("calibration", error)
        with contextlib.ExitStack() as exits:
            try:
                actuator = ActuatorClient(self._car.folder.actuator)
                exits.callback(actuator.close)
            except LinkError as error:
                if isinstance(error.__cause__, PermissionError):
                    yield Finding("actuator", Verdict.WARNING, "This user may not ask it.", _JOIN)
                else:
                    yield from self._by_ourselves(profile or CalibrationProfile())
            else:
                yield from self._by_the_actuator(actuator)
        if self._opens_sensors:
            yield from self._camera()
            yield from self._lidar()
        yield from self._gamepad()

    def _calibration(self, profile: CalibrationProfile) -> Finding:
        obstacle = arming_obstacle(self._car, profile)
        if obstacle is not None:
            return failed("calibration", obstacle)
        return Finding("calibration", Verdict.GOOD, f"{profile.car_id or 'This car'}, confirmed on this board.")

    def _damaged_calibrations(self) -> Iterator[Finding]:
        """Newer ones than the one in force, which is there in their place."""
        store = calibration_store(self._car)
        current = store.current()
        in_force = 0 if current is None else current.generation
        newer = [generation for generation in store.damaged() if generation > in_force]
        if newer:
            instead = f"generation {in_force} is in force instead" if in_force else "none before it is whole"
            found = f"Generation {newer[-1]} is damaged on the disk, and {instead}."
            yield Finding("history", Verdict.WARNING, found, "Import an export of it, or: lapwing-car calibrate")

    def _by_the_actuator(self, actuator: ActuatorClient) -> Iterator[Finding]:
        """What the owner of the bus says of itself, its guard and its devices."""
        answer = actuator.ask(DevicesRequest())
        status, readings = answer.status, answer.devices or {}
        if status.phase is Phase.FAULT:
            yield failed("servo board", f"{_sentence(status.reason)} Mend it, then restart the actuator.")
        else:
            why = f" The last drive ended: {status.reason}." if status.reason else ""
            yield Finding("servo board", Verdict.GOOD, f"The actuator has it and is {status.phase}.{why}")
        if status.guard:
            yield failed("guard", status.guard)
        else:
            yield Finding("guard", Verdict.GOOD, "It watches the actuator.")
        if status.safety_level:
            yield safety(SafetyLevel(status.safety_level))
        for warning in status.warnings:
            yield Finding("actuator", Verdict.WARNING, _sentence(warning))
        yield from self._devices(readings)
        yield self._tail_light_of_the_actuator()

    def _by_ourselves(self, profile: CalibrationProfile) -> Iterator[Finding]:
        """Nobody runs the actuator: ask the devices ourselves, if nobody else has the bus."""
        try:
            board = open_servo_board(self._car, profile)
        except LapwingError as error:
            yield failed("servo board", error)
            return
        try:
            board.start()
            yield Finding("servo board", Verdict.GOOD, "It answers, and keeps its settings. No actuator runs.")
            yield safety(level_of("none" if self._car.emulated else self._car.config.servo_board.output_enable))
            with contextlib.ExitStack() as exits:
                devices = [*open_bus_devices(self._car, exits), open_computer(self._car)]
                yield from self._devices({device.name: self._asked(device.read, device.every_s) for device in devices})
                yield self._tail_light(exits)
        except LapwingError as error:
            yield failed("servo board", error)
        finally:
            with contextlib.suppress(OSError):
                board.close()

    def _asked(self, read: Callable[[], Mapping[str, float]], every_s: float) -> Reading:
        """One device's reading; a problem where it fails twice."""
        problem = "it has not measured anything"
        for _ in range(max(TRIES, round(WAKING_S / every_s))):
            try:
                if values := read():
                    return Reading(values, 0.0)
            except OSError as error:
                problem = f"it does not answer ({error.strerror}); check its wires" if error.strerror else str(error)
            self._sleep(every_s)
        return Reading({}, 0.0, problem)

    def _devices(self, readings: Mapping[str, Reading]) -> Iterator[Finding]:
        config = self._car.config.devices
        if config.battery.gauge == "none":
            yield Finding("battery", Verdict.NOTE, "No gauge is fitted: its charge is unknown.")
        else:
            yield self._battery(readings.get("battery"))
        if config.imu.chip == "none":
            yield Finding("imu", Verdict.NOTE, "None is fitted: a car that is picked up or crashes drives on.")
        else:
            yield _imu(readings.get("imu"))
        yield _computer(readings.get("computer"))

    def _battery(self, reading: Reading | None) -> Finding:
        limits = self._car.config.devices.battery.limits
        if reading is None or reading.problem or not reading.values:
            return unknown("battery", reading, "See devices.battery in car.toml. The car drives on without it.")
        state = BatteryState()
        for at_s in (0.0, LASTING_S):
            state = battery_after(state, reading.values, limits, at_s)
        if state.unknown:
            return Finding("battery", Verdict.WARNING, _sentence(state.unknown), "Check its wires and its switch.")
        known = [f"{reading.values[key]:.2f} {unit}" for key, unit in _BATTERY_UNITS if key in reading.values]
        found = ", ".join([*known, f"about {state.charge_percent:.0f} %"])
        verdict, word, advice = _LEVELS[state.level]
        return Finding("battery", verdict, f"{found}{word}.", advice)

    def _tail_light(self, exits: contextlib.ExitStack) -> Finding:
        if self._car.config.devices.tail_light.wiring == "none":
            return _NO_TAIL_LIGHT
        try:
            light = open_tail_light(self._car, exits)
            light.show(Colour.BLUE)
            self._sleep(LAMP_S)
            light.show(Colour.DARK)
        except OSError as error:
            return Finding("tail light", Verdict.WARNING, *_parts(error))
        return Finding("tail light", Verdict.GOOD, "It was blue for a moment.")

    def _tail_light_of_the_actuator(self) -> Finding:
        if self._car.config.devices.tail_light.wiring == "none":
            return _NO_TAIL_LIGHT
        return Finding("tail light", Verdict.GOOD, "The actuator shows its state with it.")

    def _camera(self) -> Iterator[Finding]:
        try:
            camera = open_camera(self._car)
        except LapwingError as error:
            yield failed("camera", error)
            return
        with contextlib.closing(camera):
            yield self._pictures(camera)

    def _pictures(self, camera: Camera) -> Finding:
        first = camera.wait_newer(0, PICTURE_TIMEOUT_S)
        if first is None:
            return failed("camera", camera.problem or "The camera gives no picture. Check its cable at both ends.")
        watch, newest, problem = CameraWatch(NEEDED_RATE_HZ), first, ""
        while not problem and newest.taken_at_s - first.taken_at_s < LOOK_S:
            frame = camera.wait_newer(newest.sequence, PICTURE_TIMEOUT_S)
            if frame is None:
                return failed("camera", camera.problem or "The camera has stopped giving pictures. Check its cable.")
            newest = frame
            problem = watch.judge(frame, frame.taken_at_s).problem
        if problem:
            return failed("camera", problem)
        rate_hz = (newest.sequence - first.sequence) / (newest.taken_at_s - first.taken_at_s)
        height_px, width_px = newest.image.shape[:2]
        return Finding("camera", Verdict.GOOD, f"{width_px}x{height_px}, {rate_hz:.0f} pictures a second.")

    def _lidar(self) -> Iterator[Finding]:
        if self._car.config.lidar.device == "none" and not self._car.emulated:
            yield Finding("lidar", Verdict.NOTE, "None is fitted.")
            return
        try:
            lidar = open_lidar(self._car)
        except LapwingError as error:
            yield Finding("lidar", Verdict.WARNING, *_parts(error))
            return
        with contextlib.closing(lidar):
            scan = lidar.wait_newer(0, SCAN_TIMEOUT_S)
            if scan is None:
                found = lidar.problem or "The LiDAR gives no scan. Check its cable and its supply."
                yield Finding("lidar", Verdict.WARNING, *_parts(found))
            else:
                seen = int((scan.ranges_m > 0).sum())
                yield Finding(
                    "lidar", Verdict.GOOD, f"{seen} of the {scan.ranges_m.size} points of a turn see something."
                )

    def _gamepad(self) -> Iterator[Finding]:
        try:
            pad = open_gamepad(self._car)
        except LapwingError as error:
            wanted = self._car.config.devices.gamepad.device is not None
            yield Finding("gamepad", Verdict.WARNING if wanted else Verdict.NOTE, *_parts(error))
            return
        with contextlib.closing(pad):
            yield Finding("gamepad", Verdict.GOOD, f"{pad.name}. Drive by it: lapwing-car gamepad")


_JOIN = "Ask as root, or add this user to the group: sudo usermod -aG lapwing $USER"
_NO_TAIL_LIGHT = Finding("tail light", Verdict.NOTE, "None is fitted.")
_BATTERY_UNITS = (("voltage_v", "V"), ("current_a", "A"))
_LEVELS = {
    BatteryLevel.FINE: (Verdict.GOOD, "", ""),
    BatteryLevel.LOW: (Verdict.WARNING, ", which is low", "Charge it soon."),
    BatteryLevel.VERY_LOW: (Verdict.WARNING, ", almost empty: the car drives at half speed", "Charge it now."),
    BatteryLevel.EMPTY: (Verdict.PROBLEM, ", empty: the car does not drive", "Charge it."),
}


def failed(name: str, error: LapwingError | str) -> Finding:
    """A problem, from a sentence that ends with what to do."""
    return Finding(name, Verdict.PROBLEM, *_parts(error))


def unknown(name: str, reading: Reading | None, advice: str) -> Finding:
    """A device that is fitted and tells nothing; the car drives without it."""
    problem = "it has not said anything yet" if reading is None or not reading.problem else reading.problem
    return Finding(name, Verdict.WARNING, _sentence(problem), advice)


def safety(level: SafetyLevel) -> Finding:
    """What bounds a stop."""
    return Finding(f"safety {level}", Verdict.GOOD if level is SafetyLevel.L2 else Verdict.NOTE, meaning_of(level))


def _imu(reading: Reading | None) -> Finding:
    if reading is None or reading.problem or "z_mps2" not in reading.values:
        return unknown("imu", reading, "See devices.imu in car.toml. The car drives at half speed without it.")
    total_mps2 = sum(reading.values[f"{axis}_mps2"] ** 2 for axis in "xyz") ** 0.5
    return Finding("imu", Verdict.GOOD, f"It feels {total_mps2:.1f} m/s^2; a car that stands feels 9.8.")


def _computer(reading: Reading | None) -> Finding:
    values = {} if reading is None or reading.problem else reading.values
    temperature_c = values.get("temperature_c")
    heat = "Its temperature is unknown." if temperature_c is None else f"{temperature_c:.0f} degrees Celsius."
    if values.get("undervoltage"):
        return Finding("computer", Verdict.WARNING, f"{heat} Its supply is too low.", "Charge or change the supply.")
    if values.get("slowed_by_heat") or (temperature_c or 0.0) >= TOO_HOT_C:
        return Finding("computer", Verdict.WARNING, f"{heat} It is too hot.", "Give it a fan or a rest.")
    if "undervoltage" not in values:
        return Finding("computer", Verdict.NOTE, f"{heat} It does not tell about its supply.")
    return Finding("computer", Verdict.GOOD, f"{heat} Its supply is good.")


def _parts(error: OSError | LapwingError | str) -> tuple[str, str]:
    """What happened, and what to do: our errors say the one and then the other."""
    found, _, advice = str(error).partition(". ")
    return _sentence(found), advice


def _sentence(text: str) -> str:
    text = text.strip().rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."
