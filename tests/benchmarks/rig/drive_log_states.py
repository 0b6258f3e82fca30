"""Recorded drives for the power-cut benchmark: what is done to the disk, what was promised, and what must be left.

`act` does everything to the disk that a car does with its drives, and says what it may rely on from then on. Whoever
replays it lets the power go anywhere in between, and asks `judge` about the folder as it was found.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from shared.drive_channels import CameraFrame, DriveEvent
from shared.drive_log import read_drive_log
from shared.errors import StorageError
from vehicle.drive.drives import GIGABYTE, DriveStore
from vehicle.drive.recordings import Recordings

PICTURE_BYTES = 9000
TURNS = 40
PERIOD_S = 0.1

# ("picture", drive, number): this picture of this drive is on the disk. ("kept", drive): its bookmark is.
# ("deleted", drive): it is gone, and what was promised of it no longer counts.
Promise = tuple[str, ...]


def act(folder: Path, promise: Callable[[Promise], None]) -> None:
    """Record a drive with a bookmark, save a moment beside no recording, delete a drive."""
    now_s = [0.0]
    store = _store(folder)
    recordings = Recordings(store, clock=lambda: now_s[0], wall_ns=lambda: 10**18)
    written: list[int] = []

    def drive(first: int, name: str | None) -> None:
        for number in range(first, first + TURNS):
            now_s[0] += PERIOD_S
            recordings.take([(now_s[0], CameraFrame(bytes([number % 256]) * PICTURE_BYTES, number))])
            written.append(number)
            recordings.tick()
        # Every two seconds all is on the disk; what came in the last two is promised by nobody.
        for number in written[: -round(2.0 / PERIOD_S) - 1] if name else []:
            promise(("picture", str(name), str(number)))

    recordings.begin("first")
    drive(0, "first")
    recordings.take([(now_s[0], DriveEvent("bookmark", "here"))])
    for number in written:
        promise(("picture", "first", str(number)))
    promise(("kept", "first"))
    recordings.end()
    drive(TURNS, None)
    recordings.take([(now_s[0], DriveEvent("stop", "STOP was pressed"))])
    (moment,) = [stored.name for stored in store.drives() if stored.name != "first"]
    for number in range(TURNS, 2 * TURNS):
        promise(("picture", moment, str(number)))
    recordings.close()
    store.delete("first")
    promise(("deleted", "first"))


def judge(folder: Path, promises: Collection[Promise]) -> list[str]:
    """What is wrong with a folder after the car has started on it; empty where nothing is."""
    store = _store(folder)
    store.repair()
    problems = []
    pictures: dict[str, set[str]] = {}
    for stored in store.drives():
        try:
            log = read_drive_log(stored.path)
        except StorageError as error:
            problems.append(f"{stored.name} cannot be read: {error}")
            continue
        frames = [entry.message for entry in log.entries if isinstance(entry.message, CameraFrame)]
        if not log.is_complete:
            problems.append(f"{stored.name} has no end")
        if any(frame.jpeg != bytes([frame.sequence % 256]) * PICTURE_BYTES for frame in frames):
            problems.append(f"{stored.name} holds a picture that was never taken")
        pictures[stored.name] = {str(frame.sequence) for frame in frames}
    deleted = {words[1] for words in promises if words[0] == "deleted"}
    kept = {stored.name for stored in store.drives() if stored.is_bookmarked}
    for kind, drive, *rest in promises:
        if drive in deleted:
            continue
        if kind == "picture" and rest[0] not in pictures.get(drive, set()):
            problems.append(f"picture {rest[0]} of {drive} is lost")
        if kind == "kept" and drive not in kept:
            problems.append(f"the bookmark of {drive} is lost")
    return problems + [f"{name} is back although it was deleted" for name in deleted & pictures.keys()]


def _store(folder: Path) -> DriveStore:
    return DriveStore(folder, GIGABYTE, free_bytes=lambda path: GIGABYTE)
