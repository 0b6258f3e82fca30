"""Driving by a gamepad on the car: the trigger asks for speed for as long as a button is held.

A pad speaks only when something changes, so a thumb that rests looks like a radio that has failed. Three things
together say that a person is there: the pad's device exists, the dead-man button is held, and the pad was heard a
moment ago. Where the last one fails while the car drives, it rolls out, and the trigger must be let go before it
pulls again. Where the device is gone, the drive has ended.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Protocol

from shared.actions import Action
from shared.errors import HardwareError, LinkError
from vehicle.actuator.client import ActuatorClient
from vehicle.actuator.lease import LONGEST_TTL_S, Driver, Lease
from vehicle.actuator.messages import Answer, ArmRequest, Request, StopRequest
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import Phase
from vehicle.actuator.status import ActuatorStatus
from vehicle.config import GamepadConfig
from vehicle.drive.api import OperatorRequest
from vehicle.drive.operator_line import OperatorLine
from vehicle.hardware.assembly import open_gamepad
from vehicle.hardware.protocols import Gamepad, PadState
from vehicle.hardware.this_car import Car
from vehicle.supervisor import Supervisor

RENEW_S = 0.020
LEAST_PAUSE_S = 0.004  # between two leases, however fast the pad speaks
IDLE_S = 60.0  # an armed car that nobody drives for so long was forgotten
RETRY_S = 1.0


class ActuatorLine(Protocol):
    """The actuator, asked request by request. LinkError when it is gone."""

    def ask(self, request: Request) -> Answer: ...


class GamepadDrive:
    """Turns a pad into leases. It arms only by the pad's button, and drives only what it has armed itself."""

    def __init__(
        self,
        pad: Gamepad,
        actuator: ActuatorLine,
        config: GamepadConfig,
        *,
        largest_angle_deg: float,
        clock: Callable[[], float] = time.monotonic,
        tell: Callable[[str], None] = lambda sentence: None,
        supervisor: Supervisor | None = None,
        shown: Callable[[PadState], None] = lambda state: None,
    ) -> None:
        """supervisor: hears of every turn. shown: hears what the pad says."""
        self._pad = pad
        self._actuator = actuator
        self._config = config
        self._largest_angle_deg = largest_angle_deg
        self._clock = clock
        self._tell = tell
        self._supervisor = supervisor or Supervisor({})
        self._shown = shown
        self._last: PadState | None = None
        self._epoch: int | None = None  # of the arming that is ours
        self._sequence = 0
        self._sent_at_s = self._moved_at_s = float("-inf")
        self._must_let_go = False

    def run(self, stop: threading.Event) -> None:
        """Until stop is set. HardwareError when the pad is gone, LinkError when the actuator is."""
        try:
            while not stop.is_set():
                self.turn()
                self._supervisor.turned(self._clock())
        finally:
            self._end("the gamepad's driver ended")

    def turn(self) -> None:
        """Hear the pad for a moment, and do what it says. HardwareError, after a stop, when it is gone."""
        try:
            state = self._pad.wait(RENEW_S)
        except HardwareError:
            self._end("the gamepad is gone")
            raise
        now_s = self._clock()
        self._shown(state)
        # Buttons that were down before we looked were not pressed for us.
        last, self._last = self._last or state, state
        if state.stop and not last.stop:
            self._actuator.ask(StopRequest("STOP was pressed on the gamepad"))
        elif state.arm and not last.arm and not state.stop:
            self._arm(state, now_s)
        elif now_s - self._sent_at_s >= LEAST_PAUSE_S:
            self._sent_at_s = now_s
            self._drive(state, now_s)

    def _arm(self, state: PadState, now_s: float) -> None:
        if state.throttle != 0.0:
            self._tell("Let go of both triggers, then arm.")
            return
        answer = self._actuator.ask(ArmRequest(Mode.MANUAL, self._config.max_speed_mps))
        if answer.problem is not None:
            self._tell(answer.problem)
            return
        self._epoch, self._sequence = answer.status.epoch, 0
        self._must_let_go, self._moved_at_s = False, now_s
        self._tell(f"Armed, at most {self._config.max_speed_mps:g} m/s.")

    def _drive(self, state: PadState, now_s: float) -> None:
        """A lease, where the car is armed by us."""
        if self._epoch is None:
            return
        action = self._wanted(state, now_s)
        if action.speed_mps != 0.0:
            self._moved_at_s = now_s
        if now_s - self._moved_at_s > IDLE_S:
            self._actuator.ask(StopRequest(f"nobody drove for {IDLE_S:g} s"))
            return
        self._sequence += 1
        lease = Lease(self._epoch, Driver.MANUAL, self._sequence, now_s, LONGEST_TTL_S, action, rests_on_s=now_s)
        status = self._actuator.ask(lease).status
        if not self._is_ours(status):
            self._epoch = None
            self._tell(f"The car is not armed any more: {status.reason or status.phase}.")

    def _is_ours(self, status: ActuatorStatus) -> bool:
        return status.phase is Phase.ARMED and status.driver is Driver.MANUAL and status.epoch == self._epoch

    def _wanted(self, state: PadState, now_s: float) -> Action:
        """What the person asks for; no speed where it is in doubt that there is one."""
        if state.throttle == 0.0:
            self._must_let_go = False
        elif now_s - state.heard_at_s > self._config.silence_s:
            self._must_let_go = True
        permitted = state.dead_man and not self._must_let_go
        speed_mps = state.throttle * self._config.max_speed_mps if permitted else 0.0
        return Action(state.steering * self._largest_angle_deg, speed_mps)

    def _end(self, reason: str) -> None:
        """Whatever we drove stops; what others drive is theirs."""
        if self._epoch is not None:
            self._epoch = None
            self._actuator.ask(StopRequest(reason))


