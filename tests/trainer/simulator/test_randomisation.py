"""What is drawn per episode: from the car's own seed, within its range, and refused where a range makes no sense."""

from __future__ import annotations

import numpy as np
import pytest

from shared.errors import SettingsError
from shared.settings import dump_settings, load_settings, parse_settings
from trainer.simulator import QUANTITIES, RandomisationSettings, Range, Simulator, SimulatorSettings
from trainer.simulator.random_numbers import random_bits, random_unit
from trainer.tracks import Track


def draws_of(track: Track, randomisation: RandomisationSettings, cars: int = 500) -> np.ndarray:
    simulator = Simulator([track], SimulatorSettings(randomisation=randomisation), seeds=np.arange(cars))
    simulator.reset()
    return simulator.snapshot()["draws"]


@pytest.mark.parametrize("preset", ["light", "strong"])
def test_every_quantity_fills_its_range_and_stays_inside(oval: Track, preset: str) -> None:
    settings = RandomisationSettings(preset=preset)
    draws = draws_of(oval, settings)
    for name in QUANTITIES:
        low, high = settings.range_of(name)
        values = draws[name]
        assert low <= values.min() <= low + 0.05 * (high - low), name
        assert high - 0.05 * (high - low) <= values.max() <= high, name
        assert abs(values.mean() - (low + high) / 2) < 0.06 * (high - low), name


def test_off_draws_the_same_for_everybody(oval: Track) -> None:
    draws = draws_of(oval, RandomisationSettings(preset="off"), cars=20)
    assert len(np.unique(draws)) == 1
    # Levels are then those of the track's own look: 0.2989 * 68 + 0.5870 * 70 + 0.1140 * 74 = 69.9.
    assert draws["road_level"][0] == pytest.approx(69.9, abs=0.1)
    assert draws["noise_level"][0] == 0.0


def test_strong_contains_light_and_light_contains_what_is_certain() -> None:
    for name, (lowest, highest, nominal, light, strong, _) in QUANTITIES.items():
        assert lowest <= strong[0] <= light[0] <= light[1] <= strong[1] <= highest, name
        assert nominal == -1 or light[0] - 1e-9 <= nominal <= light[1] or name in ("noise_level",), name


def test_quantities_are_drawn_independently(oval: Track) -> None:
    draws = draws_of(oval, RandomisationSettings(preset="strong"))
    values = draws.view(np.float64).reshape(len(draws), -1)
    related = np.corrcoef(values.T) - np.eye(len(QUANTITIES))
    assert np.abs(related).max() < 0.2


def test_a_new_episode_draws_anew_from_the_same_seed(oval: Track) -> None:
    simulator = Simulator([oval], SimulatorSettings(), seeds=[9])
    episodes = []
    for _ in range(3):
        simulator.reset()
        episodes.append(simulator.snapshot()["draws"].tobytes())
    assert len(set(episodes)) == 3
    simulator.reset(seeds=9)
    assert simulator.snapshot()["draws"].tobytes() == episodes[0]


def test_a_redraw_changes_the_world_of_the_wanted_cars_and_nothing_else(oval: Track) -> None:
    simulator = Simulator([oval], SimulatorSettings(), seeds=[9, 9], start_fraction=0.0)
    simulator.reset()
    simulator.step([0.0, 0.0], [1.0, 1.0])
    before = simulator.snapshot()
    simulator.redraw([True, False])
    after = simulator.snapshot()
    assert after["draws"][0] != before["draws"][0]
    assert after["draws"][1] == before["draws"][1]
    for name in set(before) - {"draws", "cars"}:
        assert after[name].tobytes() == before[name].tobytes(), name
    for name in set(before["cars"].dtype.names) - {"grey", "red", "green", "blue"}:
        assert after["cars"][name].tobytes() == before["cars"][name].tobytes(), name
    simulator.restore(before)
    simulator.redraw([True, False])
    assert simulator.snapshot()["draws"].tobytes() == after["draws"].tobytes()


def test_a_range_given_replaces_the_presets(oval: Track) -> None:
    settings = RandomisationSettings(preset="strong", friction=Range(low=0.7, high=0.8))
    draws = draws_of(oval, settings, cars=50)
    assert draws["friction"].min() >= 0.7
    assert draws["friction"].max() <= 0.8
    assert np.ptp(draws["blur"]) > 0.1


def test_ranges_are_written_in_toml_and_on_the_command_line(tmp_path) -> None:
    file = tmp_path / "world.toml"
    file.write_text("[randomisation]\npreset = 'strong'\n[randomisation.blur]\nlow = 0.0\nhigh = 0.1\n")
    settings = load_settings(SimulatorSettings, file, ["randomisation.friction={low=0.9, high=1.0}"])
    assert settings.randomisation.range_of("blur") == (0.0, 0.1)
    assert settings.randomisation.range_of("friction") == (0.9, 1.0)
    file.write_text(dump_settings(settings))
    assert load_settings(SimulatorSettings, file) == settings


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"friction": {"low": 2.0, "high": 1.0}}, "swap"),
        ({"friction": {"low": 0.0, "high": 1.0}}, "friction from 0.0 to 1.0 is outside the possible 0.1 to 3"),
        ({"frictoin": {"low": 1.0, "high": 1.0}}, "friction"),
        ({"preset": "heavy"}, "light"),
    ],
)
def test_a_wrong_range_is_refused_with_a_sentence(wrong: dict, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        parse_settings(SimulatorSettings, {"randomisation": wrong}, source="world.toml")


def test_random_numbers_are_uniform_and_never_repeat() -> None:
    values = np.array([random_unit(seed, 0, 0, counter) for seed in range(20) for counter in range(500)])
    counts = np.histogram(values, bins=20, range=(0, 1))[0]
    assert np.abs(counts - 500).max() < 5 * np.sqrt(500)
    bits = {random_bits(s, e, k, c) for s in range(6) for e in range(6) for k in range(6) for c in range(6)}
    assert len(bits) == 6**4
