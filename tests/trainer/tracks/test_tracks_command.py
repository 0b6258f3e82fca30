"""`lapwing tracks` as a person types it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from trainer.cli import run
from trainer.tracks import load_track, npy_rows, write_npy


@pytest.fixture
def lapwing(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Run one command line in a home of its own; gives exit code, output and error output."""

    def run_one(*arguments: str | Path) -> tuple[int, str, str]:
        code = run(["--home", str(tmp_path / "home"), "tracks", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_one


def test_the_list_names_every_track_with_its_figures(lapwing) -> None:
    code, out, _ = lapwing("list")
    assert code == 0
    line = next(line for line in out.splitlines() if line.startswith("lapwing_loop"))
    assert line.split()[1:4] == ["17.69", "0.76", "closed"]
    assert "reinvent_base" in line
    assert len(out.splitlines()) >= 15


def test_show_tells_length_width_and_the_tightest_turn(lapwing) -> None:
    code, out, _ = lapwing("show", "reinvent_base")
    assert code == 0
    assert "name:          lapwing_loop" in out
    assert "17.69 m" in out
    assert "tightest turn: 0.8" in out
    assert "tightest turn: none" in lapwing("show", "straight")[1]


def test_an_unknown_track_is_one_line_and_exit_code_one(lapwing) -> None:
    code, out, err = lapwing("show", "lapwing_lop")
    assert (code, out) == (1, "")
    assert err == "Error: There is no track 'lapwing_lop'. Did you mean 'lapwing_loop'? " + (
        "`lapwing tracks list` shows all of them.\n"
    )


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<svg"), ("PNG", b"\x89PNG")])
def test_draw_writes_a_picture(lapwing, tmp_path: Path, suffix: str, start: bytes) -> None:
    picture = tmp_path / f"cup.{suffix}"
    assert lapwing("draw", "cup", "-o", picture, "--width-px", "200")[0] == 0
    assert picture.read_bytes().startswith(start)


def test_draw_refuses_what_it_cannot_write(lapwing, tmp_path: Path) -> None:
    code, _, err = lapwing("draw", "cup", "-o", tmp_path / "cup.bmp")
    assert code == 1
    assert "written as .png or .svg" in err
    code, _, err = lapwing("draw", "cup", "-o", tmp_path / "nowhere" / "cup.png")
    assert code == 1
    assert "folder does not exist" in err


def test_an_imported_route_is_listed_drawn_and_exported_again(lapwing, tmp_path: Path) -> None:
    route = tmp_path / "my_route.npy"
    write_npy(load_track("rally"), route)
    code, out, _ = lapwing("import", route)
    assert code == 0
    assert "Kept as my_route: 35.22 m long" in out
    assert "my_route" in lapwing("list")[1]
    assert lapwing("draw", "my_route", "-o", tmp_path / "r.svg")[0] == 0
    assert lapwing("export", "my_route", "-o", tmp_path / "again.npy")[0] == 0
    assert np.abs(np.load(tmp_path / "again.npy") - np.load(route)).max() < 0.001


def test_names_that_are_taken_or_unfit_are_refused(lapwing, tmp_path: Path) -> None:
    route = tmp_path / "route.npy"
    write_npy(load_track("rally"), route)
    assert lapwing("import", route)[0] == 0
    assert "Give --replace" in lapwing("import", route)[2]
    assert lapwing("import", route, "--replace")[0] == 0
    assert "The catalogue has a track 'oval'" in lapwing("import", route, "--name", "oval", "--replace")[2]
    assert "letters, digits" in lapwing("import", route, "--name", "../up")[2]
    assert [path.name for path in (tmp_path / "home" / "tracks").iterdir()] == ["route.toml"]


def test_a_bad_route_is_refused_and_nothing_is_kept(lapwing, tmp_path: Path) -> None:
    rows = npy_rows(load_track("rally"))
    rows[7, 1] = np.nan
    np.save(tmp_path / "bad.npy", rows)
    code, _, err = lapwing("import", tmp_path / "bad.npy")
    assert code == 1
    assert "row 7, column 1 is nan" in err
    assert not (tmp_path / "home").exists()


def test_generate_keeps_a_track_that_can_be_loaded(lapwing, tmp_path: Path) -> None:
    code, out, _ = lapwing("generate", "7", "--length-m", "25", "--width-m", "0.9", "--name", "seven")
    assert code == 0
    assert "Kept as seven: 25.00 m long, 0.90 m wide" in out
    assert load_track("seven", tmp_path / "home" / "tracks").closed
    assert "tightness = 3 is not possible" in lapwing("generate", "7", "--tightness", "3")[2]
