"""A drive is armed only with a picture to drive by."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from shared.errors import HardwareError
from vehicle.drive import process
from vehicle.hardware.frame_slot import FrameSlot
from vehicle.hardware.protocols import Frame


def test_without_a_picture_nothing_is_armed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "READY_TIMEOUT_S", 0.1)
    camera, stop = FrameSlot(), threading.Event()
    with pytest.raises(HardwareError, match="not armed"):
        process._has_picture(camera, stop)
    camera.problem = "It is unplugged."
    with pytest.raises(HardwareError, match=r"It is unplugged\. .*not armed"):
        process._has_picture(camera, stop)
    stop.set()
    assert not process._has_picture(camera, stop)
    camera.put(Frame(np.zeros((480, 640, 3), dtype=np.uint8), 0.0, 1))
    assert process._has_picture(camera, stop)
