"""`model_metadata.json`: DeepRacer's keys and meaning in every version, and ours under one key of our own.

Reads numbers and numeric strings, fills what old files lack, keeps what it does not know and writes it back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from shared.actions import Action, ActionSpace, ContinuousActionSpace, DiscreteActionSpace
from shared.cars import DEEPRACER
from shared.errors import ActionError, MetadataError
from shared.lidar import LidarConfig
from shared.metadata_values import check_number, read_mapping, read_number, read_text, read_whole, required
from shared.sensors import FRONT_CAMERA, STEREO_CAMERAS, check_sensor_set, sensor_of_kind

METADATA_NAME = "model_metadata.json"
MAX_METADATA_BYTES = 1 << 20
MAX_STACK_SIZE = 16

_OURS = "lapwing"
_OURS_FORMAT = 1
_KNOWN_KEYS = {
    "action_space",
    "action_space_type",
    "sensor",
    "neural_network",
    "training_algorithm",
    "version",
    "lidar_config",
    _OURS,
}
_ALGORITHMS = ("clipped_ppo", "sac")

# What the car assumed when metadata gave no action space (reference: six actions).
_ACTIONS_WHEN_ABSENT = DiscreteActionSpace(
    (*(Action(float(angle), 0.8) for angle in (-30, -15, 0, 15, 30)), Action(0.0, 0.4))
)


@dataclass(frozen=True, slots=True)
class CameraView:
    """The camera the model was trained with; the car's own should resemble it.

    pitch_deg: down positive. stereo_baseline_m: between the lenses, of a model with two.
    """

    horizontal_fov_deg: float = DEEPRACER.camera.horizontal_fov_deg
    pitch_deg: float = DEEPRACER.camera.pitch_deg
    height_m: float = DEEPRACER.camera.z_m
    stereo_baseline_m: float = DEEPRACER.camera.stereo_baseline_m


@dataclass(frozen=True, slots=True)
class LidarView:
    """Where the LiDAR sat that the model was trained with, in the car's frame. yaw_deg: where its zero looks."""

    x_m: float = DEEPRACER.lidar.x_m
    y_m: float = DEEPRACER.lidar.y_m
    height_m: float = DEEPRACER.lidar.z_m
    yaw_deg: float = DEEPRACER.lidar.yaw_deg


