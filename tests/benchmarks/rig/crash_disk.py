"""What a power cut may leave on the disk: file operations recorded while they happen, and replayed in part.

The model is POSIX's, not one file system's: what was not synced may be there or not, in any combination; a rename is
whole or not at all; a name is on the disk only when its folder was synced. The recorder watches `os` and looks at the
files between two calls, so the program under test runs unchanged on a real folder.
"""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shared.atomic_files as atomic_files

MOST_DROPPED = 3
TORN_AT = (0, 1, 8, -1)  # bytes of a write that reached the disk; -1: all but one


@dataclass(frozen=True, slots=True)
class Operation:
    """kind: write, link, unlink, rename, exchange, mkdir, sync or done.

    node: the file or folder meant. folder, name: where its name stands; other: the second place of a rename. content:
    of the whole file after a write. data: what a `done` tells.
    """

    kind: str
    node: int = 0
    folder: int = 0
    name: str = ""
    other: tuple[int, str] = (0, "")
    content: bytes = b""
    data: Any = None


class Recorder:
    """Records what happens below a folder. Nodes are inode numbers while they live."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.operations: list[Operation] = []
        self._numbers = itertools.count(1)
        self._nodes: dict[int, int] = {}  # inode -> node
        self._names: dict[tuple[int, str], int] = {}
        self._contents: dict[int, bytes] = {}
        self._node(os.stat(root).st_ino)

    def done(self, data: Any) -> None:
        """The program acknowledged: from here on a power cut must leave this."""
        self._look()
        self.operations.append(Operation("done", data=data))

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Watch `os` for as long as the block runs."""
        watched = ("fsync", "rename", "replace", "unlink", "remove", "rmdir")
        kept = {name: getattr(os, name) for name in watched}
        kept_swap = atomic_files._swap
        try:
            os.fsync = self._wrapped(kept["fsync"], self._sync)  # type: ignore[assignment]
            for name in ("rename", "replace"):
                setattr(os, name, self._wrapped(kept[name], self._rename))
            for name in ("unlink", "remove", "rmdir"):
                setattr(os, name, self._wrapped(kept[name], self._unlink))
            atomic_files._swap = self._wrapped(kept_swap, self._exchange)
            yield
        finally:
            for name, function in kept.items():
                setattr(os, name, function)
            atomic_files._swap = kept_swap

    def _wrapped(self, real: Callable[..., Any], record: Callable[..., None]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            self._look()
            noted = len(self.operations)
            record(*arguments, **keywords)
            try:
                return real(*arguments, **keywords)
            except OSError:
                del self.operations[noted:]
                raise
            finally:
                self._forget_and_relearn()

        return call

    def _sync(self, descriptor: int) -> None:
        node = self._nodes.get(os.fstat(descriptor).st_ino)
        if node is not None:
            self.operations.append(Operation("sync", node))

    def _rename(self, source: Any, target: Any, **_: Any) -> None:
        if (place := self._place(source)) is not None and (other := self._place(target)) is not None:
            self.operations.append(Operation("rename", 0, *place, other))

    def _exchange(self, first: Any, second: Any) -> None:
        if (place := self._place(first)) is not None and (other := self._place(second)) is not None:
            self.operations.append(Operation("exchange", 0, *place, other))

    def _unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        whole = path if dir_fd is None else os.path.join(os.readlink(f"/proc/self/fd/{dir_fd}"), os.fspath(path))
        if (place := self._place(whole)) is not None:
            self.operations.append(Operation("unlink", 0, *place))

    def _place(self, path: Any) -> tuple[int, str] | None:
        folder, name = os.path.split(os.path.abspath(os.fspath(path)))
        try:
            node = self._nodes.get(os.stat(folder).st_ino)
        except FileNotFoundError:
            return None
        return None if node is None else (node, name)

    def _node(self, inode: int) -> int:
        if inode not in self._nodes:
            self._nodes[inode] = next(self._numbers)
        return self._nodes[inode]

    def _walk(self) -> Iterator[tuple[int, str, os.DirEntry[str]]]:
        """(folder's node, name, entry), folders before what is in them."""
        waiting = [self.root]
        while waiting:
            folder = waiting.pop()
            node = self._node(os.stat(folder).st_ino)
            for entry in sorted(os.scandir(folder), key=lambda one: one.name):
                yield node, entry.name, entry
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))

    def _look(self) -> None:
        """What was made and written since the last look."""
        for folder, name, entry in self._walk():
            is_new = entry.inode() not in self._nodes
            node = self._node(entry.inode())
            if entry.is_dir(follow_symlinks=False):
                if is_new:
                    self.operations.append(Operation("mkdir", node, folder, name))
            elif self._names.get((folder, name)) != node:
                self.operations.append(Operation("link", node, folder, name))
            self._names[folder, name] = node
            if not entry.is_dir(follow_symlinks=False):
                content = Path(entry.path).read_bytes()
                if self._contents.get(node, b"") != content:
                    self.operations.append(Operation("write", node, content=content))
                    self._contents[node] = content

    def _forget_and_relearn(self) -> None:
        """After a name moved: inodes that are gone may come back as somebody else's."""
        alive = {entry.inode(): (folder, name) for folder, name, entry in self._walk()}
        alive_inodes = {*alive, os.stat(self.root).st_ino}
        self._nodes = {inode: node for inode, node in self._nodes.items() if inode in alive_inodes}
        self._names = {(folder, name): self._nodes[entry.inode()] for folder, name, entry in self._walk()}


