"""Pictures of tracks: every track is drawn, and what is road looks like road."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared.errors import TrackError
from trainer.tracks import Track, draw_png, draw_svg, list_tracks, load_track
from trainer.tracks.drawing import track_scene


def pixels_at(track: Track, points_m: np.ndarray, width_px: int = 800) -> np.ndarray:
    """Colours of the picture at places of the track."""
    picture = np.asarray(Image.open(io.BytesIO(draw_png(track, width_px=width_px))))
    scene = track_scene(track)
    scale = width_px / (scene.high_m - scene.low_m)[0]
    columns = (points_m[:, 0] - scene.low_m[0]) * scale
    rows = (scene.high_m[1] - points_m[:, 1]) * scale
    colours: np.ndarray = picture[rows.astype(int), columns.astype(int)].astype(int)
    return colours


@pytest.mark.parametrize("name", [info.name for info in list_tracks()])
def test_every_track_is_drawn_as_a_road_on_a_field(name: str) -> None:
    track = load_track(name)
    arcs = np.linspace(1.5, track.length_m - 0.2, 60)
    left, right = track.half_widths_m(arcs)
    on_road = pixels_at(track, track.position(arcs, 0.5 * left))
    assert np.abs(on_road - track.look.road_rgb).max() <= 3
    beside = track.position(arcs, -right - 0.09)
    beside = beside[~track.on_track(beside)]
    clear = np.abs(track.project(beside)[1]) > track.half_widths_m(track.project(beside)[0])[1] + 0.08
    assert clear.sum() > 20
    assert np.abs(pixels_at(track, beside[clear]) - track.look.field_rgb).max() <= 3
    borders = pixels_at(track, track.position(arcs, left))
    assert np.abs(borders - track.look.border_rgb).max(axis=1).mean() < 60


def test_the_centre_line_is_dashed() -> None:
    track = load_track("oval")
    colours = pixels_at(track, track.position(np.linspace(1, 18, 400)), width_px=1600)
    yellow = (colours[:, 0] - colours[:, 2]) > 80
    assert 0.4 < yellow.mean() < 0.75


def test_a_picture_is_as_wide_as_asked(tmp_path: Path) -> None:
    written = draw_png(load_track("cup"), tmp_path / "cup.png", width_px=300)
    assert (tmp_path / "cup.png").read_bytes() == written
    assert Image.open(io.BytesIO(written)).size[0] == 300
    with pytest.raises(TrackError, match="100 to 8000 px"):
        draw_png(load_track("cup"), width_px=9)


def test_an_svg_holds_the_same_shapes_and_the_escaped_name(tmp_path: Path) -> None:
    track = load_track("cup")
    odd = Track("odd", True, track.waypoints_m, track.left_border_m, track.right_border_m, title="<Cup> & 'more'")
    text = draw_svg(odd, tmp_path / "odd.svg", width_px=600)
    assert (tmp_path / "odd.svg").read_text() == text
    root = ElementTree.fromstring(text)
    drawn = [element for element in root if element.tag.endswith(("polygon", "polyline"))]
    assert root.attrib["width"] == "600"
    assert len(drawn) == len(track_scene(odd).shapes)
    assert root[0].text == "<Cup> & 'more'"
