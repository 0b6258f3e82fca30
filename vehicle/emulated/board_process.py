"""The process around the emulated board: its I2C bus, camera and status on sockets, its link to a world.

Threads, because each waits for somebody else: one serves the bus and the status, one each picture handle, and
the calling one keeps the link to the world and the time.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from shared.errors import LinkError
from shared.link_socket import SocketLink, connect
from shared.world_link import Hello, PulseReport, WorldFrame
from vehicle.emulated.board import REPORT_S, EmulatedBoard
from vehicle.emulated.camera import RATE_HZ, send_frame
from vehicle.emulated.camera_fault import CameraFault, FaultySensor
from vehicle.emulated.faulty_chip import ChipFault
from vehicle.emulated.i2c import answer_one
from vehicle.emulated.rplidar import LidarFault
from vehicle.emulated.rplidar_pty import RplidarPty
from vehicle.hardware.frame_slot import FrameSlot
from vehicle.runtime_folder import RuntimeFolder, listen

RECONNECT_S = 1.0
REPEAT_REPORT_S = 0.1  # an unchanged pulse is told again, so that the world knows the board lives
LONGEST_ANSWER_BYTES = 128 * 1024
CHANGES_PER_ANSWER = 500
ONE_WAIT_S = 0.25  # how long a thread sleeps before it looks whether the process should end


class BoardProcess:
    """Serves one board until `stop` is set. tell: where sentences for a person go."""

    def __init__(
        self,
        board: EmulatedBoard,
        folder: RuntimeFolder,
        world: Path | None,
        tell: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._board = board
        self._folder = folder
        self._world = world
        self._tell = tell
        self._clock = clock
        self._link: SocketLink | None = None

    def run(self, stop: threading.Event) -> None:
        """Until stop is set.

        The sockets are gone afterwards, and so are the pulses: the board is switched off.
        """
        folder = self._folder
        folder.create()
        with contextlib.ExitStack() as exits:
            servers = {}
            for path, kind in (
                (folder.board_i2c, socket.SOCK_SEQPACKET),
                (folder.board_status, socket.SOCK_SEQPACKET),
                (folder.board_camera, socket.SOCK_STREAM),
                (folder.board_right_camera, socket.SOCK_STREAM),
            ):
                servers[path] = exits.enter_context(listen(path, kind))
                exits.callback(path.unlink, missing_ok=True)
            bus = servers[folder.board_i2c], servers[folder.board_status]
            threads = [
                threading.Thread(target=self._serve_bus, args=(*bus, stop), name="i2c"),
                threading.Thread(target=self._serve_camera, args=(servers[folder.board_camera], stop)),
                threading.Thread(target=self._serve_right_camera, args=(servers[folder.board_right_camera], stop)),
                threading.Thread(target=RplidarPty(self._board.lidar, folder.board_lidar).run, args=(stop,)),
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                exits.callback(thread.join)
            exits.callback(stop.set)
            self._tell(f"The emulated board is on: {folder.path}")
            self._keep_world(stop)

    def _keep_world(self, stop: threading.Event) -> None:
        """Every REPORT_S: pulses to the world, its pictures to the camera; without one, the still scene."""
        next_report_s = next_try_s = next_still_s = self._clock()
        told = PulseReport(0.0, None, None)
        while not stop.is_set():
            now_s = self._clock()
            if self._link is None and self._world is not None and now_s >= next_try_s:
                next_try_s = now_s + RECONNECT_S
                self._join_world(self._world)
            if now_s >= next_report_s:
                next_report_s = max(next_report_s + REPORT_S, now_s)
                told = self._report(told)
            if self._link is None and now_s >= next_still_s:
                next_still_s = max(next_still_s + 1 / RATE_HZ, now_s)
                self._board.show_still()
            self._wait(max(0.0, min(next_report_s, now_s + REPORT_S) - self._clock()), stop)
        if self._link is not None:
            self._link.close()

    def _join_world(self, path: Path) -> None:
        try:
            self._link = connect(path, Hello("board"), timeout_s=0.0)
        except LinkError:
            return  # not there yet; tried again in a second
        about = ", ".join(f"{name} {text}" for name, text in self._link.peer.about.items())
        self._tell(f"The board is in the world: {about or path}")

    def _report(self, told: PulseReport) -> PulseReport:
        report = self._board.report()
        same = replace(report, time_s=told.time_s) == told
        if self._link is None or (same and report.time_s - told.time_s < REPEAT_REPORT_S):
            return told
        try:
            self._link.send(report)
        except LinkError as error:
            self._leave_world(str(error))
        return report

    def _wait(self, timeout_s: float, stop: threading.Event) -> None:
        if self._link is None:
            stop.wait(timeout_s)
            return
        try:
            message = self._link.receive(timeout_s)
        except LinkError as error:
            self._leave_world(str(error))
            return
        if isinstance(message, WorldFrame):
            self._board.show(message)

    def _leave_world(self, reason: str) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None
            self._tell(f"The world is gone: {reason} The camera shows the still scene.")

    def _serve_bus(self, i2c: socket.socket, status: socket.socket, stop: threading.Event) -> None:
        """Transactions and questions, one at a time, each answered at once."""
        with selectors.DefaultSelector() as waiting:
            waiting.register(i2c, selectors.EVENT_READ, self._answer_bus)
            waiting.register(status, selectors.EVENT_READ, self._answer_status)
            while not stop.is_set():
                for key, _ in waiting.select(ONE_WAIT_S):
                    connection = key.fileobj
                    assert isinstance(connection, socket.socket)
                    if connection in (i2c, status):
                        waiting.register(connection.accept()[0], selectors.EVENT_READ, key.data)
                    elif not key.data(connection):
                        waiting.unregister(connection)
                        connection.close()
            for key in list(waiting.get_map().values()):
                if key.fileobj not in (i2c, status):
                    key.fileobj.close()  # type: ignore[union-attr]

    def _answer_bus(self, connection: socket.socket) -> bool:
        return answer_one(connection, self._board.wire)

    def _answer_status(self, connection: socket.socket) -> bool:
        try:
            message = connection.recv(LONGEST_ANSWER_BYTES)
            if not message:
                return False
            connection.send(json.dumps(self._status(json.loads(message))).encode())
        except (OSError, ValueError):
            return False
        return True

    def _status(self, question: dict[str, Any]) -> dict[str, Any]:
        """What is so now, and the pulse changes after since_s if the question has one.

        At most CHANGES_PER_ANSWER come at once; ask again from the last one on. A question may also do harm, from
        now on: camera_fault, right_camera_fault, lidar_fault, chip_faults (by the chip's name), battery_v.
        """
        self._do_harm(question)
        with self._board.wire.quiet():
            history = self._board.chip.settled_history()
        since_s = question.get("since_s")
        wanted = [] if since_s is None else [asdict(change) for change in history if change.start_s > since_s]
        pose = self._board.pose
        return {
            "now_s": self._clock(),
            "esc_armed": self._board.esc.armed,
            "camera_fault": self._board.sensor.fault,
            "right_camera_fault": self._board.right_sensor.fault,
            "lidar_fault": self._board.lidar.fault,
            "chip_faults": {name: chip.fault for name, chip in self._board.chips.items()},
            "pose": None if pose is None else asdict(pose),
            "pulses": wanted[:CHANGES_PER_ANSWER],
        }

    def _do_harm(self, question: dict[str, Any]) -> None:
        """ValueError where the board has no such chip or fault."""
        if "lidar_fault" in question:
            self._board.lidar.fault = LidarFault(question["lidar_fault"])
        if "camera_fault" in question:
            self._board.sensor.fault = CameraFault(question["camera_fault"])
        if "right_camera_fault" in question:
            self._board.right_sensor.fault = CameraFault(question["right_camera_fault"])
        with self._board.wire.quiet():
            for name, fault in question.get("chip_faults", {}).items():
                if name not in self._board.chips:
                    raise ValueError(name)
                self._board.chips[name].fault = ChipFault(fault)
            if "battery_v" in question:
                self._board.set_battery_v(float(question["battery_v"]))

    def _serve_camera(self, server: socket.socket, stop: threading.Event) -> None:
        board = self._board
        self._serve_viewers(
            server, lambda connection: self._show_to(connection, board.camera, board.sensor, stop), stop
        )

    def _serve_right_camera(self, server: socket.socket, stop: threading.Event) -> None:
        self._serve_viewers(server, lambda connection: self._show_right_to(connection, stop), stop)

    def _serve_viewers(
        self, server: socket.socket, show_to: Callable[[socket.socket], None], stop: threading.Event
    ) -> None:
        server.settimeout(ONE_WAIT_S)
        viewers = []
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = server.accept()
                viewer = threading.Thread(target=show_to, args=(connection,), name="picture handle")
                viewer.start()
                viewers.append(viewer)
        for viewer in viewers:
            viewer.join()

    def _show_right_to(self, connection: socket.socket, stop: threading.Event) -> None:
        """The world shows a second picture for as long as somebody looks at it."""
        board = self._board
        board.right_viewers += 1
        try:
            self._show_to(connection, board.right_camera, board.right_sensor, stop)
        finally:
            board.right_viewers -= 1

    def _show_to(
        self, connection: socket.socket, camera: FrameSlot, sensor: FaultySensor, stop: threading.Event
    ) -> None:
        """Send each newest picture to one handle, from the next one on, until it goes.

        A slow one misses pictures; it never queues them.
        """
        opened_s, sent, slow_s = self._clock(), 0, 2.0
        connection.settimeout(slow_s)  # a stopped process must not keep the board from ending
        with connection, contextlib.suppress(OSError):
            while not stop.is_set() and sensor.fault is not CameraFault.UNPLUG:
                frame = camera.wait_newer(sent, ONE_WAIT_S)
                if frame is None:
                    continue
                sent = frame.sequence
                if frame.taken_at_s > opened_s:  # one that was taken before may still arrive
                    send_frame(connection, frame)
