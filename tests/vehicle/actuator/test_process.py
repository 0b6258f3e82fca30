"""The actuator as a process puts it together: what it tells of itself, and that every life of it begins anew."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.vehicle.board_thread import switched_on
from vehicle.actuator import process
from vehicle.actuator.client import ActuatorClient
from vehicle.actuator.guard_watch import SameProcess
from vehicle.actuator.mode import Mode
from vehicle.actuator.process import run_actuator
from vehicle.actuator.realtime import ACTUATOR_PRIORITY
from vehicle.actuator.state import Phase
from vehicle.config import CarConfig
from vehicle.hardware.this_car import Car
from vehicle.runtime_folder import RuntimeFolder

LATE = "This user is not allowed real-time scheduling: under load, a stop may come late."


@pytest.fixture
def car(folder: RuntimeFolder) -> Iterator[Car]:
    """An emulated one whose board is on."""
    with switched_on(folder):
        yield Car(CarConfig(), folder, emulated=True)


@pytest.fixture
def priorities(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What was asked of a kernel that refuses it: the tests' own process is to stay as it is."""
    asked: list[int] = []

    def refuse(priority: int) -> str:
        asked.append(priority)
        return LATE

    monkeypatch.setattr(process, "become_realtime", refuse)
    return asked


@contextmanager
def an_actuator(car: Car) -> Iterator[ActuatorClient]:
    stop = threading.Event()
    thread = threading.Thread(target=run_actuator, args=(car, stop))
    thread.start()
    while not car.folder.actuator.exists():
        time.sleep(0.005)
    client = ActuatorClient(car.folder.actuator)
    yield client
    client.close()
    stop.set()
    thread.join()


def test_without_a_guard_it_holds_neutral_says_so_and_is_not_armed(car: Car, priorities: list[int]) -> None:
    with an_actuator(car) as client:
        status = client.status()
        assert status.phase in (Phase.BOOT, Phase.SAFE)
        assert "lapwing-car guard" in status.guard
        while client.status().phase is not Phase.READY:
            time.sleep(0.02)
        assert client.arm(Mode.MANUAL, 1.0) == status.guard


def test_what_the_kernel_refuses_is_told_to_whoever_asks(car: Car, priorities: list[int]) -> None:
    with an_actuator(car) as client:
        assert client.status().warnings == (LATE,)
    assert priorities == [ACTUATOR_PRIORITY]


def test_no_arming_of_a_life_before_is_valid_in_the_next(
    car: Car, priorities: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    class AlwaysThere(SameProcess):
        def __init__(self, *_: object, **__: object) -> None: ...

        def meet(self, *_: object) -> None: ...

        def close(self) -> None: ...

    monkeypatch.setattr(process, "GuardLink", AlwaysThere)
    epochs = []
    for _ in range(2):
        with an_actuator(car) as client:
            while client.status().phase is not Phase.READY:
                time.sleep(0.02)
            assert client.arm(Mode.MANUAL, 1.0) == ""
            epochs.append(client.status().epoch)
    assert 0 not in epochs  # of a car that is not armed
    assert abs(epochs[0] - epochs[1]) > 1
