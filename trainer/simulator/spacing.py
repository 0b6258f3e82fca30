"""Places along a road, at least so far apart: drawn so that every draw succeeds, or spread evenly."""

from __future__ import annotations

from trainer.simulator.kernels import kernel
from trainer.simulator.random_numbers import random_unit


@kernel
def draw_places(places_m, wanted, distance_m, low_m, high_m, per_place_m, zones_m, random, seed, episode, stream):
    """Fill places_m with up to wanted places from low_m to high_m, in order, none of them inside a zone.

    distance_m: the least between two of them. zones_m: (Z, 2) forbidden, in order, apart, within low_m to high_m.
    random: every set of places is equally likely; else they are spread evenly, at most per_place_m apart. Returns how
    many fit.

    A set at least d apart is a set of any places on a road that is shorter by d for each but the first: draw those, and
    put the distances in again. Putting the zones in afterwards only moves places further apart.
    """
    free_m = high_m - low_m
    for z in range(len(zones_m)):
        free_m -= zones_m[z, 1] - zones_m[z, 0]
    if free_m < 0.0 or wanted < 1:
        return 0
    count = min(wanted, int(free_m / distance_m + 1e-9) + 1)
    spare_m = max(free_m - (count - 1) * distance_m, 0.0)
    if random:
        for k in range(count):
            insert(places_m, k, spare_m * random_unit(seed, episode, stream, k))
        apart_m = distance_m
    else:
        apart_m = max(min(per_place_m, free_m / max(count - 1, 1)), distance_m)
        places_m[:count] = 0.5 * (free_m - (count - 1) * apart_m)
    for k in range(count):
        place_m = low_m + places_m[k] + k * apart_m
        for z in range(len(zones_m)):
            if place_m >= zones_m[z, 0]:
                place_m += zones_m[z, 1] - zones_m[z, 0]
        places_m[k] = place_m
    return count


@kernel
def add_zone(zones_m, count, first_m, last_m, low_m, high_m):
    """Forbid a stretch, cut to low_m to high_m, and keep zones_m[:count] in order and apart; returns their number."""
    first_m, last_m = max(first_m, low_m), min(last_m, high_m)
    if first_m >= last_m:
        return count
    kept = 0
    for z in range(count):
        if zones_m[z, 1] < first_m or zones_m[z, 0] > last_m:
            zones_m[kept] = zones_m[z]
            kept += 1
        else:
            first_m, last_m = min(first_m, zones_m[z, 0]), max(last_m, zones_m[z, 1])
    at = kept
    while at > 0 and zones_m[at - 1, 0] > first_m:
        zones_m[at] = zones_m[at - 1]
        at -= 1
    zones_m[at, 0], zones_m[at, 1] = first_m, last_m
    return kept + 1


@kernel
def insert(values, count, value):
    """Put a value where it belongs among the count ascending ones that are there."""
    at = count
    while at > 0 and values[at - 1] > value:
        values[at] = values[at - 1]
        at -= 1
    values[at] = value
