"""The tracks of one training: from the catalogue, from files, or generated."""

from __future__ import annotations

import numpy as np

from trainer.config import GENERATED_TRACKS, GeneratedTracks, TrainingSettings
from trainer.tracks import Track, generate_track, load_track
from trainer.tracks.generator import SHORTEST_IN_WIDTHS


def course_tracks(settings: TrainingSettings, *, limit: int | None = None) -> list[Track]:
    """Every track the cars learn on, in the order of their names; of generated ones the first `limit`."""
    tracks: list[Track] = []
    for name in settings.tracks:
        if name == GENERATED_TRACKS:
            count = settings.generated.count
            tracks += generated_tracks(settings.generated, count if limit is None else min(limit, count))
        else:
            tracks.append(load_track(name))
    return tracks


def generated_tracks(settings: GeneratedTracks, count: int) -> list[Track]:
    """The first `count` of them: each has its length, width and tightness from its own seed."""
    tracks = []
    for seed in range(settings.seed, settings.seed + count):
        rng = np.random.default_rng((settings.seed, seed))
        length_m, width_m, tightness = (
            float(rng.uniform(*limits)) for limits in (settings.length_m, settings.width_m, settings.tightness)
        )
        fitting_m = min(width_m, length_m / SHORTEST_IN_WIDTHS)
        tracks.append(generate_track(seed, length_m, fitting_m, tightness))
    return tracks
