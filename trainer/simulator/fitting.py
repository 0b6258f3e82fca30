"""Whether what the settings want on the road has room there, on each track; said before anything drives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shared.cars import CarModel
from shared.errors import SimulationError
from trainer.simulator.laying import CLOSEST_M, END_GAP_M, WAY_GAP_M
from trainer.simulator.race import parse_position
from trainer.simulator.settings import SimulatorSettings
from trainer.simulator.things import BOX_LENGTH_M, BOX_WIDTH_M
from trainer.simulator.track_arrays import inner_side
from trainer.tracks import Track

# Road widths are looked at this often.
PROBE_M = 0.05
# What a bot needs between two boxes beside the way that its change of lanes takes.
ROOM_M = 0.1
FURTHEST_OUT = 0.75


def check_fits(tracks: Sequence[Track], settings: SimulatorSettings, car: CarModel) -> None:
    """SimulationError, with what would fit, unless boxes, bots and the start grid have room on every track."""
    race = settings.race
    for track in tracks:
        tail_m = (race.cars_per_world - 1) * race.grid_gap_m
        if not track.closed:
            tail_m += 0.5 * car.wheelbase_m  # where the last car of the grid stands
        if tail_m + CLOSEST_M > track.length_m:
            raise SimulationError(
                f"Track '{track.name}' is {track.length_m:.1f} m long: {race.cars_per_world} cars "
                f"{race.grid_gap_m:g} m behind one another do not fit. Use fewer, or a smaller race.grid_gap_m."
            )
        if race.boxes.count:
            if not race.boxes.positions:
                ahead_m = car.front_offset_m + race.boxes.start_gap_m + box_reach_m(settings)
                _check_spacing(track, "boxes", race.boxes.count, race.boxes.min_distance_m, ahead_m, tail_m)
            _check_passage(track, settings, car)
        if race.bots.count:
            _check_spacing(track, "bots", race.bots.count, race.bots.min_distance_m, CLOSEST_M, tail_m)
            _check_lanes(track, car)
        if race.boxes.count and race.bots.count:
            _check_way_round(track, settings, car)


def box_reach_m(settings: SimulatorSettings) -> float:
    """The most that a box can reach along the road from its middle: the longest kind at its largest."""
    return 0.5 * BOX_LENGTH_M * settings.randomisation.range_of("object_size")[1]


def _check_spacing(track: Track, name: str, count: int, distance_m: float, ahead_m: float, tail_m: float) -> None:
    """Room between the end of the free road ahead of the start and its beginning behind it, on a loop."""
    if track.closed:
        free_m = track.length_m - ahead_m - CLOSEST_M - tail_m
        widest_m = min(track.length_m / count, free_m / max(count - 1, 1))
        most = min(int(track.length_m / distance_m), int(max(free_m, 0.0) / distance_m) + 1)
    else:
        free_m = track.length_m - ahead_m - END_GAP_M - tail_m
        widest_m = free_m / max(count - 1, 1)
        most = int(max(free_m, 0.0) / distance_m) + 1
    if free_m >= 0.0 and count <= most:
        return
    advice = f"At most {most} fit so far apart" if free_m >= 0.0 else "None fit"
    if widest_m >= 0.5:
        advice += f", or {count} with a min_distance_m of {math.floor(10 * widest_m) / 10:g}"
    raise SimulationError(
        f"Track '{track.name}' is {track.length_m:.1f} m long: {count} {name} {distance_m:g} m apart do not fit beside "
        f"{ahead_m + CLOSEST_M + tail_m:.1f} m that stay free around the start. {advice}."
    )


def _half_widths(track: Track, settings: SimulatorSettings) -> NDArray[np.float64]:
    """(P, 2) half width in a box's lane, and beside it, at the fixed places or all along the road on both sides."""
    positions = [parse_position(text) for text in settings.race.boxes.positions]
    if positions:
        at_m = np.array([fraction for fraction, _ in positions]) * track.length_m
        left_m, right_m = track.half_widths_m(at_m)
        inner = inner_side(track.waypoints_m)
        on_left = np.array([lane == inner for _, lane in positions])
        return np.where(on_left[:, None], np.stack((left_m, right_m), 1), np.stack((right_m, left_m), 1))
    left_m, right_m = track.half_widths_m(np.arange(0.0, track.length_m, PROBE_M))
    return np.concatenate((np.stack((left_m, right_m), 1), np.stack((right_m, left_m), 1)))


def _reach_across_m(settings: SimulatorSettings, car: CarModel) -> tuple[float, float]:
    """Half of the road's width that the widest kind of box can take, and its jitter as a share of the half width."""
    boxes = settings.race.boxes
    size = settings.randomisation.range_of("object_size")[1]
    half_m = [
        (0.5 * car.length_m, 0.5 * car.width_m)
        if kind == "parked_car"
        else (0.5 * BOX_LENGTH_M * size, 0.5 * BOX_WIDTH_M * size)
        for kind in boxes.kinds
    ]
    if boxes.positions or boxes.placement == "even":
        return max(width for _, width in half_m), 0.0
    turns = np.radians(np.linspace(0.0, min(boxes.turned_deg, 90.0), 31))
    reach_m = max(float((width * np.cos(turns) + length * np.sin(turns)).max()) for length, width in half_m)
    return reach_m, boxes.lateral_jitter


