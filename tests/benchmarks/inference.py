"""What our policy adds to the engine in it: from what the model sees to the action, over the bare engine's answer.

Both run the 160x120 network that DeepRacer calls shallow, on the same kind of thread, one after the other in turns, so
that whatever slows the machine slows both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from shared.sensors import FRONT_CAMERA
from tests.benchmarks.harness import Benchmark, Context
from vehicle.drive.engine import THREADS, open_engine
from vehicle.drive.pilot import ModelPilot

if TYPE_CHECKING:
    from shared.model_archive import ModelArchive

NETWORK = "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW"
ANSWERS, FULL_ANSWERS = 2_000, 20_000
WARM_UPS = 50


def run(context: Context) -> Mapping[str, float]:
    """Both engines; what is asked is asked of the worse one."""
    archive = shallow_archive()
    figures: dict[str, float] = {}
    for name, bare in (("openvino", bare_openvino), ("onnxruntime", bare_onnxruntime)):
        rng = np.random.default_rng(0)
        observation = {FRONT_CAMERA: rng.integers(0, 256, (1, 120, 160), dtype=np.uint8)}
        inputs = {FRONT_CAMERA: observation[FRONT_CAMERA][None].astype(np.float32)}
        pilot = ModelPilot(archive, open_engine(archive, name))
        decode = archive.metadata.action_space.decode
        policy_s, bare_s = in_turns(
            lambda d=decode, p=pilot, o=observation: d(p.answer(o)),
            bare(archive, inputs),
            FULL_ANSWERS if context.full else ANSWERS,
        )
        figures |= {f"{name}_policy_p50_ms": 1000 * policy_s, f"{name}_bare_p50_ms": 1000 * bare_s}
        figures[f"{name}_ratio"] = policy_s / bare_s
    return {"policy_over_engine": max(figures["openvino_ratio"], figures["onnxruntime_ratio"]), **figures}


def shallow_archive() -> ModelArchive:
    """The network, untrained: what it answers costs the same."""
    import torch

    from shared.actions import DEFAULT_ACTION_SPACE
    from shared.model_archive import pack_archive, read_archive
    from shared.model_metadata import ModelMetadata
    from shared.policy_io import policy_inputs, policy_output
    from trainer.export.onnx_graph import policy_to_onnx
    from trainer.ppo.networks import ExportedPolicy, build_network

    torch.manual_seed(0)
    metadata = ModelMetadata(DEFAULT_ACTION_SPACE)
    policy = ExportedPolicy(build_network(NETWORK, metadata.sensors, 1, DEFAULT_ACTION_SPACE)).eval()
    model = policy_to_onnx(policy, policy_inputs(metadata), policy_output(metadata))
    return read_archive(pack_archive(metadata=metadata, model=model), name="shallow")


def bare_openvino(archive: ModelArchive, inputs: dict[str, Any]) -> Callable[[], object]:
    """One answer of OpenVINO alone, its input in place."""
    import openvino

    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": THREADS}
    compiled = openvino.compile_model(openvino.Core().read_model(archive.model_bytes), "CPU", settings)
    request = compiled.create_infer_request()
    request.set_tensor(FRONT_CAMERA, openvino.Tensor(inputs[FRONT_CAMERA], shared_memory=True))
    return lambda: request.infer()


def bare_onnxruntime(archive: ModelArchive, inputs: dict[str, Any]) -> Callable[[], object]:
    """One answer of ONNX Runtime alone."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(archive.model_bytes, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, inputs)


def in_turns(first: Callable[[], object], second: Callable[[], object], count: int) -> tuple[float, float]:
    """The medians of both, in seconds."""
    times_s = np.empty((count + WARM_UPS, 2))
    for row in times_s:
        for column, work in enumerate((first, second)):
            begun_s = time.perf_counter()
            work()
            row[column] = time.perf_counter() - begun_s
    medians = np.median(times_s[WARM_UPS:], axis=0)
    return float(medians[0]), float(medians[1])


BENCHMARK = Benchmark(
    name="inference",
    asked={"policy_over_engine": ("<=", 1.15)},
    short=f"{ANSWERS:,} answers of each engine, ours and bare in turns, ten seconds",
    full=f"{FULL_ANSWERS:,} answers of each engine, ours and bare in turns, two minutes",
    run=run,
)
