"""`lapwing-car drives`: what a person sees and does with the recorded drives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from shared.drive_channels import Command
from shared.drive_log import DriveLogWriter
from vehicle.cli import run

Typed = Callable[..., int]


@pytest.fixture
def drives(tmp_path: Path) -> Path:
    """A folder with one drive, 'first', of three turns."""
    folder = tmp_path / "drives"
    folder.mkdir()
    with DriveLogWriter(folder / "first.mcap", about={"model": "fast", "track": "cup"}) as log:
        for number in range(3):
            log.write(Command(1.0, 1.0, "autonomous", number, number), number / 15)
    return folder


@pytest.fixture
def typed(drives: Path, tmp_path: Path) -> Typed:
    """Type a verb of `lapwing-car drives`; its exit code."""
    return lambda *words: run(
        ["drives", *words, "--set", f"record.folder={drives}", "--runtime", str(tmp_path / "runtime")]
    )


def test_drives_are_listed_with_what_they_were(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("keep", "first") == 0
    assert typed("list") == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("* first")
    assert "0.1 s  fast cup" in line


def test_a_drive_without_its_end_is_named_and_repaired(
    typed: Typed, drives: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = drives / "first.mcap"
    path.write_bytes(path.read_bytes()[:-10])
    typed("list")
    assert "lapwing-car drives repair" in capsys.readouterr().out
    typed("repair")
    assert "Repaired first: 3 messages." in capsys.readouterr().out


def test_a_drive_becomes_a_table(typed: Typed, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    assert typed("export", "first", "-o", str(table)) == 0
    assert len(table.read_text().splitlines()) == 4


def test_a_car_without_ffmpeg_says_how_to_get_one(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert typed("export", "first", "-o", str(tmp_path / "film.mp4")) == 1
    said = capsys.readouterr().err
    assert "sudo apt install ffmpeg" in said
    assert "lapwing drives export" in said


def test_a_drive_is_deleted_by_its_name(typed: Typed, drives: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("delete", "first") == 0
    assert list(drives.iterdir()) == []
    assert typed("delete", "first") == 1
    assert "There is no drive 'first'" in capsys.readouterr().err
    assert typed("list") == 0
    assert "No drive is recorded" in capsys.readouterr().out
