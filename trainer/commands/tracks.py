"""`lapwing tracks`: list, show, draw, import, export and generate tracks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from shared.atomic_files import storage_errors, write_atomic
from shared.errors import TrackError
from trainer.tracks import (
    Track,
    draw_png,
    draw_svg,
    generate_track,
    list_tracks,
    load_track,
    read_npy,
    write_npy,
)
from trainer.tracks.track_file import check_name, track_file_text

EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(name="tracks")
def command() -> None:
    """List, show, draw, import, export and generate tracks.

    TRACK is a name or alias from the list, generated_SEED, or the path of a .toml or .npy file. Your own
    tracks lie in the folder tracks/ of your home folder.
    """


@command.command(name="list")
@click.pass_obj
def list_command(workshop: Any) -> None:
    """All tracks with length, width and other names."""
    rows = list_tracks(_folder(workshop))
    name_width = max(len(info.name) for info in rows)
    click.echo(f"{'name':<{name_width}}  length m  width m  kind    other names")
    for info in rows:
        kind = "closed" if info.closed else "open"
        line = f"{info.name:<{name_width}}  {info.length_m:8.2f}  {info.width_m:7.2f}  {kind:<6}"
        click.echo(f"{line}  {', '.join(info.aliases)}".rstrip())


@command.command()
@click.argument("track")
@click.pass_obj
def show(workshop: Any, track: str) -> None:
    """Everything about one track."""
    loaded = load_track(track, _folder(workshop))
    arcs = np.linspace(0.0, loaded.length_m, 1 + int(loaded.length_m / 0.05))
    widths = loaded.width_m(arcs)
    radius_m = 1.0 / max(float(np.abs(_felt_curvature_1pm(loaded, arcs)).max()), 1e-6)
    low, high = loaded.waypoints_m.min(axis=0), loaded.waypoints_m.max(axis=0)
    facts = {
        "name": loaded.name,
        "title": loaded.title,
        "description": loaded.description,
        "other names": ", ".join(loaded.aliases),
        "kind": "closed loop" if loaded.closed else "open road",
        "length": f"{loaded.length_m:.2f} m",
        "width": f"{loaded.mean_width_m:.2f} m ({widths.min():.2f} to {widths.max():.2f})",
        "tightest turn": f"{radius_m:.2f} m radius" if radius_m < 100 else "none",
        "waypoints": str(len(loaded.waypoints_m)),
        "extent": f"{high[0] - low[0]:.1f} m x {high[1] - low[1]:.1f} m",
    }
    for name, value in facts.items():
        if value:
            click.echo(f"{name + ':':<15}{value}")


@command.command()
@click.argument("track")
@click.option("-o", "--output", type=NEW_FILE, help="A .png or .svg file; TRACK.png when left out.")
@click.option("--width-px", type=click.IntRange(100, 8000), default=1200, show_default=True)
@click.pass_obj
def draw(workshop: Any, track: str, output: Path | None, width_px: int) -> None:
    """A picture of the track from above."""
    loaded = load_track(track, _folder(workshop))
    output = output or Path(f"{loaded.name}.png")
    suffix = output.suffix.lower()
    if suffix not in (".png", ".svg"):
        raise TrackError(f"A picture is written as .png or .svg, not as '{output.name}'. Choose one of the two.")
    draw_picture = draw_png if suffix == ".png" else draw_svg
    draw_picture(loaded, output, width_px=width_px)
    click.echo(f"Drawn: {output}")


@command.command(name="import")
@click.argument("file", type=EXISTING_FILE)
@click.option("--name", help="What to call it; the name of the file when left out.")
@click.option("--replace", is_flag=True, help="Write over a track of your own that has this name.")
@click.pass_obj
def import_command(workshop: Any, file: Path, name: str | None, replace: bool) -> None:
    """Check a DeepRacer route (N x 6 .npy) and keep it as a track of your own."""
    loaded = read_npy(file, check_name(name or file.stem))
    _keep(workshop, loaded, replace)


@command.command()
@click.argument("track")
@click.option("-o", "--output", type=NEW_FILE, help="The .npy file; TRACK.npy when left out.")
@click.pass_obj
def export(workshop: Any, track: str, output: Path | None) -> None:
    """Write the track as a DeepRacer route (N x 6 .npy)."""
    loaded = load_track(track, _folder(workshop))
    output = output or Path(f"{loaded.name}.npy")
    write_npy(loaded, output)
    click.echo(f"Exported: {output} ({len(loaded.waypoints_m)} rows)")


@command.command()
@click.argument("seed", type=click.IntRange(min=0))
@click.option("--length-m", type=float, help="Length of the centre line; drawn from the seed when left out.")
@click.option("--width-m", type=float, help="Mean road width.")
@click.option("--tightness", type=float, help="0: wide sweeps. 1: corners as tight as the width allows.")
@click.option("--width-variation", type=float, help="How much wider the widest place is than the narrowest.")
@click.option("--name", help="What to call it.")
@click.option("--replace", is_flag=True, help="Write over a track of your own that has this name.")
@click.pass_obj
def generate(workshop: Any, /, seed: int, name: str | None, replace: bool, **arguments: float | None) -> None:
    """Make a random fair track from a seed and keep it as a track of your own."""
    track = generate_track(seed, **arguments)
    _keep(workshop, track if name is None else track.renamed(check_name(name)), replace)


def _folder(workshop: Any) -> Path:
    return Path(workshop.home) / "tracks"


def _keep(workshop: Any, track: Track, replace: bool) -> None:
    """Write a track file into the person's own folder. Its name may be an alias of the catalogue."""
    folder = _folder(workshop)
    path = folder / f"{track.name}.toml"
    if track.name in {info.name for info in list_tracks()}:
        raise TrackError(f"The catalogue has a track '{track.name}' already. Choose another name with --name.")
    if path.exists() and not replace:
        raise TrackError(f"You have a track '{track.name}' already. Give --replace, or another --name.")
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write_atomic(path, track_file_text(track))
    click.echo(f"Kept as {track.name}: {track.length_m:.2f} m long, {track.mean_width_m:.2f} m wide ({path})")


def _felt_curvature_1pm(track: Track, arcs: np.ndarray) -> np.ndarray:
    """Turn per metre over 0.4 m: single kinks of a coarse route are no corners."""
    ahead = track.heading_rad(arcs + 0.2) - track.heading_rad(arcs - 0.2)
    return (np.pi - np.mod(np.pi - ahead, 2 * np.pi)) / 0.4
