"""IMU: a Bosch BMI160, which DeepRacer's own board carries.

Source: BMI160 data sheet BST-BMI160-DS000-09, sections 2.2 (power modes), 2.4 (filters) and 2.11 (registers). How the
chip sits in the car is not asked: whoever judges its readings learns from them where down is.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from shared.errors import HardwareError
from vehicle.hardware.i2c_bus import I2CBus
from vehicle.hardware.imu import Sameness, readings

DEFAULT_ADDRESS = 0x68
CHIP_ID, IDENTITY = 0x00, 0xD1
# From the power modes on, in one burst: rotation and acceleration, little-endian words, and the temperature.
POWER_MODES, BURST_BYTES = 0x03, 0x22 - 0x03
WORDS, TEMPERATURE = slice(0x0C - 0x03, 0x18 - 0x03), slice(0x20 - 0x03, 0x22 - 0x03)
COMMAND = 0x7E
ACCELEROMETER_ON, GYROSCOPE_ON = 0x11, 0x15
MODES, ACCELEROMETER_IS_ON, BOTH_ARE_ON = 0b11_1100, 0b01_0000, 0b01_0100
CONFIGURATION = 0x40
# 100 Hz averaged over two samples, which leaves 20 Hz: below half of the rate at which it is read, so that no blow
# falls between two readings. +-8 g; the same for the gyroscope; +-500 degrees a second.
SETTINGS = bytes((0x18, 0x08, 0x18, 0x02))
# The order matters: while both sensors sleep, the chip takes no more than one byte at a time.
WAKING_UP: tuple[bytes, ...] = (
    bytes((COMMAND, ACCELEROMETER_ON)),
    bytes((COMMAND, GYROSCOPE_ON)),
    bytes((CONFIGURATION,)) + SETTINGS,
)
STEP_DPS = 1 / 65.6
STEP_C, ZERO_C = 1 / 512, 23.0
WAKING_ALLOWED = 10  # readings; the gyroscope takes 80 ms


class Bmi160:
    """The chip, woken by its first readings and whenever it turns out to have been reset.

    Between two commands it wants half a millisecond, so each reading gives it one.
    """

    name = "imu"
    every_s = 0.02

    def __init__(self, bus: I2CBus, *, address: int = DEFAULT_ADDRESS) -> None:
        self._bus = bus
        self._address = address
        self._to_do = WAKING_UP
        self._waited = 0
        self._sameness = Sameness()

    def read(self) -> Mapping[str, float]:
        """Acceleration (x_mps2, y_mps2, z_mps2), rotation (x_dps, y_dps, z_dps), temperature_c, in the chip's axes.

        Standing still, the acceleration is 9.8 m/s^2 upwards. Nothing the first times.
        """
        if self._to_do:
            self._wake()
            return {}
        answer = self._read(POWER_MODES, BURST_BYTES)
        modes = answer[0] & MODES
        if modes == ACCELEROMETER_IS_ON and self._waited < WAKING_ALLOWED:
            self._waited += 1
            return {}
        if modes != BOTH_ARE_ON:  # after a reset both sleep, unplugged from its power every bit is one
            self._begin_anew()
            raise HardwareError("the IMU was reset or lost its power; check its wires")
        words = answer[WORDS]
        try:
            self._sameness.note(words)
        except HardwareError:
            self._begin_anew()
            raise
        *rotation, x, y, z = struct.unpack("<6h", words)
        (warmth,) = struct.unpack("<h", answer[TEMPERATURE])
        return readings((x, y, z), rotation, step_dps=STEP_DPS, temperature_c=warmth * STEP_C + ZERO_C)

    def _begin_anew(self) -> None:
        self._to_do, self._waited = WAKING_UP, 0
        self._sameness.forget()

    def _wake(self) -> None:
        """One more step."""
        if self._to_do == WAKING_UP:
            (identity,) = self._read(CHIP_ID, 1)
            if identity != IDENTITY:
                raise HardwareError(
                    f"the chip at I2C address {self._address:#04x} says {identity:#04x}, which is no BMI160; "
                    "set devices.imu.chip or devices.imu.address"
                )
        self._bus.writeto(self._address, self._to_do[0])
        self._to_do = self._to_do[1:]

    def _read(self, register: int, length: int) -> bytes:
        answer = bytearray(length)
        self._bus.writeto_then_readfrom(self._address, bytes((register,)), answer)
        return bytes(answer)
