"""A policy answers the same wherever it was loaded from, and what is no policy is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from shared.actions import DEFAULT_ACTION_SPACE
from shared.errors import LapwingError
from shared.lidar import LidarConfig
from shared.model_archive import read_archive, write_archive
from shared.model_metadata import ModelMetadata
from shared.sensors import FRONT_CAMERA
from tests.trainer.sensor_sets import made_up
from tests.trainer.untrained_run import untrained_run
from trainer.evaluation.policy import load_policy
from trainer.export.checkpoint_export import export_checkpoint

PICTURES = {FRONT_CAMERA: np.random.default_rng(0).integers(0, 256, (3, 1, 120, 160), dtype=np.uint8)}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one run, exported."""
    folder = tmp_path_factory.mktemp("home")
    export_checkpoint(untrained_run(folder), frames=4)
    return folder


def test_a_checkpoint_and_its_archive_answer_alike(home: Path) -> None:
    checkpoint = load_policy("untrained", home)
    archive = load_policy(home / "runs/untrained/archives/untrained.tar.gz", home)
    assert checkpoint.action_space == archive.action_space == DEFAULT_ACTION_SPACE
    first, second = checkpoint.act(PICTURES), archive.act(PICTURES)
    assert first.shape == second.shape == (3, 15)
    assert (first.dtype, second.dtype) == (np.float32, np.float32)
    assert np.abs(first - second).max() < 1e-4
    assert np.array_equal(first.argmax(axis=1), second.argmax(axis=1))
    assert first.sum(axis=1) == pytest.approx(1.0, abs=1e-5)


def test_a_batch_is_answered_picture_by_picture(home: Path) -> None:
    policy = load_policy(home / "runs/untrained/archives/untrained.tar.gz", home)
    together = policy.act(PICTURES)
    alone = np.concatenate([policy.act({FRONT_CAMERA: PICTURES[FRONT_CAMERA][i : i + 1]}) for i in range(3)])
    assert np.array_equal(together, alone)


def test_the_checkpoint_can_be_chosen(home: Path) -> None:
    answers = {
        which: load_policy(f"untrained{which}", home).act(PICTURES).tobytes()
        for which in ("", ":best", ":last", ":100", ":200")
    }
    assert answers[""] == answers[":best"] == answers[":100"]
    assert answers[":last"] == answers[":200"]
    assert answers[":best"] != answers[":last"]


def test_folders_work_too(home: Path) -> None:
    best = load_policy("untrained", home).act(PICTURES)
    assert np.array_equal(load_policy(home / "runs" / "untrained", home).act(PICTURES), best)
    last = load_policy(home / "runs" / "untrained" / "checkpoints" / "200", home)
    assert not np.array_equal(last.act(PICTURES), best)
    assert last.run is not None
    assert last.run.name == "untrained"


def test_continuous_policies_and_stacks_answer_too(tmp_path: Path) -> None:
    untrained_run(tmp_path, "smooth", 'car.actions={kind="continuous"}', "car.stack_size=2", steps=(1,))
    export_checkpoint(load_policy("smooth", tmp_path).run, frames=2)  # type: ignore[arg-type]
    pictures = {FRONT_CAMERA: np.repeat(PICTURES[FRONT_CAMERA], 2, axis=1)}
    for source in ("smooth", tmp_path / "runs/smooth/archives/smooth.tar.gz"):
        policy = load_policy(source, tmp_path)
        assert policy.metadata.stack_size == 2
        output = policy.act(pictures)
        assert output.shape == (3, 2)
        assert (np.abs(output) <= 1).all()


def test_policies_with_more_sensors_answer_alike_from_everywhere(tmp_path: Path) -> None:
    sensors = ("LIDAR", "STEREO_CAMERAS", "WHEEL_SPEED_AND_YAW_RATE")
    lidar = ("car.lidar.num_rays=32", "car.lidar.clip_m=2")
    run = untrained_run(tmp_path, "seer", f"car.sensors={json.dumps(sensors)}", *lidar, steps=(1,))
    export_checkpoint(run, frames=2)
    seen = made_up(sensors, 3, lidar_config=LidarConfig(num_rays=32, clip_m=2))
    answers = []
    for source in ("seer", run.archives_path / "seer.tar.gz"):
        policy = load_policy(source, tmp_path)
        assert (policy.metadata.sensors, policy.metadata.lidar) == (sensors, LidarConfig(num_rays=32, clip_m=2))
        answers.append(policy.act(dict(reversed(seen.items()))))  # by name, not by place
    assert np.abs(answers[0] - answers[1]).max() < 1e-4
    assert len(np.unique(answers[0].round(6), axis=0)) == 3


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("untraind", "Did you mean 'untrained'"),
        ("untrained:300", "100, 200"),
        ("untrained:fastest", "best, last"),
        ("nowhere.tar.gz", "no file nowhere.tar.gz"),
        ("./nothing/here", "no file"),
        ("/tmp", "neither a run nor a checkpoint"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(home: Path, source: str, words: str) -> None:
    with pytest.raises(LapwingError, match=words):
        load_policy(source, home)


def test_a_model_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.tar.gz"
    write_archive(path, metadata=ModelMetadata(DEFAULT_ACTION_SPACE), model=b"this is not ONNX")
    with pytest.raises(LapwingError, match="is damaged"):
        load_policy(path, tmp_path)


def test_a_model_whose_tensors_are_not_its_metadatas_is_refused(home: Path, tmp_path: Path) -> None:
    archive = read_archive(home / "runs/untrained/archives/untrained.tar.gz")
    path = tmp_path / "other.tar.gz"
    write_archive(path, metadata=archive.metadata.changed(stack_size=3), model=archive.model_bytes)
    with pytest.raises(LapwingError, match=r"shape \[1, 1, 120, 160\]"):
        load_policy(path, tmp_path)
