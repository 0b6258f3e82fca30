"""The last half minute of a drive in memory, for the moment in which something happens that nobody recorded.

The messages lie one after the other in one piece of memory that is written round and round. As objects of their own
they would leave gaps of every size behind, and the process would grow for hours.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from shared.drive_channels import CHANNEL_OF, CameraFrame, DriveState

SPAN_S = 30.0
LIMIT_BYTES = 48 << 20  # half a minute of 640 x 480 pictures at 30 Hz takes about 30 MB
_STATE_CHANNEL = CHANNEL_OF[DriveState]

# When, on which channel, and the message encoded; a picture is only encoded when it is written: base64 is larger.
Kept = tuple[float, str, bytes | CameraFrame]
# When, on which channel, where its bytes begin, how many they are, and of a picture what it is besides its JPEG.
# Plain tuples, because Python's garbage collector soon leaves those of numbers alone: thousands of objects that it
# looked through again and again would hold up the control loop.
_Place = tuple[float, str, int, int, CameraFrame | None]


class Ring:
    """Keeps what is not older than span_s, and less where that would be more than limit_bytes.

    state: the actuator's state when its oldest message came, which is written on change alone; None if unknown.
    """

    def __init__(self, span_s: float = SPAN_S, limit_bytes: int = LIMIT_BYTES) -> None:
        self.state: bytes | None = None
        self._span_s = span_s
        self._memory = memoryview(bytearray(limit_bytes))
        self._written_bytes = 0  # ever; where the next message begins
        self._places: deque[_Place] = deque()

    @property
    def oldest_s(self) -> float:
        """When the oldest message was; infinity while there is none."""
        return self._places[0][0] if self._places else float("inf")

    @property
    def size_bytes(self) -> int:
        """Of all that is kept."""
        return self._written_bytes - self._places[0][2] if self._places else 0

    def add(self, entry: Kept) -> None:
        """Keep one more, and let go of what is too old or too much."""
        time_s, channel, payload = entry
        if isinstance(payload, CameraFrame):
            content, picture = payload.jpeg, replace(payload, jpeg=b"")
        else:
            content, picture = payload, None
        room_bytes = len(self._memory) - len(content)
        while self._places and (self.oldest_s < time_s - self._span_s or self.size_bytes > room_bytes):
            _, gone_channel, begin, size, _ = self._places.popleft()
            if gone_channel == _STATE_CHANNEL:
                self.state = self._read(begin, size)
        if room_bytes >= 0:
            self._places.append((time_s, channel, self._written_bytes, len(content), picture))
            self._write(content)

    def entries(self) -> Iterator[Kept]:
        """Everything kept, in the order it came, one at a time: nobody has room for all of it twice."""
        for time_s, channel, begin, size, picture in self._places:
            content = self._read(begin, size)
            yield time_s, channel, content if picture is None else replace(picture, jpeg=content)

    def _write(self, content: bytes) -> None:
        at = self._written_bytes % len(self._memory)
        before_end = len(self._memory) - at
        self._memory[at : at + len(content)] = content[:before_end]
        self._memory[: len(content[before_end:])] = content[before_end:]
        self._written_bytes += len(content)

    def _read(self, begin: int, size: int) -> bytes:
        at = begin % len(self._memory)
        over_end = max(0, at + size - len(self._memory))
        return bytes(self._memory[at : at + size]) + bytes(self._memory[:over_end])
