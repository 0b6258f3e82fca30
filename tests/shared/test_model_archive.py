"""The model archive: the same bytes every time, read whole or refused with a sentence, whatever it holds."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shared.tar_stream as tar_stream
from shared.actions import DEFAULT_ACTION_SPACE
from shared.errors import ArchiveError, LapwingError, StorageError
from shared.model_archive import ModelArchive, archive_name, pack_archive, read_archive, write_archive
from shared.model_metadata import ModelMetadata

METADATA = ModelMetadata(DEFAULT_ACTION_SPACE)
MODEL = np.random.default_rng(5).bytes(3000)
REWARD = "def reward_function(params):\n    return 1.0  # grün\n"
GOOD = pack_archive(
    metadata=METADATA,
    model=MODEL,
    reward_source=REWARD,
    hyperparameters={"lr": 0.0003},
    provenance={"track": "lapwing_loop", "seed": 7},
)
STOCK = {"model_metadata.json": METADATA.to_json().encode(), "agent/model.pb": MODEL}


def tar(members: dict[str, bytes], fmt: int = tarfile.USTAR_FORMAT, *extra: tarfile.TarInfo) -> bytes:
    """A .tar.gz as other programs make it, with further entries that have no content."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=fmt) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mtime = 1_700_000_000.25  # a pax record in the pax format
            archive.addfile(entry, io.BytesIO(content))
        for entry in extra:
            archive.addfile(entry)
    return gzip.compress(packed.getvalue())


