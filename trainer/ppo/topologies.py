"""Layers of the neural networks by name: DeepRacer's three, and our small ones: `fast`, the default, and `fine`.

Source: DeepRacer's topologies as Coach builds them. Every sensor has an embedder of its own; their features are
concatenated and go through the middleware. No padding, ReLU after every layer, policy and value fully apart.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topology:
    """Layers of one network. convolutions: (filters, kernel, stride) each; the others dense layers: units each.

    camera_units: after the convolutions, still in the camera's embedder. lidar_units, motion_units: embedders of a
    LiDAR in any form and of the wheel speed and yaw rate. middleware: after the embedders.
    shared: policy and value grow from the same layers.
    pool_px: the camera pictures are first averaged over squares of this side, and levelled: their own mean subtracted
    and divided by their own deviation.
    nearness: a LiDAR's distances are turned into 0 (nothing in reach) to 1 (as near as it measures).
    """

    convolutions: tuple[tuple[int, int, int], ...]
    middleware: tuple[int, ...]
    camera_units: tuple[int, ...] = ()
    lidar_units: tuple[int, ...] = (256, 256)
    motion_units: tuple[int, ...] = (32,)
    shared: bool = False
    pool_px: int = 1
    nearness: bool = False


SHALLOW, NORMAL, DEEP = (
    "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW",
    "DEEP_CONVOLUTIONAL_NETWORK",
    "DEEP_CONVOLUTIONAL_NETWORK_DEEP",
)

TOPOLOGIES: dict[str, Topology] = {
    "fast": Topology(
        ((16, 8, 4), (32, 4, 2), (32, 3, 2)),
        (256,),
        lidar_units=(64, 64),
        motion_units=(16,),
        shared=True,
        pool_px=2,
        nearness=True,
    ),
    "fine": Topology(
        ((16, 8, 4), (32, 4, 2), (32, 3, 1)),
        (256,),
        lidar_units=(64, 64),
        motion_units=(16,),
        shared=True,
        pool_px=2,
        nearness=True,
    ),
    SHALLOW: Topology(((32, 8, 4), (64, 4, 2), (64, 3, 1)), (512,)),
    NORMAL: Topology(((32, 5, 2), (32, 3, 1), (64, 3, 2), (64, 3, 1)), (512,), camera_units=(64,)),
    DEEP: Topology(((32, 8, 4), (32, 4, 2), (64, 4, 2), (64, 3, 1)), (256, 128), camera_units=(512, 512)),
}

_STEREO = Topology(((32, 3, 1), (64, 3, 2), (64, 3, 1), (128, 3, 2), (128, 3, 1)), (512,))
STEREO_TOPOLOGIES: dict[str, Topology] = {**TOPOLOGIES, NORMAL: _STEREO, DEEP: _STEREO}
