"""IMU: an InvenSense MPU-6050, or an MPU-6500 or MPU-9250, which are sold on the same boards.

Source: MPU-6000/6050 register map (RM-MPU-6000A) and MPU-6500 register map (RM-MPU-6500A). How the chip sits in
the car is not asked: whoever judges its readings learns from them where down is.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from shared.errors import HardwareError
from vehicle.hardware.i2c_bus import I2CBus
from vehicle.hardware.imu import Sameness, readings

DEFAULT_ADDRESS = 0x68
SAMPLE_RATE_DIVIDER, ACCELERATION_FILTER = 0x19, 0x1D
MEASUREMENTS, MEASUREMENT_BYTES = 0x3B, 14  # acceleration, temperature, rotation; big-endian words
POWER, AWAKE = 0x6B, 0x01  # clock of a gyroscope, as the register map advises
WHO_AM_I = 0x75
# Identity -> (has its own filter for acceleration, degrees Celsius per step, degrees Celsius at zero).
KNOWN = {0x68: (False, 1 / 340, 36.53), 0x70: (True, 1 / 333.87, 21.0), 0x71: (True, 1 / 333.87, 21.0)}
# Below half of the rate at which it is read, so that no blow falls between two readings.
FILTER_21_HZ = 4
# 1 kHz, divided by 5; filter; +-500 degrees a second; +-8 g.
SETTINGS = bytes((4, FILTER_21_HZ, 0x08, 0x10))
STEP_DPS = 1 / 65.5


class Mpu6050:
    """The chip, set up at its first reading and whenever it turns out to have been reset."""

    name = "imu"
    every_s = 0.02

    def __init__(self, bus: I2CBus, *, address: int = DEFAULT_ADDRESS) -> None:
        self._bus = bus
        self._address = address
        self._temperature: tuple[float, float] | None = None  # of the chip that answers; None: not set up
        self._sameness = Sameness()

    def read(self) -> Mapping[str, float]:
        """Acceleration (x_mps2, y_mps2, z_mps2), rotation (x_dps, y_dps, z_dps), temperature_c, in the chip's axes.

        Standing still, the acceleration is 9.8 m/s^2 upwards. Nothing the first time.
        """
        if self._temperature is None:
            self._temperature = self._set_up()
            return {}
        answer = self._read(MEASUREMENTS, MEASUREMENT_BYTES)
        if len(set(answer)) == 1:  # asleep after a reset it says zero, unplugged from its power it says 255
            self._temperature = None
            raise HardwareError("the IMU was reset or lost its power; check its wires")
        try:
            self._sameness.note(answer)
        except HardwareError:
            self._temperature = None
            self._sameness.forget()
            raise
        *acceleration, warmth, rate_x, rate_y, rate_z = struct.unpack(">7h", answer)
        step_c, zero_c = self._temperature
        rotation = (rate_x, rate_y, rate_z)
        return readings(acceleration, rotation, step_dps=STEP_DPS, temperature_c=warmth * step_c + zero_c)

    def _set_up(self) -> tuple[float, float]:
        (identity,) = self._read(WHO_AM_I, 1)
        if identity not in KNOWN:
            raise HardwareError(
                f"the chip at I2C address {self._address:#04x} says {identity:#04x}, which is no IMU that is known; "
                "set devices.imu.address"
            )
        has_filter, *temperature = KNOWN[identity]
        self._bus.writeto(self._address, bytes((POWER, AWAKE)))
        self._bus.writeto(self._address, bytes((SAMPLE_RATE_DIVIDER,)) + SETTINGS)
        if has_filter:
            self._bus.writeto(self._address, bytes((ACCELERATION_FILTER, FILTER_21_HZ)))
        return temperature[0], temperature[1]

    def _read(self, register: int, length: int) -> bytes:
        answer = bytearray(length)
        self._bus.writeto_then_readfrom(self._address, bytes((register,)), answer)
        return bytes(answer)
