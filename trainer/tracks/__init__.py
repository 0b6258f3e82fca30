"""The track catalogue and track geometry."""

from trainer.tracks.catalogue import DEFAULT_TRACK, TrackInfo, list_tracks, load_track
from trainer.tracks.generator import generate_track
from trainer.tracks.look import Look
from trainer.tracks.route_files import read_npy
from trainer.tracks.track import Track

__all__ = [
    "DEFAULT_TRACK",
    "Look",
    "Track",
    "TrackInfo",
    "generate_track",
    "list_tracks",
    "load_track",
    "read_npy",
]
