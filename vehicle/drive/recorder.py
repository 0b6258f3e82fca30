"""Takes every turn from the control loop and records it in a thread beside it.

The loop copies the picture once and goes on. What there is no time for is left out and counted: pictures first,
and turns only when thousands of them wait.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from shared.drive_channels import DriveEvent, DriveMessage
from shared.errors import StorageError
from vehicle.drive.drives import DriveStore
from vehicle.drive.open_log import DriveFacts
from vehicle.drive.picture_pool import PicturePool
from vehicle.drive.recordings import Recordings
from vehicle.drive.turn import Turn
from vehicle.drive.turn_messages import TimedMessage, TurnMessages
from vehicle.hardware.pictures import jpeg_of
from vehicle.hardware.protocols import Frame

MOST_PICTURES = 30  # two seconds at 15 Hz that a disk may think, 28 MB
MOST_TURNS = 3000
TICK_S = 0.25
ANSWER_S = 10.0


@dataclass(frozen=True, slots=True)
class RecorderStatus:
    """name: of what is being recorded, None while nothing is. pictures_left_out, turns_left_out: since the start.

    problem: why the last recording ended early; empty where it did not.
    """

    name: str | None
    recorded_s: float
    size_bytes: int
    pictures_left_out: int
    turns_left_out: int
    problem: str


class Recorder:
    """A DriveRecorder with a thread. `record` is for the loop; everything else is for other threads and may wait."""

    def __init__(
        self,
        store: DriveStore,
        *,
        facts: DriveFacts | None = None,
        samples: Callable[[float, float | None], list[TimedMessage]] = lambda now_s, jitter_p99_ms: [],
        clock: Callable[[], float] = time.monotonic,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """facts: what every log tells of the drive. samples: what else there is to record, asked four times a second
        with the time and the loop's jitter.
        """
        self.turns_left_out = 0
        self._recordings = Recordings(store, clock=clock, wall_ns=wall_ns, facts=facts)
        self._messages = TurnMessages()
        self._samples = samples
        self._clock = clock
        self._ticked_s = clock()
        self._waiting: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._pool = PicturePool(MOST_PICTURES)
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def record(self, turn: Turn) -> None:
        """Take a turn over; never waits."""
        if self._waiting.qsize() >= MOST_TURNS:
            self.turns_left_out += 1
            return
        kept, picture = turn, None
        if turn.decision is not None:
            picture = self._pool.copy(turn.decision.frame)
            # The model's memory is used again too, but it is small.
            observation = {name: values.copy() for name, values in turn.decision.observation.items()}
            kept = replace(turn, decision=replace(turn.decision, observation=observation))
        self._waiting.put(lambda: self._write_turn(kept, picture))

    def begin(self, name: str | None = None, *, path: Path | None = None) -> str:
        """Record from now on, as a drive of the folder, or with path as a file elsewhere.

        The name it got. StorageError says why it cannot be.
        """
        return str(self._ask(lambda: self._recordings.begin(name, path)))

    def end(self) -> None:
        """End the recording; nothing where there is none."""
        self._ask(self._recordings.end)

    def bookmark(self, text: str = "") -> None:
        """Keep this: the recording, or else the last half minute, is saved and never deleted to make room."""
        self._ask(lambda: self._recordings.take([(self._clock(), DriveEvent("bookmark", text))]))

    def add(self, message: DriveMessage, time_s: float | None = None) -> None:
        """Anything else that belongs in the log: an event, a person's stick, a battery. Never waits."""
        at_s = self._clock() if time_s is None else time_s
        if self._waiting.qsize() < MOST_TURNS:
            self._waiting.put(lambda: self._recordings.take([(at_s, message)]))

    def describe(self, facts: DriveFacts) -> None:
        """Another model or calibration: what is recorded from now on tells of it."""
        self._ask(lambda: setattr(self._recordings, "facts", facts))

    def status(self) -> RecorderStatus:
        """How it goes. Asks nobody, so it never waits."""
        recording, name, recorded_s, size_bytes = self._recordings.recording, None, 0.0, 0
        if recording is not None:
            name, recorded_s = recording.name, self._clock() - recording.started_s
            with suppress(FileNotFoundError):
                size_bytes = recording.path.stat().st_size
        left_out = self._pool.left_out, self.turns_left_out
        return RecorderStatus(name, recorded_s, size_bytes, *left_out, self._recordings.problem)

    def close(self) -> None:
        """Write what waits, and the end of every log."""
        self._waiting.put(None)
        self._thread.join()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        """A drive that ends by an error is a moment to save."""
        if error is not None:
            self.add(DriveEvent("fault", str(error)))
        self.close()

    def _ask(self, work: Callable[[], Any]) -> Any:
        """Let the thread do it, and wait for what comes of it."""
        answer: Future[Any] = Future()

        def do() -> None:
            try:
                answer.set_result(work())
            except StorageError as error:
                answer.set_exception(error)

        self._waiting.put(do)
        try:
            return answer.result(ANSWER_S)
        except FutureTimeoutError as error:
            raise StorageError(
                f"The recorder has not answered for {ANSWER_S:g} s: the disk may be stuck. Look at the log."
            ) from error

    def _run(self) -> None:
        while True:
            try:
                work = self._waiting.get(timeout=TICK_S)
            except queue.Empty:
                self._tick()
                continue
            if work is None:
                break
            work()
            self._tick()
        self._recordings.close()

    def _tick(self) -> None:
        now_s = self._clock()
        if now_s - self._ticked_s < TICK_S:
            return
        self._ticked_s = now_s
        self._recordings.tick()
        self._recordings.take(self._samples(now_s, self._messages.jitter_p99_ms()))

    def _write_turn(self, turn: Turn, picture: Frame | None) -> None:
        jpeg = None
        if picture is not None:
            jpeg = jpeg_of(picture)
            self._pool.give_back(picture)
        self._recordings.take(self._messages.of(turn, jpeg))
