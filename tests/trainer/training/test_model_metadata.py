"""What a trained model tells the car about its eyes is what it was trained with."""

from __future__ import annotations

import numpy as np

from shared.lidar import lidar_input
from shared.model_metadata import CameraView, LidarView, ModelMetadata
from trainer.config import TrainingSettings
from trainer.training.run_starting import metadata_of

SENSORS = ("STEREO_CAMERAS", "DISCRETIZED_SECTOR_LIDAR")


def told(**settings: object) -> ModelMetadata:
    """The metadata of a model trained with these settings, as a car reads it."""
    return ModelMetadata.from_json(metadata_of(TrainingSettings.model_validate(settings)).to_json())


def test_by_default_the_eyes_are_deepracers() -> None:
    metadata = told(car={"sensors": SENSORS})
    assert metadata.camera == CameraView()
    assert metadata.camera.stereo_baseline_m == 0.06
    assert metadata.lidar_view == LidarView(x_m=0.02913, y_m=0.0, height_m=0.16145, yaw_deg=180.0)


def test_eyes_that_were_moved_are_told() -> None:
    metadata = told(
        car={"sensors": SENSORS},
        simulator={
            "camera": {"stereo_baseline_m": 0.1, "pitch_deg": 20.0},
            "lidar": {"x_m": 0.05, "z_m": 0.2, "yaw_deg": 0.0},
        },
    )
    assert (metadata.camera.stereo_baseline_m, metadata.camera.pitch_deg) == (0.1, 20.0)
    assert metadata.lidar_view == LidarView(x_m=0.05, y_m=0.0, height_m=0.2, yaw_deg=0.0)


def test_one_distance_says_on_both_machines_what_is_nothing() -> None:
    car = {"sensors": SENSORS, "lidar": {"clip_m": 1.2, "num_sectors": 4, "num_values_per_sector": 5}}
    trained, driven = TrainingSettings.model_validate({"car": car}).car.lidar_config(), told(car=car).lidar
    assert trained is not None
    assert driven is not None
    rays = np.random.default_rng(1).uniform(0.1, 2.0, (50, 64))
    np.testing.assert_array_equal(lidar_input(rays, SENSORS[1], driven), lidar_input(rays, SENSORS[1], trained))