_CAMERA_LIMITS = {
    "horizontal_fov_deg": (10, 180),
    "pitch_deg": (-90, 90),
    "height_m": (0.01, 2),
    "stereo_baseline_m": (0, 0.5),
}
_LIDAR_LIMITS = {"x_m": (-1, 1), "y_m": (-1, 1), "height_m": (0.01, 2), "yaw_deg": (-180, 180)}


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """What a model needs to be driven.

    sensors: names from the sensor table.
    sensors_as_written: as the file had them (an old one says `observation`).
    lidar_config: as the file had it or LidarConfig.to_metadata() writes it; `lidar` is what it means.
    lidar_view: of a model with a LiDAR.
    extras: keys of the file that we do not know, kept and written back; ours_extras: the same for our block.
    """

    action_space: ActionSpace
    sensors: tuple[str, ...] = (FRONT_CAMERA,)
    neural_network: str = "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW"
    training_algorithm: str = "clipped_ppo"
    version: str = "5"
    stack_size: int = 1
    control_rate_hz: float = 15.0
    camera: CameraView = CameraView()
    sensors_as_written: tuple[str, ...] = ()
    lidar_config: Mapping[str, Any] | None = None
    lidar_view: LidarView = LidarView()
    extras: Mapping[str, Any] = field(default_factory=dict)
    ours_extras: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sensors", check_sensor_set(self.sensors))
        if not self.sensors_as_written:
            object.__setattr__(self, "sensors_as_written", self.sensors)
        elif check_sensor_set(self.sensors_as_written) != self.sensors:
            raise MetadataError(f"sensors {self.sensors} and sensors_as_written {self.sensors_as_written} differ.")
        check_number(f"{_OURS}.stack_size", self.stack_size, 1, MAX_STACK_SIZE)
        check_number(f"{_OURS}.control_rate_hz", self.control_rate_hz, 1, 240)
        for name, (low, high) in _CAMERA_LIMITS.items():
            check_number(f"{_OURS}.camera.{name}", getattr(self.camera, name), low, high)
        for name, (low, high) in _LIDAR_LIMITS.items():
            check_number(f"{_OURS}.lidar.{name}", getattr(self.lidar_view, name), low, high)
        _ = self.lidar

    @property
    def lidar(self) -> LidarConfig | None:
        """How the model sees with its LiDAR; None for a model without one, whatever lidar_config says."""
        sensor = sensor_of_kind(self.sensors, "lidar")
        return None if sensor is None else LidarConfig.from_metadata(self.lidar_config, sensor)

    @property
    def top_speed_mps(self) -> float:
        """The M of the throttle curve: the fastest the model may ask for."""
        return self.action_space.max_speed_mps

    @classmethod
    def from_json(cls, text: str | bytes) -> ModelMetadata:
        """Read any version; MetadataError says which key is wrong."""
        values = _parse(text)
        ours = read_mapping(values.get(_OURS, {}), _OURS)
        # Our own block must be the format we know: a newer one may change what the other keys need.
        if int(read_number(ours.get("format", _OURS_FORMAT), f"{_OURS}.format")) > _OURS_FORMAT:
            raise MetadataError("This model was made by a newer Lapwing. Update this one, then import it again.")
        written = _sensor_names(values)
        lidar = values.get("lidar_config")
        return cls(
            action_space=_action_space(values),
            sensors=check_sensor_set(written),
            sensors_as_written=written,
            neural_network=read_text(values, "neural_network", "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW"),
            training_algorithm=_algorithm(values),
            version=_version(values.get("version", "1")),
            lidar_config=None if lidar is None else read_mapping(lidar, "lidar_config"),
            stack_size=read_whole(ours.get("stack_size", 1), f"{_OURS}.stack_size"),
            control_rate_hz=read_number(ours.get("control_rate_hz", 15.0), f"{_OURS}.control_rate_hz"),
            camera=CameraView(**_numbers(ours, "camera", _CAMERA_LIMITS)),
            lidar_view=LidarView(**_numbers(ours, "lidar", _LIDAR_LIMITS)),
            extras={key: value for key, value in values.items() if key not in _KNOWN_KEYS},
            ours_extras={key: value for key, value in ours.items() if key not in _OUR_KEYS},
        )

    def to_json(self) -> str:
        """The file: DeepRacer's keys first, ours under `lapwing`, then what we did not know."""
        values: dict[str, Any] = {
            "action_space": _written_action_space(self.action_space),
            "action_space_type": self.action_space.kind,
            "sensor": list(self.sensors_as_written),
            "neural_network": self.neural_network,
            "training_algorithm": self.training_algorithm,
            "version": self.version,
        }
        if self.lidar_config is not None:
            values["lidar_config"] = dict(self.lidar_config)
        values[_OURS] = {
            "format": _OURS_FORMAT,
            "stack_size": self.stack_size,
            "control_rate_hz": self.control_rate_hz,
            "camera": {
                name: getattr(self.camera, name)
                for name in _CAMERA_LIMITS
                if name != "stereo_baseline_m" or STEREO_CAMERAS in self.sensors
            },
            **self.ours_extras,
        }
        if self.lidar is not None:
            values[_OURS]["lidar"] = {name: getattr(self.lidar_view, name) for name in _LIDAR_LIMITS}
        return json.dumps({**values, **self.extras}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def changed(self, **changes: Any) -> ModelMetadata:
        """The same metadata with some fields replaced, checked again."""
        return replace(self, **changes)


_OUR_KEYS = {"format", "stack_size", "control_rate_hz", "camera", "lidar"}


def _numbers(ours: Mapping[str, Any], group: str, names: Iterable[str]) -> dict[str, float]:
    """Those of the names that the group has."""
    where = f"{_OURS}.{group}"
    values = read_mapping(ours.get(group, {}), where)
    return {name: read_number(values[name], f"{where}.{name}") for name in names if name in values}


def _parse(text: str | bytes) -> dict[str, Any]:
    if len(text) > MAX_METADATA_BYTES:
        raise MetadataError(f"{METADATA_NAME} is {len(text)} bytes long; at most {MAX_METADATA_BYTES} are read.")
    try:
        values = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise MetadataError(f"{METADATA_NAME} is not JSON: {error}.") from error
    return read_mapping(values, METADATA_NAME)


def _refuse_constant(name: str) -> float:
    raise MetadataError(f"{METADATA_NAME} holds {name}, which is not a number.")


def _action_space(values: Mapping[str, Any]) -> ActionSpace:
    kind = values.get("action_space_type", "discrete")
    if kind not in ("discrete", "continuous"):
        raise MetadataError(f"action_space_type is {kind!r}; it must be 'discrete' or 'continuous'.")
    space = values.get("action_space")
    # A file of a continuous model without its type exists in the wild; the shape of the space decides.
    if "action_space_type" not in values and isinstance(space, Mapping):
        kind = "continuous"
    try:
        if kind == "continuous":
            return _continuous(space)
        return _ACTIONS_WHEN_ABSENT if space is None else _discrete(space)
    except ActionError as error:
        raise MetadataError(f"action_space: {error}") from error


def _discrete(space: Any) -> DiscreteActionSpace:
    if not isinstance(space, list) or not space:
        raise MetadataError("action_space of a discrete model must be a list of {steering_angle, speed}.")
    actions = []
    for number, entry in enumerate(space):
        where = f"action_space[{number}]"
        values = read_mapping(entry, where)
        # `index`, where it exists, is read by nothing: the order of the list is the model's order.
        actions.append(
            Action(
                steering_angle_deg=read_number(required(values, "steering_angle", where), f"{where}.steering_angle"),
                speed_mps=read_number(required(values, "speed", where), f"{where}.speed"),
            )
        )
    return DiscreteActionSpace(tuple(actions))


def _continuous(space: Any) -> ContinuousActionSpace:
    values = read_mapping(space, "action_space of a continuous model")
    bounds = {}
    for name in ("steering_angle", "speed"):
        where = f"action_space.{name}"
        group = read_mapping(required(values, name, "action_space"), where)
        for side in ("low", "high"):
            bounds[f"{name}.{side}"] = read_number(required(group, side, where), f"{where}.{side}")
    return ContinuousActionSpace(
        steering_low_deg=bounds["steering_angle.low"],
        steering_high_deg=bounds["steering_angle.high"],
        speed_low_mps=bounds["speed.low"],
        speed_high_mps=bounds["speed.high"],
    )


def _written_action_space(space: ActionSpace) -> Any:
    if isinstance(space, DiscreteActionSpace):
        return [{"steering_angle": a.steering_angle_deg, "speed": a.speed_mps} for a in space.actions]
    return {
        "steering_angle": {"high": space.steering_high_deg, "low": space.steering_low_deg},
        "speed": {"high": space.speed_high_mps, "low": space.speed_low_mps},
    }


def _sensor_names(values: Mapping[str, Any]) -> tuple[str, ...]:
    names = values.get("sensor", ["observation"])
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise MetadataError(f"sensor must be a list of names, this one is {names!r:.80}.")
    return tuple(names)


def _algorithm(values: Mapping[str, Any]) -> str:
    name = read_text(values, "training_algorithm", "clipped_ppo")
    if name not in _ALGORITHMS:
        raise MetadataError(f"training_algorithm is '{name}'; known are {', '.join(_ALGORITHMS)}.")
    return name


def _version(value: Any) -> str:
    number = read_number(value, "version")
    return str(int(number)) if number == int(number) else str(value)
