"""What drivers of IMU chips have in common: the names of their readings, and how a chip that stands still is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.errors import HardwareError

STEP_MPS2 = 9.80665 / 4096  # of acceleration, at the range of +-8 g that all are set to
SAME_ALLOWED = 25  # its noise is several steps; half a second of the very same words is a chip that stands still


def readings(
    acceleration: Sequence[int], rotation: Sequence[int], *, step_dps: float, temperature_c: float
) -> Mapping[str, float]:
    """Three words each, x, y and z, in the chip's axes, as x_mps2, …, x_dps, … and temperature_c."""
    return {
        **{f"{axis}_mps2": word * STEP_MPS2 for axis, word in zip("xyz", acceleration, strict=True)},
        **{f"{axis}_dps": word * step_dps for axis, word in zip("xyz", rotation, strict=True)},
        "temperature_c": temperature_c,
    }


class Sameness:
    """Counts how often a chip has said the very same."""

    def __init__(self) -> None:
        self._last, self._times = b"", 0

    def forget(self) -> None:
        """It is set up anew."""
        self._last, self._times = b"", 0

    def note(self, words: bytes) -> None:
        """One more answer. HardwareError when it has been the same for too long."""
        self._times = self._times + 1 if words == self._last else 0
        self._last = words
        if self._times >= SAME_ALLOWED:
            raise HardwareError("the IMU says the same again and again; switch its power off and on")