def entry(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def refusal(content: bytes) -> str:
    with pytest.raises(ArchiveError) as caught:
        read_archive(content)
    return str(caught.value)


def test_an_archive_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "my car.tar.gz"
    sha256 = write_archive(path, metadata=METADATA, model=MODEL, provenance={"seed": 7})
    archive = read_archive(path)
    assert (archive.name, archive.metadata, archive.model_bytes) == ("my_car", METADATA, MODEL)
    assert (archive.model_format, archive.verified) == ("onnx", True)
    assert archive.sha256 == sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert archive.model_sha256 == hashlib.sha256(MODEL).hexdigest()
    assert archive.provenance is not None
    assert archive.provenance["seed"] == 7


def test_everything_that_was_put_in_comes_out() -> None:
    archive = read_archive(GOOD, name="champion")
    assert (archive.name, archive.reward_source) == ("champion", REWARD)
    assert archive.hyperparameters == {"lr": 0.0003}
    assert archive.provenance is not None
    assert set(archive.provenance["members"]) == {
        "agent/model.onnx",
        "model_metadata.json",
        "reward_function.py",
        "hyperparameters.json",
    }
    assert archive.ignored == ()


def test_equal_content_gives_equal_bytes() -> None:
    again = pack_archive(
        provenance={"seed": 7, "track": "lapwing_loop"},
        hyperparameters={"lr": 0.0003},
        reward_source=REWARD,
        model=MODEL,
        metadata=METADATA,
    )
    assert again == GOOD


def test_any_tar_program_can_list_it_and_finds_no_trace_of_this_machine() -> None:
    with tarfile.open(fileobj=io.BytesIO(GOOD)) as archive:
        members = archive.getmembers()
    assert [member.name for member in members] == sorted(member.name for member in members)
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {(0, 0, 0, "", "", 0o644)}


@pytest.mark.parametrize("fmt", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("prefix", ["", "./"])
def test_a_stock_deepracer_archive_is_read_and_its_other_files_are_ignored(fmt: int, prefix: str) -> None:
    members = {prefix + name: content for name, content in STOCK.items()}
    members[prefix + "output/" + "x" * 120 + "/événements.log"] = b"log"  # a long name that is not ASCII
    members[prefix + "agent/._model.pb"] = b"what macOS adds"
    archive = read_archive(tar(members, fmt, entry("agent", tarfile.DIRTYPE)))
    assert (archive.model_format, archive.model_bytes, archive.verified) == ("pb", MODEL, False)
    long_name = "output/" + "x" * 120 + "/événements.log"
    assert archive.ignored == (long_name, "agent/._model.pb")
    assert archive.provenance is None


def test_hyperparameters_are_found_where_deepracer_keeps_them() -> None:
    archive = read_archive(tar({**STOCK, "ip/hyperparameters.json": b'{"lr": 1}'}))
    assert archive.hyperparameters == {"lr": 1}


@pytest.mark.parametrize(
    ("file_name", "name"),
    [
        ("a.tar.gz", "a"),
        ("my model (1).tar.gz", "my_model__1"),
        ("v1.2.tar.gz", "v1.2"),
        (".tar.gz", "model"),
        ("x.tgz", "x"),
    ],
)
def test_the_name_is_that_of_the_file_without_what_folders_cannot_have(file_name: str, name: str) -> None:
    assert archive_name(Path(file_name)) == name


def test_a_missing_file_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="Cannot read"):
        read_archive(tmp_path / "none.tar.gz")


HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty file": (b"", "cut short"),
    "not gzip": (b"PK\x03\x04" + bytes(600), "not a sound .tar.gz"),
    "plain tar": (gzip.decompress(GOOD), "not a sound .tar.gz"),
    "gzip of nothing": (gzip.compress(b""), "ends too early"),
    "gzip of noise": (gzip.compress(MODEL), "damaged"),
    "empty tar": (tar({}), "holds no model"),
    "no metadata": (tar({"agent/model.pb": MODEL}), "lacks model_metadata.json"),
    "metadata not at the root": (
        tar({"a/model_metadata.json": STOCK["model_metadata.json"], "agent/model.pb": MODEL}),
        "lacks model_metadata.json",
    ),
    "no model": (tar({"model_metadata.json": STOCK["model_metadata.json"]}), "holds no model"),
    "empty model": (tar({**STOCK, "agent/model.pb": b""}), "holds no model"),
    "two models": (tar({**STOCK, "other.pb": MODEL}), "two models"),
    "two kinds of models": (tar({**STOCK, "agent/model.onnx": MODEL}), "two models"),
    "metadata is a list": (tar({**STOCK, "model_metadata.json": b"[]"}), "must be a group"),
    "metadata is too long": (tar({**STOCK, "model_metadata.json": b" " * (1 << 20) + b"{}"}), "at most"),
    "metadata contradicts itself": (tar({**STOCK, "model_metadata.json": b'{"sensor": []}'}), "one camera"),
    "provenance is no json": (tar({**STOCK, "provenance.json": b"{"}), "provenance.json is not JSON"),
    "provenance is nested": (tar({**STOCK, "provenance.json": b"[" * 10**5}), "provenance.json is not JSON"),
    "provenance is a list": (tar({**STOCK, "provenance.json": b"[]"}), "not a group"),
    "provenance hashes are a list": (tar({**STOCK, "provenance.json": b'{"members": []}'}), "unknown form"),
    "hyperparameters with NaN": (tar({**STOCK, "hyperparameters.json": b'{"lr": NaN}'}), "not JSON"),
    "reward is not text": (tar({**STOCK, "reward_function.py": b"\xff"}), "not text"),
    "absolute name": (tar({**STOCK, "/etc/passwd": b"x"}), "leads out"),
    "name with dots": (tar({**STOCK, "../evil": b"x"}), "leads out"),
    "name with dots inside": (tar({**STOCK, "agent/../../evil": b"x"}), "leads out"),
    "name ending in dots": (tar({**STOCK, "agent/..": b"x"}), "leads out"),
    "name with a backslash": (tar({**STOCK, "..\\evil": b"x"}), "characters"),
    "name with a drive": (tar({**STOCK, "C:evil": b"x"}), "characters"),
    "name with a newline": (tar({**STOCK, "a\nb": b"x"}), "characters"),
    "name with an escape": (tar({**STOCK, "a\x1b[31m": b"x"}), "characters"),
    "name too long": (tar({**STOCK, "x" * 300: b"x"}, tarfile.GNU_FORMAT), "more than 255 bytes"),
    "name not utf-8": (tar({**STOCK, "a\udcff": b"x"}), "not UTF-8"),
    "name of nothing": (tar({**STOCK, "./.": b"x"}), "without a name"),
    "same name twice": (tar({**STOCK, "./agent/model.pb": MODEL}), "twice"),
    "symbolic link": (tar(STOCK, tarfile.USTAR_FORMAT, entry("l", tarfile.SYMTYPE, "/etc")), "symbolic link"),
    "hard link": (tar(STOCK, tarfile.USTAR_FORMAT, entry("l", tarfile.LNKTYPE, "agent")), "hard link"),
    "long link": (tar(STOCK, tarfile.GNU_FORMAT, entry("l", tarfile.SYMTYPE, "x" * 200)), "a link"),
    "device": (tar(STOCK, tarfile.USTAR_FORMAT, entry("d", tarfile.CHRTYPE)), "device"),
    "block device": (tar(STOCK, tarfile.USTAR_FORMAT, entry("d", tarfile.BLKTYPE)), "device"),
    "pipe": (tar(STOCK, tarfile.USTAR_FORMAT, entry("p", tarfile.FIFOTYPE)), "named pipe"),
    "sparse": (tar(STOCK, tarfile.GNU_FORMAT, entry("s", tarfile.GNUTYPE_SPARSE)), "sparse"),
    "unknown kind": (tar(STOCK, tarfile.USTAR_FORMAT, entry("s", b"Z")), "odd entry"),
    "too many members": (tar({**STOCK, **{f"f{n}": b"" for n in range(70)}}), "more than 64"),
    "too many folders": (
        tar({}, tarfile.USTAR_FORMAT, *[entry(f"d{n}", tarfile.DIRTYPE) for n in range(300)]),
        "chain of records",
    ),
    "data after the archive": (GOOD + b"x", "after the compressed archive"),
    "a second gzip member": (GOOD + GOOD, "after the compressed archive"),
    "data after the end": (gzip.compress(gzip.decompress(GOOD) + b"x" * 512), "data after its end"),
    "no end mark": (gzip.compress(gzip.decompress(GOOD).rstrip(b"\0")), "ends too early"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_archive_is_refused_with_its_reason(case: str) -> None:
    content, reason = HOSTILE[case]
    assert reason in refusal(content)


def test_padding_after_the_archive_is_harmless() -> None:
    assert read_archive(GOOD + bytes(1000)).verified


def changed_members(change: Callable[[dict[str, bytes]], None]) -> bytes:
    """GOOD unpacked, changed and packed again, with its old provenance."""
    with tarfile.open(fileobj=io.BytesIO(GOOD)) as archive:
        members = {m.name: archive.extractfile(m).read() for m in archive.getmembers()}  # type: ignore[union-attr]
    change(members)
    return tar(members)


@pytest.mark.parametrize("name", ["agent/model.onnx", "model_metadata.json", "reward_function.py"])
def test_a_member_changed_afterwards_is_refused(name: str) -> None:
    content = changed_members(lambda members: members.update({name: members[name] + b"\n"}))
    assert f"'{name}' was changed" in refusal(content)


def test_a_member_taken_out_is_refused() -> None:
    assert "lacks 'reward_function.py'" in refusal(changed_members(lambda m: m.pop("reward_function.py")))


def test_a_member_in_use_that_was_added_is_refused() -> None:
    def drop_from_provenance(members: dict[str, bytes]) -> None:
        provenance = json.loads(members["provenance.json"])
        del provenance["members"]["reward_function.py"]
        members["provenance.json"] = json.dumps(provenance).encode()

    assert "'reward_function.py' was added" in refusal(changed_members(drop_from_provenance))


def pax(records: bytes, members: dict[str, bytes]) -> bytes:
    """An archive whose first entry is a hand-made pax header."""
    header = entry("pax", b"x")
    header.size = len(records)
    blocks = header.tobuf(tarfile.USTAR_FORMAT) + records + bytes(-len(records) % 512)
    return gzip.compress(blocks + gzip.decompress(tar(members)))


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        (b"19 path=../../evil\n", "leads out"),
        (b"99 path=x\n", "damaged extended header"),
        (b"0 path=x\n", "damaged extended header"),
        (b"-5 path=x\n", "damaged extended header"),
        (b"9 path=x", "damaged extended header"),
        (b"7 path\n", "damaged extended header"),
        (b"22 GNU.sparse.major=1\n", "sparse"),
        (b"13 size=-100\n", "damaged size"),
        (b"23 size=99999999999999\n", "at most 256 MiB"),
        (b"x" * 70_000, "name record of 70000 bytes"),
        (b"11 path=\xff\xfe\n", "not UTF-8"),
    ],
)
def test_crafted_extended_headers_are_refused(records: bytes, reason: str) -> None:
    assert reason in refusal(pax(records, STOCK))


