"""The MPU-6050 as its register map describes it: asleep after power-on, then a burst of seven words.

Source: InvenSense RM-MPU-6000A, revision 4.2. Not modelled: the filters' delay, FIFO, interrupts, self-test.
"""

from __future__ import annotations

import random

GRAVITY_MPS2 = 9.80665
SAMPLE_RATE_DIVIDER, GYRO_CONFIG, ACCEL_CONFIG, MEASUREMENTS = 0x19, 0x1B, 0x1C, 0x3B
POWER, WHO_AM_I = 0x6B, 0x75
SLEEP, DEVICE_RESET = 0x40, 0x80
IDENTITY = 0x68
NOISE_STEPS = 6.0  # standard deviation


class Mpu6050Chip:
    """acceleration_mps2, rotation_dps: what it feels, on its axes x forward, y left, z up; at rest, gravity's +z."""

    def __init__(self, *, address: int = 0x68) -> None:
        self.address = address
        self.acceleration_mps2 = (0.0, 0.0, GRAVITY_MPS2)
        self.rotation_dps = (0.0, 0.0, 0.0)
        self.temperature_c = 25.0
        self.registers = bytearray(128)
        self._pointer = 0
        self._random = random.Random(6050)
        self.reset()

    def reset(self) -> None:
        """Power-on."""
        self.registers[:] = bytes(128)
        self.registers[POWER], self.registers[WHO_AM_I] = SLEEP, IDENTITY

    def acknowledges(self, address: int) -> bool:
        """Whether the chip answers this 7-bit address."""
        return address == self.address

    def write(self, address: int, data: bytes) -> bool:
        """The first byte is the pointer, which steps on with every further one."""
        if data:
            self._pointer = data[0] & 0x7F
        for value in data[1:]:
            if self._pointer == POWER and value & DEVICE_RESET:
                self.reset()
            elif self._pointer != WHO_AM_I and not MEASUREMENTS <= self._pointer < MEASUREMENTS + 14:
                self.registers[self._pointer] = value
            self._pointer = (self._pointer + 1) & 0x7F
        return True

    def read(self, length: int) -> bytes:
        """From the pointer on. Asleep, the chip measures nothing and its words stay as they were: zero."""
        if not self.registers[POWER] & SLEEP:
            self.registers[MEASUREMENTS : MEASUREMENTS + 14] = self._measured()
        answer = bytes(self.registers[(self._pointer + i) & 0x7F] for i in range(length))
        self._pointer = (self._pointer + length) & 0x7F
        return answer

    def stop(self) -> None:
        """A STOP changes nothing."""

    def _measured(self) -> bytes:
        steps_per_g = 16384 >> (self.registers[ACCEL_CONFIG] >> 3 & 3)
        steps_per_dps = 131.0 / (1 << (self.registers[GYRO_CONFIG] >> 3 & 3))
        words = [axis / GRAVITY_MPS2 * steps_per_g for axis in self.acceleration_mps2]
        words.append((self.temperature_c - 36.53) * 340)
        words += [axis * steps_per_dps for axis in self.rotation_dps]
        words = [word + self._random.gauss(0.0, NOISE_STEPS) for word in words]
        return b"".join(max(-32768, min(32767, round(word))).to_bytes(2, "big", signed=True) for word in words)
