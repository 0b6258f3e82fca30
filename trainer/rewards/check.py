"""Tries a reward function before training: made-up and recorded situations, time per call, mistakes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from trainer.rewards.batch import Rewards, row_length
from trainer.rewards.catalogue import open_rewards
from trainer.rewards.mistake import MistakeError
from trainer.rewards.recorded import read_recorded
from trainer.rewards.settings import RewardSettings
from trainer.rewards.situations import Situation, everywhere, made_up
from trainer.tracks import Track

SLOW_CALL_S = 0.005
MOST_ATTEMPTS = 40
MOST_REPEATS = 8
LONGEST_S = 15.0
"""A process in which a mistake was made is gone; the rest is driven again in a new one, so often and so long.
After so many repeats of mistakes already known, the rest is likely to be the same."""

SEED = 1


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table: the reward of one car's last step, or of all steps of a series of cars."""

    title: str
    rewards: tuple[float, ...]
    is_series: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What came out. mistakes: sentences, each with the user's line. advice: what looks odd, and why."""

    results: tuple[Result, ...] = ()
    mistakes: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    isolation: str = ""
    seconds_per_call: float = 0.0


@dataclass(slots=True)
class _Trial:
    """Some situations, driven side by side, each by a car of its own."""

    situations: list[Situation]
    rewards: list[list[float]] = field(default_factory=list)
    objects: int = 0
    failed: set[int] = field(default_factory=set)
    mistakes: dict[tuple[str, int | None], str] = field(default_factory=dict)
    isolation: str = ""
    seconds_per_call: float = 0.0
    not_saved: str = ""


def check_reward(
    file: Path,
    track: Track,
    others: Sequence[Track] = (),
    recorded: Sequence[Path] = (),
    settings: RewardSettings | None = None,
) -> Report:
    """Run the reward over everything. others: tracks on which both directions are tried too."""
    settings = settings or RewardSettings()
    tracks = [track, *others]
    single = made_up(track)
    groups = everywhere(tracks)
    for path in recorded:
        groups[path.name] = read_recorded(path, track)
    trial = _tried(file, tracks, [*single, *(s for group in groups.values() for s in group)], settings)
    if not trial.rewards:
        return Report(mistakes=tuple(trial.mistakes.values()))
    results = [
        Result(situation.title, (rewards[-1],) if rewards else ()) for situation, rewards in zip(single, trial.rewards)
    ]
    place = len(single)
    for title, group in groups.items():
        rewards = [reward for series in trial.rewards[place : place + len(group)] for reward in series]
        results.append(Result(title, tuple(rewards), is_series=True))
        place += len(group)
    advice = [] if trial.mistakes else _advice(results, trial)
    if not trial.mistakes and _tried(file, tracks, trial.situations, settings).rewards != trial.rewards:
        advice.append(
            "Two runs with one seed gave different rewards: it uses the time of day or a generator of chance "
            "without a seed. Training with it cannot be repeated exactly."
        )
    return Report(
        tuple(results), tuple(trial.mistakes.values()), tuple(advice), trial.isolation, trial.seconds_per_call
    )


def _tried(file: Path, tracks: Sequence[Track], situations: list[Situation], settings: RewardSettings) -> _Trial:
    """Drive all situations; one that fails is left out and the rest driven again, so that more is found."""
    trial = _Trial(situations, objects=max(situation.objects for situation in situations))
    begun = time.monotonic()
    for _ in range(MOST_ATTEMPTS):
        repeats = len(trial.failed) - len(trial.mistakes)
        if repeats > MOST_REPEATS or time.monotonic() - begun > LONGEST_S:
            break
        try:
            with open_rewards(
                file, tracks, cars=len(situations), seed=SEED, settings=settings, objects=trial.objects
            ) as rewards:
                trial.rewards = _driven(rewards, trial)
                trial.isolation, trial.seconds_per_call = rewards.isolation, rewards.seconds_per_call
                rewards.snapshot()
                trial.not_saved = rewards.bit_exact[1]
            break
        except MistakeError as error:
            car = error.mistake.car
            if car is None or car >= len(situations):
                trial.mistakes.setdefault(("", None), str(error))
                break
            _leave_out(trial, car, error)
    return trial


def _leave_out(trial: _Trial, car: int, error: MistakeError) -> None:
    """Note the mistake once, and with it every situation it was made in."""
    trial.failed.add(car)
    kind = error.mistake.what.partition(":")[0], error.mistake.line
    trial.mistakes.setdefault(kind, str(error).replace(f"(car {car}", f"({trial.situations[car].title}"))


def _driven(rewards: Rewards, trial: _Trial) -> list[list[float]]:
    """Rewards per situation, step by step; a situation that is over or failed is not asked any more."""
    lengths = np.array([len(situation.rows) for situation in trial.situations])
    lengths[list(trial.failed)] = 0
    found: list[list[float]] = [[] for _ in trial.situations]
    for step in range(int(lengths.max(initial=0))):
        rows = np.zeros((len(trial.situations), row_length(trial.objects)))  # objects of kind 0 are nothing
        for car, situation in enumerate(trial.situations):
            rows[car, : situation.rows.shape[1]] = situation.rows[min(step, len(situation.rows) - 1)]
        over = lengths <= step
        for car, reward in enumerate(rewards.compute(rows, over).tolist()):
            if not over[car]:
                found[car].append(reward)
    return found


def _advice(results: list[Result], trial: _Trial) -> list[str]:
    """What a learner cannot make sense of."""
    value = {result.title: result.rewards[-1] for result in results if result.rewards}
    advice = []
    if len({reward for result in results for reward in result.rewards}) == 1:
        advice.append("The reward is the same everywhere: there is nothing to learn from it.")
    else:
        off = max(value["off the track, left"], value["off the track, right"])
        if off >= value["on the centre line, fast"]:
            advice.append("Being off the track earns as much as driving fast on the centre line.")
        if value["standing still"] >= value["on the centre line, fast"] > 0:
            advice.append("Standing still earns as much as driving: the car may learn to stay where it is.")
        if value["steering hard left on a straight"] > value["on the centre line, fast"]:
            advice.append("Steering hard on a straight earns more than driving straight.")
        crashed, ahead = value["crashed into a box"], value["a box ahead in the same lane"]
        if ahead != value["objects that do not take part"] and crashed >= ahead:
            advice.append("Crashing into a box earns as much as having it ahead: read params['is_crashed'].")
    if trial.seconds_per_call > SLOW_CALL_S:
        advice.append(
            f"A call takes {1000 * trial.seconds_per_call:.1f} ms; above {1000 * SLOW_CALL_S:.0f} ms "
            "the reward, and not the learning, takes most of the training. More processes help: "
            "reward_worker.workers."
        )
    if trial.not_saved:
        advice.append(f"A training that is interrupted cannot go on exactly where it was: {trial.not_saved}.")
    return advice
