"""The board behind its sockets: bus, camera, status and world, in threads of one process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shared.errors import HardwareError, LinkError
from shared.link_socket import LinkServer, SocketLink
from shared.world_link import CarPose, Hello, PulseReport, WorldFrame
from vehicle.cli import run
from vehicle.commands.fault import CHIPS
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.board_process import BoardProcess
from vehicle.emulated.camera import EmulatedCamera
from vehicle.emulated.camera_fault import CameraFault
from vehicle.emulated.i2c import SocketI2C
from vehicle.hardware.ina219 import Ina219Battery
from vehicle.hardware.pca9685 import Pca9685Board
from vehicle.hardware.protocols import Camera, Frame
from vehicle.runtime_folder import RuntimeFolder
from vehicle.up import board_status

pytestmark = pytest.mark.wall_clock  # the bus waits a tenth of a second for the board's threads

WAIT_S = 5.0


class Running:
    def __init__(self, folder: RuntimeFolder, world: Path | None) -> None:
        self.folder = folder
        self.told: list[str] = []
        board = EmulatedBoard(time.monotonic, seed=1)
        process = BoardProcess(board, folder, world, self.told.append)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=process.run, args=(self.stop,))
        self.thread.start()
        while not self.told:
            time.sleep(0.005)

    def end(self) -> None:
        self.stop.set()
        self.thread.join()


@pytest.fixture
def board(folder: RuntimeFolder) -> Iterator[Running]:
    running = Running(folder, None)
    yield running
    running.end()


def next_frame(camera: Camera, sequence: int = 0) -> Frame:
    frame = camera.wait_newer(sequence, WAIT_S)
    assert frame is not None
    return frame


def test_the_driver_reaches_the_chip_through_the_socket(board: Running) -> None:
    driver = Pca9685Board(SocketI2C(board.folder.board_i2c))
    driver.start()
    driver.write_pulses(1600.0, 1500.0)
    driver.check()
    time.sleep(0.05)
    pulses = board_status(board.folder.board_status, since_s=0.0)["pulses"]
    assert {pulse["channel"] for pulse in pulses} == {0, 1}
    driver.close()


def test_the_chip_keeps_its_pulse_when_its_master_is_gone(board: Running) -> None:
    bus = SocketI2C(board.folder.board_i2c)
    driver = Pca9685Board(bus)
    driver.start()
    driver.write_pulses(1500.0, 1580.0)
    bus.deinit()  # died: nobody closed the board
    time.sleep(0.1)
    pulses = board_status(board.folder.board_status, since_s=0.0)["pulses"]
    last = [pulse for pulse in pulses if pulse["channel"] == 0][-1]
    assert last["width_us"] == pytest.approx(1580.0, abs=3)


def test_without_a_world_the_camera_shows_a_still_scene_that_never_repeats(board: Running) -> None:
    camera = EmulatedCamera(board.folder.board_camera)
    first = next_frame(camera)
    image = first.image.copy()
    second = next_frame(camera, first.sequence)
    assert image.shape == (480, 640, 3)
    assert second.sequence > first.sequence
    assert second.taken_at_s > first.taken_at_s
    assert not np.array_equal(image, second.image)
    assert np.abs(image.astype(int) - second.image.astype(int)).mean() < 5
    assert board_status(board.folder.board_status)["pose"] is None
    camera.close()


def test_who_opens_a_camera_is_shown_nothing_of_what_was_before(board: Running) -> None:
    for name in (board.folder.board_camera, board.folder.board_right_camera):
        for _ in range(2):
            opened_at_s = time.monotonic()
            camera = EmulatedCamera(name)
            assert next_frame(camera).taken_at_s > opened_at_s
            camera.close()


def test_a_camera_without_a_board_grows_old_and_says_so_when_it_is_opened(folder: RuntimeFolder) -> None:
    running = Running(folder, None)
    camera = EmulatedCamera(folder.board_camera)
    frame = next_frame(camera)
    running.end()
    newest = camera.latest()
    assert newest is not None
    assert camera.wait_newer(newest.sequence, 0.2) is None
    assert newest.sequence >= frame.sequence
    camera.close()
    with pytest.raises(HardwareError, match="lapwing-car board"):
        EmulatedCamera(folder.board_camera)


def test_the_pictures_come_back_with_the_board(folder: RuntimeFolder) -> None:
    running = Running(folder, None)
    camera = EmulatedCamera(folder.board_camera)
    next_frame(camera)
    running.end()
    newest = camera.latest()
    assert newest is not None
    running = Running(folder, None)
    assert next_frame(camera, newest.sequence).sequence > newest.sequence
    camera.close()
    running.end()


def test_the_right_camera_has_faults_of_its_own(board: Running) -> None:
    left, right = (EmulatedCamera(name) for name in (board.folder.board_camera, board.folder.board_right_camera))
    options = ["--emulated", "--runtime", str(board.folder.path)]
    assert run(["fault", "--right", "small", *options]) == 0
    while next_frame(right, next_frame(right).sequence).image.shape[0] == 480:
        pass
    assert next_frame(left, next_frame(left).sequence).image.shape[0] == 480
    assert run(["fault", "--right", "none", *options]) == 0
    for camera in (left, right):
        camera.close()


def say_fault(board: Running, fault: CameraFault) -> None:
    answer = board_status(board.folder.board_status, camera_fault=fault)
    assert answer["camera_fault"] == fault


def test_a_fault_of_the_camera_comes_and_goes_as_it_is_told(board: Running) -> None:
    camera = EmulatedCamera(board.folder.board_camera)
    frame = next_frame(camera)
    say_fault(board, CameraFault.FREEZE)
    first = next_frame(camera, next_frame(camera, frame.sequence).sequence)
    second = next_frame(camera, first.sequence)
    assert second.taken_at_s > first.taken_at_s
    assert np.array_equal(first.image, second.image)
    say_fault(board, CameraFault.SMALL)
    while frame.image.shape != (240, 320, 3):
        frame = next_frame(camera, frame.sequence)
    say_fault(board, CameraFault.STALL)
    newest = camera.latest()
    assert newest is not None
    assert camera.wait_newer(newest.sequence + 1, 0.2) is None  # one may have been under way
    assert camera.problem == ""
    say_fault(board, CameraFault.NONE)
    assert next_frame(camera, newest.sequence + 1).image.shape == (480, 640, 3)
    with pytest.raises(LinkError):
        board_status(board.folder.board_status, camera_fault="on fire")
    camera.close()


def test_an_unplugged_camera_says_so_and_comes_back(board: Running) -> None:
    camera = EmulatedCamera(board.folder.board_camera)
    next_frame(camera)
    say_fault(board, CameraFault.UNPLUG)
    while not camera.problem:
        time.sleep(0.005)
    assert "unplugged" in camera.problem
    newest = camera.latest()
    assert newest is not None
    say_fault(board, CameraFault.NONE)
    next_frame(camera, newest.sequence)
    assert camera.problem == ""
    camera.close()


def test_anybody_can_break_the_emulated_camera_from_the_command_line(
    board: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime = ["--emulated", "--runtime", str(board.folder.path)]
    assert run(["fault", "black", *runtime]) == 0
    assert "fails: black" in capsys.readouterr().out
    assert board_status(board.folder.board_status)["camera_fault"] == "black"
    assert run(["fault", "none", *runtime]) == 0
    assert "well" in capsys.readouterr().out


def test_the_emulated_lidar_is_broken_and_mended_beside_a_broken_camera(
    board: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime = ["--emulated", "--runtime", str(board.folder.path)]
    assert run(["fault", "black", *runtime]) == 0
    capsys.readouterr()
    assert run(["fault", "--lidar", "unplug", *runtime]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "The emulated camera fails: black.",
        "The emulated LiDAR fails: unplug.",
    ]
    while board.folder.board_lidar.is_symlink():
        time.sleep(0.005)
    assert run(["fault", "--lidar", "none", *runtime]) == 0
    while not board.folder.board_lidar.exists():
        time.sleep(0.005)
    assert "LiDAR" not in capsys.readouterr().out


def accept(server: LinkServer) -> SocketLink:
    link = server.accept(WAIT_S)
    assert link is not None
    return link


def next_report(link: SocketLink) -> PulseReport:
    message = link.receive(WAIT_S)
    assert isinstance(message, PulseReport)
    return message


def test_a_world_hears_the_pulses_and_its_pictures_reach_the_camera(folder: RuntimeFolder) -> None:
    server = LinkServer(folder.world, Hello("world", {"track": "here"}))
    running = Running(folder, folder.world)
    link = accept(server)
    assert next_report(link).throttle_us is None  # the speed controller was never armed
    picture = np.full((480, 640, 3), 99, dtype=np.uint8)
    camera = EmulatedCamera(folder.board_camera)
    link.send(WorldFrame(1.0, 1, picture, CarPose(progress_percent=12.5, laps=2)))
    frame = next_frame(camera)
    while abs(float(frame.image.mean()) - 99) > 1:  # a still picture may have come first
        frame = next_frame(camera, frame.sequence)
    assert board_status(folder.board_status)["pose"]["progress_percent"] == 12.5
    driver = Pca9685Board(SocketI2C(folder.board_i2c))
    driver.start()
    driver.write_pulses(1700.0, 1500.0)
    while next_report(link).steering_us != pytest.approx(1700.0, abs=3):
        pass
    driver.close()
    link.close()
    assert next_frame(camera, frame.sequence).image[240, 320, 0] != 99  # the still scene again
    camera.close()
    running.end()
    server.close()
    assert any("track here" in sentence for sentence in running.told)
    assert any("The world is gone" in sentence for sentence in running.told)


def test_the_board_leaves_no_socket_behind(folder: RuntimeFolder) -> None:
    running = Running(folder, None)
    running.end()
    assert [path.name for path in folder.path.iterdir()] == []


def test_chips_and_battery_are_harmed_while_the_board_runs(board: Running, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--emulated", "--runtime", str(board.folder.path)]
    bus = SocketI2C(board.folder.board_i2c)
    assert set(board_status(board.folder.board_status)["chip_faults"]) == set(CHIPS)
    assert run(["fault", "--chip", "imu", *options]) == 0
    assert run(["fault", "--battery-v", "6.5", *options]) == 0
    assert capsys.readouterr().out.splitlines() == ["The emulated imu fails: absent."] * 2
    assert 0x68 not in bus.scan()
    assert Ina219Battery(bus).read()["voltage_v"] == pytest.approx(6.5)
    assert run(["fault", "--chip", "imu", "--how", "none", *options]) == 0
    assert "is well" in capsys.readouterr().out
    assert 0x68 in bus.scan()
    bus.deinit()
