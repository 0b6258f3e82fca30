"""A track as a value: a centre line with two borders, measured by arc length along it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shared.errors import TrackError
from trainer.tracks.look import Look

Floats = NDArray[np.float64]

# Rows nearer than this are one point of the geometry: real route files repeat rows.
COINCIDENT_M = 1e-6
# Nothing an indoor track is made of lies farther from the origin.
FARTHEST_M = 100_000.0
# Points times segments looked at in one go by project() and on_track(); bounds their memory.
CELLS_PER_CHUNK = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One track in its driving direction. Left and right are those of a driver; metres, world frame.

    name: what commands call it. title: what people call it. aliases: other names it is found under.
    closed: a loop (its first waypoint is repeated last) or a road with two ends.
    waypoints_m, left_border_m, right_border_m: (W, 2); row i of all three belongs together. Rows may repeat.
    waypoint_arcs_m: (W,) arc length of every waypoint; the last one is length_m.

    Every method takes arrays of any shape. Arc lengths wrap on a closed track and are clipped on an open one.
    """

    name: str
    closed: bool
    waypoints_m: Floats
    left_border_m: Floats
    right_border_m: Floats
    title: str = ""
    description: str = ""
    aliases: tuple[str, ...] = ()
    look: Look = field(default_factory=Look)
    waypoint_arcs_m: Floats = field(init=False, repr=False)
    _arcs_m: Floats = field(init=False, repr=False)
    _points_m: Floats = field(init=False, repr=False)
    _headings_rad: Floats = field(init=False, repr=False)
    _widths_m: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        arrays = {}
        for name in ("waypoints_m", "left_border_m", "right_border_m"):
            rows = np.array(getattr(self, name), dtype=np.float64)
            if rows.ndim != 2 or rows.shape[1] != 2 or rows.shape != np.shape(self.waypoints_m):
                raise TrackError(f"Track {self.name}: {name} has shape {rows.shape}; three equal (W, 2) are needed.")
            arrays[name] = rows
        if not all((np.abs(rows) <= FARTHEST_M).all() for rows in arrays.values()):
            raise TrackError(
                f"Track {self.name}: a coordinate is not a number within {FARTHEST_M:.0f} m of the origin. "
                f"Check the file it came from."
            )
        centre, left, right = arrays.values()
        steps_m = np.hypot(*np.diff(centre, axis=0).T)
        arrays["waypoint_arcs_m"] = np.concatenate(([0.0], np.cumsum(steps_m)))
        kept = np.concatenate(([True], steps_m > COINCIDENT_M)) if len(centre) else np.zeros(0, bool)
        if kept.sum() < (4 if self.closed else 2):
            raise TrackError(f"Track {self.name}: {int(kept.sum())} different points in a row do not make a track.")
        if self.closed and np.hypot(*(centre[0] - centre[-1])) > COINCIDENT_M:
            raise TrackError(f"Track {self.name}: a closed track repeats its first waypoint last; this one does not.")
        arrays["_arcs_m"] = arrays["waypoint_arcs_m"][kept]
        arrays["_arcs_m"][-1] = arrays["waypoint_arcs_m"][-1]
        arrays["_points_m"] = centre[kept]
        arrays["_headings_rad"] = _vertex_headings_rad(centre[kept], self.closed)
        halves = (np.hypot(*(left - centre).T), np.hypot(*(right - centre).T), np.hypot(*(left - right).T))
        arrays["_widths_m"] = np.stack(halves)[:, kept]
        for name, values in arrays.items():
            values.flags.writeable = False
            object.__setattr__(self, name, values)

    @property
    def length_m(self) -> float:
        """Length of the centre line."""
        return float(self._arcs_m[-1])

    @property
    def mean_width_m(self) -> float:
        """Mean distance of the two borders over the rows, as route tables give it."""
        return float(np.mean(np.hypot(*(self.left_border_m - self.right_border_m).T)))

    def wrap_arc(self, arc_m: ArrayLike) -> Floats:
        """The same places with arc lengths in 0..length_m."""
        arc = np.asarray(arc_m, dtype=np.float64)
        return np.mod(arc, self.length_m) if self.closed else np.clip(arc, 0.0, self.length_m)

    def position(self, arc_m: ArrayLike, lateral_m: ArrayLike = 0.0) -> Floats:
        """(..., 2) points; lateral_m is measured to the left of the centre line."""
        arc = self.wrap_arc(arc_m)
        heading = self.heading_rad(arc)
        lateral = np.asarray(lateral_m, dtype=np.float64)
        x = np.interp(arc, self._arcs_m, self._points_m[:, 0]) - lateral * np.sin(heading)
        y = np.interp(arc, self._arcs_m, self._points_m[:, 1]) + lateral * np.cos(heading)
        return np.stack((x, y), axis=-1)

    def heading_rad(self, arc_m: ArrayLike) -> Floats:
        """Direction of driving, counter-clockwise from x, in (-pi, pi]; continuous along the track."""
        heading = np.interp(self.wrap_arc(arc_m), self._arcs_m, self._headings_rad)
        return np.pi - np.mod(np.pi - heading, 2 * np.pi)

    def curvature_1pm(self, arc_m: ArrayLike) -> Floats:
        """Change of heading per metre between the neighbouring waypoints, positive in a left turn."""
        slopes: Floats = np.diff(self._headings_rad) / np.diff(self._arcs_m)
        return slopes[self._segment(self.wrap_arc(arc_m))]

    def width_m(self, arc_m: ArrayLike) -> Floats:
        """Distance of the two borders."""
        widths: Floats = np.interp(self.wrap_arc(arc_m), self._arcs_m, self._widths_m[2])
        return widths

    def half_widths_m(self, arc_m: ArrayLike) -> tuple[Floats, Floats]:
        """Distance from the centre line to the left and to the right border."""
        arc = self.wrap_arc(arc_m)
        left, right = (np.interp(arc, self._arcs_m, widths) for widths in self._widths_m[:2])
        return left, right

    def project(
        self, points_m: ArrayLike, near_arc_m: ArrayLike | None = None, window_m: float = 2.0
    ) -> tuple[Floats, Floats]:
        """Arc length of the nearest place on the centre line, and the distance to it, positive on the left.

        near_arc_m: where the points were a moment ago. Only the centre line within window_m of there is then
        looked at, which keeps a point on its own road where another part of the track passes close by.
        """
        points = np.asarray(points_m, dtype=np.float64)
        flat = points.reshape(-1, 2)
        hints = None if near_arc_m is None else np.broadcast_to(near_arc_m, points.shape[:-1]).reshape(-1)
        arcs, laterals = np.empty(len(flat)), np.empty(len(flat))
        chunk = max(1, CELLS_PER_CHUNK // len(self._arcs_m))
        for start in range(0, len(flat), chunk):
            rows = slice(start, start + chunk)
            hint = None if hints is None else self.wrap_arc(hints[rows])
            arcs[rows], laterals[rows] = self._project_chunk(flat[rows], hint, window_m)
        return arcs.reshape(points.shape[:-1]), laterals.reshape(points.shape[:-1])

    def on_track(self, points_m: ArrayLike) -> NDArray[np.bool_]:
        """Whether the points lie on the road between the borders."""
        points = np.asarray(points_m, dtype=np.float64)
        flat = points.reshape(-1, 2)
        if self.closed:
            inside = _inside(flat, self.left_border_m) ^ _inside(flat, self.right_border_m)
        else:
            inside = _inside(flat, np.concatenate((self.left_border_m, self.right_border_m[::-1])))
        return inside.reshape(points.shape[:-1])

    def reversed(self) -> Track:
        """The same road driven the other way; a closed one starts at the same waypoint."""
        return replace(
            self,
            waypoints_m=self.waypoints_m[::-1],
            left_border_m=self.right_border_m[::-1],
            right_border_m=self.left_border_m[::-1],
        )

    def renamed(self, name: str) -> Track:
        """The same track under another name."""
        return replace(self, name=name)

    def resampled(self, spacing_m: float) -> Track:
        """The same polylines with evenly spaced waypoints, at most spacing_m apart."""
        if not spacing_m > 0:
            raise TrackError(f"A spacing of {spacing_m} m is not possible. Give a positive number of metres.")
        segments = max(4, int(np.ceil(self.length_m / spacing_m - 1e-9)))
        arcs = np.linspace(0.0, self.length_m, segments + 1)
        rows = (self.waypoints_m, self.left_border_m, self.right_border_m)
        centre, left, right = (
            np.stack([np.interp(arcs, self.waypoint_arcs_m, column) for column in row.T], axis=-1) for row in rows
        )
        if self.closed:
            for line in (centre, left, right):
                line[-1] = line[0]
        return replace(self, waypoints_m=centre, left_border_m=left, right_border_m=right)

    def _segment(self, arc_m: Floats) -> NDArray[np.intp]:
        return np.clip(np.searchsorted(self._arcs_m, arc_m, side="right") - 1, 0, len(self._arcs_m) - 2)

    def _project_chunk(self, points: Floats, hint_m: Floats | None, window_m: float) -> tuple[Floats, Floats]:
        start, step = self._points_m[:-1], np.diff(self._points_m, axis=0)
        lengths = np.diff(self._arcs_m)
        offset = points[:, None, :] - start
        along = np.clip((offset * step).sum(-1) / lengths**2, 0.0, 1.0)
        distance2 = ((offset - along[..., None] * step) ** 2).sum(-1)
        if hint_m is not None:
            away = np.abs(self._arcs_m[:-1] + along * lengths - hint_m[:, None])
            away = np.minimum(away, self.length_m - away) if self.closed else away
            distance2 = np.where(away <= window_m, distance2, np.inf)
        best = np.argmin(distance2, axis=1)
        row = np.arange(len(points))
        side = step[best, 0] * offset[row, best, 1] - step[best, 1] * offset[row, best, 0]
        arc = self._arcs_m[best] + along[row, best] * lengths[best]
        lateral = np.hypot(*(offset[row, best] - along[row, best, None] * step[best]).T)
        return arc, np.copysign(lateral, side)


def _vertex_headings_rad(points: Floats, closed: bool) -> Floats:
    """Unwrapped heading at every point: the mean of the directions before and after it."""
    steps = np.diff(points, axis=0)
    directions = steps / np.hypot(*steps.T)[:, None]
    headings = np.arctan2(directions[:, 1], directions[:, 0])
    turns = np.pi - np.mod(np.pi - np.diff(headings), 2 * np.pi)
    headings = headings[0] + np.concatenate(([0.0], np.cumsum(turns)))
    middle = 0.5 * (headings[:-1] + headings[1:])
    if not closed:
        return np.concatenate(([headings[0]], middle, [headings[-1]]))
    last_turn = np.pi - np.mod(np.pi - (headings[0] - headings[-1]), 2 * np.pi)
    first = headings[0] - 0.5 * last_turn
    return np.concatenate(([first], middle, [headings[-1] + 0.5 * last_turn]))


def _inside(points: Floats, polygon: Floats) -> NDArray[np.bool_]:
    """Even-odd rule, (N,) for (N, 2) points; the polygon is closed by itself."""
    start, end = polygon, np.roll(polygon, -1, axis=0)
    rise = end[:, 1] - start[:, 1]
    slope = (end[:, 0] - start[:, 0]) / np.where(rise == 0, 1.0, rise)
    inside = np.empty(len(points), dtype=bool)
    chunk = max(1, CELLS_PER_CHUNK // len(polygon))
    for first in range(0, len(points), chunk):
        x, y = points[first : first + chunk, :1], points[first : first + chunk, 1:]
        straddles = (start[:, 1] > y) != (end[:, 1] > y)
        crossings = straddles & (x < start[:, 0] + (y - start[:, 1]) * slope)
        inside[first : first + chunk] = crossings.sum(axis=1) % 2 == 1
    return inside
