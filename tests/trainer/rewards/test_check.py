"""`lapwing reward`: what is tried, what is found, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from shared.cars import DEEPRACER
from shared.drive_channels import Command, DriveEvent, ObjectSample, ObjectsSample, PoseSample
from shared.drive_log import DriveLogWriter
from shared.errors import RewardError
from trainer.commands.reward import command
from trainer.rewards.batch import COLUMNS, roads_of
from trainer.rewards.check import Report, check_reward
from trainer.rewards.examples import find_reward, list_rewards
from trainer.rewards.params import ParamsBuilder
from trainer.rewards.recorded import read_recorded
from trainer.rewards.settings import RewardSettings
from trainer.rewards.situations import STEPS, Place, drive, everywhere, made_up
from trainer.simulator.measurements import Column, ObjectColumn
from trainer.tracks import Track, load_track
from trainer.workshop import Workshop

QUICK = RewardSettings(call_limit_s=0.2, workers=1)
Write = Callable[[str], Path]


def of_last_step(title: str) -> dict[str, float]:
    """Measurements of one made-up situation on the oval, by column name."""
    [situation] = [s for s in made_up(load_track("oval")) if s.title == title]
    row = situation.rows[-1]
    across = row[Column.LATERAL_M] / row[Column.TRACK_WIDTH_M]
    return {**{column.name: row[column] for column in Column}, "ACROSS": across}


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("at the start", {"STEPS": 5, "LATERAL_M": 0.0, "WHEELS_ON_TRACK": 4}),
        ("halfway to the left border", {"ACROSS": 0.25, "WHEELS_ON_TRACK": 4}),
        ("halfway to the right border", {"ACROSS": -0.25}),
        ("a wheel off on the left", {"ACROSS": 0.45, "WHEELS_ON_TRACK": 2, "IS_OFF_TRACK": 0}),
        ("off the track, right", {"WHEELS_ON_TRACK": 0, "IS_OFF_TRACK": 1}),
        ("standing still", {"COMMANDED_SPEED_MPS": 0.0}),
        ("lap complete", {"PROGRESS_PERCENT": 100.0}),
        ("crashed into something", {"IS_CRASHED": 1}),
        ("on the centre line, fast, other direction", {"IS_REVERSED": 1, "LATERAL_M": 0.0}),
        ("past the last waypoint", {"NEXT_WAYPOINT": len(load_track("oval").waypoints_m) - 1}),
    ],
)
def test_a_made_up_situation_is_what_its_title_says(title: str, expected: dict[str, float]) -> None:
    seen = of_last_step(title)
    assert {name: seen[name] for name in expected} == pytest.approx(expected, abs=1e-3)


def test_progress_goes_below_zero_behind_the_start_and_up_to_a_full_lap() -> None:
    assert of_last_step("backed over the start")["PROGRESS_PERCENT"] == pytest.approx(-1.0, abs=0.05)
    assert of_last_step("nearly round")["PROGRESS_PERCENT"] == pytest.approx(99.0, abs=0.05)


def test_a_made_up_car_moves_as_fast_as_it_says(track: Track) -> None:
    rows = drive(track, Place(0.2, speed_mps=1.5))
    moved = np.hypot(*np.diff(rows[:, [Column.X_M, Column.Y_M]], axis=0).T)
    assert moved == pytest.approx(np.full(STEPS - 1, 1.5 / 15))


AMONG_OBJECTS: list[tuple[str, dict[str, Any]]] = [
    ("a box ahead in the same lane", {"closest_objects": [0, 0], "objects_left_of_center": [False], "ahead_m": 0.8}),
    ("a box ahead in the same lane, other direction", {"objects_left_of_center": [False], "ahead_m": 0.8}),
    ("a box ahead in the other lane", {"objects_left_of_center": [True], "object_in_camera": True}),
    ("a box in each lane ahead", {"closest_objects": [1, 0], "objects_left_of_center": [False, True]}),
    ("a box ahead, beyond the start", {"ahead_m": 0.8}),
    ("a box just passed", {"ahead_m": -0.5, "object_in_camera": False}),
    ("crashed into a box", {"is_crashed": True, "contacts": 1, "ahead_m": 0.2}),
    ("a slow bot ahead", {"objects_speed": [0.3], "ahead_m": 0.6}),
    ("a bot beside", {"ahead_m": -0.1, "objects_left_of_center": [True]}),
    ("overtook a bot", {"overtakes": 1, "overtaken": 0}),
    ("was overtaken", {"overtakes": 0, "overtaken": 1}),
    ("was touched from behind", {"contacts": 1, "is_crashed": False, "ahead_m": -0.43}),
    ("objects that do not take part", {"objects_speed": [], "closest_objects": [0, 0]}),
]


@pytest.mark.parametrize(("title", "expected"), AMONG_OBJECTS)
def test_a_made_up_situation_has_the_objects_its_title_says(title: str, expected: dict[str, Any]) -> None:
    track = load_track("oval")
    [situation] = [s for s in made_up(track) if s.title == title]
    params = ParamsBuilder(COLUMNS, roads_of([track])).build(situation.rows[-1].tolist(), 0.0)
    if params["objects_distance"]:
        gap_m = params["objects_distance"][0] - params["projection_distance"]
        params["ahead_m"] = gap_m - track.length_m * round(gap_m / track.length_m)
    seen = {name: params[name] for name in expected}
    assert seen == {
        name: pytest.approx(value, abs=1e-6) if name == "ahead_m" else value for name, value in expected.items()
    }


def test_a_made_up_bot_moves_as_fast_as_it_says() -> None:
    [situation] = [s for s in made_up(load_track("oval")) if s.title == "a slow bot ahead"]
    places = situation.rows[:, [len(Column) + ObjectColumn.X_M, len(Column) + ObjectColumn.Y_M]]
    assert np.hypot(*np.diff(places, axis=0).T) == pytest.approx(np.full(STEPS - 1, 0.3 / 15), rel=0.05)


def test_situations_among_many_objects_are_tried_too() -> None:
    assert max(situation.objects for situation in made_up(load_track("oval"))) == 12


def test_a_mistake_with_objects_is_found_before_training(reward_file: Write, track: Track) -> None:
    report = checked(
        reward_file,
        """
        def reward_function(params):
            if params["objects_distance"]:
                return params["objects_distances"][0]
            return params["speed"] * (not params["is_offtrack"])
        """,
        track,
    )
    assert len(report.mistakes) == 1
    assert "line 3: KeyError: 'objects_distances'" in report.mistakes[0]
    assert "Did you mean 'objects_distance'" in report.mistakes[0]


def test_places_are_tried_on_every_track_in_both_directions(track: Track) -> None:
    groups = everywhere([track, track.resampled(0.5), track.resampled(1.0)])
    assert {title: len(group) for title, group in groups.items()} == {
        "all along square": 12,
        "all along square, other direction": 12,
        "all along 2 other tracks": 10,
        "all along 2 other tracks, other direction": 10,
    }


@pytest.mark.parametrize("example", list_rewards(), ids=lambda example: example.name)
def test_an_example_has_no_mistakes_and_prefers_good_driving(track: Track, example: object) -> None:
    report = check_reward(example.path, track, [track.resampled(0.3)], settings=QUICK)  # type: ignore[attr-defined]
    assert report.mistakes == report.advice == ()
    rewards = {result.title: result.rewards[-1] for result in report.results}
    good = rewards["on the centre line, fast"]
    assert good > rewards["on the centre line, slow"]
    assert good > 10 * max(rewards["off the track, left"], rewards["off the track, right"])
    assert good > 10 * rewards["standing still"]
    assert good >= rewards["a wheel off on the left"]
    assert 0.1 <= good <= 2.0


def test_every_example_stands_alone_and_says_what_it_teaches() -> None:
    examples = list_rewards()
    assert [example.name for example in examples] == [
        "avoid_objects", "avoid_objects_smoothly", "follow_center_line", "overtake_bots", "penalise_slow_driving",
        "prevent_zig_zag", "progress_per_step", "race_bots", "stay_inside_borders", "steering_target_ahead",
    ]  # fmt: skip
    for example in examples:
        assert example.summary
        assert "trainer" not in example.path.read_text()


def checked(write: Write, text: str, track: Track, recorded: tuple[Path, ...] = ()) -> Report:
    return check_reward(write(text), track, recorded=recorded, settings=QUICK)


def test_several_mistakes_are_found_in_one_check(reward_file: Write, track: Track) -> None:
    report = checked(
        reward_file,
        """
        def reward_function(params):
            if params["is_crashed"]:
                return None
            if params["speed"] > 3:
                return params["sped"]
            if params["progress"] < 0:
                while True: pass
            return 1.0 + params["x"]
        """,
        track,
    )
    text = "\n".join(report.mistakes)
    assert "line 3: reward_function returned None in `return None` (crashed into something, step 23" in text
    assert "line 5: KeyError: 'sped'" in text
    assert "(at 4 m/s, step 20 of its episode). Did you mean 'speed'?" in text
    assert "line 7: one call took longer than 0.2 s" in text
    assert "(backed over the start)" in text
    assert len(report.mistakes) == 3
    assert any(result.rewards for result in report.results)


def test_a_mistake_made_everywhere_is_told_once(reward_file: Write, track: Track) -> None:
    report = checked(reward_file, "def reward_function(params): return 1 / 0", track)
    assert len(report.mistakes) == 1
    assert report.results == ()


def test_a_file_that_does_not_start_is_a_mistake(reward_file: Write, track: Track) -> None:
    report = checked(reward_file, "def reward_function(params)\n  return 1", track)
    assert len(report.mistakes) == 1
    assert "line 1: SyntaxError" in report.mistakes[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def reward_function(params): return 1.0", "the same everywhere"),
        ("def reward_function(params): return params['distance_from_center']", "Being off the track earns"),
        (
            "def reward_function(params): return 5 - params['speed'] - params['is_offtrack'] * 4",
            "Standing still",
        ),
        (
            "def reward_function(params): return 1 + abs(params['steering_angle'])",
            "Steering hard on a straight",
        ),
        (
            "def reward_function(params): return params['speed'] * (not params['is_offtrack']) * ("
            "min(params['objects_distance'], default=1) > 0 and 1 + len(params['objects_speed']))",
            "Crashing into a box earns",
        ),
        ("import time\ndef reward_function(params): return time.perf_counter()", "Two runs with one seed"),
        ("kept = (i for i in [1])\ndef reward_function(params): return params['x']", "'kept' is a generator"),
        (
            "import time\ndef reward_function(params):\n    time.sleep(0.006)\n    return params['x']",
            "A call takes",
        ),
    ],
)
def test_advice_is_given_where_a_learner_would_be_misled(
    reward_file: Write, track: Track, text: str, says: str
) -> None:
    report = checked(reward_file, text, track)
    assert report.mistakes == ()
    assert any(says in advice for advice in report.advice), report.advice


HEADER = "episode,steps,X,Y,yaw,steer,throttle,action,reward,done,all_wheels_on_track,progress,closest_waypoint"
TRACE = f"""{HEADER},track_len,tstamp,episode_status,pause_duration
0,1,0.5,0.1,0,0,0,0,0,False,True,0,0,16,0.0,prepare,0
0,2,0.6,0.1,0,10,1,0,1,False,True,0.6,0,16,0.1,in_progress,0
0,3,0.7,0.1,0,-10,1,0,1,False,True,1.2,0,16,0.2,in_progress,0
1,1,2.5,0.0,180,0,0,0,0,False,True,0,0,16,0.3,prepare,0
1,2,2.4,0.0,180,0,2,0,1,True,True,0.6,0,16,0.4,off_track,0
"""


def test_a_recorded_trace_becomes_one_drive_per_episode(tmp_path: Path, track: Track) -> None:
    path = tmp_path / "0-iteration.csv"
    path.write_text(TRACE)
    first, second = read_recorded(path, track)
    assert (first.title, second.title) == ("0-iteration.csv, episode 0", "0-iteration.csv, episode 1")
    assert first.rows[:, Column.STEPS].tolist() == [2, 3]
    assert first.rows[:, Column.LATERAL_M] == pytest.approx([0.1, 0.1])
    assert first.rows[:, Column.COMMANDED_STEERING_ANGLE_DEG].tolist() == [10, -10]
    assert first.rows[:, Column.ARC_M] == pytest.approx([0.6, 0.7])
    assert second.rows[0, Column.IS_REVERSED] == 1
    assert second.rows[0, Column.ARC_M] == pytest.approx(16 - 2.4)


def test_a_recorded_drive_log_is_replayed_from_the_front_of_the_car(tmp_path: Path, track: Track) -> None:
    path = tmp_path / "drive.mcap"
    with DriveLogWriter(path) as log:
        log.write(Command(5.0, 0.8, "autonomous"), 0.0)
        log.write(PoseSample(1.0, 0.2, 0.0, speed_mps=0.5, progress_percent=1.0), 0.1)
        log.write(PoseSample(1.1, 0.2, 0.0, speed_mps=0.6, progress_percent=2.0), 0.2)
    [situation] = read_recorded(path, track)
    assert situation.rows[:, Column.X_M] == pytest.approx(
        [1.0 + DEEPRACER.front_offset_m, 1.1 + DEEPRACER.front_offset_m]
    )
    assert situation.rows[:, Column.COMMANDED_SPEED_MPS].tolist() == [0.8, 0.8]
    assert situation.rows[:, Column.MEASURED_SPEED_MPS].tolist() == [0.5, 0.6]


def test_a_recorded_drive_log_tells_of_the_objects_on_the_road(tmp_path: Path, track: Track) -> None:
    path = tmp_path / "drive.mcap"
    box, empty = ObjectSample("box", 3.0, 0.3, 0.0), ObjectSample("nothing", 0.0, 0.0, 0.0)
    with DriveLogWriter(path) as log:
        for step in range(3):
            bot = ObjectSample("bot_car", 1.4, -0.2, 0.0, 0.5)
            log.write(ObjectsSample((box, empty, bot)), 0.1 * step)
            log.write(PoseSample(1.0 + 0.2 * step, 0.2, 0.0), 0.1 * step)
        log.write(DriveEvent("crashed"), 0.2)
    [situation] = read_recorded(path, track)
    params = [ParamsBuilder(COLUMNS, roads_of([track])).build(row, 0.0) for row in situation.rows.tolist()]
    assert [one["objects_location"] for one in params] == [[(3.0, 0.3), (1.4, -0.2)]] * 3
    assert params[0]["objects_left_of_center"] == [True, False]
    assert params[0]["objects_distance"] == pytest.approx([3.0, 1.4])
    assert params[0]["objects_speed"] == [0.0, 0.5]
    assert [one["closest_objects"] for one in params] == [[0, 1], [0, 1], [1, 0]]
    assert [one["overtakes"] for one in params] == [0, 0, 1]
    assert [one["is_crashed"] for one in params] == [False, False, True]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.csv", "x,y\n1,2\n", "is no step trace"),
        ("a.csv", "", "is no step trace"),
        ("a.csv", TRACE.replace("0.6,0.1", "nan,0.1"), "not a finite number"),
        ("a.csv", TRACE.replace("0.6,0.1", "left,0.1"), "not a number"),
        ("a.csv", TRACE.replace(",0.1,0", ",90.1,0"), "not on the track 'square'"),
        ("a.mcap", "nothing", "a.mcap"),
        ("missing.csv", None, "cannot be read"),
    ],
)
def test_a_recording_that_cannot_be_used_is_refused(
    tmp_path: Path, track: Track, name: str, text: str | None, says: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(RewardError, match=says):
        read_recorded(tmp_path / name, track)


def test_a_recording_is_a_line_of_the_table(reward_file: Write, tmp_path: Path, track: Track) -> None:
    path = tmp_path / "0-iteration.csv"
    path.write_text(TRACE)
    report = checked(reward_file, "def reward_function(params): return params['speed']", track, (path,))
    [result] = [result for result in report.results if result.title == "0-iteration.csv"]
    assert result.rewards == (1.0, 1.0, 2.0)


def test_an_example_is_found_by_name_and_a_file_by_path(tmp_path: Path) -> None:
    assert find_reward().stem == "follow_center_line"
    assert find_reward("prevent_zig_zag").stem == "prevent_zig_zag"
    assert find_reward(tmp_path / "mine.py") == tmp_path / "mine.py"
    with pytest.raises(RewardError, match="Did you mean 'follow_center_line'"):
        find_reward("follow_centre_line")


def run(tmp_path: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and everything said."""
    result = CliRunner().invoke(command, arguments, obj=Workshop(home=tmp_path), standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.return_value or 0, result.output


def test_the_command_prints_a_table_and_ends_well(tmp_path: Path, reward_file: Write) -> None:
    path = reward_file("def reward_function(params): return params['speed'] * (not params['is_offtrack'])")
    code, text = run(tmp_path, "check", str(path), "--track", "oval")
    assert code == 0
    assert "my_reward.py on oval" in text
    assert "reward isolation: separate process" in text
    assert "off the track, left" in text
    assert text.rstrip().endswith("No mistakes found.")


def test_the_command_ends_with_1_on_a_mistake(tmp_path: Path, reward_file: Write) -> None:
    path = reward_file("def reward_function(params):\n    return 'fast'\n")
    code, text = run(tmp_path, "check", str(path), "--call-limit", "0.5", "--memory-mb", "500")
    assert code == 1
    assert "my_reward.py, line 2: reward_function returned text ('fast')" in text


def test_the_other_commands_list_show_and_explain(tmp_path: Path) -> None:
    assert "follow_center_line" in run(tmp_path, "list")[1]
    assert "closest_waypoints" in run(tmp_path, "params")[1]
    code, text = run(tmp_path, "show", "progress_per_step")
    assert code == 0
    assert "def reward_function(params):" in text
    assert "mypy" not in text
