"""What becomes of a drive's messages: the ring, the log that is being recorded, and the moments that are saved.

No thread and no clock of its own: the recorder's thread calls it, and tests do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from shared.drive_channels import CHANNEL_OF, CameraFrame, DriveEvent, DriveState
from shared.drive_messages import encode_message
from shared.errors import StorageError
from vehicle.drive.drives import DriveStore, name_now
from vehicle.drive.open_log import DriveFacts, OpenLog
from vehicle.drive.ring import Ring
from vehicle.drive.turn_messages import TimedMessage

# Events that save the last half minute, whether a drive is being recorded or not.
SAVING_EVENTS = frozenset({"bookmark", "fault", "stop", "crash", "off_track"})
AFTERWARDS_S = 2.0  # a saved moment goes on for this long: the car is seen coming to rest
ROOM_S = 5.0

log = logging.getLogger(__name__)


class Recordings:
    """Keeps the ring, and writes at most one recording and one moment. One thread calls it.

    recording: what is being recorded, None while nothing is. problem: why the last recording or moment ended early
    or could not be saved, a sentence; empty while all is well.
    """

    def __init__(
        self,
        store: DriveStore,
        *,
        clock: Callable[[], float],
        wall_ns: Callable[[], int],
        facts: DriveFacts | None = None,
        ring: Ring | None = None,
    ) -> None:
        """facts: what every log tells of the drive; may be replaced at any time."""
        self.recording: OpenLog | None = None
        self.problem = ""
        self.facts = facts or DriveFacts()
        self._moment: OpenLog | None = None
        self._store = store
        self._clock, self._wall_ns = clock, wall_ns
        self._ring = ring or Ring()
        self._state: bytes | None = None
        self._room_looked_s = clock()

    def begin(self, name: str | None = None, path: Path | None = None) -> str:
        """Record from now on, as a drive of the store or (path) as a file of its own.

        The name it got. StorageError when it cannot be, or something is being recorded already.
        """
        if self.recording is not None:
            raise StorageError(f"'{self.recording.name}' is being recorded already. End it first.")
        if path is None and not self._store.make_room():
            raise StorageError(self._no_room())
        self.problem = ""
        self.recording = self._opened(path or self._store.new_path(name or name_now(self._wall_ns())), path is None)
        self._write_state(self.recording, self._state, self._clock())
        return self.recording.name

    def end(self) -> None:
        """End the recording; nothing where there is none."""
        if self.recording is not None:
            self.recording.close()
        self._let_go()

    def take(self, messages: Iterable[TimedMessage]) -> None:
        """Keep and write messages; an event that matters saves the last half minute."""
        for time_s, message in messages:
            channel = CHANNEL_OF[type(message)]
            entry = (time_s, channel, message if isinstance(message, CameraFrame) else encode_message(message, 0))
            self._ring.add(entry)
            if isinstance(message, DriveState):
                self._state = encode_message(message, 0)
            for open_log in self._open_logs():
                open_log.write(entry)
            if isinstance(message, DriveEvent) and message.kind in SAVING_EVENTS:
                self._save(message)
        self._let_go()

    def tick(self) -> None:
        """What time alone asks for; call it a few times a second."""
        now_s = self._clock()
        for open_log in self._open_logs():
            open_log.tick(now_s)
        if self.recording is not None and now_s - self._room_looked_s >= ROOM_S:
            self._room_looked_s = now_s
            self._look_for_room()
        self._let_go()

    def close(self) -> None:
        """End everything that is being written."""
        for open_log in self._open_logs():
            open_log.close()
        self._let_go()

    def _open_logs(self) -> list[OpenLog]:
        return [open_log for open_log in (self.recording, self._moment) if open_log is not None]

    def _let_go(self) -> None:
        """Of logs that have ended, wanted or not."""
        for open_log in self._open_logs():
            self.problem = open_log.problem or self.problem
        if self.recording is not None and self.recording.is_closed:
            self.recording = None
        if self._moment is not None and self._moment.is_closed:
            self._moment = None

    def _save(self, event: DriveEvent) -> None:
        """See to it that the last half minute is on the disk, now: in a moment the power may be gone."""
        now_s = self._clock()
        if self.recording is not None:
            self.recording.sync(now_s)
            self._mark(self.recording, event)
            if self.recording.started_s <= self._ring.oldest_s:
                return  # the recording holds all that the ring does
        if self._moment is None:
            self._moment = self._saved_ring(event)
        if self._moment is not None:
            self._moment.ends_at_s = now_s + AFTERWARDS_S
            self._mark(self._moment, event)

    def _saved_ring(self, event: DriveEvent) -> OpenLog | None:
        """A log with all that the ring holds; None, told, where there is no room for it."""
        try:
            if not self._store.make_room():
                raise StorageError(self._no_room())
            moment = self._opened(self._store.new_path(name_now(self._wall_ns(), event.kind)), True)
        except StorageError as error:
            self._tell(error)
            return None
        self._write_state(moment, self._ring.state, self._ring.oldest_s)
        for entry in self._ring.entries():
            moment.write(entry)
        moment.sync(self._clock())
        return moment

    def _write_state(self, open_log: OpenLog, state: bytes | None, at_s: float) -> None:
        """How the actuator stood at the beginning of a log: it is told on change alone."""
        if state is not None:
            open_log.write((at_s, CHANNEL_OF[DriveState], state))

    def _mark(self, open_log: OpenLog, event: DriveEvent) -> None:
        """A person wants it kept."""
        if event.kind != "bookmark" or not open_log.is_in_store:
            return
        try:
            self._store.bookmark(open_log.name)
        except StorageError as error:
            self._tell(error)

    def _opened(self, path: Path, is_in_store: bool) -> OpenLog:
        now_s, wall_ns = self._clock(), self._wall_ns()
        return OpenLog(path, self.facts, now_s=now_s, wall_ns=wall_ns, is_in_store=is_in_store)

    def _look_for_room(self) -> None:
        try:
            if self._store.make_room():
                return
            self.end()
            raise StorageError(self._no_room())
        except StorageError as error:
            self._tell(error)

    def _no_room(self) -> str:
        return (
            f"There is no room for drives in {self._store.folder}: what is left is bookmarked or being recorded. "
            "Delete some: lapwing-car drives delete NAME"
        )

    def _tell(self, error: StorageError) -> None:
        self.problem = str(error)
        log.warning("Not recorded, the drive goes on: %s", error)
