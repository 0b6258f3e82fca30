"""The actuator behind its socket, on an emulated board in the same process."""

from __future__ import annotations

import errno
import itertools
import selectors
import socket
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace

import pytest

from shared.actions import Action
from shared.errors import LinkError
from tests.vehicle.conftest import FakeClock
from vehicle.actuator.client import ActuatorClient
from vehicle.actuator.core import TURN_S, ActuatorCore
from vehicle.actuator.guard_watch import SameProcess
from vehicle.actuator.lease import LONGEST_TTL_S, Driver, Lease
from vehicle.actuator.limits import DriveLimits
from vehicle.actuator.messages import (
    ArmRequest,
    DevicesRequest,
    RenewRequest,
    Request,
    StatusRequest,
    StopRequest,
    decode_answer,
    encode_request,
)
from vehicle.actuator.mode import Mode
from vehicle.actuator.renewal import check_may_change
from vehicle.actuator.server import MOST_CONNECTIONS, ActuatorServer
from vehicle.actuator.slack import SlackReader
from vehicle.actuator.state import Phase
from vehicle.actuator.status import ActuatorStatus
from vehicle.actuator.status_light import StatusLight
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.i2c import LocalI2C
from vehicle.hardware.i2c_bus import Segment
from vehicle.hardware.pca9685 import Pca9685Board
from vehicle.hardware.protocols import Colour
from vehicle.hardware.tail_light import ServoBoardLight
from vehicle.runtime_folder import RuntimeFolder

THROTTLE = 0
LAMP = (2, 3, 4)


class StraightPulses:
    def steering_pulse_us(self, steering_angle_deg: float) -> float:
        return 1500.0 + 10.0 * steering_angle_deg

    def throttle_pulse_us(self, speed_mps: float, *, top_speed_mps: float) -> float:
        return 1500.0 + 100.0 * speed_mps


class NoisyI2C(LocalI2C):
    """A bus that loses as many transactions as it is told."""

    losses = 0

    def transfer(self, address: int, segments: Sequence[Segment]) -> bytes:
        if self.losses:
            self.losses -= 1
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        return super().transfer(address, segments)


class Gauge:
    """Another device on the bus."""

    name, every_s = "battery", 0.05

    def read(self) -> Mapping[str, float]:
        return {"voltage_v": 7.4}


class Running:
    """An actuator that serves, with its board."""

    def __init__(self, folder: RuntimeFolder) -> None:
        self.path = folder.actuator
        self.board = EmulatedBoard(time.monotonic)
        self.bus = NoisyI2C(self.board.wire)
        epochs = itertools.count(1)
        core = ActuatorCore(
            Pca9685Board(self.bus),
            StraightPulses(),
            DriveLimits(acceleration_mps2=50.0),
            new_epoch=lambda: next(epochs),
            guard=SameProcess(),
        )
        self.stop = threading.Event()
        light = StatusLight(ServoBoardLight(LocalI2C(self.board.wire), address=0x40, channels=LAMP))
        server = ActuatorServer(core, self.path, slack=SlackReader([Gauge()]), light=light)
        self.is_to_renew = False
        self.thread = threading.Thread(target=self._run, args=(server,))
        self.thread.start()
        while not self.path.exists():
            time.sleep(0.005)

    def _run(self, server: ActuatorServer) -> None:
        self.is_to_renew = server.run(self.stop)

    def end(self) -> None:
        self.stop.set()
        self.thread.join()

    def client(self) -> ActuatorClient:
        return ActuatorClient(self.path)

    def throttle_pulses(self) -> list[tuple[float, float | None]]:
        with self.board.wire.quiet():
            history = self.board.chip.settled_history()
        return [(change.start_s, change.width_us) for change in history if change.channel == THROTTLE]

    def first_neutral_after(self, moment_s: float) -> float:
        """How long after a moment the first neutral pulse began; waits for it."""
        while True:
            for start_s, width_us in self.throttle_pulses():
                if start_s > moment_s and width_us == pytest.approx(1500, abs=3):
                    return start_s - moment_s
            time.sleep(0.002)


