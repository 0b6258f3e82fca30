"""What came of an evaluation: laps, trials and their figures, as values and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.runs.episode_log import EpisodeRecord

RESULT_FORMAT = 1
CONSECUTIVE_LAPS = 3  # the leagues' figure for a fast and steady car
SLOWEST_BESIDE_SOLO = 1.5  # times the solo lap time: who crawls past everything does not avoid it well


@dataclass(frozen=True, slots=True)
class LapResult:
    """One lap of a trial, complete or not.

    lap: from 1. status: how it ended, in the words of the trace. start_s, end_s: simulated time of the trial;
    lap_time_s: to the moment within a step at which the line was crossed, pauses included; None when
    incomplete. The counts are of this lap alone. contact_count: touches, whoever was to blame; crash_count: the
    car's own fault. overtake_count, overtaken_count: cars passed, and those that passed it.
    """

    lap: int
    status: str
    completion_percent: float
    start_s: float
    end_s: float
    steps: int
    lap_time_s: float | None = None
    off_track_count: int = 0
    crash_count: int = 0
    immobilized_count: int = 0
    reversed_count: int = 0
    reset_count: int = 0
    contact_count: int = 0
    overtake_count: int = 0
    overtaken_count: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether the line was crossed."""
        return self.lap_time_s is not None

    @property
    def is_untouched(self) -> bool:
        """Whether the line was crossed without touching anything on the way."""
        return self.is_complete and self.contact_count == 0


@dataclass(frozen=True, slots=True)
class TrialResult:
    """One car's attempt. laps_wanted: what it was asked for. mean_speed_mps: measured, over all of it.

    grid_place: where it stood in the start grid, from 1, whose front is at start_fraction. opponents: whom it met.
    """

    trial: int
    track: str
    is_reversed: bool
    start_fraction: float
    start_lateral_m: float
    laps_wanted: int
    mean_speed_mps: float
    laps: tuple[LapResult, ...]
    grid_place: int = 1
    opponents: tuple[str, ...] = ()

    @property
    def laps_complete(self) -> int:
        """Laps whose line was crossed."""
        return sum(lap.is_complete for lap in self.laps)

    @property
    def is_complete(self) -> bool:
        """Whether every lap was."""
        return self.laps_complete == self.laps_wanted

    @property
    def completion_percent(self) -> float:
        """How much of all its laps was driven."""
        return sum(max(lap.completion_percent, 0.0) for lap in self.laps) / self.laps_wanted

    @property
    def lap_times_s(self) -> tuple[float, ...]:
        """Of the complete laps, in order."""
        return tuple(lap.lap_time_s for lap in self.laps if lap.lap_time_s is not None)

    @property
    def status(self) -> str:
        """How it ended."""
        return self.laps[-1].status

    @property
    def off_track_count(self) -> int:
        """How often the car left the road."""
        return sum(lap.off_track_count for lap in self.laps)

    @property
    def reset_count(self) -> int:
        """How often it was put back."""
        return sum(lap.reset_count for lap in self.laps)

    @property
    def crash_count(self) -> int:
        """How often it ran into something."""
        return sum(lap.crash_count for lap in self.laps)

    @property
    def contact_count(self) -> int:
        """How often it touched something or was touched."""
        return sum(lap.contact_count for lap in self.laps)

    @property
    def overtake_count(self) -> int:
        """How many cars it passed."""
        return sum(lap.overtake_count for lap in self.laps)

    @property
    def overtaken_count(self) -> int:
        """How many cars passed it."""
        return sum(lap.overtaken_count for lap in self.laps)


