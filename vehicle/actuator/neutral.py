"""`lapwing-car neutral`: asks the actuator to stop, and opens the bus only where nobody has it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from calibration.pulses import CalibratedPulses
from shared.errors import HardwareError, LinkError
from vehicle.actuator.client import ActuatorClient
from vehicle.actuator.messages import StopRequest
from vehicle.actuator.state import STOP_HOLD_S, Phase
from vehicle.hardware.assembly import open_servo_board
from vehicle.hardware.this_car import Car, load_profile


def bring_to_rest(car: Car, sleep: Callable[[float], None] = time.sleep) -> str:
    """Stop the car; a sentence that says how. HardwareError when the bus is taken or nobody answers on it."""
    try:
        client = ActuatorClient(car.folder.actuator)
    except LinkError:
        return rest_on_the_bus(car, sleep)
    with contextlib.closing(client):
        status = client.ask(StopRequest("lapwing-car neutral")).status
    if status.phase is Phase.FAULT:
        raise HardwareError(
            f"The actuator tries neutral but has a fault: {status.reason}. If the wheels turn, switch the motor off."
        )
    return "The actuator holds neutral."


def rest_on_the_bus(car: Car, sleep: Callable[[float], None] = time.sleep) -> str:
    """Neutral, then off, by our own hand. HardwareError while another process drives the board."""
    profile = load_profile(car)
    pulses, board = CalibratedPulses(profile), open_servo_board(car, profile)
    try:
        board.start()
        board.write_pulses(pulses.steering_pulse_us(0.0), pulses.throttle_pulse_us(0.0, top_speed_mps=1.0))
        sleep(STOP_HOLD_S)
        board.all_off()
    except OSError as error:
        raise HardwareError(f"The car was not brought to rest: {error}. Switch the motor off.") from error
    finally:
        with contextlib.suppress(OSError):
            board.close()
    return "The servo board was given neutral, then switched off."
