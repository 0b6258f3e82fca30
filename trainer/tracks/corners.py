"""Centre lines from corners: straights joined by arcs of a given radius, as tracks are laid with tape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.errors import TrackError
from trainer.tracks.look import Look
from trainer.tracks.track import Track

Floats = NDArray[np.float64]

WAYPOINT_SPACING_M = 0.1


@dataclass(frozen=True, slots=True)
class Corner:
    """Where two straights would meet, and the arc that cuts the corner off; ends of a road have none."""

    x_m: float
    y_m: float
    radius_m: float
    width_m: float


def track_from_corners(
    name: str,
    corners: list[Corner],
    *,
    closed: bool,
    title: str = "",
    description: str = "",
    aliases: tuple[str, ...] = (),
    look: Look | None = None,
    spacing_m: float = WAYPOINT_SPACING_M,
) -> Track:
    """Lay a track through corners. A closed one starts halfway along the straight to its first corner.

    The width is that of each corner at its apex and changes smoothly in between.
    Raises TrackError where two arcs do not fit on the straight between them.
    """
    if len(corners) < (3 if closed else 2):
        raise TrackError(f"Track {name}: {len(corners)} corners. A closed track needs 3, an open one 2.")
    points = np.array([(corner.x_m, corner.y_m) for corner in corners])
    line = rounded_line(name, points, np.array([corner.radius_m for corner in corners]), closed, spacing_m)
    widths_m = smooth_steps(line.arcs_m, line.apex_arcs_m, np.array([corner.width_m for corner in corners]), closed)
    offsets = 0.5 * widths_m[:, None] * line.normals
    return Track(
        name,
        closed,
        line.points_m,
        line.points_m + offsets,
        line.points_m - offsets,
        title,
        description,
        aliases,
        look or Look(),
    )


@dataclass(frozen=True, slots=True)
class RoundedLine:
    """Evenly spaced points along straights and arcs; a closed line repeats its first point last.

    arcs_m: (W,). points_m: (W, 2). normals: (W, 2) to the left. apex_arcs_m: (corners,) middle of each.
    """

    arcs_m: Floats
    points_m: Floats
    normals: Floats
    apex_arcs_m: Floats


def rounded_line(name: str, corners_m: Floats, radii_m: Floats, closed: bool, spacing_m: float) -> RoundedLine:
    """Join corner points (C, 2) by straights and arcs of the given radii; ends of an open line have none."""
    pieces, apex_arcs = _pieces(name, corners_m, radii_m, closed)
    length_m = sum(piece.length_m for piece in pieces)
    arcs = np.linspace(0.0, length_m, max(8, round(length_m / spacing_m)) + 1)
    points, normals = _sample(pieces, arcs)
    if closed:
        points[-1], normals[-1] = points[0], normals[0]
    return RoundedLine(arcs, points, normals, apex_arcs)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A straight (curvature 0) or an arc, from start_m with heading_rad."""

    start_m: Floats
    heading_rad: float
    curvature_1pm: float
    length_m: float

    def at(self, arc_m: Floats) -> tuple[Floats, Floats]:
        """Points and left normals at arc lengths from the start of the piece."""
        heading = self.heading_rad + self.curvature_1pm * arc_m
        normal = np.stack((-np.sin(heading), np.cos(heading)), axis=-1)
        if self.curvature_1pm == 0.0:
            tangent = np.array([np.cos(self.heading_rad), np.sin(self.heading_rad)])
            return self.start_m + arc_m[:, None] * tangent, normal
        first = np.array([-np.sin(self.heading_rad), np.cos(self.heading_rad)])
        return self.start_m + (first - normal) / self.curvature_1pm, normal


def _pieces(name: str, points: Floats, radii: Floats, closed: bool) -> tuple[list[_Piece], Floats]:
    """Straights and arcs in driving order, and the arc length of every corner's apex."""
    around = np.concatenate((points[-1:], points, points[:1])) if closed else points
    edges = np.diff(around, axis=0)
    lengths = np.hypot(*edges.T)
    if not (lengths > 0).all():
        raise TrackError(f"Track {name}: two neighbouring corners lie on the same point. Remove one of them.")
    headings = np.arctan2(edges[:, 1], edges[:, 0])
    turns = np.pi - np.mod(np.pi - np.diff(headings), 2 * np.pi)
    radii = radii if closed else radii[1:-1]
    cuts = radii * np.tan(0.5 * np.abs(turns))
    _check_fit(name, lengths, cuts, closed)
    # What the arcs take from either end of every edge. A closed track has its first edge at both ends.
    before = np.concatenate((cuts, cuts[:1] if closed else [0.0]))
    after = np.concatenate((cuts[-1:] if closed else [0.0], cuts))
    straights = lengths - before - after
    position = around[0] + edges[0] / lengths[0] * after[0]
    if closed:
        position = position + edges[0] / lengths[0] * 0.5 * straights[0]
        straights[0] *= 0.5
        straights[-1] *= 0.5
    pieces, apexes, travelled = [], [], 0.0
    for edge in range(len(straights)):
        pieces.append(_Piece(position, headings[edge], 0.0, straights[edge]))
        position = position + straights[edge] * edges[edge] / lengths[edge]
        travelled += straights[edge]
        if edge == len(straights) - 1:
            break
        turn, radius = turns[edge], radii[edge]
        arc = _Piece(position, headings[edge], np.sign(turn) / radius if radius else 0.0, radius * abs(turn))
        pieces.append(arc)
        position = arc.at(np.array([arc.length_m]))[0][0]
        apexes.append(travelled + 0.5 * arc.length_m)
        travelled += arc.length_m
    return pieces, np.array(apexes if closed else [0.0, *apexes, travelled])


def _check_fit(name: str, lengths: Floats, cuts: Floats, closed: bool) -> None:
    """Two neighbouring arcs may not need more than the straight between them."""
    for edge in range(1 if closed else 0, len(lengths)):
        needed = (cuts[edge - 1] if edge > 0 else 0.0) + (cuts[edge % len(cuts)] if edge < len(cuts) or closed else 0.0)
        if needed > lengths[edge] + 1e-9:
            first = edge if closed else edge + 1
            second = first % len(cuts) + 1 if closed else first + 1
            raise TrackError(
                f"Track {name}: the arcs of corners {first} and {second} need "
                f"{needed:.2f} m of the {lengths[edge]:.2f} m between them. Move the corners apart or take "
                f"smaller radii."
            )


def _sample(pieces: list[_Piece], arcs: Floats) -> tuple[Floats, Floats]:
    ends = np.cumsum([piece.length_m for piece in pieces])
    which = np.minimum(np.searchsorted(ends, arcs, side="left"), len(pieces) - 1)
    points, normals = np.empty((len(arcs), 2)), np.empty((len(arcs), 2))
    for index, piece in enumerate(pieces):
        rows = which == index
        points[rows], normals[rows] = piece.at(arcs[rows] - (ends[index] - piece.length_m))
    return points, normals


def smooth_steps(arcs: Floats, knots: Floats, values: Floats, closed: bool) -> Floats:
    """A value at every arc length, moving smoothly from knot to knot. arcs ends with the length."""
    if closed:
        knots = np.concatenate((knots[-1:] - arcs[-1], knots, knots[:1] + arcs[-1]))
        values = np.concatenate((values[-1:], values, values[:1]))
    before = np.clip(np.searchsorted(knots, arcs, side="right") - 1, 0, len(knots) - 2)
    fraction = (arcs - knots[before]) / (knots[before + 1] - knots[before])
    return values[before] + (values[before + 1] - values[before]) * fraction**2 * (3.0 - 2.0 * fraction)
