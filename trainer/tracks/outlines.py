"""Random closed outlines: the corner points that a generated track is laid through."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Cell = tuple[int, int]

# Streets in either direction of the town that blocks grow in; far more than a track ever reaches across.
BLOCKS = 64
NEIGHBOURS: tuple[Cell, ...] = ((1, 0), (0, 1), (-1, 0), (0, -1))
# The eight cells around one, in order, so that runs of occupied ones can be counted.
AROUND: tuple[Cell, ...] = ((1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1))


def random_outline(rng: np.random.Generator, length_m: float, spacing_m: float) -> Floats:
    """(M, 2) corner points of a loop of roughly length_m whose parts keep roughly spacing_m apart.

    Three families, because real tracks come in three kinds: street blocks with hairpins around the gaps,
    tours through scattered points with corners of every angle, and rings.
    """
    # Rings of long tracks have hardly a corner; a sixth of the short ones is enough of them.
    ring = 0.17 if length_m < 30.0 else 0.04
    family = rng.choice(3, p=(0.5, 0.5 - ring, ring))
    if family == 0:
        outline = _blocks(rng, length_m, spacing_m)
    elif family == 1:
        outline = _tour(rng, length_m, spacing_m)
    else:
        outline = _ring(rng, length_m, spacing_m)
    return _with_bumps(rng, outline, spacing_m)


def _blocks(rng: np.random.Generator, length_m: float, spacing_m: float) -> Floats:
    """The boundary of a random figure of street blocks, shaken a little. Some streets have long blocks."""
    block_m = spacing_m * rng.uniform(1.0, 1.4)
    long_m = block_m + rng.exponential(0.12) * length_m * (rng.random((2, BLOCKS)) < 0.35)
    lines = np.cumsum(np.where(rng.random((2, BLOCKS)) < 0.5, block_m, np.minimum(long_m, 0.2 * length_m)), axis=1)
    boundary = _grown(rng, lines, 1.06 * length_m, arms=rng.uniform(0.0, 1.0))
    points = np.stack([lines[axis, boundary[:, axis]] for axis in (0, 1)], axis=-1)
    points += block_m * rng.uniform(-0.25, 0.25, points.shape) * rng.choice([0.0, 0.6, 1.0])
    return points


def _grown(rng: np.random.Generator, lines: Floats, length_m: float, arms: float) -> NDArray[np.int_]:
    """Boundary of a figure of blocks between lines, grown until it is long enough; it has no holes."""
    cells: set[Cell] = {(BLOCKS // 2, BLOCKS // 2)}
    boundary = _boundary(cells)
    while _around_m(lines, boundary) < length_m:
        frontier = sorted({(x + dx, y + dy) for x, y in cells for dx, dy in NEIGHBOURS} - cells)
        allowed = [cell for cell in frontier if _runs_around(cells, cell) == 1]
        lonely = [sum((x + dx, y + dy) in cells for dx, dy in AROUND) <= 2 for x, y in allowed]
        weights = np.where(lonely, 1.0 + 6.0 * arms, 1.0)
        cells.add(allowed[rng.choice(len(allowed), p=weights / weights.sum())])
        boundary = _boundary(cells)
    return boundary


def _around_m(lines: Floats, boundary: NDArray[np.int_]) -> float:
    x, y = lines[0, boundary[:, 0]], lines[1, boundary[:, 1]]
    return float(np.abs(x - np.roll(x, 1)).sum() + np.abs(y - np.roll(y, 1)).sum())


def _runs_around(cells: set[Cell], cell: Cell) -> int:
    """How many separate runs of occupied cells surround one; if one, adding it keeps the figure simple."""
    occupied = [(cell[0] + dx, cell[1] + dy) in cells for dx, dy in AROUND]
    return sum(now and not before for before, now in zip(occupied[-1:] + occupied, occupied, strict=False))


def _boundary(cells: set[Cell]) -> NDArray[np.int_]:
    """Corners of the figure's boundary, counter-clockwise."""
    edges: dict[Cell, Cell] = {}
    for x, y in cells:
        corners = ((x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1))
        outside = ((x, y - 1), (x + 1, y), (x, y + 1), (x - 1, y))
        for side in range(4):
            if outside[side] not in cells:
                edges[corners[side]] = corners[(side + 1) % 4]
    start = min(edges)
    walk = [start]
    while edges[walk[-1]] != start:
        walk.append(edges[walk[-1]])
    points = np.array(walk)
    before, after = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    kept: NDArray[np.int_] = points[before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]]
    return kept


