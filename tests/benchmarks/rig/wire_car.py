"""An actuator core on an emulated board that is watched at the wire: every transaction, every pulse, on a clock of
its own, while everything that can go wrong does.
"""

from __future__ import annotations

import errno
import os
import random
from collections import Counter
from collections.abc import Sequence

from calibration.profile_file import shipped_profile
from calibration.pulses import CalibratedPulses
from shared.actions import Action
from shared.errors import HardwareError
from vehicle.actuator.core import ActuatorCore
from vehicle.actuator.esc import EscProfile, Reverse
from vehicle.actuator.guard_watch import SameProcess
from vehicle.actuator.health import Health
from vehicle.actuator.lease import LONGEST_TTL_S, Driver, Lease, Pulses
from vehicle.actuator.limits import DriveLimits
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import STOP_HOLD_S, Phase
from vehicle.emulated.i2c import LocalI2C, Wire
from vehicle.emulated.pca9685 import LED0_ON_L, MODE1, RESTART, Pca9685Chip
from vehicle.hardware.i2c_bus import Segment, WriteSegment
from vehicle.hardware.pca9685 import MODE1_RUNNING, Pca9685Board

THROTTLE, STEERING = 0, 1
NAN = float("nan")
SHORTEST_PULSE_US, LONGEST_PULSE_US = 900.0, 2100.0
LONGEST_TURN_S = 0.5
# What a driver may say that no driver should.
WRONG_ACTIONS = [Action(NAN, 1.0), Action(0.0, float("inf")), Action(61.0, 1.0), Action(0.0, -16.0)]


class WatchedWire(Wire):
    """Counts what must never be seen on the wire. failures_left: transactions that will be lost; lost: that were."""

    def __init__(self, chip: Pca9685Chip) -> None:
        super().__init__(chip)
        self.counts: Counter[str] = Counter()
        self.failures_left = 0
        self.lost = 0
        self._chip = chip

    def transfer(self, address: int, segments: Sequence[Segment]) -> bytes:
        """One transaction; the registers of both pulses are compared before and after it."""
        if self.failures_left:
            self.failures_left -= 1
            self.lost += 1
            raise OSError(errno.EREMOTEIO, os.strerror(errno.EREMOTEIO))
        before = bytes(self._chip.registers[LED0_ON_L : LED0_ON_L + 8])
        answer = super().transfer(address, segments)
        after = bytes(self._chip.registers[LED0_ON_L : LED0_ON_L + 8])
        for segment in segments:
            if isinstance(segment, WriteSegment):
                written = segment.data
                if len(written) > 1 and written[0] == MODE1 and written[1] & RESTART:
                    self.counts["restart_used"] += 1
                if after != before and not (len(written) == 9 and written[0] == LED0_ON_L) and written[0] < 0xFA:
                    self.counts["torn_updates"] += 1
        return answer


