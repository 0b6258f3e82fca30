"""From an RPLIDAR's stream of bytes to whole turns. Pure: bytes and the time of their arrival in, turns out.

A node is one measured point, five bytes: `quality << 2 | !start << 1 | start`, then the angle in 1/64 degree with a
one below it, then the distance in quarters of a millimetre, both little-endian. Only three bits of forty tell whether
a node begins where one is read, so after a lost byte the stream looks right by chance again and again. What is taken
for nodes must go on for a while, with angles that rise as a turning head's do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NODE_BYTES = 5
ANGLE_STEPS_PER_DEG, DISTANCE_STEPS_PER_M = 64, 4000
# Between two nodes that follow each other: a head at 10 turns and 1000 points a second does 3.6 degrees. Devices
# correct the angles of near points, so that a few run back a little.
LARGEST_STEP_DEG, LARGEST_STEP_BACK_DEG = 12.0, 4.0
NODES_IN_A_ROW = 12  # before a stream that was lost is believed again
FEWEST_POINTS = 60  # of one turn; fewer are a fragment
SMALLEST_TURN_DEG, LARGEST_TURN_DEG = 340.0, 375.0  # from the first point to the last
LONGEST_BACKLOG_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the head, as the device tells it.

    angles_deg: (points,) float32, clockwise seen from above, from the device's own zero. distances_m: (points,)
    float32, 0 where nothing came back. started_at_s, ended_at_s: when its first and its last point arrived.
    """

    angles_deg: NDArray[np.float32]
    distances_m: NDArray[np.float32]
    started_at_s: float
    ended_at_s: float


@dataclass(frozen=True, slots=True)
class _Nodes:
    """(nodes,) each: whether a turn begins, angle, distance, arrival."""

    starts: NDArray[np.bool_]
    angles_deg: NDArray[np.float32]
    distances_m: NDArray[np.float32]
    at_s: NDArray[np.float64]

    def part(self, begin: int, end: int) -> _Nodes:
        cut = slice(begin, end)
        return _Nodes(self.starts[cut], self.angles_deg[cut], self.distances_m[cut], self.at_s[cut])


class NodeStream:
    """Give it every byte in order. losses: how often the stream was lost and had to be found again."""

    def __init__(self) -> None:
        self.losses = 0
        self._bytes: NDArray[np.uint8] = np.empty(0, np.uint8)
        self._fed_at_s: float | None = None
        self._last_angle_deg: float | None = None  # None: the stream is not to be believed yet
        self._turn: list[_Nodes] | None = None  # None: the beginning of this turn was not seen

    def feed(self, data: bytes, now_s: float) -> list[Turn]:
        """The turns that these bytes complete. A turn of which a part was lost is left out."""
        since_s = now_s if self._fed_at_s is None else self._fed_at_s
        self._fed_at_s = now_s
        self._bytes = np.concatenate((self._bytes, np.frombuffer(data, np.uint8)))[-LONGEST_BACKLOG_BYTES:]
        turns: list[Turn] = []
        while self._last_angle_deg is not None or self._find_nodes():
            nodes = _nodes(self._bytes, since_s, now_s)
            good = _good(nodes, self._bytes, self._last_angle_deg)
            count = len(good) if good.all() else int(np.argmin(good))
            turns += self._take(nodes.part(0, count))
            self._bytes = self._bytes[count * NODE_BYTES :]
            if count == len(good):
                break
            self._lose()
        return turns

    def _find_nodes(self) -> bool:
        """Look for the first place from which on enough good nodes follow each other. False: not among these bytes."""
        run_bytes = NODE_BYTES * NODES_IN_A_ROW
        places = max(len(self._bytes) - run_bytes + 1, 0)
        first, second = self._bytes[:-1], self._bytes[1:]
        could_begin = ((first ^ (first >> 1)) & 1 == 1) & (second & 1 == 1)
        angle = (self._bytes[1:-1] >> 1) + (self._bytes[2:].astype(np.uint16) << 7)
        could = angle[:places] != angle[run_bytes - NODE_BYTES :][:places]  # the head turns
        for k in range(NODES_IN_A_ROW):
            could &= could_begin[k * NODE_BYTES :][:places]
        for place in np.flatnonzero(could):
            candidate = self._bytes[place : place + run_bytes]
            nodes = _nodes(candidate, 0.0, 0.0)
            if _good(nodes, candidate, None).all():
                self._bytes = self._bytes[place:]
                self._last_angle_deg = float(nodes.angles_deg[0])
                return True
        self._bytes = self._bytes[places:]
        return False

    def _lose(self) -> None:
        self.losses += 1
        self._last_angle_deg = None
        self._turn = None
        self._bytes = self._bytes[1:]

    def _take(self, nodes: _Nodes) -> list[Turn]:
        """Add good nodes to the turn; where its successor begins, it is complete."""
        if not len(nodes.angles_deg):
            return []
        turns, begin = [], 0
        for cut in np.flatnonzero(nodes.starts):
            if self._turn is not None:
                turn = _whole([*self._turn, nodes.part(begin, int(cut))])
                turns += [turn] if turn is not None else []
            self._turn, begin = [], int(cut)
        if self._turn is not None:
            self._turn.append(nodes.part(begin, len(nodes.angles_deg)))
        self._last_angle_deg = float(nodes.angles_deg[-1])
        return turns


