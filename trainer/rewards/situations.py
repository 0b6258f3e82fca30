"""Made-up situations for trying a reward function: short drives at places and in states that matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.cars import DEEPRACER, CarModel
from trainer.rewards.batch import Floats
from trainer.rewards.seen_objects import Thing, with_things
from trainer.simulator.measurements import Column, ObjectColumn
from trainer.simulator.state import EpisodeStatus
from trainer.simulator.things import Kind
from trainer.tracks import Track

STEP_S = 1 / 15
STEPS = 4
"""Steps of each made-up drive; the last one is the situation its title speaks of."""

FAST_MPS = 1.0
PLACES, PLACES_ELSEWHERE = 12, 5
INSIDE = 0.9  # of the half width at which the front is, while one wheel leaves the road


@dataclass(frozen=True, slots=True)
class Situation:
    """One car driving straight for a few steps. rows: (steps, row_length(objects)) of measurements, in order."""

    title: str
    rows: Floats

    @property
    def objects(self) -> int:
        """How many objects the rows tell of."""
        return int(self.rows.shape[1] - len(Column)) // len(ObjectColumn)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the front of the car ends: shares of the lap and of the half width, left positive.

    things: what is on the road with it. counted: columns that count one more in the last step.
    """

    lap_fraction: float = 0.0
    side_fraction: float = 0.0
    turned_deg: float = 0.0
    speed_mps: float = FAST_MPS
    steering_deg: float = 0.0
    first_step: int = 20
    start_fraction: float | None = None
    status: EpisodeStatus = EpisodeStatus.IN_PROGRESS
    things: tuple[Thing, ...] = ()
    counted: tuple[Column, ...] = ()


def made_up(track: Track) -> list[Situation]:
    """The situations on one track, in its own direction and reversed; those with objects come last."""
    arcs = np.linspace(0.0, track.length_m, 400, endpoint=False)
    curvature = np.abs(track.curvature_1pm(arcs))
    straight, corner = arcs[[curvature.argmin(), curvature.argmax()]] / track.length_m
    places = {
        "at the start": Place(0.001, first_step=2),
        "on the centre line, fast": Place(straight),
        "on the centre line, slow": Place(straight, speed_mps=0.3 * FAST_MPS),
        "halfway to the left border": Place(straight, 0.5),
        "halfway to the right border": Place(straight, -0.5),
        "a wheel off on the left": Place(straight, INSIDE),
        "a wheel off on the right": Place(straight, -INSIDE),
        "off the track, left": Place(straight, 2.5, status=EpisodeStatus.OFF_TRACK),
        "off the track, right": Place(straight, -2.5, status=EpisodeStatus.OFF_TRACK),
        "steering hard left on a straight": Place(straight, steering_deg=30.0),
        "steering hard right on a straight": Place(straight, steering_deg=-30.0),
        "turned 45 degrees to the left": Place(straight, turned_deg=45.0),
        "facing backwards": Place(straight, turned_deg=180.0, status=EpisodeStatus.REVERSED),
        "standing still": Place(straight, speed_mps=0.0, status=EpisodeStatus.IMMOBILIZED),
        "at 4 m/s": Place(straight, speed_mps=4.0),
        "in the sharpest corner": Place(corner),
        "past the last waypoint": Place(1 - 1e-6),
        "backed over the start": Place(0.99, first_step=2, start_fraction=0.0),
        "nearly round": Place(0.99, first_step=250, start_fraction=0.0),
        "lap complete": Place(1 - 1e-9, first_step=250, start_fraction=0.0, status=EpisodeStatus.LAP_COMPLETE),
        "crashed into something": Place(straight, status=EpisodeStatus.CRASHED),
    }
    forward = [Situation(title, drive(track, place)) for title, place in places.items()]
    reverse = [
        Situation(f"{title}, other direction", drive(track, places[title], is_reversed=True))
        for title in (
            "at the start",
            "on the centre line, fast",
            "in the sharpest corner",
            "past the last waypoint",
        )
    ]
    return forward + reverse + _with_objects(track, straight)


