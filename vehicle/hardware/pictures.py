"""What others make of a camera's Frame: the model's grey picture, a JPEG, a copy that lasts.

The one place that knows in which forms cameras deliver.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import simplejpeg

from shared.observation import GreyImage, grey_from_luma, grey_from_rgb
from vehicle.hardware.protocols import Frame

JPEG_QUALITY = 85


def grey_of(frame: Frame) -> GreyImage:
    """(120, 160) uint8, as the model was trained on. ObservationError for what is no picture."""
    return grey_from_luma(frame.image) if frame.image.ndim == 2 else grey_from_rgb(frame.image)


def jpeg_of(frame: Frame, quality: int = JPEG_QUALITY) -> bytes:
    """The picture as a JPEG; the camera's own where it made one."""
    if frame.jpeg is not None:
        return frame.jpeg
    if frame.image.ndim == 3:
        return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(frame.image), quality=quality))
    luma = np.ascontiguousarray(frame.image)
    u, v = (None, None) if frame.chroma is None else map(np.ascontiguousarray, frame.chroma)
    return bytes(simplejpeg.encode_jpeg_yuv_planes(luma, u, v, quality=quality))


def copy_of(frame: Frame) -> Frame:
    """The same picture in memory of its own: the camera uses its buffers again."""
    chroma = frame.chroma and (frame.chroma[0].copy(), frame.chroma[1].copy())
    return replace(frame, image=frame.image.copy(), chroma=chroma)
