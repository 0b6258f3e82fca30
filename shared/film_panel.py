"""What stands below the picture of a filmed drive, as subtitles in the ASS format, which ffmpeg draws.

http://www.tcax.org/docs/ass-specs.htm
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from shared.drive_table import DriveTable

PICTURE_WIDTH_PX, PICTURE_HEIGHT_PX = 640, 480
PANEL_HEIGHT_PX = 80
FULL_STEERING_DEG = 30.0
EVENT_S = 2.0  # for this long an event stands in the picture
BAR_WIDTH_PX, BAR_HEIGHT_PX = 200, 10
LEFT_PX, MIDDLE_PX, RIGHT_PX = 16, 236, 624
TEXT_Y_PX, BAR_Y_PX, SMALL_Y_PX = PICTURE_HEIGHT_PX + 6, PICTURE_HEIGHT_PX + 36, PICTURE_HEIGHT_PX + 54
# Colours are blue, green, red.
WHITE, FAINT, TRACK, SPEED, STEERING = "EEEEEE", "A29A96", "3E3734", "78C84A", "FAA560"

_HEAD = f"""[Script Info]
ScriptType: v4.00+
PlayResX: {PICTURE_WIDTH_PX}
PlayResY: {PICTURE_HEIGHT_PX + PANEL_HEIGHT_PX}
WrapStyle: 2

[V4+ Styles]
Format: Name,Fontname,Fontsize,PrimaryColour,OutlineColour,BorderStyle,Outline,Shadow,Alignment
Style: Panel,DejaVu Sans,22,&H00{WHITE},&H00000000,1,0,0,7
Style: Small,DejaVu Sans,16,&H00{FAINT},&H00000000,1,0,0,7
Style: Event,DejaVu Sans,20,&H00{WHITE},&H00000000,1,2,0,8

[Events]
Format: Layer,Start,End,Style,Text
"""


def panel(table: DriveTable) -> str:
    """The subtitle file of a drive: every row of the table stands until the next one."""
    columns = table.columns
    times_s = columns["time_s"]
    top_mps = max(float(np.nanmax(np.abs(columns["applied_speed_mps"]), initial=0.0)), 0.1)
    until_s = np.append(times_s[1:], times_s[-1] + 1.0)
    lines = [_HEAD, *_tracks(float(until_s[-1]))]
    for row in range(len(table)):
        values = {name: column[row] for name, column in columns.items()}
        lines += [_line(float(times_s[row]), float(until_s[row]), style, text) for style, text in _row(values, top_mps)]
        if values["event"]:
            lines.append(_line(float(times_s[row]), float(times_s[row]) + EVENT_S, "Event", _plain(values["event"])))
    return "".join(lines)


def _row(values: dict[str, float | str], top_mps: float) -> Iterator[tuple[str, str]]:
    speed, angle_deg = _known(values["applied_speed_mps"]), _known(values["applied_steering_angle_deg"])
    side = "straight" if abs(angle_deg) < 0.5 else "left" if angle_deg > 0 else "right"
    yield "Panel", _at(LEFT_PX, TEXT_Y_PX) + f"{speed:.2f} m/s"
    yield "Panel", _bar(LEFT_PX, 0.0, abs(speed) / top_mps, SPEED)
    yield "Panel", _at(MIDDLE_PX, TEXT_Y_PX) + f"{abs(angle_deg):.0f}° {side}"
    # Left is left in the picture too, whatever the sign.
    yield "Panel", _bar(MIDDLE_PX, 0.5, 0.5 - angle_deg / FULL_STEERING_DEG / 2, STEERING)
    yield "Panel", _at(RIGHT_PX, TEXT_Y_PX, anchor=9) + _clock(_known(values["time_s"]))
    yield "Small", _at(RIGHT_PX, BAR_Y_PX - 4, anchor=9) + _plain(_mode(values))
    yield "Small", _at(LEFT_PX, SMALL_Y_PX) + _plain(_more(values))


def _mode(values: dict[str, float | str]) -> str:
    return str(values["mode"] or values["source"]) if values["is_armed"] == 1 else str(values["state"] or "not armed")


def _more(values: dict[str, float | str]) -> str:
    """Asked for what, lap and progress where something knows them, and why less was done."""
    told = [f"asked {_known(values['asked_speed_mps']):.2f} m/s, {_known(values['asked_steering_angle_deg']):+.0f}°"]
    if not np.isnan(values["progress_percent"]):
        told.append(f"lap {_known(values['lap']) + 1:.0f}, {values['progress_percent']:.0f} %")
    if values["limited_by"]:
        told.append(str(values["limited_by"]))
    return "   ".join(told)


def _tracks(until_s: float) -> Iterator[str]:
    """The empty gauges, once for the whole film."""
    for left_px in (LEFT_PX, MIDDLE_PX):
        yield _line(0.0, until_s, "Panel", _bar(left_px, 0.0, 1.0, TRACK), layer=0)


def _bar(left_px: int, start: float, end: float, colour: str) -> str:
    """A gauge filled between two fractions of its width."""
    low, high = sorted(min(max(fraction, 0.0), 1.0) for fraction in (start, end))
    width_px = max(round((high - low) * BAR_WIDTH_PX), 1)
    shape = f"m 0 0 l {width_px} 0 l {width_px} {BAR_HEIGHT_PX} l 0 {BAR_HEIGHT_PX}"
    return f"{_at(left_px + round(low * BAR_WIDTH_PX), BAR_Y_PX)}{{\\1c&H{colour}&\\p1}}{shape}{{\\p0}}"


def _at(x_px: int, y_px: int, anchor: int = 7) -> str:
    return f"{{\\an{anchor}\\pos({x_px},{y_px})}}"


def _line(start_s: float, end_s: float, style: str, text: str, layer: int = 1) -> str:
    return f"Dialogue: {layer},{_ass_time(start_s)},{_ass_time(end_s)},{style},{text}\n"


def _ass_time(time_s: float) -> str:
    hundredths = round(time_s * 100)
    minutes, rest = divmod(hundredths, 6000)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest // 100:02d}.{rest % 100:02d}"


def _clock(time_s: float) -> str:
    return f"{int(time_s // 60)}:{time_s % 60:04.1f}"


def _known(value: float | str) -> float:
    return 0.0 if isinstance(value, str) or np.isnan(value) else float(value)


def _plain(text: object) -> str:
    """Without what ASS would take for an order."""
    return str(text).replace("\\", "/").replace("{", "(").replace("}", ")").replace("\n", " ")
