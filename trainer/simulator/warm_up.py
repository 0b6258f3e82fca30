"""Compile every kernel once, so that the first training or drive starts at once."""

from __future__ import annotations

import numpy as np

from trainer.simulator.kernels import forget_old_kernels
from trainer.simulator.settings import SimulatorSettings
from trainer.simulator.simulator import Simulator
from trainer.tracks import Track


def compile_kernels() -> None:
    """Run each kernel in each form it is used in; takes a minute the first time and a second once they are cached."""
    forget_old_kernels()
    turn = np.linspace(0.0, 2.0 * np.pi, 41)
    turn[-1] = 0.0
    circle = np.stack((np.cos(turn), np.sin(turn)), axis=-1)
    track = Track("warm up", True, circle, 0.7 * circle, 1.3 * circle)
    for cars, threads in ((1, 1), (2, 2)):
        simulator = Simulator([track], SimulatorSettings(threads=threads), seeds=np.arange(cars))
        simulator.reset()
        simulator.step(0.0, 1.0)
        simulator.put_back(np.ones(cars, bool))
        simulator.redraw(np.ones(cars, bool))
        simulator.render(0, width_px=16, height_px=12, view="chase")
