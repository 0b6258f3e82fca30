"""The cars that do not learn: who is at their wheel, and what those see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from shared.actions import ActionSpace
from shared.lidar import LidarConfig
from shared.model_metadata import ModelMetadata
from shared.observation import Observer
from trainer.training.seats import Mask, Seats

OPPONENTS_STREAM = 0x6F70706F6E  # keeps the draws of opponents apart from everything else that the seed decides

Floats = NDArray[np.float64]
Observation = Mapping[str, NDArray[Any]]
Readings = Mapping[str, NDArray[Any]]


class Driver(Protocol):
    """A policy that drives and does not learn. lidar: how it sees with its LiDAR, None without one."""

    @property
    def sensors(self) -> tuple[str, ...]: ...

    @property
    def lidar(self) -> LidarConfig | None: ...

    def observer(self, cars: int) -> Observer:
        """What so many cars with this policy see."""

    def commands(self, observation: Observation) -> tuple[Floats, Floats]:
        """What those N cars do: steering angles in degrees and speeds in m/s, (N,) each."""


class Policy(Protocol):
    """A policy as it is read from an archive or a run."""

    @property
    def name(self) -> str: ...

    @property
    def metadata(self) -> ModelMetadata: ...

    @property
    def action_space(self) -> ActionSpace: ...

    def observer(self, cars: int) -> Observer: ...

    def act(self, observation: Observation) -> NDArray[np.float32]: ...


class Greedy:
    """A Driver that always takes the best of a policy's actions, as the policy does on a car."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.sensors = policy.metadata.sensors
        self.lidar = policy.metadata.lidar

    def observer(self, cars: int) -> Observer:
        """What so many cars with this policy see."""
        return self._policy.observer(cars)

    def commands(self, observation: Observation) -> tuple[Floats, Floats]:
        """The best actions."""
        return self._policy.action_space.decode_batch(self._policy.act(observation))


class Opponents:
    """Drivers at the wheel of the other cars of all worlds. Every car draws its driver with every new episode."""

    def __init__(
        self,
        drivers: Sequence[Driver],
        seats: Seats,
        seed: Sequence[int],
        assigned: NDArray[np.int64] | None = None,
    ) -> None:
        """drivers: may be empty where nobody is to be driven. seed: whole numbers; decide who drives when.

        assigned: (others,) the number of every car's driver, who keeps it for good, instead of drawing them.
        """
        self._rows, self._seed, self._is_assigned = seats.others, tuple(seed), assigned is not None
        count = len(self._rows)
        self._drivers = list(drivers) if count else []
        self._observers = [driver.observer(count) for driver in self._drivers]
        self._driver = np.zeros(count, dtype=np.int64) if assigned is None else assigned.copy()
        self._episodes = np.zeros(count, dtype=np.int64)

    def begin(self, restarting: Mask, readings: Readings) -> None:
        """The cars in the mask (N,) of all rows were put at a start."""
        mine = restarting[self._rows]
        if not mine.any():
            return
        for row in np.flatnonzero(mine) if len(self._drivers) > 1 and not self._is_assigned else ():
            entropy = (*self._seed, OPPONENTS_STREAM, int(row), int(self._episodes[row]))
            (drawn,) = np.random.SeedSequence(entropy).generate_state(1)
            self._driver[row] = drawn % len(self._drivers)
        self._episodes[mine] += 1
        for observer in self._observers:
            observer.renew(mine, self._read(readings))

    def look(self, readings: Readings, put_back: Mask | None = None) -> None:
        """A step was taken. put_back: (N,) of all rows that were put somewhere since; they go on with their driver."""
        if self._observers:
            read = self._read(readings)
            for observer in self._observers:
                if put_back is not None:
                    observer.reset(put_back[self._rows])
                observer.push(read)

    def drive(self, steering_angle_deg: Floats, speed_mps: Floats) -> None:
        """Write what the opponents do into the commands of all cars, (N,) each."""
        for number, (driver, observer) in enumerate(zip(self._drivers, self._observers)):
            theirs = self._driver == number
            if not theirs.any():
                continue
            seen = observer.current if theirs.all() else {name: a[theirs] for name, a in observer.current.items()}
            rows = self._rows[theirs]
            steering_angle_deg[rows], speed_mps[rows] = driver.commands(seen)

    def _read(self, readings: Readings) -> dict[str, NDArray[Any]]:
        return {name: values[self._rows] for name, values in readings.items()}

    def state(self) -> dict[str, NDArray[Any]]:
        """Copies of everything that changes, the drivers' own state not included."""
        seen = {
            f"seen_{number}.{name}": values.copy()
            for number, observer in enumerate(self._observers)
            for name, values in observer.current.items()
        }
        return {"driver": self._driver.copy(), "episodes": self._episodes.copy(), **seen}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from state()."""
        self._driver[:], self._episodes[:] = state["driver"], state["episodes"]
        for number, observer in enumerate(self._observers):
            observer.restore({name: state[f"seen_{number}.{name}"] for name in observer.current})
