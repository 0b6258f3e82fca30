"""Measures of a car's parts that more than one sensor meets, beside those in shared.cars."""

from __future__ import annotations

# The LiDAR on a car's roof, as others see it: an upright box in the car's frame. A LiDAR looks out at 0.161 m, so of
# another car it hits this and nothing else.
LIDAR_TOWER_X_M, LIDAR_TOWER_Y_M = 0.029, 0.0  # its middle; deepracer-simapp's mounting
LIDAR_TOWER_LENGTH_M, LIDAR_TOWER_WIDTH_M = 0.09, 0.09  # an RPLIDAR A1 is 0.097 x 0.070 m
LIDAR_TOWER_BOTTOM_M, LIDAR_TOWER_TOP_M = 0.12, 0.19
