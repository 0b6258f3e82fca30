"""The last half minute of a drive in memory, for the moment in which something happens that nobody recorded."""

from __future__ import annotations

from collections import deque

from shared.drive_channels import CHANNEL_OF, CameraFrame, DriveState

SPAN_S = 30.0
LIMIT_BYTES = 48 << 20  # half a minute of 640 x 480 pictures at 30 Hz takes about 30 MB
_OVERHEAD_BYTES = 150
_STATE_CHANNEL = CHANNEL_OF[DriveState]

# When, on which channel, and the message encoded; a picture is only encoded when it is written: base64 is larger.
# Plain tuples of bytes, because Python's garbage collector soon leaves them alone: thousands of objects that it
# looked through again and again would hold up the control loop.
Kept = tuple[float, str, bytes | CameraFrame]


class Ring:
    """Keeps what is not older than span_s, and less where that would be more than limit_bytes.

    state: the actuator's state when its oldest message came, which is written on change alone; None if unknown.
    """

    def __init__(self, span_s: float = SPAN_S, limit_bytes: int = LIMIT_BYTES) -> None:
        self.size_bytes = 0
        self.state: bytes | None = None
        self._span_s = span_s
        self._limit_bytes = limit_bytes
        self._entries: deque[Kept] = deque()

    @property
    def oldest_s(self) -> float:
        """When the oldest message was; infinity while there is none."""
        return self._entries[0][0] if self._entries else float("inf")

    def add(self, entry: Kept) -> None:
        """Keep one more, and let go of what is too old or too much."""
        self._entries.append(entry)
        self.size_bytes += _size(entry)
        while self._entries[0][0] < entry[0] - self._span_s or self.size_bytes > self._limit_bytes:
            gone = self._entries.popleft()
            self.size_bytes -= _size(gone)
            if gone[1] == _STATE_CHANNEL and isinstance(gone[2], bytes):
                self.state = gone[2]
            if not self._entries:
                return

    def entries(self) -> list[Kept]:
        """Everything kept, in the order it came."""
        return list(self._entries)


def _size(entry: Kept) -> int:
    payload = entry[2]
    return _OVERHEAD_BYTES + len(payload.jpeg if isinstance(payload, CameraFrame) else payload)
