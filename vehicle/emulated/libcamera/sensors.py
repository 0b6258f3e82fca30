"""Camera modules as libcamera lists them: every mode with the part of the sensor it sees and its highest rate.

The figures are those of Raspberry Pi's camera documentation; where it gives none, those people report.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SensorMode:
    """width_px, height_px: of its pictures. crop: the part of the sensor, x, y, width, height in its pixels."""

    width_px: int
    height_px: int
    crop: tuple[int, int, int, int]
    rate_hz: float


@dataclass(frozen=True, slots=True)
class SensorModel:
    """One camera module. size: of its pixel array."""

    name: str
    size: tuple[int, int]
    raw_format: str
    modes: tuple[SensorMode, ...]


IMX219 = SensorModel(
    "imx219",
    (3280, 2464),
    "SRGGB10_CSI2P",
    (
        SensorMode(640, 480, (1000, 752, 1280, 960), 103.33),
        SensorMode(1640, 1232, (0, 0, 3280, 2464), 41.85),
        SensorMode(1920, 1080, (680, 692, 1920, 1080), 47.57),
        SensorMode(3280, 2464, (0, 0, 3280, 2464), 21.19),
    ),
)
IMX708 = SensorModel(
    "imx708_wide",
    (4608, 2592),
    "SRGGB10_CSI2P",
    (
        SensorMode(1536, 864, (768, 432, 3072, 1728), 120.13),
        SensorMode(2304, 1296, (0, 0, 4608, 2592), 56.03),
        SensorMode(4608, 2592, (0, 0, 4608, 2592), 14.35),
    ),
)
OV5647 = SensorModel(
    "ov5647",
    (2592, 1944),
    "SGBRG10_CSI2P",
    (
        SensorMode(640, 480, (16, 0, 2560, 1920), 58.92),
        SensorMode(1296, 972, (0, 0, 2592, 1944), 43.25),
        SensorMode(1920, 1080, (348, 434, 1928, 1080), 30.62),
        SensorMode(2592, 1944, (0, 0, 2592, 1944), 15.63),
    ),
)
