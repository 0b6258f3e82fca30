"""Writes a policy network as an ONNX model: the network is traced, and each operation has one in ONNX.

Not torch.onnx: its present exporter needs one package more and seconds of time, its former one is deprecated.
Our networks consist of a dozen operations; one that is not in the tables below is refused by name, and what
comes out is compared with torch on rendered frames before anything is packed (trainer/export/checkpoint_export.py).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import fx, nn
from torch.nn import functional

from shared.errors import RunError
from shared.policy_io import TensorSpec

# Read by ONNX Runtime 1.22 and OpenVINO 2025 and by everything of the four years before them.
OPSET = 17
IR_VERSION = 8
PRODUCER = "lapwing"

ARITHMETIC = {
    operator.add: "Add",
    operator.sub: "Sub",
    operator.mul: "Mul",
    operator.truediv: "Div",
}


def policy_to_onnx(policy: nn.Module, inputs: Sequence[TensorSpec], output: TensorSpec) -> bytes:
    """The serialised ONNX model of a network with these inputs, in this order, and one output; float32, fixed shapes.

    Raises:
        RunError: the network uses an operation this writer does not know.
    """
    graph = _Tracer(len(inputs)).trace(policy)
    writer = _GraphWriter(dict(policy.named_modules()), dict(policy.named_parameters()), inputs, output)
    for node in graph.nodes:
        writer.add(node)
    model = helper.make_model(
        helper.make_graph(
            writer.nodes,
            "policy",
            [helper.make_tensor_value_info(one.name, TensorProto.FLOAT, list(one.shape)) for one in inputs],
            [helper.make_tensor_value_info(output.name, TensorProto.FLOAT, list(output.shape))],
            writer.constants,
        ),
        producer_name=PRODUCER,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    onnx.checker.check_model(model, full_check=True)
    serialised: bytes = model.SerializeToString(deterministic=True)
    return serialised


class _Tracer(fx.Tracer):
    """Traces forward(*inputs) too, which torch otherwise cannot: it does not know how many there are."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self._inputs = inputs

    def iter(self, obj: fx.Proxy) -> Iterator[fx.Proxy]:
        """The inputs, one by one."""
        return iter([obj[place] for place in range(self._inputs)])  # type: ignore[index]


class _GraphWriter:
    """Turns traced nodes, one by one in their order, into ONNX nodes and constants."""

    def __init__(
        self,
        modules: dict[str, nn.Module],
        parameters: dict[str, nn.Parameter],
        inputs: Sequence[TensorSpec],
        output: TensorSpec,
    ) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._modules = modules
        self._parameters = parameters
        self._inputs = [one.name for one in inputs]
        self._output = output
        self._names: dict[fx.Node, str] = {}
        self._constant_names: set[str] = set()

    def add(self, node: fx.Node) -> None:
        """Write one traced node."""
        if node.op == "placeholder":
            if not str(node.target).startswith("*"):  # otherwise all of them together: see _operation
                (self._names[node],) = self._inputs
        elif node.op == "output":
            self._emit("Identity", [self._names[node.args[0]]], self._output.name)  # type: ignore[index]
        elif node.op == "get_attr":
            self._names[node] = self._constant(str(node.target), self._parameters[str(node.target)])
        elif node.op == "call_module":
            self._module(node, self._modules[str(node.target)])
        else:
            self._operation(node)

    def _module(self, node: fx.Node, module: nn.Module) -> None:
        """A layer with weights or without."""
        weights = [self._constant(f"{node.target}.{name}", parameter) for name, parameter in module.named_parameters()]
        for kind, write in LAYERS.items():
            if type(module) is kind:
                onnx_type, attributes = write(module)
                self._names[node] = self._emit(onnx_type, [self._operand(node.args[0]), *weights], **attributes)
                return
        raise _not_known(type(module).__name__)

    def _operation(self, node: fx.Node) -> None:
        """A function of torch, a method of a tensor or Python arithmetic."""
        if node.target is operator.getitem and node.args[0].op == "placeholder":  # type: ignore[union-attr]
            self._names[node] = self._inputs[node.args[1]]  # type: ignore[index]
            return
        if node.target is torch.cat:
            parts, axis = node.args
            self._names[node] = self._emit("Concat", [self._operand(part) for part in parts], axis=axis)  # type: ignore[union-attr]
            return
        if node.target in ARITHMETIC:
            operands = [self._operand(argument) for argument in node.args]
            self._names[node] = self._emit(ARITHMETIC[node.target], operands)
            return
        if node.target not in OPERATIONS:
            raise _not_known(str(getattr(node.target, "__name__", node.target)))
        onnx_type, extra, attributes = OPERATIONS[node.target](*node.args[1:], **node.kwargs)
        if onnx_type == "Identity":  # a change of type that already holds
            self._names[node] = self._operand(node.args[0])
            return
        operands = [self._operand(node.args[0]), *(self._operand(value) for value in extra)]
        self._names[node] = self._emit(onnx_type, operands, **attributes)

    def _operand(self, argument: Any) -> str:
        """The name of a value: another node's, or a constant for a number in the network's code."""
        if isinstance(argument, fx.Node):
            return self._names[argument]
        value = float(argument)
        return self._constant(f"number_{value!r}", torch.tensor(value))

    def _constant(self, name: str, value: torch.Tensor) -> str:
        if name not in self._constant_names:
            self._constant_names.add(name)
            array = np.ascontiguousarray(value.detach().cpu().numpy().astype(np.float32))
            self.constants.append(numpy_helper.from_array(array, name))
        return name

    def _emit(self, onnx_type: str, operands: list[str], output: str = "", **attributes: Any) -> str:
        name = output or f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(onnx_type, operands, [name], name=f"node_{name}", **attributes))
        return name


