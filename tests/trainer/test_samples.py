"""The sample models that ship: whole, told how they were made, found by name everywhere."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from shared.errors import ArchiveError
from shared.model_archive import read_archive
from trainer.cli import run
from trainer.evaluation.policy import load_policy
from trainer.models import sample_names, sample_path

# DeepRacer shipped a model for each of these; ours have the names of the rewards they learned with, or of their race.
DEEPRACERS = ("follow_center_line", "stay_inside_borders", "prevent_zig_zag", "avoid_objects", "race_bots")
MOST_MINUTES, MOST_BYTES, LEAST_LAPS = 20, 2_000_000, 0.7


def test_there_is_one_for_each_of_deepracers_and_a_continuous_twin_for_each_race_among_others() -> None:
    assert {*DEEPRACERS, "avoid_objects_continuous", "race_bots_continuous"} <= set(sample_names())


@pytest.mark.parametrize("name", sample_names())
def test_it_is_small_and_tells_how_it_was_made_and_how_well_it_drove(name: str) -> None:
    archive = read_archive(sample_path(name))
    told = archive.provenance or {}
    assert archive.verified
    assert sample_path(name).stat().st_size < MOST_BYTES
    assert shlex.split(told["command"])[:2] == ["lapwing", "train"]
    assert 0 < told["training_s"] / 60 <= MOST_MINUTES
    assert told["evaluation"]["laps_complete"] >= LEAST_LAPS * told["evaluation"]["trials"]
    continuous = name.endswith("_continuous")
    assert archive.metadata.action_space.kind == ("continuous" if continuous else "discrete")


def test_the_name_of_a_sample_is_a_model(tmp_path: Path) -> None:
    policy = load_policy("follow_center_line", tmp_path)
    assert policy.metadata == read_archive(sample_path("follow_center_line")).metadata


def test_an_unknown_sample_is_refused_with_the_closest_name() -> None:
    with pytest.raises(ArchiveError, match="Did you mean 'avoid_objects'"):
        sample_path("avoid_object")


def test_they_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["samples", "list"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in sample_names())
    assert run(["samples", "show", "avoid_objects"]) == 0
    shown = capsys.readouterr().out
    assert "made by    lapwing train" in shown
    assert "object_avoidance" in shown


def test_a_copy_is_the_archive_and_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.tar.gz"
    assert run(["samples", "copy", "race_bots", str(file)]) == 0
    assert file.read_bytes() == sample_path("race_bots").read_bytes()
    file.write_bytes(b"mine")
    assert run(["samples", "copy", "race_bots", str(file)]) == 1
    assert file.read_bytes() == b"mine"
    assert "exists already" in capsys.readouterr().err
