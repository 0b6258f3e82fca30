"""The reward functions of some cars: one module per car, chance seeded per call, every result checked.

Standard library only: this also runs in the reward worker.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from trainer.rewards.chance import own_chance_kept, seed_chance
from trainer.rewards.mistake import Mistake, raised_by_user, safe_text
from trainer.rewards.older_keys import add_older_keys
from trainer.rewards.params import Columns, ParamsBuilder
from trainer.rewards.program import FUNCTION, Program, RewardFunction, mistake_of
from trainer.rewards.state import ModuleMemory

LARGEST_REWARD = 1e5  # DeepRacer's bound


class CarInstance:
    """One car's module and its clock."""

    __slots__ = ("before_s", "car", "episode", "function", "last_s", "memory", "module")

    def __init__(self, program: Program, car: int) -> None:
        self.car = car
        self.module, self.function = program.start(f"reward_of_car_{car}")
        self.memory = ModuleMemory(self.module)
        self.before_s = 0.0
        self.last_s = 0.0
        self.episode = -1.0

    def clock_s(self, episode: float, time_s: float) -> float:
        """Simulated seconds of this car before the present episode."""
        if episode != self.episode:
            self.before_s += self.last_s
            self.episode = episode
        self.last_s = time_s
        return self.before_s


class Instances:
    """The reward functions of the given cars (numbers within the run)."""

    def __init__(
        self,
        program: Program,
        cars: Sequence[int],
        builder: ParamsBuilder,
        columns: Columns,
        seed: int,
    ) -> None:
        self._program = program
        self._builder = builder
        self._seed = seed
        self._older_keys = program.older_keys
        self._steps, self._time, self._episode = (columns.car[name] for name in ("STEPS", "TIME_S", "EPISODE"))
        with own_chance_kept(program.uses_chance):
            self._cars = [self._start(car) for car in cars]

    def _start(self, car: int) -> CarInstance:
        if self._program.uses_chance:
            seed_chance(self._seed, car, 0, 0)
        return CarInstance(self._program, car)

    def __len__(self) -> int:
        return len(self._cars)

    def reward(self, index: int, row: Sequence[float]) -> float:
        """Call one car's function on one row of measurements. Raises MistakeError."""
        car = self._cars[index]
        episode = row[self._episode]
        params = self._builder.build(row, car.clock_s(episode, row[self._time]))
        if self._older_keys:
            add_older_keys(params, self._older_keys)
        if self._program.uses_chance:
            seed_chance(self._seed, car.car, int(episode), int(row[self._steps]))
        try:
            value = car.function(params)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and not raised_by_user(error, self._program.source.file):
                raise
            raise self._error(mistake_of(error, self._program.source), car, row) from None
        if type(value) is float and -LARGEST_REWARD <= value <= LARGEST_REWARD:
            return value
        return self._checked(value, car, row)

    def _checked(self, value: object, car: CarInstance, row: Sequence[float]) -> float:
        try:
            number, problem = as_reward(value)
        except BaseException as error:  # noqa: BLE001 - __float__ is foreign code too
            number, problem = 0.0, f"returned something that is not a number ({type(error).__name__})"
        if not problem:
            return number
        params = self._builder.build(row, car.before_s)
        add_older_keys(params, self._older_keys)
        line = returning_line(car.function, params)
        advice = "Every way through the function must end in `return` with a finite number."
        raise self._error(Mistake(f"{FUNCTION} {problem}", line, advice), car, row)

    def _error(self, mistake: Mistake, car: CarInstance, row: Sequence[float]) -> Exception:
        values = {**mistake.as_dict(), "car": car.car, "step": int(row[self._steps])}
        return self._program.source.mistake(Mistake(**values))

    def save(self) -> list[tuple[bytes | None, str]]:
        """Per car: everything its module remembers, or None and the reason why it cannot be kept."""
        saved = []
        for car in self._cars:
            clock = (car.before_s, car.last_s, car.episode)
            saved.append(car.memory.save(clock))
        return saved

    def load(self, states: Sequence[bytes | None]) -> None:
        """Put back what `save` gave, car by car; None leaves a car's module fresh."""
        for car, state in zip(self._cars, states, strict=True):
            if state is not None:
                car.before_s, car.last_s, car.episode = car.memory.load(state)
                car.function = getattr(car.module, FUNCTION)


def as_reward(value: object) -> tuple[float, str]:
    """The value as a reward, and what is wrong with it ("" for nothing). float() decides, as in DeepRacer.

    Text is refused even if it reads as a number, because that is never meant.
    """
    if value is None:
        return 0.0, "returned None"
    if isinstance(value, (str, bytes, bytearray)):
        return 0.0, f"returned text ({safe_text(repr(value[:50]))})"
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return 0.0, f"returned {safe_text(type(value).__name__)} that is not a real number"
    if number != number:
        return 0.0, "returned NaN (not a number)"
    if not -LARGEST_REWARD <= number <= LARGEST_REWARD:
        return 0.0, f"returned {number:g}, outside -{LARGEST_REWARD:g} to {LARGEST_REWARD:g}"
    return number, ""


def returning_line(function: RewardFunction, params: dict[str, Any]) -> int | None:
    """The line whose `return` ends a call, found by calling once more; the def line when that fails."""
    code = getattr(function, "__code__", None)
    if code is None:
        return None
    line: int = code.co_firstlineno

    def watch(frame: FrameType, event: str, _: object) -> Callable[..., Any] | None:
        nonlocal line
        if frame.f_code is not code:
            return None
        if event == "return":
            line = frame.f_lineno
        return watch

    sys.settrace(watch)
    try:
        function(params)
    except BaseException:  # noqa: BLE001 - only the line matters here
        pass
    finally:
        sys.settrace(None)
    return line
