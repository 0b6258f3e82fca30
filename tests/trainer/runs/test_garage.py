"""The garage and the commands for cars and runs: what people type, what they are told, what stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from shared.errors import RunError, SettingsError
from shared.lidar import LidarConfig
from tests.trainer.made_up_run import create_run
from trainer.car_settings import CarSettings
from trainer.cli import run
from trainer.runs import garage
from trainer.runs.run_info import FINISHED

Lapwing = Callable[..., tuple[int, str, str]]


@pytest.fixture
def lapwing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Lapwing:
    """Type a lapwing command; returns exit code, output and errors."""

    def type_command(*arguments: str) -> tuple[int, str, str]:
        code = run(["--home", str(tmp_path), *arguments])
        return code, *capsys.readouterr()

    return type_command


def test_a_car_is_made_listed_renamed_described_and_deleted(lapwing: Lapwing, tmp_path: Path) -> None:
    assert lapwing("cars", "list") == (
        0,
        "The garage is empty. Make a car with: lapwing cars create NAME\n",
        "",
    )
    assert lapwing("cars", "create", "quick", "--set", "actions.max_speed_mps=2.5")[0] == 0
    assert lapwing("cars", "rename", "quick", "quicker")[0] == 0
    assert lapwing("cars", "describe", "quicker", "for the long straight")[0] == 0
    assert lapwing("cars", "list")[1].split() == [
        "quicker", "15", "actions", "30", "degrees,", "2.5", "m/s", "fast", "for", "the", "long", "straight",
    ]  # fmt: skip
    car = garage.load_car(tmp_path, "quicker")
    assert car == CarSettings(name="quicker", description="for the long straight", actions={"max_speed_mps": 2.5})
    assert lapwing("cars", "delete", "quicker", "--yes")[0] == 0
    assert garage.car_names(tmp_path) == []


def test_a_car_is_made_with_the_consoles_six_choices(lapwing: Lapwing, tmp_path: Path) -> None:
    code, output, _ = lapwing(
        "cars", "create", "wide", "--max-steering", "25", "--steering-granularity", "7", "--max-speed", "2",
        "--speed-granularity", "2", "--network", "DEEP_CONVOLUTIONAL_NETWORK", "--stack-size", "2",
    )  # fmt: skip
    assert code == 0
    assert "lapwing train NAME --car wide" in output
    car = garage.load_car(tmp_path, "wide")
    assert (car.network, car.stack_size) == ("DEEP_CONVOLUTIONAL_NETWORK", 2)
    space = car.action_space()
    assert (space.output_size, space.max_steering_angle_deg, space.max_speed_mps) == (14, 25.0, 2.0)


def test_a_shown_car_can_be_made_again_from_what_is_shown(lapwing: Lapwing, tmp_path: Path) -> None:
    lapwing("cars", "create", "one", "--set", "actions.kind=continuous", "--set", "network=fast")
    (tmp_path / "shown.toml").write_text(lapwing("cars", "show", "one")[1])
    lapwing("cars", "create", "two", "--from", str(tmp_path / "shown.toml"))
    assert garage.load_car(tmp_path, "two") == garage.load_car(tmp_path, "one").changed(name="two")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["cars", "create", "a", "--set", "netwrok=fast"], "Did you mean 'network'"),
        (["cars", "create", "a", "--set", "actions.max_speed_mps=9"], "actions.max_speed_mps"),
        (["cars", "create", "../a"], "cannot be the name of a car"),
        (["cars", "describe", "taken", "x" * 501], "description"),
        (["cars", "create", "a", "--set", "actions.kind=lst"], "kind is 'lst'"),
        (["cars", "create", "a", "--set", "actions.max_sped=3"], "Did you mean 'max_speed_mps'"),
        (["cars", "create", "a", "--network", "fats"], "Did you mean 'fast'"),
        (["cars", "create", "a", "--max-steering", "31"], "max_steering_angle_deg = 31"),
        (["cars", "create", "taken"], "already a car 'taken'"),
        (["cars", "rename", "takn", "b"], "Did you mean 'taken'"),
        (["cars", "show", "nothing-like-it"], "lapwing cars list"),
        (["cars", "delete", "../taken", "--yes"], "There is no car"),
        (["runs", "show", "nothing"], "lapwing runs list"),
        (["runs", "rename", "first", "second"], "already a run 'second'"),
        (["runs", "graph", "first"], "no finished episode yet"),
    ],
)
def test_a_refusal_says_what_to_do_and_nothing_is_lost(
    lapwing: Lapwing, tmp_path: Path, arguments: list[str], says: str
) -> None:
    lapwing("cars", "create", "taken")
    create_run(tmp_path, "first")
    create_run(tmp_path, "second")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    code, output, error = lapwing(*arguments)
    assert (code, output) == (1, "")
    assert error.startswith("Error: ")
    assert says in error
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_deleting_asks_first(lapwing: Lapwing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lapwing("cars", "create", "a")
    create_run(tmp_path, "first")
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda text: "n")
    assert lapwing("cars", "delete", "a")[0] == 1
    assert lapwing("runs", "delete", "first")[0] == 1
    assert garage.car_names(tmp_path) == ["a"]
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda text: "y")
    assert lapwing("cars", "delete", "a")[0] == 0
    assert lapwing("runs", "delete", "first")[0] == 0
    assert lapwing("runs", "list")[1] == "No runs yet. Start one with: lapwing train NAME\n"


def test_a_car_whose_file_is_damaged_hides_no_other(lapwing: Lapwing, tmp_path: Path) -> None:
    lapwing("cars", "create", "good")
    (tmp_path / "cars" / "bad.toml").write_text("network = ")
    first, second = lapwing("cars", "list")[1].splitlines()
    assert first.startswith("bad")
    assert "not a TOML file" in first
    assert second.startswith("good")
    assert lapwing("cars", "delete", "bad", "--yes")[0] == 0


def test_a_copied_file_must_take_the_name_it_is_under(lapwing: Lapwing, tmp_path: Path) -> None:
    lapwing("cars", "create", "one")
    (tmp_path / "cars" / "two.toml").write_text((tmp_path / "cars" / "one.toml").read_text())
    with pytest.raises(SettingsError, match="Make it 'two'"):
        garage.load_car(tmp_path, "two")


def test_a_car_that_cannot_be_renamed_keeps_its_name(tmp_path: Path) -> None:
    garage.add_car(tmp_path, CarSettings(name="one"))
    garage.add_car(tmp_path, CarSettings(name="two"))
    with pytest.raises(RunError, match="already a car 'two'"):
        garage.rename_car(tmp_path, "one", "two")
    assert garage.rename_car(tmp_path, "one", "one").name == "one"
    assert garage.car_names(tmp_path) == ["one", "two"]


def test_a_car_sees_with_the_sensors_it_is_given(lapwing: Lapwing, tmp_path: Path) -> None:
    sensors = ("--sensor", "front_facing_camera", "--sensor", "SECTOR_LIDAR")
    assert lapwing("cars", "create", "seer", *sensors, "--set", "lidar.num_sectors=16")[0] == 0
    car = garage.load_car(tmp_path, "seer")
    assert car.sensors == ("FRONT_FACING_CAMERA", "SECTOR_LIDAR")
    assert car.lidar_config() == LidarConfig(num_sectors=16)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--sensor", "LIDAR"), "exactly one camera"),
        (("--sensor", "FRONT_FACING_CAMERA", "--sensor", "LIDAR", "--sensor", "SECTOR_LIDAR"), "at most one LiDAR"),
        (("--sensor", "FRONT_FACING_CAMERA", "--sensor", "LIDER"), "Did you mean 'LIDAR'"),
        (("--sensor", "LEFT_CAMERA", "--sensor", "SECTOR_LIDAR", "--set", "lidar.num_sectors=7"), "divides 64"),
        (("--set", "lidar.num_rays=7"), "lidar.num_rays"),
    ],
)
def test_sensors_that_do_not_go_together_are_refused(
    lapwing: Lapwing, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    code, _, error = lapwing("cars", "create", "seer", *arguments)
    assert code == 1
    assert words in error
    assert garage.car_names(tmp_path) == []


def test_every_setting_of_a_car_is_listed_with_its_default(lapwing: Lapwing) -> None:
    output = lapwing("cars", "settings")[1]
    for setting in CarSettings.model_fields:
        assert f"\n{setting}" in f"\n{output}"


def test_runs_are_listed_with_state_steps_best_and_age(lapwing: Lapwing, tmp_path: Path) -> None:
    create_run(tmp_path, "older")
    run_folder = create_run(tmp_path, "newer")
    best = {"best_laps_complete": 9.0, "best_trials": 10.0, "best_lap_time_s": 14.237}
    run_folder.update(state=FINISHED, steps=20480, best_progress_percent=97.0, **best)
    create_run(tmp_path, "newest").update(best_progress_percent=42.1, best_laps_complete=0.0, best_lap_time_s=1e6)
    (tmp_path / "runs" / "broken").mkdir()
    (tmp_path / "runs" / "broken" / "run.json").write_text("{")
    (tmp_path / "runs" / "no-run-at-all").mkdir()
    header, newest, newer, older, broken = lapwing("runs", "list")[1].splitlines()
    assert header.split() == ["run", "state", "steps", "best", "age", "description"]
    assert newest.split()[:4] == ["newest", "created", "42", "%"]
    assert newer.split()[:7] == ["newer", "finished", "20,480", "9/10", "laps", "14.24", "s"]
    assert older.split()[:2] == ["older", "created"]
    assert broken.startswith("broken")


def test_a_run_is_shown_whole(lapwing: Lapwing, tmp_path: Path) -> None:
    made = create_run(tmp_path, "shown")
    made.update(steps=2048)
    made.log_path.write_text("one\ntwo\nthree\n")
    assert lapwing("runs", "describe", "shown", "new words")[0] == 0
    output = lapwing("runs", "show", "shown")[1]
    for part in ("new words", "2,048", str(made.path), 'tracks = ["lapwing_loop"]'):
        assert part in output
    assert lapwing("runs", "log", "shown", "-n", "2")[1] == "two\nthree\n"
    assert lapwing("runs", "log", "shown")[1] == "one\ntwo\nthree\n"


def test_a_run_keeps_its_car_whatever_happens_to_the_garage(lapwing: Lapwing, tmp_path: Path) -> None:
    lapwing("cars", "create", "a")
    made = create_run(tmp_path, "with-a")
    before = made.settings_path.read_bytes(), made.metadata_path.read_bytes()
    lapwing("cars", "rename", "a", "b")
    lapwing("cars", "delete", "b", "--yes")
    assert (made.settings_path.read_bytes(), made.metadata_path.read_bytes()) == before
