"""Export: what the ONNX model looks like, that three engines agree on it, and what the archive says."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from shared.actions import DEFAULT_ACTION_SPACE, ActionSpace, ContinuousActionSpace
from shared.errors import RunError
from shared.lidar import LidarConfig
from shared.model_archive import read_archive
from shared.model_metadata import ModelMetadata
from shared.policy_io import TensorSpec, check_interface, policy_inputs, policy_output
from shared.sensors import (
    DISCRETIZED_SECTOR_LIDAR,
    FRONT_CAMERA,
    LEFT_CAMERA,
    LIDAR,
    SENSORS,
    STEREO_CAMERAS,
    WHEEL_SPEED_AND_YAW_RATE,
)
from shared.settings import dump_settings
from tests.trainer.sensor_sets import SENSOR_SETS, made_up, set_name
from trainer.cli import run as lapwing
from trainer.config import TrainingSettings
from trainer.export.checkpoint_export import export_checkpoint, export_policy
from trainer.export.onnx_graph import policy_to_onnx
from trainer.export.parity import Parity, check_parity, measure_parity
from trainer.export.rendered_frames import rendered_frames
from trainer.ppo.networks import ExportedPolicy, build_network
from trainer.ppo.topologies import DEEP, NORMAL, SHALLOW, TOPOLOGIES
from trainer.runs.run_folder import RunFolder
from trainer.simulator import SimulatorSettings
from trainer.tracks import load_track
from trainer.training.checkpoint import Checkpoint, write_checkpoint

CONTINUOUS = ContinuousActionSpace(-30.0, 30.0, 0.5, 2.0)


def untrained(name: str, space: ActionSpace, stack_size: int = 1) -> tuple[ExportedPolicy, ModelMetadata]:
    """A network with strong opinions, so that frames differ in what is best."""
    torch.manual_seed(1)
    network = build_network(name, (FRONT_CAMERA,), stack_size, space)
    nn.init.orthogonal_(network.policy_head.weight, 1.0)
    return ExportedPolicy(network), ModelMetadata(space, neural_network=name, stack_size=stack_size)


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    """Twelve pictures of three channels, from the simulator."""
    metadata = ModelMetadata(DEFAULT_ACTION_SPACE, stack_size=3)
    return rendered_frames([load_track("lapwing_loop")], SimulatorSettings(), metadata, 12)[FRONT_CAMERA]


@pytest.mark.parametrize("space", [DEFAULT_ACTION_SPACE, CONTINUOUS], ids=["discrete", "continuous"])
@pytest.mark.parametrize("stack_size", [1, 3])
@pytest.mark.parametrize("name", TOPOLOGIES)
def test_every_network_answers_the_same_in_every_engine(
    name: str, stack_size: int, space: ActionSpace, frames: np.ndarray
) -> None:
    policy, metadata = untrained(name, space, stack_size)
    model, parity = export_policy(policy, metadata, {FRONT_CAMERA: frames[:, -stack_size:]})
    assert parity.frames == 12
    assert parity.frames_with_other_argmax == 0
    assert parity.largest_difference < 1e-5
    graph = onnx.load_model_from_string(model).graph
    check_interface(tensors(graph.input), tensors(graph.output), metadata)


# Every sensor once with `fast`, and every kind of sensor with DeepRacer's. Not its stereo networks but the shallow one:
# their 58 million numbers take seconds, and the layers are the same.
MIXED: list[tuple[str, tuple[str, ...]]] = [
    *(("fast", sensors) for sensors in SENSOR_SETS if LEFT_CAMERA not in sensors),
    *((name, (FRONT_CAMERA, LIDAR, WHEEL_SPEED_AND_YAW_RATE)) for name in (NORMAL, DEEP)),
    (SHALLOW, (WHEEL_SPEED_AND_YAW_RATE, DISCRETIZED_SECTOR_LIDAR, STEREO_CAMERAS)),
]


@pytest.mark.parametrize(("name", "sensors"), MIXED, ids=set_name)
def test_every_set_of_sensors_is_answered_the_same_in_every_engine(name: str, sensors: tuple[str, ...]) -> None:
    lidar = next((sensor for sensor in sensors if SENSORS[sensor].kind == "lidar"), None)
    config = None if lidar is None else LidarConfig(num_sectors=16, num_values_per_sector=6, clip_m=1.5)
    torch.manual_seed(1)
    network = build_network(name, sensors, 1, DEFAULT_ACTION_SPACE, config)
    nn.init.orthogonal_(network.policy_head.weight, 1.0)
    written = None if config is None or lidar is None else config.to_metadata(lidar)
    metadata = ModelMetadata(DEFAULT_ACTION_SPACE, sensors=sensors, neural_network=name, lidar_config=written)
    model, parity = export_policy(ExportedPolicy(network), metadata, made_up(sensors, 4, lidar_config=config))
    assert parity.largest_difference < 1e-5
    graph = onnx.load_model_from_string(model).graph
    assert [value.name for value in graph.input] == list(sensors)
    check_interface(tensors(graph.input), tensors(graph.output), metadata)


def tensors(values: Iterable[onnx.ValueInfoProto]) -> list[TensorSpec]:
    """What the ONNX file says about its tensors."""
    return [
        TensorSpec(
            value.name,
            tuple(dimension.dim_value for dimension in value.type.tensor_type.shape.dim),
            "float32" if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT else "other",
        )
        for value in values
    ]


def test_the_model_reads_in_old_engines_too() -> None:
    policy, metadata = untrained("fast", DEFAULT_ACTION_SPACE)
    model = onnx.load_model_from_string(policy_to_onnx(policy, policy_inputs(metadata), policy_output(metadata)))
    assert model.opset_import[0].version == 17
    assert model.ir_version == 8


def test_the_same_network_gives_the_same_bytes() -> None:
    policy, metadata = untrained("fast", CONTINUOUS)
    specs = policy_inputs(metadata), policy_output(metadata)
    assert policy_to_onnx(policy, *specs) == policy_to_onnx(policy, *specs)


class Cosine(nn.Module):
    """An operation that the ONNX writer does not know."""

    def forward(self, camera: Tensor) -> Tensor:
        return camera.cos()


class Unfolded(nn.Module):
    """A layer that the ONNX writer does not know."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Unfold(3)

    def forward(self, camera: Tensor) -> Tensor:
        return self.layer(camera)


