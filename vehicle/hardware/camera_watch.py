"""Whether a camera's pictures can be driven by: not stale, frozen, blind, of another size, or too few.

Pure: it is given every picture and the time. A real sensor has noise, so a camera that repeats a picture byte for
byte shows the past, however fresh its time stamps are.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.sensors import CAMERA_HEIGHT_PX, CAMERA_WIDTH_PX
from vehicle.actuator.lease import OLDEST_BASIS_S, Driver
from vehicle.hardware.protocols import Frame

STALE_S = OLDEST_BASIS_S[Driver.AUTONOMOUS]
FROZEN_S = 0.300  # the same picture for this long
BLIND_S = 0.300  # nothing to be seen for this long; a flash or a shadow is shorter
RATE_WINDOW_S = 1.0
LEAST_RATE_FRACTION = 0.6  # of the rate the model needs; a camera at half of it is one that lacks light or power

# Brightness of a picture's parts, of 255, each the mean of many pixels so that noise does not count.
LEAST_CONTRAST = 2.0  # standard deviation between them
DARK, BRIGHT = 40.0, 215.0
_ROWS_COMPARED = 60  # spread over the picture: noise changes every one of them
_PART_PX = 8  # of the picture at about the model's size

FROZEN = "The camera has frozen: its picture does not change any more. Unplug it and plug it in again."
NO_PICTURE = "The camera has not given a picture yet."
STALE = "The camera gives no more pictures. Check its cable."


@dataclass(frozen=True, slots=True)
class CameraVerdict:
    """problem: a sentence, empty when all is well. stops: whether there are pictures that must not be driven by.

    Without pictures the leases end by themselves, and a short gap ends again: stops is False then.
    """

    problem: str = ""
    stops: bool = False


class CameraWatch:
    """Judges one camera's pictures. needed_rate_hz: how many the model needs. name: of the camera, for people."""

    def __init__(self, needed_rate_hz: float, name: str = "camera") -> None:
        self._needed_rate_hz = needed_rate_hz
        self._name = name
        self._sequence: int | None = None
        self._shape: tuple[int, ...] | None = None
        self._rows: NDArray[np.uint8] | None = None
        self._unchanged_since_s = 0.0
        self._seeing_at_s: float | None = None
        self._arrivals: deque[tuple[float, int]] = deque()
        self._verdict = CameraVerdict()

    def forget_size(self) -> None:
        """The car does not drive: the camera may be exchanged for one with other pictures."""
        self._shape = None

    def judge(self, frame: Frame | None, now_s: float, device_problem: str = "") -> CameraVerdict:
        """The newest picture, seen before or not, at a time. device_problem: what the camera says of itself."""
        if frame is None:
            return CameraVerdict(device_problem or self._named(NO_PICTURE))
        if frame.sequence != self._sequence:
            self._sequence = frame.sequence
            problem = self._named(self._look(frame))
            self._verdict = CameraVerdict(problem, stops=bool(problem))
        if not self._verdict.problem and now_s - frame.taken_at_s > STALE_S:
            return CameraVerdict(device_problem or self._named(STALE))
        return self._verdict

    def _named(self, sentence: str) -> str:
        """All of them begin with "The camera"."""
        return sentence.replace("The camera", f"The {self._name}", 1)

    def _look(self, frame: Frame) -> str:
        """Every check that a new picture allows; the first that fails is the one to tell."""
        misfit = self._misfit(frame.image)
        if misfit:
            return misfit
        self._count(frame)
        if self._is_frozen(frame):
            return FROZEN
        if self._is_blind(frame):
            return _blindness(float(frame.image.mean()))
        return self._slowness()

    def _misfit(self, image: NDArray[np.uint8]) -> str:
        is_rgb = image.ndim == 3 and image.shape[2] == 3
        if image.dtype != np.uint8 or not (is_rgb or image.ndim == 2):
            return f"The camera sends something that is no picture: {image.shape} of {image.dtype}."
        height_px, width_px = image.shape[:2]
        if height_px < CAMERA_HEIGHT_PX or width_px < CAMERA_WIDTH_PX:
            return (
                f"The camera's pictures of {width_px}x{height_px} are too small, a model sees "
                f"{CAMERA_WIDTH_PX}x{CAMERA_HEIGHT_PX}. Set camera.width_px and height_px."
            )
        self._shape = self._shape or image.shape
        if image.shape != self._shape:
            return (
                f"The camera's pictures changed from {self._shape[1]}x{self._shape[0]} to {width_px}x{height_px}. "
                "Look at the camera, then arm again."
            )
        return ""

    def _is_frozen(self, frame: Frame) -> bool:
        rows = frame.image[:: max(1, frame.image.shape[0] // _ROWS_COMPARED)]
        if self._rows is None or not np.array_equal(rows, self._rows):
            self._rows = rows.copy()  # the camera will use its memory again
            self._unchanged_since_s = frame.taken_at_s
        return frame.taken_at_s - self._unchanged_since_s >= FROZEN_S

    def _is_blind(self, frame: Frame) -> bool:
        if self._seeing_at_s is None or _contrast(frame.image) >= LEAST_CONTRAST:
            self._seeing_at_s = frame.taken_at_s
        return frame.taken_at_s - self._seeing_at_s >= BLIND_S

    def _count(self, frame: Frame) -> None:
        arrivals = self._arrivals
        arrivals.append((frame.taken_at_s, frame.sequence))
        while len(arrivals) > 2 and frame.taken_at_s - arrivals[1][0] >= RATE_WINDOW_S:
            arrivals.popleft()

    def _slowness(self) -> str:
        (first_s, first), (last_s, last) = self._arrivals[0], self._arrivals[-1]
        if last_s - first_s < RATE_WINDOW_S or (last - first) / (last_s - first_s) >= self._least_rate_hz():
            return ""
        return (
            f"The camera gives fewer than {self._least_rate_hz():.0f} pictures a second, the model was trained with "
            f"{self._needed_rate_hz:g}. Give it more light, or set camera.rate_hz higher."
        )

    def _least_rate_hz(self) -> float:
        return LEAST_RATE_FRACTION * self._needed_rate_hz


def _contrast(image: NDArray[np.uint8]) -> float:
    """Standard deviation between the parts of the picture, levels of 255."""
    green = image if image.ndim == 2 else image[..., 1]
    step = max(1, image.shape[0] // CAMERA_HEIGHT_PX)
    small = green[::step, ::step]
    rows, columns = small.shape[0] // _PART_PX, small.shape[1] // _PART_PX
    parts = small[: rows * _PART_PX, : columns * _PART_PX].reshape(rows, _PART_PX, columns, _PART_PX)
    return float(parts.mean(axis=(1, 3)).std())


def _blindness(brightness: float) -> str:
    seen = "black" if brightness < DARK else "white" if brightness > BRIGHT else "grey"
    return f"The camera sees nothing but {seen}. Uncover its lens, or change the light."
