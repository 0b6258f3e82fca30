"""The drive behind its socket, for a console and for tests: one method a request.

This module reaches no driver and no engine, so that a console which imports it reaches none either.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Literal

from shared.errors import LinkError
from vehicle.actuator.mode import Mode
from vehicle.drive.api import (
    LARGEST_ANSWER_BYTES,
    LENGTHS,
    LONGEST_WAIT_S,
    Answer,
    BookmarkRequest,
    ChooseRequest,
    DriveReport,
    Picture,
    PictureRequest,
    PrepareRequest,
    RecordRequest,
    Request,
    ScanReport,
    ScanRequest,
    SpeedScaleRequest,
    StartRequest,
    StateRequest,
    StopRequest,
    decode_answer,
    encode_request,
    packed,
)
from vehicle.runtime_folder import why_no_answer

ANSWER_TIMEOUT_S = 5.0


class DriveClient:
    """The drive behind its socket. One thread uses it. LinkError when the drive is gone; other refusals are told."""

    def __init__(self, path: Path, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise LinkError(why_no_answer(path, "drive", error)) from error

    def state(self) -> DriveReport:
        """How everything stands."""
        answer, _ = self.ask(StateRequest())
        if answer.state is None:
            raise LinkError(f"The drive did not say how it stands. {answer.problem}")
        return answer.state

    def picture(
        self, had: int = 0, wait_s: float = LONGEST_WAIT_S / 2, *, view: Literal["camera", "model"] = "camera"
    ) -> Picture | None:
        """The newest picture as soon as it is another one than the one that is had; None when none came in time."""
        answer, attached = self.ask(PictureRequest(view, had, wait_s))
        return Picture(answer.sequence, attached) if attached else None

    def scan(self, had: int = 0, wait_s: float = LONGEST_WAIT_S / 2) -> ScanReport | None:
        """The newest scan, as for a picture."""
        return self.ask(ScanRequest(had, wait_s))[0].scan

    def start(
        self,
        mode: Literal[Mode.AUTONOMOUS, Mode.DRY_RUN, Mode.CRAWL] = Mode.AUTONOMOUS,
        model: str | None = None,
    ) -> str:
        """Arm the car and let the model drive. Why not, empty when it does; so with all that follow."""
        return self.ask(StartRequest(mode, model))[0].problem

    def stop(self, reason: str = "stopped from the console") -> str:
        """End the drive."""
        return self.ask(StopRequest(reason[:200]))[0].problem

    def prepare(self, model: str) -> str:
        """Load a model in the background."""
        return self.ask(PrepareRequest(model))[0].problem

    def choose(self, model: str) -> str:
        """The model that drives from the next arming on."""
        return self.ask(ChooseRequest(model))[0].problem

    def set_speed_scale(self, speed_scale: float) -> str:
        """Drive at this share of the model's speeds."""
        return self.ask(SpeedScaleRequest(speed_scale))[0].problem

    def record(self, *, is_on: bool, name: str | None = None) -> str:
        """Begin or end a recording. name: of the one that begins."""
        return self.ask(RecordRequest(is_on, name))[0].problem

    def bookmark(self, text: str = "") -> str:
        """Keep this moment, whether it is being recorded or not."""
        return self.ask(BookmarkRequest(text[:200]))[0].problem

    def ask(self, request: Request) -> tuple[Answer, bytes]:
        """One request, its answer and what is attached to it."""
        try:
            self._socket.sendall(packed(encode_request(request)))
            content_bytes, attached_bytes = LENGTHS.unpack(self._receive(LENGTHS.size))
            if content_bytes + attached_bytes > LARGEST_ANSWER_BYTES:
                raise LinkError("The drive's answer is larger than one can be.")
            content = self._receive(content_bytes)
            return decode_answer(content), self._receive(attached_bytes)
        except OSError as error:
            self._socket.close()
            if isinstance(error, LinkError):
                raise
            raise LinkError("The drive does not answer any more. Look at its log, then restart it.") from error

    def close(self) -> None:
        """Hang up. The car drives on: whoever wants it to stop says so."""
        self._socket.close()

    def _receive(self, count: int) -> bytes:
        content = bytearray(count)
        view = memoryview(content)
        while view:
            received = self._socket.recv_into(view)
            if received == 0:
                raise ConnectionResetError
            view = view[received:]
        return bytes(content)
