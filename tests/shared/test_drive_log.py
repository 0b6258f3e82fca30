"""The drive log: every channel comes back as written; a cut or scribbled-over file loses only its damage."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.reader import make_reader
from mcap.well_known import MessageEncoding, SchemaEncoding
from mcap.writer import CompressionType, Writer

from shared.drive_channels import (
    CHANNEL_OF,
    CHANNELS,
    ActuatorOutput,
    BatterySample,
    CameraFrame,
    Command,
    DriveEvent,
    DriveMessage,
    DriveState,
    ImuSample,
    LidarScan,
    ModelInput,
    ModelOutput,
    ObjectSample,
    ObjectsSample,
    OperatorInput,
    PoseSample,
    SystemSample,
)
from shared.drive_log import DriveLogWriter, claimed_log, read_drive_log, repair_drive_log, summarise_drive_log
from shared.drive_messages import decode_message, encode_message, schema_text
from shared.errors import StorageError

EXAMPLES: tuple[DriveMessage, ...] = (
    CameraFrame(jpeg=bytes(range(256)), sequence=3, sensor_time_ns=123456789012345678, exposure_us=8000.0, gain=1.5),
    ModelInput(frame_sequence=3, sha256="ab" * 32, grey_base64="AAEC"),
    ModelOutput(frame_sequence=3, values=(0.25, 0.75), steering_angle_deg=-15.0, speed_mps=0.6, inference_ms=2.5),
    Command(steering_angle_deg=15.0, speed_mps=0.5, source="autonomous", sequence=9, frame_sequence=3),
    ActuatorOutput(steering_angle_deg=14.0, speed_mps=0.5, steering_us=1590.0, throttle_us=None, limited_by="slew"),
    LidarScan(angles_deg=(-90.0, 0.5, 90.0), ranges_m=(0.4, 0.0, 2.25), duration_s=0.14, sequence=5),
    ImuSample(acceleration_mps2=(0.1, -0.2, 9.81), angular_rate_dps=(0.0, 1.5, -30.0)),
    BatterySample(voltage_v=7.4, current_a=1.25, charge_fraction=0.6),
    OperatorInput(steering_fraction=-0.5, throttle_fraction=0.25, buttons=("A",), client="phone"),
    DriveState(state="armed", mode="autonomous", is_armed=True, reason="", epoch=4),
    DriveEvent(kind="lap", text="first", value=17.3),
    PoseSample(x_m=1.0, y_m=2.0, heading_deg=90.0, speed_mps=0.5, progress_percent=40.0, lap=1),
    ObjectsSample((ObjectSample("box", 3.0, 1.0, 0.0), ObjectSample("bot_car", 2.0, -1.0, 90.0, speed_mps=0.5))),
    SystemSample(cpu_percent=35.0, cpu_temperature_c=51.5, throttled_bits=0),
)


def write_log(path: Path, turns: int = 20, picture_bytes: int = 3000) -> Path:
    with DriveLogWriter(path, start_time_s=100.0, start_wall_ns=10**18, about={"car": "emulated"}) as log:
        log.attach("model_metadata.json", "application/json", b"{}")
        for turn in range(turns):
            time_s = 100.0 + turn / 15
            log.write(CameraFrame(bytes([turn % 256]) * picture_bytes, turn), time_s)
            log.write(Command(float(turn), 1.0, "autonomous", turn, turn), time_s)
    return path


def test_every_channel_has_an_example_here() -> None:
    assert {type(example) for example in EXAMPLES} == set(CHANNELS.values())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: CHANNEL_OF[type(example)])
def test_a_message_comes_back_as_it_was_and_fits_its_schema(example: DriveMessage) -> None:
    channel = CHANNEL_OF[type(example)]
    data = encode_message(example, 5_000_000_007)
    assert decode_message(channel, data) == example
    schema = json.loads(schema_text(channel))
    assert set(schema["properties"]) <= set(json.loads(data))


def test_all_channels_in_one_file_come_back_in_order_with_their_times(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    with DriveLogWriter(path, start_time_s=50.0, start_wall_ns=10**18) as log:
        for number, example in enumerate(EXAMPLES):
            log.write(example, 50.0 + number / 4)
    read = read_drive_log(path)
    assert read.is_complete
    assert read.skipped == 0
    assert tuple(entry.message for entry in read.entries) == EXAMPLES
    assert [entry.time_s - 10**9 for entry in read.entries] == [number / 4 for number in range(len(EXAMPLES))]


def test_what_the_drive_was_is_kept(tmp_path: Path) -> None:
    read = read_drive_log(write_log(tmp_path / "drive.mcap"))
    assert read.about == {"car": "emulated"}
    assert read.attachments == {"model_metadata.json": b"{}"}
    assert [entry.message.sequence for entry in read.of(Command)] == list(range(20))  # type: ignore[union-attr]


def test_only_the_channels_asked_for_are_read(tmp_path: Path) -> None:
    read = read_drive_log(write_log(tmp_path / "drive.mcap"), channels={"/cmd"})
    assert {entry.channel for entry in read.entries} == {"/cmd"}


def test_any_mcap_tool_reads_it_and_shows_the_picture(tmp_path: Path) -> None:
    with write_log(tmp_path / "drive.mcap").open("rb") as file:
        messages = list(make_reader(file, validate_crcs=True).iter_messages(topics="/camera/front"))
    schema, channel, message = messages[4]
    assert schema is not None
    assert (schema.name, channel.message_encoding) == ("foxglove.CompressedImage", "json")
    image = json.loads(message.data)
    assert image["format"] == "jpeg"
    assert image["timestamp"] == {"sec": 10**9, "nsec": 266666667}


def test_the_moment_a_model_answers_nan_is_kept() -> None:
    output = ModelOutput(0, (math.nan, math.inf), math.nan, 0.0)
    decoded = decode_message("/model/output", encode_message(output, 0))
    assert isinstance(decoded, ModelOutput)
    assert math.isnan(decoded.values[0])
    assert decoded.values[1] == math.inf


@pytest.mark.parametrize(
    ("channel", "data"),
    [
        ("/unknown", b"{}"),
        ("/cmd", b"{}"),
        ("/cmd", b"{"),
        ("/cmd", b'{"steering_angle_deg": 1, "speed_mps": 1, "source": "ghost"}'),
        ("/camera/front", b"{}"),
        ("/camera/front", b'{"data": "***", "sequence": 1}'),
        ("/camera/front", b"[]"),
    ],
)
def test_a_message_that_is_not_understood_is_none(channel: str, data: bytes) -> None:
    assert decode_message(channel, data) is None


def test_a_newer_message_with_more_in_it_is_read() -> None:
    data = b'{"steering_angle_deg": 1, "speed_mps": 2, "source": "manual", "client": "phone"}'
    assert decode_message("/cmd", data) == Command(1.0, 2.0, "manual")


def test_a_log_never_closed_is_read_to_its_last_chunk_and_repaired(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    log = DriveLogWriter(path, about={"car": "emulated"})
    for turn in range(100):
        log.write(CameraFrame(bytes(3000), turn), turn / 15)
    log.sync()
    before = read_drive_log(path)
    assert not before.is_complete
    assert len(before.entries) == 100
    repair = repair_drive_log(path)
    assert (repair.was_complete, repair.messages) == (False, len(before.entries))
    after = read_drive_log(path)
    assert after.is_complete
    assert after.entries == before.entries
    assert after.about == {"car": "emulated"}
    log.close()


def test_repairing_a_sound_log_changes_nothing(tmp_path: Path) -> None:
    path = write_log(tmp_path / "drive.mcap")
    content = path.read_bytes()
    repair = repair_drive_log(path)
    assert (repair.was_complete, repair.messages) == (True, 40)
    assert path.read_bytes() == content


def test_a_log_cut_anywhere_gives_a_beginning_of_what_was_written(tmp_path: Path) -> None:
    whole = write_log(tmp_path / "whole.mcap", turns=60)
    content, entries = whole.read_bytes(), read_drive_log(whole).entries
    cut = tmp_path / "cut.mcap"
    counts = []
    for length in [*range(8, len(content), 9973), len(content) - 1]:
        cut.write_bytes(content[:length])
        read = read_drive_log(cut)
        assert not read.is_complete
        assert read.entries == entries[: len(read.entries)]
        counts.append(len(read.entries))
        repair_drive_log(cut)
        repaired = read_drive_log(cut)
        assert repaired.is_complete
        assert repaired.entries == read.entries
    assert counts == sorted(counts)
    assert counts[-1] == len(entries)


@settings(max_examples=150)
@given(data=st.data())
def test_a_scribbled_over_log_gives_only_messages_that_were_written(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "scribbled.mcap"
    if not path.exists():
        write_log(path, turns=40)
        (path.with_suffix(".whole")).write_bytes(path.read_bytes())
    whole = path.with_suffix(".whole").read_bytes()
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 5))):
        position = data.draw(st.integers(8, len(content) - 1))
        piece = data.draw(st.binary(min_size=1, max_size=12))
        content[position : position + len(piece)] = piece
    damaged = path.with_name("damaged.mcap")
    damaged.write_bytes(content)
    assert set(read_drive_log(damaged).entries) <= set(read_drive_log(path).entries)


def test_channels_we_do_not_know_survive_a_repair(tmp_path: Path) -> None:
    path = tmp_path / "other.mcap"
    with path.open("wb") as file:
        writer = Writer(file, compression=CompressionType.NONE, chunk_size=64)
        writer.start()
        schema = writer.register_schema("x", SchemaEncoding.JSONSchema, b"{}")
        channel = writer.register_channel("/imu", MessageEncoding.JSON, schema)
        for number in range(10):
            writer.add_message(channel, number, b'{"x": 1}' * 10, number)
    repair_drive_log(path)
    with path.open("rb") as file:
        assert len(list(make_reader(file).iter_messages(topics="/imu"))) >= 9
    assert read_drive_log(path).skipped >= 9


def test_a_file_that_is_no_log_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.mcap").write_bytes(b"hello world")
    with pytest.raises(StorageError, match="not a drive log"):
        read_drive_log(tmp_path / "x.mcap")
    with pytest.raises(StorageError, match="Cannot read"):
        read_drive_log(tmp_path / "none.mcap")


def test_an_existing_drive_is_never_overwritten(tmp_path: Path) -> None:
    path = write_log(tmp_path / "drive.mcap", turns=1)
    with pytest.raises(StorageError, match="Cannot write"):
        DriveLogWriter(path)


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_open = Path.open
    monkeypatch.setattr(Path, "open", lambda _self, _mode: real_open(Path("/dev/full"), "wb"))
    with pytest.raises(StorageError, match="the disk is full"):
        DriveLogWriter(tmp_path / "drive.mcap")


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    log = DriveLogWriter(tmp_path / "drive.mcap")
    log.close()
    log.close()
    assert read_drive_log(tmp_path / "drive.mcap").is_complete


def test_what_was_put_on_the_disk_is_there_however_little_it_is(tmp_path: Path) -> None:
    log = DriveLogWriter(tmp_path / "drive.mcap")
    log.write(DriveEvent("lap"), 1.0)
    log.write(DriveEvent("bookmark"), 2.0)
    assert read_drive_log(log.path).entries == ()
    log.sync()
    assert [entry.message for entry in read_drive_log(log.path).entries] == [DriveEvent("lap"), DriveEvent("bookmark")]
    log.close()


def test_a_log_is_known_to_be_written_until_its_writer_is_gone(tmp_path: Path) -> None:
    log = DriveLogWriter(tmp_path / "drive.mcap")
    with claimed_log(log.path) as is_ours:
        assert not is_ours
    log.close()
    with claimed_log(log.path) as is_ours:
        assert is_ours


def test_a_log_is_summarised_without_reading_all_of_it(tmp_path: Path) -> None:
    summary = summarise_drive_log(write_log(tmp_path / "drive.mcap"))
    assert (summary.about, summary.is_complete) == ({"car": "emulated"}, True)
    assert summary.started_s == 1e9
    assert summary.ended_s == pytest.approx(1e9 + 19 / 15)


def test_a_summary_of_a_damaged_log_says_so_wherever_it_is_cut(tmp_path: Path) -> None:
    content = write_log(tmp_path / "drive.mcap", turns=3).read_bytes()
    cut = tmp_path / "cut.mcap"
    for length in range(8, len(content), 101):
        cut.write_bytes(content[:length])
        assert not summarise_drive_log(cut).is_complete
