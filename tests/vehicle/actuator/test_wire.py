"""A short life of everything that can go wrong: what must never be seen on the wire is not, and would be noticed."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tests.benchmarks.rig.wire_car import WireCar
from tests.benchmarks.wire import start_once
from vehicle.actuator.board_writer import BoardWriter
from vehicle.actuator.core import ActuatorCore
from vehicle.actuator.lease import Pulses
from vehicle.hardware.pca9685 import Pca9685Board


@pytest.mark.parametrize("seed", range(2))
def test_nothing_unsafe_reaches_the_wire_whatever_happens(seed: int) -> None:
    car = WireCar(seed)
    car.start()
    car.drive(3_000)
    assert car.armings > 2
    assert car.counts.total() == 0


def test_a_start_on_strange_registers_is_safe() -> None:
    for seed in range(40):
        counts = start_once(random.Random(seed))
        counts.pop("starts_refused", None)
        assert counts.total() == 0


def test_an_update_in_two_transactions_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Pca9685Board.write_pulses

    def in_pieces(board: Pca9685Board, steering_us: float, throttle_us: float) -> None:
        board._bus.writeto(0x40, bytes((0x08, round(throttle_us / board.tick_us) & 0xFF)))
        whole(board, steering_us, throttle_us)

    monkeypatch.setattr(Pca9685Board, "write_pulses", in_pieces)
    car = WireCar(0)
    car.start()
    car.drive(200)
    assert car.counts["torn_updates"] > 0


def test_a_throttle_that_goes_on_after_a_stop_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ActuatorCore, "_say_neutral", lambda core: None)
    car = WireCar(0)
    car.start()
    while not car.counts["throttle_while_disarmed"]:
        assert car.commands < 20_000
        car.drive(200)


def test_a_silence_that_no_calibration_asked_for_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = BoardWriter.write

    def always_silent(writer: BoardWriter, pulses: Pulses, now_s: float, *, checks: bool) -> str | None:
        return whole(writer, replace(pulses, silent=True), now_s, checks=checks)

    monkeypatch.setattr(BoardWriter, "write", always_silent)
    car = WireCar(0)
    car.start()
    car.drive(200)
    assert car.counts["silence_without_a_calibration"] > 0