def _nodes(data: NDArray[np.uint8], since_s: float, now_s: float) -> _Nodes:
    """Every whole node of these bytes, good or not. Their arrivals are spread over the time since the last bytes."""
    count = len(data) // NODE_BYTES
    rows = data[: count * NODE_BYTES].reshape(count, NODE_BYTES).astype(np.uint16)
    return _Nodes(
        (rows[:, 0] & 1).astype(np.bool_),
        ((rows[:, 1] >> 1) + (rows[:, 2] << 7)).astype(np.float32) / np.float32(ANGLE_STEPS_PER_DEG),
        (rows[:, 3] + (rows[:, 4] << 8)).astype(np.float32) / np.float32(DISTANCE_STEPS_PER_M),
        np.linspace(since_s, now_s, count + 1)[1:],
    )


def _good(nodes: _Nodes, data: NDArray[np.uint8], last_angle_deg: float | None) -> NDArray[np.bool_]:
    """(nodes,) whether the check bits are right, the angle follows the one before, and a turn begins near zero."""
    count = len(nodes.angles_deg)
    rows = data[: count * NODE_BYTES].reshape(count, NODE_BYTES)
    right_bits = ((rows[:, 0] ^ (rows[:, 0] >> 1)) & 1 == 1) & (rows[:, 1] & 1 == 1) & (nodes.angles_deg < 360.0)
    step = _steps_deg(nodes.angles_deg, last_angle_deg)
    near_zero = np.abs((nodes.angles_deg + 180.0) % 360.0 - 180.0) <= LARGEST_STEP_DEG
    good: NDArray[np.bool_] = right_bits & (near_zero | ~nodes.starts)
    good &= (step <= LARGEST_STEP_DEG) & (step >= -LARGEST_STEP_BACK_DEG)
    return good


def _steps_deg(angles_deg: NDArray[np.float32], last_angle_deg: float | None) -> NDArray[np.float64]:
    """(nodes,) how far the head turned since the node before, -180 to 180; 0 where that is not known."""
    angles = angles_deg.astype(np.float64)
    first = angles[:1] if last_angle_deg is None else np.array([last_angle_deg])
    before = np.concatenate((first, angles))[: len(angles)]
    steps: NDArray[np.float64] = (angles - before + 180.0) % 360.0 - 180.0
    return steps


def _whole(parts: list[_Nodes]) -> Turn | None:
    """The turn, None where it is but a fragment of one, or more than one."""
    angles = np.concatenate([part.angles_deg for part in parts])
    turned_deg = float(_steps_deg(angles, None).sum())
    if len(angles) < FEWEST_POINTS or not SMALLEST_TURN_DEG <= turned_deg <= LARGEST_TURN_DEG:
        return None
    at_s = np.concatenate([part.at_s for part in parts])
    distances = np.concatenate([part.distances_m for part in parts])
    return Turn(angles, distances, float(at_s[0]), float(at_s[-1]))
