"""How long after the camera of a driving car stalls or freezes the first neutral throttle pulse begins.

The fault is injected into the emulated board and timed from before it is asked for, the pulse by the board's own log
on the same clock. The control loop, the lease and the actuator are the car's own processes. Several cars run at once:
each needs more than a second of neutral between two drives.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np

from tests.benchmarks.harness import Benchmark, Context
from tests.benchmarks.rig.driven_car import DrivenCar
from vehicle.emulated.camera_fault import CameraFault
from vehicle.up import board_status

CARS = 2
PART = 20  # injections that are kept together, half of them stalls
INJECTIONS, FULL_INJECTIONS = 2 * PART, 20 * PART
FAULTS = (CameraFault.STALL, CameraFault.FREEZE)
DRIVE_S = (0.35, 0.75)  # how long a car drives before the fault: any moment between two pictures


class BlindedCar(DrivenCar):
    """One emulated car whose camera fails."""

    def inject(self, fault: CameraFault, drive_s: float) -> float:
        """Let a new driver drive for that long, break the camera; the seconds until the car was stopped."""
        driver = self.start_driving(drive_s)
        faulted_at_s = time.monotonic()
        self._say(fault)
        stopped_s = self.stack.stopped_after_s(faulted_at_s)
        self.end_driving(driver)
        self._say(CameraFault.NONE)
        return stopped_s

    def _say(self, fault: CameraFault) -> None:
        board_status(self.stack.folder.board_status, camera_fault=fault)


def run(context: Context) -> Mapping[str, float]:
    """Worst and median of each fault."""
    wanted = FULL_INJECTIONS if context.full else INJECTIONS
    results: list[tuple[str, float]] = []
    with ExitStack() as exits:
        cars: list[BlindedCar] = []
        for number in range(0, wanted, PART):
            results += context.store.part(str(number), lambda n=number: inject_part(context, cars, exits, n))
            context.say(f"{len(results)} of {wanted}: worst so far {1000 * max(r[1] for r in results):.0f} ms")
    figures = {"injections": float(len(results))}
    for fault in FAULTS:
        of_fault = [after_s for name, after_s in results if name == fault]
        figures[f"{fault}_worst_ms"] = 1000 * max(of_fault)
        figures[f"{fault}_p50_ms"] = 1000 * float(np.median(of_fault))
    return figures


def inject_part(context: Context, cars: list[BlindedCar], exits: ExitStack, number: int) -> list[tuple[str, float]]:
    """One part, all cars at once; the cars are made for the first part that is not known yet."""
    while len(cars) < CARS:
        car = BlindedCar(context.folder / f"car{len(cars)}")
        exits.callback(car.end)
        cars.append(car)
    chance = random.Random(number)
    faults = [(fault, chance.uniform(*DRIVE_S)) for fault in FAULTS * (PART // len(FAULTS))]
    chance.shuffle(faults)
    lock = threading.Lock()
    results: list[tuple[str, float]] = []

    def serve(car: BlindedCar) -> None:
        while True:
            with lock:
                if not faults:
                    return
                fault, drive_s = faults.pop()
            results.append((fault, car.inject(fault, drive_s)))

    with ThreadPoolExecutor(CARS) as pool:
        served = [pool.submit(serve, car) for car in cars]
    for each in served:
        each.result()
    return results


BENCHMARK = Benchmark(
    name="camera-stall",
    asked={"stall_worst_ms": ("<=", 250.0), "freeze_worst_ms": ("<=", 450.0)},
    short=f"{INJECTIONS} faults of the camera on {CARS} emulated cars, a minute",
    full=f"{FULL_INJECTIONS} faults of the camera on {CARS} emulated cars, ten minutes",
    run=run,
)
