"""A world that shows a film: pictures rendered before, at the rate asked for, so that it costs next to nothing."""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path
from typing import Any

from shared.errors import LinkError
from shared.link_socket import LinkEnd, LinkServer
from shared.world_link import Hello, PulseReport, WorldFrame

PICTURES = 150
CRUISE_US, CENTRE_US, SWING_US = 1580.0, 1500.0, 150.0


def rendered_film() -> list[Any]:
    """Pictures of a drive that wanders over the default track, (480, 640, 3) uint8 each."""
    from trainer.tracks import DEFAULT_TRACK, load_track
    from trainer.world import World

    world = World(load_track(DEFAULT_TRACK), preset="light", seed=1)
    pictures = []
    for number in range(PICTURES):
        world.hear(PulseReport(world.time_s, CENTRE_US + SWING_US * math.sin(number / 5), CRUISE_US))
        world.step()
        pictures.append(world.frame().frame_rgb.copy())
    return pictures


class Film:
    """Shows the pictures again and again to the board that joins at a path, in a thread of its own."""

    def __init__(self, path: Path, pictures: list[Any], rate_hz: float) -> None:
        self._pictures = pictures
        self._period_s = 1 / rate_hz
        self._server = LinkServer(path, Hello("world", {"film": f"{rate_hz:g} Hz"}))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._show, name="film")
        self._thread.start()

    def end(self) -> None:
        """No more pictures."""
        self._ended.set()
        self._thread.join()
        self._server.close()

    def _show(self) -> None:
        while not self._ended.is_set():
            board = self._server.accept(0.1)
            if board is None:
                continue
            try:
                self._show_to(board)
            except LinkError:
                continue
            finally:
                board.close()

    def _show_to(self, board: LinkEnd) -> None:
        number, next_s = 0, time.monotonic()
        while not self._ended.wait(max(0.0, next_s - time.monotonic())):
            number += 1
            board.send(WorldFrame(number * self._period_s, number, self._pictures[number % len(self._pictures)]))
            while board.receive() is not None:
                pass  # where the car thinks it drives is all the same to a film
            next_s = max(next_s + self._period_s, time.monotonic())
