"""How libcamera turns what is asked for into what a Pi can do: formats, padded rows, sensor mode, orientation."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from typing import Any

from vehicle.emulated.libcamera.sensors import SensorMode, SensorModel
from vehicle.emulated.libcamera.values import (
    ColorSpace,
    Orientation,
    PixelFormat,
    SensorConfiguration,
    Size,
    StreamRole,
)

PI_4_ALIGN, PI_5_ALIGN = 32, 64  # bytes; rows of chroma planes are aligned to it, and those of luma are twice as long
_PIXEL_BYTES = {"RGB888": 3, "BGR888": 3, "XBGR8888": 4, "XRGB8888": 4}
_BY_SENSOR = (Orientation.Rotate0, Orientation.Rotate0Mirror, Orientation.Rotate180, Orientation.Rotate180Mirror)


class Stream:
    """Names one stream of pictures; configuration: as it was validated last."""

    configuration: StreamConfiguration


class Formats:
    """What a stream may be."""

    def __init__(self, model: SensorModel) -> None:
        self._model = model

    @property
    def pixel_formats(self) -> list[PixelFormat]:
        return [PixelFormat(self._model.raw_format)]

    def sizes(self, _: PixelFormat) -> list[Size]:
        return [Size(mode.width_px, mode.height_px) for mode in self._model.modes]


class StreamConfiguration:
    """One stream as asked for, and after `finish` as it will be."""

    def __init__(self, role: StreamRole, model: SensorModel, align: int) -> None:
        self.role, self.stream, self.formats = role, Stream(), Formats(model)
        self.size, self.pixel_format, self.buffer_count = Size(640, 480), PixelFormat("XBGR8888"), 4
        self.color_space: ColorSpace | None = None
        self.stride = self.frame_size = 0
        self._align = align

    def finish(self) -> bool:
        """Fix length of rows and size of pictures; False for a format that a Pi does not deliver."""
        name, width, height = str(self.pixel_format), self.size.width, self.size.height
        if name in ("YUV420", "YVU420"):
            self.stride = _aligned(width, 2 * self._align)
            self.frame_size = self.stride * height * 3 // 2
        elif name in _PIXEL_BYTES:
            self.stride = _aligned(width * _PIXEL_BYTES[name], self._align)
            self.frame_size = self.stride * height
        elif self.role is StreamRole.Raw:
            self.stride = _aligned(width * 5 // 4, self._align)
            self.frame_size = self.stride * height
        else:
            return False
        self.stream.configuration = self
        return True


class CameraConfiguration:
    """All streams of a camera, how it is turned, and the mode of its sensor."""

    class Status(enum.Enum):
        Valid = 0
        Adjusted = 1
        Invalid = 2

    def __init__(self, roles: Sequence[StreamRole], model: SensorModel, align: int) -> None:
        self.orientation = Orientation.Rotate0
        self.sensor_config: SensorConfiguration | None = None
        self._streams = [StreamConfiguration(role, model, align) for role in roles]
        self._model = model

    def at(self, index: int) -> StreamConfiguration:
        return self._streams[index]

    def __iter__(self) -> Iterator[StreamConfiguration]:
        return iter(self._streams)

    def __len__(self) -> int:
        return len(self._streams)

    @property
    def mode(self) -> SensorMode:
        """Of the sensor."""
        wanted = self.sensor_config.output_size if self.sensor_config else self._streams[-1].size
        for mode in self._model.modes:
            if (mode.width_px, mode.height_px) == (wanted.width, wanted.height):
                return mode
        return self._model.modes[0]

    def validate(self) -> Any:
        """Change what cannot be, and say whether something was changed."""
        status = CameraConfiguration.Status.Valid
        if self.orientation not in _BY_SENSOR:  # the sensor reads lines in either direction, not columns
            self.orientation, status = Orientation.Rotate0, CameraConfiguration.Status.Adjusted
        for stream in self._streams:
            if stream.role is StreamRole.Raw:
                size = Size(self.mode.width_px, self.mode.height_px)
                if stream.size != size:
                    stream.size, status = size, CameraConfiguration.Status.Adjusted
            if not stream.finish():
                return CameraConfiguration.Status.Invalid
        return status


def _aligned(number: int, step: int) -> int:
    return -(-number // step) * step