class Disk:
    """Nodes and names; operations change them as far as they can still be meant."""

    def __init__(self) -> None:
        self.files: dict[int, bytes] = {}
        self.folders: dict[int, dict[str, int]] = {1: {}}

    def apply(self, operation: Operation, kept: int | None = None) -> None:
        """kept: how many bytes of what a write added reached the disk."""
        names = self.folders.get(operation.folder, {})
        other_folder, other_name = operation.other
        others = self.folders.get(other_folder, {})
        match operation.kind:
            case "write":
                self.files[operation.node] = _torn(self.files.get(operation.node, b""), operation.content, kept)
            case "link":
                self.files.setdefault(operation.node, b"")
                names[operation.name] = operation.node
            case "mkdir":
                self.folders.setdefault(operation.node, {})
                names[operation.name] = operation.node
            case "unlink":
                names.pop(operation.name, None)
            case "rename" if operation.name in names and other_folder in self.folders:
                others[other_name] = names.pop(operation.name)
            case "exchange" if operation.name in names and other_name in others:
                names[operation.name], others[other_name] = others[other_name], names[operation.name]

    def write_to(self, path: Path, node: int = 1) -> None:
        """Put it into a real folder."""
        path.mkdir()
        for name, inner in self.folders[node].items():
            if inner in self.folders:
                self.write_to(path / name, inner)
            else:
                (path / name).write_bytes(self.files.get(inner, b""))


@dataclass(frozen=True, slots=True)
class Crash:
    """The power went after so many operations; without those dropped, and with one write torn."""

    after: int
    dropped: frozenset[int] = frozenset()
    torn: tuple[int, int] | None = None

    def disk(self, operations: Sequence[Operation]) -> Disk:
        disk = Disk()
        for place, operation in enumerate(operations[: self.after]):
            if place not in self.dropped:
                kept = self.torn[1] if self.torn is not None and self.torn[0] == place else None
                disk.apply(operation, kept)
        return disk

    def acknowledged(self, operations: Sequence[Operation]) -> list[Any]:
        """What the program had been told was done."""
        return [one.data for one in operations[: self.after] if one.kind == "done"]


def crashes(operations: Sequence[Operation], chance: random.Random, most: int) -> list[Crash]:
    """Every prefix; for each, all subsets of up to three operations not synced by then; and torn writes.

    Where there are more than `most`: every prefix, and a fair choice of the rest.
    """
    prefixes = [Crash(after) for after in range(len(operations) + 1)]
    others: list[Crash] = []
    for after in range(1, len(operations) + 1):
        loose = _unsynced(operations[:after])
        for size in range(1, MOST_DROPPED + 1):
            others += [Crash(after, frozenset(chosen)) for chosen in itertools.combinations(loose[-12:], size)]
        writes = [place for place in loose if operations[place].kind == "write"]
        others += [Crash(after, torn=(place, kept)) for place in writes for kept in TORN_AT]
    left = max(0, most - len(prefixes))
    return prefixes[:most] + (others if len(others) <= left else chance.sample(others, left))


def _unsynced(operations: Sequence[Operation]) -> list[int]:
    """Places of the operations that no sync has put on the disk."""
    synced_at = {one.node: place for place, one in enumerate(operations) if one.kind == "sync"}
    loose = []
    for place, one in enumerate(operations):
        if one.kind == "write":
            needed = [one.node]
        elif one.kind in ("rename", "exchange"):
            needed = [one.folder, one.other[0]]
        elif one.kind in ("link", "mkdir", "unlink"):
            needed = [one.folder]
        else:
            continue
        if any(synced_at.get(node, -1) < place for node in needed):
            loose.append(place)
    return loose


def _torn(old: bytes, new: bytes, kept: int | None) -> bytes:
    if kept is None:
        return new
    if new.startswith(old):
        added = new[len(old) :]
        return old + added[: kept if kept >= 0 else len(added) - 1]
    return new[: kept if kept >= 0 else len(new) - 1]
