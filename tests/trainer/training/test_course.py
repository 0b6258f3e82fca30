"""Generated tracks for a training: whatever the seed, the default ranges give as many as are asked for."""

from __future__ import annotations

import pytest

from trainer.config import GeneratedTracks
from trainer.training.course import generated_tracks


@pytest.mark.parametrize("seed", [1, 7, 100])
def test_the_default_ranges_give_every_track(seed: int) -> None:
    settings = GeneratedTracks(seed=seed)
    tracks = generated_tracks(settings, settings.count)
    assert len({track.name for track in tracks}) == settings.count
    for track in tracks:
        assert settings.length_m[0] <= track.length_m <= settings.length_m[1]
        assert settings.width_m[0] - 0.01 <= track.mean_width_m <= settings.width_m[1] + 0.01