class WireCar:
    """One car that is driven, disturbed and judged. counts: violations by name."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self.now_s = 1000.0
        self.chip = Pca9685Chip(self.clock)
        self.wire = WatchedWire(self.chip)
        self.profile = shipped_profile("emulated")
        self.health = Health()
        self._epoch = 0
        self._sequence = 0
        self._calibrated_at_s = float("-inf")
        self.commands = 0
        self.armings = 0
        self.core = ActuatorCore(
            Pca9685Board(LocalI2C(self.wire), oscillator_hz=self.profile.chip_clock_hz, sleep=self._sleep),
            CalibratedPulses(self.profile),
            DriveLimits(max_speed_mps=4.0, max_reverse_speed_mps=1.0, acceleration_mps2=50.0),
            new_epoch=self._new_epoch,
            guard=SameProcess(),
            esc_profile=EscProfile(reverse=Reverse.DOUBLE_TAP),
            health=lambda now_s: self.health,
        )

    @property
    def counts(self) -> Counter[str]:
        """What the wire saw, and what the pulses were."""
        return self.wire.counts

    def clock(self) -> float:
        """Seconds that pass only in `turn`."""
        return self.now_s

    def start(self) -> None:
        """Start the board; it answers."""
        self.core.start(self.now_s)

    def drive(self, commands: int) -> None:
        """Turn until so many commands were given, most of them good."""
        until = self.commands + commands
        while self.commands < until:
            self._disturb()
            for _ in range(self._chance.choice((0, 1, 1, 1, 2, 3))):
                self.core.accept(self._lease(), self.now_s)
                self.commands += 1
            self.turn(self._chance.choice((0.001, 0.02, 0.02, 0.02, 0.02, 0.05)))

    def turn(self, duration_s: float) -> None:
        """Let time pass, turn, and judge every pulse that began."""
        self.now_s += duration_s
        lost = self.wire.lost
        if self.core.state.mode is Mode.CALIBRATION:
            self._calibrated_at_s = self.now_s
        self.core.turn(self.now_s)
        self._judge(all_heard=self.wire.lost == lost)

    def _disturb(self) -> None:
        """Now and then: arm, stop, a fault and its end, lost transactions, a dip of the supply, trouble of health."""
        draw, phase = self._chance.random(), self.core.state.phase
        if phase is Phase.READY:
            mode = self._chance.choice((Mode.AUTONOMOUS, Mode.AUTONOMOUS, *Mode))
            if self.core.arm(mode, self._chance.uniform(0.1, 5.0), self.now_s) is None:
                self._sequence = 0
                self.armings += 1
        elif phase is Phase.FAULT and draw < 0.05:
            try:
                self.core.clear_fault(self.now_s)
            except HardwareError:
                self.counts["starts_refused"] += 1
        elif phase in (Phase.SAFE, Phase.STOPPING):
            self.now_s += 0.08  # nobody learns anything while neutral is held
        elif draw < 0.002:
            self.core.stop("somebody said so", self.now_s)
        elif draw < 0.004:
            self.wire.failures_left = self._chance.randint(1, 3)
        elif draw < 0.0045:
            self.chip.reset()
        elif draw < 0.006:
            self.now_s += self._chance.uniform(0.1, 0.4)
        elif draw < 0.02:
            self.health = Health(overheated=self._chance.random() < 0.3)

    def _lease(self) -> Lease:
        state, chance, now_s = self.core.state, self._chance, self.now_s
        self._sequence += 1
        issued_at_s = now_s - chance.uniform(0.0, 0.01)
        lease = Lease(
            state.epoch,
            state.driver or Driver.AUTONOMOUS,
            self._sequence,
            issued_at_s,
            LONGEST_TTL_S,
            self._wanted(calibrates=state.mode is Mode.CALIBRATION),
            issued_at_s - chance.uniform(0.0, 0.1),
        )
        if chance.random() > 0.03:
            return lease
        wrong: dict[str, object] = chance.choice(
            (
                {"epoch": state.epoch + 1},
                {"sequence": self._sequence - 3},
                {"issued_at_s": now_s - 0.2},
                {"issued_at_s": now_s + 5.0},
                {"issued_at_s": NAN},
                {"ttl_s": 10.0},
                {"ttl_s": NAN},
                {"rests_on_s": now_s - 0.5},
                {"rests_on_s": NAN},
                {"action": chance.choice(WRONG_ACTIONS)},
                {"action": Pulses(NAN, 1700.0)},
                {"action": Pulses(1500.0, 2500.0)},
            )
        )
        return Lease(**{**{name: getattr(lease, name) for name in lease.__slots__}, **wrong})

    def _wanted(self, *, calibrates: bool) -> Action | Pulses:
        if calibrates:
            neutral_us = self.profile.throttle.trimmed_neutral_us
            throttle_us = self._chance.choice((neutral_us, self._chance.uniform(900.0, 2100.0)))
            return Pulses(self._chance.uniform(900.0, 2100.0), throttle_us, silent=self._chance.random() < 0.3)
        speed_mps = self._chance.choice((0.0, 1.0, 4.0, -0.5, self._chance.uniform(-2.0, 8.0)))
        return Action(self._chance.uniform(-60.0, 60.0), speed_mps)

    def _judge(self, *, all_heard: bool) -> None:
        """Every pulse that began, and the throttle that is programmed now, if no word to the board was lost."""
        tick_us = self.chip.tick_us
        throttle, steering = self.profile.throttle, self.profile.steering
        ranges = {
            THROTTLE: sorted((throttle.forward_us, throttle.reverse_us)),
            STEERING: sorted((steering.left_us, steering.right_us)),
        }
        history = self.chip.history
        while history:
            change = history.popleft()
            if change.width_us is None:
                continue
            # While calibrating nobody knows the range yet; servos are safe between 900 and 2100 us. The wheels are
            # held where they are until the stop is over.
            calibrates = change.start_s - self._calibrated_at_s <= STOP_HOLD_S + LONGEST_TURN_S
            low_us, high_us = (SHORTEST_PULSE_US, LONGEST_PULSE_US) if calibrates else ranges[change.channel]
            if not low_us - tick_us / 2 <= change.width_us <= high_us + tick_us / 2:
                self.counts["pulses_out_of_range"] += 1
        programmed_us = self._programmed_us(THROTTLE)
        is_neutral = programmed_us is None or abs(programmed_us - throttle.trimmed_neutral_us) <= tick_us / 2
        if self.core.state.phase is not Phase.ARMED and not is_neutral and all_heard:
            self.counts["throttle_while_disarmed"] += 1
        may_be_silent = self.core.state.phase is Phase.FAULT or self.core.state.mode is Mode.CALIBRATION
        is_itself = self.chip.registers[MODE1] == MODE1_RUNNING  # a dip of the supply is seen at the next look
        if programmed_us is None and is_itself and not may_be_silent and all_heard:
            self.counts["silence_without_a_calibration"] += 1

    def _programmed_us(self, channel: int) -> float | None:
        base = LED0_ON_L + 4 * channel
        off = self.chip.registers[base + 2] | self.chip.registers[base + 3] << 8
        asleep = self.chip.registers[MODE1] & 0x10
        return None if asleep or off & 0x1000 else off * self.chip.tick_us

    def _new_epoch(self) -> int:
        self._epoch += 1
        return self._epoch

    def _sleep(self, duration_s: float) -> None:
        self.now_s += duration_s
