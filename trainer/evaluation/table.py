"""Shows an evaluation: a table of the trials and the figures below it, for people or for pipes."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from trainer.evaluation.results import EvaluationResult, TrialResult

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
    world = result.plan["world"]
    table = Table(title=f"{result.source} in {world} worlds", title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("trial", "track", "start", "completion", "lap time", "off track", "ended"):
        numeric = heading in ("trial", "start", "completion", "lap time", "off track")
        table.add_column(heading, justify="right" if numeric else "left")
    for trial in result.trials[:ROWS_SHOWN]:
        table.add_row(*trial_cells(trial), style="" if trial.is_complete else "yellow")
    return table


def trial_cells(trial: TrialResult) -> tuple[str, ...]:
    """The words of one row."""
    times = trial.lap_times_s
    shown = " ".join(f"{time_s:.2f}" for time_s in times[:3]) + (" …" if len(times) > 3 else "")
    return (
        str(trial.trial),
        trial.track + (" (reversed)" if trial.is_reversed else ""),
        f"{100 * trial.start_fraction:.0f} % {100 * trial.start_lateral_m:+.0f} cm",
        f"{trial.completion_percent:.1f} %",
        f"{shown} s" if times else "–",
        str(trial.off_track_count),
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
    return lines
