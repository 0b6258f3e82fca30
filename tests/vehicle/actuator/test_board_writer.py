"""When the board is read back, and how many lost transactions are too many."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vehicle.actuator.rig import FailingI2C
from vehicle.actuator.board_writer import CHECK_EVERY_S, BoardWriter
from vehicle.actuator.lease import Pulses
from vehicle.emulated.board import EmulatedBoard
from vehicle.hardware.pca9685 import Pca9685Board

PULSES = Pulses(1500.0, 1500.0)


@pytest.fixture
def bus(board: EmulatedBoard) -> FailingI2C:
    return FailingI2C(board.wire)


@pytest.fixture
def writer(bus: FailingI2C, clock: Any) -> BoardWriter:
    writer = BoardWriter(Pca9685Board(bus, sleep=clock.sleep))
    writer.start(PULSES, 0.0)
    return writer


@pytest.mark.parametrize(
    ("at_s", "checks", "transactions"),
    [(CHECK_EVERY_S - 1e-9, True, 1), (CHECK_EVERY_S, True, 4), (CHECK_EVERY_S, False, 1)],
)
def test_the_board_is_read_back_when_its_time_has_come(
    writer: BoardWriter, board: EmulatedBoard, at_s: float, checks: bool, transactions: int
) -> None:
    before = board.wire.transactions
    assert writer.write(PULSES, at_s, checks=checks) is None
    assert board.wire.transactions - before == transactions


def test_the_second_loss_in_a_row_is_told_and_one_between_good_ones_is_not(
    writer: BoardWriter, bus: FailingI2C
) -> None:
    for _ in range(3):
        bus.failures_left = 1
        assert writer.write(PULSES, 0.01, checks=False) is None
        assert writer.write(PULSES, 0.01, checks=False) is None
    bus.failures_left = 2
    assert writer.write(PULSES, 0.01, checks=False) is None
    assert "wires" in (writer.write(PULSES, 0.01, checks=False) or "")


def test_a_read_back_that_was_lost_is_tried_again_at_the_next_turn(writer: BoardWriter, bus: FailingI2C) -> None:
    bus.failures_after = 1  # the pulses get through, the question does not
    assert writer.write(PULSES, 0.1, checks=True) is None
    bus.failures_after = 1
    assert "wires" in (writer.write(PULSES, 0.12, checks=True) or "")


def test_a_board_that_was_never_started_is_found_out_by_its_first_write(bus: FailingI2C, clock: Any) -> None:
    unstarted = BoardWriter(Pca9685Board(bus, sleep=clock.sleep))
    assert unstarted.write(PULSES, 0.0, checks=True) is not None


def test_one_loss_is_forgiven_from_the_very_first_write_on(bus: FailingI2C, clock: Any) -> None:
    unstarted = BoardWriter(Pca9685Board(bus, sleep=clock.sleep))
    bus.failures_left = 2
    assert unstarted.write(PULSES, 0.0, checks=False) is None
    assert "wires" in (unstarted.write(PULSES, 0.02, checks=False) or "")


def test_it_hears_when_its_last_pulses_got_through_whatever_the_read_back_says(
    writer: BoardWriter, bus: FailingI2C, board: EmulatedBoard
) -> None:
    assert not writer.hears
    for failures, hears in ((0, True), (1, False), (0, True)):
        bus.failures_left = failures
        writer.write(PULSES, 0.01, checks=False)
        assert writer.hears is hears
    board.chip.reset()
    assert "lost its settings" in (writer.write(PULSES, 0.1, checks=True) or "")
    assert writer.hears
    writer.write(Pulses(1500.0, 1e6), 0.1, checks=True)
    assert not writer.hears
