"""The drive's socket: what is not understood is refused in a sentence, and nobody can hold it up."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import numpy as np
import pytest
import simplejpeg

from shared.actions import STOP, Action
from shared.errors import ArchiveError, LinkError
from vehicle.actuator.lease import Driver
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import Phase
from vehicle.actuator.status import ActuatorStatus
from vehicle.drive import api_server
from vehicle.drive.api import (
    LARGEST_REQUEST_BYTES,
    LENGTHS,
    Answer,
    BookmarkRequest,
    ChooseRequest,
    DecisionReport,
    DriveReport,
    OperatorRequest,
    PictureRequest,
    PrepareRequest,
    RecordRequest,
    Request,
    ScanReport,
    ScanRequest,
    SpeedScaleRequest,
    StartRequest,
    StateRequest,
    StopRequest,
    decode_answer,
    decode_request,
    encode_answer,
    encode_request,
    packed,
)
from vehicle.drive.api_server import MOST_CLIENTS, ApiServer
from vehicle.drive.client import DriveClient
from vehicle.drive.confidence import Confidence
from vehicle.drive.latency import LatencyReport, StageTimes
from vehicle.drive.load import Load
from vehicle.drive.turn import Decision, Sight
from vehicle.drive.views import Views
from vehicle.hardware.frame_slot import FrameSlot
from vehicle.hardware.protocols import Frame, Scan
from vehicle.runtime_folder import RuntimeFolder

REQUESTS: list[Request] = [
    StateRequest(),
    PictureRequest("model", 7, 1.5),
    ScanRequest(3, 0.0),
    StartRequest(Mode.CRAWL, "fast"),
    StopRequest("enough"),
    PrepareRequest("fast"),
    ChooseRequest("fast"),
    SpeedScaleRequest(0.25),
    RecordRequest(is_on=True, name="first"),
    BookmarkRequest("it hit the cone"),
    OperatorRequest(-0.5, 0.25, ("dead_man",), "pad"),
]
STATUS = ActuatorStatus(Phase.ARMED, Driver.AUTONOMOUS, 7, "", "", Action(1.0, 2.0), 1500.0, 1500.0, 0, 0.0)
REPORT = DriveReport(
    actuator=STATUS,
    model=None,
    decision=DecisionReport(4, 0.02, 1.0, 2.0, (0.25, 0.75), Confidence(0.75, 0.8)),
    missing=("The camera is not there.",),
    problems={"bad": "It is damaged."},
    latency=LatencyReport({"total": StageTimes(1.0, 2.0, 3.0, 4)}, 15.0, 2),
    load=Load(10.0, None, 5.0, 1000),
)


class Desk:
    """Answers as told. The picture has the sequence that was set last."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.sequence = 0
        self.jpeg = b"jpeg"

    def answer(self, request: Request) -> tuple[Answer, bytes]:
        self.asked.append(request)
        if isinstance(request, StateRequest):
            return Answer(state=REPORT), b""
        if isinstance(request, PictureRequest):
            return (Answer(), b"") if request.had == self.sequence else (Answer(sequence=self.sequence), self.jpeg)
        if isinstance(request, ChooseRequest):
            raise ArchiveError(f"The model {request.model} is not installed.")
        return Answer(problem="" if isinstance(request, StopRequest) else "Not now."), b""


