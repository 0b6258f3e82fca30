"""What a person is told of the ways in which the car stops when something dies, and of those in which it does not."""

from __future__ import annotations

import pytest

from shared.actions import STOP
from vehicle.actuator.safety_level import SafetyLevel, advice_on, meaning_of
from vehicle.actuator.state import Phase
from vehicle.actuator.status import ActuatorStatus
from vehicle.up import about_safety


@pytest.mark.parametrize("level", list(SafetyLevel))
def test_every_safety_level_says_what_happens_when_the_computer_hangs(level: SafetyLevel) -> None:
    assert "computer" in meaning_of(level)
    assert ("nothing stops the car" in meaning_of(level)) is (level is not SafetyLevel.L2)


@pytest.mark.parametrize("level", list(SafetyLevel))
def test_a_level_that_takes_the_pulses_away_asks_what_the_speed_controller_does_then(level: SafetyLevel) -> None:
    assert ("pull the speed controller's plug" in meaning_of(level)) is (level is not SafetyLevel.L0)
    assert advice_on(level) == ""


@pytest.mark.parametrize("level", list(SafetyLevel))
def test_a_controller_that_is_known_to_stop_need_not_be_tried_and_its_time_is_told(level: SafetyLevel) -> None:
    told = meaning_of(level, 1.5)
    assert "stop within 1.5 s" in told
    assert "plug" not in told
    assert ("nothing stops the car" in told) is (level is not SafetyLevel.L2)
    assert advice_on(level, 1.5) == ""


@pytest.mark.parametrize("level", list(SafetyLevel))
def test_with_a_controller_that_holds_no_level_promises_that_a_cut_of_pulses_stops_the_car(level: SafetyLevel) -> None:
    told, advice = meaning_of(level, "holds"), advice_on(level, "holds")
    assert "goes on with the last one" in told
    assert "othing stops" in told
    assert "stops the car even when" not in told
    assert "power switch" in advice
    assert ('output_enable = "none"' in advice) is (level is not SafetyLevel.L0)
    assert "A program that dies or hangs is stopped over the" in told
    assert ("neutral is said before the line" in told) is (level is not SafetyLevel.L0)
    assert ("when the guard itself dies" in told) is (level is not SafetyLevel.L0)


def test_who_switches_the_car_on_is_told_what_the_level_means_for_its_controller() -> None:
    def told(level: str, known: float | str | None) -> list[str]:
        status = ActuatorStatus(
            Phase.READY, None, 0, "", "", STOP, 1500.0, 1500.0, 1, 0.0,
            warnings=("hot",), safety_level=level, stops_without_pulses_s=known,
        )  # fmt: skip
        return about_safety(status)

    assert told("", "holds") == ["hot"]
    assert told("L1", None) == [f"Safety level L1. {meaning_of(SafetyLevel.L1)}", "hot"]
    assert "stop within 0.5 s" in told("L2", 0.5)[0]
    assert advice_on(SafetyLevel.L2, "holds") in told("L2", "holds")[0]
