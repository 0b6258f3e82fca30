"""`lapwing-car` with a switch that hangs it: SIGUSR1, and it turns in circles until it is killed."""

from __future__ import annotations

import signal

from vehicle.cli import main


def hang(*_: object) -> None:
    """As a loop that never ends, in the middle of whatever it was doing."""
    while True:
        pass


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, hang)
    main()
