"""`model_metadata.json` of every version DeepRacer and its community wrote, and ours."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.actions import DEFAULT_ACTION_SPACE, Action, ContinuousActionSpace, DiscreteActionSpace
from shared.errors import LapwingError, MetadataError
from shared.lidar import LidarConfig
from shared.model_metadata import CameraView, LidarView, ModelMetadata
from shared.sensors import FRONT_CAMERA

ACTIONS = [{"steering_angle": -30, "speed": 0.4}, {"steering_angle": 30, "speed": 0.8}]
FULL: dict[str, Any] = {
    "action_space": ACTIONS,
    "action_space_type": "discrete",
    "sensor": ["FRONT_FACING_CAMERA"],
    "neural_network": "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW",
    "training_algorithm": "clipped_ppo",
    "version": "4",
}


def read(**changes: Any) -> ModelMetadata:
    """The full example with keys replaced; a key set to None is left out."""
    values = {key: value for key, value in {**FULL, **changes}.items() if value is not None}
    return ModelMetadata.from_json(json.dumps(values))


def refusal(**changes: Any) -> str:
    with pytest.raises(MetadataError) as caught:
        read(**changes)
    return str(caught.value)


def test_a_full_file_is_read() -> None:
    metadata = read()
    assert metadata.action_space == DiscreteActionSpace((Action(-30.0, 0.4), Action(30.0, 0.8)))
    assert metadata.sensors == (FRONT_CAMERA,)
    assert (metadata.version, metadata.training_algorithm) == ("4", "clipped_ppo")
    assert metadata.top_speed_mps == 0.8


def test_the_oldest_file_gets_what_it_lacks() -> None:
    metadata = ModelMetadata.from_json(json.dumps({"action_space": ACTIONS}))
    assert metadata.action_space.kind == "discrete"
    assert metadata.sensors == (FRONT_CAMERA,)
    assert metadata.sensors_as_written == ("observation",)
    assert metadata.training_algorithm == "clipped_ppo"
    assert metadata.neural_network == "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW"
    assert (metadata.stack_size, metadata.control_rate_hz) == (1, 15.0)


def test_a_file_without_actions_means_the_cars_six() -> None:
    space = ModelMetadata.from_json("{}").action_space
    assert isinstance(space, DiscreteActionSpace)
    assert sorted((a.steering_angle_deg, a.speed_mps) for a in space.actions) == [
        (-30.0, 0.8),
        (-15.0, 0.8),
        (0.0, 0.4),
        (0.0, 0.8),
        (15.0, 0.8),
        (30.0, 0.8),
    ]


@pytest.mark.parametrize("version", ["1", "2", "3", "4", "5", "6", 3, 5.0, " 4 "])
def test_the_version_is_text_or_a_number(version: object) -> None:
    assert read(version=version).version == str(int(float(str(version))))


def test_numbers_may_be_text() -> None:
    space = read(action_space=[{"steering_angle": "-30", "speed": "0.40"}]).action_space
    assert space == DiscreteActionSpace((Action(-30.0, 0.4),))


@pytest.mark.parametrize("indices", [[0, 1], [1, 0], [0, 0], ["a", None]])
def test_the_order_of_the_list_counts_and_not_its_index(indices: list[object]) -> None:
    actions = [{**action, "index": index} for action, index in zip(ACTIONS, indices, strict=True)]
    assert read(action_space=actions).action_space == read().action_space


def test_a_continuous_space_is_read_with_or_without_its_type() -> None:
    ranges = {"speed": {"high": "2", "low": 0.5}, "steering_angle": {"high": 20, "low": -30.0}}
    wanted = ContinuousActionSpace(-30.0, 20.0, 0.5, 2.0)
    assert read(action_space=ranges, action_space_type="continuous").action_space == wanted
    assert read(action_space=ranges, action_space_type=None).action_space == wanted


def test_a_sensor_may_be_written_alone_and_by_its_old_name() -> None:
    assert read(sensor="observation").sensors == (FRONT_CAMERA,)
    assert json.loads(read(sensor=["observation"]).to_json())["sensor"] == ["observation"]


@pytest.mark.parametrize(
    "lidar",
    [
        {"num_sectors": 8, "num_values_per_sector": 8, "clipping_dist": 2.0},
        {"num_values": 64, "min_angle": -150, "max_angle": 150, "clipping_distance": 0.5, "num_sectors": 8},
    ],
)
def test_both_families_of_lidar_keys_are_kept(lidar: dict[str, Any]) -> None:
    metadata = read(lidar_config=lidar)
    assert metadata.lidar_config == lidar
    assert json.loads(metadata.to_json())["lidar_config"] == lidar


def test_a_lidars_settings_are_those_of_the_models_own_sensor() -> None:
    lidar = {"num_sectors": 16, "num_values_per_sector": 4, "clipping_dist": 3.0}
    assert read(lidar_config=lidar).lidar is None
    with_lidar = read(sensor=["STEREO_CAMERAS", "DISCRETIZED_SECTOR_LIDAR"], lidar_config=lidar)
    assert with_lidar.lidar == LidarConfig(num_sectors=16, num_values_per_sector=4, clip_m=3.0)
    assert read(sensor=["LEFT_CAMERA", "LIDAR"]).lidar == LidarConfig()


def test_a_camera_model_may_have_a_lidar_config_that_makes_no_sense() -> None:
    assert read(lidar_config={"num_sectors": "many"}).lidar is None
    assert "num_sectors must be a number" in refusal(
        sensor=["FRONT_FACING_CAMERA", "SECTOR_LIDAR"], lidar_config={"num_sectors": "many"}
    )


def test_where_two_cameras_and_the_lidar_sat_is_written_for_models_that_have_them() -> None:
    camera, lidar = CameraView(stereo_baseline_m=0.1), LidarView(height_m=0.2, yaw_deg=0.0)
    plain = ModelMetadata(DEFAULT_ACTION_SPACE, camera=camera, lidar_view=lidar)
    ours = json.loads(plain.to_json())["lapwing"]
    assert "stereo_baseline_m" not in ours["camera"]
    assert "lidar" not in ours
    both = plain.changed(sensors=("STEREO_CAMERAS", "LIDAR"), sensors_as_written=())
    assert ModelMetadata.from_json(both.to_json()) == both
    ours = json.loads(both.to_json())["lapwing"]
    assert ours["camera"]["stereo_baseline_m"] == 0.1
    assert ours["lidar"] == {"x_m": 0.02913, "y_m": 0.0, "height_m": 0.2, "yaw_deg": 0.0}


@pytest.mark.parametrize("version", ["1", "2", "3", "4", "5", "6"])
def test_every_legal_set_of_sensors_is_written_and_read_in_every_version(version: str) -> None:
    for camera in ("observation", "FRONT_FACING_CAMERA", "LEFT_CAMERA", "STEREO_CAMERAS"):
        for lidar in (None, "LIDAR", "SECTOR_LIDAR", "DISCRETIZED_SECTOR_LIDAR"):
            for motion in (None, "WHEEL_SPEED_AND_YAW_RATE"):
                names = [name for name in (motion, lidar, camera) if name]
                config = None if lidar is None else LidarConfig(num_sectors=4, clip_m=0.8).to_metadata(lidar)
                metadata = read(sensor=names, version=version, lidar_config=config)
                again = ModelMetadata.from_json(metadata.to_json())
                assert again == metadata
                assert json.loads(again.to_json())["sensor"] == names
                assert again.lidar is None or again.lidar.clip_of(lidar) == 0.8


def test_unknown_keys_are_written_back() -> None:
    metadata = read(preprocess_type="GREY_SCALE", lapwing={"format": 1, "stack_size": 2, "later": {"a": 1}})
    written = json.loads(metadata.to_json())
    assert written["preprocess_type"] == "GREY_SCALE"
    assert written["lapwing"]["later"] == {"a": 1}
    assert metadata.stack_size == 2


def test_deepracers_keys_are_written_with_their_meaning_and_ours_apart() -> None:
    written = json.loads(ModelMetadata(DEFAULT_ACTION_SPACE, stack_size=3, neural_network="fast").to_json())
    assert set(written) == {*FULL, "lapwing"}
    assert written["action_space"][0] == {"steering_angle": -30.0, "speed": pytest.approx(1 / 3)}
    assert written["version"] == "5"
    assert written["lapwing"] == {
        "format": 1,
        "stack_size": 3,
        "control_rate_hz": 15.0,
        "camera": {
            "horizontal_fov_deg": pytest.approx(64.74, abs=0.01),
            "pitch_deg": 15.0,
            "height_m": 0.1303,
        },
    }


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"action_space_type": "box"}, "action_space_type is 'box'"),
        ({"action_space": []}, "must be a list"),
        ({"action_space": {}}, "must be a list"),
        ({"action_space": [{"speed": 1}]}, "action_space[0] lacks 'steering_angle'"),
        ({"action_space": [*ACTIONS, {"steering_angle": 1}]}, "action_space[2] lacks 'speed'"),
        (
            {"action_space": [{"steering_angle": "left", "speed": 1}]},
            "action_space[0].steering_angle must be a",
        ),
        ({"action_space": [{"steering_angle": True, "speed": 1}]}, "must be a number, this one is True"),
        ({"action_space": [{"steering_angle": "nan", "speed": 1}]}, "must be a number, this one is 'nan'"),
        ({"action_space": [{"steering_angle": 10**400, "speed": 1}]}, "must be a number"),
        ({"action_space": [{"steering_angle": 400, "speed": 1}]}, "from -90 to 90"),
        ({"action_space": [7]}, "action_space[0] must be a group"),
        ({"action_space_type": "continuous"}, "must be a group"),
        (
            {"action_space": {"speed": {"low": 1, "high": 2}}, "action_space_type": "continuous"},
            "action_space lacks 'steering_angle'",
        ),
        (
            {
                "action_space": {"speed": {"low": 2, "high": 1}, "steering_angle": {"low": -1, "high": 1}},
                "action_space_type": "continuous",
            },
            "speed low 2 must be below high 1",
        ),
        ({"sensor": ["LIDAR_9000"]}, "'LIDAR_9000' is not supported"),
        ({"sensor": []}, "exactly one camera"),
        ({"sensor": ["FRONT_FACING_CAMERA", "STEREO_CAMERAS"]}, "exactly one camera"),
        ({"sensor": ["FRONT_FACING_CAMERA", "LIDAR", "SECTOR_LIDAR"]}, "at most one LiDAR"),
        (
            {"sensor": ["FRONT_FACING_CAMERA", "SECTOR_LIDAR"], "lidar_config": {"num_sectors": 7}},
            "cannot be shared out evenly among num_sectors = 7",
        ),
        ({"sensor": [1]}, "sensor must be a list of names"),
        ({"training_algorithm": "dqn"}, "known are clipped_ppo, sac"),
        ({"neural_network": 5}, "neural_network must be a short text"),
        ({"version": "new"}, "version must be a number"),
        ({"lidar_config": [1]}, "lidar_config must be a group"),
        ({"lapwing": {"format": 2}}, "made by a newer Lapwing"),
        ({"lapwing": {"stack_size": 0}}, "lapwing.stack_size is 0; allowed is 1 to 16"),
        ({"lapwing": {"stack_size": 1.5}}, "must be a whole number"),
        ({"lapwing": {"control_rate_hz": 0}}, "control_rate_hz"),
        ({"lapwing": {"camera": {"pitch_deg": 91}}}, "pitch_deg"),
        ({"lapwing": {"camera": {"stereo_baseline_m": 2}}}, "camera.stereo_baseline_m is 2.0; allowed is 0 to 0.5"),
        ({"lapwing": {"lidar": {"yaw_deg": "left"}}}, "lapwing.lidar.yaw_deg must be a number"),
        ({"lapwing": {"lidar": {"height_m": 3}}}, "lapwing.lidar.height_m is 3.0"),
        ({"lapwing": 5}, "lapwing must be a group"),
    ],
)
def test_a_contradiction_names_its_key(changes: dict[str, Any], part: str) -> None:
    assert part in refusal(**changes)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"version": NaN}', "[" * 100_000, b"\xff\xfe", '{"version": Infinity}', " " * (2 << 20)],
    ids=["empty", "list", "open", "nan", "deep", "bytes", "infinity", "long"],
)
def test_what_is_not_a_json_object_is_refused(text: str | bytes) -> None:
    with pytest.raises(MetadataError):
        ModelMetadata.from_json(text)


SPEEDS = st.floats(0.1, 4.0)
ANGLES = st.floats(-30, 30)
SPACES = st.one_of(
    st.lists(st.builds(Action, ANGLES, SPEEDS), min_size=1, max_size=30).map(
        lambda actions: DiscreteActionSpace(tuple(actions))
    ),
    st.builds(ContinuousActionSpace, st.floats(-30, -0.5), st.floats(0.5, 30), st.floats(0.1, 1), st.floats(1.1, 4)),
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150)
@given(
    metadata=st.builds(
        ModelMetadata,
        action_space=SPACES,
        neural_network=st.text(min_size=1, max_size=40),
        training_algorithm=st.sampled_from(["clipped_ppo", "sac"]),
        version=st.sampled_from(["1", "2", "3", "4", "5", "6"]),
        stack_size=st.integers(1, 16),
        control_rate_hz=st.floats(1, 240),
        camera=st.builds(CameraView, st.floats(10, 180), st.floats(-90, 90), st.floats(0.01, 2)),
        sensors_as_written=st.sampled_from([(), ("observation",), (FRONT_CAMERA,)]),
        extras=st.dictionaries(st.text().map(lambda key: "x_" + key), JSON_VALUES, max_size=2),
        ours_extras=st.dictionaries(st.text().map(lambda key: "x_" + key), JSON_VALUES, max_size=2),
    )
)
def test_what_is_written_is_read_back_equal(metadata: ModelMetadata) -> None:
    assert ModelMetadata.from_json(metadata.to_json()) == metadata


@settings(max_examples=200)
@given(key=st.sampled_from([*FULL, "lidar_config", "lapwing"]), value=JSON_VALUES)
def test_any_value_anywhere_is_read_or_refused_with_our_error(key: str, value: Any) -> None:
    try:
        metadata = ModelMetadata.from_json(json.dumps({**FULL, key: value}))
    except LapwingError:
        return
    assert math.isfinite(metadata.top_speed_mps)


def test_a_changed_copy_is_checked_again() -> None:
    assert read().changed(stack_size=4).stack_size == 4
    with pytest.raises(MetadataError):
        read().changed(stack_size=99)
