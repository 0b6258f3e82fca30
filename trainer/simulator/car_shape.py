"""Cars as a few boxes, painted over a picture that shows the ground: for chase and top views and for other cars.

Boxes are convex, so the faces that look at the camera never hide each other; boxes are painted from far to near.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.cars import CarModel
from trainer.simulator.kernels import kernel

# A face with a corner nearer than this to the camera's plane is left out.
NEAREST_M = 0.03
# Corners of each face, counter-clockwise seen from outside; a corner's bit 0 is front, bit 1 left, bit 2 top.
FACES = np.array([[4, 5, 7, 6], [0, 2, 3, 1], [1, 3, 7, 5], [2, 0, 4, 6], [3, 2, 6, 7], [0, 1, 5, 4]])
# How bright the faces are: top, bottom, front, rear, left, right.
FACE_LIGHT = np.array([1.0, 0.3, 0.75, 0.6, 0.85, 0.7])


@dataclass(frozen=True, slots=True)
class Box:
    """One box in the car's frame: middle, size, turn about its own upright axis, colour."""

    middle_m: tuple[float, float, float]
    size_m: tuple[float, float, float]
    rgb: tuple[int, ...]
    turn_rad: float = 0.0


def boxes_of_car(model: CarModel, steering_angle_rad: float, rgb: tuple[int, ...]) -> list[Box]:
    """Shadow, wheels, chassis, body and camera post, from bottom to top."""
    radius, half, track = model.wheel_radius_m, 0.5 * model.wheelbase_m, 0.5 * model.track_width_m
    length, width = model.length_m, model.width_m
    dark = (26, 27, 30)
    tyre = (2 * radius, 0.045, 2 * radius)
    boxes = [Box((0.0, 0.0, 0.001), (length, width, 0.002), (14, 14, 16))]
    for x in (-half, half):
        for y in (-track, track):
            boxes.append(Box((x, y, radius), tyre, dark, steering_angle_rad if x > 0 else 0.0))
    return [
        *boxes,
        Box((0.0, 0.0, 0.045), (length, 0.55 * width, 0.035), tuple(int(0.6 * value) for value in rgb)),
        Box((-0.02, 0.0, 0.085), (0.62 * length, 0.62 * width, 0.05), rgb),
        Box((-0.03, 0.0, 0.12), (0.3 * length, 0.42 * width, 0.025), (60, 66, 78)),
        Box((model.camera.x_m - 0.03, 0.0, model.camera.z_m - 0.02), (0.02, 0.05, 0.03), dark),
    ]


def paint_cars(
    levels: NDArray[np.float32],
    view: NDArray[np.void],
    poses: NDArray[np.float64],
    model: CarModel,
    colours: NDArray[np.int64],
) -> None:
    """Paint cars over levels (3, H + 2, W + 2). poses: (K, 4) x, y, heading, steering angle; colours: (K, 3)."""
    eye = np.array([view["x_m"][0], view["y_m"][0]])
    for k in np.argsort(-np.hypot(*(poses[:, :2] - eye).T), kind="stable"):
        x, y, heading, steering = poses[k]
        for box in boxes_of_car(model, steering, tuple(int(value) for value in colours[k])):
            paint_box(levels, view, _corners(box, x, y, heading), np.array(box.rgb, np.float64), FACES, FACE_LIGHT)


def _corners(box: Box, x: float, y: float, heading: float) -> NDArray[np.float64]:
    """(8, 3) corners of a box in the world."""
    signs = np.array([[(k >> bit & 1) - 0.5 for bit in range(3)] for k in range(8)])
    local = signs * box.size_m
    cos, sin = math.cos(box.turn_rad), math.sin(box.turn_rad)
    local = np.stack((local[:, 0] * cos - local[:, 1] * sin, local[:, 0] * sin + local[:, 1] * cos, local[:, 2]), 1)
    local = local + box.middle_m
    cos, sin = math.cos(heading), math.sin(heading)
    return np.stack(
        (x + local[:, 0] * cos - local[:, 1] * sin, y + local[:, 0] * sin + local[:, 1] * cos, local[:, 2]), 1
    )


@kernel
def project_point(view, x, y, z, width, height):
    """Column and row, in pixels, where a point of the world appears, and how far ahead of the camera it is."""
    dx, dy, dz = x - view.x_m, y - view.y_m, z - view.z_m
    ahead = dx * view.forward_x + dy * view.forward_y + dz * view.forward_z
    right = (dx * view.right_x + dy * view.right_y + dz * view.right_z) / ahead
    down = (dx * view.down_x + dy * view.down_y + dz * view.down_z) / ahead
    # The inverse of the lens: r_straight = r / (1 + curve r^2).
    squared = right * right + down * down
    factor = 2.0 / (1.0 + math.sqrt(max(1.0 - 4.0 * view.curve * squared, 0.0)))
    return (
        0.5 * width + right * factor * view.focal_px,
        0.5 * height + down * factor * view.focal_px,
        ahead,
    )


@kernel
def paint_box(levels, views, corners, rgb, faces, face_light):
    """Paint the faces of one box that look at the camera."""
    view = views[0]
    height, width = levels.shape[1] - 2, levels.shape[2] - 2
    columns, rows = np.empty(4), np.empty(4)
    for face in range(len(faces)):
        nearest = np.inf
        for k in range(4):
            corner = corners[faces[face, k]]
            columns[k], rows[k], ahead = project_point(view, corner[0], corner[1], corner[2], width, height)
            nearest = min(nearest, ahead)
        if nearest > NEAREST_M:
            fill_quadrilateral(levels, columns, rows, rgb, face_light[face])


@kernel
def fill_quadrilateral(levels, columns, rows, rgb, light):
    """Fill a convex quadrilateral whose corners go round clockwise in the picture, with soft edges."""
    area = 0.0
    for k in range(4):
        after = (k + 1) % 4
        area += columns[k] * rows[after] - columns[after] * rows[k]
    if area >= 0.0:
        return
    height, width = levels.shape[1] - 2, levels.shape[2] - 2
    first_row, last_row = max(int(rows.min() - 1.0), 0), min(int(rows.max() + 1.0), height - 1)
    first_column, last_column = max(int(columns.min() - 1.0), 0), min(int(columns.max() + 1.0), width - 1)
    for row in range(first_row, last_row + 1):
        for column in range(first_column, last_column + 1):
            share = 1.0
            for k in range(4):
                after = (k + 1) % 4
                dx, dy = columns[after] - columns[k], rows[after] - rows[k]
                length = math.sqrt(dx * dx + dy * dy)
                if length > 0.0:
                    inside = (dy * (column + 0.5 - columns[k]) - dx * (row + 0.5 - rows[k])) / length
                    share = min(share, min(max(inside + 0.5, 0.0), 1.0))
            if share > 0.0:
                for channel in range(3):
                    level = levels[channel, row + 1, column + 1]
                    levels[channel, row + 1, column + 1] = level + (rgb[channel] * light - level) * share
