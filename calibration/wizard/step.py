"""What every step of the wizard is made of: its words and controls, and what a press of one does."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.wall import Wall
from calibration.wizard.draft import Draft
from calibration.wizard.events import Control
from calibration.wizard.rules import NUDGES_US, WHEELS_UP_PRESS_S


@dataclass(frozen=True, slots=True)
class Press:
    """A held control. ended_s: when its throttle ended, although it may still be held; None while it goes on."""

    control: str
    since_s: float
    heard_at_s: float
    ended_s: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """What one scan showed during a press."""

    at_s: float
    wall: Wall | None
    ranges_m: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class WizardState:
    """draft: what is kept. The rest is of the moment, and a wizard that is gone on with begins without.

    tried: the control was held since the value last changed. samples, turning (times, degrees a second): of the newest
    press. unread: they were not made a result of yet. problems, warnings: of the car, as it was last looked over. over:
    'saved' or 'stopped' when it has ended.
    """

    draft: Draft
    since_s: float
    alive_at_s: float
    press: Press | None = None
    last: Press | None = None
    tried: bool = False
    waiting_since_s: float | None = None
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    wall: Wall | None = None
    wall_at_s: float = -1.0
    scan_at_s: float = -1.0
    battery_v: float | None = None
    turning: tuple[tuple[float, float], ...] = field(default=(), compare=False)
    samples: tuple[Sample, ...] = field(default=(), compare=False)
    unread: bool = False
    note: str = ""
    over: str = ""

    def changed(self, **changes: Any) -> WizardState:
        """The same with other values of the draft."""
        return replace(self, draft=self.draft.changed(**changes))

    def noted(self, note: str) -> WizardState:
        return replace(self, note=note)


@dataclass(frozen=True, slots=True)
class Pulses:
    """throttle_us: None is neutral. silent: no throttle pulse at all; throttle_us is None then."""

    steering_us: float
    throttle_us: float | None = None
    silent: bool = False


NEXT = Control("next", "go on", key="\n")
BACK = Control("back", "go back", key="b")


class Step:
    """One step. `name` is unique; the others are what a step of its own says or does."""

    name = ""
    title = ""
    cap_s = WHEELS_UP_PRESS_S

    def applies(self, draft: Draft) -> bool:
        """Whether this car goes through it."""
        return True

    def entered(self, draft: Draft) -> Draft:
        """What changes when it begins."""
        return draft

    def text(self, state: WizardState, now_s: float) -> str:
        """What to do, for the person."""
        return ""

    def values(self, state: WizardState) -> dict[str, str]:
        """What is found so far."""
        return {}

    def controls(self, state: WizardState) -> tuple[Control, ...]:
        """Beside going on and back."""
        return ()

    def tapped(self, state: WizardState, control: str, now_s: float) -> WizardState:
        """One of its tap controls."""
        return state

    def numbered(self, state: WizardState, control: str, value: float) -> WizardState:
        """One of its number controls."""
        return state

    def problem(self, state: WizardState, now_s: float) -> str:
        """Why it cannot be left yet; empty when it can."""
        return ""

    def left(self, draft: Draft) -> Draft:
        """What changes when it was completed."""
        return draft

    def pulses(self, state: WizardState, press: Press | None, now_s: float) -> Pulses:
        """What to hold. press: that goes on now, None where nothing is held."""
        draft = state.draft
        return Pulses(draft.centre_us, None if press is None else self.throttle_us(draft, press, now_s - press.since_s))

    def throttle_us(self, draft: Draft, press: Press, held_s: float) -> float | None:
        """The throttle of a press that has lasted for held_s; None is neutral."""
        return None

    def is_enough(self, state: WizardState, press: Press, now_s: float) -> bool:
        """Whether a press has done what it was for, before its cap."""
        return False

    def pressed(self, state: WizardState, press: Press, now_s: float) -> WizardState:
        """A press has ended."""
        return replace(state, tried=True)

    def passed(self, state: WizardState, now_s: float) -> WizardState:
        """Time has passed."""
        return state


def nudges(further: str, nearer: str) -> tuple[Control, ...]:
    """Two and ten microseconds either way. further, nearer: what a longer and a shorter value does."""
    keys = ("a", "s", "d", "f")
    return tuple(
        Control(f"{by_us:+g}", f"{by_us:+g} us ({further if by_us > 0 else nearer})", key=key)
        for by_us, key in zip(NUDGES_US, keys)
    )


def nudge_of(control: str) -> float | None:
    """How many microseconds a control adds; None when it is no nudge."""
    return next((by_us for by_us in NUDGES_US if control == f"{by_us:+g}"), None)
