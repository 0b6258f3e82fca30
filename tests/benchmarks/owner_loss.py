"""How long after the actuator hangs, dies or is stopped its guard has brought the car to rest.

From the fault to the start of the first neutral pulse, or to the end of all pulses, in the emulated board's log.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Mapping
from contextlib import ExitStack

import numpy as np

from shared.actions import Action
from tests.benchmarks.harness import Benchmark, Context
from tests.vehicle.stack import LeaseThread, Stack
from vehicle.runtime_folder import RuntimeFolder

INJECTIONS, FULL_INJECTIONS = 15, 300
PART = 15
FAULTS = {"hung": signal.SIGUSR1, "killed": signal.SIGKILL, "stopped": signal.SIGSTOP}
SPEED_MPS = 1.0


def run(context: Context) -> Mapping[str, float]:
    """Worst of all, and each fault by itself."""
    wanted = FULL_INJECTIONS if context.full else INJECTIONS
    results: list[tuple[str, float]] = []
    with ExitStack() as exits:
        stacks: list[Stack] = []
        for number in range(0, wanted, PART):
            results += context.store.part(str(number), lambda n=number: inject_part(context, stacks, exits, n))
            worst_ms = 1000 * max(after_s for _, after_s in results)
            context.say(f"{len(results)} of {wanted}: worst so far {worst_ms:.0f} ms")
    figures = {
        "owner_loss_worst_ms": 1000 * max(after_s for _, after_s in results),
        "injections": float(len(results)),
    }
    for fault in FAULTS:
        chosen = [after_s for name, after_s in results if name == fault]
        figures[f"{fault}_p50_ms"] = 1000 * float(np.median(chosen))
        figures[f"{fault}_worst_ms"] = 1000 * max(chosen)
    return figures


def inject_part(context: Context, stacks: list[Stack], exits: ExitStack, number: int) -> list[tuple[str, float]]:
    """Every fault equally often, in an order of chance; the car is made for the first part not known yet."""
    if not stacks:
        path = context.folder / "car"
        path.mkdir(mode=0o700)
        stacks.append(Stack(RuntimeFolder(path), actuator_program=("-m", "tests.benchmarks.rig.hangable")))
        exits.callback(stacks[0].end)
    chance = random.Random(number)
    faults = list(FAULTS) * (PART // len(FAULTS))
    chance.shuffle(faults)
    return [(fault, inject(stacks[0], fault, chance.uniform(0.05, 0.3))) for fault in faults]


def inject(stack: Stack, fault: str, drive_s: float) -> float:
    """Let the car drive, harm its actuator, and start another; the seconds until the car was stopped."""
    driver = LeaseThread(stack, Action(0.0, SPEED_MPS))
    stack.wait(lambda: stack.client.status().applied.speed_mps == SPEED_MPS)
    time.sleep(drive_s)
    faulted_at_s = time.monotonic()
    os.kill(stack.actuator.running.pid, FAULTS[fault])
    stopped_s = stack.stopped_after_s(faulted_at_s)
    stack.wait(lambda: stack.throttle_since(faulted_at_s)[-1][1] is None)
    driver.end()
    stack.actuator.running.wait()
    stack.start_actuator()
    return stopped_s


BENCHMARK = Benchmark(
    name="owner-loss",
    asked={"owner_loss_worst_ms": ("<=", 250.0)},
    short=f"{INJECTIONS} faults of the actuator of an emulated car, one minute",
    full=f"{FULL_INJECTIONS} faults of the actuator of an emulated car, twenty minutes",
    run=run,
)