@pytest.fixture
def actuator(folder: RuntimeFolder) -> Iterator[Running]:
    running = Running(folder)
    yield running
    running.end()


def wait_until_ready(client: ActuatorClient) -> None:
    while client.status().phase is not Phase.READY:
        time.sleep(0.02)


def lease(epoch: int, sequence: int) -> Lease:
    now_s = time.monotonic()
    return Lease(epoch, Driver.AUTONOMOUS, sequence, now_s, LONGEST_TTL_S, Action(10.0, 1.0), now_s)


def test_a_drive_over_the_socket_and_its_end_when_the_driver_hangs_up(actuator: Running) -> None:
    driver, watcher = actuator.client(), actuator.client()
    wait_until_ready(watcher)
    epoch = driver.ask(ArmRequest(Mode.AUTONOMOUS, 1.0)).status.epoch
    assert driver.command(lease(epoch, 1)).phase is Phase.ARMED
    for sequence in range(2, 10):
        time.sleep(0.02)
        status = driver.command(lease(epoch, sequence))
    assert status.applied == Action(10.0, 1.0)
    gone_at_s = time.monotonic()
    driver.close()
    while watcher.status().phase is Phase.ARMED:
        time.sleep(0.002)
    assert time.monotonic() - gone_at_s < LONGEST_TTL_S  # at once, not when the lease has run out
    assert watcher.status().reason == "whoever drove is gone"
    assert actuator.first_neutral_after(gone_at_s) < LONGEST_TTL_S
    watcher.close()


def test_only_who_armed_the_car_drives_it(actuator: Running) -> None:
    driver, stranger = actuator.client(), actuator.client()
    wait_until_ready(driver)
    epoch = driver.ask(ArmRequest(Mode.AUTONOMOUS, 1.0)).status.epoch
    for sequence in range(1, 5):
        assert driver.command(lease(epoch, sequence)).refused == ""
        answer = stranger.ask(lease(epoch, 100 + sequence))
        assert "Another connection" in (answer.problem or "")
        assert answer.status.refused == ""  # and the driver is not made to suffer for it
        time.sleep(0.02)
    assert driver.status().applied == Action(10.0, 1.0)
    stranger.close()
    assert driver.command(lease(epoch, 5)).phase is Phase.ARMED
    driver.close()


def test_a_changed_command_is_written_at_once_and_an_unchanged_one_is_not(actuator: Running) -> None:
    driver = actuator.client()
    wait_until_ready(driver)
    epoch = driver.ask(ArmRequest(Mode.AUTONOMOUS, 1.0)).status.epoch
    turns = driver.command(lease(epoch, 1)).turns
    begun_s = time.monotonic()
    for sequence in range(2, 300):
        driver.command(lease(epoch, sequence))
    flooded_s = time.monotonic() - begun_s
    assert driver.status().turns - turns <= flooded_s / TURN_S + 2
    before = driver.status().turns
    assert driver.command(replace(lease(epoch, 300), action=Action(11.0, 1.0))).turns > before
    driver.close()


def test_more_connections_than_a_car_needs_are_turned_away(actuator: Running) -> None:
    clients = []
    for _ in range(MOST_CONNECTIONS):
        clients.append(actuator.client())
        clients[-1].status()
    with pytest.raises(LinkError):
        actuator.client().status()
    assert clients[0].status().phase in (Phase.SAFE, Phase.READY)
    for client in clients:
        client.close()


class TimelessSelector(selectors.DefaultSelector):
    """Waits on a clock that moves when told. When nothing has come, the script goes on first: True where it has sent
    something, False where time may pass.
    """

    def __init__(self, clock: FakeClock, script: Iterator[bool]) -> None:
        super().__init__()
        self._clock, self._script = clock, script

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None
        ready = super().select(0.0)
        if not ready and next(self._script, False):
            ready = super().select(0.0)
        if not ready:
            self._clock.sleep(timeout)
        return ready


