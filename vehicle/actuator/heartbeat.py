"""Whether somebody whose counter we see is still at work. Pure; the owner and its guard watch each other with it."""

from __future__ import annotations

from dataclasses import dataclass

# The owner turns every 20 ms and the guard looks every 10. On a computer with more to do than it can, an ordinary
# process was seen to run up to 64 ms late; this is more than twice that, and leaves 100 ms of the 250 to stop the car.
STILL_S = 0.150
# Of our own. After a pause of the whole computer both sides wake up late, and the other one deserves a moment.
LEAST_LOOKS = 3


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """count: what was seen last. changed_at_s: since when. looks: how often we looked since, in vain."""

    count: int
    changed_at_s: float
    looks: int = 0


def heard(last: Heartbeat, count: int, now_s: float) -> Heartbeat:
    """One more look at the counter."""
    if count != last.count:
        return Heartbeat(count, now_s)
    return Heartbeat(count, last.changed_at_s, last.looks + 1)


def is_still(beat: Heartbeat, now_s: float) -> bool:
    """Whether whoever counts has stopped doing so."""
    return beat.looks >= LEAST_LOOKS and now_s - beat.changed_at_s >= STILL_S
