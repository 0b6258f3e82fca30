"""Fifty classes of archives that nobody should install, each a function of a random generator.

Made by hand, header by header: Python's tarfile would not write most of them.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import struct
import tarfile
import zlib
from collections.abc import Callable

from shared.actions import DEFAULT_ACTION_SPACE
from shared.model_metadata import ModelMetadata
from tests.tf1_graph import nested

METADATA = ModelMetadata(DEFAULT_ACTION_SPACE).to_json()
MODEL = nested(7, nested(1, nested(4, b"Identity")))  # an ONNX graph of one node, which no engine takes
ESCAPES = ("../canary", "../../canary", "/tmp/canary", "a/../../canary", "./../canary", "agent/../../canary/x")
Make = Callable[[random.Random, bytes], bytes]


def header(name: bytes, size: int, kind: bytes = b"0", link: bytes = b"", magic: bytes = b"ustar\x0000") -> bytes:
    """One tar block, whatever is in it, with a right checksum."""
    block = bytearray(512)
    block[0:100] = name[:100].ljust(100, b"\0")
    block[100:124] = b"0000644\x000000000\x000000000\x00"
    block[124:136] = b"%011o\x00" % size
    block[136:148] = b"00000000000\x00"
    block[156:157] = kind
    block[157:257] = link[:100].ljust(100, b"\0")
    block[257 : 257 + len(magic)] = magic
    return sealed(block)


def sealed(block: bytearray) -> bytes:
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\x00 " % sum(block)
    return bytes(block)


def entry(name: str | bytes, content: bytes = b"", kind: bytes = b"0", link: bytes = b"") -> bytes:
    raw = name.encode() if isinstance(name, str) else name
    return header(raw, len(content), kind, link) + content + bytes(-len(content) % 512)


def sound(model: bytes = MODEL, metadata: str | bytes = METADATA, name: str = "agent/model.onnx") -> bytes:
    text = metadata.encode() if isinstance(metadata, str) else metadata
    return entry("model_metadata.json", text) + entry(name, model)


def packed(members: bytes) -> bytes:
    return gzip.compress(members + bytes(1024), 1, mtime=0)


def with_entry(extra: Callable[[random.Random], bytes]) -> Make:
    """A sound archive and one entry more, before or behind."""

    def make(chance: random.Random, good: bytes) -> bytes:
        both = [extra(chance), sound()]
        chance.shuffle(both)
        return packed(b"".join(both))

    return make


def with_metadata(change: Callable[[random.Random, dict[str, object]], object]) -> Make:
    """Metadata that says something else; text in place of a change is taken as it is."""

    def make(chance: random.Random, good: bytes) -> bytes:
        values = json.loads(METADATA)
        text = change(chance, values)
        return packed(sound(metadata=text if isinstance(text, str) else json.dumps(values)))

    return make


def with_model(model: Callable[[random.Random], bytes], name: str = "agent/model.onnx") -> Make:
    return lambda chance, good: packed(sound(model(chance), name=name))


def escape(chance: random.Random) -> str:
    return chance.choice(ESCAPES)


def long_name(kind: bytes, name: Callable[[random.Random], bytes]) -> Make:
    return with_entry(lambda chance: entry("././@LongLink", name(chance) + b"\0", kind) + entry("x", b"content"))


def pax(record: Callable[[random.Random], bytes], kind: bytes = b"x") -> Make:
    return with_entry(lambda chance: entry("pax", record(chance), kind) + entry("x", b"content"))


def pax_record(key: bytes, value: bytes) -> bytes:
    body = b" " + key + b"=" + value + b"\n"
    length = len(body) + len(str(len(body) + 3))
    return str(length + (len(str(length)) + len(body) != length)).encode() + body


def truncated(chance: random.Random, good: bytes) -> bytes:
    return good[: chance.randrange(len(good))]


def flipped(chance: random.Random, good: bytes) -> bytes:
    content = bytearray(good)
    for _ in range(chance.randint(1, 8)):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return bytes(content)


def scribbled_tar(chance: random.Random, good: bytes) -> bytes:
    content = bytearray(gzip.decompress(good))
    for _ in range(chance.randint(1, 40)):
        content[chance.randrange(len(content))] = chance.randrange(256)
    return gzip.compress(bytes(content), 1, mtime=0)


def shuffled_blocks(chance: random.Random, good: bytes) -> bytes:
    content = gzip.decompress(good)
    blocks = [content[place : place + 512] for place in range(0, len(content), 512)]
    chance.shuffle(blocks)
    return gzip.compress(b"".join(blocks), 1, mtime=0)


def changed_member(chance: random.Random, good: bytes) -> bytes:
    """One byte of a member's content is another, under the hash of the first."""
    members = {}
    with tarfile.open(fileobj=io.BytesIO(good)) as archive:
        for one in archive:
            file = archive.extractfile(one)
            members[one.name] = bytearray(file.read() if file else b"")
    victim = members[chance.choice(["agent/model.onnx", "model_metadata.json"])]
    victim[chance.randrange(len(victim))] ^= 1 << chance.randrange(8)
    return packed(b"".join(entry(name, bytes(content)) for name, content in members.items()))


