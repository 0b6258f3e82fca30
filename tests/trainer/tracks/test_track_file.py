"""Track files: what a person writes is read, and every mistake is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shared.errors import TrackError
from trainer.tracks import generate_track, load_track
from trainer.tracks.track_file import read_track_file, track_file_text

BOX = """
title = "Box"
width_m = 0.8
corners = [
  [6.0, 0.0, 1.0],
  [6.0, 4.0, 1.0, 1.2],
  [0.0, 4.0, 1.0],
  [0.0, 0.0, 1.0],
]
[look]
field = "#102030"
"""


def written(folder: Path, text: str, name: str = "box") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_track_is_written_with_a_few_corners(tmp_path: Path) -> None:
    track = read_track_file(written(tmp_path, BOX))
    assert (track.name, track.title, track.closed) == ("box", "Box", True)
    assert track.length_m == pytest.approx(12 + 2 * np.pi, rel=1e-3)
    assert track.width_m(0.0) == pytest.approx(0.8, abs=0.01)
    assert track.width_m(track.waypoint_arcs_m).max() == pytest.approx(1.2, abs=0.01)
    assert track.look.field_rgb == (16, 32, 48)


@pytest.mark.parametrize("name", ["bowtie", "straight", "river"])
def test_any_track_is_kept_as_rows(name: str, tmp_path: Path) -> None:
    track = load_track(name)
    back = read_track_file(written(tmp_path, track_file_text(track), "kept"))
    assert np.abs(back.waypoints_m - track.waypoints_m).max() < 1e-5
    assert np.abs(back.right_border_m - track.right_border_m).max() < 1e-5
    assert (back.title, back.description, back.aliases) == (track.title, track.description, track.aliases)
    assert (back.closed, back.look) == (track.closed, track.look)


def test_odd_characters_in_a_title_survive(tmp_path: Path) -> None:
    track = generate_track(1)
    odd = read_track_file(written(tmp_path, BOX.replace('"Box"', r'"A \"quoted\" \\ pässe ☂"')))
    assert odd.title == 'A "quoted" \\ pässe ☂'
    again = read_track_file(written(tmp_path, track_file_text(odd), "again"))
    assert again.title == odd.title
    assert track.title == "Generated 1"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("width_m", "widht_m", "widht_m is not a setting. Did you mean 'width_m'"),
        ("0.8", "0.0", "width_m"),
        ("0.8", "nan", "width_m"),
        ("[6.0, 0.0, 1.0]", "[nan, 0.0, 1.0]", "corners"),
        ("[6.0, 0.0, 1.0]", "[6.0, 1e9, 1.0]", "corners"),
        ("[6.0, 0.0, 1.0]", "[6.0, 0.0]", "corner 1 has 2 figures"),
        ("[6.0, 0.0, 1.0]", "[6.0, 0.0, -1.0]", "corner 1 has a radius of -1 m"),
        ("[6.0, 0.0, 1.0]", "[6.0, 0.0, 3.5]", r"corners 1 and 2 need 4\.50 m of the 4\.00 m"),
        ("[6.0, 4.0, 1.0, 1.2]", "[6.0, 4.0, 1.0, 0.0]", "a car needs 0.2 m"),
        ("#102030", "green", "look.field"),
        ('title = "Box"', 'title = "Box', "not a TOML file"),
        ("[6.0, 0.0, 1.0],", "", "crosses|need|between"),
        ('title = "Box"', "rows = [[0, 0, 0, 1, 0, -1]]", "either corners or rows"),
        ('title = "Box"', "rows = [[0, 0, 0, 1]]", "rows"),
    ],
)
def test_a_mistake_in_a_track_file_is_named(old: str, new: str, message: str, tmp_path: Path) -> None:
    text = BOX.replace(old, new)
    assert text != BOX
    if new == "":
        text = text.replace("[0.0, 4.0, 1.0],", "[6.2, 4.2, 1.0],")
    with pytest.raises(TrackError, match=message):
        read_track_file(written(tmp_path, text))


def test_a_file_without_a_track_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrackError, match="either corners or rows"):
        read_track_file(written(tmp_path, 'title = "Nothing"'))
    with pytest.raises(TrackError, match="There is no track file"):
        read_track_file(tmp_path / "none.toml")
    with pytest.raises(TrackError, match="letters, digits"):
        read_track_file(written(tmp_path, BOX, "with space"))


def test_a_file_of_another_size_altogether_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "big.toml"
    with path.open("wb") as file:
        file.truncate(17_000_000)
    with pytest.raises(TrackError, match="larger than 16 MB"):
        read_track_file(path)