def _with_objects(track: Track, straight: float) -> list[Situation]:
    """Situations on a straight of the track among boxes and cars, the car in the right lane; all end alike."""
    box, other_box = Thing(Kind.BOX, 0.8, -0.5), Thing(Kind.PARCEL, 0.8, 0.5)
    slow_bot = Thing(Kind.BOT_CAR, 0.6, -0.5, 0.3)
    nothing = Thing(Kind.NOTHING, 0.5, 0.0)
    many = [Thing(Kind.STRIPED_BOX, 1.0 + 2.0 * i, 0.5 * (-1) ** i) for i in range(6)]
    bots = [Thing(Kind.BOT_CAR, -0.5 - 1.5 * i, 0.5 * (-1) ** i, 0.5) for i in range(6)]

    def among(*things: Thing, lap_fraction: float = straight, **place: Any) -> Place:
        return Place(lap_fraction, -0.5, things=things, **place)

    crashed, counts = EpisodeStatus.CRASHED, Column
    places = {
        "a box ahead in the same lane": among(box),
        "a box ahead in the other lane": among(other_box),
        "a box in each lane ahead": among(box, replace(other_box, ahead_m=2.8)),
        "a box ahead, beyond the start": among(box, lap_fraction=1 - 1e-4),
        "a box just passed": among(replace(box, ahead_m=-0.5)),
        "crashed into a box": among(replace(box, ahead_m=0.2), status=crashed, counted=(counts.CONTACTS,)),
        "a slow bot ahead": among(slow_bot),
        "a bot beside": among(Thing(Kind.BOT_CAR, -0.1, 0.5, FAST_MPS)),
        "a bot close behind": among(Thing(Kind.BOT_CAR, -0.5, -0.5, FAST_MPS)),
        "overtook a bot": among(Thing(Kind.BOT_CAR, -0.02, 0.5, 0.4), counted=(counts.OVERTAKES,)),
        "was overtaken": among(Thing(Kind.LEARNED_CAR, 0.02, 0.5, 1.5), counted=(counts.OVERTAKEN,)),
        "was touched from behind": among(Thing(Kind.BOT_CAR, -0.43, -0.5, 1.1), counted=(counts.CONTACTS,)),
        "another learned car ahead": among(Thing(Kind.LEARNED_CAR, 0.7, 0.0, FAST_MPS)),
        "crashed into a bot": among(replace(slow_bot, ahead_m=0.15), status=crashed, counted=(counts.CONTACTS,)),
        "six boxes and six bots": among(*many, *bots),
        "objects that do not take part": among(nothing, nothing),
    }
    forward = [Situation(title, drive(track, place)) for title, place in places.items()]
    reverse = [
        Situation(f"{title}, other direction", drive(track, places[title], is_reversed=True))
        for title in ("a box ahead in the same lane", "a slow bot ahead")
    ]
    return forward + reverse


def everywhere(tracks: Sequence[Track]) -> dict[str, list[Situation]]:
    """Places along every track, from side to side: those of the first, and those of all others."""
    groups: dict[str, list[Situation]] = {}
    for index, track in enumerate(tracks):
        count = PLACES if index == 0 else PLACES_ELSEWHERE
        places = [Place((i + 0.5) / count, 0.6 * (i % 3 - 1), first_step=2 + i) for i in range(count)]
        name = f"all along {track.name if index == 0 else f'{len(tracks) - 1} other tracks'}"
        for is_reversed, way in ((False, ""), (True, ", other direction")):
            title = f"{track.name}{way}"
            drives = [Situation(title, drive(track, place, index, is_reversed)) for place in places]
            groups.setdefault(f"{name}{way}", []).extend(drives)
    return groups


