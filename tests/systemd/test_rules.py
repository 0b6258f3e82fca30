"""What udev does when something is plugged in: the rules of the car, read as udev reads them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

import pytest

from tests.systemd.units import FOLDER, services

RULES = FOLDER / "lapwing.rules"
STICK = {"ACTION": "add", "SUBSYSTEM": "block", "ID_BUS": "usb", "ID_FS_TYPE": "vfat", "KERNEL": "sda1"}


class Term(NamedTuple):
    """One of a rule's terms: key{attribute} operator "value"."""

    key: str
    attribute: str
    operator: str
    value: str


def rules() -> list[list[Term]]:
    """Every rule; fails where a line is none."""
    found = []
    for line in RULES.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        terms = [re.fullmatch(r'([A-Z_]+)(?:\{(\w+)\})?(==|\+=|=)"([^"]*)"', term.strip()) for term in _split(line)]
        assert all(terms), line
        found.append([Term(m[1], m[2] or "", m[3], m[4]) for m in terms if m])
    return found


def wanted_for(device: Mapping[str, str]) -> list[str]:
    """The units that are started for a device, given by its keys and properties."""
    wanted = []
    for rule in rules():
        tests = [term for term in rule if term.operator == "=="]
        if all(
            any(fnmatchcase(device.get(term.attribute or term.key, ""), choice) for choice in term.value.split("|"))
            for term in tests
        ):
            wanted += [term.value.replace("%k", device["KERNEL"]) for term in rule if term.attribute == "SYSTEMD_WANTS"]
    return wanted


def _split(line: str) -> list[str]:
    return re.findall(r'[^,"]+"[^"]*"', line)


def test_a_stick_that_is_plugged_in_is_taken_in() -> None:
    assert wanted_for(STICK) == ["lapwing-usb@sda1.service"]
    assert wanted_for(STICK | {"ID_FS_TYPE": "exfat", "KERNEL": "sdb"}) == ["lapwing-usb@sdb.service"]
    assert {"lapwing-usb@.service"} <= {unit.name for unit in services()}


@pytest.mark.parametrize(
    "difference",
    [
        {"ACTION": "change"},  # what was written to it, by ourselves too
        {"ACTION": "remove"},
        {"ID_BUS": "mmc"},  # the card that the car starts from
        {"ID_BUS": ""},
        {"ID_FS_TYPE": "ext4"},
        {"ID_FS_TYPE": ""},  # a disk whose partitions hold the files
        {"SUBSYSTEM": "usb"},
    ],
)
def test_nothing_else_is(difference: dict[str, str]) -> None:
    assert wanted_for(STICK | difference) == []


@pytest.mark.skipif(shutil.which("udevadm") is None, reason="needs udevadm")
def test_udev_finds_nothing_to_say_about_them() -> None:
    if subprocess.run(["udevadm", "verify", "--help"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this udevadm cannot verify rules")
    # Groups are the car's, not this computer's.
    command = ["udevadm", "verify", "--no-summary", "--resolve-names=never", RULES]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stderr) == (0, "")


def test_who_takes_in_sticks_may_join_a_network_and_is_allowed_nothing_else() -> None:
    text = (FOLDER / "lapwing-polkit.rules").read_text()
    (unit,) = [unit for unit in services() if unit.name == "lapwing-usb@.service"]
    assert re.findall(r'subject\.user == "([^"]+)"', text) == [unit.one("User")]
    assert text.count("polkit.Result.YES") == 1
    assert set(re.findall(r"org\.[\w.-]+", text)) == {
        f"org.freedesktop.NetworkManager.{action}"
        for action in ("network-control", "settings.modify.system", "wifi.scan")
    }
