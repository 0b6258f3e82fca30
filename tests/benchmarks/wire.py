"""What must never be seen on the servo board's wire, over a million commands and ten thousand strange starts.

In one process on virtual time. Besides good commands the actuator gets wrong, old, repeated and impossible ones; it
is armed in every mode and stopped; transactions are lost, the board dips, health comes and goes. At every start the
chip holds random registers, as after a crash of everything but its supply.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping

from shared.errors import HardwareError
from tests.benchmarks.harness import Benchmark, Context
from tests.benchmarks.rig.wire_car import STEERING, THROTTLE, WireCar

COMMANDS, FULL_COMMANDS = 50_000, 1_000_000
IMAGES, FULL_IMAGES = 500, 10_000
COMMANDS_A_PART, IMAGES_A_PART = 25_000, 500
VIOLATIONS = (
    "pulses_out_of_range",
    "torn_updates",
    "throttle_while_disarmed",
    "silence_without_a_calibration",
    "restart_used",
    "unsafe_starts",
)
EXTERNAL_CLOCK = 0x40


def run(context: Context) -> Mapping[str, float]:
    """Violations, each by its name, and how much was tried."""
    counts: Counter[str] = Counter(dict.fromkeys(VIOLATIONS, 0))
    commands = FULL_COMMANDS if context.full else COMMANDS
    for seed in range(commands // COMMANDS_A_PART):
        counts.update(context.store.part(f"commands {seed}", lambda s=seed: drive_part(s)))
        context.say(f"{counts['commands']} commands, {counts['armings']} armings, {violations_in(counts)} violations")
    for seed in range((FULL_IMAGES if context.full else IMAGES) // IMAGES_A_PART):
        counts.update(context.store.part(f"images {seed}", lambda s=seed: start_part(s)))
        context.say(f"{counts['images']} starts, {violations_in(counts)} violations")
    return {"violations": float(violations_in(counts)), **{name: float(count) for name, count in counts.items()}}


def violations_in(counts: Counter[str]) -> int:
    """All kinds together."""
    return sum(counts[name] for name in VIOLATIONS)


def drive_part(seed: int) -> dict[str, int]:
    """One car's life."""
    car = WireCar(seed)
    car.start()
    car.drive(COMMANDS_A_PART)
    return {**car.counts, "commands": car.commands, "armings": car.armings}


def start_part(seed: int) -> dict[str, int]:
    """Start on random registers, again and again, and look at every pulse from then on."""
    counts: Counter[str] = Counter()
    for number in range(IMAGES_A_PART):
        counts["images"] += 1
        counts.update(start_once(random.Random(f"{seed}/{number}")))
    return dict(counts)


def start_once(chance: random.Random) -> Counter[str]:
    """One start. A chip on an external clock cannot be trusted; the driver must refuse it and leave it silent."""
    car = WireCar(0)
    image = bytearray(chance.randbytes(256))
    if chance.random() < 0.9:
        image[0] &= ~EXTERNAL_CLOCK
    car.chip.load(bytes(image))
    car.now_s += 0.2
    car.chip.settled_history()
    car.chip.history.clear()
    try:
        car.start()
        for _ in range(10):
            car.turn(0.02)
    except HardwareError:
        car.now_s += 0.2
        car.counts["starts_refused"] += 1
    neutral_us = car.profile.throttle.trimmed_neutral_us
    for channel in range(16):
        width_us = car.chip.pulse_us(channel)
        wanted_us = {THROTTLE: neutral_us, STEERING: car.profile.steering.trimmed_centre_us}.get(channel)
        is_right = width_us is None or (wanted_us is not None and abs(width_us - wanted_us) <= car.chip.tick_us / 2)
        car.counts["unsafe_starts"] += not is_right
    car.counts["restart_used"] += car.chip.restarts_used
    return car.counts


BENCHMARK = Benchmark(
    name="wire",
    asked={"violations": ("<=", 0.0)},
    short=f"{COMMANDS} commands and {IMAGES} starts in virtual time, ten seconds",
    full=f"{FULL_COMMANDS} commands and {FULL_IMAGES} starts in virtual time, three minutes",
    run=run,
)
