"""Who races: models by name, and whether they can share one road."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.cars import CarModel
from shared.errors import SettingsError
from shared.sensors import STEREO_CAMERAS, sensor_of_kind
from trainer.evaluation.conditions import own_conditions
from trainer.evaluation.policy import LoadedPolicy, load_policy
from trainer.simulator import SimulatorSettings

CLOSE = 1e-6  # relative: what two files that say the same differ by
ALONE = "race each against the clock with --against-clock"


@dataclass(frozen=True, slots=True)
class Entrant:
    """A model in a race. name: unlike any other in it. simulator, car: as the model knows the world."""

    name: str
    policy: LoadedPolicy
    simulator: SimulatorSettings
    car: CarModel


def load_entrants(sources: Sequence[str | Path], home: Path) -> tuple[Entrant, ...]:
    """Open the models: archives, or runs of `home`, in the order given; the same one twice is two entrants."""
    return entrants_of([load_policy(source, home) for source in sources])


def entrants_of(policies: Sequence[LoadedPolicy]) -> tuple[Entrant, ...]:
    """Policies with names of their own and with the worlds that they know."""
    entrants = []
    for name, policy in zip(names_apart([policy.name for policy in policies]), policies, strict=True):
        _, simulator, car, _ = own_conditions(policy)
        entrants.append(Entrant(name, policy, simulator, car))
    return tuple(entrants)


def names_apart(names: Sequence[str]) -> tuple[str, ...]:
    """The names, the second of the same name with -2 behind it."""
    apart: list[str] = []
    for name in names:
        candidate, number = name, 1
        while candidate in apart:
            number += 1
            candidate = f"{name}-{number}"
        apart.append(candidate)
    return tuple(apart)


def check_one_road(entrants: Sequence[Entrant]) -> None:
    """Cars on one road have one shape, one control rate and one way of mounting each sensor.

    Raises:
        SettingsError: names the model, what differs, and what to do.
    """
    first = entrants[0]
    for other in entrants[1:]:
        for what, mine, its in differences(first, other):
            raise SettingsError(
                f"{other.name} and {first.name} cannot share a road: {what} is {its} for {other.name} and {mine} "
                f"for {first.name}. Leave one out, or {ALONE}."
            )


def differences(first: Entrant, other: Entrant) -> Iterator[tuple[str, str, str]]:
    """What the simulator has once and two models want differently: what, the first's, the other's."""
    if not alike(first.simulator.step_s, other.simulator.step_s):
        yield "the control rate", rate_of(first), rate_of(other)
    mine, its = sensors_of(first), sensors_of(other)
    for name in (name for name in mine if name in its):
        if not alike(mine[name], its[name]):
            yield name, f"{mine[name]:.4g}", f"{its[name]:.4g}"
    if first.car != other.car:
        yield "the car", first.car.name, other.car.name


def rate_of(entrant: Entrant) -> str:
    """How often an entrant decides, in words."""
    return f"{1 / entrant.simulator.step_s:.4g} Hz"


def sensors_of(entrant: Entrant) -> dict[str, float]:
    """Where an entrant's sensors are and how they see, by name; the car model's values where it changes nothing."""
    found: dict[str, float] = {}
    for kind in ("camera", "lidar"):
        sensor = sensor_of_kind(entrant.policy.metadata.sensors, kind)
        if sensor is None:
            continue
        settings, mount = getattr(entrant.simulator, kind), getattr(entrant.car, kind)
        for name, value in settings.model_dump().items():
            if name == "stereo_baseline_m" and sensor != STEREO_CAMERAS:
                continue
            of_model = "z_m" if name == "height_m" else name
            found[f"the {kind}'s {name}"] = float(getattr(mount, of_model) if value is None else value)
    return found


def one_model(entrants: Sequence[Entrant]) -> SimulatorSettings:
    """The sensors of entrants that can share a road, together: each seen as by those who have it."""
    model = entrants[0].simulator
    for entrant in entrants:
        sensors = entrant.policy.metadata.sensors
        if STEREO_CAMERAS in sensors:
            baseline_m = entrant.simulator.camera.stereo_baseline_m
            model = model.changed(camera=model.camera.changed(stereo_baseline_m=baseline_m))
        if sensor_of_kind(sensors, "lidar") is not None:
            model = model.changed(lidar=entrant.simulator.lidar)
    return model


def alike(first: float, second: float) -> bool:
    """Whether two numbers of different files mean the same."""
    return abs(first - second) <= CLOSE * max(abs(first), abs(second), 1.0)
