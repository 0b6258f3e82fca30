"""`lapwing race`: what it prints and writes, its film and its logs, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from shared.drive_channels import Command, PoseSample
from shared.drive_log import read_drive_log
from tests.trainer.evaluation.racers import Racers
from tests.trainer.untrained_run import untrained_run
from trainer.cli import run as lapwing
from trainer.evaluation.race import hold_race
from trainer.evaluation.race_film import CAR_COLOURS, RaceFilm
from trainer.evaluation.race_logs import RaceLogs
from trainer.evaluation.race_plan import RacePlan
from trainer.evaluation.race_round import RaceRound
from trainer.evaluation.video import VIEW_HEIGHT_PX, VIEW_WIDTH_PX
from trainer.export.checkpoint_export import export_checkpoint
from trainer.simulator import EpisodeStatus, SimulatorSettings
from trainer.simulator.race import BotSettings, BoxSettings, RaceSettings
from trainer.tracks import load_track

BUSY = SimulatorSettings(race=RaceSettings(boxes=BoxSettings(count=2), bots=BotSettings(count=2)))
PAIR = {"left": {"lateral_m": 0.25}, "right": {"lateral_m": -0.25}}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Two threads on a busy machine wait for each other longer than a small network takes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a run that cannot drive, and its archive."""
    folder = tmp_path_factory.mktemp("home")
    export_checkpoint(untrained_run(folder, "poor", steps=(64,)), frames=2)
    return folder


def race(home: Path, *arguments: str) -> int:
    return lapwing(["--home", str(home), "race", *arguments, "--time-limit", "2"])


