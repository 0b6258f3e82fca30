"""`lapwing-car fault`: break a device of the emulated board, to see what the car does about it."""

from __future__ import annotations

import click

from vehicle.car_options import car_options, tell
from vehicle.emulated.camera_fault import CameraFault
from vehicle.emulated.faulty_chip import ChipFault
from vehicle.emulated.rplidar import LidarFault
from vehicle.hardware.this_car import Car

CAMERA_FAULTS = click.Choice([fault.value for fault in CameraFault])
CHIPS = ("servo_board", "ads1115", "ina219", "deepracer", "imu", "bmi160")


@click.command()
@click.argument("camera_fault", required=False, type=CAMERA_FAULTS)
@click.option("--right", type=CAMERA_FAULTS, help="Let the right one of stereo cameras fail.")
@click.option("--lidar", type=click.Choice([fault.value for fault in LidarFault]), help="Let the LiDAR fail.")
@click.option("--chip", type=click.Choice(CHIPS), help="Let a chip of the I2C bus fail.")
@click.option(
    "--how",
    type=click.Choice([fault.value for fault in ChipFault]),
    default=ChipFault.ABSENT.value,
    show_default=True,
    help="How the chip fails; none makes it well again.",
)
@click.option("--battery-v", type=float, help="Drain or charge the emulated battery.")
@car_options
def command(
    car: Car,
    camera_fault: str | None,
    right: str | None,
    lidar: str | None,
    chip: str | None,
    how: str,
    battery_v: float | None,
) -> None:
    """Let the emulated camera fail in one way, or the LiDAR, a chip, the battery; none makes it well again."""
    from vehicle.up import board_status

    wanted = {
        "camera_fault": camera_fault,
        "right_camera_fault": right,
        "lidar_fault": lidar,
        "chip_faults": None if chip is None else {chip: how},
        "battery_v": battery_v,
    }
    harm = {name: value for name, value in wanted.items() if value is not None}
    status = board_status(car.folder.board_status, **harm)
    faults = {
        "camera": status["camera_fault"],
        "right camera": status["right_camera_fault"],
        "LiDAR": status["lidar_fault"],
        **status["chip_faults"],
    }
    failing = [f"The emulated {name} fails: {fault}." for name, fault in faults.items() if fault != "none"]
    for sentence in failing or ["Everything on the emulated board is well."]:
        tell(sentence)
