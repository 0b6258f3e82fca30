"""How long after the drive hangs, dies, is stopped or loses its connection the first neutral pulse begins.

The fault is timed by the clock of the machine, the pulse by the emulated board's own log on the same clock. Half
of the faults are injected while six processes keep the machine busy. Several cars run at once: each needs more than
a second of neutral between two drives.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import numpy as np

from tests.benchmarks.harness import Benchmark, Context
from tests.benchmarks.rig.driven_car import DrivenCar
from tests.benchmarks.rig.load import busy_machine

CARS = 4
PART = 60  # injections that are kept together, every fault equally often
INJECTIONS, FULL_INJECTIONS = 2 * PART, 34 * PART
FAULTS = {"hung": signal.SIGUSR1, "killed": signal.SIGKILL, "stopped": signal.SIGSTOP, "cut": signal.SIGUSR2}
DRIVE_S = (0.15, 0.45)  # how long a car drives before the fault: any moment between two turns and two pictures


class HarmedCar(DrivenCar):
    """One emulated car whose drivers are harmed."""

    def inject(self, fault: str, drive_s: float) -> float:
        """Let a new driver drive for that long, harm it, and wait for the car; the seconds until it was stopped."""
        driver = self.start_driving(drive_s)
        faulted_at_s = time.monotonic()
        os.kill(driver, FAULTS[fault])
        stopped_s = self.stack.stopped_after_s(faulted_at_s)
        self.end_driving(driver)
        return stopped_s


def run(context: Context) -> Mapping[str, float]:
    """Worst of all; and of each fault and each half by itself."""
    wanted = FULL_INJECTIONS if context.full else INJECTIONS
    results: list[tuple[str, bool, float]] = []
    with ExitStack() as exits:
        cars: list[HarmedCar] = []
        for number in range(0, wanted, PART):
            is_busy = number >= wanted // 2
            part = context.store.part(str(number), lambda n=number, b=is_busy: inject_part(context, cars, exits, n, b))
            results += [(fault, is_busy, after_s) for fault, after_s in part]
            context.say(f"{len(results)} of {wanted}: worst so far {1000 * max(r[2] for r in results):.0f} ms")
    figures = {"stop_worst_ms": 1000 * max(after_s for _, _, after_s in results), "injections": float(len(results))}
    for name, chosen in (
        *((fault, [s for f, _, s in results if f == fault]) for fault in FAULTS),
        ("idle", [s for _, is_busy, s in results if not is_busy]),
        ("busy", [s for _, is_busy, s in results if is_busy]),
    ):
        figures[f"{name}_p50_ms"] = 1000 * float(np.median(chosen))
        figures[f"{name}_worst_ms"] = 1000 * max(chosen)
    return figures


def inject_part(
    context: Context, cars: list[HarmedCar], exits: ExitStack, number: int, is_busy: bool
) -> list[tuple[str, float]]:
    """One part, all cars at once; the cars are made for the first part that is not known yet."""
    while len(cars) < CARS:
        car = HarmedCar(context.folder / f"car{len(cars)}")
        exits.callback(car.end)
        cars.append(car)
    chance = random.Random(number)
    faults = [(fault, chance.uniform(*DRIVE_S)) for fault in list(FAULTS) * (PART // len(FAULTS))]
    chance.shuffle(faults)
    lock = threading.Lock()
    results: list[tuple[str, float]] = []

    def serve(car: HarmedCar) -> None:
        while True:
            with lock:
                if not faults:
                    return
                fault, drive_s = faults.pop()
            after_s = car.inject(fault, drive_s)
            results.append((fault, after_s))

    with busy_machine(is_busy=is_busy), ThreadPoolExecutor(CARS) as pool:
        served: list[Any] = [pool.submit(serve, car) for car in cars]
    for each in served:
        each.result()
    return results


BENCHMARK = Benchmark(
    name="actuator-stop",
    asked={"stop_worst_ms": ("<=", 150.0)},
    short=f"{INJECTIONS} faults of the drive on {CARS} emulated cars, half on a busy machine, two minutes",
    full=f"{FULL_INJECTIONS} faults of the drive on {CARS} emulated cars, half on a busy machine, half an hour",
    run=run,
)
