"""What goes wrong with a chip, seen from the wire: it is gone, or its bytes are nonsense."""

from __future__ import annotations

from enum import StrEnum

from vehicle.emulated.i2c import Chip


class ChipFault(StrEnum):
    """Which fault. Set to NONE, the chip is well again."""

    NONE = "none"
    ABSENT = "absent"  # unplugged
    ONES = "ones"  # it acknowledges, and every bit reads as one
    ZEROS = "zeros"
    STUCK = "stuck"  # the same answer for ever


class FaultyChip:
    """A chip that fails as it is told; fault may be set at any time."""

    def __init__(self, chip: Chip) -> None:
        self._chip = chip
        self.fault = ChipFault.NONE
        self._last_answers: dict[int, bytes] = {}

    def acknowledges(self, address: int) -> bool:
        """Whether the chip answers this 7-bit address."""
        return self.fault is not ChipFault.ABSENT and self._chip.acknowledges(address)

    def write(self, address: int, data: bytes) -> bool:
        """Bytes after a START and our address."""
        return self._chip.write(address, data)

    def read(self, length: int) -> bytes:
        """Bytes, true or not."""
        if self.fault in (ChipFault.ONES, ChipFault.ZEROS):
            return (b"\xff" if self.fault is ChipFault.ONES else b"\0") * length
        if self.fault is ChipFault.STUCK and length in self._last_answers:
            return self._last_answers[length]
        self._last_answers[length] = self._chip.read(length)
        return self._last_answers[length]

    def stop(self) -> None:
        """The STOP that ends a transaction."""
        self._chip.stop()
