"""The training loop: drive, learn, now and then try laps, and keep everything on disk.

Between two updates the training is whole: there it is evaluated, checkpointed and stopped. A run that was
interrupted anywhere goes on from its last checkpoint and writes what it would have written.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from trainer.config import TrainingSettings
from trainer.ppo.update import UpdateReport
from trainer.runs.run_folder import RunFolder
from trainer.runs.run_info import FAILED, FINISHED, STOPPED, TRAINING
from trainer.training.cars import Drive
from trainer.training.checkpoint import Checkpoint, drop_newer, find_checkpoint, read_checkpoint, write_checkpoint
from trainer.training.opponent_files import PolicyLoader
from trainer.training.parts import open_parts
from trainer.training.stopping import Interrupted, Standing, StopRequest, reason_to_stop
from trainer.training.trials import Evaluation

PATIENCE_S = 3.0  # a turn of the loop that takes longer is left when somebody wants to stop


class Watcher(Protocol):
    """Who is told how the training goes. Called between two steps; must be quick."""

    def say(self, sentence: str) -> None:
        """One line to read."""

    def pulse(self) -> None:
        """The training is alive."""

    def updated(self, standing: Standing, drive: Drive, report: UpdateReport) -> None:
        """A rollout was driven and learnt from."""

    def evaluated(self, standing: Standing, evaluation: Evaluation, *, best: bool) -> None:
        """Laps were tried."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a training ended. best: figures of the best evaluation, empty if there was none."""

    reason: str
    interrupted: bool
    standing: Standing
    best_steps: int | None
    best: Mapping[str, float]


@dataclass
class Progress:
    """The counters of the loop; a checkpoint holds them as they are."""

    steps: int = 0
    episodes: int = 0
    updates: int = 0
    evaluations: int = 0
    evaluated_steps: int = -1
    laps_complete: int = 0
    elapsed_s: float = 0.0
    best_steps: int | None = None
    best_score: tuple[float, ...] = ()
    best: Mapping[str, float] = dataclasses.field(default_factory=dict)


def train(
    run: RunFolder,
    settings: TrainingSettings,
    watcher: Watcher,
    stop: StopRequest,
    *,
    reward_file: Path | None = None,
    first_weights: Mapping[str, Any] | None = None,
    load_policy: PolicyLoader | None = None,
) -> Outcome:
    """Train a run from its last checkpoint, or from the beginning, until a limit is reached or somebody
    stops it.

    reward_file: where the reward came from, so that its mistakes are shown there; by default the run's own
    copy. first_weights: what a clone begins with. load_policy: opens the models that it trains against.

    Raises:
        LapwingError: with what happened and what to do; the last good checkpoint is untouched.
    """
    with run.lock(), ExitStack() as opened:
        run.update(state=TRAINING)
        state = FAILED
        try:
            training = Training(run, settings, watcher, stop, opened, reward_file, load_policy)
            training.begin(first_weights)
            outcome = training.run()
            state = STOPPED if outcome.interrupted else FINISHED
        except KeyboardInterrupt:
            state = STOPPED
            raise
        finally:
            run.update(state=state)
    return outcome


