"""All cars of a simulator: ours, which are told what to do, and the others, which their own drivers steer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.actions import ActionSpace
from shared.lidar import LidarConfig
from shared.observation import Observer
from trainer.simulator import Simulator
from trainer.training.opponents import Driver, Opponents
from trainer.training.seats import Mask, Seats

Floats = NDArray[np.float64]
Arrays = Mapping[str, NDArray[Any]]


def commands(action_space: ActionSpace, actions: NDArray[Any]) -> tuple[Floats, Floats]:
    """Steering angles in degrees and speeds in m/s, (N,) each, of chosen actions: (N,) indices or (N, 2)."""
    if action_space.kind == "discrete":
        steering_deg, speed_mps = action_space.arrays()
        return steering_deg[actions], speed_mps[actions]
    return action_space.scale(actions)


def sensors_of(ours: Sequence[str], drivers: Sequence[Driver]) -> tuple[str, ...]:
    """Every sensor that somebody on the road sees with. ours: our car's."""
    return tuple(dict.fromkeys([*ours, *(name for driver in drivers for name in driver.sensors)]))


def lidar_of(ours: LidarConfig | None, drivers: Sequence[Driver]) -> LidarConfig | None:
    """The LiDAR that they share, ours where we have one; None where nobody has."""
    configs = [ours, *(driver.lidar for driver in drivers)]
    return next((config for config in configs if config is not None), None)


class Field:
    """N cars in W worlds, of which L are ours. All arrays that it gives are of ours, in their order."""

    def __init__(
        self, simulator: Simulator, seats: Seats, action_space: ActionSpace, observer: Observer, opponents: Opponents
    ) -> None:
        """action_space: of our cars. observer: what those L see. opponents: at the wheel of the others."""
        self.simulator, self.seats = simulator, seats
        self._action_space, self._observer, self._opponents = action_space, observer, opponents

    @property
    def observation(self) -> Arrays:
        """What every car of ours sees now, (L, …) by sensor."""
        return self._observer.current

    @property
    def measurements(self) -> Floats:
        """(L, columns) of the simulator."""
        return self.seats.mine(self.simulator.measurements)

    @property
    def records(self) -> NDArray[np.void]:
        """(L,) CAR of the simulator."""
        return self.seats.mine(self.simulator.cars.records)

    def begin(self, rows: Mask | None = None) -> None:
        """The simulator has put the cars in the mask (N,), or all, at a start: they look around."""
        simulator, seats = self.simulator, self.seats
        if rows is None:
            rows = np.ones(len(seats), dtype=bool)
        self._opponents.begin(rows, simulator.readings())
        if rows[seats.ours].any():
            self._observer.renew(rows[seats.ours], self._readings())

    def orders(self, actions: NDArray[Any]) -> tuple[Floats, Floats]:
        """Steering angles in degrees and speeds in m/s of all N cars, where ours take these actions (L,) or (L, 2)."""
        return self.with_opponents(*commands(self._action_space, actions))

    def with_opponents(self, steering_deg: Floats, speed_mps: Floats) -> tuple[Floats, Floats]:
        """What ours are told, (L,) each, and what the others do: of all N cars."""
        if not len(self.seats.others):
            return steering_deg, speed_mps
        angles_deg, speeds_mps = np.zeros(len(self.seats)), np.zeros(len(self.seats))
        angles_deg[self.seats.ours], speeds_mps[self.seats.ours] = steering_deg, speed_mps
        self._opponents.drive(angles_deg, speeds_mps)
        return angles_deg, speeds_mps

    def look(self, put_back: Mask | None = None) -> None:
        """The simulator took a step: everybody sees where it led. put_back: (N,) cars that were put somewhere since."""
        if put_back is not None:
            self._observer.reset(put_back[self.seats.ours])
        self._observer.push(self._readings())
        self._opponents.look(self.simulator.readings(), put_back)

    def endings(self) -> tuple[Mask, Mask]:
        """(L,) terminated and truncated with this step, copies."""
        return self.seats.mine(self.simulator.terminated).copy(), self.seats.mine(self.simulator.truncated).copy()

    def restarting(self, done: Mask) -> Mask:
        """(N,) the cars that begin anew when those of ours in the mask (L,) are done."""
        return self.seats.restarting(done, self.simulator.terminated | self.simulator.truncated)

    def _readings(self) -> dict[str, NDArray[Any]]:
        return {name: self.seats.mine(values) for name, values in self.simulator.readings().items()}

    def state(self) -> dict[str, Arrays]:
        """Copies of everything that changes, by part."""
        return {
            "simulator": self.simulator.snapshot(),
            "observations": {sensor: seen.copy() for sensor, seen in self.observation.items()},
            "opponents": self._opponents.state(),
        }

    def restore(self, parts: Mapping[str, Arrays]) -> None:
        """Go on from state()."""
        self.simulator.restore(parts["simulator"])
        self._observer.restore(parts["observations"])
        self._opponents.restore(parts["opponents"])
