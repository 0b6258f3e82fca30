"""The emulated board: chip, servo, speed controller and camera of one car, joined to a world.

A process of its own (`lapwing-car board`), so that, like the real one, it keeps its last pulse when its
master dies. `EmulatedBoard` has no sockets and takes its clock as an argument; board_process.py is the
process around it.
"""

from __future__ import annotations

from collections.abc import Callable

from shared.world_link import CarPose, PulseReport, WorldFrame
from vehicle.emulated.camera import CameraSensor, Image, still_scene
from vehicle.emulated.camera_fault import FaultySensor
from vehicle.emulated.esc import PulseLoss, SpeedController
from vehicle.emulated.i2c import Wire
from vehicle.emulated.pca9685 import INTERNAL_OSCILLATOR_HZ, Pca9685Chip
from vehicle.emulated.servo import Servo
from vehicle.hardware.frame_slot import FrameSlot

THROTTLE_CHANNEL, STEERING_CHANNEL = 0, 1  # how the car is wired
REPORT_S = 0.020  # one period of the pulses: the world learns of a change at the latest after this


class EmulatedBoard:
    """wire: the I2C bus with the chip on it. camera: a Camera. sensor: of the camera, may be given a fault.

    pose: what the world last said of the car.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        seed: int = 0,
        oscillator_hz: float = INTERNAL_OSCILLATOR_HZ,
        on_pulse_loss: PulseLoss = PulseLoss.HOLD,
    ) -> None:
        self.chip = Pca9685Chip(clock, oscillator_hz=oscillator_hz)
        self.wire = Wire(self.chip)
        self.servo = Servo()
        self.esc = SpeedController(on_pulse_loss)
        self.camera = FrameSlot()
        self.pose: CarPose | None = None
        self.sensor = FaultySensor(CameraSensor(seed))
        self._still_scene = still_scene()
        self._clock = clock

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
        return PulseReport(now_s, self.servo.target_pulse_us, self.esc.drive_pulse_us)

    def show(self, frame: WorldFrame) -> None:
        """The world moved on: take a picture of it."""
        self.pose = frame.pose
        self._expose(frame.frame_rgb)

    def show_still(self) -> None:
        """No world: the same view again, with fresh noise."""
        self.pose = None
        self._expose(self._still_scene)

    def _expose(self, scene: Image) -> None:
        frame = self.sensor.expose(scene, self._clock())
        if frame is not None:
            self.camera.put(frame)
