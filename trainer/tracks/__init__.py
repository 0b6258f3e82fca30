"""The track catalogue and track geometry."""

from trainer.tracks.catalogue import DEFAULT_TRACK, TrackInfo, list_tracks, load_track, track_reference
from trainer.tracks.drawing import draw_png, draw_svg
from trainer.tracks.generator import generate_track
from trainer.tracks.look import Look
from trainer.tracks.route_files import npy_bytes, npy_rows, read_npy, write_npy
from trainer.tracks.track import Track
from trainer.tracks.validity import check_track

__all__ = [
    "DEFAULT_TRACK",
    "Look",
    "Track",
    "TrackInfo",
    "check_track",
    "draw_png",
    "draw_svg",
    "generate_track",
    "list_tracks",
    "load_track",
    "npy_bytes",
    "npy_rows",
    "read_npy",
    "track_reference",
    "write_npy",
]
