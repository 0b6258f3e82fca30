"""An RPLIDAR's bytes become whole turns, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from vehicle.emulated.rplidar import RplidarDevice, packed_nodes
from vehicle.hardware.rplidar_nodes import NodeStream, Turn

POINTS = 400


def turns_of_bytes(turns: int, seed: int = 0) -> bytes:
    """Whole turns of a device at work, with the first node of one more."""
    around = np.random.default_rng(seed).uniform(0.2, 11.0, 720).astype(np.float32)
    device = RplidarDevice()
    device.around_m = around
    device.hear(b"\xa5\xf0\x02\x94\x02\xc1\xa5\x20", 0.0)
    return b"".join(device.nodes((turn + 1) / 10 + 0.00026) for turn in range(turns))


def feed(stream: NodeStream, data: bytes, piece: int = 512, seconds_a_piece: float = 0.0256) -> list[Turn]:
    found = []
    for k, begin in enumerate(range(0, len(data), piece)):
        found += stream.feed(data[begin : begin + piece], (k + 1) * seconds_a_piece)
    return found


def assert_whole(turns: Iterable[Turn]) -> None:
    for turn in turns:
        assert len(turn.angles_deg) == POINTS
        np.testing.assert_allclose(turn.angles_deg, np.arange(POINTS) * 0.9, atol=1 / 64)


def test_a_node_is_read_as_the_data_sheet_writes_it() -> None:
    """Angle 90.5 degrees, 1234.25 mm: 5792 and 4937 in the node's units."""
    node = packed_nodes(np.array([90.5]), np.array([1.23425], np.float32), np.array([False]))
    assert node.tobytes() == bytes([47 << 2 | 2, (5792 & 0x7F) << 1 | 1, 5792 >> 7, 4937 & 0xFF, 4937 >> 8])


@pytest.mark.parametrize("piece", [3, 7, 512, 100_000])
def test_however_the_bytes_are_cut_the_turns_are_the_same(piece: int) -> None:
    turns = feed(NodeStream(), turns_of_bytes(4), piece)
    whole = feed(NodeStream(), turns_of_bytes(4), 5)
    assert len(turns) == 4
    assert_whole(turns)
    for turn, same in zip(turns, whole, strict=True):
        np.testing.assert_array_equal(turn.distances_m, same.distances_m)


def test_a_turn_knows_when_it_was_measured() -> None:
    first, second = feed(NodeStream(), turns_of_bytes(2), piece=100, seconds_a_piece=0.005)  # 20 nodes in 5 ms
    assert first.ended_at_s - first.started_at_s == pytest.approx(0.1, abs=0.006)
    assert second.started_at_s == pytest.approx(0.105, abs=0.006)
    assert second.started_at_s > first.ended_at_s


def test_a_stream_that_is_joined_in_its_middle_begins_with_the_next_whole_turn() -> None:
    turns = feed(NodeStream(), turns_of_bytes(3)[1003:])
    assert len(turns) == 2
    assert_whole(turns)


@pytest.mark.parametrize("lost", range(2011, 3900, 97))
def test_a_lost_byte_costs_its_own_turn_and_no_other(lost: int) -> None:
    data, stream = turns_of_bytes(4), NodeStream()
    turns = feed(stream, data[:lost] + data[lost + 1 :])
    assert_whole(turns)
    assert len(turns) == 3
    assert stream.losses >= 1


def test_bytes_that_get_lost_again_and_again_never_make_a_false_scan() -> None:
    data = np.frombuffer(turns_of_bytes(60), np.uint8)
    kept = data[np.random.default_rng(1).integers(0, 1500, len(data)) > 0]
    turns = feed(NodeStream(), kept.tobytes())
    assert_whole(turns)
    assert 8 < len(turns) < 40


def test_a_node_that_got_lost_as_a_whole_at_the_wrap_does_not_make_two_turns_one() -> None:
    data = turns_of_bytes(4)
    begin = 2 * POINTS * 5
    assert_whole(feed(NodeStream(), data[:begin] + data[begin + 5 :]))


def test_noise_is_no_scan() -> None:
    noise = np.random.default_rng(2).integers(0, 256, 200_000, dtype=np.uint8).tobytes()
    assert feed(NodeStream(), noise, piece=4096) == []


def test_the_same_byte_for_ever_is_no_scan() -> None:
    for value in (0x00, 0x55, 0xA5, 0xFF, 0x01):
        assert feed(NodeStream(), bytes([value]) * 20_000, piece=4096) == []


def test_after_noise_the_turns_are_found_again() -> None:
    noise = np.random.default_rng(3).integers(0, 256, 10_000, dtype=np.uint8).tobytes()
    turns = feed(NodeStream(), noise + turns_of_bytes(3))
    assert len(turns) >= 2
    assert_whole(turns)
