"""DeepRacer's route files: the real ones come in and go out unchanged, and the damaged ones are refused."""

from __future__ import annotations

import io
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.errors import TrackError
from trainer.tracks import load_track, npy_bytes, npy_rows, read_npy, write_npy
from trainer.tracks.track_file import read_track_file, track_file_text

# Length of the centre line and mean distance of the borders, metres, of the public routes.
FIGURES = {
    "2022_april_open": (50.30, 1.067),
    "2022_april_pro": (67.46, 1.067),
    "2022_august_open": (43.31, 1.067),
    "2022_august_pro": (63.88, 1.067),
    "2022_july_open": (40.20, 1.067),
    "2022_july_pro": (57.89, 1.067),
    "2022_june_open": (41.28, 1.067),
    "2022_june_pro": (58.61, 1.067),
    "2022_march_open": (48.07, 1.067),
    "2022_march_pro": (76.76, 1.067),
    "2022_may_open": (46.13, 1.067),
    "2022_may_pro": (63.86, 1.067),
    "2022_october_open": (49.57, 1.067),
    "2022_october_pro": (62.08, 1.066),
    "2022_reinvent_champ": (33.28, 0.950),
    "2022_september_open": (45.30, 1.067),
    "2022_september_pro": (60.18, 1.067),
    "2022_summit_speedway": (25.17, 1.067),
    "2022_summit_speedway_mini": (22.45, 1.067),
    "2024_reinvent_champ": (25.11, 0.762),
    "AWS_track": (69.25, 0.942),
    "Albert": (51.39, 1.067),
    "AmericasGeneratedInclStart": (39.07, 1.067),
    "Aragon": (59.92, 1.067),
    "Austin": (59.35, 1.443),
    "Belille": (60.06, 1.067),
    "Bowtie_track": (17.43, 0.789),
    "Canada_Training": (21.74, 0.757),
    "China_track": (22.92, 0.894),
    "FS_June2020": (52.87, 0.914),
    "H_track": (100.85, 1.071),
    "July_2020": (59.91, 0.914),
    "LGSWide": (38.03, 1.067),
    "Mexico_track": (20.51, 0.839),
    "Monaco": (60.27, 1.458),
    "Monaco_building": (60.27, 1.458),
    "New_York_Track": (21.88, 0.739),
    "Oval_track": (19.55, 0.710),
    "Singapore": (60.47, 1.453),
    "Singapore_building": (60.47, 1.453),
    "Singapore_f1": (60.47, 1.453),
    "Spain_track": (60.00, 0.913),
    "Spain_track_f1": (60.00, 0.913),
    "Straight_track": (5.71, 0.610),
    "Tokyo_Training_track": (22.63, 1.202),
    "Vegas_track": (22.55, 1.067),
    "Virtual_May19_Train_track": (19.45, 0.758),
    "arctic_open": (42.22, 1.067),
    "arctic_pro": (59.52, 1.067),
    "caecer_gp": (73.16, 1.082),
    "caecer_loop": (35.09, 1.286),
    "dubai_open": (40.66, 1.067),
    "dubai_pro": (64.95, 1.067),
    "hamption_open": (45.93, 1.067),
    "hamption_pro": (60.74, 1.067),
    "jyllandsringen_open": (46.12, 1.067),
    "jyllandsringen_pro": (62.03, 1.067),
    "morgan_open": (45.04, 1.067),
    "morgan_pro": (59.27, 1.067),
    "penbay_open": (68.68, 1.067),
    "penbay_pro": (89.24, 1.067),
    "reInvent2019_track": (23.12, 1.067),
    "reInvent2019_wide": (16.64, 1.067),
    "reInvent2019_wide_mirrored": (16.64, 1.067),
    "red_star_open": (43.49, 1.066),
    "red_star_pro": (68.90, 1.067),
    "reinvent_base": (17.71, 0.762),
    "reinvent_carpet": (17.71, 0.762),
    "reinvent_concrete": (17.71, 0.762),
    "reinvent_wood": (17.71, 0.762),
    "thunder_hill_open": (40.91, 1.067),
    "thunder_hill_pro": (59.15, 1.067),
}


def plain_name(path: Path) -> str:
    return re.sub(r"_(cw|ccw)$", "", path.stem)


def saved(folder: Path, array: np.ndarray, name: str = "route") -> Path:
    path = folder / f"{name}.npy"
    np.save(path, array)
    return path


def with_value(rows: np.ndarray, value: float) -> np.ndarray:
    """The rows with one value at row 5, column 3."""
    changed = rows.copy()
    changed[5, 3] = value
    return changed


@pytest.fixture
def rows() -> np.ndarray:
    return npy_rows(load_track("lapwing_loop"))


def test_every_real_route_is_read_and_written_unchanged(routes_dir: Path, tmp_path: Path) -> None:
    for path in sorted(routes_dir.glob("*.npy")):
        original = np.load(path, allow_pickle=False)
        track = read_npy(path)
        write_npy(track, tmp_path / path.name)
        (tmp_path / "kept.toml").write_text(track_file_text(track))
        again = np.load(tmp_path / path.name, allow_pickle=False)
        assert again.shape == original.shape, path.name
        assert np.abs(again - original).max() < 0.001, path.name
        kept = npy_rows(read_track_file(tmp_path / "kept.toml"))
        assert np.abs(kept - original).max() < 0.001, path.name


