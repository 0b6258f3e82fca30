"""Pictures for people: the three views, a contact sheet of every track, and pictures kept as golden files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from shared.errors import SimulationError
from tests.trainer.simulator.made_up import NO_RULES, OFF, one_car, oval_track, steer_along
from trainer.simulator import (
    CameraSettings,
    EpisodeStatus,
    RaceSettings,
    RandomisationSettings,
    Simulator,
    SimulatorSettings,
)
from trainer.tracks import Track, list_tracks, load_track

GOLDEN = Path(__file__).parents[2] / "golden" / "simulator"
PINHOLE, FISHEYE = CameraSettings(), CameraSettings(horizontal_fov_deg=120.0, lens_distortion=0.5)
RED = (214, 48, 38)


@pytest.fixture(scope="module")
def catalogue() -> list[Track]:
    return [load_track(info.name) for info in list_tracks()]


def driven(track: Track, preset: str, camera: CameraSettings = PINHOLE) -> Simulator:
    settings = SimulatorSettings(randomisation=RandomisationSettings(preset=preset), camera=camera, rules=NO_RULES)
    simulator = Simulator([track], settings, seeds=[20], start_fraction=[0.2])
    simulator.reset()
    for _ in range(20):
        simulator.step(steer_along(simulator), 1.0)
    return simulator


@pytest.mark.parametrize(
    ("name", "preset", "camera"),
    [
        ("off", "off", CameraSettings()),
        ("light", "light", CameraSettings()),
        ("strong", "strong", CameraSettings()),
        ("fisheye", "light", FISHEYE),
    ],
)
def test_pictures_look_as_they_did(name: str, preset: str, camera: CameraSettings) -> None:
    """If a change is meant, look at the new pictures and replace the files in tests/golden/simulator."""
    picture = driven(oval_track(), preset, camera).camera[0].astype(int)
    golden = np.asarray(Image.open(GOLDEN / f"{name}.png")).astype(int)
    # Another processor may round another way here and there.
    assert np.abs(picture - golden).mean() < 0.1
    assert (np.abs(picture - golden) > 8).mean() < 0.002


@pytest.mark.parametrize("view", ["camera", "chase", "top"])
def test_colour_views_look_as_they_did(view: str) -> None:
    """If a change is meant, look at the new pictures and replace the files in tests/golden/simulator."""
    picture = driven(oval_track(), "off").render(0, width_px=320, height_px=240, view=view).astype(int)
    golden = np.asarray(Image.open(GOLDEN / f"{view}_view.png")).astype(int)
    assert np.abs(picture - golden).mean() < 0.1


def test_every_track_can_be_seen_on_a_contact_sheet(catalogue: list[Track], tmp_path: Path) -> None:
    """Every track from the car, clean and light, from behind and from above; left in tmp_path for looking at."""
    tiles = []
    for track in catalogue:
        clean, light = driven(track, "off"), driven(track, "light")
        views = [clean.render(0, width_px=320, height_px=240, view=view) for view in ("camera", "chase", "top")]
        grey = np.kron(light.camera[0], np.ones((2, 2), np.uint8))
        tiles.append(np.concatenate([*views, np.repeat(grey[..., None], 3, axis=2)], axis=1))
        assert grey.std() > 8.0, track.name
        assert _near(views[1], (170, 38, 30), 60).mean() > 0.005, f"{track.name}: no car in the chase view"
        road = np.abs(views[2].astype(int) - track.look.road_rgb).max(axis=2) < 30
        field = np.abs(views[2].astype(int) - track.look.field_rgb).max(axis=2) < 30
        assert road.mean() > 0.02, f"{track.name}: no road from above"
        assert field.mean() > 0.2, f"{track.name}: no field from above"
    half = (len(tiles) + 1) // 2
    columns = [np.concatenate(tiles[:half]), np.concatenate(tiles[half:] + tiles[:1] * (2 * half - len(tiles)))]
    Image.fromarray(np.concatenate(columns, axis=1)).save(tmp_path / "contact_sheet.png")


def _near(picture: NDArray[np.uint8], rgb: tuple[int, int, int], by: int) -> NDArray[np.bool_]:
    return np.abs(picture.astype(int) - rgb).max(axis=2) < by


def test_a_car_can_drive_a_lap_of_every_track_both_ways(catalogue: list[Track]) -> None:
    count = len(catalogue)
    settings = SimulatorSettings(randomisation=OFF)
    simulator = Simulator(catalogue, settings, seeds=np.arange(2 * count), start_fraction=np.zeros(2 * count))
    simulator.reset(reversed=np.arange(2 * count) >= count)
    for _ in range(15 * 90):
        simulator.step(steer_along(simulator), 1.0)
        if (simulator.terminated | simulator.truncated).all():
            break
    ended = {
        f"{catalogue[car % count].name} {car // count}": EpisodeStatus(s).name for car, s in enumerate(simulator.status)
    }
    assert set(ended.values()) == {"LAP_COMPLETE"}, ended


def test_the_top_view_shows_every_car_of_the_world_and_no_other(oval: Track) -> None:
    settings = SimulatorSettings(randomisation=OFF, race=RaceSettings(cars_per_world=2))
    simulator = Simulator([oval], settings, seeds=[1, 2, 3], world_index=[0, 0, 1])
    simulator.reset(start_fraction=[0.0, 0.3, 0.6])
    both, alone = simulator.render(0, view="top"), simulator.render(2, view="top")
    assert _near(both, RED, 40).any()
    assert _near(both, (36, 98, 204), 40).any()
    assert _near(alone, RED, 40).any()
    assert not _near(alone, (36, 98, 204), 40).any()


def test_a_car_ahead_in_the_same_world_is_seen(oval: Track) -> None:
    settings = SimulatorSettings(randomisation=OFF, race=RaceSettings(cars_per_world=2))
    simulator = Simulator([oval], settings, seeds=[1, 2], world_index=[0, 0])
    # Less than 1 m ahead it would start in another lane.
    simulator.reset(start_fraction=[0.0, 0.08])
    blue = _near(simulator.render(0), (22, 59, 123), 40)
    assert blue.mean() > 0.005
    columns = np.nonzero(blue.any(axis=0))[0]
    assert abs(columns.mean() - 320) < 60


def test_a_picture_has_the_size_asked_for(oval: Track) -> None:
    simulator = one_car(oval)
    for width_px, height_px in ((160, 120), (33, 17), (1280, 960)):
        assert simulator.render(0, width_px=width_px, height_px=height_px).shape == (height_px, width_px, 3)


def test_drawing_does_not_change_the_world(oval: Track) -> None:
    simulator = one_car(oval)
    before = {name: values.tobytes() for name, values in simulator.snapshot().items()}
    for view in ("camera", "chase", "top"):
        simulator.render(0, view=view)
    assert {name: values.tobytes() for name, values in simulator.snapshot().items()} == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"view": "bird"}, "camera, chase, top"),
        ({"car": 4}, "cars 0 to 0"),
        ({"width_px": 5000}, "sides of 8 to 1920"),
    ],
)
def test_a_picture_that_cannot_be_drawn_is_refused_with_a_sentence(oval: Track, arguments: dict, sentence: str) -> None:
    with pytest.raises(SimulationError, match=sentence):
        one_car(oval).render(**arguments)
