"""Shows an evaluation: a table of the trials and the figures below it, for people or for pipes."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from trainer.evaluation.results import SLOWEST_BESIDE_SOLO, EvaluationResult, TrialResult

ROWS_SHOWN = 24  # of the trials; more than a screen of them nobody reads
PIPE_WIDTH = 120


def print_result(result: EvaluationResult, console: Console | None = None) -> None:
    """Print the table and the figures."""
    console = console or Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    console.print(trial_table(result))
    if len(result.trials) > ROWS_SHOWN:
        console.print(f"… and {len(result.trials) - ROWS_SHOWN} trials more; --json FILE holds them all.")
    for line in summary_lines(result):
        console.print(line)


def trial_table(result: EvaluationResult) -> Table:
    """One row per trial."""
    table = Table(title=title_of(result), title_justify="left", box=box.SIMPLE_HEAD)
    shown = has_objects(result)
    for heading in headings(shown, bool(result.plan["opponents"])):
        table.add_column(heading, justify="left" if heading in ("track", "ended") else "right")
    for trial in result.trials[:ROWS_SHOWN]:
        table.add_row(*trial_cells(trial, shown), style="" if trial.is_complete else "yellow")
    return table


def title_of(result: EvaluationResult) -> str:
    """What was driven, and against whom."""
    opponents = [opponent["name"] for opponent in result.plan["opponents"]]
    against = f" against {', '.join(dict.fromkeys(opponents))}" if opponents else ""
    return f"{result.source} in {result.plan['world']} worlds{against}"


def has_objects(result: EvaluationResult) -> bool:
    """Whether anything was in the way."""
    race = result.plan["race"]
    things = race["boxes"]["count"] or race["bots"]["count"] or race["barriers"]["count"]
    return bool(things or result.plan["opponents"])


def headings(with_objects: bool, with_opponents: bool) -> tuple[str, ...]:
    """Of the columns."""
    place = ("place",) if with_opponents else ()
    objects = ("crashes", "touches", "overtakes") if with_objects else ()
    return ("trial", "track", *place, "start", "completion", "lap time", "off track", *objects, "ended")


def trial_cells(trial: TrialResult, with_objects: bool) -> tuple[str, ...]:
    """The words of one row."""
    times = trial.lap_times_s
    shown = " ".join(f"{time_s:.2f}" for time_s in times[:3]) + (" …" if len(times) > 3 else "")
    objects = (str(trial.crash_count), str(trial.contact_count), str(trial.overtake_count)) if with_objects else ()
    place = (str(trial.grid_place),) if trial.opponents else ()
    return (
        str(trial.trial),
        trial.track + (" (reversed)" if trial.is_reversed else ""),
        *place,
        f"{100 * trial.start_fraction:.0f} % {100 * trial.start_lateral_m:+.0f} cm",
        f"{trial.completion_percent:.1f} %",
        f"{shown} s" if times else "–",
        str(trial.off_track_count),
        *objects,
        trial.status.replace("_", " "),
    )


def summary_lines(result: EvaluationResult) -> list[str]:
    """The figures in sentences."""
    figures = result.figures()
    lines = [
        f"{figures['laps_complete']} of {figures['laps_wanted']} laps complete; mean completion "
        f"{figures['completion_percent']:.1f} %; off the road {figures['off_tracks']} times; "
        f"mean speed {figures['mean_speed_mps']:.2f} m/s"
    ]
    if figures["best_lap_s"] is not None:
        lines.append(
            f"Lap times: best {figures['best_lap_s']:.2f} s, mean {figures['mean_lap_s']:.2f} s, "
            f"slowest {figures['slowest_lap_s']:.2f} s"
        )
    if figures["best_mean_of_three_laps_s"] is not None:
        lines.append(f"Best mean of three laps in a row: {figures['best_mean_of_three_laps_s']:.2f} s")
    return lines + (object_lines(result) if has_objects(result) else [])


def object_lines(result: EvaluationResult) -> list[str]:
    """What came of the things in the way."""
    figures = result.figures()
    wanted = figures["laps_wanted"]
    lines = [
        f"Without touching anything: {figures['laps_without_touching']} of {wanted} laps, "
        f"{figures['laps_without_touching_with_overtake']} of them with an overtake; crashes {figures['crashes']}, "
        f"touches {figures['contacts']}, overtakes {figures['overtakes']}, overtaken {figures['overtaken']}"
    ]
    for solo in result.solo:
        road = solo.track + (" reversed" if solo.is_reversed else "")
        time = "no complete lap" if solo.lap_s is None else f"lap time {solo.lap_s:.2f} s"
        lines.append(f"Alone on {road}: {time}, {solo.laps_complete} of {solo.laps_wanted} laps")
    if result.solo:
        lines.append(
            f"Without touching, in {SLOWEST_BESIDE_SOLO:g} x the solo lap time: "
            f"{figures['laps_without_touching_in_time']} of {wanted} laps"
        )
    return lines
