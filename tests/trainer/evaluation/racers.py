"""Drivers for races in tests: autopilots that find their car when a round begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.trainer.autopilot import Autopilot
from trainer.evaluation.entrants import Entrant, entrants_of
from trainer.evaluation.race_round import RaceRound


class Racers:
    """Autopilots by name. As a spectator it tells each which car it drives."""

    def __init__(self, **drivers: dict[str, Any]) -> None:
        self.pilots = {name: Autopilot(name=name, **driver) for name, driver in drivers.items()}
        self.grids: list[list[str]] = []
        self.titles: list[str] = []

    @property
    def entrants(self) -> tuple[Entrant, ...]:
        return entrants_of([pilot.policy for pilot in self.pilots.values()])

    def begin(self, title: str, is_final: bool, race_round: RaceRound) -> None:
        self.titles.append(title)
        self.grids.append([seat.entrant.name for seat in race_round.seats])
        for seat in race_round.seats:
            pilot = self.pilots[seat.entrant.name]
            pilot.simulator, pilot.rows = seat.simulator, [seat.row]

    def step(self, race_round: RaceRound) -> None:
        pass

    def end(self, race_round: RaceRound) -> None:
        pass


def other(entrants: Sequence[Entrant], name: str, **metadata: Any) -> tuple[Entrant, ...]:
    """The same entrants, one of them with other metadata."""
    changed = []
    for entrant in entrants:
        policy = entrant.policy
        if entrant.name == name:
            policy = replace(policy, metadata=policy.metadata.changed(**metadata))
        changed.append(policy)
    return entrants_of(changed)
