"""The simulator as a place where one emulated car drives: pulses in, pictures out, at wall-clock rate.

The car of this world knows from its own data (`EmulatedCar`) what a pulse does to its wheels and its motor.
It never sees a calibration profile: a car with a wrong profile drives here as badly as it would on the
floor.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared.errors import LinkError
from shared.link_socket import LinkEnd, LinkServer
from shared.sensors import FRONT_CAMERA, LIDAR
from shared.world_link import CarPose, Hello, PulseReport, WorldFrame
from trainer.simulator import Simulator, SimulatorSettings
from trainer.simulator.race import RaceSettings
from trainer.simulator.randomisation import Preset, RandomisationSettings
from trainer.simulator.settings import EpisodeRules, LidarSettings, StartSettings
from trainer.tracks import Track

PICK_UP_S = 2.0  # how long a car lies beside the road until somebody puts it back at the start
STANDING_MPS, MOVED_M = 0.01, 0.2  # on a free floor: when a car has come to rest somewhere else
ACCEPT_S = 0.25
MOST_LAPS = 1000
# All around the car, anew with every picture: the board's LiDAR turns and samples by itself.
AROUND = LidarSettings(rays=720, fov_deg=360.0, rate_hz=1000.0, yaw_deg=0.0)


@dataclass(frozen=True, slots=True)
class EmulatedCar:
    """What pulses do in the car that stands in the world: its servo arm and linkage, its motor and gears.

    The arm turns one degree for every 10 us, as hobby servos do; the linkage turns the wheels further, and
    not equally to both sides. The motor turns from a little beyond neutral on, in proportion to the rest.
    """

    arm_centre_us: float = 1481.0
    arm_us_per_deg: float = 10.0
    left_wheel_per_arm: float = 1.355
    right_wheel_per_arm: float = 1.432
    neutral_us: float = 1501.0
    full_throttle_us: float = 200.0  # from neutral
    dead_share: float = 0.07  # of full throttle, before the motor turns
    forward_mps_per_share: float = 3.22
    reverse_mps_per_share: float = 1.9

    def steering_angle_deg(self, pulse_us: float) -> float:
        """Angle of the front wheels, left positive."""
        arm_deg = (pulse_us - self.arm_centre_us) / self.arm_us_per_deg
        return arm_deg * (self.left_wheel_per_arm if arm_deg > 0 else self.right_wheel_per_arm)

    def speed_mps(self, pulse_us: float) -> float:
        """The speed the motor would settle at, backwards negative."""
        share = (pulse_us - self.neutral_us) / self.full_throttle_us
        if abs(share) <= self.dead_share:
            return 0.0
        if share > 0:
            return (share - self.dead_share) * self.forward_mps_per_share
        return (share + self.dead_share) * self.reverse_mps_per_share


class World:
    """One track with one car on it. Its clock is the number of steps: two runs with equal pulses are equal.

    The car stands at the start line until its motor turns for the first time; lap times count from there. On a free
    floor roads mean nothing: a car may drive anywhere, and one that has stood elsewhere for two seconds is put back.
    """

    def __init__(
        self,
        track: Track,
        *,
        preset: Preset = "light",
        seed: int = 0,
        start_fraction: float = 0.0,
        reversed_direction: bool = False,
        car: EmulatedCar | None = None,
        free_floor: bool = False,
        race: RaceSettings | None = None,
    ) -> None:
        """race: what stands and drives on and beside the road."""
        rules = EpisodeRules(
            laps=MOST_LAPS,
            off_track=not free_floor,
            crashed=not free_floor,
            reversed_steps=0,
            immobilized_steps=0,
            time_limit_s=0,
        )
        settings = SimulatorSettings(
            threads=1,
            randomisation=RandomisationSettings(preset=preset),
            start=StartSettings(round_robin_fraction=0.0, reversed=reversed_direction),
            rules=rules,
            lidar=AROUND,
            race=race or RaceSettings(),
        )
        self.step_s = settings.step_s
        self.about = {"track": track.name, "world": preset, "seed": str(seed)}
        self._simulator = Simulator(
            [track], settings, seeds=[seed], start_fraction=[start_fraction], sensors=(FRONT_CAMERA, LIDAR)
        )
        self._simulator.reset()
        self._start_m = (float(self._simulator.cars.x_m[0]), float(self._simulator.cars.y_m[0]))
        self._seed = seed
        self._car = car or EmulatedCar()
        self._angle_deg = 0.0
        self._speed_mps = 0.0
        self._steps = 0
        self._finished_laps = 0
        self._off_track_count = 0
        self._last_lap_time_s: float | None = None
        self._picked_up_at_step: int | None = None
        self._free_floor = free_floor
        self._stood_since_step = 0
        self._looks_with: frozenset[str] = frozenset()

    @property
    def time_s(self) -> float:
        """Since the world began."""
        return self._steps * self.step_s

    def hear(self, report: PulseReport) -> None:
        """What servo and motor follow from now on. Without pulses the motor rests and the wheels stay."""
        self._looks_with = frozenset(report.looks_with)
        if report.steering_us is not None:
            self._angle_deg = self._car.steering_angle_deg(report.steering_us)
        self._speed_mps = 0.0 if report.throttle_us is None else self._car.speed_mps(report.throttle_us)

    def step(self) -> None:
        """One step of the simulator under the newest pulses."""
        self._steps += 1
        if self._picked_up_at_step is not None:
            self._lie_beside_the_road(self._picked_up_at_step)
            return
        cars = self._simulator.cars
        if cars.steps[0] == 0 and self._speed_mps == 0.0:
            return
        laps_before = int(cars.laps[0])
        self._simulator.step([self._angle_deg], [self._speed_mps])
        if cars.laps[0] > laps_before:
            self._last_lap_time_s = float(cars.last_lap_time_s[0])
        if self._simulator.terminated[0]:
            self._off_track_count += 1
            self._picked_up_at_step = self._steps
        if self._free_floor:
            self._put_back_when_it_stands()

    def frame(self) -> WorldFrame:
        """What the sensors see now that the board looks with, and how the lap goes."""
        render, right = self._simulator.render, None
        if "stereo" in self._looks_with:
            picture, right = render(0, view="left_camera"), render(0, view="right_camera")
        else:
            picture = render(0)
        # The simulator's first ray looks backwards, the link's straight ahead.
        around_m = np.roll(self._simulator.lidar[0], AROUND.rays // 2) if "lidar" in self._looks_with else None
        return WorldFrame(self.time_s, self._steps, picture, self._pose(), right, around_m)

    def _pose(self) -> CarPose:
        cars, lies = self._simulator.cars, self._picked_up_at_step is not None
        return CarPose(
            x_m=float(cars.x_m[0]),
            y_m=float(cars.y_m[0]),
            heading_rad=float(cars.heading_rad[0]),
            speed_mps=0.0 if lies else float(cars.speed_mps[0]),
            steering_angle_deg=self._angle_deg,
            progress_percent=float(cars.progress_percent[0]),
            laps=self._finished_laps + int(cars.laps[0]),
            lap_time_s=float(cars.time_s[0] - cars.lap_started_s[0]),
            last_lap_time_s=self._last_lap_time_s,
            off_track_count=self._off_track_count,
            is_off_track=lies,
        )

    def _put_back_when_it_stands(self) -> None:
        cars = self._simulator.cars
        is_driving = self._speed_mps != 0.0 or abs(float(cars.speed_mps[0])) > STANDING_MPS
        if is_driving or not self._has_moved():
            self._stood_since_step = self._steps
        elif (self._steps - self._stood_since_step) * self.step_s >= PICK_UP_S:
            self._simulator.reset(seeds=[self._seed])

    def _has_moved(self) -> bool:
        cars, (x_m, y_m) = self._simulator.cars, self._start_m
        return math.hypot(float(cars.x_m[0]) - x_m, float(cars.y_m[0]) - y_m) > MOVED_M

    def _lie_beside_the_road(self, since_step: int) -> None:
        if (self._steps - since_step) * self.step_s < PICK_UP_S:
            return
        self._picked_up_at_step = None
        self._finished_laps += int(self._simulator.cars.laps[0])
        self._simulator.reset(seeds=[self._seed])  # the same room and the same car again


class WorldServer:
    """Lets a board in and keeps wall-clock time for it; while nobody is there, time stands still."""

    def __init__(
        self,
        world: World,
        path: Path,
        tell: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._world = world
        self._path = path
        self._tell = tell
        self._clock = clock
        self._told = CarPose()

    def run(self, stop: threading.Event) -> None:
        """Until stop is set."""
        server = LinkServer(self._path, Hello("world", self._world.about))
        self._tell(f"The world waits for a car at {self._path}")
        try:
            while not stop.is_set():
                try:
                    board = server.accept(ACCEPT_S)
                except LinkError as error:
                    self._tell(f"Something else than a board knocked: {error}")
                    continue
                if board is not None:
                    self._serve(board, stop)
        finally:
            server.close()

    def _serve(self, board: LinkEnd, stop: threading.Event) -> None:
        self._tell("A car is on the track.")
        next_s = self._clock()
        try:
            while not stop.is_set():
                frame = self._world.frame()
                board.send(frame)
                self._report(frame.pose)
                next_s = max(next_s + self._world.step_s, self._clock())
                self._listen(board, next_s)
                self._world.step()
        except LinkError as error:
            self._tell(f"The car has left: {error}")
            self._world.hear(PulseReport(self._world.time_s, None, None))
        finally:
            board.close()

    def _listen(self, board: LinkEnd, until_s: float) -> None:
        """Hear every pulse report that comes in time."""
        while True:
            remaining_s = until_s - self._clock()
            message = board.receive(max(0.0, remaining_s))
            if isinstance(message, PulseReport):
                self._world.hear(message)
            elif remaining_s <= 0:
                return

    def _report(self, pose: CarPose) -> None:
        """One sentence for every lap and every accident."""
        if pose.laps > self._told.laps and pose.last_lap_time_s is not None:
            self._tell(f"Lap {pose.laps}: {pose.last_lap_time_s:.2f} s")
        if pose.off_track_count > self._told.off_track_count:
            self._tell(f"Off the road, or into something, at {pose.progress_percent:.0f} % of the lap.")
        self._told = pose
