"""Where the processes of one car meet: the sockets in one folder.

It belongs to one user alone, or, on a car where the programs are installed as services, to the group `lapwing`:
each program there is a user of its own. Such a folder is sticky, so that none can take away another one's socket.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.errors import LinkError

SERVICE_FOLDER = Path("/run/lapwing")  # systemd/lapwing.tmpfiles makes it
_LONGEST_SOCKET_PATH = 100  # the kernel takes 107 bytes
_JOIN_GROUP = "Add yourself to the car's group, then log in again: sudo usermod -aG lapwing $USER"


@dataclass(frozen=True, slots=True)
class RuntimeFolder:
    """One car's folder. Two cars on one computer have two folders."""

    path: Path

    @property
    def actuator(self) -> Path:
        """Leases, arming, stop, status."""
        return self.path / "actuator.sock"

    @property
    def drive(self) -> Path:
        """What a console sees of the drive, and asks of it."""
        return self.path / "drive.sock"

    @property
    def guard(self) -> Path:
        """Where the actuator introduces itself to its guard."""
        return self.path / "guard.sock"

    @property
    def calibrating(self) -> Path:
        """The calibration that is being made, as far as it is; gone when nobody makes one."""
        return self.path / "calibrating.json"

    @property
    def board_i2c(self) -> Path:
        """The emulated I2C bus."""
        return self.path / "i2c.sock"

    @property
    def board_camera(self) -> Path:
        """The emulated camera's pictures."""
        return self.path / "camera.sock"

    @property
    def board_right_camera(self) -> Path:
        """The pictures of the emulated stereo cameras' right one."""
        return self.path / "camera-right.sock"

    @property
    def board_lidar(self) -> Path:
        """The serial port of the emulated LiDAR."""
        return self.path / "lidar"

    @property
    def board_status(self) -> Path:
        """The emulated board's pulses and the world's progress."""
        return self.path / "board.sock"

    @property
    def importer(self) -> Path:
        """Where the system starts an importer for each archive; nobody is there where it does not."""
        return self.path / "importer.sock"

    @property
    def computer(self) -> Path:
        """The files that the emulated car's computer tells its heat and its supply in, as Linux does: `sys/…`."""
        return self.path / "computer"

    @property
    def world(self) -> Path:
        """Where a world started by `lapwing-car up` waits for the board."""
        return self.path / "world.sock"

    def is_of_services(self) -> bool:
        """Whether the system made it, for the car's services and for who may drive."""
        return self.path.is_dir() and _is_our_groups(self.path.stat())

    def create(self) -> None:
        """Make the folder, for this user alone; one that the system made for a group of ours is taken as it is."""
        if len(os.fsencode(self.path)) > _LONGEST_SOCKET_PATH - len("/actuator.sock"):
            raise LinkError(f"{self.path} is too long for sockets. Choose a shorter --runtime folder.")
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            about = self.path.stat()
        except OSError as error:
            raise LinkError(f"Cannot make the folder {self.path}: {error.strerror}.") from error
        if _is_a_groups(about) and not _is_our_groups(about):
            raise LinkError(f"Only the car's own group may use {self.path}. {_JOIN_GROUP}")
        if not (_is_ours_alone(about) or _is_our_groups(about)):
            raise LinkError(
                f"{self.path} is open to other users. Choose another --runtime folder, or run: chmod 700 {self.path}"
            )


def default_runtime_path(
    environment: Mapping[str, str], user_id: int, *, emulated: bool = True, services: Path = SERVICE_FOLDER
) -> Path:
    """Where the services of a real car meet, if they are installed; else this user's own folder.

    That is $XDG_RUNTIME_DIR/lapwing, or /tmp/lapwing-<uid> where there is none.
    """
    if not emulated and services.is_dir():
        return services
    base = environment.get("XDG_RUNTIME_DIR")
    return Path(base) / "lapwing" if base else Path(f"/tmp/lapwing-{user_id}")


def listen(path: Path, kind: socket.SocketKind) -> socket.socket:
    """A listening socket at path; one left behind by a dead process is replaced, a living one is not.

    In a group's folder the group may connect, else this user alone.
    """
    if is_served(path, kind):
        raise LinkError(f"Another process already serves {path}. Stop it first, or choose another --runtime.")
    server = socket.socket(socket.AF_UNIX, kind | socket.SOCK_CLOEXEC)
    try:
        # Under its own name only once it listens: others connect as soon as they see it.
        unready = path.with_name(f".{path.name}")
        unready.unlink(missing_ok=True)
        server.bind(str(unready))
        os.chmod(unready, 0o660 if _is_our_groups(path.parent.stat()) else 0o600)
        server.listen(8)
        unready.rename(path)
    except OSError as error:
        server.close()
        raise LinkError(f"Cannot open the socket {path}: {error.strerror}.") from error
    return server


def is_served(path: Path, kind: socket.SocketKind) -> bool:
    """Whether somebody listens there. A dead process leaves its socket behind, with nobody at it."""
    with socket.socket(socket.AF_UNIX, kind | socket.SOCK_CLOEXEC) as probe:
        probe.setblocking(False)
        return probe.connect_ex(str(path)) not in (errno.ECONNREFUSED, errno.ENOENT)  # any other answer is somebody's


def why_no_answer(path: Path, name: str, error: OSError) -> str:
    """A sentence about a socket that could not be connected to. name: of the verb that serves there."""
    if isinstance(error, PermissionError):
        return f"This user may not ask the {name} at {path}. {_JOIN_GROUP}"
    return f"No {name} answers at {path}. Start it first: lapwing-car {name}"


def peer_user_id(connection: socket.socket) -> int:
    """Which user's process is at the other end. OSError where that is gone."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])


def _is_ours_alone(folder: os.stat_result) -> bool:
    return folder.st_uid == os.getuid() and not folder.st_mode & 0o077


def _is_our_groups(folder: os.stat_result) -> bool:
    return _is_a_groups(folder) and folder.st_gid in {os.getegid(), *os.getgroups()}


def _is_a_groups(folder: os.stat_result) -> bool:
    """Made by root, for one group, and nobody else may enter."""
    return folder.st_uid == 0 and folder.st_mode & 0o007 == 0 and bool(folder.st_mode & stat.S_ISVTX)
