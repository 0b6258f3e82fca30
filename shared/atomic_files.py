"""Files and folders that appear whole or not at all, whatever happens to the power; errors say what to do.

The way: a temporary name in the same folder, fsync, rename, fsync of the folder.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from shared.errors import LapwingError, StorageError

_ADVICE = {
    errno.ENOSPC: "the disk is full. Free some space and try again; what was there before is unchanged",
    errno.EDQUOT: "your disk quota is used up. Free some space; what was there before is unchanged",
    errno.EROFS: "the file system is read-only. Choose another folder, or mount it writable",
    errno.EACCES: "permission is denied. Choose another folder, or change who may write there",
    errno.EPERM: "permission is denied. Choose another folder, or change who may write there",
    errno.ENOENT: "the folder does not exist. Check the path",
    errno.ENOTDIR: "a part of the path is a file and not a folder. Check the path",
    errno.EISDIR: "there is a folder of that name. Choose another name",
    errno.ENAMETOOLONG: "the name is too long. Choose a shorter one",
    errno.EIO: "the disk reports an error. Check it before trusting it with anything",
    errno.EMFILE: "too many files are open in this program",
}


@contextmanager
def storage_errors(path: Path | str, doing: str = "write") -> Iterator[None]:
    """Turn an OSError of the block into a StorageError that names the path and says what to do."""
    try:
        yield
    except LapwingError:  # some of ours are OSErrors too, and say it better already
        raise
    except OSError as error:
        reason = _ADVICE.get(error.errno or 0, error.strerror or str(error))
        if doing == "read" and error.errno == errno.ENOENT:
            reason = "there is no such file. Check the path"
        raise StorageError(f"Cannot {doing} {path}: {reason}.") from error


def write_atomic(path: Path, data: bytes | str, *, mode: int = 0o666) -> None:
    """Write the whole file or leave the old one as it is. mode is masked by the umask, as usual."""
    content = data.encode() if isinstance(data, str) else data
    with replacing(path, mode=mode) as file:
        file.write(content)


def check_writable(path: Path) -> None:
    """StorageError where write_atomic could not write this file, before somebody works for what goes into it.

    Makes its folder.
    """
    path = Path(path)
    make_folder(path.parent)
    tried = _temporary(path)
    with storage_errors(path):
        os.close(os.open(tried, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        tried.unlink()


@contextmanager
def replacing(path: Path, *, mode: int = 0o666) -> Iterator[IO[bytes]]:
    """A file to write at length; it takes the place of path when the block ends well, else it vanishes."""
    path = Path(path)
    temporary = _temporary(path)
    with storage_errors(path):
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(temporary, flags, mode), "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_directory(path.parent)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")


def write_json(path: Path, value: Any, *, mode: int = 0o666) -> None:
    """Write JSON, indented, keys in their order. NaN and infinity are refused: they are not JSON."""
    write_atomic(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n", mode=mode)


def read_json(path: Path) -> Any:
    """Read JSON; StorageError when it is missing, unreadable or damaged."""
    with storage_errors(path, "read"):
        content = Path(path).read_bytes()
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise StorageError(f"{path} is damaged: not JSON ({error}). Restore it from a copy or delete it.") from error


def make_folder(path: Path) -> None:
    """Make a folder with all that lead to it, and have their names on the disk before anything is put inside."""
    path = Path(path)
    with storage_errors(path):
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True)
        for folder in reversed(missing):
            sync_directory(folder.parent)


def replace_directory(temporary: Path, final: Path) -> None:
    """Give a finished folder its final name, at once; a folder of that name is replaced and removed.

    Both must be on one file system, best in the same parent. The content is on the disk before the name is.
    """
    temporary, final = Path(temporary), Path(final)
    with storage_errors(final):
        sync_tree(temporary)
        if not final.exists():
            os.rename(temporary, final)
            for parent in dict.fromkeys((final.parent, temporary.parent)):
                sync_directory(parent)
            return
        _swap(temporary, final)
        sync_directory(final.parent)
        shutil.rmtree(temporary)


def sync_tree(folder: Path) -> None:
    """fsync every file and folder below, folders after what they hold."""
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            _fsync(Path(parent) / name)
        sync_directory(Path(parent))


def sync_directory(folder: Path) -> None:
    """fsync the folder, so that names created or changed in it survive a power cut."""
    _fsync(folder, os.O_DIRECTORY)


def _fsync(path: Path, flags: int = 0) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network and FAT file systems cannot sync a folder; there is nothing more to be done there.
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(descriptor)


_AT_FDCWD = -100  # linux/fcntl.h
_RENAME_EXCHANGE = 2  # linux/fs.h


def _swap(first: Path, second: Path) -> None:
    """Exchange two names in one step (renameat2, Linux); in three where the file system cannot."""
    libc = ctypes.CDLL(None, use_errno=True)
    renameat2: Callable[..., int] | None = getattr(libc, "renameat2", None)
    if renameat2 is not None:
        result = renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE)
        if result == 0:
            return
        code = ctypes.get_errno()
        if code not in {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EXDEV}:
            raise OSError(code, os.strerror(code), str(second))
    aside = second.with_name(f".{second.name}.{secrets.token_hex(6)}.old")
    os.rename(second, aside)
    os.rename(first, second)
    os.rename(aside, first)
