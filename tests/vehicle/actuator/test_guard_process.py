"""Guard and actuator as the processes they are: either may die or stop at any moment, and the car stops."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from calibration.profile_file import export_profile, shipped_profile
from shared.actions import Action
from tests.vehicle.actuator.guard_rig import Line
from tests.vehicle.stack import LeaseThread, Stack, is_rest
from vehicle.actuator.guard import GuardServer, OwnerProcess, main
from vehicle.actuator.guard_core import ALONE_S, GuardCore
from vehicle.actuator.guard_link import NO_GUARD, AboutGuard, GuardLink
from vehicle.actuator.guard_watch import Standing
from vehicle.actuator.messages import ArmRequest
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import Phase
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.i2c import LocalI2C
from vehicle.hardware.guard_board import GuardBoard
from vehicle.hardware.output_enable import NotWired
from vehicle.runtime_folder import RuntimeFolder

pytestmark = pytest.mark.wall_clock

# 250 ms, and what a busy machine takes to run the board.
OWNER_LOSS_S = 0.250 + 0.15
ONE_PERIOD_S = 0.020


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One car for all of these tests: each mends what it broke."""
    folder = RuntimeFolder(tmp_path_factory.mktemp("car"))
    folder.path.chmod(0o700)
    stack = Stack(folder)
    yield stack
    stack.end()


@pytest.fixture
def driven(stack: Stack) -> Iterator[Stack]:
    driver = LeaseThread(stack, Action(10.0, 1.0))
    stack.wait(lambda: stack.client.status().applied.speed_mps == 1.0)
    time.sleep(ONE_PERIOD_S)
    yield stack
    driver.end()


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
def test_an_actuator_that_is_killed_or_stopped_is_replaced_by_its_guard(driven: Stack, fault: signal.Signals) -> None:
    faulted_at_s = time.monotonic()
    os.kill(driven.actuator.running.pid, fault)
    assert driven.stopped_after_s(faulted_at_s) <= OWNER_LOSS_S
    driven.wait(lambda: driven.throttle_since(faulted_at_s)[-1][1] is None)
    rest = driven.throttle_since(faulted_at_s)
    assert [width_us is None for _, width_us in rest] == [False, True]
    os.kill(driven.actuator.running.pid, signal.SIGCONT)
    assert driven.actuator.running.wait(5.0) == -signal.SIGKILL
    time.sleep(0.1)
    assert driven.throttle_since(faulted_at_s) == rest  # it was continued, and not one pulse came
    driven.start_actuator()
    assert driven.client.status().phase is Phase.SAFE


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
def test_a_guard_that_is_killed_or_stopped_stops_the_car(driven: Stack, fault: signal.Signals) -> None:
    faulted_at_s = time.monotonic()
    os.kill(driven.guard.running.pid, fault)
    assert driven.stopped_after_s(faulted_at_s) <= OWNER_LOSS_S
    driven.wait(lambda: driven.client.status().phase is Phase.READY)
    status = driven.client.status()
    assert "guard" in status.reason.lower()
    assert "guard" in (driven.client.ask(ArmRequest(Mode.AUTONOMOUS, 1.0)).problem or "")
    if fault is signal.SIGSTOP:
        os.kill(driven.guard.running.pid, signal.SIGCONT)
    else:
        driven.start_guard()
    driven.wait(lambda: driven.client.status().guard == "")
    assert driven.client.status().phase is Phase.READY  # it waits for a person
    assert driven.client.status().safety_level == "L0"


def test_a_guard_asked_to_end_while_the_car_drives_lets_it_come_to_rest_first(driven: Stack) -> None:
    asked_at_s = time.monotonic()
    driven.guard.running.terminate()
    assert driven.guard.running.wait(5.0) == 0
    assert any(is_rest(width_us) for _, width_us in driven.throttle_since(asked_at_s))
    assert driven.actuator.running.poll() is None
    driven.start_guard()
    driven.wait(lambda: driven.client.status().guard == "")


