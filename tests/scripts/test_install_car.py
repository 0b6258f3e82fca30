"""`scripts/install-car` in a folder that looks like a Raspberry Pi, with stand-ins for the programs it calls."""

from __future__ import annotations

import os
import stat
import subprocess
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from shared.settings import load_settings
from tests.systemd.units import services
from vehicle.car_options import INSTALLED_CONFIG
from vehicle.config import CarConfig

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "install-car"
UNITS = ROOT / "systemd"
STOCK_CONFIG = "# Some settings\ndtparam=audio=on\ncamera_auto_detect=1\n\n[cm5]\ndtoverlay=dwc2,dr_mode=host\n"
WIRED = "802-3-ethernet:Wired connection 1"
# Programs that are replaced: each writes down how it was called, and answers as the files in the folder `say` tell.
STAND_INS = (
    "apt-get", "chgrp", "dpkg", "dpkg-query", "getent", "groupadd", "groupdel", "hostnamectl", "id", "iw", "nmcli",
    "python3", "raspi-config", "systemctl", "systemd-tmpfiles", "udevadm", "uname", "useradd", "userdel", "usermod",
)  # fmt: skip
STAND_IN = """#!/bin/bash
name=${0##*/}
echo "$name $*" >> "$PI/calls"
venv=${@: -1}
if [ "$name" = python3 ]; then mkdir -p "$venv/bin"; ln -sf "$PI/bin/python3" "$venv/bin/python"
    echo "include-system-site-packages = false" > "$venv/pyvenv.cfg"; fi
if [ "$name" = python ]; then sed 's/^/pip reads /' "${0%/bin/*}/pyvenv.cfg" >> "$PI/calls"; fi
if [ "$name" = getent ]; then grep -qx "$2" "$PI/say/accounts"; exit; fi
case "$name" in groupadd|useradd) echo "${@: -1}" >> "$PI/say/accounts" ;; groupdel|userdel)
    sed -i "/^$1\\$/d" "$PI/say/accounts" ;; esac
if [ -f "$PI/say/$name" ]; then cat "$PI/say/$name"; fi
[ ! -f "$PI/fails/$name" ]
"""


@dataclass
class Pi:
    """A Raspberry Pi as far as the script looks. answers: what the stand-ins say."""

    path: Path
    answers: dict[str, str] = field(
        default_factory=lambda: {"uname": "aarch64", "dpkg": "arm64", "id": "0", "nmcli": WIRED, "accounts": "i2c\n"}
    )

    def __post_init__(self) -> None:
        self.write("etc/os-release", 'PRETTY_NAME="Debian GNU/Linux"\nVERSION_CODENAME=bookworm\n')
        self.write("etc/hostname", "raspberrypi\n")
        self.write("etc/hosts", "127.0.0.1\tlocalhost\n127.0.1.1\traspberrypi\n")
        self.write("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0")
        self.write("proc/device-tree/serial-number", "10000000abcd1234\0")
        self.write("boot/firmware/config.txt", STOCK_CONFIG)
        self.write("usr/local/bin/.keep", "")
        for name in STAND_INS:
            self.write(f"bin/{name}", STAND_IN)
            (self.path / "bin" / name).chmod(0o755)
        (self.path / "fails").mkdir()
        for name, answer in self.answers.items():
            self.write(f"say/{name}", answer)

    def write(self, name: str, content: str) -> None:
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(content)

    def read(self, name: str) -> str:
        return (self.path / name).read_text()

    def calls(self) -> list[str]:
        """How the stand-ins were called since the last look."""
        log = self.path / "calls"
        calls = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return calls

    def files(self) -> dict[str, str]:
        """Everything below etc, boot, opt and usr: what an installation may change."""
        found = (path for top in ("etc", "boot", "opt", "usr") for path in (self.path / top).rglob("*"))
        return {str(path.relative_to(self.path)): path.read_text() for path in found if path.is_file()}

    def install(self, *options: str, code: int = 0) -> str:
        """What the script says."""
        environment = {
            "PATH": f"{self.path / 'bin'}:{os.environ['PATH']}", "PI": str(self.path),
            "LAPWING_INSTALL_ROOT": str(self.path), "SUDO_USER": "ada",
        }  # fmt: skip
        finished = subprocess.run([SCRIPT, *options], env=environment, capture_output=True, text=True, check=False)
        assert finished.returncode == code, finished.stdout + finished.stderr
        return finished.stdout + finished.stderr


@pytest.fixture
def pi(tmp_path: Path) -> Pi:
    return Pi(tmp_path)


def test_it_makes_a_car_and_says_so(pi: Pi) -> None:
    said = pi.install()
    calls = pi.calls()
    assert "Raspberry Pi 4 Model B Rev 1.4, bookworm." in said
    assert "sudo reboot" in said
    assert any(call.startswith("apt-get install") and "--no-install-recommends" in call for call in calls)
    assert any("python3-picamera2" in call for call in calls)
    (pip,) = [call for call in calls if "-m pip install" in call]
    assert "--only-binary :all: --no-binary rplidar-roboticia" in pip
    assert f"{ROOT}[vehicle] gpiod>=" in pip
    assert "usermod --append --groups lapwing ada" in calls
    assert "hostnamectl set-hostname lapwing-1234" in calls
    assert "systemctl try-restart avahi-daemon.service" in calls
    assert pi.read("etc/hosts") == "127.0.0.1\tlocalhost\n127.0.1.1\tlapwing-1234\n"
    # I2C comes with the restart.
    assert not any(call.startswith("systemctl start --no-block lapwing") for call in calls)


