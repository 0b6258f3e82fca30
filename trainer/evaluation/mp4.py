"""Write pictures into an mp4 (H.264, yuv420p) with the ffmpeg that the imageio-ffmpeg package brings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.film_writer import ENCODING, FilmWriter


class Mp4Writer(FilmWriter):
    """A video file that grows frame by frame and appears under its name when it is whole."""

    def __init__(self, path: Path, width_px: int, height_px: int, rate_hz: float) -> None:
        self._shape = (height_px, width_px, 3)
        super().__init__(path, lambda partial: ffmpeg_command(partial, width_px, height_px, rate_hz))

    def write(self, picture: NDArray[np.uint8]) -> None:
        """Append a picture (height, width, 3) of red, green and blue."""
        if picture.shape != self._shape or picture.dtype != np.uint8:
            raise ValueError(f"A frame is {picture.dtype} {picture.shape}, the video takes uint8 {self._shape}.")
        self.feed(np.ascontiguousarray(picture).data)


def ffmpeg_command(path: Path, width_px: int, height_px: int, rate_hz: float) -> list[str]:
    """Raw pictures on standard input, a small file on the way out."""
    import imageio_ffmpeg

    size, rate = f"{width_px}x{height_px}", f"{rate_hz:g}"
    return [
        imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error",
        "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", rate, "-i", "-",
        *ENCODING, str(path),
    ]  # fmt: skip
