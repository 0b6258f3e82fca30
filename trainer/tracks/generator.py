"""Fair random tracks from a seed: closed, drivable, as varied as the tracks people race on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shared.errors import TrackError
from trainer.tracks.corners import WAYPOINT_SPACING_M, rounded_line, smooth_steps
from trainer.tracks.outlines import random_outline
from trainer.tracks.track import Track
from trainer.tracks.validity import check_track

Floats = NDArray[np.float64]

LENGTH_RANGE_M = (8.0, 200.0)
WIDTH_RANGE_M = (0.56, 3.0)
TIGHTNESS_RANGE = (0.0, 1.0)
VARIATION_RANGE = (0.0, 2.5)
SHORTEST_IN_WIDTHS = 12  # a shorter loop has no room for its own road
# Between two roads that pass each other lies at least this much field.
GAP_M = 0.25
# The smallest radius of the inner border, at tightness 0 and 1.
INNER_RADIUS_M = (0.9, 0.04)
# The largest radius that a corner asks for, at tightness 0 and 1.
LARGEST_RADIUS_M = (4.0, 1.6)
NARROWEST_M = 0.56
ATTEMPTS = 400
# Widening of a road to either side, per metre driven.
WIDENING = 0.25


def generate_track(
    seed: int,
    length_m: float | None = None,
    width_m: float | None = None,
    tightness: float | None = None,
    width_variation: float | None = None,
) -> Track:
    """A random closed track; the same arguments give the same track. What is None is drawn from the seed.

    length_m: length of the centre line, within a millimetre.
    width_m: mean road width.
    tightness: 0 wide sweeps, 1 corners as tight as the road width allows.
    width_variation: how much wider than the narrowest place the widest may be, 0 to 2.5: 1 is twice as wide.
    """
    if seed < 0:
        raise TrackError(f"A seed of {seed} is not possible. Give 0 or more.")
    rng = np.random.default_rng((seed, 0x7261636B))
    drawn = _draw_arguments(rng)
    given = (length_m, width_m, tightness, width_variation)
    chosen = tuple(drawn if asked is None else float(asked) for asked, drawn in zip(given, drawn, strict=True))
    length, width, tight, variation = chosen
    _check_arguments(length, width, tight, variation)
    name = f"generated_{seed}"
    if any(asked is not None for asked in given):
        name += "".join(f"_{key}{100 * value:.0f}" for key, value in zip("LWTV", chosen, strict=True))
    title = f"Generated {seed}"
    for _ in range(ATTEMPTS):
        centre = _centre_line(rng, length, width, tight)
        if centre is None:
            continue
        track = _laid(rng, centre, width, variation, name, title)
        if track is not None:
            return track
    raise TrackError(
        f"No fair track of {length:g} m length, {width:g} m width and tightness {tight:g} was found in "
        f"{ATTEMPTS} attempts. Make it longer, narrower or tighter."
    )


def _draw_arguments(rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Length, width, tightness and width variation, over the range of the tracks people race on."""
    width_m = rng.choice([rng.uniform(0.6, 0.8), rng.uniform(0.8, 1.1), rng.uniform(1.1, 1.45)], p=(0.5, 0.4, 0.1))
    length_m = np.exp(rng.uniform(np.log(16.0), np.log(65.0)))
    variation = rng.choice([0.0, rng.uniform(0.3, 2.0)], p=(0.5, 0.5))
    return float(length_m), float(width_m), float(rng.uniform(0.45, 1.0)), float(variation)


def _check_arguments(length_m: float, width_m: float, tightness: float, width_variation: float) -> None:
    ranges = {
        "length_m": (length_m, *LENGTH_RANGE_M),
        "width_m": (width_m, *WIDTH_RANGE_M),
        "tightness": (tightness, *TIGHTNESS_RANGE),
        "width_variation": (width_variation, *VARIATION_RANGE),
    }
    for name, (value, low, high) in ranges.items():
        if not low <= value <= high:
            raise TrackError(f"A generated track with {name} = {value:g} is not possible: {low:g} to {high:g} is.")
    if length_m < SHORTEST_IN_WIDTHS * width_m:
        raise TrackError(
            f"A loop of {length_m:g} m cannot be {width_m:g} m wide. "
            f"Give a length_m of at least {SHORTEST_IN_WIDTHS * width_m:g}."
        )


def _between(ends: tuple[float, float], fraction: float) -> float:
    return float(ends[0] ** (1.0 - fraction) * ends[1] ** fraction)


