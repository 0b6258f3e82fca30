"""Frozen TensorFlow 1 graphs as DeepRacer's service exports them, written byte by byte: no TensorFlow is needed.

The format is protobuf: GraphDef, NodeDef, AttrValue, TensorProto of tensorflow/core/framework.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper

ROOT = "main_level/agent/main/online/"
NETWORK = ROOT + "network_1/"
POLICY = NETWORK + "ppo_head_0/policy"
FLOAT, INT32 = 1, 3  # DataType of types.proto


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def whole(field: int, number: int) -> bytes:
    return varint(field << 3) + varint(number)


def nested(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def shape(sizes: tuple[int, ...]) -> bytes:
    return b"".join(nested(2, whole(1, size)) for size in sizes)


def node(name: str, kind: str, inputs: tuple[str, ...] = (), **attributes: bytes) -> bytes:
    content = nested(1, name.encode()) + nested(2, kind.encode())
    content += b"".join(nested(3, one.encode()) for one in inputs)
    for key, value in attributes.items():
        content += nested(5, nested(1, key.encode()) + nested(2, value))
    return nested(1, content)


def constant(name: str, array: np.ndarray) -> bytes:
    array = np.ascontiguousarray(array)
    number = FLOAT if array.dtype == np.float32 else INT32
    tensor = whole(1, number) + nested(2, shape(array.shape)) + nested(4, array.tobytes())
    return node(name, "Const", dtype=whole(6, number), value=nested(8, tensor))


T = whole(6, FLOAT)
FALSE = whole(5, 0)
VERSIONS = nested(4, whole(1, 27))  # of the program that wrote it


def placeholder(name: str, sizes: tuple[int, ...]) -> bytes:
    """An input; sizes without the batch, which is free."""
    return node(name, "Placeholder", dtype=T, shape=nested(7, shape((-1, *sizes))))


def camera(sensor: str) -> str:
    """The input's name."""
    return f"{NETWORK}{sensor}/{sensor}"


def linear_graph(weights: dict[str, np.ndarray], sizes: dict[str, tuple[int, ...]], policy: str = POLICY) -> bytes:
    """softmax of the sum of flat(input) @ weights, over inputs by the last part of their name, in the order of sizes.

    sizes: of each input without the batch; a picture is divided by 255 first.
    """
    nodes, total = [], ""
    for name, size in sizes.items():
        seen = camera(name)
        nodes += [placeholder(seen, size), constant(f"{name}/to", np.array([-1, int(np.prod(size))], np.int32))]
        if len(size) == 3:
            nodes.append(constant(f"{name}/white", np.array(255, np.float32)))
            nodes.append(node(f"{name}/scaled", "RealDiv", (seen, f"{name}/white"), T=T))
            seen = f"{name}/scaled"
        nodes += [
            node(f"{name}/flat", "Reshape", (seen, f"{name}/to"), T=T, Tshape=whole(6, INT32)),
            constant(f"{name}/w", weights[name].astype(np.float32)),
            _matmul(f"{name}/out", f"{name}/flat", f"{name}/w"),
        ]
        if total:
            nodes.append(node(f"{name}/sum", "AddV2", (total, f"{name}/out"), T=T))
        total = f"{name}/sum" if total else f"{name}/out"
    return b"".join([*nodes, node(policy, "Softmax", (total,), T=T), VERSIONS])


def graph_of_onnx(model_bytes: bytes, sensor: str) -> bytes:
    """The same network as one of our own models, as a TensorFlow graph: channels last, DeepRacer's names.

    Only for the operators that our convolutional networks have.
    """
    return _Translation(onnx.load_from_string(model_bytes).graph, sensor).graph()


def _matmul(name: str, left: str, right: str) -> bytes:
    return node(name, "MatMul", (left, right), T=T, transpose_a=FALSE, transpose_b=FALSE)


def _sizes(numbers: tuple[int, ...]) -> bytes:
    return nested(1, nested(3, b"".join(varint(number) for number in numbers)))