def test_pip_does_not_see_the_systems_packages_and_the_car_does(pi: Pi) -> None:
    # picamera2 is there, and beside it a simplejpeg that was made for another NumPy than the one that pip installs.
    for _ in range(2):
        pi.install()
        assert "pip reads include-system-site-packages = false" in pi.calls()
        assert pi.read("opt/lapwing/pyvenv.cfg") == "include-system-site-packages = true\n"


def test_a_car_whose_programs_could_not_be_renewed_still_sees_the_systems_packages(pi: Pi) -> None:
    pi.install()
    pi.write("fails/python", "")
    assert "Check the network" in pi.install(code=1)
    assert pi.read("opt/lapwing/pyvenv.cfg") == "include-system-site-packages = true\n"


def test_every_user_and_group_that_a_unit_names_is_made(pi: Pi) -> None:
    pi.install()
    made = {call.split()[-1] for call in pi.calls() if call.split()[0] in ("useradd", "groupadd")} | {"i2c"}
    for unit in services():
        assert unit.one("User") in made
        assert unit.one("Group") in made


def test_units_settings_and_rules_lie_where_the_programs_look(pi: Pi) -> None:
    pi.install()
    installed = {path.name for path in (pi.path / "etc/systemd/system").iterdir()}
    kinds = (".service", ".socket", ".path", ".target", ".slice", ".d")
    assert installed == {path.name for path in UNITS.iterdir() if path.suffix in kinds}
    assert pi.read("etc/systemd/system/lapwing-.service.d/hardening.conf").startswith("#")
    assert pi.read("etc/tmpfiles.d/lapwing.conf") == (UNITS / "lapwing.tmpfiles").read_text()
    assert pi.read("etc/udev/rules.d/70-lapwing.rules") == (UNITS / "lapwing.rules").read_text()
    assert pi.read("etc/polkit-1/rules.d/50-lapwing.rules") == (UNITS / "lapwing-polkit.rules").read_text()
    settings = load_settings(CarConfig, pi.path / str(INSTALLED_CONFIG).lstrip("/"), ())
    folders = {settings.models, settings.calibrations, settings.record.folder, settings.drive.cache}
    made = {Path(line.split()[1]) for line in (UNITS / "lapwing.tmpfiles").read_text().splitlines() if line[0] == "d"}
    assert folders < made
    enabled = next(call for call in pi.calls() if call.startswith("systemctl enable --quiet lapwing.target"))
    assert {"lapwing-guard.service", "lapwing-actuator.service", "lapwing-drive.service"} <= set(enabled.split())


def test_the_boot_settings_are_one_marked_block_and_keep_the_camera_that_was_set(pi: Pi) -> None:
    pi.install()
    config = pi.read("boot/firmware/config.txt")
    assert config.startswith(STOCK_CONFIG + "# lapwing begin\n[all]\n")
    assert "dtparam=i2c_arm_baudrate=400000\n" in config
    assert config.count("camera_auto_detect=1") == 1
    pi.write("boot/firmware/config.txt", "dtparam=audio=on\n")
    pi.install()
    assert "camera_auto_detect=1\n# lapwing end\n" in pi.read("boot/firmware/config.txt")


def test_a_second_time_changes_nothing_and_starts_the_services(pi: Pi) -> None:
    pi.install()
    pi.write("say/dpkg-query", "install ok installed")
    pi.write("etc/hostname", "lapwing-1234\n")
    pi.write("etc/lapwing/car.toml", "[limits]\nmax_speed_mps = 2.0\n")  # a person's own
    before, _ = pi.files(), pi.calls()
    said = pi.install()
    calls = pi.calls()
    assert pi.files() == before
    assert "wrote" not in said
    assert not any(call.split()[0] in ("apt-get", "useradd", "groupadd", "hostnamectl") for call in calls)
    assert any(call.startswith("systemctl start --no-block lapwing.target") for call in calls)


def test_a_dry_run_changes_nothing_and_needs_no_root(pi: Pi) -> None:
    pi.write("say/id", "1000")
    before = pi.files()
    said = pi.install("--dry-run", "--wifi-country", "DE")
    assert pi.files() == before
    assert "would run: apt-get install" in said.replace("env DEBIAN_FRONTEND=noninteractive ", "")
    assert "would write:" in said
    asked = {"dpkg", "dpkg-query", "getent", "id", "iw", "nmcli", "uname"}
    assert {call.split()[0] for call in pi.calls()} <= asked