@pytest.mark.parametrize(("policy", "named"), [(Cosine(), "cos"), (Unfolded(), "Unfold")])
def test_an_operation_the_writer_does_not_know_is_named(policy: nn.Module, named: str) -> None:
    with pytest.raises(RunError, match=f"uses '{named}'"):
        policy_to_onnx(policy, [TensorSpec("camera", (1, 1, 120, 160))], TensorSpec("policy", (1, 2)))


def test_a_model_that_answers_otherwise_is_refused(frames: np.ndarray) -> None:
    policy, metadata = untrained("fast", DEFAULT_ACTION_SPACE)
    other, _ = untrained("fast", DEFAULT_ACTION_SPACE)
    with torch.no_grad():
        other.network.policy_head.bias[7] += 3.0
    model = policy_to_onnx(other, policy_inputs(metadata), policy_output(metadata))
    parity = measure_parity(policy, model, metadata, {FRONT_CAMERA: frames[:, :1]})
    assert parity.frames_with_other_argmax > 0
    with pytest.raises(RunError, match="differs from the trained network"):
        check_parity(parity)


@pytest.mark.parametrize(
    ("other_argmax", "difference", "refused"),
    [(0, 1e-4, False), (0, 1.01e-4, True), (1, 0.0, True), (0, float("nan"), True)],
)
def test_the_limits_of_parity(other_argmax: int, difference: float, refused: bool) -> None:
    parity = Parity(100, other_argmax, difference, {})
    if refused:
        with pytest.raises(RunError):
            check_parity(parity)
    else:
        check_parity(parity)


def test_a_network_of_nans_is_refused(frames: np.ndarray) -> None:
    policy, metadata = untrained("fast", DEFAULT_ACTION_SPACE)
    with torch.no_grad():
        policy.network.policy_head.weight[0, 0] = float("nan")
    with pytest.raises(RunError, match="not finite"):
        export_policy(policy, metadata, {FRONT_CAMERA: frames[:, :1]})


def test_rendered_frames_differ_and_repeat() -> None:
    metadata = ModelMetadata(CONTINUOUS, stack_size=2)
    tracks = [load_track("lapwing_loop"), load_track("oval")]
    first = rendered_frames(tracks, SimulatorSettings(), metadata, 50)[FRONT_CAMERA]
    assert first.shape == (50, 2, 120, 160)
    assert len({frame.tobytes() for frame in first}) == 50
    assert np.array_equal(first, rendered_frames(tracks, SimulatorSettings(), metadata, 50)[FRONT_CAMERA])
    assert np.array_equal(first[20:40, 0], first[:20, 1])  # a stack holds the picture before