def test_an_owner_that_the_guard_could_not_kill_is_turned_away(
    folder: RuntimeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vehicle.actuator.guard.os.getuid", lambda: os.geteuid() + 1)
    board = GuardBoard(LocalI2C(EmulatedBoard(time.monotonic).wire), address=0x40, prescale=121, neutral_ticks=307)
    core = GuardCore(board, NotWired(), time.monotonic())
    guard = GuardServer(core, AboutGuard(1, 307, "L0", ()), folder.guard)
    thread = threading.Thread(target=guard.run)
    thread.start()
    link = GuardLink(folder.guard, 307)
    monkeypatch.setattr("vehicle.actuator.guard_link.peer_user_id", lambda connection: 0)
    link.meet(time.monotonic, time.sleep)
    assert link.problem(time.monotonic()) == NO_GUARD
    assert not core.is_watching
    link.close()
    guard.leave()
    thread.join()


def test_a_second_owner_is_turned_away_and_the_first_is_watched_on(
    folder: RuntimeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[OwnerProcess] = []
    monkeypatch.setattr(OwnerProcess, "kill", lambda owner: killed.append(owner))  # it would be this very process
    board = GuardBoard(LocalI2C(EmulatedBoard(time.monotonic).wire), address=0x40, prescale=121, neutral_ticks=307)
    core = GuardCore(board, NotWired(), time.monotonic())
    guard = GuardServer(core, AboutGuard(1, 307, "L0", ()), folder.guard)
    thread = threading.Thread(target=guard.run)
    thread.start()
    first, second = GuardLink(folder.guard, 307), GuardLink(folder.guard, 307)
    while first.problem(time.monotonic()) == NO_GUARD:
        first.beat(Standing.AT_REST, time.monotonic())
        time.sleep(0.005)
    for _ in range(30):
        first.beat(Standing.AT_REST, time.monotonic())
        second.beat(Standing.AT_REST, time.monotonic())
        time.sleep(0.01)
    assert second.problem(time.monotonic()) == NO_GUARD
    assert first.problem(time.monotonic()) != NO_GUARD
    assert (core.is_watching, killed) == (True, [])
    first.close()  # without having left the board at rest
    gives_up_at_s = time.monotonic() + 5.0
    while not killed and time.monotonic() < gives_up_at_s:
        time.sleep(0.005)
    assert (core.is_watching, len(killed)) == (False, 1)
    second.close()
    guard.leave()
    thread.join()


@pytest.mark.parametrize(("ticks", "neutral_first"), [(308, False), (307, True)])
def test_a_guard_with_another_neutral_than_its_owner_ends_to_be_started_with_that_one(
    folder: RuntimeFolder, ticks: int, neutral_first: bool
) -> None:
    board = GuardBoard(LocalI2C(EmulatedBoard(time.monotonic).wire), address=0x40, prescale=121, neutral_ticks=307)
    core = GuardCore(board, NotWired(), time.monotonic())
    guard = GuardServer(core, AboutGuard(1, 307, "L0", ()), folder.guard)
    ended = []
    thread = threading.Thread(target=lambda: ended.append(guard.run()))
    thread.start()
    link = GuardLink(folder.guard, ticks, neutral_first=neutral_first)
    while thread.is_alive():
        link.beat(Standing.AT_REST, time.monotonic())
        time.sleep(0.01)
    assert ended == [True]
    assert link.problem(time.monotonic()) == NO_GUARD
    assert not core.is_watching
    link.close()


@pytest.mark.parametrize("hello", [b"hello", b"[]", b'{"neutral_ticks": Infinity}', b"[" * 4000])
def test_a_guest_that_talks_nonsense_is_turned_away_and_the_guard_lives_on(folder: RuntimeFolder, hello: bytes) -> None:
    board = GuardBoard(LocalI2C(EmulatedBoard(time.monotonic).wire), address=0x40, prescale=121, neutral_ticks=307)
    guard = GuardServer(GuardCore(board, NotWired(), time.monotonic()), AboutGuard(1, 307, "L0", ()), folder.guard)
    ended = []
    thread = threading.Thread(target=lambda: ended.append(guard.run()))
    thread.start()
    while not folder.guard.exists():
        time.sleep(0.005)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as guest:
        guest.settimeout(5.0)
        guest.connect(str(folder.guard))
        guest.send(hello)
        assert guest.recv(100) == b""
    assert ended == []
    guard.leave()
    thread.join()


@pytest.mark.parametrize("words", [[], ["--neutral-first"]])
def test_a_guard_is_told_on_its_command_line_that_neutral_comes_before_the_line(
    folder: RuntimeFolder, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    line, board = Line(), EmulatedBoard(time.monotonic)
    monkeypatch.setattr("vehicle.actuator.guard.open_guard_bus", lambda name: LocalI2C(board.wire))
    monkeypatch.setattr("vehicle.actuator.guard.open_output_enable", lambda name: line)
    monkeypatch.setattr("vehicle.actuator.guard.become_realtime", lambda priority: None)
    monkeypatch.setattr("vehicle.actuator.guard.signal.signal", lambda number, leave: leaves.append(leave))
    leaves: list[Callable[[], None]] = []
    end = threading.Timer(ALONE_S + 0.1, lambda: leaves[0]())
    end.start()
    arguments = ["--socket", str(folder.guard), "--bus", "x", "--address", "64", "--prescale", "121"]
    assert main([*arguments, "--neutral-ticks", "307", *words]) == 0  # nobody came, so it brought the car to rest
    end.join()
    assert (True in line.permitted) is bool(words)
    assert line.permitted[-1] is False


def test_guard_and_actuator_of_a_car_whose_controller_holds_agree_on_it(folder: RuntimeFolder, tmp_path: Path) -> None:
    profile = shipped_profile("emulated")
    holds = profile.changed(throttle=profile.throttle.changed(stops_without_pulses_s="holds"))
    (tmp_path / "car.json").write_text(export_profile(holds))
    stack = Stack(folder, settings=(f"calibration={tmp_path / 'car.json'}",))
    try:
        status = stack.wait(lambda: (now := stack.client.status()).phase is Phase.READY and now)
        assert (status.guard, status.stops_without_pulses_s) == ("", "holds")
        assert stack.guard.running.poll() is None
    finally:
        stack.end()


def test_the_guard_loads_nothing_but_the_standard_library() -> None:
    script = "import sys, vehicle.actuator.guard; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    finished = subprocess.run(
        [sys.executable, "-S", "-c", script],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    ours = {"shared", "vehicle", "__main__", "sitecustomize", "usercustomize"}
    assert set(finished.stdout.split()) - set(sys.stdlib_module_names) - ours == set()


@pytest.mark.parametrize(
    ("bus", "line", "advice"),
    [("emulated:/nowhere", "none", "lapwing-car board"), ("spi:1", "none", "not a bus"), ("i2c:63", "none", "i2c-63")],
)
def test_a_guard_that_cannot_reach_its_board_says_so(
    bus: str, line: str, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--socket", "x", "--bus", bus, "--address", "64", "--prescale", "121", "--neutral-ticks", "307"]
    assert main([*arguments, "--output-enable", line]) == 1
    assert advice in capsys.readouterr().err
