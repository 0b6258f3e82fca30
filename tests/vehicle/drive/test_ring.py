"""The ring keeps half a minute, and never more bytes than it may."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from shared.drive_channels import CameraFrame
from vehicle.drive.ring import Ring


def test_what_is_older_than_the_span_goes() -> None:
    ring = Ring(span_s=30.0)
    for second in range(41):
        ring.add((float(second), "/cmd", b"{}"))
    assert [entry[0] for entry in ring.entries()] == list(range(10, 41))
    assert ring.oldest_s == 10.0


def test_more_bytes_than_allowed_shorten_the_span() -> None:
    ring = Ring(span_s=30.0, limit_bytes=100_000)
    for second in range(30):
        ring.add((float(second), "/camera/front", CameraFrame(bytes(20_000), second)))
        assert ring.size_bytes <= 100_000
    assert [entry[0] for entry in ring.entries()] == [25.0, 26.0, 27.0, 28.0, 29.0]


def test_a_message_larger_than_the_ring_leaves_it_empty() -> None:
    ring = Ring(limit_bytes=1000)
    ring.add((0.0, "/camera/front", CameraFrame(bytes(20_000), 1)))
    assert (list(ring.entries()), ring.size_bytes, ring.oldest_s) == ([], 0, float("inf"))


messages = st.one_of(
    st.binary(max_size=40), st.builds(CameraFrame, st.binary(max_size=40), st.integers(0, 9), gain=st.floats(1, 8))
)


@given(st.lists(st.tuples(st.floats(0, 2), messages), max_size=60), st.integers(1, 120))
def test_what_is_kept_is_the_end_of_what_came_unchanged(
    came: list[tuple[float, bytes | CameraFrame]], limit: int
) -> None:
    ring, now_s = Ring(span_s=5.0, limit_bytes=limit), 0.0
    expected: list[tuple[float, str, bytes | CameraFrame]] = []
    for later_s, message in came:
        now_s += later_s
        ring.add((now_s, "/any", message))
        expected.append((now_s, "/any", message))
        while expected and (expected[0][0] < now_s - 5.0 or sum(map(size_of, expected)) > limit):
            expected.pop(0)
        assert list(ring.entries()) == expected
        assert ring.size_bytes == sum(map(size_of, expected))


def size_of(entry: tuple[float, str, bytes | CameraFrame]) -> int:
    return len(entry[2].jpeg if isinstance(entry[2], CameraFrame) else entry[2])


def test_its_memory_is_taken_once_and_nothing_of_what_came_is_held_on_to() -> None:
    ring = Ring(span_s=30.0, limit_bytes=1 << 20)
    tracemalloc.start()
    try:
        for number in range(1000):
            ring.add((number / 15, "/camera/front", CameraFrame(bytes(2000 + number), number)))
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert ring.size_bytes > 1_000_000
    assert held_bytes < 200_000
