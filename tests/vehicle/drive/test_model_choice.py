"""Which model drives next: the newest choice, as soon as it is ready and the car lets it, and no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from shared.errors import ArchiveError, LinkError, StorageError
from shared.model_archive import ModelArchive
from vehicle.drive import model_choice
from vehicle.drive.engine import Inputs
from vehicle.drive.model_choice import ModelChoice
from vehicle.drive.pilot import ModelPilot
from vehicle.drive.ready_models import ReadyModels

WAIT_S = 10.0


class NoEngine:
    name = "none"

    def infer(self, inputs: Inputs) -> None:
        raise AssertionError("nobody drives here")


@dataclass(frozen=True)
class Stored:
    name: str
    sha256: str


class Rig:
    """A store of four models. Each gets ready when its gate opens; `damaged` never does.

    in_place: what the loop was given. refusals: what it says to the next ones, before it takes one.
    """

    def __init__(self, archive: ModelArchive) -> None:
        self.gates = {name: threading.Event() for name in ("", "one", "two", "damaged", "last")}
        self.in_place: list[str] = []
        self.chosen: list[str] = []
        self.is_full = False  # the store's disk
        self.refusals: list[str | LinkError] = []
        self._archive = archive
        self.ready = ReadyModels(self._load)
        self.heard: list[str] = []  # by whoever wants to hear of every model put in place
        self.choice = ModelChoice(
            self.ready, self, self._put_in_place, lambda pilot: self.heard.append(pilot.archive.name)
        )

    def installed(self) -> list[Stored]:
        return [Stored(name, name) for name in self.gates if name]

    def choose(self, name: str) -> None:
        if self.is_full:
            raise StorageError("The disk is full.")
        self.chosen.append(name)

    def make_ready(self, name: str) -> None:
        self.gates[name].set()
        self.ready.prepare(name)
        self.wait()

    def wait(self) -> None:
        """Until all that was asked for so far is done."""
        done = threading.Event()
        self.gates["last"].set()
        self.ready.prepare("last", lambda pilot: done.set())
        assert done.wait(WAIT_S)

    def end(self) -> None:
        for gate in self.gates.values():
            gate.set()
        self.ready.close()

    def _load(self, name: str) -> ModelPilot:
        assert self.gates[name].wait(WAIT_S)
        if name == "damaged":
            raise ArchiveError("The model damaged is damaged. Install it again.")
        return ModelPilot(replace(self._archive, name=name, sha256=name), NoEngine())  # type: ignore[arg-type]

    def _put_in_place(self, pilot: ModelPilot) -> str:
        if self.refusals:
            refusal = self.refusals.pop(0)
            if isinstance(refusal, LinkError):
                raise refusal
            return refusal
        self.in_place.append(pilot.archive.name)
        return ""


@pytest.fixture
def rig(archive: ModelArchive, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setattr(model_choice, "BETWEEN_TRIES_S", 0.001)
    rig = Rig(archive)
    yield rig
    rig.end()


def test_one_that_is_ready_comes_into_place_at_once_and_another_as_soon_as_it_is(rig: Rig) -> None:
    rig.make_ready("one")
    assert rig.choice.choose("one") == ""
    assert (rig.in_place, rig.chosen, rig.choice.coming) == (["one"], ["one"], "")
    assert rig.choice.choose("two") == ""
    assert (rig.in_place, rig.choice.coming) == (["one"], "two")
    rig.gates["two"].set()
    rig.wait()
    assert (rig.in_place, rig.chosen, rig.choice.coming) == (["one", "two"], ["one", "two"], "")
    assert rig.heard == rig.in_place


def test_the_one_that_drives_next_comes_into_place_at_the_start_and_is_no_new_choice(rig: Rig) -> None:
    rig.choice.begin()
    assert rig.choice.coming == "that drives next"
    rig.gates[""].set()
    rig.wait()
    assert (rig.in_place, rig.chosen, rig.choice.coming) == ([""], [], "")


def test_a_choice_that_gets_ready_late_does_not_take_the_place_of_a_newer_one(rig: Rig) -> None:
    rig.make_ready("two")
    rig.choice.choose("one")
    rig.choice.choose("two")
    assert (rig.in_place, rig.choice.coming) == (["two"], "")
    rig.gates["one"].set()
    rig.wait()
    assert (rig.in_place, rig.chosen) == (["two"], ["two"])
    assert "one" in rig.ready.names()[1]  # it may still be wanted


def test_of_two_that_are_on_their_way_the_newer_one_is_waited_for(rig: Rig) -> None:
    rig.choice.choose("one")
    rig.choice.choose("two")
    rig.gates["one"].set()
    rig.gates["two"].set()
    rig.wait()
    assert (rig.in_place, rig.chosen, rig.choice.coming) == (["two"], ["two"], "")


def test_one_that_cannot_be_made_ready_is_waited_for_no_longer(rig: Rig) -> None:
    rig.choice.choose("damaged")
    rig.gates["damaged"].set()
    rig.wait()
    assert rig.choice.coming == ""
    assert "is damaged" in rig.ready.problems()["damaged"]


def test_a_choice_that_fails_late_does_not_end_the_wait_for_a_newer_one(rig: Rig) -> None:
    rig.choice.choose("damaged")
    rig.choice.choose("one")
    rig.gates["damaged"].set()
    while "damaged" in rig.ready.names()[0]:
        time.sleep(0.001)
    assert rig.choice.coming == "one"
    rig.gates["one"].set()
    rig.wait()
    assert rig.in_place == ["one"]


def test_what_gets_ready_while_the_car_is_armed_or_has_no_loop_is_tried_again(rig: Rig) -> None:
    rig.refusals = ["The car is armed.", LinkError("No actuator answers."), "The car is armed."]
    rig.choice.choose("one")
    rig.gates["one"].set()
    rig.wait()
    assert (rig.refusals, rig.in_place, rig.choice.coming) == ([], ["one"], "")


@pytest.mark.parametrize("refusal", ["The car is armed.", LinkError("No actuator answers.")])
def test_a_ready_model_that_is_refused_stays_ready(rig: Rig, refusal: str | LinkError) -> None:
    rig.make_ready("one")
    rig.refusals = [refusal]
    if isinstance(refusal, LinkError):
        with pytest.raises(LinkError, match="actuator"):
            rig.choice.choose("one")
    else:
        assert rig.choice.choose("one") == refusal
    assert (rig.in_place, rig.chosen) == ([], [])
    assert rig.choice.choose("one") == ""
    assert (rig.in_place, rig.choice.coming) == (["one"], "")


def test_one_that_cannot_be_remembered_drives_all_the_same_and_who_asked_hears_why(rig: Rig) -> None:
    rig.make_ready("one")
    rig.is_full = True
    with pytest.raises(StorageError, match="full"):
        rig.choice.choose("one")
    assert (rig.in_place, rig.heard, rig.chosen, rig.ready.names()[1]) == (["one"], ["one"], [], ())


def test_a_model_that_is_not_installed_is_refused_with_those_that_are(rig: Rig) -> None:
    with pytest.raises(ArchiveError, match=r"'three' is not installed\. Installed: one, two"):
        rig.choice.choose("three")
    assert rig.choice.coming == ""
