"""The lapwing-car command: refusals are one line, and its verbs do what their help says."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from shared.errors import LinkError
from vehicle.cli import root, run
from vehicle.processes import ProcessGroup, wait_for
from vehicle.runtime_folder import RuntimeFolder, listen

VERBS = sorted(
    path.stem.replace("_", "-") for path in (Path(__file__).parents[2] / "vehicle" / "commands").glob("[a-z]*.py")
)


def test_help_shows_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert {"board", "guard", "actuator", "drive", "up", "install", "models", "neutral"} <= set(VERBS)
    assert all(re.search(rf"^  {verb} +\w", shown, re.MULTILINE) for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_takes_a_config_and_says_so(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = root.get_command(click.Context(root), verb)
    shown = _help_of(verb, capsys)
    if isinstance(command, click.Group) and "--config" not in shown:
        assert all("--config" in _help_of(f"{verb} {part}", capsys) for part in command.commands)
    else:
        assert "--config" in shown


def _help_of(verb: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert run([*verb.split(), "--help"]) == 0
    return capsys.readouterr().out


def test_a_misspelt_setting_is_one_line_with_the_right_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "car.toml"
    config.write_text("[limits]\nmax_sped_mps = 1.0\n")
    assert run(["models", "--config", str(config)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "max_speed_mps" in error


@pytest.mark.parametrize(
    ("left", "right", "is_another"),
    [
        ("", "", False),
        ("", "number = 1", True),
        ('kind = "usb"', 'kind = "usb"', False),
        ('kind = "usb"', 'kind = "usb"\nnumber = 1', False),
        ('kind = "usb"', 'kind = "usb"\ndevice = "/dev/video2"', True),
        ("", 'kind = "usb"', True),
    ],
)
def test_a_second_camera_that_is_the_first_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], left: str, right: str, is_another: bool
) -> None:
    config = tmp_path / "car.toml"
    config.write_text(f'models = "{tmp_path}"\n[camera]\n{left}\n[right_camera]\n{right}\n')
    assert run(["models", "--config", str(config)]) == (0 if is_another else 1)
    assert ("right_camera: it is the same camera" in capsys.readouterr().err) != is_another


@pytest.mark.parametrize("option", ["--laps", "--timeout"])
def test_a_drive_of_less_than_nothing_is_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["up", "--emulated", option, "-1"]) == 2
    assert "not in the range" in capsys.readouterr().err


@pytest.fixture
def ordinary(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own process goes before no other, whoever runs an actuator in it."""
    monkeypatch.setattr("vehicle.actuator.process.become_realtime", lambda priority: None)


@pytest.mark.usefixtures("ordinary")
def test_a_computer_that_is_no_car_is_told_what_to_do(
    folder: RuntimeFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["actuator", "--runtime", str(folder.path)]) == 1
    assert "--emulated" in capsys.readouterr().err


@pytest.mark.usefixtures("ordinary")
def test_without_a_board_the_actuator_says_which_command_starts_one(
    folder: RuntimeFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["actuator", "--emulated", "--runtime", str(folder.path)]) == 1
    assert "lapwing-car board" in capsys.readouterr().err


def test_models_are_installed_listed_and_chosen(
    tmp_path: Path, make_archive: Callable[..., bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--set", f"models={tmp_path / 'models'}"]
    for name, bias in (("fast", 0.0), ("slow", 1.0)):
        (tmp_path / f"{name}.tar.gz").write_bytes(make_archive(bias=bias))
        assert run(["install", str(tmp_path / f"{name}.tar.gz"), *options]) == 0
    assert run(["models", "--choose", "slow", *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].startswith("  fast")
    assert lines[-1].startswith("* slow")
    assert run(["models", "--choose", "slwo", *options]) == 1
    assert "Installed: fast, slow" in capsys.readouterr().err


def test_an_archive_that_is_not_one_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.tar.gz").write_bytes(b"not an archive")
    assert run(["install", str(tmp_path / "x.tar.gz"), "--set", f"models={tmp_path / 'models'}"]) == 1
    assert capsys.readouterr().err.startswith("Error: ")


def test_a_process_that_ends_by_itself_is_reported_with_its_last_words(tmp_path: Path) -> None:
    group = ProcessGroup(tmp_path)
    process = group.start("talker", ["sh", "-c", "echo it broke; exit 3"])
    process.running.wait()
    with pytest.raises(LinkError, match=r"'talker' ended with code 3.*it broke"):
        group.check()
    group.end()


@pytest.mark.parametrize("kind", [socket.SOCK_SEQPACKET, socket.SOCK_STREAM])
def test_a_socket_that_a_killed_process_left_behind_is_nobody(folder: RuntimeFolder, kind: socket.SocketKind) -> None:
    with listen(folder.actuator, kind):
        wait_for(folder.actuator, ProcessGroup(folder.path), 0.0)
    assert folder.actuator.exists()
    with pytest.raises(LinkError, match="Nothing appeared"):
        wait_for(folder.actuator, ProcessGroup(folder.path), 0.0)


def test_a_program_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="Is it installed"):
        ProcessGroup(tmp_path).start("ghost", [os.fspath(tmp_path / "ghost")])
