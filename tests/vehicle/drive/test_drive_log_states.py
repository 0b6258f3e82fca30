"""What the power-cut benchmark does to recorded drives: what was promised is there, and what is lost is noticed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.benchmarks.rig.drive_log_states import Promise, act, judge


@pytest.fixture
def cuts(tmp_path: Path) -> list[tuple[Path, list[Promise]]]:
    """The folder as it was after every group of promises, with what was promised until then."""
    folder, promises, found = tmp_path / "drives", [], []

    def promise(words: Promise) -> None:
        if promises and promises[-1][0] == words[0] == "picture":
            promises.append(words)
            return
        promises.append(words)
        copy = tmp_path / f"cut{len(found)}"
        shutil.copytree(folder, copy)
        found.append((copy, list(promises)))

    act(folder, promise)
    return [*found, (folder, promises)]


def test_at_every_promise_what_was_promised_is_on_the_disk(cuts: list[tuple[Path, list[Promise]]]) -> None:
    assert len(cuts) >= 5
    for folder, promises in cuts:
        assert judge(folder, promises) == []


def test_what_is_lost_is_noticed(cuts: list[tuple[Path, list[Promise]]]) -> None:
    folder, promises = cuts[1]
    assert ("kept", "first") in promises
    path = folder / "first.mcap"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (folder / "first.keep").unlink()
    problems = judge(folder, promises)
    assert "the bookmark of first is lost" in problems
    assert any("picture" in problem and "is lost" in problem for problem in problems)
