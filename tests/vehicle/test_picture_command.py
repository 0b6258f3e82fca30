"""`lapwing-car picture`: what the camera sees, from the drive where one has it, else from the camera itself."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
import simplejpeg

from tests.vehicle.board_thread import switched_on
from tests.vehicle.drive.test_api import Desk
from vehicle.cli import run
from vehicle.drive.api import Answer, Request
from vehicle.drive.api_server import ApiServer
from vehicle.runtime_folder import RuntimeFolder


def test_it_comes_from_the_camera_where_nothing_drives(
    folder: RuntimeFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["picture", str(tmp_path / "a.jpg"), "--emulated", "--runtime", str(folder.path)]
    assert run(words) == 1
    assert capsys.readouterr().err.startswith("Error: ")
    with switched_on(folder):
        assert run(words) == 0
    assert simplejpeg.decode_jpeg((tmp_path / "a.jpg").read_bytes()).shape == (480, 640, 3)


class Filming(Desk):
    """A drive whose camera gives pictures, each another one."""

    def answer(self, request: Request) -> tuple[Answer, bytes]:
        self.sequence += 1
        self.jpeg = b"picture %d" % self.sequence
        return super().answer(request)


def test_it_comes_from_the_drive_that_has_the_camera_and_is_a_new_one(folder: RuntimeFolder, tmp_path: Path) -> None:
    with closing(ApiServer(Filming(), folder.drive)) as server:
        server.start()
        assert run(["picture", str(tmp_path / "a.jpg"), "--runtime", str(folder.path)]) == 0
    assert (tmp_path / "a.jpg").read_bytes() == b"picture 2"


def test_the_last_picture_of_a_camera_that_is_gone_is_not_shown(
    folder: RuntimeFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("vehicle.drive.api.LONGEST_WAIT_S", 0.05)
    desk = Desk()
    desk.sequence = 3
    with closing(ApiServer(desk, folder.drive)) as server:
        server.start()
        assert run(["picture", str(tmp_path / "a.jpg"), "--runtime", str(folder.path)]) == 1
    assert capsys.readouterr().err == "Error: The camera is not there.\n"
    assert not (tmp_path / "a.jpg").exists()
