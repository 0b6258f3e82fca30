"""Reward functions of a batch of cars, run by isolated worker processes."""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Self

import numpy as np

from shared.errors import RewardError
from trainer.rewards.batch import COLUMNS, Floats, Mask, check_count, row_length
from trainer.rewards.isolation import Isolation
from trainer.rewards.link import (
    DONE,
    LOAD,
    LOADED,
    READY,
    RESTORE,
    RESTORED,
    SAVE,
    STATES,
    TURN_FLOATS,
    BlockLayout,
    map_block,
)
from trainer.rewards.output_log import OutputLog
from trainer.rewards.process import RewardProcess
from trainer.rewards.program import RewardSource
from trainer.rewards.settings import RewardSettings
from trainer.tracks import Track

CARS_PER_WORKER = 64
"""Rewards take some microseconds: waking another process for fewer cars costs more than it saves."""


class RewardPool:
    """At most one process per core, each with the modules of its share of the cars; see `batch.Rewards`."""

    def __init__(
        self,
        source: RewardSource,
        tracks: Sequence[Track],
        *,
        cars: int,
        seed: int,
        settings: RewardSettings,
        log: OutputLog,
        first_car: int,
        objects: int,
    ) -> None:
        self._settings = settings
        self._log = log
        self._missing = ""
        self._processes: list[RewardProcess] = []
        workers = settings.workers or min(len(os.sched_getaffinity(0)), -(-cars // CARS_PER_WORKER))
        bounds = np.linspace(0, cars, min(workers, cars) + 1).astype(int).tolist()
        self._shares = [(first, end - first) for first, end in pairwise(bounds)]
        self._map(BlockLayout(cars, row_length(objects), len(self._shares)))
        try:
            self._start(source, tracks, seed, first_car)
        except BaseException:
            self.close()
            raise
        finally:
            os.close(self._descriptor)

    def _map(self, layout: BlockLayout) -> None:
        self._descriptor = os.memfd_create("lapwing-rewards", os.MFD_CLOEXEC)
        os.ftruncate(self._descriptor, layout.size)
        self._layout = layout
        block = map_block(self._descriptor, layout)
        cars, columns = layout.cars, layout.columns
        self._rewards = _floats(block, layout.rewards, cars)
        self._rows = _floats(block, layout.rows, cars * columns).reshape(cars, columns)
        self._turns = _floats(block, layout.turns, TURN_FLOATS * layout.workers).reshape(-1, TURN_FLOATS)
        self._asked = np.frombuffer(block, np.bool_, cars, layout.asked)

    def _start(self, source: RewardSource, tracks: Sequence[Track], seed: int, first_car: int) -> None:
        common = {
            "file": source.file,
            "text": source.text,
            "cars": self._layout.cars,
            "columns_in_row": self._layout.columns,
            "columns": asdict(COLUMNS),
            "workers": self._layout.workers,
            "first_car": first_car,
            "seed": seed,
            "roads": [(track.waypoints_m.tolist(), track.length_m) for track in tracks],
            "memory_mb": self._settings.memory_mb,
            "call_limit_s": self._settings.call_limit_s,
        }
        limit_s = self._settings.load_limit_s
        for number in range(len(self._shares)):
            turns = self._turns[number].tolist
            self._processes.append(RewardProcess(source, self._descriptor, turns, self._log.write))
        for number, ((first, count), process) in enumerate(zip(self._shares, self._processes)):
            config = json.dumps({**common, "worker": number, "first": first, "count": count})
            process.send(_frame(LOAD, config.encode()), limit_s)
        granted = [Isolation(**json.loads(process.answer(READY, limit_s))) for process in self._processes]
        self.isolation = granted[0].sentence()
        for process in self._processes:
            process.answer(LOADED, limit_s)

    @property
    def bit_exact(self) -> tuple[bool, str]:
        return not self._missing, self._missing

    @property
    def seconds_per_call(self) -> float:
        calls = float(self._turns[:, 1].sum())
        return float(self._turns[:, 2].sum()) / calls if calls else 0.0

    def begin(self, measurements: Floats, new_episode: Mask | None = None) -> None:
        self._rows[:] = measurements
        self._asked[:] = True if new_episode is None else ~new_episode
        for process in self._processes:
            process.begin_step()

    def finish(self) -> Floats:
        for process in self._processes:
            process.answer(DONE, self._settings.call_limit_s)
        rewards = self._rewards.copy()
        if not np.isfinite(rewards).all():
            raise RewardError("A reward process wrote a reward that is not a number into the shared memory.")
        return rewards

    def compute(self, measurements: Floats, new_episode: Mask | None = None) -> Floats:
        self.begin(measurements, new_episode)
        return self.finish()

    def snapshot(self) -> list[bytes | None]:
        states: list[bytes | None] = []
        reasons: list[str] = []
        for process in self._processes:
            process.send(_frame(SAVE, b""), self._settings.load_limit_s)
        for process, (_, count) in zip(self._processes, self._shares):
            part, missing = _unpacked(process.answer(STATES, self._settings.load_limit_s), count)
            states += part
            reasons += missing
        self._missing = reasons[0] if reasons else ""
        return states

    def restore(self, states: Sequence[bytes | None]) -> None:
        check_count(states, self._layout.cars)
        limit_s = self._settings.load_limit_s
        for process, (first, count) in zip(self._processes, self._shares):
            part = states[first : first + count]
            header = json.dumps([None if state is None else len(state) for state in part]).encode()
            payload = len(header).to_bytes(8, "little") + header + b"".join(state or b"" for state in part)
            process.send(_frame(RESTORE, payload), limit_s)
        for process in self._processes:
            process.answer(RESTORED, limit_s)

    def close(self) -> None:
        for process in self._processes:
            process.close()
        self._processes.clear()
        self._turns = self._turns.copy()
        self._rewards = self._rows = np.zeros((0, 0))  # lets go of the shared memory
        self._asked = np.zeros(0, dtype=np.bool_)
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _floats(block: mmap.mmap, offset: int, count: int) -> Floats:
    return np.frombuffer(block, np.float64, count, offset)


def _frame(kind: bytes, payload: bytes) -> bytes:
    return kind + len(payload).to_bytes(8, "little") + payload


def _unpacked(payload: bytes, count: int) -> tuple[list[bytes | None], list[str]]:
    """States and reasons out of a worker's answer, which is not trusted to be well formed."""
    try:
        split = 8 + int.from_bytes(payload[:8], "little")
        states: list[bytes | None] = []
        reasons: list[str] = []
        for length, reason in json.loads(payload[8:split]):
            states.append(None if length is None else payload[split : split + int(length)])
            split += 0 if length is None else int(length)
            if length is None:
                reasons.append(str(reason))
    except (ValueError, TypeError) as error:
        raise RewardError("A reward process sent a snapshot that cannot be read.") from error
    if len(states) != count:
        raise RewardError(f"A reward process sent the states of {len(states)} cars instead of {count}.")
    return states, reasons