def drive(track: Track, place: Place, track_index: int = 0, is_reversed: bool = False) -> Floats:
    """(STEPS, row_length(things)) rows of a car that reaches the place in its last step, moving as it is turned."""
    road = track.reversed() if is_reversed else track
    arc_m = place.lap_fraction * road.length_m
    half_m = road.half_widths_m(arc_m)[0 if place.side_fraction >= 0 else 1]
    heading = float(road.heading_rad(arc_m)) + np.radians(place.turned_deg)
    last = road.position(arc_m, place.side_fraction * half_m)
    back_m = place.speed_mps * STEP_S * np.arange(STEPS - 1, -1, -1.0)
    front = last - back_m[:, None] * np.array([np.cos(heading), np.sin(heading)])
    rows = np.zeros((STEPS, len(Column)))
    _put_position(rows, road, front, np.full(STEPS, heading), near_arc_m=arc_m - back_m)
    start_m = (rows[0, Column.ARC_M] - 0.1) if place.start_fraction is None else place.start_fraction * road.length_m
    driven = rows[:, Column.ARC_M] - start_m
    driven = np.mod(driven, road.length_m) if road.closed else driven
    rows[:, Column.PROGRESS_PERCENT] = np.minimum(100.0, 100.0 * driven / road.length_m)
    if place.start_fraction is not None and place.first_step < 100:
        rows[:, Column.PROGRESS_PERCENT] -= 100.0
    rows[:, Column.STEPS] = place.first_step + np.arange(STEPS)
    rows[:, Column.TIME_S] = STEP_S * (rows[:, Column.STEPS] - 1)
    rows[:, [Column.COMMANDED_SPEED_MPS, Column.MEASURED_SPEED_MPS]] = place.speed_mps
    rows[:, [Column.COMMANDED_STEERING_ANGLE_DEG, Column.MEASURED_STEERING_ANGLE_DEG]] = place.steering_deg
    rows[:, Column.IS_REVERSED] = is_reversed
    rows[:, Column.TRACK_INDEX] = track_index
    rows[:, Column.STATUS] = EpisodeStatus.IN_PROGRESS
    rows[-1, Column.STATUS] = place.status
    rows[-1, Column.IS_CRASHED] = place.status == EpisodeStatus.CRASHED
    if place.status == EpisodeStatus.LAP_COMPLETE:
        rows[-1, Column.PROGRESS_PERCENT] = 100.0
    rows[-1, list(place.counted)] += 1
    return with_things(rows, road, place.things, STEP_S)


def _put_position(
    rows: Floats, road: Track, front_m: Floats, heading_rad: Floats, near_arc_m: Floats | None = None
) -> None:
    """Fill in everything that follows from where the front of the car is and how it is turned."""
    arc_m, lateral_m = road.project(front_m, near_arc_m)
    wheels = wheels_on_track(road, front_m, heading_rad)
    previous = np.searchsorted(road.waypoint_arcs_m, arc_m, side="right") - 1
    rows[:, [Column.X_M, Column.Y_M]] = front_m
    rows[:, Column.HEADING_RAD] = heading_rad
    rows[:, Column.ARC_M] = arc_m
    rows[:, Column.LATERAL_M] = lateral_m
    rows[:, Column.TRACK_WIDTH_M] = road.width_m(arc_m)
    rows[:, Column.WHEELS_ON_TRACK] = wheels
    rows[:, Column.IS_OFF_TRACK] = wheels == 0
    rows[:, Column.PREVIOUS_WAYPOINT] = np.clip(previous, 0, len(road.waypoint_arcs_m) - 2)
    rows[:, Column.NEXT_WAYPOINT] = rows[:, Column.PREVIOUS_WAYPOINT] + 1


def wheels_on_track(road: Track, front_m: Floats, heading_rad: Floats, car: CarModel = DEEPRACER) -> NDArray[np.intp]:
    """(n,) number of wheels whose centres are on the road."""
    along = np.array([1, 1, -1, -1]) * car.wheelbase_m / 2 - car.front_offset_m
    across = np.array([1, -1, 1, -1]) * car.track_width_m / 2
    cos, sin = np.cos(heading_rad)[:, None], np.sin(heading_rad)[:, None]
    x = front_m[:, :1] + along * cos - across * sin
    y = front_m[:, 1:] + along * sin + across * cos
    wheels: NDArray[np.intp] = road.on_track(np.stack((x, y), axis=-1)).sum(axis=1)
    return wheels


def on_road(road: Track, front_m: Floats, heading_rad: Floats) -> Floats:
    """(n, len(Column)) rows of a car seen at these places, without what its commands and the clock say."""
    rows = np.zeros((len(front_m), len(Column)))
    _put_position(rows, road, front_m, heading_rad)
    return rows
