"""The tail light follows the phase, waits for its turn, and is left alone when it does not hear."""

from __future__ import annotations

import pytest

from vehicle.actuator.slack import NEEDED_S
from vehicle.actuator.state import Phase
from vehicle.actuator.status_light import COLOURS, StatusLight
from vehicle.hardware.protocols import Colour


class Lamp:
    """Remembers what it was told; fails as often as it is told to."""

    def __init__(self) -> None:
        self.shown: list[Colour] = []
        self.asked = self.failures_left = 0

    def show(self, colour: Colour) -> None:
        self.asked += 1
        if self.failures_left:
            self.failures_left -= 1
            raise OSError("no answer")
        self.shown.append(colour)


@pytest.fixture
def lamp() -> Lamp:
    return Lamp()


def test_safe_ready_armed_and_fault_can_be_told_apart() -> None:
    assert len({COLOURS[phase] for phase in (Phase.SAFE, Phase.READY, Phase.ARMED, Phase.FAULT)}) == 4
    assert set(COLOURS) == set(Phase)


def test_a_phase_is_shown_once_and_only_with_time_left(lamp: Lamp) -> None:
    light = StatusLight(lamp)
    light.follow(Phase.READY, NEEDED_S - 1e-6)
    assert lamp.shown == []
    for phase in (Phase.READY, Phase.READY, Phase.ARMED, Phase.ARMED, Phase.STOPPING):
        light.follow(phase, NEEDED_S)
    assert lamp.shown == [Colour.BLUE, Colour.GREEN, Colour.YELLOW]


def test_a_fault_is_shown_every_turn(lamp: Lamp) -> None:
    light = StatusLight(lamp)
    for _ in range(3):
        light.follow(Phase.FAULT, NEEDED_S)
    assert lamp.shown == [Colour.RED] * 3


def test_a_lamp_that_fails_twice_waits_for_the_next_phase(lamp: Lamp) -> None:
    light = StatusLight(lamp)
    lamp.failures_left = 1
    for _ in range(4):
        light.follow(Phase.READY, NEEDED_S)
    assert (lamp.asked, lamp.shown) == (2, [Colour.BLUE])
    lamp.failures_left = 2
    for _ in range(5):
        light.follow(Phase.FAULT, NEEDED_S)
    assert lamp.asked == 4
    light.follow(Phase.SAFE, NEEDED_S)
    assert lamp.shown[-1] is Colour.YELLOW


def test_a_lamp_that_heard_is_forgiven_what_it_missed_before(lamp: Lamp) -> None:
    light = StatusLight(lamp)
    for missed in (1, 0, 1, 0):
        lamp.failures_left = missed
        light.follow(Phase.FAULT, NEEDED_S)
    assert (lamp.asked, lamp.shown) == (4, [Colour.RED] * 2)