def _centre_line(rng: np.random.Generator, length_m: float, width_m: float, tightness: float) -> Floats | None:
    """(W, 2) points of a random smooth loop, first repeated last; None if its corners do not fit."""
    smallest_m = 0.5 * width_m + _between(INNER_RADIUS_M, tightness)
    spacing_m = max(width_m + GAP_M, 2.0 * smallest_m) * rng.uniform(1.0, 1.5)
    points = _turned(rng, random_outline(rng, length_m, spacing_m))
    largest_m = max(1.2 * smallest_m, _between(LARGEST_RADIUS_M, tightness) * rng.uniform(0.5, 1.0))
    wishes = rng.uniform(0.0, 1.0, len(points)) ** rng.uniform(0.7, 2.0)
    wanted = smallest_m + wishes * (largest_m - smallest_m)
    smoothing_m = smallest_m * rng.choice([0.0, 0.25, 0.5, 0.9])
    for _ in range(4):
        points, wanted = _fitting(points, wanted, smallest_m)
        if len(points) < 3:
            return None
        radii = _shared_radii(points, wanted, smallest_m)
        line = rounded_line("", points, radii, True, WAYPOINT_SPACING_M)
        scale = length_m / line.arcs_m[-1]
        points = points * scale
    if abs(scale - 1.0) > 0.02:
        return None
    centre = _evenly_spaced(_smoothed(line.points_m, smoothing_m), length_m)
    sharpest_1pm = np.abs(_curvatures_1pm(centre, 0.5)).max()
    return centre if sharpest_1pm * smallest_m < 1.03 else None


def _turned(rng: np.random.Generator, points: Floats) -> Floats:
    """The outline turned at random, driven either way, its longest edge last: there the start is."""
    angle = rng.uniform(0.0, 2.0 * np.pi)
    points = points @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    points = points[:: rng.choice([-1, 1])]
    edges = np.hypot(*(np.roll(points, -1, axis=0) - points).T)
    return np.roll(points, -1 - int(np.argmax(edges)), axis=0)


def _fitting(points: Floats, wanted: Floats, smallest_m: float) -> tuple[Floats, Floats]:
    """Drop corners until arcs of the smallest radius fit everywhere."""
    while len(points) >= 3:
        edges, cuts_per_m = _edges_and_cuts(points)
        needed = smallest_m * (cuts_per_m + np.roll(cuts_per_m, -1))
        worst = int(np.argmax(needed - edges))
        if needed[worst] < edges[worst]:
            break
        # The sharper end of the edge goes, unless the other one is hardly a corner at all.
        ends = (worst, (worst + 1) % len(points))
        drop = max(ends, key=lambda corner: float(cuts_per_m[corner]))
        points, wanted = np.delete(points, drop, axis=0), np.delete(wanted, drop)
    return points, wanted


def _shared_radii(points: Floats, wanted: Floats, smallest_m: float) -> Floats:
    """Radii of at most what is wanted; neighbours share the straight between them. The smallest ones fit."""
    edges, cuts_per_m = _edges_and_cuts(points)
    more = (wanted - smallest_m) * cuts_per_m
    free = edges - smallest_m * (cuts_per_m + np.roll(cuts_per_m, -1))
    share = np.minimum(1.0, free / np.maximum(more + np.roll(more, -1), 1e-12))
    return smallest_m + (wanted - smallest_m) * np.minimum(share, np.roll(share, 1)) * (1.0 - 1e-9)


def _edges_and_cuts(points: Floats) -> tuple[Floats, Floats]:
    """Length of the edge after every corner, and how much of it an arc of radius 1 would take."""
    after = np.roll(points, -1, axis=0) - points
    before = np.roll(after, 1, axis=0)
    turns = np.arctan2(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0], (before * after).sum(axis=1))
    return np.hypot(*after.T), np.tan(0.5 * np.minimum(np.abs(turns), 3.1))


def _smoothed(line: Floats, width_m: float) -> Floats:
    """Convolve a closed line with a Gaussian of this standard deviation: arcs begin and end gently."""
    spacing_m = np.hypot(*np.diff(line, axis=0).T).mean()
    frequencies = np.fft.rfftfreq(len(line) - 1, spacing_m)
    damping = np.exp(-2.0 * (np.pi * frequencies * width_m) ** 2)
    smooth = np.fft.irfft(np.fft.rfft(line[:-1], axis=0) * damping[:, None], len(line) - 1, axis=0)
    return np.concatenate((smooth, smooth[:1]))


