"""From what the sensors read to the model's input: the one implementation, used by the simulator and by the car.

An Observer keeps what a model sees now, from readings that are the same in the simulator and on the car.

A picture of any size is reduced to 160 x 120 by area (every source pixel counts by the area it covers, so
lines do not shimmer) and to grey by DeepRacer's luma weights. All arithmetic is in whole numbers and rounded
once, half up, so that two machines agree in every byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.errors import ObservationError
from shared.lidar import LidarConfig, lidar_input, lidar_size
from shared.sensors import (
    CAMERA_HEIGHT_PX,
    CAMERA_WIDTH_PX,
    LIDAR,
    SENSORS,
    WHEEL_SPEED_AND_YAW_RATE,
    SensorSpec,
    check_sensor_set,
)

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
    if frame.shape == (FRAME_HEIGHT_PX, FRAME_WIDTH_PX):
        return _grey_from_luma_blocks(frame)
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


def _grey_from_luma_blocks(frame: NDArray[np.uint8]) -> GreyImage:
    """The same for a picture that is grey already: the mean of 4 x 4 pixels, rounded half up."""
    rows = np.add(frame[0::_BLOCK], frame[1::_BLOCK], dtype=np.uint16)
    rows += frame[2::_BLOCK]
    rows += frame[3::_BLOCK]
    grey = rows[:, 0::_BLOCK] + rows[:, 1::_BLOCK]
    grey += rows[:, 2::_BLOCK]
    grey += rows[:, 3::_BLOCK]
    grey += _BLOCK * _BLOCK // 2
    grey //= _BLOCK * _BLOCK
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

    stack_size: how many. cars: None for one car, a number N for a batch. pictures: of one moment, 2 for stereo.
    frames: ([N,] stack_size * pictures, 120, 160); of stereo left and right of the oldest moment come first.
    """

    def __init__(self, stack_size: int, cars: int | None = None, pictures: int = 1) -> None:
        leading = () if cars is None else (cars,)
        self._pictures = pictures
        self._stack_size = stack_size
        self.frames: NDArray[np.uint8] = np.zeros(
            (*leading, stack_size * pictures, CAMERA_HEIGHT_PX, CAMERA_WIDTH_PX), dtype=np.uint8
        )
        self._fresh: NDArray[np.bool_] = np.ones(leading, dtype=np.bool_)

    def reset(self, cars: NDArray[np.bool_] | None = None) -> None:
        """Begin a new episode (for the cars in the mask): the next picture fills every channel."""
        self._fresh[... if cars is None else cars] = True

    def push(self, grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Add the newest ([N,] [pictures,] 120, 160); returns the stack, good until the next."""
        newest = self._newest(grey)
        self.frames[..., : -self._pictures, :, :] = self.frames[..., self._pictures :, :, :]
        self.frames[..., -self._pictures :, :, :] = newest
        if self._fresh.any():
            self._fill(self._fresh, newest)
        return self.frames

    def renew(self, cars: NDArray[np.bool_], grey: NDArray[np.uint8]) -> None:
        """A new episode for the cars in the mask: their picture fills every channel. The others' are not looked at."""
        self._fill(cars, self._newest(grey))

    def settle(self) -> None:
        """The frames were put there from outside, such as a checkpoint: the next picture is no first one."""
        self._fresh[...] = False

    def _newest(self, grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
        shape = (*self._fresh.shape, self._pictures, CAMERA_HEIGHT_PX, CAMERA_WIDTH_PX)
        if grey.shape != shape and (self._pictures > 1 or grey.shape != (*shape[:-3], *shape[-2:])):
            raise ObservationError(f"This stack takes pictures of the shape {shape}, this one is {grey.shape}.")
        return grey.reshape(shape)

    def _fill(self, cars: NDArray[np.bool_], newest: NDArray[np.uint8]) -> None:
        self.frames[cars] = np.concatenate([newest[cars]] * self._stack_size, axis=-3)
        self._fresh[cars] = False


def camera_input(grey: NDArray[Any]) -> NDArray[np.float32]:
    """The tensor a model takes: float32 (N, C, 120, 160), values 0 to 255; the model divides by 255.

    grey: (120, 160) or (C, 120, 160) for one car, (N, C, 120, 160) for a batch.
    """
    if not 2 <= grey.ndim <= 4 or grey.shape[-2:] != (CAMERA_HEIGHT_PX, CAMERA_WIDTH_PX):
        raise ObservationError(f"A camera observation has shape (…, 120, 160), this one {grey.shape}.")
    batch = grey.reshape((1,) * (4 - grey.ndim) + grey.shape)
    return np.ascontiguousarray(batch, dtype=np.float32)


def stereo_from_frames(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Two (H, W, 3) uint8 RGB pictures of one moment -> (2, 120, 160) uint8, left first."""
    return np.stack((grey_from_rgb(left), grey_from_rgb(right)))


def observation_spec(name: str, stack_size: int = 1, lidar_config: LidarConfig | None = None) -> SensorSpec:
    """The table's entry as one model has it: channels of all pictures it stacks, size and range of its own LiDAR."""
    spec = SENSORS[name]
    if spec.kind == "camera":
        return replace(spec, shape=(spec.shape[0] * stack_size, *spec.shape[1:]))
    if spec.kind == "lidar":
        config = lidar_config or LidarConfig()
        spec = replace(spec, shape=(lidar_size(name, config),))
        return replace(spec, low=config.min_range_m, high=config.clip_of(name)) if name == LIDAR else spec
    return spec


class Observer:
    """What a model sees now, sensor by sensor, of one car or of N.

    sensors: names from the sensor table, a legal set. lidar_config: the model's own, DeepRacer's by default. cars: None
    for one car, a number for a batch.
    current: by sensor name, in the order of the sensors: cameras uint8 ([N,] channels, 120, 160), the newest picture
    last; others float32 ([N,] size). The arrays are the observer's own and change with every push.

    Raises:
        MetadataError: the sensors do not go together, or the LiDAR's sectors do not divide its rays.
        ObservationError: from push and renew, when a reading is missing or has another shape.
    """

    def __init__(
        self,
        sensors: Sequence[str],
        stack_size: int = 1,
        lidar_config: LidarConfig | None = None,
        cars: int | None = None,
    ) -> None:
        self.sensors = check_sensor_set(sensors)
        self._leading = () if cars is None else (cars,)
        self._config = lidar_config or LidarConfig()
        self._stacks = {
            name: FrameStack(stack_size, cars, SENSORS[name].shape[0])
            for name in self.sensors
            if SENSORS[name].kind == "camera"
        }
        self.current: dict[str, NDArray[Any]] = {
            name: self._stacks[name].frames
            if name in self._stacks
            else np.zeros((*self._leading, *observation_spec(name, 1, self._config).shape), np.float32)
            for name in self.sensors
        }

    def push(self, readings: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Add the newest readings, by reading name (SensorSpec.reading); returns current."""
        for name in self.sensors:
            reading = self._reading(name, readings)
            if name in self._stacks:
                self._stacks[name].push(reading)
            else:
                self.current[name][...] = self._numbers(name, reading)
        return self.current

    def renew(self, cars: NDArray[np.bool_], readings: Mapping[str, NDArray[Any]]) -> None:
        """An episode begun anew for the cars in the mask (N,): their newest pictures fill all channels.

        What the other cars see stays as it is.
        """
        for name in self.sensors:
            reading = self._reading(name, readings)
            if name in self._stacks:
                self._stacks[name].renew(cars, reading)
            else:
                self.current[name][cars] = self._numbers(name, reading)[cars]

    def reset(self, cars: NDArray[np.bool_] | None = None) -> None:
        """Begin a new episode (for the cars in the mask) with the next push: its pictures fill all channels."""
        for stack in self._stacks.values():
            stack.reset(cars)

    def restore(self, observation: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a copy of current."""
        for name in self.sensors:
            self.current[name][...] = observation[name]
        for stack in self._stacks.values():
            stack.settle()

    def _reading(self, name: str, readings: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        reading = readings.get(SENSORS[name].reading)
        if reading is None:
            raise ObservationError(
                f"The model sees with {name}, but there is no reading of it; there are: {', '.join(readings)}. "
                "Add the sensor, or choose another model."
            )
        return reading

    def _numbers(self, name: str, reading: NDArray[Any]) -> NDArray[np.float32]:
        if reading.ndim != len(self._leading) + 1 or reading.shape[:-1] != self._leading:
            wanted = ", ".join(str(size) for size in (*self._leading, "size"))
            raise ObservationError(f"A reading for {name} has the shape ({wanted}), this one {reading.shape}.")
        if SENSORS[name].kind == "lidar":
            return lidar_input(reading, name, self._config)
        return motion_input(reading)


def motion_input(motion: NDArray[Any]) -> NDArray[np.float32]:
    """(…, 2) wheel speed m/s and yaw rate rad/s -> the same as float32, within the sensor's range."""
    spec = SENSORS[WHEEL_SPEED_AND_YAW_RATE]
    if motion.shape[-1:] != spec.shape or not np.isfinite(motion).all():
        raise ObservationError(f"Wheel speed and yaw rate are two finite numbers, these are {motion!r:.80}.")
    limited: NDArray[np.float32] = np.clip(motion, spec.low, spec.high).astype(np.float32)
    return limited


def model_inputs(observation: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
    """What an engine takes: float32 by sensor name, cameras (N, C, 120, 160), others (N, size); one car is N = 1."""
    return {
        name: camera_input(values)
        if SENSORS[name].kind == "camera"
        else np.ascontiguousarray(np.atleast_2d(values), dtype=np.float32)
        for name, values in observation.items()
    }
