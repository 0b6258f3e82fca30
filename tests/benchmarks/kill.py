"""Every process of the car is killed and stopped at random moments while the car drives.

It must stop as soon as it has to, the process must come back, and the car must then stand until somebody arms it.
The processes are kept as the units in systemd/ say: their watchdogs and delays are part of what is measured.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Mapping
from contextlib import ExitStack

from tests.benchmarks.harness import Benchmark, Context
from tests.benchmarks.rig.kept_car import SERVICES, KeptCar
from tests.vehicle.stack import is_rest

EACH, FULL_EACH = 3, 50
FAULTS = {"killed": signal.SIGKILL, "stopped": signal.SIGSTOP}
DRIVE_S = (0.1, 0.6)
# A drive that is gone leaves a lease; an actuator that is gone leaves its guard, and a guard its actuator.
ALLOWED_S = {"drive": 0.150, "actuator": 0.250, "guard": 0.250}

Result = tuple[str, str, float, float, bool]  # service, fault, seconds to the stop and to the return, stood still


def run(context: Context) -> Mapping[str, float]:
    """Stops that came late, the slowest return, and cars that drove on by themselves."""
    wanted = FULL_EACH if context.full else EACH
    results: list[Result] = []
    with ExitStack() as exits:
        cars: list[KeptCar] = []
        for number in range(wanted):
            part = context.store.part(str(number), lambda n=number: harm_each(context, cars, exits, n))
            results += [tuple(result) for result in part]
            slowest_s = max(return_s for _, _, _, return_s, _ in results)
            context.say(f"{len(results)} faults: slowest return {slowest_s:.1f} s, late stops {late(results)}")
    figures = {
        "late_stops": float(late(results)),
        "slowest_return_s": max(return_s for _, _, _, return_s, _ in results),
        "drove_by_itself": float(sum(not stood for *_, stood in results)),
        "faults": float(len(results)),
    }
    for service in SERVICES:
        stops_s = [stop_s for name, _, stop_s, _, _ in results if name == service]
        figures[f"{service}_worst_stop_ms"] = 1000 * max(stops_s)
    return figures


def late(results: list[Result]) -> int:
    """How many stops took longer than that service's end may take."""
    return sum(stop_s > ALLOWED_S[service] for service, _, stop_s, _, _ in results)


def harm_each(context: Context, cars: list[KeptCar], exits: ExitStack, number: int) -> list[Result]:
    """Every fault of every service once, in an order of chance; the car is made for the first part not known yet."""
    if not cars:
        cars.append(KeptCar(context.folder / "car"))
        exits.callback(cars[0].end)
    chance = random.Random(number)
    faults = [(service, fault) for service in SERVICES for fault in FAULTS]
    chance.shuffle(faults)
    return [harm(cars[0], service, fault, chance.uniform(*DRIVE_S)) for service, fault in faults]


def harm(car: KeptCar, service: str, fault: str, drive_s: float) -> Result:
    """Let the car drive, harm one service, and wait until everything is back."""
    for name in SERVICES:
        car.wait(lambda name=name: car.process(name))
    car.drive()
    time.sleep(drive_s)
    process = car.process(service)
    assert process is not None
    faulted_at_s = time.monotonic()
    os.kill(process, FAULTS[fault])
    stops = car.wait(lambda: [after_s for after_s, us in car.throttle_since(faulted_at_s) if is_rest(us)])
    car.wait(lambda: car.process(service) not in (None, process))
    return_s = time.monotonic() - faulted_at_s
    car.wait(car.status)
    pulses = [us for after_s, us in car.throttle_since(faulted_at_s) if after_s > stops[0]]
    stood = not car.is_armed() and all(is_rest(us) for us in pulses)
    return service, fault, stops[0], return_s, stood


BENCHMARK = Benchmark(
    name="kill",
    asked={"late_stops": ("<=", 0.0), "slowest_return_s": ("<=", 5.0), "drove_by_itself": ("<=", 0.0)},
    short=f"each of {len(SERVICES)} processes killed and stopped {EACH} times while it drives, two minutes",
    full=f"each of {len(SERVICES)} processes killed and stopped {FULL_EACH} times while it drives, 40 minutes",
    run=run,
)
