"""Both engines give the same answer, and refuse what they cannot run with a sentence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from shared.errors import ArchiveError, MetadataError
from shared.model_archive import ModelArchive, read_archive
from shared.sensors import FRONT_CAMERA
from vehicle.drive.engine import open_engine

ENGINES = ["openvino", "onnxruntime"]


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (1, 1, 120, 160)).astype(np.float32)


def test_the_engines_agree(archive: ModelArchive) -> None:
    engines = [open_engine(archive, name) for name in ENGINES]
    for seed in range(10):
        answers = [engine.infer({FRONT_CAMERA: picture(seed)}) for engine in engines]
        assert answers[0].shape == (1, 15)
        assert answers[0].sum() == pytest.approx(1.0, abs=1e-5)
        np.testing.assert_allclose(answers[0], answers[1], atol=1e-5)


def test_onnx_runtime_is_told_to_tell_nobody(archive: ModelArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    told, session = [], onnxruntime.InferenceSession
    monkeypatch.setattr(onnxruntime, "disable_telemetry_events", lambda: told.append("hush"))
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *a, **k: told.append("open") or session(*a, **k))
    open_engine(archive, "onnxruntime")
    assert told == ["hush", "open"]


def test_an_answer_stays_what_it_was_when_the_next_one_comes(archive: ModelArchive) -> None:
    engine = open_engine(archive)
    first = engine.infer({FRONT_CAMERA: picture(1)})
    kept = first.copy()
    engine.infer({FRONT_CAMERA: picture(2)})
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("name", ENGINES)
def test_arrays_that_are_filled_anew_are_read_anew(archive: ModelArchive, name: str) -> None:
    engine, fresh = open_engine(archive, name), open_engine(archive, name)
    inputs = {FRONT_CAMERA: picture(1)}
    for seed in (2, 3):
        inputs[FRONT_CAMERA][...] = picture(seed)
        np.testing.assert_array_equal(engine.infer(inputs), fresh.infer({FRONT_CAMERA: picture(seed)}))
    wide = {FRONT_CAMERA: np.repeat(picture(4), 2, axis=3)[..., ::2]}  # not in one piece of memory
    for seed in (5, 6):
        wide[FRONT_CAMERA][...] = picture(seed)
        np.testing.assert_array_equal(engine.infer(wide), fresh.infer({FRONT_CAMERA: picture(seed)}))


@pytest.mark.parametrize("name", ENGINES)
def test_a_model_that_does_not_fit_its_metadata_is_refused(make_archive: Callable[..., bytes], name: str) -> None:
    wrong = read_archive(make_archive(outputs=5))
    with pytest.raises(MetadataError, match="policy"):
        open_engine(wrong, name)


@pytest.mark.parametrize("name", ENGINES)
def test_a_model_that_is_not_one_is_refused(archive: ModelArchive, name: str) -> None:
    from dataclasses import replace

    with pytest.raises(ArchiveError, match="cannot be loaded"):
        open_engine(replace(archive, model_bytes=archive.model_bytes[:200]), name)