NHWC, VALID = nested(2, b"NHWC"), nested(2, b"VALID")
_BINARY = {"Sub": "Sub", "Mul": "Mul", "Add": "AddV2", "Div": "RealDiv"}


class _Translation:
    """One pass over an ONNX graph. Where channels come first there, they come last here."""

    def __init__(self, graph: onnx.GraphProto, sensor: str) -> None:
        self._source = graph
        self._weights = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        self._names = {sensor: camera(sensor), graph.output[0].name: POLICY}
        self._nodes = [placeholder(camera(sensor), (120, 160, 1))]
        self._channels = 1

    def graph(self) -> bytes:
        for one in self._source.node:
            options = {item.name: onnx.helper.get_attribute_value(item) for item in one.attribute}
            name = self._names.setdefault(one.output[0], NETWORK + one.output[0])
            inputs = [self._input(each) for each in one.input]
            self._add(one.op_type, name, inputs, list(one.input), options)
        return b"".join([*self._nodes, VERSIONS])

    def _input(self, name: str) -> str:
        return self._names.get(name, NETWORK + name)

    def _add(self, kind: str, name: str, inputs: list[str], originals: list[str], options: dict[str, object]) -> None:
        strides = _sizes((1, *options.get("strides", (1, 1)), 1))  # type: ignore[misc]
        if kind == "AveragePool":
            size = _sizes((1, *options["kernel_shape"], 1))  # type: ignore[misc]
            new = [node(name, "AvgPool", (inputs[0],), T=T, ksize=size, strides=strides, padding=VALID,
                        data_format=NHWC)]  # fmt: skip
        elif kind == "ReduceMean":
            axes = constant(name + "/axes", np.array([1, 2, 3], np.int32))
            kept = whole(5, 1)
            new = [axes, node(name, "Mean", (inputs[0], name + "/axes"), T=T, Tidx=whole(6, INT32), keep_dims=kept)]
        elif kind in _BINARY:
            numbers = [one for one in originals if one in self._weights]
            new = [constant(self._input(one), self._weights[one]) for one in numbers]
            new.append(node(name, _BINARY[kind], tuple(inputs), T=T))
        elif kind == "Conv":
            weight = self._weights[originals[1]].transpose(2, 3, 1, 0)
            self._channels = weight.shape[3]
            new = [constant(inputs[1], weight), constant(inputs[2], self._weights[originals[2]])]
            new.append(node(name + "/sum", "Conv2D", (inputs[0], inputs[1]), T=T, strides=strides, padding=VALID,
                            data_format=NHWC))  # fmt: skip
            new.append(node(name, "BiasAdd", (name + "/sum", inputs[2]), T=T, data_format=NHWC))
        elif kind == "Flatten":
            new = [constant(name + "/to", np.array([1, -1], np.int32))]
            new.append(node(name, "Reshape", (inputs[0], name + "/to"), T=T, Tshape=whole(6, INT32)))
        elif kind == "Gemm":
            new = [constant(inputs[1], self._columns(self._weights[originals[1]])), _matmul(name + "/x", *inputs[:2])]
            new.append(constant(inputs[2], self._weights[originals[2]]))
            new.append(node(name, "BiasAdd", (name + "/x", inputs[2]), T=T, data_format=NHWC))
        else:
            assert kind in {"Relu", "Sqrt", "Softmax", "Identity"}, kind
            new = [node(name, kind, (inputs[0],), T=T)]
        self._nodes += new

    def _columns(self, weight: np.ndarray) -> np.ndarray:
        """(out, in) -> (in, out); behind the last picture, the inputs in the order that channels last gives them."""
        if self._channels > 1:
            pixels = weight.shape[1] // self._channels
            weight = weight.reshape(len(weight), self._channels, pixels).transpose(0, 2, 1).reshape(len(weight), -1)
            self._channels = 1
        return np.ascontiguousarray(weight.T)
