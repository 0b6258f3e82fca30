"""How far an exported model is from its network: torch, ONNX Runtime and OpenVINO on rendered frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from tests.benchmarks.harness import Benchmark, Context

if TYPE_CHECKING:
    from shared.model_metadata import ModelMetadata
    from trainer.ppo.networks import ExportedPolicy

FRAMES = 1000
TRAINING_STEPS = 20_480  # by then the policy drives, and tells the actions well apart


def run(context: Context) -> Mapping[str, float]:
    """Compare a trained policy on 1,000 frames; in the full form also every network, untrained."""
    from shared.actions import DEFAULT_ACTION_SPACE
    from shared.model_metadata import ModelMetadata
    from trainer.export.parity import measure_parity
    from trainer.export.rendered_frames import rendered_frames
    from trainer.simulator import RandomisationSettings, SimulatorSettings
    from trainer.tracks import DEFAULT_TRACK, load_track

    settings = SimulatorSettings(randomisation=RandomisationSettings(preset="light"))
    metadata = ModelMetadata(DEFAULT_ACTION_SPACE)
    frames = rendered_frames([load_track(DEFAULT_TRACK)], settings, metadata, FRAMES)
    parities = []
    for name, policy in _policies(context, metadata):
        parity = measure_parity(policy, _exported(policy, metadata), metadata, frames)
        context.say(f"{name}: outputs differ by at most {parity.largest_difference:.2g}")
        parities.append(parity)
    return {
        "frames_with_other_argmax": sum(parity.frames_with_other_argmax for parity in parities),
        "largest_probability_difference": max(parity.largest_difference for parity in parities),
        "frames": FRAMES * len(parities),
    }


def _policies(context: Context, metadata: ModelMetadata) -> Iterator[tuple[str, ExportedPolicy]]:
    """The default network after a brief training; in the full form also every other network."""
    import torch

    from shared.actions import DEFAULT_ACTION_SPACE
    from trainer.car_settings import CarSettings
    from trainer.cli import run as lapwing
    from trainer.export.checkpoint_export import load_policy_network
    from trainer.ppo.networks import ExportedPolicy, build_network
    from trainer.ppo.topologies import TOPOLOGIES
    from trainer.training.checkpoint import find_checkpoint

    context.say(f"training the default car for {TRAINING_STEPS:,} steps")
    home = ["--home", str(context.folder)]
    lapwing([*home, "train", "brief", "--steps", str(TRAINING_STEPS), "--plain"])
    trained = find_checkpoint(context.folder / "runs" / "brief", "last")
    yield "fast, trained", load_policy_network(trained, CarSettings()).eval()
    for name in TOPOLOGIES if context.full else ():
        torch.manual_seed(0)
        network = build_network(name, metadata.sensors, 1, DEFAULT_ACTION_SPACE)
        # A fresh head hardly tells the actions apart; this one is as strong as the layers before it.
        torch.nn.init.orthogonal_(network.policy_head.weight, 1.0)
        yield name, ExportedPolicy(network).eval()


def _exported(policy: ExportedPolicy, metadata: ModelMetadata) -> bytes:
    from shared.policy_io import policy_inputs, policy_output
    from trainer.export.onnx_graph import policy_to_onnx

    return policy_to_onnx(policy, policy_inputs(metadata), policy_output(metadata))


BENCHMARK = Benchmark(
    name="export",
    asked={"frames_with_other_argmax": ("<=", 0), "largest_probability_difference": ("<=", 1e-4)},
    short="a briefly trained default network on 1,000 rendered frames, one minute",
    full="the same, and all four networks untrained on 1,000 rendered frames each, three minutes",
    run=run,
)
