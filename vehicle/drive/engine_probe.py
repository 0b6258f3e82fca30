"""Tries one engine on one model in a process of its own, which it may end: `python -m vehicle.drive.engine_probe`.

The processor of a small computer may lack an instruction that an engine uses, and the end of that is no error but a
signal. So the process that drives never meets an engine that has not answered here before.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared.errors import ArchiveError, LapwingError
from shared.model_archive import ModelArchive
from shared.model_metadata import ModelMetadata
from shared.policy_io import policy_inputs
from vehicle.drive.engine import Precision, open_engine

TIMEOUT_S = 60.0
WARM_UPS = 10
MOST_ANSWERS, MEASURED_S = 300, 0.4


@dataclass(frozen=True, slots=True)
class Probe:
    """median_ms: of one answer; None where the engine failed. problem: why, a part of a sentence. answered: whether it
    could say so itself.
    """

    engine: str
    median_ms: float | None
    problem: str = ""
    answered: bool = True


def probe_engine(archive: ModelArchive, engine: str, precision: Precision, cache: Path | None) -> Probe:
    """Run the model on random pictures with this engine. Whatever happens there, this process goes on."""
    command = [sys.executable, "-m", __name__, engine, "--precision", precision]
    command += ["--cache", str(cache)] if cache is not None else []
    about = {"name": archive.name, "format": archive.model_format, "metadata": archive.metadata.to_json()}
    content = json.dumps(about).encode() + b"\n" + archive.model_bytes
    try:
        finished = subprocess.run(command, input=content, capture_output=True, check=False, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return Probe(engine, None, f"gave no answer within {TIMEOUT_S:g} s", answered=False)
    return _read(engine, finished.returncode, finished.stdout, finished.stderr)


def _read(engine: str, code: int, output: bytes, errors: bytes) -> Probe:
    if code < 0:
        return Probe(engine, None, f"was ended by {_signal_name(-code)}", answered=False)
    try:
        answer = json.loads(output.splitlines()[-1])
        if answer["problem"]:
            return Probe(engine, None, str(answer["problem"]))
        return Probe(engine, float(answer["median_ms"]))
    except (ValueError, KeyError, IndexError, TypeError):
        last = errors.decode(errors="replace").strip().rpartition("\n")[2][:200]
        return Probe(engine, None, f"failed ({last or f'code {code}'})", answered=False)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def main() -> None:
    """The child: a line about the model and the model on standard input, one JSON line on standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--cache", type=Path)
    arguments = parser.parse_args()
    # Nobody waits for ever, not even if the parent has gone.
    resource.setrlimit(resource.RLIMIT_CPU, (int(TIMEOUT_S), int(TIMEOUT_S)))
    line, _, model = sys.stdin.buffer.read().partition(b"\n")
    try:
        answer = {"problem": "", "median_ms": _measured_ms(_archive(json.loads(line), model), arguments)}
    except LapwingError as error:
        answer = {"problem": str(error)}
    print(json.dumps(answer))


def _archive(about: dict[str, str], model: bytes) -> ModelArchive:
    if about["format"] not in ("onnx", "pb"):
        raise ArchiveError(f"A model of the format {about['format']!r} cannot be run.")
    return ModelArchive(
        name=about["name"],
        metadata=ModelMetadata.from_json(about["metadata"]),
        model_bytes=model,
        model_format="onnx" if about["format"] == "onnx" else "pb",
        sha256="",
        model_sha256="",
        verified=False,
    )


def _measured_ms(archive: ModelArchive, arguments: argparse.Namespace) -> float:
    """The median of some answers to random pictures."""
    engine = open_engine(archive, arguments.engine, precision=arguments.precision, cache=arguments.cache)
    rng = np.random.default_rng(0)
    inputs = {
        spec.name: rng.uniform(0.0, 255.0, [size or 1 for size in spec.shape]).astype(np.float32)
        for spec in policy_inputs(archive.metadata)
    }
    for _ in range(WARM_UPS):
        engine.infer(inputs)
    times_s: list[float] = []
    until_s = time.perf_counter() + MEASURED_S
    while len(times_s) < MOST_ANSWERS and (not times_s or time.perf_counter() < until_s):
        begun_s = time.perf_counter()
        engine.infer(inputs)
        times_s.append(time.perf_counter() - begun_s)
    return 1000 * float(np.median(times_s))


if __name__ == "__main__":
    main()