def _tour(rng: np.random.Generator, length_m: float, spacing_m: float) -> Floats:
    """A short way through scattered points: no shortest tour crosses itself."""
    edge_m = spacing_m * rng.uniform(1.1, 2.0)
    count = max(4, round(1.05 * length_m / edge_m))
    side_m = edge_m * np.sqrt(count) * 1.1
    box = side_m * np.exp(np.array([1.0, -1.0]) * rng.uniform(-0.4, 0.4))
    points: list[Floats] = []
    for _ in range(40 * count):
        point = rng.uniform(0.0, 1.0, 2) * box
        if all(np.hypot(*(point - other)) > 0.8 * edge_m for other in points):
            points.append(point)
        if len(points) == count:
            break
    return _untangled(np.array(points))


def _untangled(points: Floats) -> Floats:
    """2-opt: turn stretches of the tour round as long as that makes it shorter (Croes 1958)."""
    order = list(range(len(points)))
    distance = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
    better = True
    while better:
        better = False
        for i in range(len(order) - 2):
            for j in range(i + 2, len(order) - (i == 0)):
                a, b, c, d = order[i], order[i + 1], order[j], order[(j + 1) % len(order)]
                if distance[a, c] + distance[b, d] < distance[a, b] + distance[c, d] - 1e-9:
                    order[i + 1 : j + 1] = order[i + 1 : j + 1][::-1]
                    better = True
    return points[order]


def _ring(rng: np.random.Generator, length_m: float, spacing_m: float) -> Floats:
    """Corners around a middle at uneven distances and angles: ovals, beans and triangles."""
    count = int(np.clip(round(length_m / (spacing_m * rng.uniform(1.2, 2.5))), 3, 14))
    angles = 2 * np.pi * (np.arange(count) + rng.uniform(-0.3, 0.3, count)) / count
    distances = rng.uniform(1.0 - rng.uniform(0.0, 0.65), 1.0, count)
    points = distances[:, None] * np.stack((np.cos(angles), np.sin(angles)), axis=-1)
    stretch = np.exp(rng.uniform(-0.4, 0.4))
    ring: Floats = points * length_m / (2 * np.pi) * np.array([stretch, 1.0 / stretch])
    return ring


def _with_bumps(rng: np.random.Generator, points: Floats, spacing_m: float) -> Floats:
    """Some long edges get a dent, a bulge or a chicane."""
    chance = rng.choice([0.0, 0.25, 0.6])
    result: list[Floats] = []
    for start, end in zip(points, np.roll(points, -1, axis=0), strict=True):
        result.append(start)
        edge = end - start
        length = float(np.hypot(*edge))
        if length < 2.2 * spacing_m or rng.random() > chance:
            continue
        normal = np.array([-edge[1], edge[0]]) / length
        depth = spacing_m * rng.uniform(0.15, 0.5) * rng.choice([-1.0, 1.0])
        middle, half = rng.uniform(0.4, 0.6), rng.uniform(0.08, 0.2)
        shifts = [(middle, depth)] if rng.random() < 0.5 else [(middle - half, depth), (middle + half, depth)]
        if rng.random() < 0.3:
            shifts = [(middle - half, depth), (middle + half, -depth)]
        result += [start + fraction * edge + shift * normal for fraction, shift in shifts]
    return np.array(result)
