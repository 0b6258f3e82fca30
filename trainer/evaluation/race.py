"""Hold a race: heats on one road until the final is driven, or everybody alone against the clock.

Every car drives its laps from its own place on the grid, so all drive equally far, and the time they take decides.
Everything follows from the entrants, the plan and its seed: the draw, the worlds, every drive. The number of the
simulator's threads changes nothing, and models are asked on one thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from shared.errors import SettingsError
from trainer.evaluation.entrants import ALONE, Entrant, check_one_road
from trainer.evaluation.heats import draw_heats, places_that_advance, start_order
from trainer.evaluation.race_plan import RacePlan
from trainer.evaluation.race_results import Drive, HeatResult, RaceResult, rank
from trainer.evaluation.race_round import RaceRound

MOST_ENTRANTS = 64


class RaceSpectator(Protocol):
    """Who looks on at a race, for example to film."""

    def begin(self, title: str, is_final: bool, race_round: RaceRound) -> None:
        """A round begins: every car stands on the grid."""

    def step(self, race_round: RaceRound) -> None:
        """The active cars have taken a step, and stand where it led them."""

    def end(self, race_round: RaceRound) -> None:
        """Everybody has finished or given up."""


def hold_race(entrants: Sequence[Entrant], plan: RacePlan, spectators: Sequence[RaceSpectator] = ()) -> RaceResult:
    """Drive the whole race.

    Raises:
        SettingsError: too few or too many models, or they cannot share a road.
    """
    check_field(entrants, plan)
    heats: list[HeatResult] = []
    remaining, stage = list(range(len(entrants))), 0
    with one_inference_thread(entrants):
        while True:
            size = len(remaining) if plan.against_clock else plan.heat_size
            draw = draw_heats(remaining, size, seed=plan.seed, stage=stage)
            driven = [
                drive_heat([entrants[i] for i in drawn], plan, stage, heat, len(draw) == 1, spectators)
                for heat, drawn in enumerate(draw)
            ]
            heats += driven
            if len(draw) == 1:
                break
            through = {standing.entrant for heat in driven for standing in heat.standings[: heat.advancing]}
            remaining = [i for i in remaining if entrants[i].name in through]
            stage += 1
    return RaceResult(plan.describe(), {entrant.name: about(entrant) for entrant in entrants}, tuple(heats))


def check_field(entrants: Sequence[Entrant], plan: RacePlan) -> None:
    """A race has two models or more, which can share a road; against the clock one is enough."""
    if len(entrants) > MOST_ENTRANTS:
        raise SettingsError(f"{len(entrants)} models are entered; a race has at most {MOST_ENTRANTS}.")
    if plan.against_clock:
        if not entrants:
            raise SettingsError("Nobody is entered. Name an archive or a run.")
        return
    if len(entrants) < 2:
        raise SettingsError(f"A race needs two models or more. With one, {ALONE}.")
    check_one_road(entrants)


def drive_heat(
    entrants: Sequence[Entrant],
    plan: RacePlan,
    stage: int,
    heat: int,
    is_final: bool,
    spectators: Sequence[RaceSpectator],
) -> HeatResult:
    """Drive the rounds of a heat. entrants: in the order of the first grid. stage, heat: from 0."""
    rounds: list[tuple[Drive, ...]] = []
    result = HeatResult(stage + 1, heat + 1, is_final, (), (), 0)
    for index in range(plan.rounds if len(entrants) > 1 or is_final else 0):
        grid = [entrants[i] for i in start_order(range(len(entrants)), index)]
        race_round = RaceRound(grid, plan, plan.seeds(stage, heat, index, len(entrants)))
        for spectator in spectators:
            spectator.begin(result.title, is_final, race_round)
        while race_round.active.any():
            race_round.step()
            for spectator in spectators:
                spectator.step(race_round)
            race_round.go_on()
        for spectator in spectators:
            spectator.end(race_round)
        rounds.append(race_round.drives())
    standings = rank([entrant.name for entrant in entrants], rounds)
    advancing = 0 if is_final else places_that_advance(len(entrants))
    return HeatResult(stage + 1, heat + 1, is_final, tuple(rounds), standings, advancing)


def about(entrant: Entrant) -> dict[str, Any]:
    """What an entrant is, as JSON."""
    metadata = entrant.policy.metadata
    return {
        "source": entrant.policy.source,
        "sensors": list(metadata.sensors),
        "action_space": metadata.action_space.kind,
        "top_speed_mps": metadata.action_space.max_speed_mps,
        "network": metadata.neural_network,
    }


@contextmanager
def one_inference_thread(entrants: Sequence[Entrant]) -> Iterator[None]:
    """Let torch use one thread meanwhile, where a run's policy is asked through it: sums keep their order."""
    if all(entrant.policy.run is None for entrant in entrants):
        yield
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
