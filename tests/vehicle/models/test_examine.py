"""What a model must be to be let in; every refusal says why."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from shared.actions import Action, ContinuousActionSpace, DiscreteActionSpace
from shared.errors import ArchiveError, MetadataError
from shared.model_archive import ModelArchive, pack_archive, read_archive
from shared.model_graph import check_model_graph
from shared.model_metadata import ModelMetadata
from tests.vehicle.conftest import onnx_model
from vehicle.config import CameraConfig, CarConfig, LidarConfig
from vehicle.drive.installing import try_out
from vehicle.drive.trial import try_model
from vehicle.hardware.assembly import readings_on_board
from vehicle.hardware.this_car import Car
from vehicle.models.examine import check_fits_car, examine
from vehicle.models.import_messages import ImportRequest
from vehicle.runtime_folder import RuntimeFolder

SPACE = DiscreteActionSpace((Action(-20.0, 1.0), Action(0.0, 1.0), Action(20.0, 1.0)))


def refusal(model: bytes, metadata: ModelMetadata, **request: object) -> str:
    content = pack_archive(metadata=metadata, model=model)
    asked = ImportRequest(name="fast", size_bytes=len(content), readings=("camera",)).model_copy(update=request)
    return examine(asked, io.BytesIO(content), try_out, {}).refusal() or ""


def changed(change: Callable[[onnx.ModelProto], object], outputs: int = 3) -> bytes:
    model = onnx.load_from_string(onnx_model(outputs=outputs))
    change(model)
    return bytes(model.SerializeToString())


def keep_weights_elsewhere(model: onnx.ModelProto) -> None:
    tensor = next(one for one in model.graph.initializer if one.name == "weights")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def answer_nan(model: onnx.ModelProto) -> None:
    bias = next(one for one in model.graph.initializer if one.name == "bias")
    bias.raw_data = np.full((1, 3), np.nan, dtype=np.float32).tobytes()


def forget_softmax(model: onnx.ModelProto) -> None:
    model.graph.node[-1].op_type = "Identity"
    del model.graph.node[-1].attribute[:]


def foreign_operator(model: onnx.ModelProto) -> None:
    model.graph.node[-1].domain = "com.example"


def many_nodes(model: onnx.ModelProto) -> None:
    model.graph.node.extend(helper.make_node("Identity", ["bias"], [f"b{i}"]) for i in range(20_001))


def no_nodes(model: onnx.ModelProto) -> None:
    del model.graph.node[:]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (keep_weights_elsewhere, "in other files"),
        (answer_nan, "not finite"),
        (forget_softmax, "not a set of probabilities"),
        (foreign_operator, "operators of b'com.example'"),
        (many_nodes, "more than 20000 operators"),
        (no_nodes, "no network"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_model_that_no_car_should_run_is_refused(change: Callable[[onnx.ModelProto], object], reason: str) -> None:
    assert reason in refusal(changed(change), ModelMetadata(SPACE))


def test_a_good_model_is_let_in_with_the_time_of_its_answers() -> None:
    content = pack_archive(metadata=ModelMetadata(SPACE), model=onnx_model(outputs=3))
    request = ImportRequest(name="fast", size_bytes=len(content), readings=("camera",))
    answer = examine(request, io.BytesIO(content), try_out, {"memory": True})
    assert answer.refusal() is None
    assert answer.sha256 == read_archive(content).sha256
    assert all(0.0 < time_ms < 1000.0 for time_ms in answer.engines_ms.values())
    assert answer.limits == {"memory": True}


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        (ModelMetadata(SPACE, sensors=("FRONT_FACING_CAMERA", "LIDAR")), "sees with LIDAR"),
        (ModelMetadata(SPACE, sensors=("STEREO_CAMERAS",)), "sees with STEREO_CAMERAS"),
        (ModelMetadata(DiscreteActionSpace((Action(0.0, 5.5),) * 3)), "5.5 m/s"),
        (ModelMetadata(DiscreteActionSpace((Action(41.0, 1.0),) * 3)), "41 degrees"),
        (ModelMetadata(DiscreteActionSpace((Action(1.0, 1.0),) * 101)), "101 actions"),
        (ModelMetadata(DiscreteActionSpace((Action(1.0, 1.0),) * 4)), "asks for [1, 4]"),
        (ModelMetadata(ContinuousActionSpace(-30.0, 30.0, 0.5, 5.5)), "5.5 m/s"),
    ],
)
def test_a_model_that_does_not_fit_the_car_is_refused(metadata: ModelMetadata, reason: str) -> None:
    assert reason in refusal(onnx_model(outputs=3), metadata)


ALL_SENSORS = ("STEREO_CAMERAS", "SECTOR_LIDAR", "WHEEL_SPEED_AND_YAW_RATE")
BARE, EQUIPPED = CarConfig(), CarConfig(right_camera=CameraConfig(number=1), lidar=LidarConfig(device="rplidar"))


@pytest.mark.parametrize(
    ("config", "emulated", "missing"),
    [
        (BARE, False, "sees with STEREO_CAMERAS, SECTOR_LIDAR, which this car does not have"),
        (CarConfig(right_camera=CameraConfig(number=1)), False, "sees with SECTOR_LIDAR, which"),
        (CarConfig(lidar=LidarConfig(device="rplidar")), False, "sees with STEREO_CAMERAS, which"),
        (EQUIPPED, False, ""),
        (BARE, True, ""),
    ],
)
def test_a_model_may_see_with_what_the_settings_say_is_on_the_car(
    folder: RuntimeFolder, archive: ModelArchive, config: CarConfig, emulated: bool, missing: str
) -> None:
    """The same at installation and when the drive opens the model; every car knows how it moves."""
    readings = readings_on_board(Car(config, folder, emulated))
    model = replace(archive, metadata=ModelMetadata(SPACE, sensors=ALL_SENSORS))
    if missing:
        with pytest.raises(MetadataError, match=missing):
            check_fits_car(model, readings)
    else:
        check_fits_car(model, readings)


def test_a_refusal_names_the_setting_that_says_what_the_car_has(archive: ModelArchive) -> None:
    model = replace(archive, metadata=ModelMetadata(SPACE, sensors=ALL_SENSORS))
    with pytest.raises(MetadataError, match=r"set right_camera and lidar\.device in car\.toml if it has"):
        check_fits_car(model, ("camera", "motion"))


def test_the_largest_that_a_car_takes_is_let_in() -> None:
    actions = (Action(40.0, 5.0),) * 100
    assert refusal(onnx_model(outputs=100), ModelMetadata(DiscreteActionSpace(actions))) == ""


def test_engines_that_disagree_are_not_trusted(archive: ModelArchive) -> None:
    class Answers:
        name = "made up"

        def __init__(self, shift: float) -> None:
            self.shift = shift

        def infer(self, inputs: object) -> np.ndarray:
            answer = np.full((1, 15), 1 / 15, dtype=np.float32)
            answer[0, :2] += (self.shift, -self.shift)
            return answer

    shifts = {"one": 0.0, "other": 0.002}
    with pytest.raises(ArchiveError, match=r"one and other differ by 0\.002"):
        try_model(archive, list(shifts), lambda _, name: Answers(shifts[name]))
    shifts["other"] = 0.0005
    assert set(try_model(archive, list(shifts), lambda _, name: Answers(shifts[name]))) == {"one", "other"}


def test_an_engine_that_cannot_run_the_model_leaves_it_to_the_other(archive: ModelArchive) -> None:
    from vehicle.drive.engine import Engine, open_engine

    def open_one(one: ModelArchive, name: str) -> Engine:
        if name == "openvino":
            raise ArchiveError("an operator is not known")
        return open_engine(one, name)

    assert list(try_model(archive, ["openvino", "onnxruntime"], open_one)) == ["onnxruntime"]
    with pytest.raises(ArchiveError, match="not known"):
        try_model(archive, ["openvino"], open_one)
    with pytest.raises(MetadataError):
        try_model(replace(archive, metadata=ModelMetadata(SPACE)), ["onnxruntime"], open_one)


@pytest.mark.parametrize("content", [b"\x07", b"\x3a\x05abc", b"\x0b", b"\x3a" + b"\xff" * 11])
def test_what_is_no_protobuf_is_damaged(archive: ModelArchive, content: bytes) -> None:
    with pytest.raises(ArchiveError, match="damaged"):
        check_model_graph(replace(archive, model_bytes=content))


def test_parts_inside_of_parts_for_ever_are_refused(archive: ModelArchive) -> None:
    from tests.tf1_graph import nested

    graph = b""
    for _ in range(20):  # a graph in an attribute of a node of a graph …
        graph = nested(1, nested(5, nested(6, graph)))
    with pytest.raises(ArchiveError, match="deep in each other"):
        check_model_graph(replace(archive, model_bytes=nested(7, graph)))