def _not_known(what: str) -> RunError:
    return RunError(
        f"The network uses '{what}', which the ONNX writer does not know. Add it to trainer/export/onnx_graph.py."
    )


Attributes = dict[str, Any]


def _convolution(layer: Any) -> tuple[str, Attributes]:
    if layer.padding_mode != "zeros" or isinstance(layer.padding, str):
        raise _not_known(f"Conv2d with padding {layer.padding!r} of {layer.padding_mode}")
    return "Conv", {
        "kernel_shape": list(layer.kernel_size),
        "strides": list(layer.stride),
        "dilations": list(layer.dilation),
        "pads": [*layer.padding, *layer.padding],
        "group": layer.groups,
    }


def _flatten(layer: Any) -> tuple[str, Attributes]:
    if layer.end_dim != -1:
        raise _not_known(f"Flatten to dimension {layer.end_dim}")
    return "Flatten", {"axis": layer.start_dim}


# Layers: what each becomes. Weights follow in torch's order (weight, bias), which is also ONNX's.
LAYERS: dict[type[nn.Module], Callable[[Any], tuple[str, Attributes]]] = {
    nn.Conv2d: _convolution,
    nn.Flatten: _flatten,
    nn.Linear: lambda layer: ("Gemm", {"transB": 1}),
    nn.ReLU: lambda layer: ("Relu", {}),
    nn.ELU: lambda layer: ("Elu", {"alpha": layer.alpha}),
    nn.Tanh: lambda layer: ("Tanh", {}),
}


def _average(kernel: int) -> tuple[str, list[float], Attributes]:
    return "AveragePool", [], {"kernel_shape": [kernel, kernel], "strides": [kernel, kernel]}


def _mean(dimensions: Any, keepdim: bool = False) -> tuple[str, list[float], Attributes]:
    return "ReduceMean", [], {"axes": list(np.atleast_1d(dimensions)), "keepdims": int(keepdim)}


# Functions and methods: their arguments after the first -> ONNX type, further operands, attributes.
OPERATIONS: dict[Any, Callable[..., tuple[str, list[float], Attributes]]] = {
    functional.avg_pool2d: _average,
    torch._C._nn.avg_pool2d: _average,
    "float": lambda: ("Identity", [], {}),
    "mean": _mean,
    "sqrt": lambda: ("Sqrt", [], {}),
    "softmax": lambda dim: ("Softmax", [], {"axis": dim}),
    "clamp": lambda low, high: ("Clip", [low, high], {}),
    "tanh": lambda: ("Tanh", [], {}),
}
