"""One reward worker as the trainer sees it: started, asked, timed, and ended when it does not answer."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from trainer.rewards.link import (
    FRAMED,
    LARGEST_FRAME_BYTES,
    LENGTH_BYTES,
    MISTAKE,
    OUTPUT,
    STEP,
)  # fmt: skip
from trainer.rewards.mistake import Mistake, MistakeError, shortened
from trainer.rewards.program import RewardSource
from trainer.rewards.worker import STACK_SIGNAL

SLICE_S = 0.1
STACK_WAIT_S = 0.5
LARGEST_STACK_BYTES = 100_000
_STACK_LINE = re.compile(r'File "(.*)", line (\d+) in ')


class RewardProcess:
    """Starts at once; everything else waits for an answer at most so long."""

    def __init__(
        self,
        source: RewardSource,
        block: int,
        turns: Callable[[], list[float]],
        on_output: Callable[[bytes], None],
    ) -> None:
        """block: descriptor of the shared block. turns: what this worker did, as in BlockLayout."""
        self._source = source
        self._turns = turns
        self._on_output = on_output
        self._stderr = os.memfd_create("reward-stderr", os.MFD_CLOEXEC)
        requests, self._requests = os.pipe()
        self._replies, replies = os.pipe()
        life, self._life = os.pipe()
        theirs = (requests, replies, block, life)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "trainer.rewards.worker", *map(str, theirs)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._stderr,
            pass_fds=theirs,
            env=_environment(),
            cwd="/",
            start_new_session=True,
        )
        for descriptor in (requests, replies, life):
            os.close(descriptor)
        os.set_blocking(self._requests, False)
        os.set_blocking(self._replies, False)
        self._readable = select.poll()
        self._readable.register(self._replies, select.POLLIN)
        self._writable = select.poll()
        self._writable.register(self._requests, select.POLLOUT)

    def send(self, data: bytes, limit_s: float) -> None:
        """Hand over bytes of any length."""
        view = memoryview(data)
        while view:
            self._wait(self._writable, limit_s)
            with contextlib.suppress(BlockingIOError):
                try:
                    view = view[os.write(self._requests, view) :]
                except BrokenPipeError:
                    self._answer_of_the_dead()

    def begin_step(self) -> None:
        """The rows are in the block: go. Never waits."""
        try:
            os.write(self._requests, STEP)
        except BrokenPipeError:
            self._answer_of_the_dead()

    def answer(self, wanted: bytes, limit_s: float) -> bytes:
        """The payload of the next answer, which must be of that kind. Raises MistakeError."""
        while True:
            kind = self._read(1, limit_s)
            if kind == wanted and wanted not in FRAMED:
                return b""
            if kind not in (wanted, OUTPUT, MISTAKE):
                raise self._ended("its process sent something that is no answer; the file must not touch open files")
            length = int.from_bytes(self._read(LENGTH_BYTES, limit_s), "little")
            if length > LARGEST_FRAME_BYTES:
                raise self._ended("its process announced an impossibly long answer")
            payload = self._read(length, limit_s)
            if kind == OUTPUT:
                self._on_output(payload)
            elif kind == MISTAKE:
                self.close()
                raise self._told(payload)
            else:
                return payload

    def close(self) -> None:
        """End the process now. It holds nothing that is not held elsewhere."""
        if self._life < 0:
            return
        self._process.kill()
        self._process.wait()
        for descriptor in (self._requests, self._replies, self._life, self._stderr):
            os.close(descriptor)
        self._life = -1

    def _read(self, count: int, limit_s: float) -> bytes:
        pieces = []
        while count:
            self._wait(self._readable, limit_s)
            piece = os.read(self._replies, count)
            if not piece:
                raise self._ended_by_itself()
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)

    def _wait(self, poll: select.poll, limit_s: float) -> None:
        """Until there is something to read or room to write.

        Only time without progress counts, in slices: a machine that sleeps, or a trainer that was stopped and
        continued, must not look like a reward function that hangs. Nor does time count in which the worker wanted to
        run and others had the processor.
        """
        slice_s = min(SLICE_S, limit_s)
        waited_s, seen, ran_s = 0.0, self._turns(), self._ran_s()
        while not poll.poll(int(1000 * slice_s)):
            before_s, ran_s = ran_s, self._ran_s()
            if self._wants_to_run() and ran_s is not None and before_s is not None:
                waited_s += min(slice_s, ran_s - before_s)
            else:
                waited_s += slice_s
            if seen != self._turns():
                waited_s, seen = 0.0, self._turns()
            if waited_s >= limit_s:
                raise self._hung(limit_s)

    def _wants_to_run(self) -> bool:
        """Whether the worker waits for nothing but a processor, if it has none already."""
        try:
            with open(f"/proc/{self._process.pid}/stat", "rb") as about:
                return about.read().rpartition(b") ")[2][:1] == b"R"
        except OSError:
            return False

    def _ran_s(self) -> float | None:
        """How long the worker has had a processor in all; None where the kernel does not say."""
        try:
            with open(f"/proc/{self._process.pid}/schedstat", "rb") as statistics:
                return int(statistics.read().split()[0]) * 1e-9
        except (OSError, ValueError, IndexError):
            return None

    def _hung(self, limit_s: float) -> MistakeError:
        what = "one call" if self._car_called() is not None else "it"
        self._process.send_signal(STACK_SIGNAL)
        deadline = time.monotonic() + STACK_WAIT_S
        line = None
        while line is None and time.monotonic() < deadline and self._process.poll() is None:
            time.sleep(0.01)
            line = self._line_on_stack()
        advice = "Look for a loop without end, or do less per call."
        return self._ended(f"{what} took longer than {limit_s:g} s and was ended", line, advice)

    def _car_called(self) -> int | None:
        """The car whose call has begun and not ended. The user's code could have written anything there."""
        begun, ended, _, car = self._turns()
        return int(car) if begun > ended and 0 <= car < 1e9 else None

    def _line_on_stack(self) -> int | None:
        """The user's innermost line in what faulthandler wrote, innermost first."""
        text = os.pread(self._stderr, LARGEST_STACK_BYTES, 0).decode("ascii", "replace")
        wanted = self._source.file.encode("ascii", "backslashreplace").decode()
        for file, line in _STACK_LINE.findall(text):
            if file == wanted:
                return int(line)
        return None

    def _ended_by_itself(self) -> MistakeError:
        """The other end closed: the process died, or the user's code closed the pipe."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STACK_WAIT_S)
        code = self._process.poll()
        if code is None:
            return self._ended("its process closed the pipe to the trainer")
        if code >= 0:
            last = os.pread(self._stderr, LARGEST_STACK_BYTES, 0).decode("utf-8", "replace").strip()
            why = shortened(last.splitlines()[-1]) if last else "return a number instead of ending it"
            return self._ended(f"its process ended by itself (exit code {code}): {why}")
        with contextlib.suppress(ValueError):
            name = signal.Signals(-code).name
            memory = " Perhaps the machine ran out of memory." if -code == signal.SIGKILL else ""
            return self._ended(f"its process was ended by {name}", self._line_on_stack(), memory.strip())
        return self._ended(f"its process was ended by signal {-code}", self._line_on_stack())

    def _answer_of_the_dead(self) -> None:
        """A request could not be sent: read why."""
        self.answer(b"", STACK_WAIT_S)

    def _ended(self, what: str, line: int | None = None, advice: str = "") -> MistakeError:
        self.close()
        return self._source.mistake(Mistake(what, line, advice, car=self._car_called()))

    def _told(self, payload: bytes) -> MistakeError:
        """The mistake as the worker tells it; a worker taken over by the user's code may tell anything."""
        try:
            told = json.loads(payload)
            line, car, step = (int(told[k]) if told.get(k) is not None else None for k in ("line", "car", "step"))
            what, advice = shortened(str(told["what"])), shortened(str(told["advice"]))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return self._source.mistake(Mistake("its process sent something that is no answer"))
        return self._source.mistake(Mistake(what, line, advice, car=car, step=step))


def _environment() -> dict[str, Any]:
    """Of the user's environment only where libraries are; one thread; sets ordered the same everywhere."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "VIRTUAL_ENV") if name in os.environ}
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")
    return {
        **kept,
        **threads,
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if os.path.isabs(path)),
        "LANG": "C.UTF-8",
    }