def _check_passage(track: Track, settings: SimulatorSettings, car: CarModel) -> None:
    """A car must get by every box with its middle on the road."""
    reach_m, jitter = _reach_across_m(settings, car)
    own_m, other_m = _half_widths(track, settings).T
    free_m = other_m + (0.5 - jitter) * own_m - reach_m
    worst = int(free_m.argmin())
    if free_m[worst] < 0.5 * car.width_m:
        raise SimulationError(
            f"Track '{track.name}' is {own_m[worst] + other_m[worst]:.2f} m wide at one place: a box there takes "
            f"{2 * reach_m:.2f} m of it and leaves {max(free_m[worst], 0.0):.2f} m on the road, and a car is "
            f'{car.width_m:.2f} m wide. Use kinds = ["parked_car"], a smaller lateral_jitter or turned_deg, other '
            "positions, or a wider track."
        )


def _check_lanes(track: Track, car: CarModel) -> None:
    """A car must get by a bot with its middle on the road."""
    left_m, right_m = track.half_widths_m(np.arange(0.0, track.length_m, PROBE_M))
    narrow_m, wide_m = np.minimum(left_m, right_m), np.maximum(left_m, right_m)
    free_m = float((narrow_m + 0.5 * wide_m).min()) - 0.5 * car.width_m
    if free_m < 0.5 * car.width_m:
        raise SimulationError(
            f"Track '{track.name}' is {float((left_m + right_m).min()):.2f} m wide at its narrowest: a bot leaves "
            f"{max(free_m, 0.0):.2f} m, and a car is {car.width_m:.2f} m wide. Use a wider track for races with bots."
        )


def _check_way_round(track: Track, settings: SimulatorSettings, car: CarModel) -> None:
    """Bots must get by boxes, which make way for them, and have room to change lanes between two of them."""
    boxes, bots = settings.race.boxes, settings.race.bots
    reach_m, _ = _reach_across_m(settings, car)
    own_m, other_m = _half_widths(track, settings).T
    # The middle of a box may move out to this share of the half width.
    free_m = float((FURTHEST_OUT * own_m + 0.5 * other_m).min()) - reach_m - 0.5 * car.width_m - WAY_GAP_M
    if free_m < 0.0:
        raise SimulationError(
            f"Track '{track.name}' has no room for bots beside boxes: it is {-free_m:.2f} m too narrow at one place. "
            'Use kinds = ["parked_car"], a smaller turned_deg, or a wider track.'
        )
    needed_m = way_round_m(settings, car)
    if boxes.positions:
        _check_fixed_boxes(track, [parse_position(text) for text in boxes.positions], needed_m)
    elif track.closed and boxes.count > 1:
        # Boxes nearer together than that stand in one lane; across the start there are as many metres as are free.
        free_m = car.front_offset_m + boxes.start_gap_m + box_reach_m(settings) + CLOSEST_M
        if max(free_m, boxes.min_distance_m) < needed_m:
            raise SimulationError(
                f"Bots need {needed_m:.1f} m to change lanes between two boxes, and across the start boxes may stand "
                f"{max(free_m, boxes.min_distance_m):.1f} m apart. Use a shorter bots.lane_change_distance_m than "
                f"{bots.lane_change_distance_m:g}, or a boxes.min_distance_m of {math.ceil(10 * needed_m) / 10:g}."
            )


def way_round_m(settings: SimulatorSettings, car: CarModel) -> float:
    """How far apart two boxes in different lanes must stand for a bot to get by."""
    return settings.race.bots.lane_change_distance_m + ROOM_M + 2.0 * box_reach_m(settings) + car.length_m


def _check_fixed_boxes(track: Track, positions: list[tuple[float, int]], needed_m: float) -> None:
    """Boxes that follow each other in different lanes must leave room for a bot's change of lanes."""
    ordered = sorted(positions)
    pairs = list(pairwise(ordered))
    if track.closed:
        last, first = ordered[-1], ordered[0]
        pairs.append((last, (first[0] + 1.0, first[1])))
    for (behind, lane), (ahead, other_lane) in pairs:
        apart_m = (ahead - behind) * track.length_m
        if lane != other_lane and apart_m < needed_m:
            raise SimulationError(
                f"Bots need {needed_m:.1f} m to change lanes between two boxes, and those at {behind:g} and "
                f"{ahead % 1.0:g} of track '{track.name}' are {apart_m:.1f} m apart in different lanes. Move one of "
                "them, or use a shorter bots.lane_change_distance_m."
            )
