"""What a name stands for where a model is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.errors import ArchiveError, RunError
from tests.trainer.untrained_run import untrained_run
from trainer.models import sample_path
from trainer.runs.named_models import named_model


def test_a_run_goes_before_a_sample_of_its_name(tmp_path: Path) -> None:
    assert named_model(tmp_path, "race_bots") == sample_path("race_bots")
    run = untrained_run(tmp_path, "race_bots", steps=(100,))
    found = named_model(tmp_path, "race_bots:100")
    assert isinstance(found, tuple)
    assert (found[0].path, found[1]) == (run.path, "100")


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("avoid_object", RunError, "no run 'avoid_object'. Did you mean 'avoid_objects'"),
        ("mien", RunError, "Did you mean 'mine'"),
        ("avoid_objects:best", ArchiveError, "Leave ':best' out"),
    ],
)
def test_a_name_of_nothing_is_refused_with_the_closest_one(
    tmp_path: Path, text: str, error: type[Exception], words: str
) -> None:
    untrained_run(tmp_path, "mine", steps=(100,))
    with pytest.raises(error, match=words):
        named_model(tmp_path, text)
