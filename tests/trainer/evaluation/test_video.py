"""Films of a drive: what is in the file, what is in a frame, and what happens when it cannot be written."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from shared.errors import StorageError
from trainer.evaluation.mp4 import Mp4Writer
from trainer.evaluation.track_map import MapThing, TrackMap, cars_around, speed_colour, things_around
from trainer.evaluation.video import (
    CAMERA_HEIGHT_PX,
    MAX_FRAMES,
    VIEW_HEIGHT_PX,
    VIEW_WIDTH_PX,
    LapVideo,
    VideoFrame,
)
from trainer.simulator import EpisodeStatus, Simulator, SimulatorSettings
from trainer.tracks import list_tracks, load_track

LOOP = load_track("lapwing_loop")


def frame(fraction: float, *, speed_mps: float = 1.0, lateral_m: float = 0.0, chase: bool = False) -> VideoFrame:
    """The car at a fraction of the loop's lap, its camera a grey ramp."""
    arc_m = fraction * LOOP.length_m
    x_m, y_m = LOOP.position(arc_m, lateral_m)
    return VideoFrame(
        x_m=float(x_m),
        y_m=float(y_m),
        heading_rad=float(LOOP.heading_rad(arc_m)),
        speed_mps=speed_mps,
        steering_angle_deg=10.0,
        progress_percent=100 * fraction,
        lap=1,
        lap_time_s=20 * fraction,
        note="in progress",
        camera=np.tile(np.linspace(0, 255, 160, dtype=np.uint8), (120, 1)),
        chase=np.full((VIEW_HEIGHT_PX, VIEW_WIDTH_PX, 3), (10, 20, 200), np.uint8) if chase else None,
    )


def probe(path: Path) -> str:
    """What ffmpeg says about a file."""
    finished = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-i", path], capture_output=True, text=True, check=False
    )
    return finished.stderr


def test_the_film_plays_everywhere_and_in_real_time(tmp_path: Path) -> None:
    path = tmp_path / "lap.mp4"
    with LapVideo(path, LOOP, view="top") as film:
        for step in range(30):
            film.add(frame(step / 300))
    said = probe(path)
    assert "h264" in said
    assert "yuv420p" in said
    assert "960x480" in said
    assert re.search(r"\b15 fps", said)
    assert re.search(r"Duration: 00:00:02\.0", said)
    assert [entry.name for entry in tmp_path.iterdir()] == ["lap.mp4"]


def test_the_path_is_coloured_by_speed_and_the_camera_is_in_the_corner(tmp_path: Path) -> None:
    with LapVideo(tmp_path / "lap.mp4", LOOP, view="top", max_speed_mps=1.0) as film:
        for step in range(40):
            film.add(frame(step / 400, speed_mps=1.0, lateral_m=0.1))
        picture = np.asarray(film.draw(frame(0.1, lateral_m=0.1)))
    view, camera = picture[:, :VIEW_WIDTH_PX], picture[:CAMERA_HEIGHT_PX, VIEW_WIDTH_PX:]
    fastest = np.abs(view[:450].astype(int) - speed_colour(1.0)).max(axis=2) < 12
    assert fastest.sum() > 200
    assert camera[:, :20].mean() < 20
    assert camera[:, -20:].mean() > 235


def test_a_chase_view_has_the_map_in_its_corner(tmp_path: Path) -> None:
    with LapVideo(tmp_path / "lap.mp4", LOOP, view="chase") as film:
        film.add(frame(0.0, chase=True))
        picture = np.asarray(film.draw(frame(0.01, chase=True)))
    assert tuple(picture[300, 400]) == (10, 20, 200)
    assert tuple(picture[20, 20]) != (10, 20, 200)


def test_a_car_that_was_put_back_leaves_a_gap_in_its_path() -> None:
    def coloured_px(speed_after_mps: float) -> int:
        drawn = TrackMap(LOOP, 640, 480, max_speed_mps=1.0)
        drawn.extend(0.0, 0.0, 1.0)
        drawn.extend(0.3, 0.0, speed_after_mps)
        picture = np.asarray(drawn.draw(())).astype(int)
        return int((np.abs(picture - speed_colour(speed_after_mps)).max(axis=2) < 30).sum())

    assert coloured_px(1.0) > 0
    assert coloured_px(0.0) == 0


@pytest.mark.parametrize("name", [info.name for info in list_tracks()])
def test_every_track_fits_into_the_map(name: str) -> None:
    track = load_track(name)
    drawn = TrackMap(track, 640, 480, max_speed_mps=1.0)
    pixels = np.array(drawn.to_px(np.concatenate([track.left_border_m, track.right_border_m])))
    assert (pixels >= 0).all()
    assert (pixels <= (1280, 960)).all()
    size_px = np.ptp(pixels, axis=0)
    assert max(size_px / (1280, 960)) == pytest.approx(0.9, abs=0.01)


def test_left_in_the_world_is_left_of_the_road_in_the_picture() -> None:
    drawn = TrackMap(LOOP, 640, 480, max_speed_mps=1.0)
    (x, y), (_, higher) = drawn.to_px(np.array([[0.0, 0.0], [0.0, 1.0]]))
    assert higher < y, "y grows upwards in the world and downwards in a picture"
    assert drawn.to_px(np.array([1.0, 0.0]))[0][0] > x