class Rig:
    """A server whose turns the test makes."""

    def __init__(self, folder: RuntimeFolder, clock: Callable[[], float]) -> None:
        self.desk = Desk()
        self.server = ApiServer(self.desk, folder.drive, clock)
        self.server._waiting.register(self.server._server, 1)
        self.server._waiting.register(self.server._bell, 1)
        self._path = str(folder.drive)

    def connect(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.settimeout(5.0)
        client.connect(self._path)
        self.turn()
        return client

    def turn(self, times: int = 3) -> None:
        for _ in range(times):
            self.server.serve_once(0.0)

    def say(self, client: socket.socket, content: bytes) -> tuple[Answer, bytes]:
        client.sendall(content)
        self.turn()
        return heard(client)


def heard(client: socket.socket) -> tuple[Answer, bytes]:
    content_bytes, attached_bytes = LENGTHS.unpack(client.recv(LENGTHS.size, socket.MSG_WAITALL))
    content = client.recv(content_bytes, socket.MSG_WAITALL)
    return decode_answer(content), client.recv(attached_bytes, socket.MSG_WAITALL) if attached_bytes else b""


def is_silent(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        client.recv(1, socket.MSG_PEEK)
        return False
    except BlockingIOError:
        return True
    finally:
        client.settimeout(5.0)


@pytest.fixture
def rig(folder: RuntimeFolder, clock: Callable[[], float]) -> Iterator[Rig]:
    rig = Rig(folder, clock)
    yield rig
    rig.server.close()


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request.kind)
def test_a_request_arrives_as_it_was_sent(request_: Request) -> None:
    assert decode_request(encode_request(request_)) == request_


def test_an_answer_arrives_as_it_was_sent() -> None:
    answer = Answer("", REPORT, 5, ScanReport(1, (0.0, 1.5), (2.0, 0.0)))
    assert decode_answer(encode_answer(answer)) == answer


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b"[]",
        b"{}",
        b'{"kind": "fly"}',
        b'{"kind": "state", "more": 1}',
        b'{"kind": "start", "mode": "calibration"}',
        b'{"kind": "start", "mode": "manual"}',
        b'{"kind": "speed scale", "speed_scale": 1.01}',
        b'{"kind": "speed scale", "speed_scale": -0.01}',
        b'{"kind": "speed scale", "speed_scale": NaN}',
        b'{"kind": "speed scale"}',
        b'{"kind": "picture", "wait_s": 1000}',
        b'{"kind": "choose", "model": "' + b"x" * 300 + b'"}',
        b"[" * 10_000,
        b"\xff\xfe\x00",
    ],
)
def test_what_is_not_understood_is_refused_in_a_sentence_and_the_client_may_go_on(rig: Rig, content: bytes) -> None:
    client = rig.connect()
    answer, _ = rig.say(client, packed(content))
    assert answer.problem.startswith("The drive does not understand this message")
    assert answer.problem.endswith(".")
    assert rig.say(client, packed(encode_request(StopRequest("x"))))[0] == Answer()
    client.close()


@pytest.mark.parametrize("lengths", [(LARGEST_REQUEST_BYTES + 1, 0), (2**32 - 1, 0), (10, 1)])
def test_a_message_that_is_too_long_is_refused_and_the_client_hung_up_on(rig: Rig, lengths: tuple[int, int]) -> None:
    client = rig.connect()
    answer, _ = rig.say(client, LENGTHS.pack(*lengths))
    assert "16 KiB" in answer.problem
    assert client.recv(1) == b""
    client.close()


def test_a_message_may_come_in_pieces_and_many_in_one(rig: Rig) -> None:
    client = rig.connect()
    message = packed(encode_request(StateRequest()))
    for position in range(len(message)):
        client.sendall(message[position : position + 1])
        rig.turn(1)
    assert heard(client)[0].state == REPORT
    client.sendall(message * 40)
    rig.turn(120)
    assert [heard(client)[0].state for _ in range(40)] == [REPORT] * 40
    client.close()


def test_a_refusal_is_told_and_the_next_client_served(rig: Rig) -> None:
    client = rig.connect()
    answer, _ = rig.say(client, packed(encode_request(ChooseRequest("ghost"))))
    assert answer.problem == "The model ghost is not installed."
    client.close()


def test_who_waits_for_a_picture_gets_the_next_one_and_never_an_older(rig: Rig, clock: Callable[[], float]) -> None:
    client, other = rig.connect(), rig.connect()
    rig.desk.sequence = 4
    client.sendall(packed(encode_request(PictureRequest(had=4, wait_s=1.0))))
    rig.turn()
    assert is_silent(client)
    assert rig.say(other, packed(encode_request(StateRequest())))[0].state == REPORT  # nobody else waits for it
    rig.desk.sequence = 9
    rig.server.wake()
    rig.turn()
    assert heard(client) == (Answer(sequence=9), b"jpeg")
    client.sendall(packed(encode_request(PictureRequest(had=9, wait_s=1.0))))
    rig.turn()
    clock.sleep(1.01)  # type: ignore[attr-defined]
    rig.turn()
    assert heard(client) == (Answer(), b"")
    client.close()
    other.close()


def test_a_client_that_does_not_read_delays_nobody_and_is_hung_up_on(rig: Rig, clock: Callable[[], float]) -> None:
    rig.desk.sequence, rig.desk.jpeg = 1, bytes(3_000_000)  # more than the kernel keeps for it
    slow, other = rig.connect(), rig.connect()
    for _ in range(50):
        slow.sendall(packed(encode_request(PictureRequest())))
    for _ in range(3):
        assert rig.say(other, packed(encode_request(StateRequest())))[0].state == REPORT
    assert len([request for request in rig.desk.asked if isinstance(request, PictureRequest)]) == 1
    clock.sleep(api_server.SLOW_S + 0.1)  # type: ignore[attr-defined]
    rig.turn()
    assert len(rig.server._clients) == 1
    slow.close()
    other.close()