def test_every_real_route_has_its_length_and_width(routes_dir: Path) -> None:
    measured = 0
    for path in sorted(routes_dir.glob("*.npy")):
        if plain_name(path) not in FIGURES:
            continue
        length_m, width_m = FIGURES[plain_name(path)]
        track = read_npy(path)
        assert track.length_m == pytest.approx(length_m, rel=0.01), path.name
        assert track.mean_width_m == pytest.approx(width_m, rel=0.01), path.name
        assert track.closed == (path.stem != "Straight_track"), path.name
        measured += 1
    assert measured >= 1


def test_a_clockwise_route_has_its_inner_border_on_the_right(routes_dir: Path) -> None:
    if not (routes_dir / "Spain_track.npy").exists():
        pytest.skip("no Spain_track.npy among the routes")
    spain = read_npy(routes_dir / "Spain_track.npy")
    inner = np.load(routes_dir / "Spain_track.npy")[:, 2:4]
    assert (spain.right_border_m == inner).all()


@pytest.mark.parametrize("name", ["lapwing_loop", "rally", "straight", "grand_prix"])
def test_our_own_tracks_go_out_and_come_back(name: str, tmp_path: Path) -> None:
    track = load_track(name)
    write_npy(track, tmp_path / "own.npy")
    back = read_npy(tmp_path / "own.npy", name)
    assert back.closed == track.closed
    assert (back.waypoints_m == track.waypoints_m).all()
    assert (back.left_border_m == track.left_border_m).all()
    assert np.load(tmp_path / "own.npy").dtype == np.float64


@pytest.mark.parametrize(("dtype", "order"), [("<f8", "F"), (">f8", "C"), ("<f4", "C")])
def test_any_byte_and_memory_order_is_read(rows: np.ndarray, dtype: str, order: str, tmp_path: Path) -> None:
    track = read_npy(saved(tmp_path, np.asarray(rows, dtype=dtype, order=order)))
    assert track.waypoints_m == pytest.approx(rows[:, :2], abs=1e-5)


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "sprung",))  # type: ignore[return-value]

    np.save(tmp_path / "trap.npy", np.array([[Trap()] * 6] * 9, dtype=object), allow_pickle=True)
    (tmp_path / "bare.npy").write_bytes(pickle.dumps(Trap()))
    for name in ("trap", "bare"):
        with pytest.raises(TrackError):
            read_npy(tmp_path / f"{name}.npy")
    assert not (tmp_path / "sprung").exists()


def test_a_header_that_announces_gigabytes_is_refused_unread(tmp_path: Path) -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (900000000, 6), }\n"
    path = tmp_path / "huge.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(TrackError, match="A route has 3 to 100000 rows of 6 columns"):
        read_npy(path)
    path.write_bytes(b"\x93NUMPY\x02\x00" + (2**31).to_bytes(4, "little") + header)
    with pytest.raises(TrackError, match="header of 2147483648 bytes"):
        read_npy(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:2], r"shape \(2, 6\)"),
        (lambda rows: rows[:, :4], r"shape \(\d+, 4\)"),
        (lambda rows: rows.ravel(), "shape"),
        (lambda rows: rows.astype(np.int64), "values of type <i8"),
        (lambda rows: rows.astype(np.complex128), "values of type <c16"),
        (lambda rows: with_value(rows, np.nan), "row 5, column 3 is nan"),
        (lambda rows: with_value(rows, np.inf), "row 5, column 3 is inf"),
        (lambda rows: with_value(rows, 1e300), r"row 5, column 3 is 1e\+300, not a number within 100000 m"),
        (lambda rows: rows[:, [0, 1, 2, 3, 2, 3]], "0.000 m wide"),
        (lambda rows: np.tile(rows[:1], (20, 1)), "different points"),
        (lambda rows: rows[:, [0, 1, 0, 1, 4, 5]], "not between its borders"),
        (lambda rows: rows * 1e3, "in metres"),
        (lambda rows: rows * 1e200, "within 100000 m"),
    ],
)
def test_a_route_that_is_no_road_is_refused(change: object, message: str, rows: np.ndarray, tmp_path: Path) -> None:
    path = saved(tmp_path, change(rows))  # type: ignore[operator]
    with pytest.raises(TrackError, match=message):
        read_npy(path)


def test_a_cut_or_grown_file_is_refused(rows: np.ndarray, tmp_path: Path) -> None:
    path = saved(tmp_path, rows)
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(TrackError, match="bytes its header announces"):
        read_npy(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(TrackError, match="more than the"):
        read_npy(path)


def test_what_is_not_there_or_no_array_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrackError, match="There is no route file"):
        read_npy(tmp_path / "none.npy")
    with pytest.raises(TrackError, match="cannot be read"):
        read_npy(tmp_path)
    (tmp_path / "text.npy").write_text("x,y\n0,0\n")
    with pytest.raises(TrackError, match="is not a NumPy file"):
        read_npy(tmp_path / "text.npy")


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), min_size=1, max_size=6))
def test_flipped_bytes_are_refused_or_still_a_road(changes: list[tuple[int, int]], tmp_path: Path) -> None:
    stream = io.BytesIO(npy_bytes(load_track("oval").resampled(0.5)))
    content = bytearray(stream.getvalue())
    for place, value in changes:
        content[place] = value
    path = tmp_path / "flipped.npy"
    path.write_bytes(content)
    try:
        track = read_npy(path)
    except TrackError:
        return
    assert np.isfinite(track.position(np.linspace(0, track.length_m, 50))).all()