def test_slow_and_fast_differ_in_brightness_too() -> None:
    brightness = [sum(speed_colour(fraction)) for fraction in np.linspace(0, 1, 9)]
    assert brightness[-1] > brightness[0] + 100
    assert speed_colour(-1.0) == speed_colour(0.0)
    assert speed_colour(7.0) == speed_colour(1.0)


def test_a_film_stops_growing_after_four_minutes(tmp_path: Path) -> None:
    with LapVideo(tmp_path / "lap.mp4", LOOP, view="top") as film:
        film.add(frame(0.0))
        film.frames = MAX_FRAMES
        film.add(frame(0.1))
        film.repeat()
        assert film.frames == MAX_FRAMES


def test_an_interrupted_film_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "lap.mp4"
    path.write_bytes(b"the film of yesterday")

    def film_interrupted() -> None:
        with LapVideo(path, LOOP, view="top") as film:
            film.add(frame(0.0))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        film_interrupted()
    assert path.read_bytes() == b"the film of yesterday"
    assert list(tmp_path.iterdir()) == [path]


def test_a_film_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / f".lap.mp4.{os.getpid()}.part").mkdir()  # in the way of the file that grows
    writer = Mp4Writer(tmp_path / "lap.mp4", 64, 64, 15.0)

    def write_on() -> None:
        for _ in range(1000):
            writer.write(np.zeros((64, 64, 3), np.uint8))

    with pytest.raises(StorageError, match=r"lap\.mp4 could not be written"):
        write_on()


def test_a_failure_at_the_end_is_noticed(tmp_path: Path) -> None:
    (tmp_path / f".lap.mp4.{os.getpid()}.part").mkdir()
    writer = Mp4Writer(tmp_path / "lap.mp4", 16, 16, 15.0)
    with pytest.raises(StorageError, match="ffmpeg says"):
        writer.close()


def test_a_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    writer = Mp4Writer(tmp_path / "lap.mp4", 64, 64, 15.0)
    with pytest.raises(ValueError, match="the video takes uint8"):
        writer.write(np.zeros((32, 64, 3), np.uint8))
    writer.abandon()


def test_things_lie_on_the_map_where_and_as_large_as_they_are() -> None:
    drawn = TrackMap(LOOP, 640, 480, max_speed_mps=1.0)
    x_m, y_m = LOOP.position(5.0)
    box = MapThing(float(x_m), float(y_m), 0.0, (1, 200, 255), length_m=1.2, width_m=0.6)
    picture = np.asarray(drawn.draw([box])).astype(int)
    covered = np.abs(picture - box.colour).max(axis=2) < 40
    rows, columns = np.nonzero(covered)
    (place,) = drawn.to_px(np.array([x_m, y_m]))
    assert (columns.mean(), rows.mean()) == pytest.approx((place[0] / 2, place[1] / 2), abs=1.0)
    assert np.ptp(columns) == pytest.approx(2 * np.ptp(rows), rel=0.15), "1.2 m long and 0.6 m wide"


def test_the_map_shows_boxes_bots_and_barriers_where_they_are() -> None:
    tracks = [load_track("oval"), load_track("cup")]
    race = {"boxes": {"count": 2}, "bots": {"count": 1}, "barriers": {"count": 3}}
    simulator = Simulator(tracks, SimulatorSettings.model_validate({"race": race}), seeds=[1, 2])
    simulator.reset()
    simulator.objects["active"][1, 0] = 0
    for car, objects in ((0, 3), (1, 2)):
        shown = things_around(simulator, car)
        assert len(shown) == 3 + objects
        assert [thing.is_pointed for thing in shown] == [False] * (2 + objects) + [True]
        there = [*simulator.barriers(car), *simulator.objects[car][-objects:]]
        assert [(thing.x_m, thing.y_m) for thing in shown] == [(one["x_m"], one["y_m"]) for one in there]
        small = TrackMap(tracks[car], 176, 176, max_speed_mps=1.0)
        picture = np.asarray(small.draw(shown)).astype(int)
        for barrier in shown[:3]:
            ((x, y),) = small.to_px(np.array([barrier.x_m, barrier.y_m]))
            near = picture[int(y / 2) - 1 : int(y / 2) + 2, int(x / 2) - 1 : int(x / 2) + 2]
            assert near.min(axis=2).max() > 130, "light, however thin"


def test_the_map_shows_the_other_cars_of_a_world_while_they_drive() -> None:
    settings = SimulatorSettings.model_validate({"race": {"cars_per_world": 3}})
    simulator = Simulator([load_track("oval")], settings, seeds=range(6))
    simulator.reset()
    cars = simulator.cars.records
    assert [(thing.x_m, thing.y_m) for thing in cars_around(simulator, 4)] == [
        (cars["x_m"][row], cars["y_m"][row]) for row in (3, 5)
    ]
    cars["status"][3] = EpisodeStatus.CRASHED
    (left,) = cars_around(simulator, 4)
    assert left.x_m == cars["x_m"][5]
