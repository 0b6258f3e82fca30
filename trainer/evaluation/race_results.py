"""What came of a race: drives, heats and standings, as values and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from trainer.evaluation.results import LapResult, readable

RACE_FORMAT = 1
FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Drive:
    """One car in one round. grid: its place at the start, 1 in front. laps: the last one may be incomplete."""

    entrant: str
    grid: int
    laps_wanted: int
    laps: tuple[LapResult, ...]

    @property
    def laps_complete(self) -> int:
        """Laps whose line was crossed."""
        return sum(lap.is_complete for lap in self.laps)

    @property
    def status(self) -> str:
        """`finished`, or why not."""
        return FINISHED if self.laps_complete == self.laps_wanted else self.laps[-1].status

    @property
    def time_s(self) -> float:
        """Of the complete laps together, pauses included."""
        return sum(lap.lap_time_s for lap in self.laps if lap.lap_time_s is not None)

    @property
    def unfinished_percent(self) -> float:
        """How far the lap went that was not completed."""
        return sum(lap.completion_percent for lap in self.laps if not lap.is_complete)

    def to_json(self) -> dict[str, Any]:
        """The drive with its laps."""
        laps = [{name: readable(value) for name, value in asdict(lap).items()} for lap in self.laps]
        return {
            "entrant": self.entrant,
            "grid": self.grid,
            "status": self.status,
            "laps_complete": self.laps_complete,
            "time_s": round(self.time_s, 6),
            "laps": laps,
        }


@dataclass(frozen=True, slots=True)
class Standing:
    """An entrant's place in a heat, or in the whole race. time_s: of its complete laps in all rounds."""

    place: int
    entrant: str
    laps_complete: int
    laps_wanted: int
    time_s: float
    unfinished_percent: float
    best_lap_s: float | None
    off_track_count: int
    crash_count: int
    contact_count: int
    overtake_count: int

    @property
    def is_finished(self) -> bool:
        """Whether it drove every lap."""
        return self.laps_complete == self.laps_wanted

    @property
    def merit(self) -> tuple[float, ...]:
        """Smaller is better: laps first, then the time they took, then how far the next one went."""
        return (-self.laps_complete, self.time_s, -self.unfinished_percent)

    def to_json(self) -> dict[str, Any]:
        """The standing."""
        values = {name: readable(value) for name, value in asdict(self).items()}
        return {**values, "is_finished": self.is_finished}


@dataclass(frozen=True, slots=True)
class HeatResult:
    """One heat. stage, heat: from 1. rounds: drives in the order of the grid; none where one entrant had a free pass.

    advancing: how many of the standings, from the top, drive in the next stage; none of the final.
    """

    stage: int
    heat: int
    is_final: bool
    rounds: tuple[tuple[Drive, ...], ...]
    standings: tuple[Standing, ...]
    advancing: int

    @property
    def title(self) -> str:
        """What people call it."""
        return "Final" if self.is_final else f"Stage {self.stage}, heat {self.heat}"

    def to_json(self) -> dict[str, Any]:
        """The heat with its rounds."""
        return {
            "stage": self.stage,
            "heat": self.heat,
            "is_final": self.is_final,
            "advancing": [standing.entrant for standing in self.standings[: self.advancing]],
            "standings": [standing.to_json() for standing in self.standings],
            "rounds": [[drive.to_json() for drive in drives] for drives in self.rounds],
        }


@dataclass(frozen=True, slots=True)
class RaceResult:
    """A whole race. entrants: what each is, by name."""

    plan: Mapping[str, Any]
    entrants: Mapping[str, Mapping[str, Any]]
    heats: tuple[HeatResult, ...]

    @property
    def standings(self) -> tuple[Standing, ...]:
        """Everybody, the winner first: who came further stands higher, then the place in the heat decides."""
        last: dict[str, tuple[HeatResult, Standing]] = {}
        for heat in self.heats:
            last.update({standing.entrant: (heat, standing) for standing in heat.standings})
        ordered = sorted(last.values(), key=lambda pair: (-pair[0].stage, pair[1].place, pair[1].merit))
        return tuple(placed(place, standing) for place, (_, standing) in enumerate(ordered, 1))

    @property
    def winner(self) -> str:
        """Whoever leads the standings."""
        return self.standings[0].entrant

    def to_json(self) -> dict[str, Any]:
        """Everything. The same race gives the same text."""
        return {
            "version": RACE_FORMAT,
            "plan": dict(self.plan),
            "entrants": {name: dict(about) for name, about in self.entrants.items()},
            "winner": self.winner,
            "standings": [standing.to_json() for standing in self.standings],
            "heats": [heat.to_json() for heat in self.heats],
        }


def rank(entrants: Sequence[str], rounds: Sequence[Sequence[Drive]]) -> tuple[Standing, ...]:
    """The standings of a heat. entrants: in an order that decides where merit does not."""
    standings = []
    for name in entrants:
        drives = [drive for drives in rounds for drive in drives if drive.entrant == name]
        laps = [lap for drive in drives for lap in drive.laps]
        standings.append(
            Standing(
                place=0,
                entrant=name,
                laps_complete=sum(drive.laps_complete for drive in drives),
                laps_wanted=sum(drive.laps_wanted for drive in drives),
                time_s=sum(drive.time_s for drive in drives),
                unfinished_percent=sum(drive.unfinished_percent for drive in drives),
                best_lap_s=min((lap.lap_time_s for lap in laps if lap.lap_time_s is not None), default=None),
                off_track_count=sum(lap.off_track_count for lap in laps),
                crash_count=sum(lap.crash_count for lap in laps),
                contact_count=sum(lap.contact_count for lap in laps),
                overtake_count=sum(lap.overtake_count for lap in laps),
            )
        )
    ordered = sorted(standings, key=lambda standing: standing.merit)
    return tuple(placed(place, standing) for place, standing in enumerate(ordered, 1))


def placed(place: int, standing: Standing) -> Standing:
    """The standing at another place."""
    return replace(standing, place=place)