def test_undo_leaves_the_system_as_it_was(pi: Pi) -> None:
    pi.write("say/nmcli", "")
    before = pi.files()
    pi.install()
    assert pi.files() != before
    said = pi.install("--undo")
    assert pi.files() == before
    assert not any((pi.path / path).exists() for path in ("opt/lapwing", "etc/lapwing", "usr/local/bin/lapwing-car"))
    calls = pi.calls()
    assert "hostnamectl set-hostname raspberrypi" in calls
    assert "systemctl disable --quiet lapwing.target" in calls
    assert all(unit.one("WantedBy") == "lapwing.target" for unit in services() if unit.one("WantedBy"))
    assert pi.read("say/accounts") == "i2c\ngpio\n"
    assert "/var/lib/lapwing" in said
    pi.install("--undo")  # there is nothing left to undo


def test_changed_settings_outlast_an_undo_and_hold_in_the_next_installation(pi: Pi) -> None:
    shipped, own = (UNITS / "car.toml").read_text(), "[limits]\nmax_speed_mps = 2.0\n"
    pi.install()
    pi.install("--undo")
    assert not (pi.path / "var/lib/lapwing/car.toml").exists()
    for settings in (own, own, shipped):
        pi.install()
        pi.write("etc/lapwing/car.toml", settings)
        pi.install("--undo")
        pi.install()
        assert pi.read("etc/lapwing/car.toml") == settings
        pi.install("--undo")


def test_settings_written_since_the_undo_hold_and_those_it_kept_are_not_lost(pi: Pi) -> None:
    pi.write("var/lib/lapwing/car.toml", "kept")
    pi.write("etc/lapwing/car.toml", "new")
    pi.install()
    assert (pi.read("etc/lapwing/car.toml"), pi.read("var/lib/lapwing/car.toml")) == ("new", "kept")


def test_what_an_installation_left_behind_is_the_new_groups(pi: Pi) -> None:
    pi.write("var/lib/lapwing/calibration/1.toml", "kept")
    pi.install()
    calls = pi.calls()
    assert calls.index(f"chgrp -hR lapwing {pi.path}/var/lib/lapwing") > calls.index("groupadd --system lapwing")


def test_undo_never_deletes_what_is_on_a_stick(pi: Pi) -> None:
    pi.install()
    pi.write("run/lapwing-usb/sda1/holiday.jpg", "mine")
    assert "still mounted" in pi.install("--undo")
    assert pi.read("run/lapwing-usb/sda1/holiday.jpg") == "mine"


def test_where_no_wifi_is_known_the_car_makes_its_own_with_a_password_that_no_command_line_shows(pi: Pi) -> None:
    pi.write("say/nmcli", WIRED)
    said = pi.install("--wifi-country", "DE")
    file = pi.path / "etc/NetworkManager/system-connections/lapwing-hotspot.nmconnection"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    password = file.read_text().partition("psk=")[2].partition("\n")[0]
    assert len(password) == 12
    assert f"Name: lapwing-1234  Password: {password}" in said
    calls = "\n".join(pi.calls())
    assert "raspi-config nonint do_wifi_country DE" in calls
    assert password not in calls
    pi.install()
    assert password in file.read_text()


@pytest.mark.parametrize("options", [[], ["--no-hotspot"]])
def test_where_a_wifi_is_known_or_no_hotspot_is_wanted_none_is_made(pi: Pi, options: list[str]) -> None:
    pi.write("say/nmcli", WIRED if options else f"{WIRED}\n802-11-wireless:Home")
    pi.install(*options)
    assert not (pi.path / "etc/NetworkManager").exists()


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("say/uname", "x86_64", "64-bit"),
        ("say/dpkg", "armhf", "64-bit"),
        ("etc/os-release", "VERSION_CODENAME=bullseye\n", "bullseye"),
        ("proc/device-tree/model", "NVIDIA Jetson Nano\0", "NVIDIA Jetson Nano"),
        ("say/id", "1000", "sudo ./scripts/install-car"),
        ("boot/firmware/config.txt", "dtoverlay=i2c-pwm-pca9685a,addr=0x40\n", "Remove line 1:dtoverlay=i2c-pwm-pca96"),
        ("sys/bus/i2c/drivers/pca9685-pwm/1-0040", "", "pca9685-pwm"),
        ("fails/apt-get", "", "Check the network"),
    ],
)
def test_a_wrong_system_is_refused_in_a_sentence(pi: Pi, file: str, content: str, reason: str) -> None:
    pi.write(file, content)
    said = pi.install(code=1).splitlines()[-1]
    assert said.startswith("Error: ")
    assert reason in said
    assert not (pi.path / "opt/lapwing").exists()


@pytest.mark.parametrize(
    ("options", "code"),
    [(["--nmae", "x"], 2), (["--name", "My Car"], 1), (["--name", "-x"], 1), (["--wifi-country", "de"], 1)],
)
def test_wrong_options_are_refused_before_anything_is_looked_at(pi: Pi, options: list[str], code: int) -> None:
    assert "Error: " in pi.install(*options, code=code)
    assert pi.calls() == []


def test_the_gpio_library_is_the_one_that_the_extra_names() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert any(requirement.startswith("gpiod>=") and ",<" in requirement for requirement in extras["pi"])
