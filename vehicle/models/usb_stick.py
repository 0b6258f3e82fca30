"""A USB stick with models and a Wi-Fi file, as DeepRacer had them; nothing that is installed is wiped.

    models/*.tar.gz        installed, each examined like any other archive; what else lies there is told
    wifi-creds.txt         the network to join
    lapwing-result.txt     what became of it, written by the car

The stick is a stranger's: no link on it is followed, nothing but plain files is opened, and it may be pulled out at any
time.
"""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from shared.errors import LapwingError, StorageError
from shared.model_archive import ARCHIVE_SUFFIX, archive_name
from vehicle.models.import_messages import MOST_ARCHIVE_BYTES
from vehicle.models.wifi_file import MOST_BYTES, WIFI_FILE, RunCommand, join_wifi, parse_wifi_file

MODELS_FOLDER = "models"
RESULT_FILE = "lapwing-result.txt"
MOST_MODELS = 32
MOST_ENTRIES = 2000
MOST_NAMED = 5  # of the files that are left alone
_CHUNK_BYTES = 1 << 20

Install = Callable[[Path], str]  # what there is to say about it, a sentence; a LapwingError says why not


def take_in(stick: Path, install: Install, run: RunCommand) -> list[str]:
    """Do what the stick asks for; a line for each thing, for people. Never raises for what is on the stick."""
    try:
        root = os.open(stick, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        return [f"The stick cannot be read ({error.strerror}). Put it in again."]
    try:
        return [*_models(root, install), *_wifi(root, run)] or [
            f"Nothing to do: there is neither {MODELS_FOLDER}/*{ARCHIVE_SUFFIX} nor {WIFI_FILE}."
        ]
    finally:
        os.close(root)


def write_result(stick: Path, lines: list[str]) -> None:
    """Leave the lines on the stick. StorageError when it is gone or cannot be written."""
    try:
        root = os.open(stick, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            with os.fdopen(os.open(RESULT_FILE, flags, 0o644, dir_fd=root), "w", encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")
                file.flush()
                os.fsync(file.fileno())
        finally:
            os.close(root)
    except OSError as error:
        raise StorageError(f"The result cannot be written to the stick ({error.strerror}).") from error


def _models(root: int, install: Install) -> list[str]:
    try:
        folder = os.open(MODELS_FOLDER, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root)
    except FileNotFoundError:
        return []
    except OSError as error:
        return [f"The folder {MODELS_FOLDER} cannot be read ({error.strerror})."]
    try:
        names = sorted(name for name in os.listdir(folder)[:MOST_ENTRIES] if name[0] != ".")
        archives = [name for name in names if name.lower().endswith(ARCHIVE_SUFFIX)]  # a stick may be all capitals
        others = [name for name in names if name not in archives]
        return [
            *[_install_one(folder, name, install) for name in archives[:MOST_MODELS]],
            *_left_alone(archives[MOST_MODELS:], f"a stick's first {MOST_MODELS} are taken; use another one"),
            *_left_alone(others, f"only NAME{ARCHIVE_SUFFIX} is a model archive"),
        ]
    except OSError as error:
        return [f"The stick was pulled out or broke while it was read ({error.strerror}). Put it in again."]
    finally:
        os.close(folder)


def _left_alone(names: list[str], why: str) -> list[str]:
    """A line about what was not taken; none where there is nothing."""
    if not names:
        return []
    shown = ", ".join("".join(each if each.isprintable() else "_" for each in name) for name in names[:MOST_NAMED])
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return [f"Not taken: {shown}{more}; {why}."]


def _install_one(folder: int, name: str, install: Install) -> str:
    shown = archive_name(Path(name[: -len(ARCHIVE_SUFFIX)] + ARCHIVE_SUFFIX))
    try:
        with tempfile.TemporaryDirectory(prefix="lapwing-usb-") as own:
            copy = Path(own) / f"{shown}{ARCHIVE_SUFFIX}"
            with copy.open("xb") as file:
                file.writelines(_pieces(folder, name, MOST_ARCHIVE_BYTES))
            said = install(copy)
    except LapwingError as error:
        return f"{shown}: not installed. {error}"
    except OSError as error:
        return f"{shown}: not installed, the stick was pulled out or broke ({error.strerror}). Put it in again."
    return f"{shown}: installed. {said}".rstrip()


def _wifi(root: int, run: RunCommand) -> list[str]:
    try:
        credentials = parse_wifi_file(b"".join(_pieces(root, WIFI_FILE, MOST_BYTES)))
        join_wifi(credentials, run)
    except FileNotFoundError:
        return []
    except LapwingError as error:
        return [f"Wi-Fi: {error}"]
    except OSError as error:
        return [f"Wi-Fi: {WIFI_FILE} cannot be read ({error.strerror})."]
    return [
        f"Wi-Fi: joined {credentials.ssid}, where this car is {socket.gethostname()}.local. "
        f"Delete {WIFI_FILE} from the stick: it holds the password."
    ]


def _pieces(folder: int, name: str, most_bytes: int) -> Iterator[bytes]:
    """The content of a plain file. OSError for a link or a broken stick, StorageError for anything else."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    with os.fdopen(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise StorageError("It is not a plain file.")
        if about.st_size > most_bytes:
            raise StorageError(f"It is larger than {most_bytes} bytes.")
        left_bytes = most_bytes  # whatever a broken stick says next
        while left_bytes and (piece := file.read(min(_CHUNK_BYTES, left_bytes))):
            left_bytes -= len(piece)
            yield piece
