"""The servo board of a car that was never calibrated: nobody knows yet at which pulse its motor stands still.

It gets none, from its guard neither, and its chip is not started: to the motor the car is not there yet.
"""

from __future__ import annotations

from shared.errors import HardwareError
from vehicle.hardware.protocols import ServoBoard


class SilentBoard:
    """Gives the board no pulse, whatever it is asked for."""

    def __init__(self, board: ServoBoard) -> None:
        self._board = board

    def start(self) -> None:
        """Switch every output off. HardwareError when the board does not answer."""
        try:
            self._board.all_off()
        except OSError as error:
            raise HardwareError(
                f"No answer from the servo board ({error.strerror or error}). "
                "Check its power and the SDA/SCL wires, then run: i2cdetect -y 1"
            ) from error

    def write_pulses(self, steering_us: float, throttle_us: float | None) -> None:
        """Switch every output off. OSError when the board does not hear."""
        self._board.all_off()

    def check(self) -> None:
        """There is nothing to read back: outputs that are off stay off when the chip loses its settings."""

    def all_off(self) -> None:
        """Switch every output off."""
        self._board.all_off()

    def close(self) -> None:
        """Switch every output off and let go of the bus."""
        self._board.close()
