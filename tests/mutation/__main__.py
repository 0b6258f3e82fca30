"""`python -m tests.mutation [MODULE...]`: do the tests of the safety code notice when it is wrong?

Every mutant is a copy of a module with one small mistake in it (mutants.py). Its tests must fail. Those mistakes
that change nothing anybody could notice are listed in survivors.txt, each with its reason. Exit code 0 only when
exactly the listed ones survive. Not part of the test suite: it takes many minutes of one core.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutation.mutants import Mutant, mutants_of

ROOT = Path(__file__).resolve().parents[2]
SURVIVORS = Path(__file__).with_name("survivors.txt")
LONGEST_S = 60  # of processor time for one mutant's tests: a mistake can make a loop endless
# Loaded once, before the copies are made; nothing of the vehicle, where every mutant begins anew.
HEAVY = ("onnx", "hypothesis", "adafruit_pca9685", "shared.model_archive", "shared.policy_io", "calibration.pulses")

ACTUATOR_TESTS = "tests/vehicle/actuator"
# The quick ones first: most mistakes end there.
TARGETS: dict[str, tuple[str, ...]] = {
    "vehicle.actuator.lease": ("test_promises.py", "test_lease.py"),
    "vehicle.actuator.limits": ("test_promises.py", "test_limits.py"),
    "vehicle.actuator.state": ("test_promises.py", "test_state.py"),
    "vehicle.actuator.mode": ("test_promises.py", "test_modes.py"),
    "vehicle.actuator.esc": ("test_promises.py", "test_esc.py"),
    "vehicle.actuator.health": ("test_promises.py", "test_health.py"),
    "vehicle.actuator.heartbeat": ("test_promises.py", "test_heartbeat.py"),
    "vehicle.actuator.board_writer": ("test_promises.py", "test_board_writer.py", "test_core.py", "test_silence.py"),
    "vehicle.actuator.battery": ("test_promises.py", "test_battery.py"),
    "vehicle.actuator.motion": ("test_promises.py", "test_motion_bounds.py", "test_motion.py"),
    "vehicle.actuator.health_watch": ("test_promises.py", "test_health_times.py", "test_health_watch.py"),
    "vehicle.actuator.yaw_rate": ("test_promises.py", "test_yaw_rate.py"),
    "vehicle.actuator.slack": ("test_promises.py", "test_slack.py"),
    "vehicle.actuator.status_light": ("test_status_light.py",),
    "vehicle.actuator.core": (
        "test_promises.py",
        "test_core_status.py",
        "test_core.py",
        "test_modes.py",
        "test_silence.py",
        "test_guard_core.py",
        "test_neutral_first.py",
        "test_yaw_rate.py",
    ),
    "vehicle.actuator.guard_core": (
        "test_promises.py",
        "test_guard_times.py",
        "test_neutral_first.py",
        "test_guard_core.py",
    ),
    "vehicle.actuator.guard_page": ("test_guard_page.py", "test_guard_core.py", "test_guard_link.py"),
    "vehicle.hardware.guard_board": ("../hardware/test_guard_board.py",),
    "vehicle.hardware.pca9685": ("test_promises.py", "../hardware/test_pca9685.py"),
}


def main() -> int:
    """Run every mutant of the named modules, or of all."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="such as vehicle.actuator.lease")
    modules = parser.parse_args().modules or list(TARGETS)
    unknown = [name for name in modules if name not in TARGETS]
    if unknown:
        parser.error(f"unknown {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    for name in HEAVY:
        importlib.import_module(name)
    listed = {line for line in _survivor_lines() if line.partition(": ")[0] in modules}
    survivors: list[str] = []
    total = 0
    for name in modules:
        killed, survived = _run_module(name)
        total += killed + len(survived)
        survivors += survived
    new, stale = sorted(set(survivors) - listed), sorted(listed - set(survivors))
    print(f"{total} mutants, {total - len(survivors)} killed, {len(survivors)} survive.")
    for line in new:
        print(f"  not listed: {line}")
    for line in stale:
        print(f"  listed, but it is killed or gone: {line}")
    return 1 if new or stale else 0


def _run_module(name: str) -> tuple[int, list[str]]:
    """How many mutants were killed, and the keys of those that were not."""
    begun_s = time.monotonic()
    path = ROOT / f"{name.replace('.', '/')}.py"
    tests = [str(ROOT / ACTUATOR_TESTS / test) for test in TARGETS[name]]
    source = path.read_text()
    if not _tests_pass(name, path, source, tests):
        raise SystemExit(f"The tests of {name} fail as it is: run python -m pytest {' '.join(tests)}")
    mutants: list[Mutant] = list(mutants_of(source))
    survived = [f"{name}: {mutant.key}" for mutant in mutants if _tests_pass(name, path, mutant.source, tests)]
    killed = len(mutants) - len(survived)
    print(f"{name}: {killed} of {len(mutants)} killed, {time.monotonic() - begun_s:.0f} s", flush=True)
    for line in survived:
        print(f"    {line}", flush=True)
    return killed, survived


def _tests_pass(name: str, path: Path, source: str, tests: Sequence[str]) -> bool:
    """In a copy of this process, so that every mutant begins with fresh modules."""
    child = os.fork()
    if child == 0:
        _become_mutant(name, path, source, tests)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


def _become_mutant(name: str, path: Path, source: str, tests: Sequence[str]) -> None:
    """Never returns: the exit code is pytest's, or SIGPROF where the tests find no end."""
    signal.setitimer(signal.ITIMER_PROF, LONGEST_S)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    sys.meta_path.insert(0, _MutantFinder(name, path, source))
    code = 1
    try:
        # What a failing test would tell is of no interest, and costs more than most of the tests.
        options = ["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
        options += ["-c", str(ROOT / "pyproject.toml")]
        code = pytest.main([*options, *tests])
    finally:
        os._exit(int(code))


class _MutantFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module another source."""

    def __init__(self, name: str, path: Path, source: str) -> None:
        self._name, self._path, self._source = name, path, source

    def find_spec(self, fullname: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=str(self._path))

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._source, str(self._path), "exec"), module.__dict__)


def _survivor_lines() -> list[str]:
    """The keys of the list; a reason stands above each group, behind a #."""
    lines = SURVIVORS.read_text().splitlines() if SURVIVORS.exists() else []
    return [line for line in lines if line and not line.startswith("#")]


if __name__ == "__main__":
    sys.exit(main())
