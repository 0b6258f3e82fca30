"""How far an exported model is from its network: torch, ONNX Runtime and OpenVINO on rendered frames."""

from __future__ import annotations

from collections.abc import Mapping

from tests.benchmarks.harness import Benchmark, Context

FRAMES = 1000
HEAD_SCALE = 1.0  # orthogonal, like a trained head: a fresh one hardly tells the actions apart


def run(context: Context) -> Mapping[str, float]:
    """Compare on 1,000 frames; the full form does it for every network and prints each."""
    import torch

    from shared.actions import DEFAULT_ACTION_SPACE
    from shared.model_metadata import ModelMetadata
    from shared.policy_io import policy_inputs, policy_output
    from trainer.onnx_graph import policy_to_onnx
    from trainer.parity import measure_parity
    from trainer.ppo.networks import TOPOLOGIES, ExportedPolicy, build_network
    from trainer.rendered_frames import rendered_frames
    from trainer.simulator import RandomisationSettings, SimulatorSettings
    from trainer.tracks import DEFAULT_TRACK, load_track

    settings = SimulatorSettings(randomisation=RandomisationSettings(preset="light"))
    metadata = ModelMetadata(DEFAULT_ACTION_SPACE)
    frames = rendered_frames([load_track(DEFAULT_TRACK)], settings, metadata, FRAMES)
    parities = {}
    for name in TOPOLOGIES if context.full else ("fast",):
        torch.manual_seed(0)
        network = build_network(name, 1, DEFAULT_ACTION_SPACE)
        torch.nn.init.orthogonal_(network.policy_head.weight, HEAD_SCALE)
        policy = ExportedPolicy(network).eval()
        model = policy_to_onnx(policy, policy_inputs(metadata)[0], policy_output(metadata))
        parities[name] = measure_parity(policy, model, metadata, frames)
        context.say(f"{name}: outputs differ by at most {parities[name].largest_difference:.2g}")
    return {
        "frames_with_other_argmax": sum(parity.frames_with_other_argmax for parity in parities.values()),
        "largest_probability_difference": max(parity.largest_difference for parity in parities.values()),
        "frames": FRAMES * len(parities),
    }


BENCHMARK = Benchmark(
    name="export",
    asked={"frames_with_other_argmax": ("<=", 0), "largest_probability_difference": ("<=", 1e-4)},
    short="the default network on 1,000 rendered frames, 10 seconds",
    full="all four networks on 1,000 rendered frames each, two minutes",
    run=run,
)