@pytest.fixture
def trained(tmp_path: Path) -> RunFolder:
    """A run with checkpoints of 100, 200 and 300 steps, the second of them the best."""
    settings = TrainingSettings(seed=7)
    space = settings.car.action_space()
    run = RunFolder.create(
        tmp_path, "fast-one",
        settings_toml=dump_settings(settings),
        metadata_json=ModelMetadata(space, neural_network="fast").to_json(),
        hyperparameters=settings.hyperparameters.deepracer_json(),
        reward_source="def reward_function(params):\n    return 1.0\n",
        command="lapwing train fast-one --minutes 2",
    )  # fmt: skip
    for steps in (100, 200, 300):
        policy, _ = untrained("fast", space)
        with torch.no_grad():
            policy.network.policy_head.bias[0] += steps / 100
        weights = {name: p.detach().numpy().copy() for name, p in policy.network.named_parameters()}
        checkpoint = Checkpoint(
            steps=steps, weights=weights, parts={}, reward_states=[], progress={},
            best_steps=min(steps, 200), evaluation={"progress_percent": steps / 3},
        )  # fmt: skip
        write_checkpoint(run.checkpoints_path, checkpoint)
    return run


def test_an_archive_tells_where_it_comes_from(trained: RunFolder) -> None:
    exported = export_checkpoint(trained, frames=20)
    archive = read_archive(exported.path)
    assert exported.path == trained.archives_path / "fast-one.tar.gz"
    assert archive.verified
    assert archive.sha256 == exported.sha256
    assert archive.reward_source == trained.reward_path.read_text()
    assert archive.hyperparameters == TrainingSettings().hyperparameters.deepracer_json()
    assert archive.metadata.action_space == DEFAULT_ACTION_SPACE
    assert archive.provenance is not None
    told = {key: archive.provenance[key] for key in ("run", "command", "tracks", "seed", "steps", "evaluation")}
    assert told == {
        "run": "fast-one",
        "command": "lapwing train fast-one --minutes 2",
        "tracks": ["lapwing_loop"],
        "seed": 7,
        "steps": 200,
        "evaluation": {"progress_percent": pytest.approx(200 / 3)},
    }
    assert archive.provenance["parity"]["frames"] == 20
    assert {"lapwing", "python", "torch", "openvino"} <= set(archive.provenance["versions"])
    assert set(archive.provenance["members"]) == {
        "agent/model.onnx", "hyperparameters.json", "model_metadata.json", "reward_function.py",
    }  # fmt: skip


def test_the_same_checkpoint_gives_the_same_archive(trained: RunFolder, tmp_path: Path) -> None:
    first = export_checkpoint(trained, "last", tmp_path / "a.tar.gz", frames=5)
    second = export_checkpoint(trained, "300", tmp_path / "b.tar.gz", frames=5)
    assert first.path.read_bytes() == second.path.read_bytes()


def test_checkpoints_in_between_can_be_exported(trained: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    home = str(trained.path.parents[1])
    assert lapwing(["--home", home, "export", "fast-one:100", "--frames", "3"]) == 0
    assert "agree on 3 rendered frames" in capsys.readouterr().out
    archive = read_archive(trained.archives_path / "fast-one-100.tar.gz")
    assert archive.provenance is not None
    assert archive.provenance["steps"] == 100


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["fast-one:150"], "no checkpoint 150"),
        (["fast-one:newest"], "'newest' is not a checkpoint"),
        (["fastone"], "Did you mean 'fast-one'"),
        (["fast-one", "-o", "fast.zip"], "let it end in .tar.gz"),
    ],
)
def test_what_is_not_there_is_refused_in_one_line(
    trained: RunFolder, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lapwing(["--home", str(trained.path.parents[1]), "export", *arguments]) == 1
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert list(trained.archives_path.iterdir()) == []


def test_a_car_changed_after_training_is_refused(trained: RunFolder) -> None:
    changed = trained.settings_path.read_text().replace('network = "fast"', 'network = "DEEP_CONVOLUTIONAL_NETWORK"')
    trained.settings_path.write_text(changed)
    with pytest.raises(RunError, match="put its car back"):
        export_checkpoint(trained, frames=1)