class Training:
    """One training: its parts, and the loop over them."""

    def __init__(
        self,
        run: RunFolder,
        settings: TrainingSettings,
        watcher: Watcher,
        stop: StopRequest,
        opened: ExitStack,
        reward_file: Path | None = None,
        load_policy: PolicyLoader | None = None,
    ) -> None:
        self._run, self._settings, self._watcher, self._stop = run, settings, watcher, stop
        self._progress = Progress()
        self._whole: Checkpoint | None = None
        self._turn_s = math.inf  # nobody knows yet
        parts = open_parts(run, settings, opened, reward_file=reward_file, load_policy=load_policy)
        self._rewards, self._learner, self._cars = parts.rewards, parts.learner, parts.cars
        self._trials, self._frozen = parts.trials, parts.frozen
        watcher.say(self._rewards.isolation)

    # Beginning

    def begin(self, first_weights: Mapping[str, Any] | None) -> None:
        """From the newest whole checkpoint of the run; in a new run make the one at step 0."""
        if any(self._run.checkpoints_path.glob("[0-9]*")):
            self._go_on(read_checkpoint(find_checkpoint(self._run.path, "last")))
            return
        if first_weights is not None:
            self._learner.load_weights(first_weights)
        if self._frozen is not None:
            self._frozen.renew(self._learner.weights())
        self._run.truncate_to({})
        self._cars.start()
        self._run.append_trace(self._cars.take_trace())
        self._save({})

    def _go_on(self, checkpoint: Checkpoint) -> None:
        drop_newer(self._run.path, checkpoint.steps)
        self._run.truncate_to(checkpoint.positions)
        self._progress = Progress(**checkpoint.progress)
        self._progress.best_score = tuple(self._progress.best_score)
        self._learner.load_weights(checkpoint.weights)
        self._learner.restore(checkpoint.parts["learner"])
        self._cars.restore(checkpoint.parts)
        if self._frozen is not None:
            self._frozen.restore(checkpoint.parts["frozen"])
        self._rewards.restore(checkpoint.reward_states)
        self._watcher.say(f"Going on from {checkpoint.steps} steps.")

    # The loop

    def run(self) -> Outcome:
        """Until a limit is reached or somebody wants to stop."""
        begun_s = time.monotonic() - self._progress.elapsed_s
        try:
            while True:
                self._progress.elapsed_s = time.monotonic() - begun_s
                reason = reason_to_stop(self._settings.stop, self._standing())
                not_evaluated = self._progress.evaluated_steps != self._progress.steps
                if self._evaluation_is_due() or (reason and not_evaluated):
                    self._evaluate()
                    continue
                if self._stop.wanted and not_evaluated:
                    self._save({})
                if reason or self._stop.wanted:
                    return self._outcome(reason)
                self._turn()
        except Interrupted:
            if self._whole is not None:
                write_checkpoint(self._run.checkpoints_path, self._whole)
            return self._outcome(None)

    def _turn(self) -> None:
        """Drive, learn, write down."""
        begun = time.monotonic()
        progress, hyper = self._progress, self._settings.hyperparameters
        episodes = None if hyper.horizon else hyper.num_episodes_between_training
        drive = self._cars.drive(self._learner, progress.steps, episodes, self._pulse)
        progress.steps += drive.steps
        progress.episodes += len(drive.records)
        report = self._learner.learn(self._cars.observation, progress.steps, self._pulse)
        progress.updates += 1
        self._renew_frozen(before_steps=progress.steps - drive.steps)
        self._write_down(drive, report, time.monotonic() - begun)
        self._turn_s = time.monotonic() - begun
        if self._turn_s > PATIENCE_S:
            self._whole = self._checkpoint({})

    def _renew_frozen(self, before_steps: int) -> None:
        """The opponent that is a copy of the learner catches up with it now and then."""
        every = self._settings.opponents.renew_steps
        if self._frozen is not None and self._progress.steps // every > before_steps // every:
            self._frozen.renew(self._learner.weights())

    def _evaluate(self) -> None:
        """Try laps, remember whether this model is the best so far, and save it."""
        progress = self._progress
        evaluation = self._trials.run(self._learner, progress.evaluations, self._pulse)
        score = evaluation.score(self._settings.evaluation.best_by)
        best = score >= progress.best_score if progress.best_score else True
        if best:
            progress.best_steps, progress.best_score = progress.steps, score
            progress.best = evaluation.figures()
        progress.evaluations += 1
        progress.evaluated_steps = progress.steps
        progress.laps_complete = evaluation.laps_complete
        self._run.write_evaluation(
            evaluation.trace,
            evaluation.records,
            training_steps=progress.steps,
            training_episodes=progress.episodes,
        )
        self._run.append_update(
            progress.steps, {f"evaluation_{name}": value for name, value in evaluation.figures().items()}
        )
        self._save(evaluation.figures())
        self._watcher.evaluated(self._standing(), evaluation, best=best)

    def _write_down(self, drive: Drive, report: UpdateReport, turn_s: float) -> None:
        """Everything about one turn of the loop, to the run's files and to the watcher."""
        self._run.append_trace(self._cars.take_trace())
        self._run.append_episodes(drive.records)
        scalars = {
            **dataclasses.asdict(report),
            "reward_per_step": drive.mean_reward,
            "episodes": float(self._progress.episodes),
            "wall_steps_per_s": drive.steps / turn_s,
            "wall_simulating_fraction": drive.simulating_s / turn_s,
            "wall_rewarding_fraction": drive.rewarding_s / turn_s,
        }
        if drive.records:
            scalars["episode_reward"] = float(np.mean([record.reward for record in drive.records]))
            scalars["episode_crashed_fraction"] = float(np.mean([record.crash_count for record in drive.records]))
            scalars["episode_overtakes"] = float(np.mean([record.overtakes for record in drive.records]))
            scalars["episode_progress_percent"] = float(np.mean([record.progress_percent for record in drive.records]))
        if drive.level is not None:
            scalars["curriculum_level"] = drive.level
        self._run.append_update(self._progress.steps, scalars)
        self._watcher.updated(self._standing(), drive, report)

    def _pulse(self) -> None:
        """Called often within a turn: leave it, if somebody wants to stop and it would take long."""
        self._watcher.pulse()
        if self._stop.wanted and self._turn_s > PATIENCE_S:
            raise Interrupted

    def _evaluation_is_due(self) -> bool:
        every = self._settings.evaluation.every_steps
        return self._progress.steps >= (max(self._progress.evaluated_steps, 0) // every + 1) * every

    # Checkpoints

    def _checkpoint(self, evaluation: Mapping[str, float]) -> Checkpoint:
        """The whole training as it is now."""
        progress = dataclasses.asdict(self._progress)
        parts = {"learner": self._learner.state(), **self._cars.state()}
        if self._frozen is not None:
            parts["frozen"] = self._frozen.state()
        return Checkpoint(
            steps=self._progress.steps,
            weights=self._learner.weights(),
            parts=parts,
            reward_states=self._rewards.snapshot(),
            progress=progress,
            positions=self._run.positions(),
            best_steps=self._progress.best_steps,
            evaluation=evaluation,
        )

    def _save(self, evaluation: Mapping[str, float]) -> None:
        """Write a checkpoint and what the lists show about the run."""
        write_checkpoint(self._run.checkpoints_path, self._checkpoint(evaluation))
        self._run.write_training_metrics()
        exact, reason = self._rewards.bit_exact
        progress = self._progress
        best: dict[str, Any] = {f"best_{name}": value for name, value in progress.best.items()}
        self._run.update(
            steps=progress.steps,
            episodes=progress.episodes,
            elapsed_s=round(progress.elapsed_s, 1),
            best_steps=progress.best_steps,
            bit_exact="yes" if exact else f"no: {reason}",
            **best,
        )

    def _standing(self) -> Standing:
        progress = self._progress
        return Standing(progress.steps, progress.episodes, progress.elapsed_s, progress.laps_complete)

    def _outcome(self, reason: str | None) -> Outcome:
        progress = self._progress
        return Outcome(
            reason or "stopped by hand", reason is None, self._standing(), progress.best_steps, progress.best
        )
