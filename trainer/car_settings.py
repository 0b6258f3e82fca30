"""The settings of a car that learns: what it can do, what it sees and the network that drives it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from shared.actions import (
    Action,
    ActionSpace,
    ContinuousActionSpace,
    DiscreteActionSpace,
    generate_discrete_actions,
)
from shared.cars import CAR_MODELS, CarModel
from shared.lidar import FEWEST_RAYS, MOST_RAYS, MOST_VALUES, RANGE_MAX_M, RANGE_MIN_M, LidarConfig, lidar_size
from shared.observation import Observer
from shared.sensors import FRONT_CAMERA, check_sensor_set, sensor_of_kind
from shared.settings import Settings

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

NetworkName = Literal[
    "fast",
    "fine",
    "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW",
    "DEEP_CONVOLUTIONAL_NETWORK",
    "DEEP_CONVOLUTIONAL_NETWORK_DEEP",
]


class DiscreteActions(Settings):
    """Actions on a grid, as DeepRacer's console made them."""

    kind: Literal["discrete"] = "discrete"
    max_steering_angle_deg: float = Field(30.0, ge=1, le=30, description="Largest steering angle, both sides.")
    steering_granularity: Literal[3, 5, 7] = Field(5, description="Steering angles on the grid.")
    max_speed_mps: float = Field(1.0, ge=0.1, le=4, description="Highest speed.")
    speed_granularity: Literal[1, 2, 3] = Field(3, description="Speeds on the grid.")

    def action_space(self) -> ActionSpace:
        """The grid."""
        return generate_discrete_actions(
            self.max_steering_angle_deg, self.steering_granularity, self.max_speed_mps, self.speed_granularity
        )


class ListedAction(Settings):
    """One action of a list."""

    steering_angle_deg: float = Field(ge=-30, le=30, description="Positive is left.")
    speed_mps: float = Field(ge=0.1, le=4)


class ListedActions(Settings):
    """Actions written down one by one."""

    kind: Literal["list"] = "list"
    actions: tuple[ListedAction, ...] = Field(min_length=2, max_length=30)

    def action_space(self) -> ActionSpace:
        """The list, in its order."""
        return DiscreteActionSpace(tuple(Action(a.steering_angle_deg, a.speed_mps) for a in self.actions))


class ContinuousActions(Settings):
    """Any steering angle and speed between limits."""

    kind: Literal["continuous"] = "continuous"
    steering_low_deg: float = Field(-30.0, ge=-30, le=30)
    steering_high_deg: float = Field(30.0, ge=-30, le=30)
    speed_low_mps: float = Field(0.5, ge=0.1, le=4)
    speed_high_mps: float = Field(1.0, ge=0.1, le=4)

    @model_validator(mode="after")
    def _low_is_below_high(self) -> ContinuousActions:
        if self.steering_low_deg >= self.steering_high_deg:
            raise ValueError("steering_low_deg must be below steering_high_deg")
        if self.speed_low_mps >= self.speed_high_mps:
            raise ValueError("speed_low_mps must be below speed_high_mps")
        return self

    def action_space(self) -> ActionSpace:
        """The two ranges."""
        return ContinuousActionSpace(
            self.steering_low_deg, self.steering_high_deg, self.speed_low_mps, self.speed_high_mps
        )


ACTION_KINDS = ("discrete", "list", "continuous")


def _kind_of_actions(value: Any) -> str:
    kind = value.get("kind", "discrete") if isinstance(value, Mapping) else getattr(value, "kind", "discrete")
    return str(kind)


ActionSettings = Annotated[
    Annotated[DiscreteActions, Tag("discrete")]
    | Annotated[ListedActions, Tag("list")]
    | Annotated[ContinuousActions, Tag("continuous")],
    Discriminator(_kind_of_actions),
]


