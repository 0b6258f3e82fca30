"""The emulated chip obeys its data sheet."""

from __future__ import annotations

from typing import Any

import pytest

from vehicle.emulated.pca9685 import (
    ALL_LED_OFF_H,
    ALLCALLADR,
    LED0_ON_L,
    MODE1,
    PRE_SCALE,
    Pca9685Chip,
)

ADDRESS = 0x40
AWAKE = 0x20  # auto-increment


@pytest.fixture
def chip(clock: Any) -> Pca9685Chip:
    return Pca9685Chip(clock)


def send(chip: Pca9685Chip, *data: int, address: int = ADDRESS) -> bool:
    acknowledged = chip.write(address, bytes(data))
    chip.stop()
    return acknowledged


def read(chip: Pca9685Chip, register: int, length: int = 1) -> bytes:
    chip.write(ADDRESS, bytes((register,)))
    return chip.read(length)


def run_at_50_hz(chip: Pca9685Chip) -> None:
    send(chip, PRE_SCALE, 121)
    send(chip, MODE1, AWAKE)


def set_ticks(chip: Pca9685Chip, channel: int, ticks: int) -> None:
    send(chip, LED0_ON_L + 4 * channel, 0, 0, ticks & 0xFF, ticks >> 8)


def test_it_wakes_up_asleep_and_silent(chip: Pca9685Chip) -> None:
    assert read(chip, MODE1) == b"\x11"
    assert read(chip, PRE_SCALE) == b"\x1e"
    assert [chip.pulse_us(channel) for channel in range(16)] == [None] * 16


def test_the_prescaler_can_only_be_written_asleep(chip: Pca9685Chip) -> None:
    run_at_50_hz(chip)
    send(chip, PRE_SCALE, 50)
    assert read(chip, PRE_SCALE) == bytes((121,))
    send(chip, MODE1, AWAKE | 0x10)
    send(chip, PRE_SCALE, 1)
    assert read(chip, PRE_SCALE) == b"\x03"  # the smallest that the hardware takes


def test_the_period_is_that_of_the_prescaler_and_the_oscillator(clock: Any) -> None:
    chip = Pca9685Chip(clock, oscillator_hz=25e6)
    run_at_50_hz(chip)
    assert chip.frequency_hz == pytest.approx(25e6 / (4096 * 122))
    assert chip.tick_us == pytest.approx(4.88)
    slow = Pca9685Chip(clock, oscillator_hz=24e6)
    run_at_50_hz(slow)
    assert slow.tick_us == pytest.approx(122 / 24)


def test_without_auto_increment_all_bytes_land_in_one_register(chip: Pca9685Chip) -> None:
    send(chip, MODE1, 0x00)
    send(chip, LED0_ON_L, 1, 2, 3, 4)
    assert read(chip, LED0_ON_L) == b"\x04"
    assert read(chip, LED0_ON_L + 1) == b"\x00"


@pytest.mark.parametrize(("last", "first"), [(0x45, 0x00), (0xFE, 0x00)])
def test_auto_increment_rolls_over_to_mode1(chip: Pca9685Chip, last: int, first: int) -> None:
    send(chip, MODE1, AWAKE)
    assert read(chip, last, 2)[1:] == bytes((chip.registers[first],))


def test_a_new_width_starts_with_the_next_period_and_off_at_once(chip: Pca9685Chip, clock: Any) -> None:
    run_at_50_hz(chip)
    period_s = 1 / chip.frequency_hz
    clock.sleep(0.5 * period_s)
    set_ticks(chip, 0, 307)
    assert chip.pulse_us(0) is None
    clock.sleep(0.6 * period_s)
    assert chip.pulse_us(0) == pytest.approx(307 * 4.88)
    send(chip, ALL_LED_OFF_H, 0x10)
    assert chip.pulse_us(0) is None
    starts = [change.start_s for change in chip.settled_history()]
    assert starts[0] == pytest.approx(100.0 + period_s)
    assert starts[1] == pytest.approx(clock.now_s)


def test_both_channels_of_one_transaction_change_together(chip: Pca9685Chip, clock: Any) -> None:
    run_at_50_hz(chip)
    chip.write(ADDRESS, bytes((LED0_ON_L, 0, 0, 0x33, 1, 0, 0, 0x44, 1)))
    clock.sleep(0.1)
    assert chip.pulse_us(0) is None  # not before STOP
    chip.stop()
    clock.sleep(0.1)
    first, second = chip.settled_history()
    assert (first.channel, second.channel) == (0, 1)
    assert first.start_s == second.start_s


