"""Camera preprocessing: exact area reduction and luma, checked by fractions and by golden vectors."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import ObservationError
from shared.observation import (
    FrameStack,
    camera_input,
    grey_from_luma,
    grey_from_rgb,
    stereo_from_frames,
)

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "observation.npz")
GOLDEN_SIZES = [(480, 640), (720, 1280), (150, 200)]
SIZES = [*GOLDEN_SIZES, (120, 160), (121, 163), (97, 131)]


def pattern(height_px: int, width_px: int) -> np.ndarray:
    """Lines, gradients and chequers from whole-number arithmetic: the same picture everywhere."""
    y, x = np.mgrid[0:height_px, 0:width_px].astype(np.int64)
    red = (x * 7 + y * 3) % 256
    green = (x * x // 64 + y * 5) % 256
    blue = np.where((x // 5 + y // 7) % 2 == 0, 255, (x * y // 16) % 256)
    return np.stack([red, green, blue], axis=-1).astype(np.uint8)


def exact_grey(frame: np.ndarray, row: int, column: int) -> int:
    """One output pixel by fractions: area overlap times luma, rounded once, half up."""
    height_px, width_px = frame.shape[:2]
    top, bottom = Fraction(row * height_px, 120), Fraction((row + 1) * height_px, 120)
    left, right = Fraction(column * width_px, 160), Fraction((column + 1) * width_px, 160)
    total = Fraction(0)
    for y in range(int(top), min(int(bottom) + 1, height_px)):
        for x in range(int(left), min(int(right) + 1, width_px)):
            area = max(min(bottom, y + 1) - max(top, y), 0) * max(min(right, x + 1) - max(left, x), 0)
            red, green, blue = (int(value) for value in frame[y, x])
            total += area * Fraction(2989 * red + 5870 * green + 1140 * blue, 10_000)
    return int(total / ((bottom - top) * (right - left)) + Fraction(1, 2))


@pytest.mark.parametrize(("height_px", "width_px"), GOLDEN_SIZES)
def test_golden_pictures_are_reproduced_byte_for_byte(height_px: int, width_px: int) -> None:
    grey = grey_from_rgb(pattern(height_px, width_px))
    np.testing.assert_array_equal(grey, GOLDEN[f"{width_px}x{height_px}"])


@pytest.mark.parametrize(("height_px", "width_px"), SIZES)
def test_a_pixel_is_the_exact_area_mean_of_what_it_covers(height_px: int, width_px: int) -> None:
    frame = pattern(height_px, width_px)
    grey = grey_from_rgb(frame)
    for row, column in [(0, 0), (119, 159), (0, 159), (60, 80), (33, 101), (118, 1)]:
        assert grey[row, column] == exact_grey(frame, row, column)


@settings(max_examples=8)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_fast_way_equals_the_general_one(seed: int) -> None:
    """A 640 x 480 picture with every pixel doubled is another size, but has the same area means."""
    frame = np.random.default_rng(seed).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    doubled = frame.repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(grey_from_rgb(frame), grey_from_rgb(doubled))


@pytest.mark.parametrize("value", [0, 1, 127, 128, 254, 255])
@pytest.mark.parametrize(("height_px", "width_px"), [(480, 640), (150, 200)])
def test_an_even_grey_stays_what_it_is(value: int, height_px: int, width_px: int) -> None:
    assert (grey_from_rgb(np.full((height_px, width_px, 3), value, np.uint8)) == value).all()


@pytest.mark.parametrize(("colour", "grey"), [((255, 0, 0), 76), ((0, 255, 0), 150), ((0, 0, 255), 29)])
def test_colours_have_deepracers_luma(colour: tuple[int, int, int], grey: int) -> None:
    frame = np.empty((480, 640, 3), np.uint8)
    frame[:] = colour
    assert (grey_from_rgb(frame) == grey).all()


def test_a_line_of_one_pixel_does_not_vanish_between_samples() -> None:
    for column in range(8, 12):
        frame = np.zeros((480, 640, 3), np.uint8)
        frame[:, column] = 255
        assert (grey_from_rgb(frame)[:, 2] == 64).all()


def test_a_picture_in_another_memory_order_gives_the_same() -> None:
    frame = pattern(480, 640)
    padded = np.zeros((480, 672, 3), np.uint8)
    padded[:, :640] = frame
    np.testing.assert_array_equal(grey_from_rgb(padded[:, :640]), grey_from_rgb(frame))
    np.testing.assert_array_equal(grey_from_rgb(np.asfortranarray(frame)), grey_from_rgb(frame))
    np.testing.assert_array_equal(grey_from_rgb(frame[:, :, ::-1]), grey_from_rgb(frame[:, :, ::-1].copy()))


def test_the_input_picture_is_not_touched() -> None:
    frame = pattern(480, 640)
    before = frame.copy()
    grey_from_rgb(frame)
    np.testing.assert_array_equal(frame, before)


def test_grey_of_the_right_size_passes_and_other_sizes_are_reduced() -> None:
    grey = pattern(120, 160)[..., 0]
    assert grey_from_luma(grey) is grey
    np.testing.assert_array_equal(grey_from_luma(grey.repeat(4, axis=0).repeat(4, axis=1)), grey)


def test_a_large_grey_picture_is_the_mean_of_blocks_rounded_half_up() -> None:
    luma = pattern(480, 640)[..., 1]
    sums = luma.reshape(120, 4, 160, 4).astype(int).sum(axis=(1, 3))
    np.testing.assert_array_equal(grey_from_luma(luma), (sums + 8) // 16)
    assert (grey_from_luma(np.full((480, 640), 255, np.uint8)) == 255).all()
    doubled = luma.repeat(2, axis=0).repeat(2, axis=1)  # takes the way of any other size
    np.testing.assert_array_equal(grey_from_luma(doubled), grey_from_luma(luma))


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((480, 640), np.uint8),
        np.zeros((480, 640, 4), np.uint8),
        np.zeros((480, 640, 3), np.float32),
        np.zeros((0, 640, 3), np.uint8),
        np.zeros((480, 0, 3), np.uint8),
    ],
    ids=lambda frame: f"{frame.shape}-{frame.dtype}",
)
def test_what_is_not_a_colour_picture_is_refused(frame: np.ndarray) -> None:
    with pytest.raises(ObservationError):
        grey_from_rgb(frame)


@pytest.mark.parametrize("frame", [np.zeros((120, 160, 1), np.uint8), np.zeros((120, 160), np.int32)])
def test_what_is_not_a_grey_picture_is_refused(frame: np.ndarray) -> None:
    with pytest.raises(ObservationError):
        grey_from_luma(frame)


def picture(value: int) -> np.ndarray:
    return np.full((120, 160), value, np.uint8)


def channels(stack: np.ndarray) -> list[int]:
    return stack[..., 0, 0].tolist()


def test_a_stack_holds_the_newest_picture_last_and_begins_with_repeats() -> None:
    stack = FrameStack(3)
    assert channels(stack.push(picture(1))) == [1, 1, 1]
    assert channels(stack.push(picture(2))) == [1, 1, 2]
    assert channels(stack.push(picture(3))) == [1, 2, 3]
    assert channels(stack.push(picture(4))) == [2, 3, 4]
    stack.reset()
    assert channels(stack.push(picture(9))) == [9, 9, 9]


def test_a_stack_of_one_is_the_picture() -> None:
    stack = FrameStack(1)
    for value in (1, 2):
        assert channels(stack.push(picture(value))) == [value]


def test_in_a_batch_each_car_begins_its_own_episode() -> None:
    stack = FrameStack(2, cars=3)
    stack.push(np.stack([picture(1), picture(2), picture(3)]))
    stack.reset(np.array([False, True, False]))
    assert channels(stack.push(np.stack([picture(4), picture(5), picture(6)]))) == [[1, 4], [5, 5], [3, 6]]


def test_a_stack_of_two_cameras_keeps_the_pictures_of_one_moment_together() -> None:
    stack = FrameStack(2, pictures=2)
    assert channels(stack.push(np.stack([picture(1), picture(2)]))) == [1, 2, 1, 2]
    assert channels(stack.push(np.stack([picture(3), picture(4)]))) == [1, 2, 3, 4]
    assert channels(stack.push(np.stack([picture(5), picture(6)]))) == [3, 4, 5, 6]


def test_a_golden_pair_is_reproduced_byte_for_byte() -> None:
    """The right camera sees everything 24 pixels further to the left."""
    left = pattern(480, 640)
    pair = stereo_from_frames(left, np.roll(left, -24, axis=1))
    np.testing.assert_array_equal(pair, GOLDEN["stereo"])
    np.testing.assert_array_equal(pair[0], GOLDEN["640x480"])
    np.testing.assert_array_equal(pair[1, :, :-6], pair[0, :, 6:])


def test_a_batch_of_stacks_equals_single_stacks() -> None:
    rng = np.random.default_rng(3)
    together, alone = FrameStack(3, cars=2), [FrameStack(3), FrameStack(3)]
    for _ in range(6):
        frames = rng.integers(0, 256, (2, 120, 160), dtype=np.uint8)
        fresh = rng.random(2) < 0.4
        together.reset(fresh)
        for car in np.flatnonzero(fresh):
            alone[car].reset()
        expected = np.stack([stack.push(frame) for stack, frame in zip(alone, frames, strict=True)])
        np.testing.assert_array_equal(together.push(frames), expected)


@pytest.mark.parametrize(
    ("given_shape", "shape"),
    [((120, 160), (1, 1, 120, 160)), ((3, 120, 160), (1, 3, 120, 160)), ((5, 3, 120, 160), (5, 3, 120, 160))],
)
def test_the_model_input_is_float32_with_values_up_to_255(given_shape: tuple[int, ...], shape: tuple[int, ...]) -> None:
    tensor = camera_input(np.full(given_shape, 255, np.uint8))
    assert (tensor.shape, tensor.dtype, float(tensor.max())) == (shape, np.float32, 255.0)
    assert tensor.flags.c_contiguous


@pytest.mark.parametrize("shape", [(160,), (160, 120), (1, 1, 1, 120, 160), (120, 160, 1)])
def test_another_shape_is_no_model_input(shape: tuple[int, ...]) -> None:
    with pytest.raises(ObservationError):
        camera_input(np.zeros(shape, np.uint8))
