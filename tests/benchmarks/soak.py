"""An emulated car drives laps for an hour: nothing is started again, and nothing grows.

What a process gains is the rise of the least-squares line through its resident memory. The full form allows 1 MiB an
hour, watched for fifty minutes. The short form cannot tell such a leak from what a program still loads: in its few
minutes it allows as much as the full form does in all, so it finds leaks that are twenty times as large.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tests.benchmarks.harness import Benchmark, Context
from tests.benchmarks.rig.kept_car import SERVICES, KeptCar
from vehicle.up import board_status

TRACK = "lapwing_loop"
LOOK_EVERY_S = 2.0
MIB_PER_KIB = 1 / 1024
WATCHED = (*SERVICES, "board")
MINUTES, SETTLED_MINUTES = 60.0, 10.0
SHORT_MINUTES, SHORT_SETTLED_MINUTES = 4.5, 2.0
ALLOWED_MIB = 1.0 * (MINUTES - SETTLED_MINUTES) / 60


def run(context: Context) -> Mapping[str, float]:
    """Restarts, file descriptors gained and the memory that one of them gained; how far the car came."""
    minutes, settled_minutes = (MINUTES, SETTLED_MINUTES) if context.full else (SHORT_MINUTES, SHORT_SETTLED_MINUTES)
    car = KeptCar(context.folder / "car", world=TRACK)
    try:
        for name in SERVICES:
            car.wait(lambda name=name: car.process(name))
        return watch(context, car, 60 * minutes, 60 * settled_minutes)
    finally:
        car.end()


def watch(context: Context, car: KeptCar, duration_s: float, settled_s: float) -> Mapping[str, float]:
    """Drive, and look at every process now and then; where the car was stopped, it is started again."""
    begun_s = said_s = time.monotonic()
    drives = 0
    samples: dict[str, list[tuple[float, float, int]]] = {name: [] for name in WATCHED}
    while (now_s := time.monotonic()) - begun_s < duration_s:
        if not car.is_armed():
            car.drive()
            drives += 1
        for name in WATCHED:
            process = car.board.running.pid if name == "board" else car.process(name)
            if process is not None and now_s - begun_s >= settled_s:
                samples[name].append((now_s, *sizes(process)))
        if now_s - said_s >= 60:
            said_s = now_s
            context.say(f"{(now_s - begun_s) / 60:.0f} minutes, {laps(car)} laps")
        time.sleep(LOOK_EVERY_S)
    gained = {name: seen[-1][2] - seen[0][2] for name, seen in samples.items()}
    slopes = {name: slope_mib_per_h(seen) for name, seen in samples.items()}
    return {
        "restarts": float(sum(service.restarts for service in car.services.values())),
        "descriptors_gained": float(max(gained.values())),
        "memory_gained_mib": max(slopes.values()) * (duration_s - settled_s) / 3600,
        "laps": float(laps(car)),
        "stops": float(drives - 1),
        **{f"{name}_mib_per_h": slope for name, slope in slopes.items()},
    }


def sizes(process: int) -> tuple[float, int]:
    """Resident memory in MiB, and open file descriptors."""
    folder = Path(f"/proc/{process}")
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    return float(status["VmRSS"].split()[0]) * MIB_PER_KIB, len(list((folder / "fd").iterdir()))


def slope_mib_per_h(seen: list[tuple[float, float, int]]) -> float:
    """Of the line through the memory over time."""
    times_h = np.array([at_s for at_s, _, _ in seen]) / 3600
    return float(np.polyfit(times_h - times_h[0], [size_mib for _, size_mib, _ in seen], 1)[0])


def laps(car: KeptCar) -> int:
    """What the world has counted."""
    pose = board_status(car.folder.board_status)["pose"]
    return 0 if pose is None else int(pose["laps"])


BENCHMARK = Benchmark(
    name="soak",
    asked={"restarts": ("<=", 0.0), "descriptors_gained": ("<=", 0.0), "memory_gained_mib": ("<=", ALLOWED_MIB)},
    short="4.5 minutes of laps on the emulated car, memory watched from minute 2 on",
    full="an hour of laps on the emulated car, memory watched from minute 10 on",
    run=run,
)
