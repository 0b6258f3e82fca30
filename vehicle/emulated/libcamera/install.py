"""Puts the stand-in where picamera2 looks for libcamera, and memory of this process where it looks for a Pi's."""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

from vehicle.emulated.libcamera import camera, configuration, values
from vehicle.emulated.libcamera.sensors import SensorModel

_VALUES = (
    "Size Rectangle Transform Orientation ColorSpace StreamRole ControlType PixelFormat ControlId SensorConfiguration"
)
_DISPLAY_FORMATS = "RGB888 BGR888 XRGB8888 XBGR8888 YUV420 YVU420 NV12 NV21 MJPEG"  # named at import, never used


class StandIn:
    """Which cameras are there, and on which Pi. synced: picture memory that is being read, by its file number."""

    def __init__(self) -> None:
        self.models: Sequence[SensorModel] = ()
        self.align = configuration.PI_4_ALIGN
        self.synced: list[int] = []
        self._manager: weakref.ref[camera.CameraManager] | None = None

    def manager(self) -> camera.CameraManager:
        """The one that lives, a new one when nobody held the last; with every camera that is there."""
        living = self._manager() if self._manager is not None else None
        if living is None:
            living = camera.CameraManager()
            self._manager = weakref.ref(living)
        for model in self.models[len(living.cameras) :]:
            living.add(model, self.align)
        return living

    def appear(self, model: SensorModel) -> None:
        """One more camera is found while others may run."""
        self.models = (*self.models, model)
        self.manager()

    @property
    def camera(self) -> camera.Camera:
        """The first one."""
        return self.manager().cameras[0]


def install() -> StandIn:
    """Once in a process, before picamera2 is imported: it keeps the modules it found."""
    stand_in = StandIn()
    module = ModuleType("libcamera")
    for name in _VALUES.split():
        setattr(module, name, getattr(values, name))
    for name in ["Camera", "FrameBuffer", "FrameMetadata", "Request"]:
        setattr(module, name, getattr(camera, name))
    contents: dict[str, Any] = {
        "CameraConfiguration": configuration.CameraConfiguration,
        "StreamConfiguration": configuration.StreamConfiguration,
        "CameraManager": SimpleNamespace(singleton=stand_in.manager),
        "controls": values.controls_module(),
        "properties": SimpleNamespace(draft=SimpleNamespace(ColorFilterArrangementEnum=values.FILTERS)),
        "_libcamera": module,
    }
    vars(module).update(contents)
    sys.modules["libcamera"], sys.modules["libcamera.controls"] = module, contents["controls"]
    display = ModuleType("pykms")
    vars(display)["PixelFormat"] = SimpleNamespace(**{name: name for name in _DISPLAY_FORMATS.split()})
    sys.modules["pykms"] = display
    _give_memory(stand_in)
    return stand_in


def _give_memory(stand_in: StandIn) -> None:
    """A heap of memory files in place of the Pi's; its real allocator works on it."""
    from picamera2.allocators import dmaallocator
    from picamera2.dma_heap import DMA_BUF_SYNC_END, UniqueFD

    class MemoryHeap:
        def alloc(self, name: str, size: int) -> Any:
            number = os.memfd_create(name)
            os.ftruncate(number, size)
            return UniqueFD(number)

        def close(self) -> None: ...

    def ioctl(number: int, _: int, wanted: Any) -> int:
        if wanted.flags & DMA_BUF_SYNC_END:
            stand_in.synced.remove(number)
        else:
            stand_in.synced.append(number)
        return 0

    dmaallocator.DmaHeap = MemoryHeap
    dmaallocator.fcntl = SimpleNamespace(ioctl=ioctl)
