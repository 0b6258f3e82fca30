"""Where the time goes: percentiles worked out by hand, over the newest decisions alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shared.actions import STOP, Action, ContinuousActionSpace, DiscreteActionSpace
from vehicle.actuator.lease import Driver
from vehicle.actuator.state import Phase
from vehicle.actuator.status import ActuatorStatus
from vehicle.drive.confidence import confidence_of
from vehicle.drive.latency import LatencyRing
from vehicle.drive.load import CLOCK_TICKS_PER_S, LoadMeter
from vehicle.drive.turn import Decision, Sight, Turn
from vehicle.hardware.protocols import Frame

STATUS = ActuatorStatus(Phase.ARMED, Driver.AUTONOMOUS, 4, "", "", STOP, 1500.0, 1500.0, 8, 0.0)
PICTURE = np.zeros((1, 1, 3), dtype=np.uint8)


def turn(taken_at_s: float, infer_s: float = 0.003, *, is_commanded: bool = True, is_written: bool = True) -> Turn:
    """Seen after 2 ms, preprocessed in 1, inferred as said, commanded after 0.5, written after 1.5."""
    observed_at_s = taken_at_s + 0.003
    decided_at_s = observed_at_s + infer_s
    commanded_at_s = decided_at_s + 0.0005
    written_at_s = commanded_at_s + (0.0015 if is_written else -0.01)
    sight = Sight(Frame(PICTURE, taken_at_s, 1))
    decision = Decision(sight, {}, np.zeros(0, np.float32), STOP, observed_at_s, decided_at_s)
    return Turn(decision, replace(STATUS, written_at_s=written_at_s), commanded_at_s if is_commanded else None)


def test_every_stage_of_a_decision_is_told() -> None:
    ring = LatencyRing()
    ring.add(turn(10.0), 10.002)
    stages = ring.report().stages
    found = {name: stage.p50_ms for name, stage in stages.items()}
    assert found == pytest.approx(
        {"capture": 2.0, "preprocess": 1.0, "infer": 3.0, "command": 0.5, "write": 1.5, "total": 8.0}
    )


def test_percentiles_are_those_of_the_newest_decisions() -> None:
    ring = LatencyRing(kept=100)
    for number in range(100):
        ring.add(turn(number / 15, infer_s=1.0), number / 15)
    for number in range(100, 200):
        ring.add(turn(number / 15, infer_s=(number - 99) / 1000), number / 15)
    infer = ring.report().stages["infer"]
    assert (infer.p50_ms, infer.p99_ms, infer.count) == (pytest.approx(50.5), pytest.approx(99.01), 100)


def test_what_was_not_commanded_or_on_the_board_already_has_no_time() -> None:
    ring = LatencyRing()
    ring.add(turn(10.0, is_commanded=False), 10.002)
    assert set(ring.report().stages) == {"capture", "preprocess", "infer"}
    ring.add(turn(11.0, is_written=False), 11.002)
    assert set(ring.report().stages) == {"capture", "preprocess", "infer", "command"}


def test_the_rate_is_that_of_the_decisions_and_a_pause_does_not_spoil_it() -> None:
    ring = LatencyRing()
    assert ring.report().rate_hz is None
    for number in range(30):
        ring.add(turn(number / 15 + (100.0 if number > 15 else 0.0)), 0.0)
    assert ring.report().rate_hz == pytest.approx(15.0)


def test_adding_makes_no_new_memory() -> None:
    ring = LatencyRing(kept=10)
    rows = ring._ms
    for number in range(25):
        ring.add(turn(float(number)), float(number))
    assert ring._ms is rows
    assert rows.shape == (10, 6)


def test_confidence_is_the_chosen_probability_and_the_entropy() -> None:
    space = DiscreteActionSpace(tuple(Action(float(angle), 1.0) for angle in (-10, -5, 5, 10)))
    certain = confidence_of(np.array([0, 1, 0, 0], np.float32), space)
    torn = confidence_of(np.full(4, 0.25, np.float32), space)
    half = confidence_of(np.array([0.5, 0.5, 0, 0], np.float32), space)
    assert certain is not None
    assert torn is not None
    assert half is not None
    assert (certain.probability, certain.entropy_fraction) == (1.0, 0.0)
    assert (torn.probability, torn.entropy_fraction) == (pytest.approx(0.25), pytest.approx(1.0))
    assert (half.probability, half.entropy_fraction) == (pytest.approx(0.5), pytest.approx(0.5))
    continuous = ContinuousActionSpace(-30.0, 30.0, 0.5, 1.0)
    assert confidence_of(np.array([0.1, 0.2], np.float32), continuous) is None


def kernel_files(folder: Path, busy: int, idle: int, process: int) -> None:
    (folder / "self").mkdir(parents=True, exist_ok=True)
    (folder / "stat").write_text(f"cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\ncpu0 1 2 3\n")
    (folder / "meminfo").write_text("MemTotal:        1000 kB\nMemFree:   10 kB\nMemAvailable:     250 kB\n")
    (folder / "self/stat").write_text(f"77 (a ) b) S {' '.join(['0'] * 10)} {process} 0 0 0\n")
    (folder / "self/statm").write_text("900 100 5 1 0 1 0\n")


def test_load_is_told_from_the_second_question_on(tmp_path: Path) -> None:
    meter = LoadMeter(tmp_path)
    kernel_files(tmp_path, busy=100, idle=100, process=0)
    assert meter.read(1.0).cpu_percent is None
    kernel_files(tmp_path, busy=130, idle=170, process=CLOCK_TICKS_PER_S)
    load = meter.read(3.0)
    assert (load.cpu_percent, load.memory_percent) == (pytest.approx(30.0), pytest.approx(75.0))
    assert load.process_cpu_percent == pytest.approx(50.0)
    assert load.process_memory_bytes is not None
    assert load.process_memory_bytes > 0


def test_without_the_kernels_files_nothing_is_known(tmp_path: Path) -> None:
    assert LoadMeter(tmp_path).read(1.0).memory_percent is None
