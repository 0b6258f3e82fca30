"""A stick's models are installed and its network joined; nothing on it is trusted, and no password is told."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from shared.errors import ArchiveError, StorageError
from vehicle.models.usb_stick import MOST_MODELS, MOST_NAMED, take_in, write_result
from vehicle.models.wifi_file import WifiCredentials, parse_wifi_file, run_command

SECRET = "correct horse"


class Car:
    """What the stick makes the car do."""

    def __init__(self, code: int = 0) -> None:
        self.installed: dict[str, bytes] = {}
        self.commands: list[tuple[Sequence[str], bytes]] = []
        self._code = code

    def install(self, path: Path) -> str:
        if path.read_bytes() == b"bad":
            raise ArchiveError("It is bad.")
        self.installed[path.name] = path.read_bytes()
        return "Examined." if path.read_bytes() == b"fine" else ""

    def run(self, command: Sequence[str], secret: bytes) -> int:
        self.commands.append((command, secret))
        return self._code


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    (tmp_path / "stick" / "models").mkdir(parents=True)
    return tmp_path / "stick"


def test_models_are_installed_one_by_one_whatever_the_others_are(stick: Path) -> None:
    for name, content in {"a.tar.gz": b"good", "b.tar.gz": b"bad", "c d.tar.gz": b"fine", "E.TAR.GZ": b"old"}.items():
        (stick / "models" / name).write_bytes(content)
    car = Car()
    lines = take_in(stick, car.install, car.run)
    assert lines == ["E: installed.", "a: installed.", "b: not installed. It is bad.", "c_d: installed. Examined."]
    assert car.installed == {"E.tar.gz": b"old", "a.tar.gz": b"good", "c_d.tar.gz": b"fine"}


def test_what_is_no_archive_is_left_alone_and_told(stick: Path) -> None:
    for name in ("a.tar.gz", "model.pb", "x.zip", ".Trash", "odd\n.txt"):
        (stick / "models" / name).write_bytes(b"good")
    car = Car()
    lines = take_in(stick, car.install, car.run)
    assert lines == ["a: installed.", "Not taken: model.pb, odd_.txt, x.zip; only NAME.tar.gz is a model archive."]
    assert set(car.installed) == {"a.tar.gz"}


def test_nothing_but_plain_files_is_opened_and_no_link_followed(stick: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.tar.gz").write_bytes(b"secret")
    (stick / "models" / "link.tar.gz").symlink_to(tmp_path / "secret.tar.gz")
    os.mkfifo(stick / "models" / "pipe.tar.gz")
    (stick / "models" / "folder.tar.gz").mkdir()
    (stick / "wifi-creds.txt").symlink_to(tmp_path / "secret.tar.gz")
    car = Car()
    lines = take_in(stick, car.install, car.run)
    assert len(lines) == 4
    assert all(": installed." not in line and "joined" not in line for line in lines)
    assert (car.installed, car.commands) == ({}, [])


def test_a_file_larger_than_an_archive_can_be_is_refused_unread(stick: Path) -> None:
    with (stick / "models" / "huge.tar.gz").open("wb") as file:
        file.truncate(1 << 40)  # it takes no room, and to read it would take an hour
    with (stick / "wifi-creds.txt").open("wb") as file:
        file.truncate(1 << 40)
    car = Car()
    lines = take_in(stick, car.install, car.run)
    assert len(lines) == 2
    assert all("larger than" in line for line in lines)
    assert (car.installed, car.commands) == ({}, [])


def test_a_stick_full_of_names_is_read_up_to_a_limit_and_says_so(stick: Path) -> None:
    for number in range(MOST_MODELS + MOST_NAMED + 2):
        (stick / "models" / f"{number:03}.tar.gz").write_bytes(b"bad")
    car = Car()
    lines = take_in(stick, car.install, car.run)
    assert len(lines) == MOST_MODELS + 1
    assert lines[-1].startswith(f"Not taken: 0{MOST_MODELS}.tar.gz, ")
    assert "and 2 more" in lines[-1]


def test_a_folder_that_is_a_link_is_not_entered(stick: Path, tmp_path: Path) -> None:
    (stick / "models").rmdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.tar.gz").write_bytes(b"good")
    (stick / "models").symlink_to(tmp_path / "elsewhere")
    car = Car()
    assert "cannot be read" in take_in(stick, car.install, car.run)[0]
    assert car.installed == {}


def test_a_stick_that_is_pulled_out_is_told(stick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (stick / "models" / "a.tar.gz").write_bytes(b"good")
    (stick / "models" / "b.tar.gz").write_bytes(b"good")
    real = os.fdopen

    def broken(descriptor: int, mode: str) -> object:
        monkeypatch.setattr(os, "fdopen", real)
        os.close(descriptor)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdopen", broken)
    car = Car()
    lines = take_in(stick, car.install, car.run)
    assert "pulled out or broke" in lines[0]
    assert lines[1] == "b: installed."
    assert "cannot be read" in take_in(stick / "gone", car.install, car.run)[0]


def test_the_network_is_joined_and_the_password_is_nowhere_but_in_the_pipe(stick: Path) -> None:
    (stick / "wifi-creds.txt").write_text(f"# home\nSSID: 'My Net'\npassword: \"{SECRET}\"\nconnection: x\n")
    car = Car()
    lines = take_in(stick, car.install, car.run)
    [(command, secret)] = car.commands
    assert command[0] == "nmcli"
    assert command[-1] == "My Net"
    assert secret == SECRET.encode() + b"\n"
    assert SECRET not in " ".join([*command, *lines])
    assert lines[0].startswith(f"Wi-Fi: joined My Net, where this car is {socket.gethostname()}.local.")
    assert SECRET not in repr(parse_wifi_file((stick / "wifi-creds.txt").read_bytes()))
    failed = take_in(stick, car.install, Car(code=4).run)
    assert "was not joined" in failed[0]
    assert SECRET not in failed[0]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"ssid: ''",
        b"ssid: '--ask'",
        b"ssid: '" + b"x" * 33 + b"'",
        b"ssid: 'a\x07b'",
        b"ssid: net\npassword: short",
        b"ssid: net\npassword: " + b"x" * 64,
        b"\xff\xfe",
    ],
)
def test_a_wifi_file_that_is_none_is_refused(content: bytes) -> None:
    with pytest.raises(StorageError):
        parse_wifi_file(content)


def test_without_networkmanager_it_is_said_what_to_install() -> None:
    with pytest.raises(StorageError, match=r"There is no no-such-nmcli here.* Install NetworkManager"):
        run_command(["no-such-nmcli", "device"], b"secret")


def test_an_open_network_needs_no_password() -> None:
    assert parse_wifi_file(b"\xef\xbb\xbfssid: cafe") == WifiCredentials("cafe")


def test_the_result_is_left_on_the_stick_and_follows_no_link(stick: Path, tmp_path: Path) -> None:
    write_result(stick, ["a: installed."])
    assert (stick / "lapwing-result.txt").read_text() == "a: installed.\n"
    (stick / "lapwing-result.txt").unlink()
    (tmp_path / "victim").write_text("mine")
    (stick / "lapwing-result.txt").symlink_to(tmp_path / "victim")
    with pytest.raises(StorageError, match="cannot be written"):
        write_result(stick, ["x"])
    assert (tmp_path / "victim").read_text() == "mine"


IN_A_READ_ONLY_STICK = """
import subprocess, sys
from pathlib import Path
from shared.errors import StorageError
from vehicle.models.usb_stick import take_in, write_result

stick = Path(sys.argv[1])
subprocess.run(["mount", "--bind", stick, stick], check=True)
subprocess.run(["mount", "-o", "remount,bind,ro", stick], check=True)
print(take_in(stick, lambda archive: "", lambda command, secret: 0))
try:
    write_result(stick, ["a: installed."])
except StorageError as error:
    print(error)
"""
NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")


@pytest.mark.skipif(
    shutil.which("unshare") is None or subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode != 0,
    reason="needs a mount namespace",
)
def test_a_stick_that_cannot_be_written_is_taken_in_all_the_same_and_its_result_told_here(stick: Path) -> None:
    (stick / "models" / "a.tar.gz").write_bytes(b"good")
    command = [*NAMESPACE, sys.executable, "-c", IN_A_READ_ONLY_STICK, str(stick)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert said == [
        "['a: installed.']",
        "The result cannot be written to the stick (Read-only file system).",
    ]
    assert [path.name for path in stick.iterdir()] == ["models"]
