"""What a model saw and answered, as a drive log has it: made here for the car and for the simulator alike."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.drive_channels import ModelInput
from shared.sensors import SENSORS

WHOLE_EVERY = 10  # pictures of which one is logged with all that the model saw, the others by its hash alone


def model_input(number: int, observation: Mapping[str, NDArray[Any]], *, frame_sequence: int) -> ModelInput:
    """The message for the number-th decision, counted from 0.

    observation: by sensor, without a batch, in the order of the model's sensors, as Observer.current has it.
    """
    values = {name: np.ascontiguousarray(array) for name, array in observation.items()}
    digest = hashlib.sha256()
    for array in values.values():
        digest.update(array.data)
    if number % WHOLE_EVERY:
        return ModelInput(frame_sequence, digest.hexdigest())
    cameras = [array for name, array in values.items() if SENSORS[name].kind == "camera"]
    others = [array.ravel() for name, array in values.items() if SENSORS[name].kind != "camera"]
    return ModelInput(
        frame_sequence,
        digest.hexdigest(),
        b64encode(b"".join(array.tobytes() for array in cameras)).decode(),
        tuple(float(value) for array in others for value in array),
    )
