"""Films a race's final into an mp4: the road from above, or the leader from behind, and who is where.

A frame is 960 x 480 as in the film of a lap: the view on the left; on the right the standings as they are at this
moment, and below them what the leader's camera sees.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from shared.errors import SettingsError
from shared.film_writer import check_film_name
from trainer.evaluation.mp4 import Mp4Writer
from trainer.evaluation.race_round import RaceRound
from trainer.evaluation.race_table import laps_in_words
from trainer.evaluation.track_map import Colour, MapThing, TrackMap, things_around, was_put_there
from trainer.evaluation.video import (
    FAINT,
    MAP_SIZE_PX,
    MAX_FRAMES,
    PANEL,
    PANEL_WIDTH_PX,
    TEXT,
    VIEW_HEIGHT_PX,
    VIEW_WIDTH_PX,
    View,
    font,
    shorten,
)
from trainer.simulator import EpisodeStatus

HOLD_LAST_S = 2.0  # long enough to read the standings
TRAIL_S = 2.0
ROWS_TOP_PX, ROW_PX = 62, 22
MOST_ROWS = (VIEW_HEIGHT_PX // 2 - ROWS_TOP_PX) // ROW_PX  # below them is the camera's picture
# By the place on the grid.
CAR_COLOURS: tuple[Colour, ...] = (
    (214, 48, 38), (36, 98, 204), (244, 172, 30), (70, 170, 80), (150, 70, 190), (235, 235, 235),
    (40, 180, 190), (230, 110, 170),
)  # fmt: skip
QUIET = (EpisodeStatus.PREPARE, EpisodeStatus.IN_PROGRESS, EpisodeStatus.LAP_COMPLETE)


class RaceFilm:
    """A spectator that films the final, all its rounds."""

    def __init__(self, path: Path, *, view: View) -> None:
        check_film_name(path)
        self._path, self._view = path, view
        self._writer: Mp4Writer | None = None
        self._picture: NDArray[np.uint8] | None = None
        self._is_filming = False
        self.frames = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            (self._writer.close if kind is None else self._writer.abandon)()

    def begin(self, title: str, is_final: bool, race_round: RaceRound) -> None:
        """Every car stands on the grid."""
        self._is_filming = is_final
        if not is_final:
            return
        steps_s = {simulator.settings.step_s for simulator in race_round.simulators}
        if len(steps_s) > 1:
            raise SettingsError(
                "A film has one frame rate, and these models have several control rates. Leave --video out."
            )
        (self._step_s,) = steps_s
        if self._writer is None:
            size = (VIEW_WIDTH_PX + PANEL_WIDTH_PX, VIEW_HEIGHT_PX)
            self._writer = Mp4Writer(self._path, *size, 1.0 / self._step_s)
        size = (VIEW_WIDTH_PX, VIEW_HEIGHT_PX) if self._view == "top" else (MAP_SIZE_PX, MAP_SIZE_PX)
        track = race_round.plan.track
        self._map = TrackMap(track, *size, max_speed_mps=1.0)
        self._title = f"{title}: {laps_in_words(race_round.plan.laps)} of {track.title or track.name}"
        for car, seat in enumerate(race_round.seats):
            seat.simulator.paint(seat.row, CAR_COLOURS[car % len(CAR_COLOURS)])  # the standings go by it, in any world
        self._trails = [deque[tuple[float, float]](maxlen=round(TRAIL_S / self._step_s)) for _ in race_round.seats]
        self._add(race_round)

    def step(self, race_round: RaceRound) -> None:
        """Add a frame."""
        if self._is_filming:
            self._add(race_round)

    def end(self, race_round: RaceRound) -> None:
        """Hold the last one for a moment."""
        if self._is_filming:
            for _ in range(round(HOLD_LAST_S / self._step_s)):
                self._write()

    def _add(self, race_round: RaceRound) -> None:
        if self.frames < MAX_FRAMES:
            self._picture = np.asarray(self.draw(race_round))
            self._write()

    def _write(self) -> None:
        if self._writer is not None and self._picture is not None and self.frames < MAX_FRAMES:
            self._writer.write(self._picture)
            self.frames += 1

    def draw(self, race_round: RaceRound) -> Image.Image:
        """The picture of this moment; extends the trails, so call it once per step."""
        order = race_round.order()
        leader = race_round.seats[next((car for car in order if race_round.active[car]), order[0])]
        picture = Image.new("RGB", (VIEW_WIDTH_PX + PANEL_WIDTH_PX, VIEW_HEIGHT_PX), PANEL)
        map_picture = self._draw_map(race_round, order)
        if self._view == "top":
            picture.paste(map_picture, (0, 0))
        else:
            picture.paste(Image.fromarray(leader.simulator.render(leader.row, view="chase")), (0, 0))
            picture.paste(map_picture, (8, 8), Image.new("L", map_picture.size, 216))
        camera = Image.fromarray(leader.simulator.camera[leader.row])
        size = (PANEL_WIDTH_PX, VIEW_HEIGHT_PX // 2)
        picture.paste(camera.resize(size, Image.Resampling.BICUBIC).convert("RGB"), (VIEW_WIDTH_PX, size[1]))
        self._draw_standings(ImageDraw.Draw(picture), race_round, order)
        return picture

    def _draw_map(self, race_round: RaceRound, order: list[int]) -> Image.Image:
        records = race_round.records()
        things = list(things_around(race_round.seats[0].simulator, race_round.seats[0].row))
        trails = []
        for place, car in reversed(list(enumerate(order, 1))):  # the leader on top
            record, colour = records[car], CAR_COLOURS[car % len(CAR_COLOURS)]
            here, trail = (float(record["x_m"]), float(record["y_m"])), self._trails[car]
            if trail and was_put_there(trail[-1], here, float(record["speed_mps"])):
                trail.clear()
            trail.append(here)
            if race_round.active[car]:
                trails.append((colour, list(trail)))
                label = str(place) if self._view == "top" else ""
                things.append(MapThing(*here, float(record["heading_rad"]), colour, is_pointed=True, label=label))
        return self._map.draw(things, trails)

    def _draw_standings(self, draw: ImageDraw.ImageDraw, race_round: RaceRound, order: list[int]) -> None:
        left, width = VIEW_WIDTH_PX + 12, PANEL_WIDTH_PX - 24
        records = race_round.records()
        clock_s = max(float(records["time_s"][car]) for car in range(len(order)))
        draw.text((left, 8), shorten(self._title, width), fill=FAINT, font=font(14))
        draw.text((left, 28), f"{clock_s:.1f} s", fill=TEXT, font=font(22))
        for place, car in enumerate(order[:MOST_ROWS], 1):
            top = ROWS_TOP_PX + (place - 1) * ROW_PX
            name = race_round.seats[car].entrant.name
            draw.rectangle((left, top + 3, left + 12, top + 15), fill=CAR_COLOURS[car % len(CAR_COLOURS)])
            draw.text((left + 20, top), shorten(f"{place} {name}", width - 130), fill=TEXT, font=font(14))
            draw.text((left + width, top), self._note(race_round, car), fill=FAINT, font=font(14), anchor="ra")

    def _note(self, race_round: RaceRound, car: int) -> str:
        """What a car does: its lap, or how it stands."""
        laps, wanted = race_round.book.laps[car], race_round.plan.laps
        status = EpisodeStatus(int(race_round.records()["status"][car]))
        if not race_round.active[car]:
            if len(laps) == wanted and laps[-1].is_complete:
                return f"{sum(lap.lap_time_s or 0.0 for lap in laps):.2f} s"
            return status.name.lower().replace("_", " ")
        note = "" if status in QUIET else f"{status.name.lower().replace('_', ' ')}, "
        return f"{note}lap {len(laps) + 1} of {wanted}"
