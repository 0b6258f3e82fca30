"""Messages of the board-world link survive any slicing, and nonsense is refused."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import LinkError
from shared.world_link import (
    LINK_VERSION,
    CarPose,
    Hello,
    Message,
    MessageReader,
    PulseReport,
    WorldFrame,
    encode,
)

PICTURE = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
POSE = CarPose(
    x_m=1.5,
    y_m=-2.0,
    heading_rad=3.0,
    speed_mps=0.5,
    steering_angle_deg=-12.0,
    progress_percent=41.0,
    laps=2,
    lap_time_s=7.5,
    last_lap_time_s=17.25,
    off_track_count=1,
    is_off_track=True,
)
MESSAGES: tuple[Message, ...] = (
    Hello("world", {"track": "lapwing_loop"}),
    PulseReport(0.02, 1480.0, None),
    WorldFrame(1.5, 7, PICTURE, POSE),
    PulseReport(0.04, None, 1500.5, ("stereo", "lidar")),
    WorldFrame(1.6, 8, PICTURE, POSE, 255 - PICTURE, np.linspace(0.1, 12.0, 7, dtype=np.float32)),
    WorldFrame(1.7, 9, PICTURE, POSE, None, np.array([0.5], np.float32)),
)


def same(first: Message, second: Message) -> bool:
    if isinstance(first, WorldFrame) and isinstance(second, WorldFrame):
        fields = ("time_s", "sequence", "pose")
        pictures = np.array_equal(first.frame_rgb, second.frame_rgb)
        return pictures and all(getattr(first, name) == getattr(second, name) for name in fields)
    return first == second


def packed(kind: int, head: object, blob: bytes = b"") -> bytes:
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack("<2sBBII", b"LW", LINK_VERSION, kind, len(text), len(blob)) + text + blob


@settings(max_examples=60)
@given(cuts=st.lists(st.integers(0, 2000), max_size=12))
def test_messages_arrive_whole_however_the_bytes_are_cut(cuts: list[int]) -> None:
    stream = b"".join(encode(message) for message in MESSAGES)
    reader, received = MessageReader(), []
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    for start, end in itertools.pairwise(edges):
        received += reader.feed(stream[start:end])
    assert len(received) == len(MESSAGES)
    assert all(same(sent, got) for sent, got in zip(MESSAGES, received, strict=True))


def test_a_full_camera_picture_fits() -> None:
    frame = WorldFrame(0.0, 0, np.zeros((480, 640, 3), np.uint8))
    (received,) = MessageReader().feed(encode(frame))
    assert same(frame, received)


FRAME = {
    "time_s": 0.0,
    "sequence": 0,
    "height_px": 1,
    "width_px": 1,
    "has_right": False,
    "rays": 0,
    "pose": dataclasses.asdict(POSE),
}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "does not speak"),
        (
            struct.pack("<2sBBII", b"LW", LINK_VERSION + 1, 2, 0, 0),
            f"version {LINK_VERSION + 1} of the link, this one {LINK_VERSION}",
        ),
        (struct.pack("<2sBBII", b"LW", LINK_VERSION, 2, 1 << 20, 0), "too large"),
        (struct.pack("<2sBBII", b"LW", LINK_VERSION, 3, 2, 1 << 30), "too large"),
        (packed(9, {}), "unknown kind 9"),
        (packed(2, b"{"), "damaged message"),
        (packed(2, b"[" * 60_000), "damaged message"),
        (packed(2, []), "without fields"),
        (packed(2, {"steering_us": 1500.0, "throttle_us": 1500.0}), "time_s = None"),
        (packed(2, {"time_s": 0.0, "steering_us": "1500", "throttle_us": None}), "steering_us = '1500'"),
        (packed(2, {"time_s": True, "steering_us": None, "throttle_us": None}), "time_s = True"),
        (packed(2, b'{"time_s": NaN}'), "NaN"),
        (packed(2, b'{"time_s": 1e999}'), "time_s = inf"),
        (packed(2, b'{"time_s": 1' + b"0" * 400 + b"}"), "time_s = inf"),
        (
            packed(2, {"time_s": 0.0, "steering_us": None, "throttle_us": None}, b"x"),
            "a picture in a message",
        ),
        (packed(1, {"role": "phone"}), "neither board nor world"),
        (packed(1, {"role": "board", "about": {"x": 1}}), "introduced itself wrongly"),
        (packed(3, FRAME, b"12"), "1x1 picture and 0 rays of 2 bytes"),
        (packed(3, {**FRAME, "height_px": 0}), "1x0 picture"),
        (packed(3, {**FRAME, "height_px": -1, "width_px": -1}, b"123"), "picture and 0 rays of 3 bytes"),
        (packed(3, {**FRAME, "has_right": True}, b"123"), "picture and 0 rays of 3 bytes"),
        (packed(3, {**FRAME, "rays": 2}, b"123"), "picture and 2 rays of 3 bytes"),
        (packed(3, {**FRAME, "rays": 1}, b"123\0\0\xc0\x7f"), "scan that is not finite"),
        (packed(2, {"time_s": 0.0, "looks_with": "lidar"}), "no list of names"),
        (packed(3, {**FRAME, "pose": None}, b"123"), "without a pose"),
        (packed(3, {**FRAME, "pose": {}}, b"123"), "x_m = None"),
        (packed(3, {**FRAME, "sequence": 0.5}, b"123"), "sequence = 0.5"),
    ],
)
def test_nonsense_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(LinkError) as caught:
        MessageReader().feed(data)
    assert reason in str(caught.value)


@settings(max_examples=200)
@given(st.data())
def test_damaged_bytes_are_messages_or_our_error(data: st.DataObject) -> None:
    stream = bytearray(b"".join(encode(message) for message in MESSAGES))
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    try:
        MessageReader().feed(bytes(stream))
    except LinkError as error:
        assert str(error)  # noqa: PT017


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_number_that_is_none_is_not_sent(bad: float) -> None:
    for message in (PulseReport(0.0, bad, None), WorldFrame(0.0, 0, PICTURE, CarPose(x_m=bad))):
        with pytest.raises(LinkError, match="not sent"):
            encode(message)


@pytest.mark.parametrize("picture", [np.zeros((4, 6), np.uint8), np.zeros((4, 6, 3), np.float32)])
def test_only_colour_pictures_are_sent(picture: Any) -> None:
    with pytest.raises(LinkError, match="world frame"):
        encode(WorldFrame(0.0, 0, picture))
    with pytest.raises(LinkError, match="too large"):
        encode(WorldFrame(0.0, 0, np.zeros((2000, 2000, 3), np.uint8)))
