"""Everything a person may set about the simulated world, its car and the rules of an episode."""

from __future__ import annotations

from pydantic import Field

from shared.lidar import FEWEST_RAYS, MOST_RAYS, RANGE_MAX_M, RANGE_MIN_M, LidarConfig
from shared.settings import Settings
from trainer.simulator.dynamics import DynamicsSettings
from trainer.simulator.race import RaceSettings
from trainer.simulator.randomisation import RandomisationSettings


class StartSettings(Settings):
    """Where an episode starts."""

    round_robin_fraction: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Every episode starts this share of the track further on; 0: always the same.",
    )
    reversed: bool = Field(False, description="Drive against the track's own direction.")
    alternate_direction: bool = Field(False, description="Turn the direction round with every episode.")


class EpisodeRules(Settings):
    """When an episode ends."""

    laps: int = Field(1, ge=1, le=1000, description="Laps after which the episode is complete.")
    off_track: bool = Field(True, description="End when all four wheels are off the road.")
    crashed: bool = Field(True, description="End when the car runs into something.")
    reversed_steps: int = Field(
        15, ge=0, le=100_000, description="End after this many steps in a row with less progress; 0: never."
    )
    immobilized_steps: int = Field(
        15, ge=0, le=100_000, description="End after this many steps in a row without a move; 0: never."
    )
    immobilized_m: float = Field(0.0003, ge=0, le=1, description="The longest move that counts as none.")
    time_limit_s: float = Field(120.0, ge=0, le=1e6, description="Cut the episode short after this time; 0: never.")


class CameraSettings(Settings):
    """Camera in place of the car model's; what is left out stays as the model has it."""

    horizontal_fov_deg: float | None = Field(None, ge=20, le=150, description="Full angle, side to side.")
    height_m: float | None = Field(None, gt=0.01, le=2, description="Lens above the ground.")
    pitch_deg: float | None = Field(None, ge=-30, le=80, description="Downwards positive.")
    x_m: float | None = Field(None, ge=-1, le=1, description="Lens ahead of the middle between the axles.")
    y_m: float | None = Field(None, ge=-1, le=1, description="Lens left of the car's middle.")
    stereo_baseline_m: float | None = Field(None, ge=0, le=0.5, description="Between the lenses of stereo cameras.")
    lens_distortion: float = Field(
        0.0,
        ge=0,
        le=0.8,
        description="Barrel distortion of this lens: 0 pinhole, 0.5 a fisheye of 120 degrees.",
    )


class LidarSettings(Settings):
    """LiDAR, DeepRacer's by default; 360 rays over 360 degrees are one turn of an RPLIDAR.

    A model that sees with a LiDAR brings its own rays, field of view and least range (SimulatorSettings.for_lidar). A
    part of the mount that is left out stays as the car model has it.
    """

    rays: int = Field(64, ge=FEWEST_RAYS, le=MOST_RAYS, description="Rays of one scan.")
    fov_deg: float = Field(300.0, ge=10, le=360, description="From the first ray to the last.")
    min_range_m: float = Field(RANGE_MIN_M, ge=0, le=1, description="What is nearer is measured as this far.")
    max_range_m: float = Field(RANGE_MAX_M, ge=0.5, le=RANGE_MAX_M, description="What is further is not seen.")
    noise_m: float = Field(0.01, ge=0, le=1, description="Standard deviation of a ray's range.")
    rate_hz: float = Field(10.0, ge=0.5, le=1000, description="Scans per second; in between, the last one holds.")
    x_m: float | None = Field(None, ge=-1, le=1, description="LiDAR ahead of the middle between the axles.")
    y_m: float | None = Field(None, ge=-1, le=1, description="LiDAR left of the car's middle.")
    z_m: float | None = Field(None, gt=0.01, le=2, description="LiDAR above the ground.")
    yaw_deg: float | None = Field(
        None, ge=-180, le=180, description="Where its zero looks, to the left positive; 180: backwards."
    )

    def config(self) -> LidarConfig:
        """Its rays, as a model takes them."""
        return LidarConfig(self.rays, self.fov_deg, self.min_range_m)


class SimulatorSettings(Settings):
    """The simulated world."""

    step_s: float = Field(1 / 15, ge=0.005, le=0.5, description="Time between two pictures and two actions.")
    substeps: int = Field(10, ge=1, le=200, description="Steps of the car's motion within one step.")
    threads: int = Field(0, ge=0, le=256, description="Threads that move and draw the cars; 0: one per core.")
    dynamics: DynamicsSettings = DynamicsSettings()
    camera: CameraSettings = CameraSettings()
    lidar: LidarSettings = LidarSettings()
    randomisation: RandomisationSettings = RandomisationSettings()
    start: StartSettings = StartSettings()
    rules: EpisodeRules = EpisodeRules()
    race: RaceSettings = RaceSettings()

    def for_lidar(self, config: LidarConfig | None) -> SimulatorSettings:
        """The same world with a LiDAR as a model needs it; None needs none."""
        if config is None:
            return self
        lidar = self.lidar.changed(rays=config.num_rays, fov_deg=config.fov_deg, min_range_m=config.min_range_m)
        return self.changed(lidar=lidar)
