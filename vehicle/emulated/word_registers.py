"""What the battery gauges have in common: registers of 16 bits, high byte first, behind a pointer."""

from __future__ import annotations


class WordRegisters:
    """A chip whose first written byte is the pointer, and whose reads give the register it points to.

    Source: the data sheets of INA219 (8.5.5) and ADS1115 (8.5.3); neither steps its pointer on.
    """

    def __init__(self, address: int, registers: dict[int, int]) -> None:
        self.address = address
        self.registers = registers
        self._pointer = 0

    def acknowledges(self, address: int) -> bool:
        """Whether the chip answers this 7-bit address."""
        return address == self.address

    def write(self, address: int, data: bytes) -> bool:
        """Bytes after a START and our address. False where the chip would not acknowledge them."""
        if data:
            self._pointer = data[0]
        if len(data) >= 3:
            self.on_write(self._pointer, int.from_bytes(data[1:3], "big"))
        return True

    def read(self, length: int) -> bytes:
        """The register that the pointer is on, over and over."""
        word = self.on_read(self._pointer).to_bytes(2, "big")
        return (word * (length // 2 + 1))[:length]

    def stop(self) -> None:
        """A STOP changes nothing."""

    def on_write(self, register: int, value: int) -> None:
        """A word for a register."""
        self.registers[register] = value

    def on_read(self, register: int) -> int:
        """A register's word."""
        return self.registers.get(register, 0)
