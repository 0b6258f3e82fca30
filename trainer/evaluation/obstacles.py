"""How well a model gets past boxes and bots: the trials that models of every race are compared by.

Boxes: six of DeepRacer's size at random places, at least 2 m apart; a lap counts that touches nothing and takes at
most 1.5 x the model's own lap time without them. Bots: four that change lanes at 40 to 60 % of the model's top speed;
a lap counts that touches nothing and overtakes at least once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from trainer.evaluation.conditions import DEFAULT_BOTS, DEFAULT_BOXES, default_bots, own_conditions
from trainer.evaluation.evaluate import evaluate_beside_solo
from trainer.evaluation.plan import EvaluationPlan, World
from trainer.evaluation.policy import LoadedPolicy
from trainer.evaluation.results import EvaluationResult
from trainer.simulator.race import BoxSettings, RaceSettings
from trainer.tracks import Track

Obstacles = Literal["boxes", "bots"]
# The figure of an evaluation that counts the laps meant above.
FIGURE_OF = {"boxes": "laps_without_touching_in_time", "bots": "laps_without_touching_with_overtake"}


def evaluate_obstacles(
    policy: LoadedPolicy,
    obstacles: Obstacles,
    tracks: Sequence[Track],
    *,
    trials: int,
    seed: int,
    world: World = "light",
) -> EvaluationResult:
    """Drive so many laps on each track, each in a world of its own, and as many alone for their lap times.

    The model's own camera and car, whatever it was trained among.
    """
    _, simulator, car, _ = own_conditions(policy)
    if obstacles == "boxes":
        race = RaceSettings(boxes=BoxSettings(count=DEFAULT_BOXES))
    else:
        race = RaceSettings(bots=default_bots(policy.action_space.max_speed_mps, DEFAULT_BOTS))
    plan = EvaluationPlan(
        tuple(tracks), trials=trials, world=world, seed=seed, simulator=simulator.changed(race=race), car=car
    )
    return evaluate_beside_solo(policy, plan)


def laps_that_count(result: EvaluationResult, obstacles: Obstacles) -> int:
    """Of an evaluation's laps, those past the boxes or the bots as asked."""
    count = result.figures()[FIGURE_OF[obstacles]]
    return int(count or 0)
