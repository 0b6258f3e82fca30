"""What shares the road with a car: boxes, bot cars, other learned cars, barriers beside it. Settings only."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from shared.settings import Settings

BoxKind = Literal["box", "striped_box", "parcel", "parked_car"]
Placement = Literal["random", "even"]
MOST_BOXES, MOST_BOTS, MOST_BARRIERS, MOST_CARS_PER_WORLD = 20, 12, 40, 8


def _ordered(limits: tuple[float, float]) -> tuple[float, float]:
    if limits[0] > limits[1]:
        raise ValueError(f"wanted [low, high], got {list(limits)}")
    return limits


class BoxSettings(Settings):
    """Things that stand on the road."""

    count: int = Field(0, ge=0, le=MOST_BOXES, description="How many; 0 for none.")
    kinds: tuple[BoxKind, ...] = Field(
        ("box", "striped_box", "parcel"), min_length=1, description="Each box draws one of these."
    )
    placement: Placement = Field(
        "random", description="random: anew in every episode; even: spread evenly, in alternating lanes."
    )
    positions: tuple[str, ...] = Field(
        (),
        description='Fixed places instead, "fraction,lane" each: share of the track, lane 1 inner or -1 outer.',
    )
    min_distance_m: float = Field(2.0, ge=0.5, le=100, description="Between two boxes, along the centre line.")
    start_gap_m: float = Field(1.5, ge=0, le=20, description="Road without boxes ahead of a car's start.")
    lateral_jitter: float = Field(
        0.2, ge=0, le=0.5, description="Random places are up to this share of the half width off their lane's middle."
    )
    turned_deg: float = Field(10.0, ge=0, le=180, description="Random places are turned by up to this from the road.")


class BotSettings(Settings):
    """Cars that follow the lanes by themselves."""

    count: int = Field(0, ge=0, le=MOST_BOTS, description="How many; 0 for none.")
    speed_mps: tuple[float, float] = Field((0.2, 0.2), description="Each bot draws its speed: slowest, fastest.")
    placement: Placement = Field("random", description="random: anew in every episode; even: spread evenly.")
    min_distance_m: float = Field(2.0, ge=0.5, le=100, description="Between two bots at the start.")
    lane_change: bool = Field(False, description="Change lanes now and then.")
    lane_change_interval_s: tuple[float, float] = Field((3.0, 5.0), description="Time between two changes.")
    look_for_cars: bool = Field(
        True, description="A change of lane waits while a car is in the way; off: bots see bots and boxes alone."
    )
    lane_change_distance_m: float = Field(1.0, ge=0.2, le=20, description="Way a change takes.")
    pause_s: float = Field(2.0, ge=0, le=60, description="All bots wait this long when one ran into a car.")

    _intervals_ordered = field_validator("lane_change_interval_s")(_ordered)

    @field_validator("speed_mps")
    @classmethod
    def _speeds_possible(cls, speeds: tuple[float, float]) -> tuple[float, float]:
        if not 0.2 <= speeds[0] <= speeds[1] <= 4.0:
            raise ValueError(f"wanted [slowest, fastest] within 0.2 to 4 m/s, got {list(speeds)}")
        return speeds


class BarrierSettings(Settings):
    """Straight pieces of wall beside the road, at its sharpest bends first."""

    count: int = Field(0, ge=0, le=MOST_BARRIERS, description="How many pieces; 0 for none.")
    distance_m: float = Field(0.35, ge=0.1, le=5, description="From the border to the barrier.")
    length_m: float = Field(0.8, ge=0.1, le=3, description="Length of one piece.")
    height_m: float = Field(0.3, ge=0.05, le=2, description="Height; a LiDAR on the car looks out at 0.16 m.")


class RaceSettings(Settings):
    """Who and what is on the road besides the car itself."""

    boxes: BoxSettings = BoxSettings()
    bots: BotSettings = BotSettings()
    barriers: BarrierSettings = BarrierSettings()
    cars_per_world: int = Field(
        1, ge=1, le=MOST_CARS_PER_WORLD, description="Learned cars that share a road; 1: each has its own."
    )
    grid_gap_m: float = Field(0.75, ge=0.35, le=5, description="Between two cars of one start grid.")

    @property
    def object_count(self) -> int:
        """What a row of measurements tells of: the boxes, the bots and the other cars of its world."""
        return self.boxes.count + self.bots.count + self.cars_per_world - 1

    @model_validator(mode="after")
    def _positions_are_the_count(self) -> RaceSettings:
        for position in self.boxes.positions:
            parse_position(position)
        if self.boxes.positions and self.boxes.count != len(self.boxes.positions):
            raise ValueError(
                f"boxes.count is {self.boxes.count} and there are {len(self.boxes.positions)} positions; "
                "make them equal"
            )
        return self


def parse_position(text: str) -> tuple[float, int]:
    """Fraction of the track and lane (1 inner, -1 outer) of "fraction,lane".

    Raises:
        ValueError: it is something else.
    """
    try:
        fraction_text, lane_text = text.split(",")
        fraction, lane = float(fraction_text), int(lane_text)
    except ValueError:
        raise ValueError(f'\'{text}\' is not a position; write "fraction,lane", for example "0.25,-1"') from None
    if not 0 <= fraction < 1 or lane not in (1, -1):
        raise ValueError(f"'{text}': the fraction is 0 to below 1, the lane 1 (inner) or -1 (outer)")
    return fraction, lane
