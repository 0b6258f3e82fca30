"""Whether a track can be driven: spacing, width, and borders that cross neither each other nor themselves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shared.errors import TrackError
from trainer.tracks.track import Track

MAX_ROWS = 100_000


def check_track(track: Track) -> None:
    """Raise TrackError when the track cannot be driven."""
    if not np.isfinite(track.waypoints_m).all():
        raise TrackError(f"Track {track.name} is not finite.")
