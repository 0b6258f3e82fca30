"""The BMI160 as its data sheet describes it: both sensors asleep after power-on, each woken by a command of its own.

Source: Bosch BST-BMI160-DS000-09. Not modelled: the filters' delay, FIFO, interrupts, step counter, self-test.
"""

from __future__ import annotations

import random
from collections.abc import Callable

GRAVITY_MPS2 = 9.80665
CHIP_ID, PMU_STATUS, GYRO_DATA, TEMPERATURE = 0x00, 0x03, 0x0C, 0x20
ACC_CONF, ACC_RANGE, GYR_CONF, GYR_RANGE, CMD = 0x40, 0x41, 0x42, 0x43, 0x7E
IDENTITY = 0xD1
SOFT_RESET, ACC_NORMAL, GYR_NORMAL = 0xB6, 0x11, 0x15
ACC_WAKES_S, GYRO_WAKES_S = 0.0038, 0.080
ASLEEP_BETWEEN_WRITES_S = 450e-6
STEPS_PER_G = {0x3: 16384, 0x5: 8192, 0x8: 4096, 0xC: 2048}
FULL_SCALE_DPS = (2000, 1000, 500, 250, 125)
STEPS_PER_2000_DPS = 16.4 * 2000
NOISE_STEPS = 6.0  # standard deviation


class Bmi160Chip:
    """acceleration_mps2, rotation_dps: what it feels, on its axes x forward, y left, z up; at rest, gravity's +z."""

    def __init__(self, clock: Callable[[], float], *, address: int = 0x69) -> None:
        self.address = address
        self.acceleration_mps2 = (0.0, 0.0, GRAVITY_MPS2)
        self.rotation_dps = (0.0, 0.0, 0.0)
        self.temperature_c = 25.0
        self.registers = bytearray(128)
        self._pointer = 0
        self._random = random.Random(160)
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        """Power-on."""
        self.registers[:] = bytes(128)
        self.registers[CHIP_ID] = IDENTITY
        self.registers[ACC_CONF : GYR_RANGE + 1] = bytes((0x28, 0x03, 0x28, 0x00))
        self._acc_on_at_s = self._gyro_on_at_s = float("inf")
        self._ready_at_s = float("-inf")

    def acknowledges(self, address: int) -> bool:
        """Whether the chip answers this 7-bit address."""
        return address == self.address

    def write(self, address: int, data: bytes) -> bool:
        """The first byte is the pointer. Asleep, the chip hears one byte after it, and nothing for a while then."""
        if data:
            self._pointer = data[0] & 0x7F
        if len(data) < 2:
            return True
        now_s = self._clock()
        if not self._is_on(self._acc_on_at_s) and not self._is_on(self._gyro_on_at_s):
            if now_s < self._ready_at_s:
                return True
            self._ready_at_s, data = now_s + ASLEEP_BETWEEN_WRITES_S, data[:2]
        for value in data[1:]:
            self._store(value, now_s)
            self._pointer = (self._pointer + 1) & 0x7F
        return True

    def read(self, length: int) -> bytes:
        """From the pointer on."""
        self._measure()
        answer = bytes(self.registers[(self._pointer + i) & 0x7F] for i in range(length))
        self._pointer = (self._pointer + length) & 0x7F
        return answer

    def stop(self) -> None:
        """A STOP changes nothing."""

    def _store(self, value: int, now_s: float) -> None:
        if self._pointer == CMD:
            if value == SOFT_RESET:
                self.reset()
            elif value == ACC_NORMAL:
                self._acc_on_at_s = now_s + ACC_WAKES_S
            elif value == GYR_NORMAL:
                self._gyro_on_at_s = now_s + GYRO_WAKES_S
        elif ACC_CONF <= self._pointer <= GYR_RANGE:
            self.registers[self._pointer] = value

    def _is_on(self, on_at_s: float) -> bool:
        return self._clock() >= on_at_s

    def _measure(self) -> None:
        """What sleeps measures nothing, and its words stay as they were."""
        acc_is_on, gyro_is_on = self._is_on(self._acc_on_at_s), self._is_on(self._gyro_on_at_s)
        self.registers[PMU_STATUS] = acc_is_on << 4 | gyro_is_on << 2
        if gyro_is_on:
            steps_per_dps = STEPS_PER_2000_DPS / FULL_SCALE_DPS[self.registers[GYR_RANGE] & 7]
            self._put(GYRO_DATA, [axis * steps_per_dps for axis in self.rotation_dps])
        if acc_is_on:
            steps_per_g = STEPS_PER_G[self.registers[ACC_RANGE] & 0xF]
            self._put(GYRO_DATA + 6, [axis / GRAVITY_MPS2 * steps_per_g for axis in self.acceleration_mps2])
            self._put(TEMPERATURE, [(self.temperature_c - 23.0) * 512])

    def _put(self, register: int, words: list[float]) -> None:
        words = [word + self._random.gauss(0.0, NOISE_STEPS) for word in words]
        content = b"".join(max(-32768, min(32767, round(word))).to_bytes(2, "little", signed=True) for word in words)
        self.registers[register : register + len(content)] = content
