"""Where the processes of one car meet: the sockets in one folder that only its user may enter."""

from __future__ import annotations

import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from shared.errors import LinkError

_LONGEST_SOCKET_PATH = 100  # the kernel takes 107 bytes


@dataclass(frozen=True, slots=True)
class RuntimeFolder:
    """One car's folder. Two cars on one computer have two folders."""

    path: Path

    @property
    def actuator(self) -> Path:
        """Leases, arming, stop, status."""
        return self.path / "actuator.sock"

    @property
    def guard(self) -> Path:
        """Where the actuator introduces itself to its guard."""
        return self.path / "guard.sock"

    @property
    def board_i2c(self) -> Path:
        """The emulated I2C bus."""
        return self.path / "i2c.sock"

    @property
    def board_camera(self) -> Path:
        """The emulated camera's pictures."""
        return self.path / "camera.sock"

    @property
    def board_status(self) -> Path:
        """The emulated board's pulses and the world's progress."""
        return self.path / "board.sock"

    @property
    def world(self) -> Path:
        """Where a world started by `lapwing-car up` waits for the board."""
        return self.path / "world.sock"

    def create(self) -> None:
        """Make the folder, for this user alone."""
        if len(os.fsencode(self.path)) > _LONGEST_SOCKET_PATH - len("/actuator.sock"):
            raise LinkError(f"{self.path} is too long for sockets. Choose a shorter --runtime folder.")
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            owner, mode = self.path.stat().st_uid, stat.S_IMODE(self.path.stat().st_mode)
        except OSError as error:
            raise LinkError(f"Cannot make the folder {self.path}: {error.strerror}.") from error
        if owner != os.getuid() or mode & 0o077:
            raise LinkError(
                f"{self.path} is open to other users. Choose another --runtime folder, or run: chmod 700 {self.path}"
            )


def default_runtime_path(environment: dict[str, str], user_id: int) -> Path:
    """$XDG_RUNTIME_DIR/lapwing, or /tmp/lapwing-<uid> where there is none."""
    base = environment.get("XDG_RUNTIME_DIR")
    return Path(base) / "lapwing" if base else Path(f"/tmp/lapwing-{user_id}")


def listen(path: Path, kind: socket.SocketKind) -> socket.socket:
    """A listening socket at path; one left behind by a dead process is replaced, a living one is not."""
    with socket.socket(socket.AF_UNIX, kind) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
        else:
            raise LinkError(f"Another process already serves {path}. Stop it first, or choose another --runtime.")
    server = socket.socket(socket.AF_UNIX, kind | socket.SOCK_CLOEXEC)
    try:
        # Under its own name only once it listens: others connect as soon as they see it.
        unready = path.with_name(f".{path.name}")
        unready.unlink(missing_ok=True)
        server.bind(str(unready))
        os.chmod(unready, 0o600)
        server.listen(8)
        unready.rename(path)
    except OSError as error:
        server.close()
        raise LinkError(f"Cannot open the socket {path}: {error.strerror}.") from error
    return server
