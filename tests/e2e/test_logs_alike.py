"""One model drives in the simulator and on the emulated car: one function reads both logs, and they compare."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.drive_channels import CameraFrame, ModelInput
from shared.drive_log import read_drive_log
from shared.drive_table import DriveTable, read_drive
from shared.model_archive import read_archive
from shared.model_metadata import METADATA_NAME
from tests.vehicle.drive.turns import store
from trainer.evaluation.evaluate import evaluate
from trainer.evaluation.plan import EvaluationPlan
from trainer.evaluation.policy import load_policy
from trainer.evaluation.recordings import TrialLog
from trainer.tracks import Track
from vehicle.drive.engine import open_engine
from vehicle.drive.open_log import DriveFacts
from vehicle.drive.pilot import ModelPilot
from vehicle.drive.recordings import Recordings
from vehicle.drive.turn import Turn
from vehicle.drive.turn_messages import TurnMessages
from vehicle.hardware.pictures import jpeg_of
from vehicle.models.store import SHIPPED_MODEL

DRIVE_S = 5.0
CARS_ALONE = {"steering_us", "throttle_us", "event", "mode", "reason", "limited_by", "epoch"}


class OnTheSpot:
    """A recorder without a thread."""

    def __init__(self, recordings: Recordings) -> None:
        self._recordings = recordings
        self._messages = TurnMessages()

    def record(self, turn: Turn) -> None:
        jpeg = None if turn.decision is None else jpeg_of(turn.decision.frame)
        self._recordings.take(self._messages.of(turn, jpeg))


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory, loop_track: Track) -> Path:
    path = tmp_path_factory.mktemp("logs") / "simulated.mcap"
    policy = load_policy(str(SHIPPED_MODEL), path.parent)
    with TrialLog(path, trial=1, policy=policy) as log:
        evaluate(policy, EvaluationPlan((loop_track,), trials=1, time_limit_s=DRIVE_S), spectators=[log])
    return path


@pytest.fixture
def driven(tmp_path: Path, virtual_car: Callable[..., Any]) -> Path:
    archive = read_archive(SHIPPED_MODEL)
    facts = DriveFacts({}, {METADATA_NAME: ("application/json", archive.metadata.to_json().encode())})
    times = [0.0]
    recordings = Recordings(store(tmp_path), clock=lambda: times[0], wall_ns=lambda: 10**18, facts=facts)
    car = virtual_car(pilot=ModelPilot(archive, open_engine(archive)), recorder=OnTheSpot(recordings))
    car.arm()
    times[0] = car.clock()
    recordings.begin("driven")
    car.run(DRIVE_S)
    recordings.close()
    return tmp_path / "driven.mcap"


def known(table: DriveTable) -> set[str]:
    """Columns in which something stands."""
    return {
        name
        for name, values in table.columns.items()
        if (any(values) if values.dtype == object else np.isfinite(values).any())
    }


def first_input(path: Path) -> NDArray[np.uint8]:
    inputs = [entry.message for entry in read_drive_log(path, {"/model/input"}).of(ModelInput)]
    whole = [seen.grey_base64 for seen in inputs if isinstance(seen, ModelInput) and seen.grey_base64]
    return np.frombuffer(b64decode(whole[0]), np.uint8).reshape(-1, 120, 160)


def test_the_same_columns_mean_the_same_in_both_logs(simulated: Path, driven: Path) -> None:
    ours, theirs = read_drive(simulated), read_drive(driven)
    assert set(ours.columns) == set(theirs.columns)
    poses = {name for name in known(ours) if name in ("x_m", "y_m", "heading_deg", "speed_mps", "steering_angle_deg")}
    assert known(ours) ^ known(theirs) <= CARS_ALONE | poses | {"progress_percent", "lap", "is_off_track"}
    actions = read_archive(SHIPPED_MODEL).metadata.action_space.actions  # type: ignore[union-attr]
    allowed = {(action.steering_angle_deg, action.speed_mps) for action in actions}
    for table in (ours, theirs):
        columns = table.columns
        asked = set(zip(columns["asked_steering_angle_deg"].tolist(), columns["asked_speed_mps"].tolist(), strict=True))
        assert asked <= allowed
        np.testing.assert_array_equal(columns["asked_steering_angle_deg"], columns["model_steering_angle_deg"])
        values = np.stack([columns[f"model_value_{number}"] for number in range(len(actions))])
        np.testing.assert_allclose(values.sum(axis=0), 1.0, atol=1e-3)
        assert len(table) == pytest.approx(DRIVE_S * 15, abs=3)


def test_both_cars_steer_alike_when_their_rows_are_laid_side_by_side(simulated: Path, driven: Path) -> None:
    seconds = []
    for path in (simulated, driven):
        angles_deg = read_drive(path).resampled(15.0).columns["applied_steering_angle_deg"]
        seconds.append(angles_deg[: 15 * 4].reshape(4, 15).mean(axis=1))  # the model swings about its line
    assert np.abs(seconds[0]).max() > 4.0
    assert np.abs(seconds[0] - seconds[1]).mean() < 5.0, seconds


def test_the_model_was_shown_the_same_road(simulated: Path, driven: Path) -> None:
    ours, theirs = first_input(simulated), first_input(driven)
    assert ours.shape == theirs.shape
    assert np.abs(ours.astype(int) - theirs.astype(int)).mean() < 12
    for path in (simulated, driven):
        log = read_drive_log(path)
        assert METADATA_NAME in log.attachments
        assert len(log.of(CameraFrame)) == len(log.of(ModelInput))
