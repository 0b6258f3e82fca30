"""The training camera: right in every pixel's mean, calm at a distance, the same picture at four times the size."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from shared.observation import grey_from_rgb
from tests.trainer.simulator.made_up import NO_RULES, OFF, one_car, oval_track, quiet, steer_along, straight_track
from tests.trainer.simulator.point_sampled import point_sampled
from trainer.simulator import CameraSettings, RandomisationSettings, Range, Simulator, SimulatorSettings
from trainer.tracks import Track

FISHEYE = CameraSettings(horizontal_fov_deg=120.0, lens_distortion=0.5, pitch_deg=15.0)


def seen_by(track: Track, seed: int, randomisation: RandomisationSettings, **changes: Any) -> Simulator:
    settings = SimulatorSettings(randomisation=randomisation, threads=1, rules=NO_RULES, **changes)
    simulator = Simulator([track], settings, seeds=[seed], start_fraction=[0.13 * seed % 1])
    simulator.reset()
    return simulator


@pytest.mark.parametrize(
    ("seed", "preset", "camera"),
    [
        (2, "light", CameraSettings()),
        (3, "strong", CameraSettings()),
        (4, "light", FISHEYE),
        (5, "light", CameraSettings(height_m=0.25, pitch_deg=25.0, x_m=0.05, y_m=0.04)),
    ],
)
def test_a_pixel_is_the_mean_of_what_it_covers(oval: Track, seed: int, preset: str, camera: CameraSettings) -> None:
    simulator = seen_by(oval, seed, quiet(preset), camera=camera)
    picture = simulator.camera[0].astype(float)
    exact = point_sampled(simulator, samples=4)
    # Rounding alone makes 0.25; sixteen points a pixel are not exact either.
    assert np.abs(picture - exact).mean() < 0.6


def test_lines_at_a_distance_do_not_shimmer(oval: Track) -> None:
    """While the car creeps on by millimetres, no part of the far rows brightens and darkens again."""
    ours, points = [], []
    for step in range(12):
        simulator = one_car(oval, randomisation=quiet())
        simulator.reset(start_fraction=0.55 + step * 0.002 / oval.length_m)
        ours.append(simulator.camera[0])
        points.append(point_sampled(simulator, samples=1))

    def unrest(pictures: list[np.ndarray]) -> np.ndarray:
        parts = np.array(pictures, float)[:, 27:40].reshape(12, 13, 16, 10).mean(axis=(1, 3))
        return np.abs(np.diff(parts, axis=0)).sum(axis=0) - np.abs(parts[-1] - parts[0])

    assert unrest(ours).max() < 0.5
    assert unrest(ours).mean() < 0.1 * unrest(points).mean()


@pytest.mark.parametrize(
    "randomisation",
    [
        RandomisationSettings(preset="off"),
        RandomisationSettings(preset="light"),
        # Its textures are stronger than a pixel's one look at them can average; everything else must agree.
        quiet("strong", noise_level=(10.0, 10.0), blur=(0.2, 0.2), exposure_s=(0.02, 0.02)),
    ],
    ids=["off", "light", "strong"],
)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_colour_picture_reduced_is_the_training_picture(
    oval: Track, randomisation: RandomisationSettings, seed: int
) -> None:
    simulator = seen_by(oval, seed, randomisation)
    for _ in range(10):
        simulator.step(steer_along(simulator), 1.5)
    reduced = grey_from_rgb(simulator.render(0)).astype(float)
    assert np.abs(reduced - simulator.camera[0]).mean() <= 3.0


def test_the_colour_picture_of_a_fisheye_is_the_training_picture_too(oval: Track) -> None:
    simulator = seen_by(oval, 5, RandomisationSettings(preset="light"), camera=FISHEYE)
    reduced = grey_from_rgb(simulator.render(0)).astype(float)
    assert np.abs(reduced - simulator.camera[0]).mean() <= 3.0


def test_the_horizon_lies_where_the_pitch_puts_it(straight: Track) -> None:
    # Half the width over tan(64.7 / 2) is a focal length of 126.3 pixels; 15 degrees up are 33.8 rows above row 60.
    open_field = quiet(wall_height_m=(0, 0), wall_distance_m=(50, 50), light_gradient=(0, 0))
    simulator = one_car(straight, randomisation=open_field)
    column = simulator.camera[0, :, 5].astype(float)
    middle = (column[0] + column[45]) / 2
    assert np.argmax(column < middle) == pytest.approx(60 - 33.8, abs=1.0)


@pytest.mark.parametrize("fov_deg", [60.0, 90.0, 120.0])
@pytest.mark.parametrize("distortion", [0.0, 0.3, 0.6])
def test_the_field_of_view_reaches_from_edge_to_edge(fov_deg: float, distortion: float) -> None:
    """A border that crosses the picture's edge in the middle row is as far to the side as the angle says."""
    wide = straight_track(length_m=8.0, half_width_m=1.0)
    camera = CameraSettings(horizontal_fov_deg=fov_deg, lens_distortion=distortion, pitch_deg=30.0)
    simulator = one_car(wide, camera=camera, randomisation=quiet(border_width_m=(0, 0), dash_width_m=(0, 0)))
    # Pitched down by 30 degrees, the middle row's last pixel looks along (cos 30 cos a, -sin a, -sin 30 cos a).
    angle = math.radians(fov_deg / 2)
    side_m = math.sin(angle) / (math.sin(math.radians(30)) * math.cos(angle)) * 0.1303
    for offset_m, expected in ((0.03, "road"), (-0.03, "field")):
        simulator.reset(start_lateral_m=side_m - 1.0 + offset_m)
        level = simulator.camera[0, 60, 159]
        road, field = 69.9, 116.9
        assert abs(level - (road if expected == "road" else field)) < 12.0