def test_a_lease_that_runs_out_does_not_wait_for_the_next_turn(folder: RuntimeFolder, clock: FakeClock) -> None:
    stop, late_s = threading.Event(), []
    driver = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def script() -> Iterator[bool]:
        """A driver that renews now and then only, at different moments between two turns."""
        driver.connect(str(folder.actuator))
        status = yield from asked(StatusRequest())
        while status.phase is not Phase.READY:
            yield False
            status = yield from asked(StatusRequest())
        status = yield from asked(ArmRequest(Mode.AUTONOMOUS, 1.0))
        for sequence in range(1, 10):
            ttl_s, begun_s = 0.03 + 0.002 * sequence, clock()
            action = Action(10.0, 1.0)
            status = yield from asked(Lease(status.epoch, Driver.AUTONOMOUS, sequence, begun_s, ttl_s, action, begun_s))
            while status.refused == "":
                yield False
                status = yield from asked(StatusRequest())
            late_s.append(clock() - begun_s - ttl_s)
        stop.set()

    def asked(request: Request) -> Generator[bool, None, ActuatorStatus]:
        driver.send(encode_request(request))
        yield True
        return decode_answer(driver.recv(4096)).status

    core = ActuatorCore(
        Pca9685Board(LocalI2C(EmulatedBoard(clock).wire), sleep=clock.sleep),
        StraightPulses(),
        DriveLimits(),
        new_epoch=lambda: 1,
        guard=SameProcess(),
    )
    server = ActuatorServer(
        core, folder.actuator, clock=clock, sleep=clock.sleep, selector=lambda: TimelessSelector(clock, script())
    )
    with driver:
        server.run(stop)
    assert len(late_s) == 9
    assert max(late_s) < TURN_S / 40


def test_who_asks_is_told_what_other_devices_of_the_bus_said(actuator: Running) -> None:
    client = actuator.client()
    wait_until_ready(client)
    devices = client.ask(DevicesRequest()).devices
    assert devices is not None
    assert devices["battery"].values == {"voltage_v": 7.4}
    assert time.monotonic() - devices["battery"].at_s < 1.0
    assert client.ask(StatusRequest()).devices is None
    client.close()


def test_the_tail_light_shows_ready_and_a_fault_though_the_outputs_are_switched_off(actuator: Running) -> None:
    def lamp() -> tuple[bool, ...]:
        with actuator.board.wire.quiet():
            return tuple(actuator.board.chip.pulse_us(channel) is not None for channel in LAMP)

    client = actuator.client()
    wait_until_ready(client)
    while lamp() != Colour.BLUE.value:
        time.sleep(0.005)
    actuator.bus.losses = 3  # also the try at neutral that follows
    while client.status().phase is not Phase.FAULT:
        time.sleep(0.005)
    while actuator.throttle_pulses()[-1][1] is not None:
        time.sleep(0.005)
    while lamp() != Colour.RED.value:
        time.sleep(0.005)
    client.close()


def test_anybody_may_stop_and_a_restart_begins_safe(actuator: Running) -> None:
    driver, phone = actuator.client(), actuator.client()
    assert driver.status().phase in (Phase.SAFE, Phase.READY)
    wait_until_ready(driver)
    epoch = driver.ask(ArmRequest(Mode.AUTONOMOUS, 1.0)).status.epoch
    driver.command(lease(epoch, 1))
    answer = phone.ask(StopRequest("the red button"))
    assert answer.status.phase is Phase.STOPPING
    assert answer.status.reason == "the red button"
    assert driver.command(lease(epoch, 2)).applied.speed_mps == 0.0
    driver.close()
    phone.close()


def test_a_refused_arming_says_why(actuator: Running) -> None:
    client = actuator.client()
    answer = client.ask(ArmRequest(Mode.AUTONOMOUS, 1.0))
    assert answer.problem is not None
    assert "neutral" in answer.problem
    assert "top speed" in (client.ask(ArmRequest(Mode.AUTONOMOUS, float("nan"))).problem or "")
    client.close()


def test_nonsense_is_answered_with_a_sentence_and_harms_nobody(actuator: Running) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as rude:
        rude.connect(str(actuator.path))
        for message in (b"hello", b"{}", b"\x00" * 3000):
            rude.send(message)
            assert b"problem" in rude.recv(4096)
    client = actuator.client()
    assert client.ask(StatusRequest()).problem is None
    client.close()


