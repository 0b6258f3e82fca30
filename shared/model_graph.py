"""A look at a model's bytes before any engine's parser sees them: no other files, no operators from elsewhere.

ONNX models may name files beside them as their weights, and operators of anybody's library; a model archive needs
neither. Both formats are protobuf, and are walked here by their field numbers, without a copy of the weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from shared.errors import ArchiveError
from shared.model_archive import ModelArchive

MOST_NODES = 20_000  # the largest of DeepRacer's networks has some hundred
DEEPEST = 24  # messages inside of each other: a loop inside a branch has eight
STANDARD_DOMAINS = frozenset({b"", b"ai.onnx"})

Kind = Literal["model", "graph", "node", "attribute", "tensor", "sparse", "function", "graph_def", "node_def"]

# onnx.proto and graph.proto: which fields are messages worth looking into.
_INNER: Mapping[Kind, Mapping[int, Kind]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
    "graph_def": {1: "node_def"},
    "node_def": {},
}
_DOMAIN, _EXTERNAL_DATA, _DATA_LOCATION = 7, 13, 14
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def check_model_graph(archive: ModelArchive) -> None:
    """ArchiveError, saying why, for a model that no engine here should be given."""
    kind: Kind = "model" if archive.model_format == "onnx" else "graph_def"
    try:
        nodes = _walk(memoryview(archive.model_bytes), kind, 0)
    except _DamagedError as error:
        raise ArchiveError(f"The model {archive.name} is damaged ({error}). Export or download it again.") from None
    if nodes == 0:
        raise ArchiveError(f"The model {archive.name} has no network in it. Export or download it again.")


class _DamagedError(Exception):
    """These bytes are no protobuf message."""


def _walk(message: memoryview, kind: Kind, depth: int) -> int:
    """How many nodes are in a message."""
    if depth > DEEPEST:
        raise ArchiveError(f"The model's parts lie more than {DEEPEST} deep in each other, which no network needs.")
    nodes = int(kind in ("node", "node_def"))
    for number, value in _fields(message):
        inner = _INNER[kind].get(number)
        if inner is not None:
            if not isinstance(value, memoryview):
                raise _DamagedError(f"field {number} of a {kind} has another type")
            nodes += _walk(value, inner, depth + 1)
        elif kind == "tensor" and (number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0)):
            raise ArchiveError("The model keeps weights in other files. Export it again with its weights inside.")
        elif kind == "node" and number == _DOMAIN:
            domain = b"?" if isinstance(value, int) else bytes(value[:40])
            if domain in STANDARD_DOMAINS:
                continue
            raise ArchiveError(f"The model uses operators of {domain!r}; only ONNX's own are run. Export it again.")
        if nodes > MOST_NODES:
            raise ArchiveError(f"The model has more than {MOST_NODES} operators, which no network of a car has.")
    return nodes


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """(number, content) of every field: a number, or the bytes as a view."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        if wire == _BYTES:
            length, place = _varint(message, place)
        elif wire in (_FIXED64, _FIXED32):
            length = 8 if wire == _FIXED64 else 4
        else:
            raise _DamagedError(f"wire type {wire}")
        if length > len(message) - place:
            raise _DamagedError("a part is longer than the whole")
        yield number, message[place : place + length]
        place += length


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """The number at a place, and the place behind it."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            break
        byte = message[place]
        value |= (byte & 127) << shift
        place += 1
        if byte < 128:
            return value, place
    raise _DamagedError("a number does not end")
