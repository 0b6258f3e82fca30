"""Another calibration comes into force: the actuator that runs begins anew with it. A guard follows its owner."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from shared.errors import LinkError
from vehicle.actuator.client import ActuatorClient
from vehicle.actuator.messages import RenewRequest
from vehicle.actuator.state import renewal_refusal

BACK_TIMEOUT_S = 10.0  # it rests for a fifth of a second, then starts the board
TRY_EVERY_S = 0.05


def check_may_change(path: Path) -> None:
    """LinkError while the actuator at path could not begin anew: what it runs with and what is in force stay one."""
    problem = None
    with contextlib.suppress(LinkError), contextlib.closing(ActuatorClient(path)) as client:
        status = client.status()
        problem = renewal_refusal(status.phase, status.reason)
    if problem is not None:
        raise LinkError(problem)


def put_in_force(path: Path) -> str:
    """Have the actuator take the calibration that is in force now; a sentence about it."""
    if not _answers(path):
        return "The car's actuator takes it when it starts."
    try:
        begin_anew(path)
    except LinkError as error:
        return f"The car's actuator takes it when it starts anew. {error}"
    return "The car's actuator has taken it."


def begin_anew(path: Path) -> None:
    """Ask the actuator, and wait until it is back. LinkError when none is there, it refuses, or it stays away."""
    with contextlib.closing(ActuatorClient(path)) as client:
        problem = client.ask(RenewRequest()).problem
    if problem is not None:
        raise LinkError(problem)
    deadline_s = time.monotonic() + BACK_TIMEOUT_S
    while not _answers(path):
        if time.monotonic() > deadline_s:
            raise LinkError("The actuator did not come back. Look at its log: journalctl -u lapwing-actuator")
        time.sleep(TRY_EVERY_S)


def _answers(path: Path) -> bool:
    with contextlib.suppress(LinkError), contextlib.closing(ActuatorClient(path)) as client:
        client.status()
        return True
    return False