def test_ending_the_process_leaves_neutral_and_then_silence(folder: RuntimeFolder) -> None:
    running = Running(folder)
    driver = running.client()
    wait_until_ready(driver)
    epoch = driver.ask(ArmRequest(Mode.AUTONOMOUS, 1.0)).status.epoch
    for sequence in range(1, 8):
        driver.command(lease(epoch, sequence))
        time.sleep(0.02)
    running.end()
    widths = [width_us for _, width_us in running.throttle_pulses()]
    assert widths[-1] is None
    assert widths[-2] == pytest.approx(1500.0, abs=3)
    assert not running.path.exists()
    with pytest.raises(LinkError, match="actuator"):
        driver.status()


def test_a_transaction_lost_on_the_way_out_does_not_lose_the_neutral(folder: RuntimeFolder) -> None:
    running = Running(folder)
    driver = running.client()
    wait_until_ready(driver)
    epoch = driver.ask(ArmRequest(Mode.AUTONOMOUS, 1.0)).status.epoch
    for sequence in range(1, 8):
        driver.command(lease(epoch, sequence))
        time.sleep(0.02)
    running.stop.set()
    running.bus.losses = 3  # one turn may still come before the way out
    running.end()
    driver.close()
    widths = [width_us for _, width_us in running.throttle_pulses()]
    assert widths[-2:] == [pytest.approx(1500.0, abs=3), None]


def test_a_driver_that_talks_nonsense_loses_its_lease_at_once(actuator: Running) -> None:
    watcher = actuator.client()
    wait_until_ready(watcher)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as driver:
        driver.connect(str(actuator.path))
        driver.send(encode_request(ArmRequest(Mode.AUTONOMOUS, 1.0)))
        epoch = decode_answer(driver.recv(4096)).status.epoch
        driver.send(encode_request(lease(epoch, 1)))
        driver.recv(4096)
        driver.send(encode_request(lease(epoch, 2)).replace(b"10.0", b"null"))
        answer = decode_answer(driver.recv(4096))
    assert answer.problem is not None
    assert answer.status.applied.speed_mps == 0.0
    assert answer.status.throttle_us == 1500.0
    watcher.close()


def test_it_ends_at_rest_to_begin_anew_but_not_while_somebody_drives(actuator: Running) -> None:
    client = actuator.client()
    wait_until_ready(client)
    assert client.arm(Mode.AUTONOMOUS, 1.0) == ""
    assert "Stop it first" in (client.ask(RenewRequest()).problem or "")
    with pytest.raises(LinkError, match="Stop it first"):
        check_may_change(actuator.path)
    assert client.status().phase is Phase.ARMED
    client.stop("enough")
    check_may_change(actuator.path)
    assert client.ask(RenewRequest()).problem is None
    actuator.thread.join(5.0)
    assert actuator.is_to_renew
    assert [width_us for _, width_us in actuator.throttle_pulses()][-1] is None
    client.close()


def test_a_fault_stays_until_somebody_has_looked_at_it(actuator: Running) -> None:
    client = actuator.client()
    wait_until_ready(client)
    actuator.bus.losses = 3
    while client.status().phase is not Phase.FAULT:
        time.sleep(0.005)
    assert "has a fault" in (client.ask(RenewRequest()).problem or "")
    assert client.status().phase is Phase.FAULT
    client.close()


def test_one_actuator_serves_a_socket(actuator: Running) -> None:
    second = ActuatorServer(
        ActuatorCore(
            Pca9685Board(LocalI2C(actuator.board.wire)),
            StraightPulses(),
            DriveLimits(),
            new_epoch=lambda: 1,
            guard=SameProcess(),
        ),
        actuator.path,
    )
    with pytest.raises(LinkError, match="already serves"):
        second.run(threading.Event())


def test_no_actuator_is_a_sentence(folder: RuntimeFolder) -> None:
    with pytest.raises(LinkError, match="lapwing-car actuator"):
        ActuatorClient(folder.actuator)