def raw_header(**fields: bytes) -> bytes:
    """A tar header with fields overwritten and the checksum made right again."""
    block = bytearray(entry("agent/model.pb", b"0").tobuf(tarfile.USTAR_FORMAT)[:512])
    for name, value in fields.items():
        start = {"size": 124, "kind": 156}[name]
        block[start : start + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        (b"77777777777\0", "at most 256 MiB"),
        (b"\x80" + bytes(10) + b"\x01", "damaged number"),
        (b"\xff" * 12, "damaged number"),
        (b"-0000000001\0", "damaged number"),
        (b"00000009999\0", "damaged number"),
        (b"0000000 777\0", "damaged number"),
    ],
)
def test_crafted_sizes_are_refused(size: bytes, reason: str) -> None:
    assert reason in refusal(gzip.compress(raw_header(size=size) + bytes(2048)))


def test_names_and_records_at_their_limit_are_read() -> None:
    name = "x" * 255
    assert read_archive(tar({**STOCK, name: b""}, tarfile.GNU_FORMAT)).ignored == (name,)
    comment = b"65536 comment=" + b"x" * (65536 - 15) + b"\n"
    assert read_archive(pax(comment, STOCK)).model_format == "pb"


def test_a_member_may_be_as_long_as_its_header_says_and_no_longer() -> None:
    assert "at most 256 MiB" in refusal(gzip.compress(raw_header(size=b"%011o\0" % ((256 << 20) + 1))))
    assert "cut short" in refusal(gzip.compress(raw_header(size=b"%011o\0" % (256 << 20)))[:-9])


