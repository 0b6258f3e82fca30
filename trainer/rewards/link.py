"""How the trainer and a reward worker talk: a block of shared memory for the numbers, pipes for the rest.

A step is one byte each way: the rows are already in the block. Everything else is a frame: one byte that
says what it is, eight that say how long, and the payload. Standard library only: both ends import this.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass

# Bound here, because a reward function may replace what modules hold.
from os import read, write

# From the trainer.
LOAD, STEP, SAVE, RESTORE = b"L", b"S", b"P", b"R"
# From the worker. DONE ends a step and has no payload; OUTPUT may come before any other.
DONE, OUTPUT, MISTAKE, READY, LOADED, STATES, RESTORED = b".", b"o", b"m", b"r", b"l", b"s", b"d"
FRAMED = OUTPUT + MISTAKE + READY + LOADED + STATES + RESTORED

LARGEST_FRAME_BYTES = 4_000_000_000
LENGTH_BYTES = 8
FLOAT_BYTES = 8
TURN_FLOATS = 4


@dataclass(frozen=True, slots=True)
class BlockLayout:
    """Where things lie in the shared block, in bytes, each part starting at a multiple of 8.

    rewards: (cars,) float64. rows: (cars, columns) float64. asked: (cars,) bytes, 1 where the function is
    to be called. turns: per worker four float64: calls begun, calls ended, seconds spent in them,
    and the car called last.
    """

    cars: int
    columns: int
    workers: int

    @property
    def rewards(self) -> int:
        return 0

    @property
    def rows(self) -> int:
        return self.cars * FLOAT_BYTES

    @property
    def turns(self) -> int:
        return self.rows + self.cars * self.columns * FLOAT_BYTES

    @property
    def asked(self) -> int:
        return self.turns + TURN_FLOATS * self.workers * FLOAT_BYTES

    @property
    def size(self) -> int:
        return self.asked + self.cars


def map_block(descriptor: int, layout: BlockLayout) -> mmap.mmap:
    """The block behind a descriptor, readable and writable."""
    return mmap.mmap(descriptor, layout.size)


def write_frame(descriptor: int, kind: bytes, payload: bytes) -> None:
    """Send one frame on a blocking descriptor."""
    write_all(descriptor, kind + len(payload).to_bytes(LENGTH_BYTES, "little") + payload)


def write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[write(descriptor, view) :]


def read_exactly(descriptor: int, count: int) -> bytes:
    """Read that many bytes from a blocking descriptor; EOFError when the other end is gone."""
    pieces = []
    while count:
        piece = read(descriptor, min(count, 1 << 20))
        if not piece:
            raise EOFError
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def read_frame(descriptor: int) -> bytes:
    """The payload of a frame whose first byte has been read."""
    return read_exactly(descriptor, int.from_bytes(read_exactly(descriptor, LENGTH_BYTES), "little"))
