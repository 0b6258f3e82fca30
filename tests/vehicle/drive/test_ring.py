"""The ring keeps half a minute, and never more bytes than it may."""

from __future__ import annotations

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
    assert [entry[0] for entry in ring.entries()] == [26.0, 27.0, 28.0, 29.0]


def test_a_message_larger_than_the_ring_leaves_it_empty() -> None:
    ring = Ring(limit_bytes=1000)
    ring.add((0.0, "/camera/front", CameraFrame(bytes(20_000), 1)))
    assert (ring.entries(), ring.size_bytes, ring.oldest_s) == ([], 0, float("inf"))


def test_what_is_counted_is_what_is_kept() -> None:
    ring = Ring(span_s=1.0)
    for number in range(100):
        ring.add((number / 10, "/cmd", bytes(number)))
    again = Ring(span_s=1.0)
    for entry in ring.entries():
        again.add(entry)
    assert ring.size_bytes == again.size_bytes
