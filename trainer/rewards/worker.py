"""The reward worker: the process that runs users' reward functions (`python -m trainer.rewards.worker`).

It holds the modules of some of the cars, reads their rows from shared memory, writes the rewards back, and
answers with one byte. Standard library only until the user's own file imports more.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import mmap
import os
import signal
import sys
from json import dumps, loads
from time import perf_counter
from typing import Any

from shared.errors import LapwingError
from trainer.rewards.instances import Instances
from trainer.rewards.isolation import isolate
from trainer.rewards.link import (
    DONE,
    FLOAT_BYTES,
    LOAD,
    LOADED,
    MISTAKE,
    OUTPUT,
    READY,
    RESTORE,
    RESTORED,
    SAVE,
    STATES,
    STEP,
    TURN_FLOATS,
    BlockLayout,
    map_block,
    read_exactly,
    read_frame,
    write_all,
    write_frame,
)  # fmt: skip
from trainer.rewards.mistake import Mistake, MistakeError
from trainer.rewards.params import Columns, ParamsBuilder, both_directions
from trainer.rewards.program import Program, RewardSource, mistake_of

STACK_SIGNAL = signal.SIGUSR2
"""The trainer sends it to learn where a call hangs; the answer is written to standard error."""

OUTPUT_BYTES_PER_STEP = 16_384
MEMORY_RESERVE_BYTES = 2_000_000
"""Given up when memory runs out, so that there is room to say so."""


class CappedOutput(io.RawIOBase):
    """What the user prints: kept until the end of the step, at most so much of it, the rest counted."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._dropped = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        room = OUTPUT_BYTES_PER_STEP - len(self._kept)
        self._kept += view[: max(room, 0)]
        self._dropped += max(len(view) - max(room, 0), 0)
        return len(view)

    def take(self) -> bytes:
        """What was printed since the last time."""
        text = bytes(self._kept)
        if self._dropped:
            text += f"\n({self._dropped:,} more bytes were printed in this step and dropped)\n".encode()
        self._kept.clear()
        self._dropped = 0
        return text


class Worker:
    """The loop: a request in, an answer out."""

    def __init__(self, requests: int, replies: int, block: int) -> None:
        self._requests, self._replies = requests, replies
        self._output = CappedOutput()
        self._reserve = bytearray(MEMORY_RESERVE_BYTES)
        config = loads(self._expect(LOAD))
        self._source = RewardSource(config["file"], config["text"])
        self._layout = BlockLayout(config["cars"], config["columns_in_row"], config["workers"])
        self._first, self._count, self._number = config["first"], config["count"], config["worker"]
        self._map_memory(map_block(block, self._layout))
        os.close(block)
        granted = isolate(config["memory_mb"], config["call_limit_s"])
        write_frame(replies, READY, dumps(granted.as_dict()).encode())
        self._first_car = config["first_car"]
        self._config = config

    def _expect(self, kind: bytes) -> bytes:
        if read_exactly(self._requests, 1) != kind:
            raise EOFError
        return read_frame(self._requests)

    def _map_memory(self, block: mmap.mmap) -> None:
        layout, view = self._layout, memoryview(block)
        self._rows = view[layout.rows : layout.turns].cast("d")
        self._rewards = view[layout.rewards : layout.rows].cast("d")
        turn = layout.turns + TURN_FLOATS * self._number * FLOAT_BYTES
        self._turn = view[turn : turn + TURN_FLOATS * FLOAT_BYTES].cast("d")
        self._asked = view[layout.asked : layout.size]

    def run(self) -> None:
        """Serve until the trainer closes its end."""
        self._printed = io.TextIOWrapper(io.BufferedWriter(self._output), encoding="utf-8", errors="replace")
        for name in ("stdout", "stderr", "__stdout__", "__stderr__"):
            setattr(sys, name, self._printed)
        try:
            self._load()
            while True:
                self._serve(read_exactly(self._requests, 1))
        except MistakeError as error:
            self._complain(error.mistake)
        except BaseException as error:  # noqa: BLE001 - foreign code reaches everywhere: tell, then end
            self._reserve = bytearray()
            if not isinstance(error, EOFError):
                self._complain(mistake_of(error, self._source))

    def _serve(self, request: bytes) -> None:
        if request == STEP:
            self._step()
            self._flush()
            write_all(self._replies, DONE)
        elif request == SAVE:
            read_frame(self._requests)
            self._save()
        elif request == RESTORE:
            self._restore(read_frame(self._requests))
        else:
            raise EOFError

    def _load(self) -> None:
        config = self._config
        columns = Columns(**config["columns"])
        builder = ParamsBuilder(columns, [both_directions(*road) for road in config["roads"]])
        cars = range(config["first_car"] + self._first, config["first_car"] + self._first + self._count)
        program = Program(self._source)
        self._instances = Instances(program, cars, builder, columns, config["seed"])
        self._flush()
        write_frame(self._replies, LOADED, b"")

    def _step(self) -> None:
        rows, rewards, asked, turn = self._rows, self._rewards, self._asked, self._turn
        columns, first, call = self._layout.columns, self._first, self._instances.reward
        first_car, begun = self._first_car, perf_counter()
        for index in range(self._count):
            car = first + index
            if asked[car]:
                turn[3] = first_car + car
                turn[0] += 1.0
                rewards[car] = call(index, rows[car * columns : (car + 1) * columns].tolist())
                turn[1] += 1.0
            else:
                rewards[car] = 0.0
        turn[2] += perf_counter() - begun

    def _save(self) -> None:
        saved = self._instances.save()
        header = dumps([(None if data is None else len(data), reason) for data, reason in saved]).encode()
        body = b"".join(data or b"" for data, _ in saved)
        self._flush()
        write_frame(self._replies, STATES, len(header).to_bytes(8, "little") + header + body)

    def _restore(self, payload: bytes) -> None:
        split = 8 + int.from_bytes(payload[:8], "little")
        states: list[bytes | None] = []
        for length in loads(payload[8:split]):
            states.append(None if length is None else payload[split : split + length])
            split += length or 0
        try:
            self._instances.load(states)
        except BaseException as error:  # noqa: BLE001 - unpickling runs foreign code
            raise self._source.mistake(
                Mistake(f"its saved variables cannot be put back ({mistake_of(error, self._source).what})")
            ) from None
        self._flush()
        write_frame(self._replies, RESTORED, b"{}")

    def _flush(self) -> None:
        """Hand over what was printed."""
        try:
            self._printed.flush()
        except (ValueError, OSError):  # the user closed it: there is nothing to hand over
            return
        text = self._output.take()
        if text:
            write_frame(self._replies, OUTPUT, text)

    def _complain(self, mistake: Mistake) -> None:
        self._flush()
        with contextlib.suppress(OSError):
            write_frame(self._replies, MISTAKE, dumps(mistake.as_dict()).encode())


def main() -> None:
    """Started by RewardProcess with three descriptors: requests, replies, the shared block."""
    requests, replies, block, life = (int(text) for text in sys.argv[1:5])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the trainer, which then closes our pipe
    _end_with_the_trainer(life)
    faulthandler.enable(file=2)
    faulthandler.register(STACK_SIGNAL, file=2, all_threads=True, chain=False)
    sys.dont_write_bytecode = True
    with contextlib.suppress(EOFError, LapwingError, BrokenPipeError):
        Worker(requests, replies, block).run()
    os._exit(0)


def _end_with_the_trainer(life: int) -> None:
    """Have the kernel kill this process when the other end of the pipe closes, even in a loop without end."""
    import fcntl

    fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(life, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)


if __name__ == "__main__":
    main()
