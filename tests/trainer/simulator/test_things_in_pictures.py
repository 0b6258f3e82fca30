"""What shares the road, in every picture of a simulator: the training camera's, the colour views, and all alike."""

from __future__ import annotations

import numpy as np
import pytest

from shared.observation import grey_from_rgb
from tests.trainer.simulator.made_up import NO_RULES, quiet, steer_along
from trainer.simulator import RandomisationSettings, Simulator, SimulatorSettings
from trainer.simulator.race import BarrierSettings, BotSettings, BoxSettings, RaceSettings
from trainer.tracks import Track

KINDS = ("box", "striped_box", "parcel", "parked_car")
BUSY = RaceSettings(
    boxes=BoxSettings(count=6, kinds=KINDS, min_distance_m=1.1, start_gap_m=0.5),
    bots=BotSettings(count=4, min_distance_m=0.7, lane_change_distance_m=0.2),
    barriers=BarrierSettings(count=8),
)
# One box 0.6 m ahead of the car in the lane that it starts in the middle of.
ONE_BOX = RaceSettings(boxes=BoxSettings(count=1, positions=("0.1,-1",)))


def busy(track: Track, seed: int, randomisation: RandomisationSettings, race: RaceSettings = BUSY) -> Simulator:
    settings = SimulatorSettings(randomisation=randomisation, threads=1, rules=NO_RULES, race=race)
    simulator = Simulator([track], settings, seeds=[seed], start_fraction=[0.0])
    simulator.reset()
    return simulator


@pytest.mark.parametrize(
    ("randomisation", "most"),
    [
        (RandomisationSettings(preset="off"), 3.0),
        (RandomisationSettings(preset="light"), 3.0),
        # Without texture hardly anything is left but the things' own edges.
        (quiet("light"), 0.5),
        (quiet("strong", noise_level=(10.0, 10.0), blur=(0.2, 0.2), exposure_s=(0.02, 0.02)), 0.5),
    ],
    ids=["off", "light", "smooth", "strong"],
)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_colour_picture_of_things_reduced_is_the_training_picture(
    oval: Track, randomisation: RandomisationSettings, most: float, seed: int
) -> None:
    simulator = busy(oval, seed, randomisation)
    for _ in range(3):
        reduced = grey_from_rgb(simulator.render(0)).astype(float)
        assert np.abs(reduced - simulator.camera[0]).mean() <= most
        for _ in range(7):
            simulator.step(steer_along(simulator), 1.0)


def test_a_box_on_the_road_is_in_the_training_picture(straight: Track) -> None:
    """It stands 0.6 m from the start of 6 m of road, on the right."""
    empty = busy(straight, 1, quiet(), RaceSettings())
    boxed = busy(straight, 1, quiet(), ONE_BOX)
    changed = np.abs(boxed.camera[0].astype(int) - empty.camera[0]) > 4
    rows, columns = np.nonzero(changed)
    assert changed.mean() > 0.1
    assert columns.mean() > 80
    assert rows.max() > 75


def test_all_views_show_what_stands_on_the_road(oval: Track) -> None:
    box = RaceSettings(boxes=BoxSettings(count=1, kinds=("box",), positions=("0.08,-1",)))
    for view in ("camera", "chase", "top"):
        with_box, without = (busy(oval, 1, quiet(), race).render(0, view=view) for race in (box, RaceSettings()))
        brown = np.abs(with_box.astype(int) - (176, 124, 74)).max(axis=2) < 40
        side = with_box.astype(int)[..., 0] > 1.5 * with_box[..., 2]
        assert (with_box != without).any()
        assert (brown | side)[(with_box != without).any(axis=2)].sum() > 100, view


def test_a_world_with_things_gives_the_same_bytes_twice_and_on_two_threads(oval: Track) -> None:
    def pictures(threads: int) -> tuple[bytes, bytes]:
        settings = SimulatorSettings(
            randomisation=RandomisationSettings(preset="strong"), threads=threads, rules=NO_RULES, race=BUSY
        )
        simulator = Simulator([oval], settings, seeds=[1, 2, 3])
        simulator.reset()
        for _ in range(5):
            simulator.step(steer_along(simulator), 1.0)
        return simulator.camera.tobytes(), simulator.render(1).tobytes()

    first = pictures(1)
    assert pictures(1) == first
    assert pictures(2) == first
