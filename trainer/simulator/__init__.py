"""The simulated world: N cars as rows, their motion, their camera and the rules of an episode, as Numba kernels."""

from trainer.simulator.dynamics import DynamicsSettings
from trainer.simulator.measurements import Column, ObjectColumn
from trainer.simulator.race import BarrierSettings, BotSettings, BoxSettings, RaceSettings
from trainer.simulator.randomisation import QUANTITIES, RandomisationSettings, Range
from trainer.simulator.settings import (
    CameraSettings,
    EpisodeRules,
    SimulatorSettings,
    StartSettings,
)
from trainer.simulator.simulator import Simulator
from trainer.simulator.state import Cars, EpisodeStatus
from trainer.simulator.things import Kind
from trainer.simulator.warm_up import compile_kernels

__all__ = [
    "QUANTITIES",
    "BarrierSettings",
    "BotSettings",
    "BoxSettings",
    "CameraSettings",
    "Cars",
    "Column",
    "DynamicsSettings",
    "EpisodeRules",
    "EpisodeStatus",
    "Kind",
    "ObjectColumn",
    "RaceSettings",
    "RandomisationSettings",
    "Range",
    "Simulator",
    "SimulatorSettings",
    "StartSettings",
    "compile_kernels",
]
