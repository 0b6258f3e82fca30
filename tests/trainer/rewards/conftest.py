"""What the tests of rewards share: a small track, rows of measurements, reward files and short limits."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.rewards.batch import Rewards
from trainer.rewards.catalogue import open_rewards
from trainer.rewards.settings import RewardSettings
from trainer.simulator.measurements import Column, ObjectColumn
from trainer.simulator.things import Kind
from trainer.tracks import Track

SQUARE = [(0.0, 0.0), (2.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0), (0.0, 0.0)]


@pytest.fixture(scope="session")
def track() -> Track:
    """A square of 4 m, driven counter-clockwise, one metre wide."""
    centre = np.array(SQUARE)
    middle = np.array([2.0, 2.0])
    outwards = np.sign(centre - middle)
    return Track(
        name="square",
        closed=True,
        waypoints_m=centre,
        left_border_m=centre - 0.5 * outwards,
        right_border_m=centre + 0.5 * outwards,
    )


@pytest.fixture(scope="session")
def row() -> Callable[..., list[float]]:
    """Makes one row of measurements, by column names; the rest is a car on the first side's centre line."""

    def make(**values: float) -> list[float]:
        usual = {
            "X_M": 1.0, "ARC_M": 1.0, "STEPS": 2, "TIME_S": 1 / 15, "COMMANDED_SPEED_MPS": 1.0,
            "MEASURED_SPEED_MPS": 0.9, "TRACK_WIDTH_M": 1.0, "WHEELS_ON_TRACK": 4, "NEXT_WAYPOINT": 1,
        }  # fmt: skip
        numbers = [0.0] * len(Column)
        for name, value in {**usual, **values}.items():
            numbers[Column[name]] = float(value)
        return numbers

    return make


@pytest.fixture(scope="session")
def thing() -> Callable[..., list[float]]:
    """Makes the numbers of one object behind a row, by column names; the rest is a box on the first side."""

    def make(**values: float) -> list[float]:
        numbers = [0.0] * len(ObjectColumn)
        for name, value in {"KIND": Kind.BOX, "X_M": 2.0, "ARC_M": 2.0, "GAP_M": 1.0, **values}.items():
            numbers[ObjectColumn[name]] = float(value)
        return numbers

    return make


@pytest.fixture
def reward_file(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a reward file."""

    def write(text: str) -> Path:
        path = tmp_path / "my_reward.py"
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return path

    return write


Opener = Callable[..., Rewards]


@pytest.fixture
def opened(track: Track, reward_file: Callable[[str], Path]) -> Iterator[Opener]:
    """Opens a reward written as text; closes everything at the end."""
    open_now: list[Rewards] = []

    def open_text(
        text: str,
        cars: int = 2,
        seed: int = 7,
        log_path: Path | None = None,
        first_car: int = 0,
        objects: int = 0,
        **settings: object,
    ) -> Rewards:
        chosen = {"call_limit_s": 5.0, "load_limit_s": 20.0, "workers": 1, "memory_mb": 300, **settings}
        rewards = open_rewards(
            reward_file(text),
            [track],
            cars=cars,
            seed=seed,
            settings=RewardSettings.model_validate(chosen),
            log_path=log_path,
            first_car=first_car,
            objects=objects,
        )
        open_now.append(rewards)
        return rewards

    yield open_text
    for rewards in open_now:
        rewards.close()


@pytest.fixture
def rows(row: Callable[..., list[float]]) -> Callable[..., NDArray[np.float64]]:
    """Rows of the given number of cars; a list as a value gives each car its own."""

    def make(cars: int = 2, **values: float | Sequence[float]) -> NDArray[np.float64]:
        each = [
            {name: value[car] if isinstance(value, Sequence) else value for name, value in values.items()}
            for car in range(cars)
        ]
        return np.array([row(**{"X_M": float(car), **chosen}) for car, chosen in enumerate(each)])

    return make


@pytest.fixture(scope="session")
def walls(track: Track) -> None:
    """Skips where this machine's kernel does not close everything: the isolation sentence then says so."""
    with open_rewards(None, [track], cars=1, seed=0) as rewards:
        if "NOT CLOSED" in rewards.isolation:
            pytest.skip(rewards.isolation)
