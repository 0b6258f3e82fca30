"""A run whose network never learnt anything: enough to load, export and evaluate."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from shared.settings import dump_settings, load_settings
from trainer.config import TrainingSettings
from trainer.runs.run_folder import RunFolder
from trainer.training.checkpoint import Checkpoint, write_checkpoint
from trainer.training.learner import network_of
from trainer.training.run_starting import metadata_of


def untrained_run(
    home: Path, name: str = "untrained", *overrides: str, steps: tuple[int, ...] = (100, 200)
) -> RunFolder:
    """home/runs/<name> with checkpoints of these steps, the first of them the best.

    They answer differently, but all like the last action best, hard left and fast: trials end soon.
    """
    settings = load_settings(TrainingSettings, None, overrides)
    car = settings.car
    run = RunFolder.create(
        home,
        name,
        settings_toml=dump_settings(settings),
        metadata_json=metadata_of(settings).to_json(),
        hyperparameters=settings.hyperparameters.deepracer_json(),
        reward_source="def reward_function(params):\n    return 1.0\n",
        description="never trained",
    )
    for count in steps:
        torch.manual_seed(count)
        network = network_of(car)
        nn.init.orthogonal_(network.policy_head.weight, 1.0)
        nn.init.constant_(network.policy_head.bias[-1:], 5.0)
        weights = {key: value.detach().numpy().copy() for key, value in network.named_parameters()}
        write_checkpoint(
            run.checkpoints_path,
            Checkpoint(steps=count, weights=weights, parts={}, reward_states=[], progress={}, best_steps=steps[0]),
        )
    return run
