"""Wheel speed and yaw rate as a car's own sensors give them: a wheel encoder, and a gyroscope with its bias."""

from __future__ import annotations

from trainer.simulator.kernels import kernel
from trainer.simulator.random_numbers import mixed, random_bits, random_normal
from trainer.simulator.randomisation import STREAM_MOTION


@kernel
def sense_motion(motion, car, draw):
    """Fill motion (2,) float32: wheel speed, m/s, and yaw rate, rad/s, left positive."""
    bits = random_bits(car.seed, car.episode, STREAM_MOTION, car.steps)
    motion[0] = car.speed_mps + draw.wheel_speed_noise_mps * random_normal(bits)
    motion[1] = car.yaw_rate_rps + draw.yaw_rate_bias_rps + draw.yaw_rate_noise_rps * random_normal(mixed(bits))
