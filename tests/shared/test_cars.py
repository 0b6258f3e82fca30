"""Every car in the table is physically sane."""

from __future__ import annotations

import pytest

from shared.cars import CAR_MODELS, DEEPRACER, CarModel


@pytest.mark.parametrize("car", CAR_MODELS.values(), ids=CAR_MODELS)
def test_a_car_could_exist(car: CarModel) -> None:
    assert CAR_MODELS[car.name] is car
    assert 0.05 < car.wheelbase_m < car.length_m < 1.0
    assert 0.05 < car.track_width_m < car.width_m < 0.5
    assert 0.01 < car.wheel_radius_m < 0.1
    assert 0.3 < car.mass_kg < 10
    assert car.wheelbase_m / 2 < car.front_offset_m <= car.length_m
    assert 10 < car.max_steering_angle_deg < 60
    assert 0.02 < car.camera.z_m < 0.5
    assert abs(car.camera.y_m) < car.width_m / 2
    assert 10 < car.camera.horizontal_fov_deg < 180
    assert 0.05 < car.lidar.z_m < 0.5
    assert 0.01 < car.lidar.body_m < car.width_m


def test_deepracer_is_as_its_urdf_says() -> None:
    assert DEEPRACER.wheelbase_m == pytest.approx(0.082311 + 0.081663, abs=5e-4)
    assert DEEPRACER.camera.horizontal_fov_deg == pytest.approx(64.7, abs=0.1)  # 1.13 rad
    assert DEEPRACER.camera.pitch_deg == pytest.approx(15.0)
