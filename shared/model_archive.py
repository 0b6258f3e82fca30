"""The model archive, the one file the trainer hands to the car: equal content, equal bytes; read with care.

`<name>.tar.gz` holds `model_metadata.json` at its root and exactly one model, `agent/model.onnx` (ours) or a
`.pb` anywhere (DeepRacer's); optionally `reward_function.py`, `hyperparameters.json` and `provenance.json`,
which carries the SHA-256 of every other member. Further members, as DeepRacer's output has, are ignored.
"""

from __future__ import annotations

import hashlib
import io
import json
import string
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from shared.atomic_files import storage_errors, write_atomic
from shared.errors import ArchiveError, MetadataError
from shared.model_metadata import MAX_METADATA_BYTES, METADATA_NAME, ModelMetadata
from shared.tar_stream import MAX_MEMBER_BYTES, TarStream

ARCHIVE_SUFFIX = ".tar.gz"
REWARD_NAME = "reward_function.py"
HYPERPARAMETERS_NAME = "hyperparameters.json"
PROVENANCE_NAME = "provenance.json"
PROVENANCE_FORMAT = 1

ModelFormat = Literal["onnx", "pb"]
_MODEL_SUFFIXES: dict[str, ModelFormat] = {".onnx": "onnx", ".pb": "pb"}
_MAX_TEXT_BYTES = MAX_METADATA_BYTES
_AGAIN = "Export or download it again."
_NAME_CHARACTERS = frozenset(string.ascii_letters + string.digits + "-_.")
# DeepRacer's training output keeps them in a folder of their own.
_KEPT_TEXTS = {
    METADATA_NAME: METADATA_NAME,
    REWARD_NAME: REWARD_NAME,
    HYPERPARAMETERS_NAME: HYPERPARAMETERS_NAME,
    "ip/" + HYPERPARAMETERS_NAME: HYPERPARAMETERS_NAME,
    PROVENANCE_NAME: PROVENANCE_NAME,
}


@dataclass(frozen=True, slots=True)
class ModelArchive:
    """A model archive that has been read whole and found sound.

    sha256: of the archive file. model_sha256: of the model in it.
    verified: every member's hash was in provenance.json and right; False for archives that carry no hashes.
    ignored: members that were there and are not used.
    """

    name: str
    metadata: ModelMetadata
    model_bytes: bytes
    model_format: ModelFormat
    sha256: str
    model_sha256: str
    verified: bool
    reward_source: str | None = None
    hyperparameters: Mapping[str, Any] | None = None
    provenance: Mapping[str, Any] | None = None
    ignored: tuple[str, ...] = ()


def pack_archive(
    *,
    metadata: ModelMetadata,
    model: bytes,
    model_format: ModelFormat = "onnx",
    reward_source: str | None = None,
    hyperparameters: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> bytes:
    """The archive as bytes; equal content gives equal bytes. The hashes are added to the provenance."""
    members = {METADATA_NAME: metadata.to_json().encode(), f"agent/model.{model_format}": model}
    if reward_source is not None:
        members[REWARD_NAME] = reward_source.encode()
    if hyperparameters is not None:
        members[HYPERPARAMETERS_NAME] = _json_bytes(hyperparameters)
    for name, content in members.items():
        if len(content) > (MAX_MEMBER_BYTES if name.startswith("agent/") else _MAX_TEXT_BYTES):
            raise ArchiveError(f"{name} is {len(content)} bytes long, too large for a model archive.")
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(members.items())}
    members[PROVENANCE_NAME] = _json_bytes({**(provenance or {}), "format": PROVENANCE_FORMAT, "members": hashes})
    return _packed(members)


