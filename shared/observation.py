"""From a camera picture to the model's input: the one implementation, used by the simulator and by the car.

A picture of any size is reduced to 160 x 120 by area (every source pixel counts by the area it covers, so
lines do not shimmer) and to grey by DeepRacer's luma weights. All arithmetic is in whole numbers and rounded
once, half up, so that two machines agree in every byte.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.errors import ObservationError
from shared.sensors import CAMERA_HEIGHT_PX, CAMERA_WIDTH_PX

GreyImage = NDArray[np.uint8]

# Luma of rl_coach's and DeepRacer's preprocessing, 0.2989 R + 0.5870 G + 0.1140 B, in ten-thousandths.
# They add up to 0.9999; white still rounds to 255.
LUMA_WEIGHTS = (2989, 5870, 1140)
_LUMA_SCALE = 10_000

# The picture the emulated and the real camera deliver, four times the model's input in each direction.
FRAME_WIDTH_PX, FRAME_HEIGHT_PX = 640, 480
_BLOCK = 4


def grey_from_rgb(frame: NDArray[np.uint8]) -> GreyImage:
    """(H, W, 3) uint8 RGB -> (120, 160) uint8. A picture that is not 4:3 is squeezed, never cropped."""
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        raise ObservationError(
            f"A camera picture has shape (height, width, 3), uint8; this one {frame.shape}, {frame.dtype}."
        )
    if frame.shape[:2] == (FRAME_HEIGHT_PX, FRAME_WIDTH_PX):
        return _grey_from_blocks(frame)
    luma = frame.astype(np.float64) @ np.array(LUMA_WEIGHTS, dtype=np.float64)
    return _reduced(luma, _LUMA_SCALE)


def grey_from_luma(frame: NDArray[np.uint8]) -> GreyImage:
    """(H, W) uint8 grey, as a camera's Y plane -> (120, 160) uint8; the right size passes unchanged."""
    if frame.ndim != 2 or frame.dtype != np.uint8:
        raise ObservationError(
            f"A grey picture has shape (height, width) of uint8, this one {frame.shape} of {frame.dtype}."
        )
    if frame.shape == (CAMERA_HEIGHT_PX, CAMERA_WIDTH_PX):
        return frame
    return _reduced(frame.astype(np.float64), 1)


def _grey_from_blocks(frame: NDArray[np.uint8]) -> GreyImage:
    """The 640 x 480 case: 4 x 4 blocks summed with strided whole numbers, without a float picture."""
    # Rows first, over contiguous memory; a row then is 160 blocks of 4 pixels of RGB, so every 12th value is
    # the same pixel and colour of the next block. Largest sum: 16 * 255 * 9999 < 2**26.
    rows = np.add(frame[0::_BLOCK], frame[1::_BLOCK], dtype=np.uint16)
    rows += frame[2::_BLOCK]
    rows += frame[3::_BLOCK]
    values = rows.reshape(CAMERA_HEIGHT_PX, FRAME_WIDTH_PX * 3)
    step = 3 * _BLOCK
    grey = np.full((CAMERA_HEIGHT_PX, CAMERA_WIDTH_PX), _LUMA_SCALE * _BLOCK * _BLOCK // 2, dtype=np.uint32)
    for colour, weight in enumerate(LUMA_WEIGHTS):
        block = values[:, colour::step] + values[:, colour + 3 :: step]
        block += values[:, colour + 6 :: step]
        block += values[:, colour + 9 :: step]
        grey += block * np.uint32(weight)
    grey //= _LUMA_SCALE * _BLOCK * _BLOCK
    return grey.astype(np.uint8)


def _reduced(luma: NDArray[np.float64], scale: int) -> GreyImage:
    """Area reduction of whole numbers held in float64, exact below 2**53: any picture up to 10**9 pixels."""
    height_px, width_px = luma.shape
    if height_px == 0 or width_px == 0:
        raise ObservationError("The camera picture is empty.")
    total = _area_weights(height_px, CAMERA_HEIGHT_PX) @ luma @ _area_weights(width_px, CAMERA_WIDTH_PX).T
    divisor = height_px * width_px * scale
    grey: GreyImage = ((total.astype(np.int64) + divisor // 2) // divisor).astype(np.uint8)
    return grey


@lru_cache(maxsize=16)
def _area_weights(source_px: int, target_px: int) -> NDArray[np.float64]:
    """(target, source) overlap of each source pixel with each target pixel; every row adds up to source_px.

    Measured in units in which a source pixel is target_px long and a target pixel source_px: whole numbers.
    """
    source = np.arange(source_px) * target_px
    target = np.arange(target_px)[:, None] * source_px
    overlap = np.minimum(source + target_px, target + source_px) - np.maximum(source, target)
    weights: NDArray[np.float64] = np.maximum(overlap, 0).astype(np.float64)
    return weights


class FrameStack:
    """The last few grey pictures as channels, oldest first, newest last; an episode's first fills all.

    channels: how many. cars: None for one car, (C, 120, 160); a number for a batch, (N, C, 120, 160).
    """

    def __init__(self, channels: int, cars: int | None = None) -> None:
        leading = () if cars is None else (cars,)
        self.frames: NDArray[np.uint8] = np.zeros(
            (*leading, channels, CAMERA_HEIGHT_PX, CAMERA_WIDTH_PX), dtype=np.uint8
        )
        self._fresh: NDArray[np.bool_] = np.ones(leading, dtype=np.bool_)

    def reset(self, cars: NDArray[np.bool_] | None = None) -> None:
        """Begin a new episode (for the cars in the mask): the next picture fills every channel."""
        self._fresh[... if cars is None else cars] = True

    def push(self, grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Add the newest (120, 160) or (N, 120, 160) picture; returns the stack, good until the next."""
        self.frames[..., :-1, :, :] = self.frames[..., 1:, :, :]
        self.frames[..., -1, :, :] = grey
        if self._fresh.any():
            fresh = self._fresh
            self.frames[fresh] = self.frames[fresh][..., -1:, :, :]
            self._fresh[...] = False
        return self.frames


def camera_input(grey: NDArray[Any]) -> NDArray[np.float32]:
    """The tensor a model takes: float32 (N, C, 120, 160), values 0 to 255; the model divides by 255.

    grey: (120, 160) or (C, 120, 160) for one car, (N, C, 120, 160) for a batch.
    """
    if not 2 <= grey.ndim <= 4 or grey.shape[-2:] != (CAMERA_HEIGHT_PX, CAMERA_WIDTH_PX):
        raise ObservationError(f"A camera observation has shape (…, 120, 160), this one {grey.shape}.")
    batch = grey.reshape((1,) * (4 - grey.ndim) + grey.shape)
    return np.ascontiguousarray(batch, dtype=np.float32)