def bomb(size_bytes: int, name: str) -> Make:
    """Zeros, a thousandfold compressed, declared as long as they are."""

    def make(chance: random.Random, good: bytes) -> bytes:
        squeeze = zlib.compressobj(9, wbits=31)
        head = entry("model_metadata.json", METADATA.encode()) + header(name.encode(), size_bytes)
        zeros = bytes(1 << 20)
        pieces = [squeeze.compress(head)] + [squeeze.compress(zeros) for _ in range(min(size_bytes >> 20, 24))]
        return b"".join([*pieces, squeeze.flush()])

    return make


def deep_json(chance: random.Random, values: dict[str, object]) -> str:
    depth = chance.choice([1_000, 10_000, 100_000])
    return '{"action_space": ' + "[" * depth + "]" * depth + "}"


def number(text: str) -> Make:
    return with_metadata(lambda chance, values: METADATA.replace("30.0", text, 1))


def sensor(value: object) -> Make:
    return with_metadata(lambda chance, values: values.update(sensor=value))


def random_bytes(chance: random.Random) -> bytes:
    return chance.randbytes(chance.randint(1, 4000))


def deep_graph(chance: random.Random) -> bytes:
    graph = b""
    for _ in range(chance.randint(25, 300)):
        graph = nested(1, nested(5, nested(6, graph)))
    return nested(7, graph)


def many_nodes(chance: random.Random) -> bytes:
    return nested(7, nested(1, b"") * chance.randint(20_001, 60_000))


def external_weights(chance: random.Random) -> bytes:
    where = nested(1, b"location") + nested(2, chance.choice([b"/etc/passwd", b"../../canary", b"x"]))
    return nested(7, nested(1, nested(4, b"Add")) + nested(5, nested(13, where) + b"\x70\x01"))


def length_too_long(chance: random.Random) -> bytes:
    return b"\x3a" + chance.choice([b"\xff\xff\xff\xff\x0f", b"\xff" * 9 + b"\x01", b"\x80" * 20]) + MODEL


