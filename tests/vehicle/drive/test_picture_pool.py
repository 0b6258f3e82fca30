"""Pictures are copied into memory that is used again, whatever form the camera delivers them in."""

from __future__ import annotations

import tracemalloc

import numpy as np

from vehicle.drive.picture_pool import PicturePool
from vehicle.hardware.protocols import Frame


def rgb(level: int, height_px: int = 480) -> Frame:
    return Frame(np.full((height_px, 640, 3), level, dtype=np.uint8), 0.0, level)


def test_a_copy_outlasts_the_camera_and_its_memory_is_used_again() -> None:
    pool = PicturePool(1)
    frame = rgb(7)
    first = pool.copy(frame)
    assert first is not None
    frame.image[:] = 0
    assert (first.image == 7).all()
    pool.give_back(first)
    second = pool.copy(rgb(9))
    assert second is not None
    assert second.image is first.image
    assert (second.image == 9).all()


def test_what_finds_no_memory_is_left_out_and_counted() -> None:
    pool = PicturePool(2)
    assert [pool.copy(rgb(level)) is None for level in range(4)] == [False, False, True, True]
    assert pool.left_out == 2


def test_all_memory_is_there_from_the_first_picture_that_was_recorded() -> None:
    pool = PicturePool(3)
    first = pool.copy(rgb(1))
    assert first is not None
    tracemalloc.start()
    try:
        pool.give_back(first)
        made_bytes, _ = tracemalloc.get_traced_memory()
        taken = [pool.copy(rgb(level)) for level in range(4)]
        later_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert made_bytes >= 2 * first.image.nbytes
    assert later_bytes - made_bytes < first.image.nbytes
    assert [int(one.image.max()) for one in taken if one is not None] == [0, 1, 2]
    assert len({one.image.ctypes.data for one in taken if one is not None}) == 3


def test_the_memory_used_last_is_used_first() -> None:
    pool = PicturePool(2)
    first, second = pool.copy(rgb(1)), pool.copy(rgb(2))
    assert first is not None
    assert second is not None
    pool.give_back(first)
    pool.give_back(second)
    third = pool.copy(rgb(3))
    assert third is not None
    assert third.image is second.image


def test_a_picture_of_another_size_gets_memory_of_its_own_size() -> None:
    pool = PicturePool(1)
    first = pool.copy(rgb(1))
    assert first is not None
    pool.give_back(first)
    other = pool.copy(rgb(2, height_px=240))
    assert other is not None
    assert other.image.shape == (240, 640, 3)
    assert pool.copy(rgb(3)) is None


def test_the_colours_of_a_luma_picture_are_copied_too() -> None:
    pool = PicturePool(1)
    chroma = (np.full((240, 320), 3, np.uint8), np.full((240, 320), 4, np.uint8))
    copied = pool.copy(Frame(np.full((480, 640), 5, np.uint8), 0.0, 1, chroma))
    assert copied is not None
    assert copied.chroma is not None
    chroma[0][:] = 0
    assert [int(plane.mean()) for plane in (copied.image, *copied.chroma)] == [5, 3, 4]


def test_a_picture_that_the_camera_compressed_itself_is_not_copied() -> None:
    pool = PicturePool(0)
    frame = Frame(np.zeros((480, 640, 3), np.uint8), 0.0, 1, jpeg=b"jpeg")
    assert pool.copy(frame) is frame
    assert pool.left_out == 0
