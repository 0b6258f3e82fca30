"""What makes a camera unfit to drive by, picture by picture, on times written down."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from vehicle.emulated.camera import CameraSensor, still_scene
from vehicle.hardware.camera_watch import FROZEN, NO_PICTURE, STALE, CameraVerdict, CameraWatch
from vehicle.hardware.protocols import Frame

WELL = CameraVerdict()


def noisy(level: int = 100, size: tuple[int, ...] = (480, 640), seed: int = 0) -> Iterator[NDArray[np.uint8]]:
    """Pictures of one level and a stripe, each with noise of its own."""
    rng = np.random.default_rng(seed)
    while True:
        image = rng.integers(max(0, level - 3), min(256, level + 4), size, dtype=np.uint8)
        image[:, size[1] // 3 : size[1] // 2] = rng.integers(180, 220)
        yield image


def judged(watch: CameraWatch, images: list[NDArray[np.uint8]], *, rate_hz: float = 15.0, begin: int = 0) -> list[str]:
    """The problem with each picture, seen as soon as it was taken."""
    times = [100.0 + (begin + number) / rate_hz for number in range(len(images))]
    return [
        watch.judge(Frame(image, time_s, begin + number + 1), time_s).problem
        for number, (image, time_s) in enumerate(zip(images, times))
    ]


def test_no_picture_is_no_reason_to_stop_but_is_told_with_what_the_camera_says() -> None:
    watch = CameraWatch(15.0)
    assert watch.judge(None, 100.0) == CameraVerdict(NO_PICTURE)
    assert watch.judge(None, 100.0, "It is unplugged.") == CameraVerdict("It is unplugged.")


def test_a_second_camera_is_called_by_its_name() -> None:
    watch = CameraWatch(15.0, "right camera")
    assert watch.judge(None, 100.0).problem == "The right camera has not given a picture yet."
    small = watch.judge(Frame(np.zeros((100, 100), np.uint8), 100.0, 1), 100.0)
    assert small.problem.startswith("The right camera's pictures of 100x100 are too small")


def test_a_picture_is_stale_after_as_long_as_the_lease_lets_it_count() -> None:
    watch, frame = CameraWatch(15.0), Frame(next(noisy()), 100.0, 1)
    assert watch.judge(frame, 100.169) == WELL
    assert watch.judge(frame, 100.171) == CameraVerdict(STALE)
    assert watch.judge(frame, 100.171, "It is unplugged.") == CameraVerdict("It is unplugged.")


@pytest.mark.parametrize("rate_hz", [15.0, 30.0, 60.0])
def test_the_same_picture_for_300_ms_is_a_frozen_camera(rate_hz: float) -> None:
    watch, pictures = CameraWatch(15.0), noisy()
    alive = [next(pictures) for _ in range(10)]
    frozen = [alive[-1]] * round(0.5 * rate_hz)
    assert judged(watch, alive, rate_hz=rate_hz) == [""] * 10
    problems = judged(watch, frozen, rate_hz=rate_hz, begin=10)
    fine = problems.count("")
    assert problems == [""] * fine + [FROZEN] * (len(problems) - fine)
    assert 0.3 - 1e-6 <= (fine + 1) / rate_hz <= 0.3 + 1 / rate_hz
    assert judged(watch, [next(pictures)], rate_hz=rate_hz, begin=40) == [""]


def test_one_level_in_one_pixel_of_the_compared_rows_is_life() -> None:
    watch = CameraWatch(15.0)
    image = next(noisy())
    pictures = []
    for number in range(20):
        pictures.append(image.copy())
        pictures[-1][8, number] += 1
    assert judged(watch, pictures) == [""] * 20


def test_a_camera_that_uses_one_buffer_again_is_seen_to_freeze_and_to_live() -> None:
    watch, pictures, buffer = CameraWatch(15.0), noisy(), np.zeros((480, 640), np.uint8)
    for number in range(10):
        buffer[:] = next(pictures)
        assert watch.judge(Frame(buffer, 100 + number / 15, number), 100 + number / 15) == WELL
    for number in range(10, 15):
        verdict = watch.judge(Frame(buffer, 100 + number / 15, number), 100 + number / 15)
    assert verdict == CameraVerdict(FROZEN, stops=True)


@pytest.mark.parametrize(("level", "word"), [(3, "black"), (251, "white"), (128, "grey")])
def test_a_picture_with_nothing_to_see_is_told_by_its_colour_noise_or_not(level: int, word: str) -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(level - 3, level + 4, (480, 640, 3), dtype=np.uint8) for _ in range(8)]
    problems = judged(CameraWatch(15.0), pictures)
    assert problems[:4] == [""] * 4  # a shadow or a flash is not blindness
    assert all(word in problem for problem in problems[5:])


def test_a_dark_road_with_a_line_on_it_can_be_seen() -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(8, 14, (120, 160), dtype=np.uint8) for _ in range(10)]
    for picture in pictures:
        picture[:, 70:80] += 12
    assert judged(CameraWatch(15.0), pictures) == [""] * 10


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((480, 640, 3), np.float32),  # type: ignore[list-item]
        np.zeros((480, 640, 4), np.uint8),
        np.zeros((119, 160), np.uint8),
        np.zeros((120, 159), np.uint8),
        np.zeros(10, np.uint8),
        np.zeros((0, 0, 3), np.uint8),
    ],
)
def test_what_is_no_picture_for_a_model_stops_at_once(image: NDArray[np.uint8]) -> None:
    assert CameraWatch(15.0).judge(Frame(image, 100.0, 1), 100.0).stops


def test_another_size_is_a_fault_while_driving_and_none_of_a_car_that_stands() -> None:
    watch = CameraWatch(15.0)
    large, small = noisy(), noisy(size=(240, 320))
    assert judged(watch, [next(large)]) == [""]
    assert "from 640x480 to 320x240" in judged(watch, [next(small)], begin=1)[0]
    watch.forget_size()
    assert judged(watch, [next(small)], begin=2) == [""]


def test_half_the_pictures_are_too_few_and_two_thirds_are_enough() -> None:
    pictures = noisy(size=(120, 160))
    images = [next(pictures) for _ in range(40)]
    assert set(judged(CameraWatch(15.0), images, rate_hz=10.0)) == {""}
    assert "fewer than 9" in judged(CameraWatch(15.0), images, rate_hz=7.5)[-1]
    assert set(judged(CameraWatch(15.0), images, rate_hz=30.0)) == {""}


def test_a_picture_that_is_looked_at_again_is_one_picture() -> None:
    watch, pictures = CameraWatch(15.0), noisy(size=(120, 160))
    for number in range(25):
        frame = Frame(next(pictures), 100.0 + number / 8, number)
        problems = {watch.judge(frame, frame.taken_at_s + later / 100).problem for later in range(8)}
    assert all("fewer than 9" in problem for problem in problems)


@pytest.mark.parametrize(("level", "word"), [(39, "black"), (40, "grey"), (215, "grey"), (216, "white")])
def test_grey_lies_between_black_and_white(level: int, word: str) -> None:
    pictures = [np.full((120, 160), level - number % 2, np.uint8) for number in range(9)]
    assert word in judged(CameraWatch(15.0), pictures)[-1]


def test_pictures_that_nobody_looked_at_count_as_delivered() -> None:
    watch, pictures = CameraWatch(15.0), noisy(size=(120, 160))
    for number in range(12):  # every third of 15 a second, because the model is slow
        time_s = 100 + number * 3 / 15
        assert watch.judge(Frame(next(pictures), time_s, 3 * number), time_s) == WELL


def test_the_emulated_camera_lives_though_its_scene_stands_still() -> None:
    sensor, scene, watch = CameraSensor(seed=1), still_scene(), CameraWatch(15.0)
    for number in range(30):
        time_s = 100 + number / 15
        assert watch.judge(sensor.expose(scene, time_s), time_s) == WELL