def test_a_wrong_header_checksum_is_refused() -> None:
    block = bytearray(raw_header())
    block[0] ^= 1
    assert "damaged header" in refusal(gzip.compress(bytes(block) + bytes(1024)))


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = gzip.compress(raw_header(size=b"%011o\0" % (100 << 20)) + bytes(100 << 20), 9)
    assert len(bomb) < 200_000
    assert "100 times its size" in refusal(bomb)


def test_the_sum_of_members_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar_stream, "MAX_TOTAL_BYTES", 64 << 10)
    assert read_archive(tar(STOCK)).model_format == "pb"
    assert "unpacks to more than" in refusal(tar({**STOCK, "more": os.urandom(64 << 10)}))


def test_an_archive_cut_anywhere_is_refused() -> None:
    for length in range(0, len(GOOD), 7):
        refusal(GOOD[:length])
    refusal(GOOD[:-1])


def test_a_flipped_bit_anywhere_is_refused_or_changes_nothing() -> None:
    """Only a few bits of the gzip header (time, system) mean nothing."""
    good = read_archive(GOOD)
    harmless = 0
    for position in range(len(GOOD)):
        damaged = bytearray(GOOD)
        damaged[position] ^= 1 << position % 8
        try:
            archive = read_archive(bytes(damaged))
        except ArchiveError:
            continue
        harmless += 1
        assert (archive.metadata, archive.model_bytes) == (good.metadata, good.model_bytes)
    assert harmless <= 10


@settings(max_examples=200)
@given(data=st.data())
def test_scribbled_over_tar_blocks_are_read_or_refused_with_our_error(data: st.DataObject) -> None:
    """Damage below gzip, so that its checksum does not catch it first."""
    raw = bytearray(gzip.decompress(GOOD))
    for _ in range(data.draw(st.integers(1, 6))):
        position = data.draw(st.integers(0, len(raw) - 1))
        piece = data.draw(st.binary(min_size=1, max_size=16))
        raw[position : position + len(piece)] = piece
    try:
        assert isinstance(read_archive(gzip.compress(bytes(raw), 1)), ModelArchive)
    except ArchiveError as error:
        assert str(error).endswith((".", "…"))  # noqa: PT017


@settings(max_examples=200)
@given(noise=st.binary(max_size=2000))
def test_noise_is_refused(noise: bytes) -> None:
    for content in (noise, gzip.compress(noise), GOOD[:10] + noise):
        with pytest.raises(ArchiveError):
            read_archive(content)


@pytest.mark.parametrize(
    "content",
    [
        {"hyperparameters": {"lr": float("nan")}},
        {"provenance": {"x": object()}},
        {"reward_source": "x" * (2 << 20)},
    ],
)
def test_what_could_not_be_read_back_is_not_written(content: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(LapwingError):
        write_archive(tmp_path / "a.tar.gz", metadata=METADATA, model=MODEL, **content)
    assert not list(tmp_path.iterdir())
