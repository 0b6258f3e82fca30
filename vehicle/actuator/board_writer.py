"""Puts pulses on the board and tells a lost transaction from a broken board."""

from __future__ import annotations

import contextlib
import math

from shared.errors import HardwareError
from vehicle.actuator.lease import Pulses
from vehicle.hardware.protocols import ServoBoard

CHECK_EVERY_S = 0.095  # ten times a second: every fifth turn, also where that one comes a little early
FAILED_WRITES_ALLOWED = 1  # one lost transaction is noise of the motor, two are a broken wire


class BoardWriter:
    """One board. `start`, `write` and `all_off` talk to it; nothing else here does.

    hears: whether the last pulses of `write` got through.
    """

    def __init__(self, board: ServoBoard) -> None:
        self.hears = False
        self._board = board
        self._failed_writes = 0
        self._checked_at_s = -math.inf  # a board that was never read back is, at the first chance

    def start(self, pulses: Pulses, now_s: float) -> None:
        """Make the board ready, give it its first pulses and read them back. HardwareError when it does not obey."""
        self._board.start()
        try:
            self._board.write_pulses(pulses.steering_us, pulses.throttle_us)
            self._board.check()
        except HardwareError:
            raise
        except OSError as error:
            raise HardwareError(
                f"The servo board fell silent at its first pulse ({error.strerror or error}). Check its wires."
            ) from error
        self._failed_writes, self._checked_at_s = 0, now_s

    def write(self, pulses: Pulses, now_s: float, *, checks: bool) -> str | None:
        """Write, and ten times a second read back. What is wrong with the board; None when nothing is."""
        self.hears = False
        try:
            self._board.write_pulses(pulses.steering_us, None if pulses.silent else pulses.throttle_us)
            self.hears = True
            if checks and now_s - self._checked_at_s >= CHECK_EVERY_S:
                self._board.check()
                self._checked_at_s = now_s
            self._failed_writes = 0
        except HardwareError as error:
            return str(error)
        except OSError as error:
            self._failed_writes += 1
            if self._failed_writes > FAILED_WRITES_ALLOWED:
                return f"the servo board does not answer ({error.strerror or error}); check its wires"
        return None

    def write_once(self, pulses: Pulses) -> None:
        """Write on the way out: OSError when the board did not hear."""
        self._board.write_pulses(pulses.steering_us, pulses.throttle_us)

    def silence(self) -> None:
        """Switch every pulse off, if the board hears it."""
        with contextlib.suppress(OSError):
            self._board.all_off()

    def close(self) -> None:
        """Switch every pulse off and let go of the board. OSError when it did not hear."""
        self._board.close()