def test_a_run_and_its_archive_race_and_everything_is_written(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = str(home / "runs" / "poor" / "archives" / "poor.tar.gz")
    report, video, logs = tmp_path / "race.json", tmp_path / "race.mp4", tmp_path / "logs"
    options = ["--track", "cup", "--laps", "2", "--boxes", "1", "--bots", "1", "--seed", "3"]
    written = ["--json", str(report), "--video", str(video), "--log", str(logs)]
    assert race(home, "poor", archive, *options, *written) == 0
    said = capsys.readouterr().out
    assert "2 laps of cup in clean worlds" in said
    assert "poor-2" in said
    assert "Nobody completed a lap" in said
    values = json.loads(report.read_text())
    assert values["plan"]["track"] == "cup"
    assert (values["plan"]["race"]["boxes"]["count"], values["plan"]["race"]["bots"]["count"]) == (1, 1)
    assert [standing["place"] for standing in values["standings"]] == [1, 2]
    assert values["entrants"]["poor-2"]["source"] == archive
    assert video.stat().st_size > 2_000
    assert sorted(path.name for path in logs.iterdir()) == ["poor-2.mcap", "poor.mcap"]


def test_heats_are_shown_as_a_bracket(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert race(home, "poor", "poor", "poor", "--heat-size", "2", "--track", "cup") == 0
    said = capsys.readouterr().out
    for words in ("Bracket", "Stage 1", "Final", "free pass", "→"):
        assert words in said


def test_the_same_command_writes_the_same_file(home: Path, tmp_path: Path) -> None:
    texts = []
    for number in range(2):
        report = tmp_path / str(number) / "race.json"  # in a folder that is made for it
        assert race(home, "poor", "poor", "--track", "cup", "--world", "light", "--json", str(report)) == 0
        texts.append(report.read_text())
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["poor"], "--against-clock"),
        (["poor", "por"], "Did you mean 'poor'"),
        (["poor", "poor", "--track", "cop"], "cup"),
        (["poor", "poor", "--track", "straight"], "two ends"),
        (["poor", "poor", "--video", "race.gif"], "Name it race.mp4"),
        (["poor", "poor", "--set", "simulator.step_s=0.05"], "brings its own"),
        (["poor", "missing.tar.gz"], "no file missing.tar.gz"),
        (["poor", "poor", "--json", "/proc/race.json"], "Cannot write /proc/race.json"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_1(
    home: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert race(home, *arguments) == 1
    said = capsys.readouterr()
    assert words in said.err
    assert len(said.err.splitlines()) == 1
    assert said.out == ""


class Pictures:
    """A spectator that keeps the first picture of a film and the last."""

    def __init__(self, film: RaceFilm) -> None:
        self.film = film
        self.seen: list[np.ndarray] = []

    def begin(self, title: str, is_final: bool, race_round: RaceRound) -> None:
        self.seen.append(np.asarray(self.film.draw(race_round)).astype(int))

    def step(self, race_round: RaceRound) -> None:
        pass

    def end(self, race_round: RaceRound) -> None:
        pass


@pytest.mark.parametrize("view", ["top", "chase"])
def test_the_film_shows_every_car_in_its_colour(tmp_path: Path, view: str) -> None:
    racers = Racers(**PAIR)
    with RaceFilm(tmp_path / "race.mp4", view=view) as film:  # type: ignore[arg-type]
        pictures = Pictures(film)
        plan = RacePlan(load_track("cup"), laps=1, time_limit_s=1.0, simulator=BUSY)
        hold_race(racers.entrants, plan, [racers, film, pictures])
    assert film.frames == 1 + 15 + 30
    (picture,) = pictures.seen
    assert picture.shape[:2] == (VIEW_HEIGHT_PX, VIEW_WIDTH_PX + 320)
    for colour in CAR_COLOURS[:2]:
        near = np.abs(picture - colour).max(axis=2) < 40
        assert near[:, VIEW_WIDTH_PX:].sum() > 100, "in the standings"
        if view == "top":
            assert near[:, :VIEW_WIDTH_PX].sum() > 20, "on the map"


class Looks(Racers):
    """Racers who look at themselves, and at the trails of a film."""

    def __init__(self, film: RaceFilm, **drivers: dict[str, Any]) -> None:
        super().__init__(**drivers)
        self.film, self.bodies, self.longest_m, self.put_back = film, [], 0.0, 0

    def begin(self, title: str, is_final: bool, race_round: RaceRound) -> None:
        super().begin(title, is_final, race_round)
        views = [seat.simulator.render(seat.row, view="chase") for seat in race_round.seats]
        self.bodies = [view[315:335, 300:340].mean(axis=(0, 1)) for view in views]

    def step(self, race_round: RaceRound) -> None:
        self.put_back += int((race_round.records()["status"] == int(EpisodeStatus.PAUSE)).sum())
        trails = [np.array(trail) for trail in self.film._trails]
        ways_m = [np.hypot(*np.diff(trail, axis=0).T).max() for trail in trails if len(trail) > 1]
        self.longest_m = max(self.longest_m, *ways_m)


def test_a_film_shows_cars_in_the_colours_of_the_standings_in_any_world_and_no_way_that_nobody_drove(
    tmp_path: Path,
) -> None:
    away = {"speed_mps": 1.0, "asleep_s": dict.fromkeys((0, 1), (0.5, 2.0))}
    with RaceFilm(tmp_path / "race.mp4", view="top") as film:
        racers = Looks(film, away=away, steady={"speed_mps": 0.5, "lateral_m": 0.2})
        plan = RacePlan(load_track("cup"), laps=1, time_limit_s=4.0, world="strong", seed=1)
        hold_race(racers.entrants, plan, [film, racers])
    for body, colour in zip(racers.bodies, CAR_COLOURS):
        assert (np.argmax(body), np.argmin(body)) == (np.argmax(colour), np.argmin(colour))
    assert racers.put_back > 5
    assert racers.longest_m < 0.15


def test_every_car_of_the_final_has_its_own_log(tmp_path: Path) -> None:
    racers = Racers(**PAIR)
    with RaceLogs(tmp_path) as logs:
        plan = RacePlan(load_track("cup"), laps=1, rounds=2, time_limit_s=1.0)
        hold_race(racers.entrants, plan, [racers, logs])
    names = ["left-round-2.mcap", "left.mcap", "right-round-2.mcap", "right.mcap"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    for name in names:
        read = read_drive_log(tmp_path / name)
        assert read.about["policy"] in name
        assert len(read.of(Command)) == len(read.of(PoseSample)) - 1 == 15


def test_help_names_what_people_need(capsys: pytest.CaptureFixture[str]) -> None:
    assert lapwing(["race", "--help"]) == 0
    said = capsys.readouterr().out
    for option in ("--track", "--laps", "--against-clock", "--heat-size", "--rounds", "--video", "--json", "--log"):
        assert option in said