@dataclass(frozen=True, slots=True)
class SoloLaps:
    """The same trials on one track and direction with nothing in the way. lap_s: median; None when none was whole."""

    track: str
    is_reversed: bool
    laps_wanted: int
    laps_complete: int
    lap_s: float | None


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """A whole evaluation. trace: every step, as the run folder writes it. solo: what to compare lap times with."""

    policy: str
    source: str
    plan: Mapping[str, Any]
    trials: tuple[TrialResult, ...]
    records: tuple[EpisodeRecord, ...] = field(repr=False)
    trace: NDArray[np.float64] = field(repr=False)
    solo: tuple[SoloLaps, ...] = ()

    @property
    def laps_complete(self) -> int:
        """Of all trials."""
        return sum(trial.laps_complete for trial in self.trials)

    @property
    def laps_wanted(self) -> int:
        """Of all trials."""
        return sum(trial.laps_wanted for trial in self.trials)

    @property
    def completion_percent(self) -> float:
        """Mean of the trials."""
        return float(np.mean([trial.completion_percent for trial in self.trials]))

    @property
    def lap_times_s(self) -> tuple[float, ...]:
        """Of every complete lap."""
        return tuple(time_s for trial in self.trials for time_s in trial.lap_times_s)

    @property
    def best_consecutive_mean_s(self) -> float | None:
        """Best mean time of three laps in a row by one car; None when none drove three."""
        means = [best_consecutive_mean(trial.lap_times_s) for trial in self.trials]
        known = [mean for mean in means if mean is not None]
        return min(known) if known else None

    @property
    def untouched_laps(self) -> tuple[tuple[TrialResult, LapResult], ...]:
        """The laps that were complete without touching anything, with their trials."""
        return tuple((trial, lap) for trial in self.trials for lap in trial.laps if lap.is_untouched)

    def is_in_time(self, trial: TrialResult, lap: LapResult) -> bool:
        """Whether a lap took at most 1.5 x the solo lap time of its track."""
        solo_laps_s = {(solo.track, solo.is_reversed): solo.lap_s for solo in self.solo}
        solo_s = solo_laps_s.get((trial.track, trial.is_reversed))
        return solo_s is not None and lap.lap_time_s is not None and lap.lap_time_s <= SLOWEST_BESIDE_SOLO * solo_s

    def figures(self) -> dict[str, float | int | None]:
        """The numbers people compare; None where no lap was completed."""
        times = self.lap_times_s
        return {
            "trials": len(self.trials),
            "trials_complete": sum(trial.is_complete for trial in self.trials),
            "laps_wanted": self.laps_wanted,
            "laps_complete": self.laps_complete,
            "completion_percent": round(self.completion_percent, 3),
            "best_lap_s": _rounded(min(times, default=None)),
            "mean_lap_s": _rounded(float(np.mean(times)) if times else None),
            "slowest_lap_s": _rounded(max(times, default=None)),
            "best_mean_of_three_laps_s": _rounded(self.best_consecutive_mean_s),
            "mean_speed_mps": _rounded(float(np.mean([trial.mean_speed_mps for trial in self.trials]))),
            "off_tracks": sum(trial.off_track_count for trial in self.trials),
            "resets": sum(trial.reset_count for trial in self.trials),
            "crashes": sum(trial.crash_count for trial in self.trials),
            "contacts": sum(trial.contact_count for trial in self.trials),
            "overtakes": sum(trial.overtake_count for trial in self.trials),
            "overtaken": sum(trial.overtaken_count for trial in self.trials),
            "laps_without_touching": len(self.untouched_laps),
            "laps_without_touching_with_overtake": sum(lap.overtake_count > 0 for _, lap in self.untouched_laps),
            "laps_without_touching_in_time": self._untouched_in_time,
        }

    @property
    def _untouched_in_time(self) -> int | None:
        if not self.solo:
            return None
        return sum(self.is_in_time(trial, lap) for trial, lap in self.untouched_laps)

    def to_json(self) -> dict[str, Any]:
        """Everything but the steps. The same evaluation gives the same text."""
        return {
            "version": RESULT_FORMAT,
            "policy": self.policy,
            "source": self.source,
            "plan": dict(self.plan),
            "figures": self.figures(),
            "solo": [{name: readable(value) for name, value in asdict(one).items()} for one in self.solo],
            "trials": [trial_json(trial) for trial in self.trials],
        }


def compared_with_solo(result: EvaluationResult, alone: EvaluationResult) -> EvaluationResult:
    """The result, knowing the lap times of the same trials with nothing in the way."""
    solo = []
    for track, turned in dict.fromkeys((trial.track, trial.is_reversed) for trial in alone.trials):
        trials = [trial for trial in alone.trials if (trial.track, trial.is_reversed) == (track, turned)]
        times_s = [time_s for trial in trials for time_s in trial.lap_times_s]
        wanted = sum(trial.laps_wanted for trial in trials)
        solo.append(SoloLaps(track, turned, wanted, len(times_s), float(np.median(times_s)) if times_s else None))
    return replace(result, solo=tuple(solo))


def trial_json(trial: TrialResult) -> dict[str, Any]:
    """One trial: its settings, its figures and its laps."""
    values = {name: readable(value) for name, value in asdict(trial).items()}
    laps = [{name: readable(value) for name, value in lap.items()} for lap in values.pop("laps")]
    return {
        **values,
        "status": trial.status,
        "completion_percent": round(trial.completion_percent, 3),
        "laps_complete": trial.laps_complete,
        "off_track_count": trial.off_track_count,
        "reset_count": trial.reset_count,
        "crash_count": trial.crash_count,
        "contact_count": trial.contact_count,
        "overtake_count": trial.overtake_count,
        "overtaken_count": trial.overtaken_count,
        "laps": laps,
    }


def best_consecutive_mean(lap_times_s: Sequence[float], count: int = CONSECUTIVE_LAPS) -> float | None:
    """Smallest mean of `count` lap times in a row; None when there are fewer."""
    windows = [lap_times_s[i : i + count] for i in range(len(lap_times_s) - count + 1)]
    return min((sum(window) / count for window in windows), default=None)


def readable(value: Any) -> Any:
    """A microsecond, a micrometre: below anything a simulated step can mean."""
    return round(value, 6) if isinstance(value, float) else value


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
