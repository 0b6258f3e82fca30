"""From a picture to an action: observation as in training, the model's answer, the action it means."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from shared.actions import Action
from shared.errors import MetadataError
from shared.model_archive import ModelArchive
from shared.observation import FRAME_HEIGHT_PX, FRAME_WIDTH_PX, Observer, grey_from_rgb, model_inputs
from shared.sensors import FRONT_CAMERA, SENSORS
from vehicle.drive.engine import Engine
from vehicle.hardware.protocols import Frame


class Pilot(Protocol):
    """Decides what to do about a picture.

    top_speed_mps: the fastest it may ask for. control_rate_hz: how often it was trained to decide.
    """

    @property
    def top_speed_mps(self) -> float: ...

    @property
    def control_rate_hz(self) -> float: ...

    def decide(self, frame: Frame) -> Action: ...

    def forget(self) -> None: ...


class ModelPilot:
    """Drives with a trained model."""

    def __init__(self, archive: ModelArchive, engine: Engine) -> None:
        metadata = archive.metadata
        missing = [name for name in metadata.sensors if SENSORS[name].reading != "camera"]
        if missing:
            raise MetadataError(
                f"The model {archive.name} needs {', '.join(missing)}; this car has {FRONT_CAMERA} alone. "
                "Choose another model."
            )
        self._metadata = metadata
        self._engine = engine
        self._observer = Observer(metadata.sensors, metadata.stack_size)

    @property
    def top_speed_mps(self) -> float:
        """The fastest the model may ask for."""
        return self._metadata.top_speed_mps

    @property
    def control_rate_hz(self) -> float:
        """How often the model was trained to decide."""
        return self._metadata.control_rate_hz

    def decide(self, frame: Frame) -> Action:
        """The model's action for this picture; ActionError when its answer is not finite or not an answer."""
        observation = self._observer.push({"camera": grey_from_rgb(frame.image)})
        answer = self._engine.infer(model_inputs(observation))
        return self._metadata.action_space.decode(answer)

    def forget(self) -> None:
        """A new drive begins: earlier pictures are of another place."""
        self._observer.reset()

    def warm_up(self) -> None:
        """Run the model once on a black picture: the first answer of an engine is slow."""
        black = np.zeros((FRAME_HEIGHT_PX, FRAME_WIDTH_PX, 3), dtype=np.uint8)
        self.decide(Frame(black, 0.0, 0))
        self.forget()
