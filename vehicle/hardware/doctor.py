"""What the doctor says of calibration, servo board and the small devices: what each tells, and what to do about it.

Devices on the I2C bus are asked of the actuator where one runs. The doctor opens the bus itself only where nobody has
it, and then leaves every output silent.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping

from calibration.profile import CalibrationProfile, StopsWithoutPulses
from shared.errors import HardwareError, LapwingError, LinkError
from vehicle.actuator.battery import LASTING_S, BatteryLevel, BatteryState, battery_after
from vehicle.actuator.client import ActuatorClient
from vehicle.actuator.health_watch import TOO_HOT_C
from vehicle.actuator.messages import Answer, DevicesRequest
from vehicle.actuator.safety_level import SafetyLevel, advice_on, level_of, meaning_of
from vehicle.actuator.slack import Reading
from vehicle.actuator.state import Phase
from vehicle.hardware.assembly import (
    open_bus_devices,
    open_computer,
    open_servo_board,
    open_tail_light,
    try_enable_line,
)
from vehicle.hardware.finding import JOIN, Finding, Verdict, failed, sentence
from vehicle.hardware.protocols import Colour
from vehicle.hardware.this_car import Car, arming_obstacle, calibration_store, load_profile, pulses_are_known

LAMP_S = 0.4
TRIES = 4  # of a device that is asked by us: the first reading may only begin a measurement
WAKING_S = 0.3  # a gyroscope takes 80 ms


class Doctor:
    """Looks at the devices of one car. sleep: how it waits for them."""

    def __init__(self, car: Car, sleep: Callable[[float], None] = time.sleep) -> None:
        self._car = car
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
        try:
            actuator = ActuatorClient(self._car.folder.actuator)
        except LinkError as error:
            if isinstance(error.__cause__, PermissionError):
                yield Finding("actuator", Verdict.WARNING, "This user may not ask it.", JOIN)
            else:
                yield from self._by_ourselves(profile or CalibrationProfile())
            return
        with contextlib.closing(actuator):
            try:
                answer = actuator.ask(DevicesRequest())
            except LinkError as error:
                yield failed("servo board", error)
            else:
                yield from self._by_the_actuator(answer)

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

    def _by_the_actuator(self, answer: Answer) -> Iterator[Finding]:
        """What the owner of the bus says of itself, its guard and its devices."""
        status, readings = answer.status, answer.devices or {}
        if status.phase is Phase.FAULT:
            yield failed("servo board", f"{sentence(status.reason)} Mend it, then restart the actuator.")
        else:
            why = f" The last drive ended: {status.reason}." if status.reason else ""
            yield Finding("servo board", Verdict.GOOD, f"The actuator has it and is {status.phase}.{why}")
        if status.guard:
            yield failed("guard", status.guard)
        else:
            yield Finding("guard", Verdict.GOOD, "It watches the actuator.")
        if status.safety_level:
            yield safety(SafetyLevel(status.safety_level), status.stops_without_pulses_s)
        for warning in status.warnings:
            yield Finding("actuator", Verdict.WARNING, sentence(warning))
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
            is_tried = pulses_are_known(self._car)
            found = "It answers, and keeps its settings." if is_tried else _SILENT
            yield Finding("servo board", Verdict.GOOD, f"{found} No actuator runs.")
            yield examine_enable_line(self._car, profile.throttle.stops_without_pulses_s)
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
            return _unknown("battery", reading, "See devices.battery in car.toml. The car drives on without it.")
        state = BatteryState()
        for at_s in (0.0, LASTING_S):
            state = battery_after(state, reading.values, limits, at_s)
        if state.unknown:
            return Finding("battery", Verdict.WARNING, sentence(state.unknown), "Check its wires and its switch.")
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
            return failed("tail light", error, Verdict.WARNING)
        return Finding("tail light", Verdict.GOOD, "It was blue for a moment.")

    def _tail_light_of_the_actuator(self) -> Finding:
        if self._car.config.devices.tail_light.wiring == "none":
            return _NO_TAIL_LIGHT
        return Finding("tail light", Verdict.GOOD, "The actuator shows its state with it.")


# The chip of a car whose pulses nobody knows is not started.
_SILENT = "It answers. Its outputs stay off until the car is calibrated, and its settings were not tried."
_NO_TAIL_LIGHT = Finding("tail light", Verdict.NOTE, "None is fitted.")
_BATTERY_UNITS = (("voltage_v", "V"), ("current_a", "A"))
_LEVELS = {
    BatteryLevel.FINE: (Verdict.GOOD, "", ""),
    BatteryLevel.LOW: (Verdict.WARNING, ", which is low", "Charge it soon."),
    BatteryLevel.VERY_LOW: (Verdict.WARNING, ", almost empty: the car drives at half speed", "Charge it now."),
    BatteryLevel.EMPTY: (Verdict.PROBLEM, ", empty: the car does not drive", "Charge it."),
}


def examine_enable_line(car: Car, stops_without_pulses_s: StopsWithoutPulses = None) -> Finding:
    """What bounds a stop, while no guard has the enable line. A line that is not to be had keeps the guard away."""
    try:
        return safety(level_of(try_enable_line(car)), stops_without_pulses_s)
    except HardwareError as error:
        return failed("enable line", error)


def _unknown(name: str, reading: Reading | None, advice: str) -> Finding:
    """A device that is fitted and tells nothing; the car drives without it."""
    problem = "it has not said anything yet" if reading is None or not reading.problem else reading.problem
    return Finding(name, Verdict.WARNING, sentence(problem), advice)


def safety(level: SafetyLevel, stops_without_pulses_s: StopsWithoutPulses) -> Finding:
    """What bounds a stop."""
    meaning, advice = meaning_of(level, stops_without_pulses_s), advice_on(level, stops_without_pulses_s)
    verdict = Verdict.WARNING if advice else Verdict.GOOD if level is SafetyLevel.L2 else Verdict.NOTE
    return Finding(f"safety {level}", verdict, meaning, advice)


def _imu(reading: Reading | None) -> Finding:
    if reading is None or reading.problem or "z_mps2" not in reading.values:
        return _unknown("imu", reading, "See devices.imu in car.toml. The car drives at half speed without it.")
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