def write_archive(
    path: Path,
    *,
    metadata: ModelMetadata,
    model: bytes,
    model_format: ModelFormat = "onnx",
    reward_source: str | None = None,
    hyperparameters: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> str:
    """Write the archive, whole or not at all; returns its SHA-256."""
    content = pack_archive(
        metadata=metadata,
        model=model,
        model_format=model_format,
        reward_source=reward_source,
        hyperparameters=hyperparameters,
        provenance=provenance,
    )
    write_atomic(path, content)
    return hashlib.sha256(content).hexdigest()


def read_archive(source: Path | bytes | BinaryIO, *, name: str | None = None) -> ModelArchive:
    """Read and check an archive, unpacking it nowhere; every refusal is an ArchiveError that says why.

    name: what to call the model; by default the file's name without .tar.gz, or `model`.
    """
    if isinstance(source, bytes):
        return _read(io.BytesIO(source), name or "model")
    if isinstance(source, Path):
        with storage_errors(source, "read"), source.open("rb") as file:
            return _read(file, name or archive_name(source))
    return _read(source, name or "model")


def archive_name(path: Path) -> str:
    """The model's name from its file's: without the suffix, only with characters a folder may have."""
    stem = path.name.removesuffix(".gz").removesuffix(".tar").removesuffix(".tgz")
    kept = "".join(character if character in _NAME_CHARACTERS else "_" for character in stem)
    return kept.strip("._")[:100] or "model"


def _json_bytes(values: Mapping[str, Any]) -> bytes:
    try:
        text = json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ArchiveError(f"The archive cannot hold values that are not JSON ({error}).") from error
    return text.encode() + b"\n"


def _packed(members: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        # A TarInfo of our own has no time, owner or name of this machine in it.
        for name in sorted(members):
            entry = tarfile.TarInfo(name)
            entry.size = len(members[name])
            archive.addfile(entry, io.BytesIO(members[name]))
    gzip = zlib.compressobj(6, wbits=31)
    return gzip.compress(packed.getbuffer()) + gzip.flush()


def _read(file: BinaryIO, name: str) -> ModelArchive:
    stream = TarStream(file)
    texts: dict[str, bytes] = {}
    model: tuple[str, bytes] | None = None
    ignored = []
    for member in stream:
        suffix = Path(member.name).suffix
        if Path(member.name).name.startswith("._"):  # what macOS adds beside every file
            ignored.append(member.name)
        elif suffix in _MODEL_SUFFIXES:
            if model is not None:
                raise ArchiveError(f"The archive holds two models, '{model[0]}' and '{member.name}'. Keep one.")
            model = (member.name, stream.read())
        elif member.name in _KEPT_TEXTS and _KEPT_TEXTS[member.name] not in texts:
            if member.size_bytes > _MAX_TEXT_BYTES:
                raise ArchiveError(f"'{member.name}' is {member.size_bytes} bytes long; at most {_MAX_TEXT_BYTES}.")
            texts[_KEPT_TEXTS[member.name]] = stream.read()
        else:
            ignored.append(member.name)
    if model is None or not model[1]:
        raise ArchiveError("The archive holds no model: neither agent/model.onnx nor a .pb file.")
    if METADATA_NAME not in texts:
        raise ArchiveError(f"The archive lacks {METADATA_NAME} at its root. Export the model again.")
    provenance = _object(texts, PROVENANCE_NAME)
    verified = provenance is not None and _verify(provenance, stream.hashes, set(ignored))
    return ModelArchive(
        name=name,
        metadata=_metadata(texts[METADATA_NAME]),
        model_bytes=model[1],
        model_format=_MODEL_SUFFIXES[Path(model[0]).suffix],
        sha256=stream.sha256,
        model_sha256=stream.hashes[model[0]],
        verified=verified,
        reward_source=_source_text(texts.get(REWARD_NAME)),
        hyperparameters=_object(texts, HYPERPARAMETERS_NAME),
        provenance=provenance,
        ignored=tuple(ignored),
    )


def _metadata(content: bytes) -> ModelMetadata:
    try:
        return ModelMetadata.from_json(content)
    except MetadataError as error:
        raise ArchiveError(f"The archive's {METADATA_NAME}: {error}") from error


def _object(texts: Mapping[str, bytes], name: str) -> dict[str, Any] | None:
    if name not in texts:
        return None
    try:
        values = json.loads(texts[name], parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ArchiveError(f"The archive's {name} is not JSON ({error}).") from error
    if not isinstance(values, dict):
        raise ArchiveError(f"The archive's {name} is not a group of keys.")
    return values


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def _source_text(content: bytes | None) -> str | None:
    try:
        return None if content is None else content.decode()
    except UnicodeDecodeError:
        raise ArchiveError(f"The archive's {REWARD_NAME} is not text in UTF-8.") from None


def _verify(provenance: Mapping[str, Any], hashes: Mapping[str, str], ignored: set[str]) -> bool:
    """Compare every hash in the provenance; demand one for every member in use. False when it has none."""
    listed = provenance.get("members")
    if listed is None:
        return False
    if not isinstance(listed, dict):
        raise ArchiveError(f"The archive's {PROVENANCE_NAME} has hashes of an unknown form.")
    for name, wanted in listed.items():
        if name not in hashes:
            raise ArchiveError(f"The archive lacks '{name}', which its {PROVENANCE_NAME} lists. {_AGAIN}")
        if hashes[name] != wanted:
            raise ArchiveError(f"'{name}' was changed after the archive was made: its hash is wrong. {_AGAIN}")
    for name in hashes:
        if name not in listed and name not in ignored and name != PROVENANCE_NAME:
            raise ArchiveError(f"'{name}' was added later: the archive's {PROVENANCE_NAME} does not list it. {_AGAIN}")
    return True
