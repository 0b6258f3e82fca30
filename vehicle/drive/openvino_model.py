"""An archive's model in OpenVINO's form, whatever format it came in: the tensors of shared/policy_io.py."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.model_archive import ModelArchive
from shared.policy_io import POLICY_OUTPUT, TensorSpec, check_interface, policy_inputs
from shared.tensorflow_graph import channels_first, channels_last, graph_sensors, policy_place

if TYPE_CHECKING:
    import openvino

_NUMPY_NAMES = {"f32": "float32", "f64": "float64"}


def openvino_model(archive: ModelArchive) -> openvino.Model:
    """The model, its tensors found to be those of its metadata.

    Raises:
        ArchiveError, MetadataError: the parts of the archive do not belong together.
        RuntimeError: OpenVINO cannot read it.
    """
    if archive.model_format == "pb":
        return _model_of_graph(archive)
    import openvino

    model = openvino.Core().read_model(archive.model_bytes)
    _check(model, archive)
    return model


def _model_of_graph(archive: ModelArchive) -> openvino.Model:
    """A TensorFlow graph: for one car, cameras with channels first, its tensors under our names."""
    import openvino

    model = _read_graph(archive.model_bytes)
    place = policy_place([port.get_names() for port in model.outputs], len(model.inputs), archive.name)
    sensors = graph_sensors([port.get_names() for port in model.inputs], archive.metadata, archive.name)
    for result in [result for number, result in enumerate(model.results) if number != place]:
        model.remove_result(result)
    for sensor, port in zip(sensors, model.inputs, strict=True):
        port.get_tensor().set_names({sensor})
    model.outputs[0].get_tensor().set_names({POLICY_OUTPUT})
    # Before a shape of ours is laid over the graph's, its own must be such that ours can be meant.
    _check(model, archive, is_channels_last=True)
    shapes = {tensor.name: tensor.shape for tensor in policy_inputs(archive.metadata)}
    model.reshape({number: channels_last(shapes[sensor]) for number, sensor in enumerate(sensors)})
    arranging = openvino.preprocess.PrePostProcessor(model)
    for number, sensor in enumerate(sensors):
        if len(shapes[sensor]) == 4:
            arranging.input(number).tensor().set_layout(openvino.Layout("NCHW"))
            arranging.input(number).model().set_layout(openvino.Layout("NHWC"))
    model = arranging.build()
    _check(model, archive)
    return model


def _read_graph(content: bytes) -> openvino.Model:
    """OpenVINO reads TensorFlow graphs from files only."""
    import openvino

    with tempfile.TemporaryDirectory(prefix="lapwing-") as folder:
        path = Path(folder) / "model.pb"
        path.write_bytes(content)
        return openvino.Core().read_model(path)


def _check(model: openvino.Model, archive: ModelArchive, *, is_channels_last: bool = False) -> None:
    inputs = [_spec(port, is_channels_last) for port in model.inputs]
    check_interface(inputs, [_spec(port) for port in model.outputs], archive.metadata)


def _spec(port: Any, is_channels_last: bool = False) -> TensorSpec:
    shape = port.get_partial_shape()
    # A shape of unknown rank is (): it fits nothing, and nobody can say what the model takes.
    sizes = () if shape.rank.is_dynamic else tuple(None if size.is_dynamic else size.get_length() for size in shape)
    kind = port.get_element_type().get_type_name()
    sizes = channels_first(sizes) if is_channels_last else sizes
    return TensorSpec(port.get_any_name(), sizes, _NUMPY_NAMES.get(kind, kind))