def test_all_led_registers_reach_every_channel_and_read_as_zero(chip: Pca9685Chip, clock: Any) -> None:
    run_at_50_hz(chip)
    send(chip, 0xFA, 0, 0, 0, 1)
    clock.sleep(0.1)
    assert {chip.pulse_us(channel) for channel in range(16)} == {256 * chip.tick_us}
    assert read(chip, 0xFA, 4) == bytes(4)


def test_full_off_wins_over_full_on(chip: Pca9685Chip, clock: Any) -> None:
    run_at_50_hz(chip)
    send(chip, LED0_ON_L, 0, 0x10, 0, 0)
    clock.sleep(0.1)
    assert chip.pulse_us(0) == pytest.approx(4096 * chip.tick_us)
    send(chip, LED0_ON_L, 0, 0x10, 0, 0x10)
    assert chip.pulse_us(0) is None


def test_sleeping_with_pulses_running_sets_restart_and_keeps_them(chip: Pca9685Chip, clock: Any) -> None:
    run_at_50_hz(chip)
    set_ticks(chip, 0, 307)
    clock.sleep(0.1)
    send(chip, MODE1, AWAKE | 0x10)
    assert read(chip, MODE1)[0] & 0x80
    assert chip.pulse_us(0) is None
    send(chip, MODE1, AWAKE)
    clock.sleep(0.1)
    assert chip.pulse_us(0) is None  # awake, but held until RESTART is cleared
    send(chip, MODE1, AWAKE | 0x80)
    clock.sleep(0.1)
    assert chip.pulse_us(0) == pytest.approx(307 * 4.88)
    assert not read(chip, MODE1)[0] & 0x80
    assert chip.restarts_used == 1


def test_an_orderly_shutdown_leaves_nothing_to_restart(chip: Pca9685Chip) -> None:
    run_at_50_hz(chip)
    set_ticks(chip, 0, 307)
    send(chip, ALL_LED_OFF_H, 0x10)
    send(chip, MODE1, AWAKE | 0x10)
    assert not read(chip, MODE1)[0] & 0x80


def test_a_pwm_register_write_clears_restart(chip: Pca9685Chip, clock: Any) -> None:
    run_at_50_hz(chip)
    set_ticks(chip, 0, 307)
    send(chip, MODE1, AWAKE | 0x10)
    set_ticks(chip, 1, 300)
    assert not read(chip, MODE1)[0] & 0x80
    send(chip, MODE1, AWAKE)
    clock.sleep(0.1)
    assert chip.pulse_us(0) == pytest.approx(307 * 4.88)


def test_the_external_clock_bit_stays_until_reset(chip: Pca9685Chip) -> None:
    send(chip, MODE1, 0x50)
    send(chip, MODE1, AWAKE)
    assert read(chip, MODE1)[0] & 0x40
    assert send(chip, 0x06, address=0x00)
    assert read(chip, MODE1) == b"\x11"


def test_addresses_follow_the_mode_register(chip: Pca9685Chip) -> None:
    assert chip.acknowledges(0x40)
    assert chip.acknowledges(0x70)
    assert not chip.acknowledges(0x71)
    send(chip, MODE1, 0x08)
    assert chip.acknowledges(0x71)
    assert not chip.acknowledges(0x70)
    send(chip, MODE1, 0x01)
    send(chip, ALLCALLADR, 0x50 << 1)
    assert chip.acknowledges(0x50)


def test_only_the_reset_byte_is_acknowledged_on_the_general_call(chip: Pca9685Chip) -> None:
    run_at_50_hz(chip)
    assert not send(chip, 0x05, address=0x00)
    assert read(chip, MODE1) == bytes((AWAKE,))


def test_it_keeps_its_last_pulse_when_nobody_writes(chip: Pca9685Chip, clock: Any) -> None:
    run_at_50_hz(chip)
    set_ticks(chip, 0, 340)
    clock.sleep(3600.0)
    assert chip.pulse_us(0) == pytest.approx(340 * 4.88)


def test_a_high_enable_pin_silences_every_output_at_once_and_low_brings_them_back(
    chip: Pca9685Chip, clock: Any
) -> None:
    run_at_50_hz(chip)
    set_ticks(chip, 0, 307)
    set_ticks(chip, 5, 400)
    clock.sleep(0.1)
    chip.set_oe(is_high=True)
    assert [chip.pulse_us(channel) for channel in (0, 5)] == [None, None]
    set_ticks(chip, 0, 320)
    clock.sleep(0.1)
    assert chip.pulse_us(0) is None
    chip.set_oe(is_high=False)
    clock.sleep(0.1)
    assert chip.pulse_us(0) == pytest.approx(320 * chip.tick_us)
