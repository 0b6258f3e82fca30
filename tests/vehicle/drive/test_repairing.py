"""When the drive starts, drives that were cut off are repaired beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.drive_channels import Command
from shared.drive_log import DriveLogWriter, read_drive_log
from tests.vehicle.drive.turns import store
from vehicle.drive.repairing import repairing


@pytest.mark.wall_clock
def test_a_drive_that_was_cut_off_is_whole_again_soon_after_the_start(tmp_path: Path) -> None:
    log = DriveLogWriter(tmp_path / "cut.mcap")
    log.write(Command(1.0, 1.0, "autonomous"), 0.0)
    log.sync()
    content = log.path.read_bytes()
    log.close()
    log.path.write_bytes(content)  # as the power left it
    with repairing(store(tmp_path)) as process:
        assert process is not None
        assert process.wait(60) == 0
    log_again = read_drive_log(log.path)
    assert log_again.is_complete
    assert len(log_again.entries) == 1


def test_a_car_that_never_recorded_has_nothing_to_repair(tmp_path: Path) -> None:
    with repairing(store(tmp_path / "none")) as process:
        assert process is None
