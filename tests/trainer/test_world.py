"""The world at the other end of the link: pulses in, pictures out, laps counted, accidents survived."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from shared.link_socket import SocketLink, connect
from shared.observation import stereo_from_frames
from shared.sensors import STEREO_CAMERAS
from shared.world_link import Hello, PulseReport, WorldFrame
from trainer.simulator import RandomisationSettings, Simulator, SimulatorSettings, StartSettings
from trainer.tracks import Track, load_track
from trainer.world import PICK_UP_S, EmulatedCar, World, WorldServer

CAR = EmulatedCar()
NEUTRAL_US, FORWARD_US, STRAIGHT_US = 1500.0, 1580.0, 1481.0


@pytest.fixture(scope="module")
def track() -> Track:
    return load_track("lapwing_loop")


def pulses(throttle_us: float | None, steering_us: float | None = STRAIGHT_US) -> PulseReport:
    return PulseReport(0.0, steering_us, throttle_us)


def run(world: World, steps: int) -> None:
    for _ in range(steps):
        world.step()


def test_the_car_knows_its_own_centre_neutral_and_dead_band() -> None:
    assert CAR.steering_angle_deg(CAR.arm_centre_us) == 0.0
    assert CAR.steering_angle_deg(1700.0) == pytest.approx(21.9 * 1.355)
    assert CAR.steering_angle_deg(1270.0) == pytest.approx(-21.1 * 1.432)
    assert CAR.speed_mps(1501.0) == CAR.speed_mps(1514.0) == CAR.speed_mps(1488.0) == 0.0
    assert CAR.speed_mps(1601.0) == pytest.approx((0.5 - 0.07) * 3.22)
    assert CAR.speed_mps(1401.0) == pytest.approx(-(0.5 - 0.07) * 1.9)


def test_the_lap_begins_when_the_motor_turns(track: Track) -> None:
    world = World(track, preset="off")
    world.hear(pulses(NEUTRAL_US))
    run(world, 30)
    waiting = world.frame()
    assert waiting.time_s == pytest.approx(2.0)
    assert waiting.pose.lap_time_s == 0.0
    world.hear(pulses(FORWARD_US))
    run(world, 15)
    driving = world.frame().pose
    assert driving.lap_time_s == pytest.approx(1.0)
    assert driving.speed_mps > 0.5
    assert driving.progress_percent > 1.0


def test_without_pulses_the_motor_rests_and_the_wheels_stay(track: Track) -> None:
    world = World(track, preset="off")
    world.hear(pulses(FORWARD_US, 1600.0))
    run(world, 10)
    angle_deg = world.frame().pose.steering_angle_deg
    assert angle_deg > 10
    world.hear(PulseReport(0.0, None, None))
    run(world, 30)
    pose = world.frame().pose
    assert pose.steering_angle_deg == angle_deg
    assert abs(pose.speed_mps) < 0.05


def test_a_picture_has_the_size_and_colours_of_a_camera(track: Track) -> None:
    picture = World(track, preset="off").frame().frame_rgb
    assert picture.shape == (480, 640, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 10


def test_stereo_cameras_see_the_two_pictures_that_a_model_learnt_with(track: Track) -> None:
    """Reduced to what a model takes, they are the simulator's own pair but for the rounding of colours."""
    world = World(track, preset="off")
    assert world.frame().right_rgb is None
    world.hear(PulseReport(0.0, None, None, ("stereo",)))
    seen = world.frame()
    assert seen.right_rgb is not None
    settings = SimulatorSettings(
        randomisation=RandomisationSettings(preset="off"), start=StartSettings(round_robin_fraction=0.0)
    )
    simulator = Simulator([track], settings, seeds=[0], start_fraction=[0.0], sensors=(STEREO_CAMERAS,))
    simulator.reset()
    left, right = simulator.readings()["stereo"][0].astype(int)
    found = stereo_from_frames(seen.frame_rgb, seen.right_rgb).astype(int)
    between = np.abs(left - right).mean()
    assert between > 3.0
    for picture, expected in zip(found, (left, right), strict=True):
        assert np.abs(picture - expected).mean() < 0.3 * between


def test_a_car_that_leaves_the_road_is_picked_up_and_put_back_at_the_start(track: Track) -> None:
    world = World(track, preset="off")
    start = world.frame().pose
    world.hear(pulses(FORWARD_US, 1700.0))
    while not world.frame().pose.is_off_track:
        world.step()
    assert world.frame().pose.off_track_count == 1
    run(world, round(PICK_UP_S / world.step_s) - 1)
    assert world.frame().pose.is_off_track
    world.hear(pulses(NEUTRAL_US))
    world.step()
    pose = world.frame().pose
    assert not pose.is_off_track
    assert (pose.x_m, pose.y_m, pose.laps, pose.progress_percent) == (start.x_m, start.y_m, 0, 0.0)


def test_equal_pulses_make_equal_worlds(track: Track) -> None:
    frames = []
    for _ in range(2):
        world = World(track, preset="strong", seed=4)
        world.hear(pulses(FORWARD_US, 1500.0))
        run(world, 20)
        frames.append(world.frame())
    assert frames[0].pose == frames[1].pose
    np.testing.assert_array_equal(frames[0].frame_rgb, frames[1].frame_rgb)


def test_another_seed_is_another_light(track: Track) -> None:
    pictures = [World(track, preset="light", seed=seed).frame().frame_rgb for seed in (1, 2)]
    assert not np.array_equal(*pictures)


def next_frame(link: SocketLink) -> WorldFrame:
    message = link.receive(5.0)
    assert isinstance(message, WorldFrame)
    return message


def test_a_board_comes_drives_leaves_and_comes_again(track: Track, tmp_path: Path) -> None:
    told: list[str] = []
    stop = threading.Event()
    path = tmp_path / "world.sock"
    server = WorldServer(World(track, preset="off"), path, told.append)
    thread = threading.Thread(target=server.run, args=(stop,))
    thread.start()
    try:
        board = connect(path, Hello("board"))
        assert board.peer.about["track"] == "lapwing_loop"
        first = next_frame(board)
        board.send(pulses(FORWARD_US))
        while next_frame(board).pose.speed_mps < 0.2:
            pass
        board.close()
        again = connect(path, Hello("board"))
        assert next_frame(again).sequence > first.sequence
        while next_frame(again).pose.speed_mps > 0.05:  # the pulses left with the board
            pass
        again.close()
    finally:
        stop.set()
        thread.join()
    assert told.count("A car is on the track.") == 2
    assert not path.exists()
