"""Many cars at once: each as if it were alone, the same bytes whatever the threads, exact snapshots."""

from __future__ import annotations

import numpy as np
import pytest

from shared.errors import SimulationError
from tests.trainer.simulator.made_up import oval_track, steer_along, straight_track
from trainer.simulator import (
    BarrierSettings,
    BotSettings,
    BoxSettings,
    Column,
    RaceSettings,
    RandomisationSettings,
    Simulator,
    SimulatorSettings,
    StartSettings,
)
from trainer.simulator.simulator import STATE
from trainer.tracks import Track

LIGHT = SimulatorSettings(randomisation=RandomisationSettings(preset="light"))
# Everything that can share a road, on a road as short as the tests'.
FULL = LIGHT.changed(
    race=RaceSettings(
        boxes=BoxSettings(count=2),
        bots=BotSettings(count=2, speed_mps=(0.3, 1.0), lane_change=True, lane_change_interval_s=(0.5, 1.0)),
        barriers=BarrierSettings(count=4),
        cars_per_world=3,
    )
)


def drive(simulator: Simulator, steps: int, speed_mps: float = 1.3) -> None:
    """Follow the road badly, with resets when episodes end and some that come back on the road instead."""
    for step in range(steps):
        simulator.step(steer_along(simulator) + 12 * np.sin(step / 4), speed_mps)
        over = simulator.terminated | simulator.truncated
        back = over & (simulator.cars.episode % 2 == 1) & (simulator.cars.steps < 100)
        if back.any():
            simulator.put_back(back, 0.2)
        if (over & ~back).any():
            simulator.reset(over & ~back)


def state_bytes(simulator: Simulator) -> dict[str, bytes]:
    return {name: values.tobytes() for name, values in simulator.snapshot().items()}


@pytest.mark.parametrize("settings", [LIGHT, FULL], ids=["alone", "full"])
def test_the_number_of_threads_changes_no_byte(oval: Track, settings: SimulatorSettings) -> None:
    results = []
    for threads in (1, 2, 5):
        simulator = Simulator([oval], settings.changed(threads=threads), seeds=np.arange(11))
        simulator.reset()
        drive(simulator, 60)
        results.append(state_bytes(simulator))
    assert results[0] == results[1] == results[2]


def test_the_same_seeds_give_the_same_bytes_and_others_do_not(oval: Track) -> None:
    results = []
    for seed in (5, 5, 6):
        simulator = Simulator([oval], LIGHT, seeds=np.arange(3) + 100 * seed)
        simulator.reset()
        drive(simulator, 20)
        results.append(state_bytes(simulator))
    assert results[0] == results[1]
    assert results[0]["pictures"] != results[2]["pictures"]


def test_every_car_of_a_batch_behaves_as_if_it_were_alone() -> None:
    tracks = [oval_track(), straight_track(), oval_track(radius_m=1.5)]
    seeds, starts = [3, 14, 15, 92], [0.0, 0.1, 0.2, 0.3]
    settings = LIGHT.changed(start=StartSettings(alternate_direction=True))
    batch = Simulator(tracks, settings, seeds=seeds, start_fraction=starts)
    batch.reset()
    drive(batch, 90)
    for car, seed in enumerate(seeds):
        alone = Simulator(
            tracks, settings, seeds=[seed], track_index=[car % 3], start_fraction=[starts[car]], world_index=[car]
        )
        alone.reset()
        drive(alone, 90)
        alone.worlds["first_car"] = car
        for name in STATE:
            assert alone.snapshot()[name][0].tobytes() == batch.snapshot()[name][car].tobytes(), name
    assert batch.cars.episode.max() > 0


def test_every_world_of_a_batch_behaves_as_if_it_were_alone() -> None:
    tracks = [oval_track(), oval_track(radius_m=1.5)]
    seeds, starts = np.arange(9) + 40, np.array([0.0, 0.4, 0.7]).repeat(3)
    batch = Simulator(tracks, FULL, seeds=seeds, start_fraction=starts)
    batch.reset()
    drive(batch, 150)
    for world in range(3):
        cars = slice(3 * world, 3 * world + 3)
        alone = Simulator(
            tracks, FULL, seeds=seeds[cars], track_index=[world % 2] * 3, start_fraction=starts[cars],
            world_index=[world] * 3,
        )  # fmt: skip
        alone.reset()
        drive(alone, 150)
        alone.worlds["first_car"] = 3 * world
        mine, its = batch.snapshot(), alone.snapshot()
        for name in STATE:
            rows = slice(world, world + 1) if name in ("objects", "worlds") else cars
            assert mine[name][rows].tobytes() == its[name].tobytes(), name
    assert batch.worlds["layings"].max() > 1
    assert (batch.measurements[:, Column.CONTACTS] > 0).any()


def test_resetting_one_car_leaves_every_byte_of_the_others(oval: Track) -> None:
    simulator = Simulator([oval], LIGHT, seeds=np.arange(4))
    simulator.reset()
    drive(simulator, 10)
    before = simulator.snapshot()
    simulator.reset([False, True, False, False], seeds=77, start_fraction=0.4)
    after = simulator.snapshot()
    for name in STATE:
        for car in (0, 2, 3):
            assert before[name][car].tobytes() == after[name][car].tobytes(), (name, car)
    assert before["pictures"][1].tobytes() != after["pictures"][1].tobytes()
    assert simulator.cars.episode.tolist() == [0, 0, 0, 0]
    assert simulator.cars.seed.tolist() == [0, 77, 2, 3]


@pytest.mark.parametrize("settings", [LIGHT, FULL], ids=["alone", "full"])
def test_a_restored_snapshot_goes_on_with_the_very_same_bytes(oval: Track, settings: SimulatorSettings) -> None:
    simulator = Simulator([oval], settings, seeds=np.arange(6))
    simulator.reset()
    drive(simulator, 15)
    kept = simulator.snapshot()
    drive(simulator, 40)
    finished = state_bytes(simulator)
    another = Simulator([oval], settings, seeds=np.arange(6) + 50)
    another.restore(kept)
    drive(another, 40)
    assert state_bytes(another) == finished


def test_a_snapshot_that_does_not_fit_is_refused_and_changes_nothing(oval: Track) -> None:
    small, large = Simulator([oval], LIGHT, seeds=[1]), Simulator([oval], LIGHT, seeds=[1, 2])
    small.reset()
    large.reset()
    before = state_bytes(large)
    with pytest.raises(SimulationError, match="snapshot does not fit"):
        large.restore(small.snapshot())
    assert state_bytes(large) == before


def test_arrays_stay_the_same_objects_and_show_every_step(oval: Track) -> None:
    simulator = Simulator([oval], LIGHT, seeds=[1, 2])
    camera, rows, speeds = simulator.camera, simulator.measurements, simulator.cars.speed_mps
    simulator.reset()
    first = camera.copy()
    for _ in range(12):
        simulator.step(0.0, 1.0)
    simulator.restore(simulator.snapshot())
    assert simulator.camera is camera
    assert simulator.measurements is rows
    assert (speeds > 0.5).all()
    assert (camera != first).any()


def test_asking_a_car_for_what_it_has_not_names_what_it_has(oval: Track) -> None:
    with pytest.raises(AttributeError, match="speed_mps"):
        _ = Simulator([oval], LIGHT, seeds=[1]).cars.velocity
