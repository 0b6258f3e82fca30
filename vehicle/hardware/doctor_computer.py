"""What the doctor says of the computer itself: real-time permission, disk space, services."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from vehicle.actuator.realtime import GUARD_PRIORITY
from vehicle.hardware.finding import Finding, Verdict
from vehicle.hardware.this_car import Car

LOW_DISK_BYTES = 500 * 1024 * 1024  # of which a drive log takes about 10 MB a minute
UNIT_FOLDER = Path("/etc/systemd/system")
SYSTEMCTL_TIMEOUT_S = 10.0

Systemctl = Callable[[Sequence[str]], str]


def examine_computer(
    car: Car,
    *,
    may_be_realtime: Callable[[], bool] | None = None,
    free_bytes: Callable[[Path], int] | None = None,
    units: Path = UNIT_FOLDER,
    systemctl: Systemctl | None = None,
) -> Iterator[Finding]:
    """Every finding. The others: how the system is asked, for tests of their own."""
    yield _realtime((may_be_realtime or _may_be_realtime)())
    yield _disk(car, free_bytes or (lambda path: shutil.disk_usage(path).free))
    if not car.emulated:
        yield from _services(units, systemctl or _systemctl)


def _realtime(may_be: bool) -> Finding:
    if may_be:
        return Finding("real time", Verdict.GOOD, "This user may let programs run before others.")
    return Finding(
        "real time",
        Verdict.WARNING,
        "This user may not let programs run before others: under load, a stop may come late.",
        "Let the services drive (scripts/install-car), or give this user rtprio in /etc/security/limits.conf.",
    )


def _may_be_realtime() -> bool:
    """As the actuator and its guard will ask for it."""
    if resource.getrlimit(resource.RLIMIT_RTPRIO)[0] >= GUARD_PRIORITY:
        return True
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        return False
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return True


def _disk(car: Car, free_bytes: Callable[[Path], int]) -> Finding:
    folder = car.config.models.expanduser().absolute()
    while not folder.exists():
        folder = folder.parent
    free_mb = free_bytes(folder) / 1e6
    if free_mb * 1e6 >= LOW_DISK_BYTES:
        return Finding("disk", Verdict.GOOD, f"{free_mb / 1000:.1f} GB are free at {folder}.")
    advice = "Delete old recordings or models. Driving needs no disk, recording and installing do."
    return Finding("disk", Verdict.WARNING, f"Only {free_mb:.0f} MB are free at {folder}.", advice)


def _services(units: Path, systemctl: Systemctl) -> Iterator[Finding]:
    names = sorted(path.name for path in units.glob("lapwing-*.service") if "@" not in path.name)
    if not names:
        yield Finding("services", Verdict.NOTE, "None are installed.", "Install them: sudo ./scripts/install-car")
        return
    states = _states(systemctl(["show", "--property=Id,ActiveState,NRestarts,Type", *names]))
    broken = [name for name in names if states.get(name, {}).get("ActiveState") == "failed"]
    asleep = [
        name
        for name in names
        if states.get(name, {}).get("ActiveState") == "inactive" and states[name].get("Type") != "oneshot"
    ]
    for name in broken:
        yield Finding("services", Verdict.PROBLEM, f"{name} has failed.", f"See why: journalctl -u {name} -n 50")
    if asleep:
        found = f"Not running: {', '.join(asleep)}."
        yield Finding("services", Verdict.WARNING, found, "Start them: sudo systemctl start lapwing.target")
    if not broken and not asleep:
        yield Finding("services", Verdict.GOOD, f"{', '.join(names)} run.")


def _states(shown: str) -> dict[str, dict[str, str]]:
    """systemctl's blocks of KEY=VALUE, by unit."""
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in shown.split("\n\n")]
    return {block["Id"]: block for block in blocks if "Id" in block}


def _systemctl(arguments: Sequence[str]) -> str:
    try:
        finished = subprocess.run(
            ["systemctl", *arguments], capture_output=True, text=True, timeout=SYSTEMCTL_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return finished.stdout
