"""The page of owner and guard, word by word: each writes its own, and a counter never runs over."""

from __future__ import annotations

import pytest

from vehicle.actuator.guard_page import PAGE_BYTES, GuardPage
from vehicle.actuator.guard_watch import Standing

CACHE_LINE_WORDS = 8
HIGHEST = 2**63 - 1


@pytest.fixture
def memory() -> bytearray:
    return bytearray(PAGE_BYTES)


def words(memory: bytearray) -> dict[int, int]:
    """Those that are not zero."""
    return {place: word for place, word in enumerate(memoryview(memory).cast("Q")) if word}


def test_the_owner_counts_its_turns_and_says_how_it_stands(memory: bytearray) -> None:
    page = GuardPage(memory)
    for turns in (1, 2, 3):
        page.beat_owner(Standing.DRIVING)
        assert (page.owner_beats, page.standing, page.guard_beats) == (turns, Standing.DRIVING, 0)
    assert words(memory) == {0: 3, 1: Standing.DRIVING}


def test_the_guard_counts_its_looks_on_a_cache_line_of_its_own_and_says_that_it_leaves(memory: bytearray) -> None:
    page = GuardPage(memory)
    for looks in (1, 2, 3):
        page.beat_guard(is_leaving=False)
        assert (page.guard_beats, page.guard_is_leaving, page.owner_beats) == (looks, False, 0)
    page.beat_guard(is_leaving=True)
    assert page.guard_is_leaving
    assert words(memory) == {CACHE_LINE_WORDS: 4, CACHE_LINE_WORDS + 1: 1}


def test_a_counter_begins_anew_before_its_word_is_full(memory: bytearray) -> None:
    page = GuardPage(memory)
    view = memoryview(memory).cast("Q")
    view[0] = view[CACHE_LINE_WORDS] = HIGHEST
    page.beat_owner(Standing.AT_REST)
    page.beat_guard(is_leaving=False)
    assert (page.owner_beats, page.guard_beats) == (0, 0)