def _evenly_spaced(line: Floats, length_m: float) -> Floats:
    """The same loop scaled to the length, its middle at the origin, with waypoints at even distances."""
    for _ in range(3):
        arcs = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))))
        even = np.linspace(0.0, arcs[-1], max(16, round(length_m / WAYPOINT_SPACING_M)) + 1)
        line = np.stack([np.interp(even, arcs, column) for column in line.T], axis=-1)
        line[-1] = line[0]
        line = (line - line[:-1].mean(axis=0)) * (length_m / np.hypot(*np.diff(line, axis=0).T).sum())
    return line


def _curvatures_1pm(line: Floats, over_m: float) -> Floats:
    """(W,) turn per metre around every waypoint of a closed line, over a stretch of this length."""
    steps = np.diff(line, axis=0)
    headings = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
    total = 2.0 * np.pi * np.round((headings[-1] - headings[0]) / (2.0 * np.pi))
    ahead = max(1, round(0.5 * over_m / WAYPOINT_SPACING_M))
    laps = np.concatenate((headings[-ahead:] - total, headings, headings[: ahead + 1] + total))
    turns = laps[2 * ahead :] - laps[: -2 * ahead]
    curvatures: Floats = turns / (2 * ahead * np.hypot(*steps.T).mean())
    return curvatures


def _laid(
    rng: np.random.Generator, centre: Floats, width_m: float, variation: float, name: str, title: str
) -> Track | None:
    """A track along the centre line, or None where its borders would run backwards or come too close."""
    after = np.roll(centre[:-1], -1, axis=0) - np.roll(centre[:-1], 1, axis=0)
    normals = np.stack((-after[:, 1], after[:, 0]), axis=-1) / np.hypot(*after.T)[:, None]
    normals = np.concatenate((normals, normals[:1]))
    halves_m = 0.5 * _local_widths_m(rng, centre, width_m, variation)[:, None]
    left, right = centre + halves_m * normals, centre - halves_m * normals
    steps = np.diff(centre, axis=0)
    if any((np.diff(border, axis=0) * steps).sum(axis=1).min() <= 0.0 for border in (left, right)):
        return None
    fence = 0.5 * GAP_M * normals
    try:
        check_track(Track(name, True, centre, left + fence, right - fence))
    except TrackError:
        return None
    return Track(name, True, centre, left, right, title)


def _local_widths_m(rng: np.random.Generator, centre: Floats, width_m: float, variation: float) -> Floats:
    """A width for every waypoint: a narrow road with bulges, nowhere wider than its corners allow."""
    arcs = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(centre, axis=0).T))))
    bulges = _bulges(rng, arcs)
    widest_m = 2.0 * _room_m(arcs, np.abs(_curvatures_1pm(centre, 0.2)))
    narrow_m = width_m
    for _ in range(6):
        # The mean stays as asked: the narrow road follows, and the bulges shrink where there is no room.
        mean = bulges[:-1].mean()
        variation = min(variation, (width_m / NARROWEST_M - 1.0) / max(mean, 1e-9))
        narrow_m = width_m / (1.0 + variation * mean)
        bulges = np.minimum(bulges, np.maximum(widest_m / narrow_m - 1.0, 0.0) / max(variation, 1e-9))
    widths: Floats = narrow_m * (1.0 + variation * bulges)
    scaled: Floats = widths * (width_m / widths[:-1].mean())
    return scaled


def _room_m(arcs: Floats, curvatures_1pm: Floats) -> Floats:
    """Half width that the tightest corner nearby leaves room for; it may grow with the distance."""
    at_the_corner_m = 1.0 / np.maximum(curvatures_1pm, 0.1) - INNER_RADIUS_M[1]
    apart_m = np.abs(arcs[:, None] - arcs)
    apart_m = np.minimum(apart_m, arcs[-1] - apart_m)
    room: Floats = (at_the_corner_m + WIDENING * apart_m).min(axis=1)
    return room


def _bulges(rng: np.random.Generator, arcs: Floats) -> Floats:
    """0 on most of the lap, 1 at the widest place, smooth in between."""
    count = max(4, int(arcs[-1] / rng.uniform(1.8, 4.0)))
    knots = (np.arange(count) + rng.uniform(0.1, 0.9, count)) * arcs[-1] / count
    heights = rng.exponential(1.0, count) * (rng.random(count) < 0.5)
    heights[rng.integers(count)] = max(heights.max(), 1.0)
    heights[np.argmin(heights)] = 0.0
    return smooth_steps(arcs, knots, heights / heights.max(), closed=True)
