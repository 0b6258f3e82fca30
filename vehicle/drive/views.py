"""What there is to be seen of a drive: the camera's picture, the model's, the LiDAR's scan; each made once for all."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import simplejpeg

from shared.sensors import SENSORS
from vehicle.drive.api import Answer, PictureRequest, ScanReport, ScanRequest
from vehicle.drive.turn import Decision
from vehicle.hardware.pictures import copy_of, jpeg_of
from vehicle.hardware.protocols import Camera

MODEL_JPEG_QUALITY = 90


class Views:
    """Of one drive. One thread uses it."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._jpegs: dict[str, tuple[int, bytes]] = {}

    def answer(self, request: PictureRequest | ScanRequest, decision: Decision | None) -> tuple[Answer, bytes]:
        """What is newer than what the client has; nothing when nothing is. decision: the newest."""
        if isinstance(request, ScanRequest):
            return self._scan(request, decision), b""
        if request.view == "model":
            if decision is None or decision.frame.sequence == request.had:
                return Answer(), b""
            return self._made("model", decision.frame.sequence, lambda: model_jpeg(decision))
        frame = self._camera.latest()  # there to be seen before there is a model, too
        if frame is None or frame.sequence == request.had:
            return Answer(), b""
        return self._made("camera", frame.sequence, lambda: jpeg_of(copy_of(frame)))

    def _made(self, view: str, sequence: int, make: Callable[[], bytes]) -> tuple[Answer, bytes]:
        if view not in self._jpegs or self._jpegs[view][0] != sequence:
            self._jpegs[view] = sequence, make()
        return Answer(sequence=sequence), self._jpegs[view][1]

    def _scan(self, request: ScanRequest, decision: Decision | None) -> Answer:
        scan = None if decision is None else decision.scan
        if scan is None or scan.sequence == request.had:
            return Answer()
        return Answer(scan=ScanReport(scan.sequence, tuple(scan.angles_deg.tolist()), tuple(scan.ranges_m.tolist())))


def model_jpeg(decision: Decision) -> bytes:
    """The pictures of the newest moment that the model saw, beside each other; empty where it saw none."""
    for name, values in decision.observation.items():
        if SENSORS[name].kind == "camera":
            newest = np.hstack(list(values[-SENSORS[name].shape[0] :]))
            pixels = np.ascontiguousarray(newest)[:, :, None]
            return bytes(simplejpeg.encode_jpeg(pixels, quality=MODEL_JPEG_QUALITY, colorspace="GRAY"))
    return b""