class LidarInputSettings(Settings):
    """How the car sees with its LiDAR, if it has one among its sensors; the defaults are DeepRacer's."""

    num_rays: int = Field(64, ge=FEWEST_RAYS, le=MOST_RAYS, description="Rays, evenly spread over the field of view.")
    fov_deg: float = Field(300.0, ge=10, le=360, description="Field of view; the gap is straight ahead.")
    min_range_m: float = Field(RANGE_MIN_M, ge=0, le=1, description="Nothing is measured as nearer.")
    clip_m: float | None = Field(
        None,
        ge=RANGE_MIN_M,
        le=RANGE_MAX_M,
        description="Things beyond are not seen; left out: as DeepRacer has it for the sensor, 0.5 to 2.",
    )
    num_sectors: int = Field(8, ge=1, le=MOST_RAYS, description="Of the sensors with sectors; divides num_rays.")
    num_values_per_sector: int = Field(
        8, ge=2, le=MOST_VALUES, description="Distances that DISCRETIZED_SECTOR_LIDAR tells apart, with nothing."
    )

    def lidar_config(self) -> LidarConfig:
        """As the two machines share it."""
        return LidarConfig(**self.model_dump())


class CarSettings(Settings):
    """A car of the garage: what it can do, what it sees and the network that drives it."""

    name: str = Field("default", description="Letters, digits, '.', '_' and '-'; at most 64.")
    description: str = Field("", max_length=500)
    model: str = Field("deepracer", description="Which car: an entry of shared/cars.py.")
    actions: ActionSettings = Field(default_factory=DiscreteActions)
    sensors: tuple[str, ...] = Field((FRONT_CAMERA,), description="What the policy sees.")
    lidar: LidarInputSettings = Field(default_factory=LidarInputSettings)
    network: NetworkName = Field(
        "fast", description="fast; fine: sees smaller things, a little slower; or DeepRacer's three by name."
    )
    stack_size: int = Field(1, ge=1, le=4, description="Newest camera pictures the policy sees at once.")

    @field_validator("name")
    @classmethod
    def _name_is_a_file_name(cls, name: str) -> str:
        if not NAME_PATTERN.fullmatch(name):
            raise ValueError("a name has 1 to 64 letters, digits, '.', '_' or '-' and starts with a letter or digit")
        return name

    @field_validator("actions", mode="before")
    @classmethod
    def _kind_is_known(cls, actions: Any) -> Any:
        kind = _kind_of_actions(actions)
        if kind not in ACTION_KINDS:
            closest = get_close_matches(kind, ACTION_KINDS, n=1)
            hint = f" Did you mean '{closest[0]}'?" if closest else ""
            raise ValueError(f"kind is '{kind}'; it can be {', '.join(ACTION_KINDS)}.{hint}")
        return actions

    @field_validator("model")
    @classmethod
    def _model_is_known(cls, model: str) -> str:
        if model not in CAR_MODELS:
            raise ValueError(f"there is no car model '{model}'; there are: {', '.join(CAR_MODELS)}")
        return model

    @field_validator("sensors")
    @classmethod
    def _sensors_fit_together(cls, sensors: tuple[str, ...]) -> tuple[str, ...]:
        return check_sensor_set(sensors)

    @model_validator(mode="after")
    def _lidar_fits_its_sensor(self) -> CarSettings:
        lidar = sensor_of_kind(self.sensors, "lidar")
        if lidar is not None:
            lidar_size(lidar, self.lidar.lidar_config())
        return self

    def action_space(self) -> ActionSpace:
        """What the policy chooses from."""
        return self.actions.action_space()

    def lidar_config(self) -> LidarConfig | None:
        """How it sees with its LiDAR; None without one."""
        return None if sensor_of_kind(self.sensors, "lidar") is None else self.lidar.lidar_config()

    def observer(self, cars: int) -> Observer:
        """What so many of it see."""
        return Observer(self.sensors, self.stack_size, self.lidar_config(), cars)

    def car_model(self) -> CarModel:
        """Its measures."""
        return CAR_MODELS[self.model]
