"""From what the devices said to what is so: the health that the core asks for every turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from vehicle.actuator.battery import BatteryLimits, BatteryState, battery_after
from vehicle.actuator.health import Health
from vehicle.actuator.motion import MotionLimits, MotionState, motion_after
from vehicle.actuator.slack import Reading

BATTERY, IMU, COMPUTER = "battery", "imu", "computer"
# After this long without a word: the battery changes slowly, a blow is over at once.
OLDEST_S = {BATTERY: 3.0, IMU: 0.5, COMPUTER: 3.0}
FIRST_WORD_S = 3.0  # what a device may take to say its first word
UPSET_LASTS_S = 1.0  # a blow is over at once, and should be seen by every turn until the drive has ended
STALL_S = 2.0
TOO_HOT_C = 85.0  # where a Raspberry Pi slows itself down hard


@dataclass(frozen=True, slots=True)
class Fitted:
    """What this car has. None or False: it does not."""

    battery: BatteryLimits | None = None
    imu: MotionLimits | None = None
    computer: bool = False


class HealthWatch:
    """readings: what was last heard of each device, by name. Call it with the time; see Health for the answer."""

    def __init__(self, readings: Callable[[], Mapping[str, Reading]], fitted: Fitted) -> None:
        self._readings = readings
        self._fitted = fitted
        self._battery = BatteryState()
        self._motion = MotionState()
        self._judged_at_s: dict[str, float] = {}
        self._upset, self._upset_at_s = "", 0.0
        self._began_s: float | None = None

    def __call__(self, now_s: float) -> Health:
        """What is so now."""
        if self._began_s is None:
            self._began_s = now_s
        readings = self._readings()
        self._hear_battery(readings.get(BATTERY))
        self._hear_imu(readings.get(IMU))
        fitted, notes = self._fitted, []
        battery, computer = self._battery, dict[str, float]()
        if fitted.battery is not None and (why := self._why_unknown(BATTERY, readings, now_s) or battery.unknown):
            notes.append(f"the charge of the battery is unknown: {why}")
            battery = BatteryState()
        if fitted.computer and (why := self._why_unknown(COMPUTER, readings, now_s)):
            notes.append(f"the computer's heat and supply are unknown: {why}")
        elif COMPUTER in readings:
            computer.update(readings[COMPUTER].values)
        silent_imu = fitted.imu is not None and self._why_unknown(IMU, readings, now_s)
        return Health(
            undervoltage=bool(computer.get("undervoltage")),
            overheated=bool(computer.get("slowed_by_heat")) or computer.get("temperature_c", 0.0) >= TOO_HOT_C,
            stale_sensors=(IMU,) if silent_imu else (),
            battery=battery.level,
            stalled=battery.stall_since_s is not None and now_s - battery.stall_since_s >= STALL_S,
            upset=self._upset if now_s - self._upset_at_s <= UPSET_LASTS_S else "",
            notes=tuple(notes),
        )

    def told(self) -> dict[str, Reading]:
        """What was heard of each device, with what was made of it: for who asks the actuator."""
        told = dict(self._readings())
        reading, percent = told.get(BATTERY), self._battery.charge_percent
        if reading is not None and percent is not None:
            told[BATTERY] = replace(reading, values={**reading.values, "charge_percent": percent})
        return told

    def _hear_battery(self, reading: Reading | None) -> None:
        if self._fitted.battery is None or reading is None or not reading.values:
            return
        if self._is_new(BATTERY, reading):
            self._battery = battery_after(self._battery, reading.values, self._fitted.battery, reading.at_s)

    def _hear_imu(self, reading: Reading | None) -> None:
        if self._fitted.imu is None or reading is None or not self._is_new(IMU, reading):
            return
        values = reading.values
        if "z_mps2" in values:
            acceleration = (values["x_mps2"], values["y_mps2"], values["z_mps2"])
            rotation = (values["x_dps"], values["y_dps"], values["z_dps"])
            self._motion = motion_after(self._motion, acceleration, rotation, self._fitted.imu, reading.at_s)
            if self._motion.upset:
                self._upset, self._upset_at_s = self._motion.upset, reading.at_s

    def _is_new(self, name: str, reading: Reading) -> bool:
        is_new = self._judged_at_s.get(name) != reading.at_s
        self._judged_at_s[name] = reading.at_s
        return is_new

    def _why_unknown(self, name: str, readings: Mapping[str, Reading], now_s: float) -> str:
        """Why a device that is fitted tells nothing now; empty while it does, or may still begin to."""
        reading = readings.get(name)
        if reading is not None and reading.problem:
            return reading.problem
        if reading is not None and reading.values:
            return "" if now_s - reading.at_s <= OLDEST_S[name] else "it has said nothing for a while"
        began_s = now_s if self._began_s is None else self._began_s
        return "" if now_s - began_s <= FIRST_WORD_S else "it has not said anything yet"
