"""Whether a race fits on its roads: counts and distances of boxes, bots and cars against the length of a lap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from shared.errors import SettingsError
from trainer.config import GENERATED_TRACKS, TrainingSettings
from trainer.simulator.race import BoxSettings, RaceSettings, parse_position
from trainer.simulator.things import BOX_LENGTH_M
from trainer.tracks import load_track

BEHIND_START_M = 1.0  # nothing is laid that near behind a car's start, nor bots ahead of it
KEYS = {"boxes": "simulator.race.boxes", "bots": "simulator.race.bots"}


def check_race_fits(settings: TrainingSettings) -> None:
    """Refuse a race that one of its roads is too short for.

    Raises:
        SettingsError: names the road, what does not fit, and how many would.
    """
    race = settings.simulator.race
    if race.object_count == 0:
        return
    for name, length_m in road_lengths_m(settings):
        check_fits(race, name, length_m)


def road_lengths_m(settings: TrainingSettings) -> Iterable[tuple[str, float]]:
    """Name and length of every road of a training; of generated ones only the shortest that there may be."""
    for name in settings.tracks:
        if name == GENERATED_TRACKS:
            yield "the shortest generated track (generated.length_m)", settings.generated.length_m[0]
        else:
            track = load_track(name)
            yield f"track {track.name}", track.length_m


def check_fits(race: RaceSettings, name: str, length_m: float) -> None:
    """SettingsError unless boxes, bots and the start grid each have room on a road of this length."""
    grid_m = (race.cars_per_world - 1) * race.grid_gap_m
    ahead_m = {"boxes": race.boxes.start_gap_m + 0.5 * BOX_LENGTH_M, "bots": BEHIND_START_M}
    for what, settings in (("boxes", race.boxes), ("bots", race.bots)):
        if isinstance(settings, BoxSettings) and settings.positions:
            _check_positions(settings.positions, name, length_m)
            continue
        free_m = length_m - ahead_m[what] - BEHIND_START_M - grid_m
        most = int(free_m / settings.min_distance_m + 1e-9) + 1 if free_m >= 0 else 0
        if settings.count > most:
            raise SettingsError(
                f"{settings.count} {what} at least {settings.min_distance_m:g} m apart do not fit on {name}, which is "
                f"{length_m:.1f} m long: there is room for {most}. Lower {KEYS[what]}.count or "
                f"{KEYS[what]}.min_distance_m, or choose a longer track."
            )
    if grid_m > 0.5 * length_m:
        raise SettingsError(
            f"A start grid of {race.cars_per_world} cars {race.grid_gap_m:g} m apart takes more than half of {name}, "
            f"which is {length_m:.1f} m long. Lower simulator.race.grid_gap_m, or choose a longer track."
        )


def _check_positions(positions: Sequence[str], name: str, length_m: float) -> None:
    """No two boxes in one place."""
    places = [parse_position(text) for text in positions]
    for number, (fraction, lane) in enumerate(places):
        for other, (its_fraction, its_lane) in enumerate(places[:number]):
            apart = abs(fraction - its_fraction)
            if lane == its_lane and min(apart, 1.0 - apart) * length_m < BOX_LENGTH_M:
                raise SettingsError(
                    f'The boxes at "{positions[other]}" and "{positions[number]}" stand in each other on {name}. '
                    "Move one of simulator.race.boxes.positions."
                )
