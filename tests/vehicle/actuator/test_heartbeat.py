"""A counter that stands still is noticed in time, and one that only came late is not."""

from __future__ import annotations

from vehicle.actuator.heartbeat import LEAST_LOOKS, STILL_S, Heartbeat, heard, is_still


def looked(beat: Heartbeat, count: int, *moments_s: float) -> Heartbeat:
    for moment_s in moments_s:
        beat = heard(beat, count, moment_s)
    return beat


def test_a_counter_that_moves_is_never_still() -> None:
    beat = Heartbeat(0, 10.0)
    for step in range(1, 100):
        beat = heard(beat, step, 10.0 + step * 0.149)
        assert beat == Heartbeat(step, 10.0 + step * 0.149, 0)
        assert not is_still(beat, beat.changed_at_s + 100.0)  # nobody has looked since


def test_a_counter_that_stands_is_still_after_its_time_and_not_before() -> None:
    beat = looked(Heartbeat(7, 10.0), 7, *(10.0 + step * 0.01 for step in range(1, 16)))
    assert beat.changed_at_s == 10.0
    assert not is_still(beat, 10.0 + STILL_S - 1e-6)
    assert is_still(beat, 10.0 + STILL_S + 1e-9)


def test_the_time_is_up_at_its_very_end() -> None:
    assert is_still(Heartbeat(7, 0.0, LEAST_LOOKS), STILL_S)


def test_after_a_pause_of_the_whole_computer_the_other_side_gets_a_moment() -> None:
    beat = Heartbeat(7, 10.0)
    for look in range(1, LEAST_LOOKS):
        beat = heard(beat, 7, 15.0 + look * 0.01)
        assert not is_still(beat, 15.0 + look * 0.01)
    assert is_still(heard(beat, 7, 15.03), 15.03)


def test_a_counter_that_goes_back_has_moved_too() -> None:
    assert heard(Heartbeat(7, 10.0, 5), 3, 11.0) == Heartbeat(3, 11.0, 0)
