"""The plain values of libcamera that picamera2 uses: geometry, colour spaces, enumerations and controls.

Names and spelling are libcamera's, also where they are not ours.
"""

from __future__ import annotations

import enum
from types import ModuleType, SimpleNamespace
from typing import Any


class Size:
    def __init__(self, width: int = 0, height: int = 0) -> None:
        self.width, self.height = width, height

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Size) and (self.width, self.height) == (other.width, other.height)

    __hash__ = object.__hash__

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


class Rectangle:
    def __init__(self, x: int = 0, y: int = 0, width: int = 0, height: int = 0) -> None:
        self.x, self.y, self.width, self.height = x, y, width, height


class Transform:
    """picamera2 gives it an equality of its own, so the hash is fixed here."""

    def __init__(self, other: Transform | None = None, hflip: int = 0, vflip: int = 0, transpose: int = 0) -> None:
        if other is not None:
            hflip, vflip, transpose = other.hflip, other.vflip, other.transpose
        self.hflip: bool = bool(hflip)
        self.vflip: bool = bool(vflip)
        self.transpose: bool = bool(transpose)

    __hash__ = object.__hash__

    def __str__(self) -> str:
        return f"hflip={self.hflip} vflip={self.vflip} transpose={self.transpose}"


class Orientation(enum.Enum):
    Rotate0 = 1
    Rotate0Mirror = 2
    Rotate180 = 3
    Rotate180Mirror = 4
    Rotate90Mirror = 5
    Rotate270 = 6
    Rotate270Mirror = 7
    Rotate90 = 8


class ColorSpace:
    """Primaries, transfer function, encoding and range; picamera2 gives it an equality of its own."""

    class Primaries(enum.Enum):
        Raw = 0
        Smpte170m = 1
        Rec709 = 2
        Rec2020 = 3

    class TransferFunction(enum.Enum):
        Linear = 0
        Srgb = 1
        Rec709 = 2

    class YcbcrEncoding(enum.Enum):
        Null = 0
        Rec601 = 1
        Rec709 = 2
        Rec2020 = 3

    class Range(enum.Enum):
        Full = 0
        Limited = 1

    def __init__(self, primaries: Any, transfer: Any = None, encoding: Any = None, extent: Any = None) -> None:
        if isinstance(primaries, ColorSpace):
            other = primaries
            primaries, transfer = other.primaries, other.transferFunction
            encoding, extent = other.ycbcrEncoding, other.range
        self.primaries: Any = primaries
        self.transferFunction: Any = transfer
        self.ycbcrEncoding: Any = encoding
        self.range: Any = extent

    __hash__ = object.__hash__

    def __str__(self) -> str:
        return str(self.primaries.name)

    @classmethod
    def Raw(cls) -> ColorSpace:  # noqa: N802
        return cls(cls.Primaries.Raw, cls.TransferFunction.Linear, cls.YcbcrEncoding.Null, cls.Range.Full)

    @classmethod
    def Sycc(cls) -> ColorSpace:  # noqa: N802
        return cls(cls.Primaries.Rec709, cls.TransferFunction.Srgb, cls.YcbcrEncoding.Rec601, cls.Range.Full)

    @classmethod
    def Smpte170m(cls) -> ColorSpace:  # noqa: N802
        encoding = cls.YcbcrEncoding.Rec601
        return cls(cls.Primaries.Smpte170m, cls.TransferFunction.Rec709, encoding, cls.Range.Limited)

    @classmethod
    def Rec709(cls) -> ColorSpace:  # noqa: N802
        encoding = cls.YcbcrEncoding.Rec709
        return cls(cls.Primaries.Rec709, cls.TransferFunction.Rec709, encoding, cls.Range.Limited)


class StreamRole(enum.Enum):
    Raw = 0
    StillCapture = 1
    VideoRecording = 2
    Viewfinder = 3


class ControlType(enum.Enum):
    Null = 0
    Bool = 1
    Byte = 2
    Integer32 = 3
    Integer64 = 4
    Float = 5
    String = 6
    Rectangle = 7
    Size = 8


class PixelFormat:
    def __init__(self, name: str = "") -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other)

    def __hash__(self) -> int:
        return hash(self.name)

    def __str__(self) -> str:
        return self.name


class ControlId:
    def __init__(self, number: int, name: str, kind: ControlType = ControlType.Integer32) -> None:
        self.id, self.name, self.type = number, name, kind

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ControlId) and self.id == other.id

    def __hash__(self) -> int:
        return self.id


class ControlInfo:
    """Limits and default of one control."""

    def __init__(self, low: Any, high: Any, default: Any = None) -> None:
        self.min, self.max, self.default = low, high, default


class SensorConfiguration:
    def __init__(self) -> None:
        self.bit_depth = 0
        self.output_size = Size()


_CONTROLS = {
    "AeEnable": ControlType.Bool,
    "ExposureTime": ControlType.Integer32,
    "ExposureTimeMode": ControlType.Integer32,
    "AnalogueGain": ControlType.Float,
    "AnalogueGainMode": ControlType.Integer32,
    "AwbEnable": ControlType.Bool,
    "ColourGains": ControlType.Float,
    "FrameDurationLimits": ControlType.Integer64,
    "FrameDuration": ControlType.Integer64,
    "ScalerCrop": ControlType.Rectangle,
    "SensorTimestamp": ControlType.Integer64,
    "NoiseReductionMode": ControlType.Integer32,
}
CONTROLS = {name: ControlId(number, name, kind) for number, (name, kind) in enumerate(_CONTROLS.items(), start=1)}
PROPERTIES = {
    name: ControlId(number, name)
    for number, name in enumerate(("Model", "Location", "Rotation", "PixelArraySize", "ColorFilterArrangement"), 101)
}
NOISE_REDUCTION = enum.IntEnum("NOISE_REDUCTION", {"Off": 0, "Fast": 1, "HighQuality": 2, "Minimal": 3})
FILTERS = enum.IntEnum("FILTERS", {"RGGB": 0, "GRBG": 1, "GBRG": 2, "BGGR": 3, "RGB": 4, "MONO": 5})


def controls_module() -> ModuleType:
    """`libcamera.controls`."""
    module = ModuleType("libcamera.controls")
    vars(module).update(CONTROLS)
    vars(module)["draft"] = SimpleNamespace(NoiseReductionModeEnum=NOISE_REDUCTION)
    return module
