"""The emulated camera: a sensor with noise in the board's process, and the handle that brings its pictures
to the drive.

A picture never repeats byte for byte, as with a real sensor: a camera whose pictures do has frozen.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.errors import HardwareError
from shared.observation import FRAME_HEIGHT_PX, FRAME_WIDTH_PX
from vehicle.hardware.frame_slot import FrameSlot
from vehicle.hardware.protocols import Frame

RATE_HZ = 15.0  # of the still scene; a world sets its own rate
NOISE_LEVELS = 1.5  # standard deviation, of 255
_NOISE_MARGIN_PX = 64
_HEADER = struct.Struct("<QdHH")  # sequence, taken at, height, width
_RECONNECT_S = 0.1
_BUFFERS = 4  # a picture stays valid until three newer ones have come

Image = NDArray[np.uint8]


class CameraSensor:
    """Turns what the world shows into what the camera delivers. Same seed and scenes, same pictures."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        margin = _NOISE_MARGIN_PX
        noise = self._rng.normal(0.0, NOISE_LEVELS, (FRAME_HEIGHT_PX + margin, FRAME_WIDTH_PX + margin, 3))
        self._noise = np.rint(noise).astype(np.int16)
        self._sequence = 0

    def expose(self, scene: Image, now_s: float) -> Frame:
        """A picture of the scene (480, 640, 3), taken now."""
        top, left = self._rng.integers(0, _NOISE_MARGIN_PX, 2)
        image = self._noise[top : top + FRAME_HEIGHT_PX, left : left + FRAME_WIDTH_PX] + scene
        np.clip(image, 0, 255, out=image)
        self._sequence += 1
        return Frame(image.astype(np.uint8), now_s, self._sequence)


def still_scene() -> Image:
    """What the camera sees where there is no world: a grey floor, a wall, and a stripe to focus on."""
    scene = np.empty((FRAME_HEIGHT_PX, FRAME_WIDTH_PX, 3), dtype=np.uint8)
    scene[:200] = (176, 184, 190)
    shade = np.linspace(70, 130, FRAME_HEIGHT_PX - 200).astype(np.uint8)
    scene[200:] = shade[:, None, None]
    scene[200:, 300:340] = (228, 200, 60)
    return scene


def send_frame(connection: socket.socket, frame: Frame) -> None:
    """One picture to one handle; OSError when it has gone."""
    height_px, width_px, _ = frame.image.shape
    connection.sendall(_HEADER.pack(frame.sequence, frame.taken_at_s, height_px, width_px))
    connection.sendall(frame.image.data.cast("B"))


class EmulatedCamera(FrameSlot):
    """The Camera protocol over the board's socket. A thread of its own receives; nothing queues here.

    When the board goes away the newest picture grows old, which is how an unplugged camera looks; when it
    comes back, so do the pictures.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._closed = threading.Event()
        try:
            self._socket = _connected(path)
        except OSError as error:
            raise HardwareError(
                f"No emulated camera answers at {path}. Start the board first: lapwing-car board"
            ) from error
        self._buffers = [np.empty((FRAME_HEIGHT_PX, FRAME_WIDTH_PX, 3), dtype=np.uint8) for _ in range(_BUFFERS)]
        self._thread = threading.Thread(target=self._receive, name="emulated-camera", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Unplug."""
        self._closed.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread; closing alone would not
        self._thread.join()
        self._socket.close()

    def _receive(self) -> None:
        """Until closed. Pictures are counted here: a board that was switched on again counts anew."""
        received = 0
        while not self._closed.is_set():
            try:
                image, taken_at_s = self._receive_picture(self._buffers[received % _BUFFERS])
                received += 1
                self.problem = ""
                self.put(Frame(image, taken_at_s, received))
            except OSError:
                self._reconnect()

    def _receive_picture(self, buffer: Image) -> tuple[Image, float]:
        """The next picture, in the buffer if it is of that size; when it was taken."""
        header = bytearray(_HEADER.size)
        self._fill(memoryview(header))
        _, taken_at_s, height_px, width_px = _HEADER.unpack(header)
        size = (height_px, width_px, 3)
        image = buffer if size == buffer.shape else np.empty(size, dtype=np.uint8)
        self._fill(image.data.cast("B"))
        return image, float(taken_at_s)

    def _reconnect(self) -> None:
        self.problem = "The emulated camera is unplugged, or its board is off."
        self._socket.close()
        while not self._closed.wait(_RECONNECT_S):
            with contextlib.suppress(OSError):
                self._socket = _connected(self._path)
                return

    def _fill(self, target: memoryview) -> None:
        while target:
            count = self._socket.recv_into(target)
            if count == 0:
                raise ConnectionResetError
            target = target[count:]


def _connected(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        raise
    return connection
