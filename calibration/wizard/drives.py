"""What drives on the floor have in common, of which several are made and every one is measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from calibration.wizard.draft import Draft
from calibration.wizard.events import Control
from calibration.wizard.kinds import DRIVE
from calibration.wizard.rules import LONGEST_PRESS_S
from calibration.wizard.step import Press, Step, WizardState

FRESH_SCAN_S = 0.5


class MeasuredDrives(Step):
    """total: how many there are. kept: where the draft keeps their results. what: one of them, for the person."""

    cap_s = LONGEST_PRESS_S
    total, kept, what = 0, "", ""

    def applies(self, draft: Draft) -> bool:
        return draft.method is not None

    def entered(self, draft: Draft) -> Draft:
        return draft.changed(rung=min(len(self._results(draft)), self.total))

    def is_done(self, draft: Draft) -> bool:
        """Whether all of them are driven."""
        return draft.rung >= self.total

    def numbers(self, draft: Draft) -> tuple[Control, ...]:
        """What the person may type of a drive."""
        return ()

    def controls(self, state: WizardState) -> tuple[Control, ...]:
        again = Control("again", f"drive the last {self.what} again", key="r")
        return (again,) if self.is_done(state.draft) else (DRIVE, *self.numbers(state.draft), again)

    def tapped(self, state: WizardState, control: str, now_s: float) -> WizardState:
        results = self._results(state.draft)
        if control != "again" or not results:
            return state
        state = state.changed(**{self.kept: results[:-1], "rung": state.draft.rung - 1})
        return replace(state, unread=False)

    def pressed(self, state: WizardState, press: Press, now_s: float) -> WizardState:
        return replace(state, tried=True, unread=state.draft.method == "lidar", note="")

    def passed(self, state: WizardState, now_s: float) -> WizardState:
        """The last scans of a drive come in after its end."""
        press = state.last
        if not state.unread or press is None or press.ended_s is None or now_s - press.ended_s < FRESH_SCAN_S:
            return state
        return self.read(replace(state, unread=False), press, press.ended_s)

    def read(self, state: WizardState, press: Press, end_s: float) -> WizardState:
        """Make the scans of a drive, which ended at that time, a result."""
        raise NotImplementedError

    def took(self, state: WizardState, result: Any, note: str) -> WizardState:
        """One more result. What was seen of this drive is not for the next one."""
        state = state.changed(**{self.kept: (*self._results(state.draft), result), "rung": state.draft.rung + 1})
        return replace(state, tried=False, unread=False, note=note)

    def _results(self, draft: Draft) -> tuple[Any, ...]:
        results: tuple[Any, ...] = getattr(draft, self.kept)
        return results
