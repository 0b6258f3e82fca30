"""The car looked over before its wheels are lifted: by a thread beside the wizard, until nothing is wrong any more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from calibration.wizard.events import Checked
from shared.errors import LapwingError
from vehicle.hardware.finding import Finding, Verdict

AGAIN_S = 3.0
FIRST = Checked(("The car is being looked over.",))
# A calibration is what is being made. The actuator's own warnings stand below the page.
NOT_ASKED = ("calibration", "history", "actuator", "safety")
TOLD = (Verdict.WARNING, Verdict.PROBLEM)


def checked(findings: Iterable[Finding]) -> Checked:
    """What the wizard should know of the doctor's findings."""
    asked = [finding for finding in findings if finding.name.split()[0] not in NOT_ASKED]
    told = [finding for finding in asked if finding.verdict in TOLD]
    sentences = [(finding.verdict, f"{finding.name}: {finding.found} {finding.advice}".rstrip()) for finding in told]
    return Checked(
        problems=tuple(sentence for verdict, sentence in sentences if verdict is Verdict.PROBLEM),
        warnings=tuple(sentence for verdict, sentence in sentences if verdict is Verdict.WARNING),
    )


class LookingOver:
    """newest is what was found last. Call begin before the wizard needs to know, and end before the car moves."""

    def __init__(self, look: Callable[[], Iterable[Finding]]) -> None:
        self.newest = FIRST
        self._look = look
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Look, and while something is wrong look again."""
        if self._thread is None:
            self._over.clear()
            self._thread = threading.Thread(target=self._run, name="looking over", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Waits for a look that is being taken: it may have the servo board's bus."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        self._thread = None

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self.newest = checked(self._look())
            except LapwingError as error:
                self.newest = Checked((str(error),))
            if not self.newest.problems:
                return
            self._over.wait(AGAIN_S)
