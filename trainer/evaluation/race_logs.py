"""A spectator that writes everybody's drive log of a race's final, with the channels a car writes."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from shared.atomic_files import storage_errors
from trainer.evaluation.race_round import RaceRound
from trainer.evaluation.recordings import TrialLog


class RaceLogs:
    """One file per car and round: NAME.mcap, from the second round on NAME-round-2.mcap."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._logs: list[TrialLog] = []
        self._open = ExitStack()
        self._rounds = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def begin(self, title: str, is_final: bool, race_round: RaceRound) -> None:
        """Open the files of a round of the final."""
        self._open.close()
        self._logs = []
        if not is_final:
            return
        self._rounds += 1
        suffix = "" if self._rounds == 1 else f"-round-{self._rounds}"
        with storage_errors(self._folder, "create"):
            self._folder.mkdir(parents=True, exist_ok=True)
        for seat in race_round.seats:
            path = self._folder / f"{seat.entrant.name}{suffix}.mcap"
            log = self._open.enter_context(TrialLog(path, trial=1, policy=seat.entrant.policy))
            log.begin(seat.simulator, np.array([seat.row]))
            self._logs.append(log)

    def step(self, race_round: RaceRound) -> None:
        """Add what everybody who drives saw, answered and did."""
        for car, log in enumerate(self._logs):
            if race_round.active[car]:
                seat = race_round.seats[car]
                seen = {sensor: values[0] for sensor, values in seat.decided_on.items()}
                log.add(seat.simulator, seen, np.asarray(seat.output[0]))

    def end(self, race_round: RaceRound) -> None:
        """Close the files."""
        self._open.close()
        self._logs = []