def test_a_client_that_only_talks_is_hung_up_on(rig: Rig) -> None:
    client = rig.connect()
    rig.desk.sequence = 1
    client.sendall(packed(encode_request(PictureRequest(had=1, wait_s=2.0))))
    rig.turn()
    client.sendall(packed(encode_request(StateRequest())) * 3000)
    rig.turn(20)
    assert rig.server._clients == {}
    client.close()


def test_clients_that_die_are_forgotten_and_too_many_not_let_in(rig: Rig) -> None:
    clients = [rig.connect() for _ in range(MOST_CLIENTS)]
    extra = rig.connect()
    assert extra.recv(1) == b""
    extra.close()
    clients.pop().close()
    rig.turn()
    fresh = rig.connect()
    assert rig.say(fresh, packed(encode_request(StateRequest())))[0].state == REPORT
    for client in [*clients, fresh]:
        client.close()
    rig.turn()
    assert rig.server._clients == {}


def test_the_client_speaks_to_a_server_in_its_thread_and_hears_when_it_ends(folder: RuntimeFolder) -> None:
    desk = Desk()
    desk.sequence = 3
    server = ApiServer(desk, folder.drive)
    server.start()
    with closing(DriveClient(folder.drive)) as client:
        assert client.state() == REPORT
        assert client.stop() == ""
        assert client.start(Mode.CRAWL) == "Not now."
        assert client.bookmark("x" * 300) == "Not now."
        assert desk.asked[-1] == BookmarkRequest("x" * 200)
        picture = client.picture()
        assert picture is not None
        assert (picture.sequence, picture.jpeg) == (3, b"jpeg")
        assert client.picture(had=3, wait_s=0.0) is None
        waiting = threading.Thread(target=lambda: client.picture(had=3, wait_s=2.0))
        waiting.start()
        desk.sequence = 4
        server.wake()
        waiting.join(1.0)
        assert not waiting.is_alive()
        server.close()
        with pytest.raises(LinkError, match="restart it"):
            client.state()
    assert not folder.drive.exists()
    with pytest.raises(LinkError, match="lapwing-car drive"):
        DriveClient(folder.drive)


def test_a_picture_is_made_once_for_all_who_ask_and_the_models_is_what_it_saw() -> None:
    camera = FrameSlot()
    views = Views(camera)
    assert views.answer(PictureRequest(), None) == (Answer(), b"")
    frame = Frame(np.full((480, 640, 3), 200, np.uint8), 1.0, 5)
    camera.put(frame)
    first = views.answer(PictureRequest(), None)
    assert first[0].sequence == 5
    assert views.answer(PictureRequest(), None)[1] is first[1]
    assert views.answer(PictureRequest(had=5), None) == (Answer(), b"")
    observation = {"STEREO_CAMERAS": np.stack([np.full((120, 160), level, np.uint8) for level in (0, 0, 50, 250)])}
    scan = Scan(np.array([0, 90], np.float32), np.array([1.5, 0], np.float32), 0.9, 1.0, 8)
    decision = Decision(Sight(frame, scan), observation, np.zeros(2, np.float32), STOP, 1.0, 1.0)
    answer, jpeg = views.answer(PictureRequest("model"), decision)
    grey = simplejpeg.decode_jpeg(jpeg, colorspace="GRAY")[:, :, 0]
    assert (answer.sequence, grey.shape) == (5, (120, 320))
    assert abs(int(grey[:, :150].mean()) - 50) <= 2
    assert abs(int(grey[:, 170:].mean()) - 250) <= 2
    assert views.answer(ScanRequest(), decision)[0].scan == ScanReport(8, (0.0, 90.0), (1.5, 0.0))
    assert views.answer(ScanRequest(had=8), decision)[0].scan is None


def test_who_imports_the_client_loads_no_driver_and_no_engine() -> None:
    program = f"import sys, json, {DriveClient.__module__}; print(json.dumps(sorted(sys.modules)))"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    loaded = set(json.loads(finished.stdout))
    assert not loaded & {"openvino", "onnxruntime", "simplejpeg", "vehicle.hardware.assembly", "vehicle.drive.loop"}
