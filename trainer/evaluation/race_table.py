"""Shows a race: who met whom, who went on, and the standings."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from trainer.evaluation.race_results import HeatResult, RaceResult, Standing
from trainer.evaluation.table import PIPE_WIDTH


def print_race(result: RaceResult, console: Console | None = None) -> None:
    """Print the bracket, where there was more than one heat, and the standings."""
    console = console or Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    if len(result.heats) > 1:
        console.print(bracket(result))
    console.print(standings_table(result))
    winner = result.standings[0]
    if winner.laps_complete == 0:
        console.print("Nobody completed a lap.")
    else:
        console.print(f"{winner.entrant} wins: {laps_in_words(winner.laps_complete)} in {winner.time_s:.2f} s.")


def bracket(result: RaceResult) -> Table:
    """One column per stage, one cell per heat; who goes on is marked."""
    stages = max(heat.stage for heat in result.heats)
    table = Table(title="Bracket", title_justify="left", box=box.SIMPLE_HEAD)
    columns = [[heat for heat in result.heats if heat.stage == stage] for stage in range(1, stages + 1)]
    for stage in range(1, stages + 1):
        table.add_column("Final" if stage == stages else f"Stage {stage}")
    for row in range(max(len(heats) for heats in columns)):
        table.add_row(*(heat_cell(heats[row]) if row < len(heats) else "" for heats in columns), end_section=True)
    return table


def heat_cell(heat: HeatResult) -> str:
    """The standings of a heat, a line each."""
    if not heat.rounds:
        return f"→ {heat.standings[0].entrant}: free pass"
    lines = [] if heat.is_final else [f"Heat {heat.heat}"]
    for standing in heat.standings:
        mark = "→" if standing.place <= heat.advancing else f"{standing.place}." if heat.is_final else " "
        lines.append(f"{mark} {standing.entrant}  {laps_and_time(standing)}")
    return "\n".join(lines)


def standings_table(result: RaceResult) -> Table:
    """Everybody in order."""
    plan = result.plan
    against = " against the clock" if plan["against_clock"] else ""
    title = f"{laps_in_words(plan['laps'])} of {plan['track']}{against} in {plan['world']} worlds"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("place", "model", "laps", "time", "best lap", "off track", "crashes", "touches", "overtakes"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for standing in result.standings:
        best_s = standing.best_lap_s
        table.add_row(
            str(standing.place),
            standing.entrant,
            f"{standing.laps_complete} of {standing.laps_wanted}",
            f"{standing.time_s:.2f} s" if standing.laps_complete else "–",
            "–" if best_s is None else f"{best_s:.2f} s",
            str(standing.off_track_count),
            str(standing.crash_count),
            str(standing.contact_count),
            str(standing.overtake_count),
            style="" if standing.is_finished else "yellow",
        )
    return table


def laps_and_time(standing: Standing) -> str:
    """In a few characters."""
    laps = f"{standing.laps_complete}/{standing.laps_wanted}"
    return f"{laps} in {standing.time_s:.2f} s" if standing.laps_complete else laps


def laps_in_words(laps: int) -> str:
    """`1 lap`, `3 laps`."""
    return f"{laps} lap" if laps == 1 else f"{laps} laps"
