"""An engine is met in a process of its own first, and the faster one is remembered."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from shared.errors import ArchiveError
from shared.model_archive import ModelArchive, read_archive
from vehicle.drive import engine_probe
from vehicle.drive.engine_choice import CHOICES_FILE, EngineWish, default_cache, open_proven_engine
from vehicle.drive.engine_probe import Probe, probe_engine


class Prober:
    """Answers as told, and remembers who was asked."""

    def __init__(self, **median_ms: float | None) -> None:
        self.median_ms = median_ms
        self.asked: list[str] = []

    def __call__(self, archive: ModelArchive, engine: str, precision: str, cache: Path | None) -> Probe:
        self.asked.append(engine)
        found_ms = self.median_ms[engine]
        return Probe(engine, found_ms, "" if found_ms else "was ended by SIGILL", answered=found_ms is not None)


@pytest.mark.parametrize(("times", "faster"), [((0.5, 0.4), "onnxruntime"), ((0.3, 0.4), "openvino")])
def test_the_faster_engine_is_chosen_and_remembered(
    archive: ModelArchive, tmp_path: Path, times: tuple[float, float], faster: str
) -> None:
    prober = Prober(openvino=times[0], onnxruntime=times[1])
    wish = EngineWish(cache=tmp_path)
    for _ in range(2):
        assert open_proven_engine(archive, wish, prober).name == faster
    assert prober.asked == ["openvino", "onnxruntime"]


def test_an_engine_that_this_processor_cannot_run_is_never_met(archive: ModelArchive, tmp_path: Path) -> None:
    prober = Prober(openvino=None, onnxruntime=9.0)
    assert open_proven_engine(archive, EngineWish(cache=tmp_path), prober).name == "onnxruntime"


def test_where_no_engine_runs_the_model_every_reason_is_told_and_nothing_remembered(
    archive: ModelArchive, tmp_path: Path
) -> None:
    prober = Prober(openvino=None, onnxruntime=None)
    for _ in range(2):
        with pytest.raises(ArchiveError, match=r"openvino was ended by SIGILL; onnxruntime was ended by SIGILL"):
            open_proven_engine(archive, EngineWish(cache=tmp_path), prober)
    assert len(prober.asked) == 4


def test_another_model_or_another_wish_is_measured_for_itself(archive: ModelArchive, tmp_path: Path) -> None:
    prober = Prober(openvino=0.3, onnxruntime=0.4)
    wish = EngineWish(cache=tmp_path)
    open_proven_engine(archive, wish, prober)
    open_proven_engine(replace(archive, model_sha256="another"), wish, prober)
    assert len(prober.asked) == 4
    assert open_proven_engine(archive, replace(wish, name="onnxruntime"), prober).name == "onnxruntime"
    assert open_proven_engine(archive, replace(wish, precision="float16"), prober).name == "openvino"
    assert prober.asked[4:] == ["onnxruntime", "openvino"]


def test_an_engine_that_was_asked_for_and_cannot_is_no_reason_not_to_drive(
    archive: ModelArchive, tmp_path: Path
) -> None:
    prober = Prober(openvino=0.3)
    assert open_proven_engine(archive, EngineWish("onnxruntime", "float16", tmp_path), prober).name == "openvino"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 1, "choices": []}', b'{"version": 9}'])
def test_a_damaged_memory_means_measuring_again(archive: ModelArchive, tmp_path: Path, content: bytes) -> None:
    (tmp_path / CHOICES_FILE).write_bytes(content)
    prober = Prober(openvino=0.3, onnxruntime=0.4)
    assert open_proven_engine(archive, EngineWish(cache=tmp_path), prober).name == "openvino"
    assert json.loads((tmp_path / CHOICES_FILE).read_text())["version"] == 1


def test_without_a_folder_to_remember_in_it_runs_all_the_same(archive: ModelArchive, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    prober = Prober(openvino=0.3, onnxruntime=0.4)
    assert open_proven_engine(archive, EngineWish(cache=tmp_path / "file"), prober).name == "openvino"


def test_the_cache_is_where_the_system_keeps_such_things() -> None:
    assert default_cache({"CACHE_DIRECTORY": "/var/cache/lapwing", "XDG_CACHE_HOME": "/c"}) == Path(
        "/var/cache/lapwing"
    )
    assert default_cache({"XDG_CACHE_HOME": "/c"}) == Path("/c/lapwing")
    assert default_cache({}) == Path("~/.cache/lapwing")


@pytest.mark.wall_clock
def test_a_model_runs_in_a_process_of_its_own_and_its_compiled_form_is_kept(
    archive: ModelArchive, tmp_path: Path
) -> None:
    probe = probe_engine(archive, "openvino", "float32", tmp_path)
    assert probe.median_ms is not None, probe.problem
    assert 0.0 < probe.median_ms < 1000.0
    assert list(tmp_path.glob("*.blob"))


@pytest.mark.wall_clock
def test_a_model_that_is_refused_says_why(make_archive: Callable[..., bytes]) -> None:
    probe = probe_engine(read_archive(make_archive(outputs=5)), "onnxruntime", "float32", None)
    assert (probe.median_ms, probe.answered) == (None, True)
    assert "policy" in probe.problem


@pytest.mark.wall_clock
@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "was ended by SIGILL"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "was ended by SIGSEGV"),
        ("while True: pass", "gave no answer within 0.5 s"),
        ("raise SystemExit('out of memory')", "failed (out of memory)"),
    ],
)
def test_an_engine_that_dies_or_hangs_is_told_and_does_no_harm(
    archive: ModelArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, problem: str
) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S -c "{program}"\n')
    python.chmod(0o700)
    if "while" in program:
        monkeypatch.setattr(engine_probe, "TIMEOUT_S", 0.5)
    monkeypatch.setattr(engine_probe.sys, "executable", str(python))
    probe = probe_engine(archive, "openvino", "float32", None)
    assert (probe.median_ms, probe.problem, probe.answered) == (None, problem, False)
