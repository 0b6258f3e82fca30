"""The car's units: systemd has nothing to say against them, they are closed, and they run what exists."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.systemd.units import FOLDER, PROGRAM, Unit, all_units, services
from vehicle.actuator.realtime import ACTUATOR_PRIORITY, GUARD_PRIORITY
from vehicle.cli import root
from vehicle.runtime_folder import SERVICE_FOLDER

HIGHEST_EXPOSURE = 2.0  # of 10; what systemd calls "OK" begins at 5
SYSTEM_UNITS = Path("/usr/lib/systemd/system")
LOOPS = [unit for unit in services() if unit.one("Type") == "notify"]

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None or not SYSTEM_UNITS.is_dir(), reason="needs systemd-analyze"
)


def named(units: list[Unit]) -> list[str]:
    """As systemd is asked for them: a template by an instance of it."""
    return [unit.name.replace("@.", "@1.") for unit in units]


@pytest.fixture(scope="module")
def car_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A system with our units beside its own, and programs where the units expect them."""
    path = tmp_path_factory.mktemp("root")
    shutil.copytree(SYSTEM_UNITS, path / "usr/lib/systemd/system", symlinks=True)
    shutil.copytree(FOLDER, path / "etc/systemd/system")
    for program in {command[0] for unit in services() for command in unit.commands()}:
        target = path / program.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/bin/true", target)
    yield path
    shutil.rmtree(path)


@needs_systemd
def test_systemd_finds_nothing_to_say_about_them(car_root: Path) -> None:
    command = ["systemd-analyze", "verify", f"--root={car_root}", "--man=no", *named(all_units())]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("name", named(services()))
def test_a_service_is_closed(car_root: Path, name: str) -> None:
    command = ["systemd-analyze", "security", f"--root={car_root}", "--offline=true", name]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    exposure = re.search(r"Overall exposure level for .*: ([0-9.]+)", printed)
    assert exposure is not None
    assert float(exposure[1]) <= HIGHEST_EXPOSURE


@pytest.mark.parametrize("unit", services(), ids=named(services()))
def test_what_a_service_runs_exists(unit: Unit) -> None:
    ours = [command for command in unit.commands() if command[0] == PROGRAM]
    assert ours
    for _, verb, *words in ours:
        command = root.get_command(click.Context(root), verb)
        assert command is not None, verb
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word.partition("=")[0] for word in words if word.startswith("-")} <= known


@pytest.mark.parametrize("unit", LOOPS, ids=named(LOOPS))
def test_a_loop_that_ends_or_hangs_is_started_again_for_ever(unit: Unit) -> None:
    assert unit.one("Restart") == "always"
    assert unit.one("StartLimitIntervalSec") == "0"
    assert unit.duration_s("RestartSec") <= 0.5
    assert 0 < unit.duration_s("WatchdogSec") <= 3.0
    assert unit.one("WatchdogSignal") == "SIGKILL"  # a stopped process hears no other


def test_the_guard_and_its_owner_have_what_a_stop_needs() -> None:
    units = {unit.name: unit for unit in services()}
    guard, actuator = units["lapwing-guard.service"], units["lapwing-actuator.service"]
    assert guard.one("User") == actuator.one("User")  # else it could not end it
    assert guard.one("LimitRTPRIO") == str(GUARD_PRIORITY)
    assert actuator.one("LimitRTPRIO") == str(ACTUATOR_PRIORITY)
    for unit in (guard, actuator):
        assert unit.one("RestrictRealtime") == ""
        assert unit.one("LimitMEMLOCK") == "infinity"
        assert unit.one("OOMScoreAdjust") == "-900"
        assert "char-i2c rw" in unit.settings["DeviceAllow"]
    assert [PROGRAM, "neutral"] in actuator.commands()
    assert "lapwing-guard.service" in actuator.one("After")  # so it also ends before its guard


def test_nobody_else_may_open_the_servo_boards_bus() -> None:
    others = [unit for unit in services() if unit.one("User") != "lapwing-actuator"]
    assert others
    for unit in others:
        assert unit.one("DevicePolicy") == "closed"
        assert not [device for device in unit.settings.get("DeviceAllow", []) if "i2c" in device]
        assert "i2c" not in unit.one("SupplementaryGroups").split()


def test_the_folder_where_services_meet_is_made_as_the_programs_demand_it() -> None:
    lines = (FOLDER / "lapwing.tmpfiles").read_text().splitlines()
    assert f"d {SERVICE_FOLDER} 3770 root lapwing -" in lines


def test_a_stick_is_mounted_harmless_and_let_go_of_whichever_way_it_ends() -> None:
    (unit,) = [unit for unit in services() if unit.name == "lapwing-usb@.service"]
    (before,) = unit.settings["ExecStartPre"]
    words = before.split()
    assert words[0].startswith("+")  # the program itself may mount nothing
    assert {"nosuid", "nodev", "noexec"} <= set(words[words.index("-o") + 1].split(","))
    assert words[words.index("-t") + 1] == "vfat,exfat"  # they know no owners, links or devices
    place = words[-1]
    assert unit.one("ExecStart").split()[1:] == ["usb", place]
    after = unit.settings["ExecStopPost"]
    assert [line.split()[1:] for line in after] == [["--lazy", place], [place]]
    assert all(line.startswith("-+") for line in after)
    assert "findmnt" in unit.one("ExecCondition")
    folder = place.rpartition("/")[0]
    assert folder in unit.one("ReadWritePaths").split()
    # What is mounted there is open to everybody: nobody but its reader may come so far.
    assert f"d {folder} 0700 {unit.one('User')} lapwing -" in (FOLDER / "lapwing.tmpfiles").read_text().splitlines()
    assert unit.one("BindsTo") == "dev-%i.device"  # pulled out, it ends
