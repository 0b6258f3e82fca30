"""The place for a camera's newest picture: half of a Camera."""

from __future__ import annotations

from vehicle.hardware.protocols import Frame
from vehicle.hardware.slot import NewestSlot


class FrameSlot(NewestSlot[Frame]):
    """Gives the newest picture as a Camera does; who has the device puts it."""
