"""The emulated board: chips, servo, speed controller and camera of one car, joined to a world.

A process of its own (`lapwing-car board`), so that, like the real one, it keeps its last pulse when its
master dies. `EmulatedBoard` has no sockets and takes its clock as an argument; board_process.py is the
process around it.
"""

from __future__ import annotations

from collections.abc import Callable

from shared.world_link import CarPose, PulseReport, WorldFrame
from vehicle.emulated.battery_chips import Ads1115Chip, DeepRacerGaugeChip, Ina219Chip
from vehicle.emulated.bmi160 import Bmi160Chip
from vehicle.emulated.camera import CameraSensor, Image, still_scene
from vehicle.emulated.camera_fault import FaultySensor
from vehicle.emulated.esc import SpeedController
from vehicle.emulated.faulty_chip import FaultyChip
from vehicle.emulated.i2c import Wire
from vehicle.emulated.movement import Movement
from vehicle.emulated.mpu6050 import Mpu6050Chip
from vehicle.emulated.pca9685 import INTERNAL_OSCILLATOR_HZ, Pca9685Chip
from vehicle.emulated.rplidar import RplidarDevice, still_room
from vehicle.emulated.servo import Servo
from vehicle.hardware.frame_slot import FrameSlot

THROTTLE_CHANNEL, STEERING_CHANNEL = 0, 1  # how the car is wired
BATTERY_V = 7.9  # two cells, three quarters full
BATTERY_DIVIDER = 3.0
REPORT_S = 0.020  # one period of the pulses: the world learns of a change at the latest after this


class EmulatedBoard:
    """wire: the I2C bus with every chip on it. camera: a Camera. sensor: of the camera, may be given a fault.

    right_camera: of stereo cameras, the other being camera; in use while right_viewers is above 0. lidar: in use while
    it scans. What is not in use, the world need not show.

    pose: what the world last said of the car. chips: by name, to make them fail. The gauges and both kinds of IMU, the
    BMI160 at 0x69, are always there; a car whose settings do not name them does not ask them.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        seed: int = 0,
        oscillator_hz: float = INTERNAL_OSCILLATOR_HZ,
        esc_cuts_after_s: float | None = None,
    ) -> None:
        """esc_cuts_after_s: see SpeedController; None: it holds its last pulse."""
        self.chip = Pca9685Chip(clock, oscillator_hz=oscillator_hz)
        self.ads1115, self.ina219 = Ads1115Chip(clock), Ina219Chip(clock)
        self.deepracer_gauge = DeepRacerGaugeChip()
        self.imu, self.bmi160 = Mpu6050Chip(), Bmi160Chip(clock)
        self.set_battery_v(BATTERY_V)
        self.chips = {
            "servo_board": FaultyChip(self.chip),
            "ads1115": FaultyChip(self.ads1115),
            "ina219": FaultyChip(self.ina219),
            "deepracer": FaultyChip(self.deepracer_gauge),
            "imu": FaultyChip(self.imu),
            "bmi160": FaultyChip(self.bmi160),
        }
        self.wire = Wire(*self.chips.values())
        self.servo = Servo()
        self.esc = SpeedController(esc_cuts_after_s)
        self.camera, self.right_camera = FrameSlot(), FrameSlot()
        self.lidar = RplidarDevice(seed)
        self.right_viewers = 0
        self.pose: CarPose | None = None
        self.sensor = FaultySensor(CameraSensor(seed))
        self.right_sensor = FaultySensor(CameraSensor(seed + 1))
        self._still_scene = still_scene()
        self._clock = clock
        self._moved = Movement()

    def set_battery_v(self, voltage_v: float) -> None:
        """Charge or drain the battery that the gauges measure."""
        self.ina219.voltage_v = voltage_v
        self.ads1115.inputs_v[0] = voltage_v / BATTERY_DIVIDER

    def report(self) -> PulseReport:
        """What servo and speed controller make of the outputs now; call it every REPORT_S, they need the
        time.
        """
        now_s = self._clock()
        with self.wire.quiet():
            steering_us = self.chip.pulse_us(STEERING_CHANNEL)
            throttle_us = self.chip.pulse_us(THROTTLE_CHANNEL)
        self.servo.hear(steering_us)
        self.esc.hear(throttle_us, now_s)
        return PulseReport(now_s, self.servo.target_pulse_us, self.esc.drive_pulse_us, self._looks_with())

    def show(self, frame: WorldFrame) -> None:
        """The world moved on: take a picture of it."""
        self.pose = frame.pose
        self._feel(self._moved.to(frame.pose, frame.time_s))
        if frame.around_m is not None:
            self.lidar.around_m = frame.around_m
        self._expose(frame.frame_rgb, frame.right_rgb)

    def show_still(self) -> None:
        """No world: the same view again, with fresh noise."""
        self.pose = None
        self._feel(Movement())
        self.lidar.around_m = still_room()
        self._expose(self._still_scene, self._still_scene if self.right_viewers else None)

    def _looks_with(self) -> tuple[str, ...]:
        """What the world has to show besides the camera's picture."""
        in_use = (("stereo", self.right_viewers > 0), ("lidar", self.lidar.is_scanning))
        return tuple(reading for reading, is_in_use in in_use if is_in_use)

    def _feel(self, moved: Movement) -> None:
        self._moved = moved
        for imu in (self.imu, self.bmi160):
            imu.acceleration_mps2, imu.rotation_dps = moved.felt()

    def _expose(self, scene: Image, right_scene: Image | None) -> None:
        """The right picture first: who waits for the left one finds its partner there."""
        now_s = self._clock()
        right = None if right_scene is None else self.right_sensor.expose(right_scene, now_s)
        if right is not None:
            self.right_camera.put(right)
        frame = self.sensor.expose(scene, now_s)
        if frame is not None:
            self.camera.put(frame)