def hands_on(pad_name: str, state: PadState) -> OperatorRequest:
    """What a pad says, as the drive's log has it."""
    buttons = {"dead_man": state.dead_man, "arm": state.arm, "stop": state.stop}
    down = tuple(name for name, is_down in buttons.items() if is_down)
    return OperatorRequest(state.steering, state.throttle, down, pad_name)


def run_gamepad(
    car: Car,
    tell: Callable[[str], None],
    stop: threading.Event,
    *,
    open_pad: Callable[[Car], Gamepad] = open_gamepad,
) -> None:
    """Until stop is set. A pad or an actuator that goes is waited for; the car then waits to be armed again."""
    told, supervisor = "", Supervisor()
    while not stop.is_set():
        try:
            with contextlib.ExitStack() as exits:
                pad = open_pad(car)
                exits.callback(pad.close)
                actuator = ActuatorClient(car.folder.actuator)
                exits.callback(actuator.close)
                line = OperatorLine(car.folder.drive).start()
                exits.callback(line.close)
                tell(f"{pad.name}: start arms, the right shoulder button permits driving, the right face button stops.")
                told = ""
                _drive_by(pad, actuator, line, car, tell, supervisor).run(stop)
        except (HardwareError, LinkError) as error:
            if str(error) != told:
                told = str(error)
                tell(told)
            supervisor.turned(time.monotonic())  # waiting for a pad is what it should do
            stop.wait(RETRY_S)


def _drive_by(
    pad: Gamepad,
    actuator: ActuatorLine,
    line: OperatorLine,
    car: Car,
    tell: Callable[[str], None],
    supervisor: Supervisor,
) -> GamepadDrive:
    return GamepadDrive(
        pad,
        actuator,
        car.config.devices.gamepad,
        largest_angle_deg=car.config.limits.max_steering_angle_deg,
        tell=tell,
        supervisor=supervisor,
        shown=lambda state: line.say(hands_on(pad.name, state)),
    )
