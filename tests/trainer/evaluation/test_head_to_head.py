"""Trials among other learned cars: who drives them, and that nothing but the model's own cars is judged."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from shared.drive_channels import Command, ObjectsSample, PoseSample
from shared.drive_log import read_drive_log
from shared.errors import LapwingError
from tests.trainer.autopilot import Autopilot
from tests.trainer.untrained_run import untrained_run
from trainer.cli import run as lapwing
from trainer.evaluation.evaluate import Spectator, evaluate, evaluate_beside_solo
from trainer.evaluation.opponents import opponents_of
from trainer.evaluation.plan import EvaluationPlan, plan_starts
from trainer.evaluation.policy import LoadedPolicy, load_policy
from trainer.evaluation.recordings import TrialFilm, TrialLog
from trainer.evaluation.results import EvaluationResult
from trainer.runs.simtrace import FIELD
from trainer.simulator import EpisodeStatus, Simulator, SimulatorSettings
from trainer.tracks import load_track
from trainer.training.opponent_files import keep_opponents, opponent_paths
from trainer.training.seats import judged_seats

CUP = load_track("cup")
PAIR = SimulatorSettings.model_validate({"race": {"cars_per_world": 2}})
FAST, SLOW = {"speed_mps": 2.0, "lateral_m": 0.3}, {"speed_mps": 1.0, "lateral_m": -0.3}
FIRST_TRIALS_RIVAL = 1  # its row: the model's own car stands first in the first grid


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Two threads on a busy machine wait for each other longer than a small network takes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Rival(Autopilot):
    """An autopilot in the opponents' cars. statuses, x_m: of the first trial's opponent, step by step."""

    def __init__(self, **driver: Any) -> None:
        super().__init__(name="rival", **driver)
        self.statuses: list[int] = []
        self.x_m: list[float] = []

    def begin(self, simulator: Simulator, rows: np.ndarray) -> None:
        super().begin(simulator, np.setdiff1d(np.arange(len(simulator)), rows))

    def step(self, simulator: Simulator, *_: Any) -> None:
        self.statuses.append(int(simulator.status[FIRST_TRIALS_RIVAL]))
        self.x_m.append(float(simulator.cars.records["x_m"][FIRST_TRIALS_RIVAL]))


def plan(rival: Autopilot, **values: Any) -> EvaluationPlan:
    return EvaluationPlan((CUP,), **{"trials": 2, "simulator": PAIR, "opponents": (rival.policy,), **values})


def drive(ours: Autopilot, rival: Autopilot, watching: Sequence[Spectator] = (), **values: Any) -> EvaluationResult:
    return evaluate(ours.policy, plan(rival, **values), spectators=[ours, rival, *watching], now=lambda: 0.0)


def test_laps_and_overtakes_are_those_of_the_models_own_car() -> None:
    result = drive(Autopilot(**FAST), Rival(**SLOW))
    assert [(trial.grid_place, trial.overtake_count) for trial in result.trials] == [(1, 0), (2, 1)]
    assert [trial.opponents for trial in result.trials] == [("rival",), ("rival",)]
    figures = result.figures()
    assert (figures["trials"], figures["laps_complete"], figures["contacts"], figures["overtaken"]) == (2, 2, 0, 0)
    assert (figures["laps_without_touching"], figures["laps_without_touching_with_overtake"]) == (2, 1)
    assert figures["mean_speed_mps"] > 1.7
    assert set(result.trace[:, FIELD["episode"]]) == {0, 1}
    assert set(result.trace[:, FIELD["throttle_mps"]]) == {0.0, 2.0}, "a row of the opponent would say 1 m/s"


def test_running_into_the_other_ends_the_models_trial() -> None:
    behind = Autopilot(speed_mps=2.0, lateral_m=-0.3)
    result = drive(behind, Rival(**SLOW), time_limit_s=4.0)
    assert [trial.status for trial in result.trials] == ["time_up", "crashed"]
    assert [trial.crash_count for trial in result.trials] == [0, 1]
    assert result.figures()["laps_without_touching"] == 0


def test_an_opponent_is_put_back_and_its_mistakes_are_not_the_models() -> None:
    rival = Rival(**FAST, asleep_s={FIRST_TRIALS_RIVAL: (1.0, 2.0)})
    result = drive(Autopilot(**SLOW), rival, trials=1, time_limit_s=6.0)
    assert int(EpisodeStatus.OFF_TRACK) in rival.statuses
    assert rival.statuses.count(int(EpisodeStatus.PAUSE)) == 29, "two seconds, as it costs where nothing else is said"
    assert rival.statuses[-1] == EpisodeStatus.TIME_UP
    assert abs(rival.x_m[-1] - rival.x_m[-15]) > 0.1, "it drives on"
    assert (result.figures()["off_tracks"], result.figures()["resets"]) == (0, 0)


def test_with_penalties_the_model_is_put_back_among_the_others() -> None:
    careless = {**FAST, "asleep_s": {0: (1.0, 2.0)}}
    result = drive(Autopilot(**careless), Rival(**SLOW), penalty_s=1.0, time_limit_s=6.0)
    assert [(trial.off_track_count, trial.reset_count) for trial in result.trials] == [(1, 1), (0, 0)]
    strict = drive(Autopilot(**careless), Rival(**SLOW), time_limit_s=6.0)
    assert [trial.status for trial in strict.trials] == ["off_track", "time_up"]


def test_everything_follows_from_the_seed() -> None:
    def driven(seed: int) -> tuple[str, bytes, list[float]]:
        rival = Rival(**SLOW)
        result = drive(Autopilot(**FAST), rival, seed=seed, world="strong", time_limit_s=1.5)
        return json.dumps(result.to_json()), result.trace.tobytes(), rival.x_m

    first, again, another = driven(1), driven(1), driven(2)
    assert first == again
    assert first[1] != another[1]
    assert first[2] != another[2], "of the opponent's car too"


def test_everybody_sees_with_sensors_of_their_own() -> None:
    ours = Autopilot(stack_size=2)
    rival = Rival(sensors=("STEREO_CAMERAS", "LIDAR"), lidar_config={"num_values": 32})
    drive(ours, rival, time_limit_s=0.2)
    assert ours.saw == {"FRONT_FACING_CAMERA": (2, 2, 120, 160)}
    assert rival.saw == {"STEREO_CAMERAS": (2, 2, 120, 160), "LIDAR": (2, 32)}


def test_alone_for_comparison_is_the_same_model_with_nobody_else() -> None:
    rival = Rival(**SLOW)
    wanted = plan(rival, trials=1, time_limit_s=2.0)
    assert wanted.has_objects
    assert (wanted.solo().cars, wanted.solo().has_objects) == (1, False)
    assert wanted.solo().settings().race.cars_per_world == 1
    assert plan_starts(wanted).seeds.tolist() == plan_starts(wanted.solo()).seeds.tolist()

    batches: list[int] = []

    def straight_on(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        batches.append(len(inputs["FRONT_FACING_CAMERA"]))
        return np.tile(np.array([[0.0, 1.0]], np.float32), (batches[-1], 1))

    result = evaluate_beside_solo(replace(rival.policy, answer=straight_on), wanted, spectators=[rival])
    (solo,) = result.solo
    assert (solo.track, solo.laps_wanted, result.laps_wanted) == ("cup", 1, 1)
    assert set(batches) == {1}, "it is asked for its own car alone"


def test_the_log_and_the_film_are_of_the_models_own_car(tmp_path: Path) -> None:
    ours, rival = Autopilot(**FAST), Rival(**SLOW)
    path = tmp_path / "drive.mcap"
    with (
        TrialLog(path, trial=2, policy=ours.policy) as log,
        TrialFilm(tmp_path / "lap.mp4", view="top", trial=2, policy=ours.policy) as film,
    ):
        result = drive(ours, rival, [log, film], time_limit_s=1.0)
    assert film.frames == 1 + 15 + 15
    read = read_drive_log(path)
    assert {entry.message.speed_mps for entry in read.of(Command)} == {2.0}
    mine = result.trace[result.trace[:, FIELD["episode"]] == 1]
    progress = [entry.message.progress_percent for entry in read.of(PoseSample)]
    assert progress == pytest.approx(mine[:, FIELD["progress_percent"]].tolist())
    kinds = {sample.kind for entry in read.of(ObjectsSample) for sample in entry.message.objects}
    assert kinds == {"learned_car"}


def test_named_opponents_change_places_and_a_pool_takes_turns() -> None:
    names = [Autopilot(name=name).policy for name in ("a", "b", "c")]
    three = SimulatorSettings.model_validate({"race": {"cars_per_world": 3}})
    together = plan_starts(EvaluationPlan((CUP,), trials=4, simulator=three, opponents=tuple(names[:2])))
    assert together.opponents.tolist() == [[0, 1], [1, 0], [0, 1], [1, 0]]
    assert together.grid_place.tolist() == [1, 2, 3, 1] == (judged_seats(4, 3).ours % 3 + 1).tolist()
    pool = plan_starts(EvaluationPlan((CUP,), trials=4, simulator=PAIR, opponents=tuple(names)))
    assert pool.opponents.tolist() == [[0], [1], [2], [0]]


# Who they are


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with runs of each kind: alone, against opponents that are gone since, and with itself."""
    folder = tmp_path_factory.mktemp("home")
    rival = untrained_run(folder, "rival", steps=(64,))
    untrained_run(folder, "alone", steps=(64,))
    untrained_run(folder, "often", "simulator.step_s=0.05", steps=(64,))
    pool = ("race=head_to_head", 'opponents.models=["self", "rival"]', "simulator.race.cars_per_world=4", "cars=8")
    against = untrained_run(folder, "against", *pool, "simulator.race.boxes.count=2", 'tracks=["cup"]', steps=(64,))
    keep_opponents(against, opponent_paths(folder, ["self", "rival"]))
    untrained_run(folder, "together", "race=head_to_head", "opponents.learn_together=true", steps=(64,))
    rival.delete()
    untrained_run(folder, "another", steps=(64,))
    return folder


