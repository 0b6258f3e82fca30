"""How much longer the control loop's turns take while the drive is recorded.

The loop drives the model that ships at 30 Hz, its pictures as noisy as a camera's. Half of the runs record, with the
ring, JPEG, disk and all; runs with and without take turns, so that a machine that gets slower counts for both. A turn
is what the loop does from a new picture until it waits for the next one.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from shared.actions import STOP
from shared.model_archive import read_archive
from tests.benchmarks.harness import Benchmark, Context
from vehicle.actuator.lease import Driver, Lease
from vehicle.actuator.state import Phase
from vehicle.actuator.status import ActuatorStatus
from vehicle.drive.drives import GIGABYTE, DriveStore
from vehicle.drive.engine import open_engine
from vehicle.drive.loop import DriveLoop
from vehicle.drive.pilot import ModelPilot
from vehicle.drive.process import SWITCH_S
from vehicle.drive.recorder import Recorder
from vehicle.drive.samples import Samples
from vehicle.emulated.camera import CameraSensor, still_scene
from vehicle.hardware.frame_slot import FrameSlot
from vehicle.hardware.protocols import Frame
from vehicle.models.store import SHIPPED_MODEL

PAIRS = 10
RATE_HZ = 30.0
RUN_S, FULL_RUN_S = 5.0, 30.0
PICTURES = 8  # made beforehand: to make noise costs more than to drive by it


class WillingActuator:
    """Is armed and applies whatever it is asked."""

    def __init__(self) -> None:
        self._status = ActuatorStatus(
            Phase.ARMED, Driver.AUTONOMOUS, 1, "", "", STOP, 1500.0, 1500.0, 0, time.monotonic()
        )

    def command(self, lease: Lease) -> ActuatorStatus:
        return replace(self._status, applied=lease.action, at_s=time.monotonic())

    def status(self) -> ActuatorStatus:
        return replace(self._status, at_s=time.monotonic())

    def stop(self, reason: str) -> None:
        """It stops with the benchmark."""


class TimedLoop(DriveLoop):
    """Remembers how long every turn took that decided something."""

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self.turns_s: list[float] = []

    def turn(self) -> ActuatorStatus:
        before, began_s = self.decision, time.perf_counter()
        status = super().turn()
        if self.decision is not before:
            self.turns_s.append(time.perf_counter() - began_s)
        return status


def run(context: Context) -> Mapping[str, float]:
    """The median over the pairs of what recording adds to the 99th percentile of a turn."""
    run_s = FULL_RUN_S if context.full else RUN_S
    sensor, scene = CameraSensor(seed=1), still_scene()
    images = [sensor.expose(scene, 0.0).image for _ in range(PICTURES)]
    archive = read_archive(SHIPPED_MODEL)
    pilot = ModelPilot(archive, open_engine(archive))
    pilot.warm_up()
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)  # as the drive's process does
    try:
        drive(pilot, images, min(run_s, 2.0), None)  # the first one is slower
        pairs = [pair(context, pilot, images, run_s, number) for number in range(PAIRS)]
    finally:
        sys.setswitchinterval(before_s)
    without_ms, with_ms, added_ms, left_out = map(np.array, zip(*pairs, strict=True))
    return {
        "recorder_added_p99_ms": float(np.median(added_ms)),
        "p99_without_ms": float(np.median(without_ms)),
        "p99_with_ms": float(np.median(with_ms)),
        "added_worst_pair_ms": float(added_ms.max()),
        "pictures_left_out": float(left_out.sum()),
    }


def pair(
    context: Context, pilot: ModelPilot, images: list[np.ndarray], run_s: float, number: int
) -> tuple[float, float, float, float]:
    """p99 without and with recording, the difference, and the pictures left out; which comes first takes turns."""
    p99_ms: dict[bool, float] = {}
    left_out = 0
    for is_recorded in (False, True) if number % 2 == 0 else (True, False):
        folder = context.folder / f"drives{number}" if is_recorded else None
        turns_s, run_left_out = drive(pilot, images, run_s, folder)
        p99_ms[is_recorded] = 1000 * float(np.percentile(turns_s, 99))
        left_out += run_left_out
    added_ms = p99_ms[True] - p99_ms[False]
    context.say(f"pair {number + 1} of {PAIRS}: p99 {p99_ms[False]:.2f} ms, recorded {p99_ms[True]:.2f} ms")
    return p99_ms[False], p99_ms[True], added_ms, float(left_out)


def drive(pilot: ModelPilot, images: list[np.ndarray], run_s: float, folder: Path | None) -> tuple[list[float], int]:
    """Drive for so long, recorded into folder if there is one; every turn's seconds, and the pictures left out."""
    camera, stop = FrameSlot(), threading.Event()
    with ExitStack() as exits:
        recorder = None
        if folder is not None:
            store = DriveStore(folder, 100 * GIGABYTE, free_bytes=lambda path: GIGABYTE)
            recorder = exits.enter_context(Recorder(store, samples=Samples(dict)))
            recorder.begin("drive")
        loop = TimedLoop(camera, pilot, WillingActuator(), recorder=recorder)
        feeder = threading.Thread(target=feed, args=(camera, images, stop), name="camera")
        feeder.start()
        threading.Timer(run_s, stop.set).start()
        loop.run(stop)
        feeder.join()
        left_out = 0 if recorder is None else recorder.status().pictures_left_out
    return loop.turns_s, left_out


def feed(camera: FrameSlot, images: list[np.ndarray], stop: threading.Event) -> None:
    """A picture every thirtieth of a second, until stop is set."""
    next_s = time.monotonic()
    for number in itertools.count(1):
        next_s += 1 / RATE_HZ
        if stop.wait(max(0.0, next_s - time.monotonic())):
            return
        camera.put(Frame(images[number % len(images)], time.monotonic(), number))


BENCHMARK = Benchmark(
    name="recorder",
    asked={"recorder_added_p99_ms": ("<=", 0.5)},
    short=f"{PAIRS} pairs of drives of {RUN_S:g} s with and without the recorder, two minutes",
    full=f"{PAIRS} pairs of drives of {FULL_RUN_S:g} s with and without the recorder, ten minutes",
    run=run,
)