CLASSES: dict[str, Make] = {
    "name leads out": with_entry(lambda chance: entry(escape(chance), b"x")),
    "model's name leads out": lambda chance, good: packed(sound(name=escape(chance) + "/model.onnx")),
    "absolute name": with_entry(lambda chance: entry("/" + "x" * chance.randint(1, 90), b"x")),
    "backslashes": with_entry(lambda chance: entry(b"..\\..\\canary", b"x")),
    "drive letter": with_entry(lambda chance: entry(b"C:\\canary", b"x")),
    "control characters": with_entry(lambda chance: entry(b"x\x1b[2J" + bytes([chance.randint(1, 31)]), b"x")),
    "name is not text": with_entry(lambda chance: entry(b"\xff\xfe" + bytes([chance.randint(128, 255)]), b"x")),
    "no name": with_entry(lambda chance: entry(b"", b"x")),
    "symbolic link": with_entry(lambda chance: entry("agent", b"", b"2", escape(chance).encode())),
    "link, then through it": with_entry(
        lambda chance: entry("l", b"", b"2", b"..") + entry("l/canary", b"x" * chance.randint(1, 9))
    ),
    "hard link": with_entry(lambda chance: entry("agent/l", b"", b"1", escape(chance).encode())),
    "character device": with_entry(lambda chance: entry("null", b"", b"3")),
    "block device": with_entry(lambda chance: entry("sda", b"", b"4")),
    "pipe": with_entry(lambda chance: entry("pipe", b"", b"6")),
    "sparse file": with_entry(lambda chance: entry("sparse", b"x" * chance.randint(1, 600), b"S")),
    "kind that is none": with_entry(lambda chance: entry("odd", b"", bytes([chance.randint(128, 255)]))),
    "folder with content": with_entry(lambda chance: entry("folder/", b"x" * chance.randint(1, 600), b"5")),
    "long name leads out": long_name(b"L", lambda chance: escape(chance).encode()),
    "long name without end": long_name(b"L", lambda chance: b"a/" * chance.randint(200, 9000)),
    "long link": long_name(b"K", lambda chance: escape(chance).encode()),
    "name record of 4 GiB": with_entry(lambda chance: header(b"././@LongLink", chance.randint(1 << 17, 1 << 32), b"L")),
    "pax path leads out": pax(lambda chance: pax_record(b"path", escape(chance).encode())),
    "pax size lies": pax(lambda chance: pax_record(b"size", b"9" * chance.randint(10, 30))),
    "pax size is negative": pax(lambda chance: pax_record(b"size", b"-%d" % chance.randint(1, 999))),
    "pax is damaged": pax(lambda chance: b"%d path" % chance.randint(0, 9) + chance.randbytes(20)),
    "pax sparse map": pax(lambda chance: pax_record(b"GNU.sparse.map", b"0,1,2,3")),
    "records for ever": with_entry(lambda chance: entry("p", pax_record(b"a", b"b"), b"x") * chance.randint(300, 900)),
    "folders for ever": with_entry(lambda chance: entry("f/", b"", b"5") * chance.randint(300, 900)),
    "too many members": with_entry(lambda chance: b"".join(entry(f"m{one}") for one in range(chance.randint(65, 900)))),
    "member twice": lambda chance, good: packed(sound() + entry("model_metadata.json", METADATA.encode())),
    "two models": with_entry(lambda chance: entry("agent/other.pb", MODEL)),
    "no metadata": lambda chance, good: packed(entry("agent/model.onnx", MODEL)),
    "no model": lambda chance, good: packed(entry("model_metadata.json", METADATA.encode())),
    "member longer than the archive": with_entry(lambda chance: header(b"x", chance.randint(1 << 20, 1 << 28))),
    "member of 8 GiB": with_entry(lambda chance: header(b"x", (1 << 33) - 1)),
    "bomb as the model": bomb(200 << 20, "agent/model.onnx"),
    "bomb as another file": bomb(255 << 20, "notes.txt"),
    "metadata of megabytes": with_metadata(lambda chance, values: " " * chance.randint(1 << 20, 2 << 20) + METADATA),
    "metadata nested for ever": with_metadata(deep_json),
    "metadata with NaN": number("NaN"),
    "metadata with 1e400": number("1e400"),
    "metadata asks for a million actions": with_metadata(
        lambda chance, values: values.update(action_space=[{"steering_angle": 1, "speed": 1}] * 20_000)
    ),
    "metadata asks for a billion m/s": with_metadata(
        lambda chance, values: values.update(
            action_space=[{"steering_angle": 1, "speed": 10 ** chance.randint(1, 300)}]
        )
    ),
    "metadata names no sensor we know": sensor(["../../canary"]),
    "metadata is cut": with_metadata(lambda chance, values: METADATA[: chance.randrange(1, len(METADATA) - 3)]),
    "model is noise": with_model(random_bytes),
    "graph is noise": with_model(random_bytes, "agent/model.pb"),
    "weights in other files": with_model(external_weights),
    "graphs in graphs": with_model(deep_graph),
    "model of many nodes": with_model(many_nodes),
    "lengths beyond the end": with_model(length_too_long),
    "cut": truncated,
    "bits flipped": flipped,
    "scribbled over": scribbled_tar,
    "blocks in another order": shuffled_blocks,
    "member changed under its hash": changed_member,
    "something behind the end": lambda chance, good: good + chance.randbytes(chance.randint(1, 2000)),
    "two archives in one file": lambda chance, good: good + good,
    "noise": lambda chance, good: random_bytes(chance),
    "zip file": lambda chance, good: struct.pack("<4sHHH", b"PK\x03\x04", 20, 0, 8) + random_bytes(chance),
}
