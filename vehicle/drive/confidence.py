"""How sure a policy is of what it chose. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.actions import ActionSpace


@dataclass(frozen=True, slots=True)
class Confidence:
    """probability: of the chosen action. entropy_fraction: 0 when one action is certain, 1 when all are alike."""

    probability: float
    entropy_fraction: float


def confidence_of(answer: NDArray[Any], action_space: ActionSpace) -> Confidence | None:
    """Of a policy's answer (n,); None for a continuous one, which says what it wants and not how much."""
    if action_space.kind != "discrete" or answer.shape != (action_space.output_size,):
        return None
    probabilities = np.clip(answer.astype(np.float64), 0.0, 1.0)
    present = probabilities[probabilities > 0.0]
    entropy = float(-(present * np.log(present)).sum())
    most = float(np.log(len(probabilities))) if len(probabilities) > 1 else 1.0
    return Confidence(float(probabilities.max(initial=0.0)), min(max(entropy / most, 0.0), 1.0))