def test_a_pinhole_keeps_lines_straight_and_a_barrel_bends_them(straight: Track) -> None:
    def bend_px(distortion: float) -> float:
        camera = CameraSettings(horizontal_fov_deg=110.0, lens_distortion=distortion, pitch_deg=35.0)
        simulator = one_car(straight, camera=camera, randomisation=quiet(dash_width_m=(0, 0), border_width_m=(0, 0)))
        rows = np.arange(20, 80, 3)
        edges = np.array([np.argmax(simulator.camera[0, row, :80] < 95) for row in rows], float)
        seen = (edges > 0) & (edges < 75)
        assert seen.sum() > 6
        line = np.polyfit(rows[seen], edges[seen], 1)
        return float(np.abs(np.polyval(line, rows[seen]) - edges[seen]).max())

    assert bend_px(0.0) < 1.0
    assert bend_px(0.5) > 1.5


@pytest.mark.parametrize("noise_level", [2.0, 6.0, 14.0])
def test_noise_has_the_strength_asked_for_and_no_pattern(oval: Track, noise_level: float) -> None:
    noisy = one_car(oval, randomisation=quiet(noise_level=(noise_level, noise_level)))
    clean = one_car(oval, randomisation=quiet())
    unclipped = (clean.camera[0] > 60) & (clean.camera[0] < 190)
    noise = np.where(unclipped, noisy.camera[0].astype(float) - clean.camera[0], 0.0)
    assert noise[unclipped].std() == pytest.approx(noise_level, rel=0.08)
    assert abs(noise[unclipped].mean()) < 0.1 * noise_level
    for shifted in (noise[:, 1:] * noise[:, :-1], noise[1:] * noise[:-1]):
        assert abs(shifted.mean()) < 0.06 * noise_level**2


def test_noise_changes_with_every_step_and_every_car(oval: Track) -> None:
    settings = SimulatorSettings(randomisation=quiet(noise_level=(5.0, 5.0)), rules=NO_RULES)
    simulator = Simulator([oval], settings, seeds=[1, 2], start_fraction=[0.3, 0.3])
    simulator.reset()
    first = simulator.camera.copy()
    assert (first[0] != first[1]).mean() > 0.5
    simulator.step(0.0, 0.0)
    assert (simulator.camera[0] != first[0]).mean() > 0.5


def test_blur_and_motion_soften_the_picture(straight: Track) -> None:
    def sharpness(speed_mps: float, **ranges: tuple[float, float]) -> float:
        simulator = one_car(straight, randomisation=quiet(**ranges), rules=NO_RULES)
        for _ in range(12):
            simulator.step(0.0, speed_mps)
        return float(np.abs(np.diff(simulator.camera[0, 50:].astype(float), axis=0)).max(axis=0).mean())

    assert sharpness(0.0, blur=(0.2, 0.2)) < 0.9 * sharpness(0.0)
    assert sharpness(2.0, exposure_s=(0.025, 0.025)) < 0.9 * sharpness(2.0)
    assert sharpness(0.0, exposure_s=(0.025, 0.025)) == sharpness(0.0)


def test_brightness_is_a_factor_of_the_picture(straight: Track) -> None:
    dark, normal = (one_car(straight, randomisation=quiet(brightness=(f, f))) for f in (0.5, 1.0))
    below_white = normal.camera[0] < 250
    ratio = dark.camera[0][below_white].astype(float) / normal.camera[0][below_white]
    assert ratio.mean() == pytest.approx(0.5, abs=0.02)


def test_all_presets_look_at_the_road_and_not_into_nothing() -> None:
    """In every drawn world the road can be told from the field: no picture is flat, black or white."""
    settings = SimulatorSettings(randomisation=RandomisationSettings(preset="strong"))
    simulator = Simulator([oval_track()], settings, seeds=np.arange(150))
    simulator.reset()
    pictures = simulator.camera.astype(float)
    assert (pictures.std(axis=(1, 2)) > 8.0).all()
    assert (pictures.mean(axis=(1, 2)) > 15.0).all()
    assert ((pictures > 250).mean(axis=(1, 2)) < 0.75).all()


def test_a_range_of_one_value_draws_that_value(oval: Track) -> None:
    simulator = one_car(oval, randomisation=OFF.changed(camera_pitch_deg=Range(low=5, high=5)))
    level = one_car(oval, randomisation=OFF, camera=CameraSettings(pitch_deg=20.0))
    assert (simulator.camera == level.camera).all()


def test_a_car_that_left_the_room_still_gets_a_picture(straight: Track) -> None:
    simulator = one_car(straight, rules=NO_RULES)
    for _ in range(200):
        simulator.step(0.0, 4.0)
    assert simulator.cars.x_m[0] > 30.0
    assert simulator.camera[0].std() < 60.0
    assert simulator.render(0, view="chase").shape == (480, 640, 3)