@pytest.mark.parametrize(
    ("model", "race", "named", "opponents", "cars"),
    [
        ("alone", None, (), [], 1),
        ("alone", "head_to_head", (), ["alone"], 2),
        ("alone", None, ("another", "self"), ["another", "alone"], 3),
        ("race_bots", None, (), [], 1),
        ("race_bots", "head_to_head", (), ["race_bots"], 2),
        ("race_bots", "head_to_head", ("race_bots_continuous",), ["race_bots_continuous"], 2),
        ("against", None, (), ["against", "rival"], 4),
        ("against", "head_to_head", (), ["against", "rival"], 4),
        ("against", None, ("another",), ["another"], 2),
        ("against", "time_trial", (), [], 1),
        ("together", None, (), ["together"], 2),
    ],
)
def test_who_the_opponents_are(
    home: Path, model: str, race: Any, named: tuple[str, ...], opponents: list[str], cars: int
) -> None:
    met, count = opponents_of(load_policy(model, home), race, named, home)
    assert ([one.name for one in met], count) == (opponents, cars)


def test_a_run_trained_head_to_head_is_evaluated_so(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plans = []
    for options in ([], ["--race", "time_trial"]):
        report = tmp_path / "out.json"
        options = [*options, "--trials", "2", "--time-limit", "0.2", "--json", str(report)]
        assert lapwing(["--home", str(home), "evaluate", "against", *options]) == 0
        plans.append(json.loads(report.read_text())["plan"])
    assert (plans[0]["cars_per_world"], plans[0]["race"]["boxes"]["count"]) == (4, 2)
    assert [one["name"] for one in plans[0]["opponents"]] == ["against", "rival"]
    assert (plans[1]["cars_per_world"], plans[1]["opponents"], plans[1]["race"]["boxes"]["count"]) == (1, [], 0)
    said = capsys.readouterr().out
    assert "in clean worlds against against, rival" in said
    assert re.search(r" 2 +cup +2 +0 %", said), "the second trial began in the second place of the grid"
    assert "Alone on cup" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--opponent", "often"], "The opponent often acts at 20 Hz, and for the other cars it is 15. Choose another"),
        (["--opponent", "anothr"], "Did you mean 'another'"),
        (["--opponent", "missing.tar.gz"], "no file missing.tar.gz"),
        (["--opponent", "self", "--race", "mixed"], "in the race mixed there are no other models"),
        (["--opponent", "self"] * 8, "8 opponents are named"),
        (
            ["--opponent", "self", "--set", "simulator.race.grid_gap_m=5", "--opponent", "self", "--track", "oval"],
            "start grid of 3 cars 5 m apart takes more than half of track oval",
        ),
        (["--set", "simulator.race.cars_per_world=2"], "--opponent"),
    ],
)
def test_mistakes_are_one_sentence(
    home: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lapwing(["--home", str(home), "evaluate", "alone", *arguments]) == 1
    said = capsys.readouterr()
    assert words in said.err
    assert len(said.err.splitlines()) == 1
    assert said.out == ""


def test_opponents_need_cars() -> None:
    rival: LoadedPolicy = Rival().policy
    with pytest.raises(LapwingError, match="cars_per_world"):
        EvaluationPlan((CUP,), opponents=(replace(rival, name="rival"),))
