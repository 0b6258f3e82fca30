"""What a person sees while a run trains: a live panel in a terminal, plain lines anywhere else."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import click
import numpy as np
import psutil

from trainer.config import StopSettings
from trainer.training.stopping import Standing, fraction_done, seconds_left

if TYPE_CHECKING:
    from rich.live import Live
    from rich.panel import Panel

    from trainer.ppo.update import UpdateReport
    from trainer.training.cars import Drive
    from trainer.training.trials import Evaluation

REDRAW_S = 0.25
LINE_EVERY_S = 10.0
PACE_OVER_S = 20.0  # steps/s and time left are those of this long
RECENT_EPISODES = 100
FIRST_COLUMN = 12


class Display:
    """Follows one training. A training.Watcher."""

    def __init__(self, run_name: str, stop: StopSettings, *, live: bool | None = None) -> None:
        """live: draw a panel; None finds out whether anybody could see it."""
        self._run_name, self._stop = run_name, stop
        self._live_wanted = sys.stdout.isatty() if live is None else live
        self._live: Live | None = None
        self._machine = Machine()
        self._pace: deque[tuple[float, Standing]] = deque()
        self._progress_percent: deque[float] = deque(maxlen=RECENT_EPISODES)
        self._rewards: deque[float] = deque(maxlen=RECENT_EPISODES)
        self._crashed: deque[bool] = deque(maxlen=RECENT_EPISODES)
        self._level: float | None = None
        self._laps = 0
        self._standing = Standing(0, 0, 0.0)
        self._report: UpdateReport | None = None
        self._evaluation = "none yet"
        self._drawn_s = self._said_s = time.monotonic()

    def __enter__(self) -> Self:
        if self._live_wanted:
            from rich.live import Live

            self._live = Live(self._panel(), auto_refresh=False, redirect_stdout=False, redirect_stderr=False)
            self._live.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.update(self._panel(), refresh=True)
            self._live.stop()
            self._live = None

    # Watcher

    def say(self, sentence: str) -> None:
        """One line to read, above the panel."""
        if self._live is not None:
            self._live.console.print(sentence, markup=False, highlight=False)
        else:
            click.echo(sentence)

    def pulse(self) -> None:
        """Redraw when it is time."""
        now_s = time.monotonic()
        if self._live is not None and now_s - self._drawn_s >= REDRAW_S:
            self._drawn_s = now_s
            self._live.update(self._panel(), refresh=True)

    def updated(self, standing: Standing, drive: Drive, report: UpdateReport) -> None:
        """Take in one turn of the loop."""
        now_s = time.monotonic()
        self._standing, self._report = standing, report
        self._pace.append((now_s, standing))
        while now_s - self._pace[0][0] > PACE_OVER_S and len(self._pace) > 2:
            self._pace.popleft()
        self._progress_percent.extend(record.progress_percent for record in drive.records)
        self._rewards.extend(record.reward for record in drive.records)
        self._crashed.extend(record.crash_count > 0 for record in drive.records)
        self._level = drive.level
        self._laps += sum(record.status == "lap_complete" for record in drive.records)
        if self._live is None and now_s - self._said_s >= LINE_EVERY_S:
            self._said_s = now_s
            click.echo(self.line())
        self.pulse()

    def evaluated(self, standing: Standing, evaluation: Evaluation, *, best: bool) -> None:
        """Take in an evaluation; it is always worth a line."""
        self._standing = standing
        lap = f", {evaluation.lap_time_s:.1f} s a lap" if evaluation.laps_complete else ""
        crashes = f", {evaluation.crashes} crashed" if evaluation.crashes else ""
        self._evaluation = (
            f"{evaluation.laps_complete} of {evaluation.trials} laps complete, "
            f"progress {evaluation.progress_percent:.0f} %{crashes}{lap}{', the best so far' if best else ''}"
        )
        if self._live is None:
            self._said_s = time.monotonic()
            click.echo(f"{standing.elapsed_s:6.1f} s  {standing.steps:8d} steps  evaluation: {self._evaluation}")
        self.pulse()

    # What is shown

    def line(self) -> str:
        """One line of plain text."""
        standing = self._standing
        parts = [
            f"{standing.elapsed_s:6.1f} s  {standing.steps:8d} steps",
            f"{self._steps_per_s():.0f} steps/s",
        ]
        if self._progress_percent:
            parts.append(f"progress {np.mean(self._progress_percent):.0f} %")
            parts.append(f"reward {np.mean(self._rewards):.1f}")
        if any(self._crashed):
            parts.append(f"crashed {100 * np.mean(self._crashed):.0f} %")
        if self._level is not None:
            parts.append(f"level {100 * self._level:.0f} %")
        if self._report is not None:
            parts.append(f"entropy {self._report.entropy:.2f}")
        left = self._time_left()
        return ", ".join([*parts, left] if left else parts)

    def rows(self) -> list[tuple[str, str]]:
        """What the panel says, as label and text."""
        standing, report = self._standing, self._report
        recent, laps = len(self._progress_percent), float(np.mean(self._progress_percent or [0.0])) / 100
        rows = [
            ("time", f"{_clock(standing.elapsed_s)}{', ' + left if (left := self._time_left()) else ''}"),
            ("driven", f"{standing.steps} steps, {standing.episodes} episodes, {self._laps} laps complete"),
            ("pace", f"{self._steps_per_s():.0f} steps/s"),
        ]
        if recent:
            rows.append(
                (
                    "progress",
                    f"{bar(laps)} {100 * laps:.0f} % "
                    f"of a lap, reward {np.mean(self._rewards):.1f} (last {recent} episodes)",
                )
            )
        if any(self._crashed) or self._level is not None:
            level = "" if self._level is None else f"level {bar(self._level)} {100 * self._level:.0f} %, "
            rows.append(("race", f"{level}{100 * np.mean(self._crashed or [0.0]):.0f} % of these episodes crashed"))
        if report is not None:
            rows.append(
                (
                    "learning",
                    f"policy loss {report.policy_loss:+.4f}, value loss {report.value_loss:.4f}, "
                    f"entropy {report.entropy:.2f}",
                )
            )
        rows.append(("evaluation", self._evaluation))
        rows.append(("computer", self._machine.sentence()))
        return rows

    def _panel(self) -> Panel:
        from rich.panel import Panel
        from rich.text import Text

        text = Text("\n".join(f"{label:{FIRST_COLUMN}s}{value}" for label, value in self.rows()))
        return Panel(text, title=f"training {self._run_name}", subtitle="Ctrl-C stops and saves", expand=False)

    def _steps_per_s(self) -> float:
        if len(self._pace) < 2:
            return 0.0
        (first_s, first), (last_s, last) = self._pace[0], self._pace[-1]
        return (last.steps - first.steps) / max(last_s - first_s, 1e-9)

    def _time_left(self) -> str:
        if not self._pace:
            return ""
        left_s = seconds_left(self._stop, self._standing, self._pace[0][1])
        if left_s is None:
            return ""
        sooner = "at most " if self._stop.target_laps is not None else ""
        done = fraction_done(self._stop, self._standing)
        return f"{sooner}{_clock(left_s)} left" + ("" if done is None else f" ({100 * done:.0f} % done)")


class Machine:
    """What this training takes of the computer: all its processes together."""

    LOOK_EVERY_S = 2.0

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._looked_s = time.monotonic()
        self._cpu_s = self._cpu_time_s(self._family())
        self._sentence = "measuring"

    def sentence(self) -> str:
        """Processor and memory, measured every two seconds."""
        now_s = time.monotonic()
        if now_s - self._looked_s >= self.LOOK_EVERY_S:
            family = self._family()
            cpu_s = self._cpu_time_s(family)
            cores = (cpu_s - self._cpu_s) / (now_s - self._looked_s)
            self._looked_s, self._cpu_s = now_s, cpu_s
            memory_gb = sum(pss_bytes(process.pid) for process in family) / 1e9
            self._sentence = f"{cores:.1f} of {len(os.sched_getaffinity(0))} cores, {memory_gb:.2f} GB memory"
        return self._sentence

    def _family(self) -> Sequence[psutil.Process]:
        return [self._process, *self._process.children(recursive=True)]

    @staticmethod
    def _cpu_time_s(family: Sequence[psutil.Process]) -> float:
        total_s = 0.0
        for process in family:
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                total_s += times.user + times.system
        return total_s


def pss_bytes(pid: int) -> int:
    """Memory of a process, shared pages divided among those that share them; 0 when it is gone.

    Where the kernel does not tell (a process shut off from us), what is its own and shared counts in full.
    """
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as lines:
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    with contextlib.suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss)
    return 0


def bar(fraction: float, width: int = 20) -> str:
    """A bar of text, filled from the left."""
    filled = round(width * min(max(fraction, 0.0), 1.0))
    return "█" * filled + "░" * (width - filled)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
