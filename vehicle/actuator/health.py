"""What a computer, battery or sensor that is not well does to the drive: half of its speed, or its end. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from vehicle.actuator.battery import BatteryLevel

REDUCED_FRACTION = 0.5
DIP_WINDOW_S = 10.0  # a second dip of the supply within this time is a battery that gives up under load


@dataclass(frozen=True, slots=True)
class Health:
    """What is so now. stale_sensors: names of those that have said nothing for too long.

    battery: how far it is down, as far as is known. stalled: the motor draws the current of one that is stuck.
    upset: what happened to the car as a whole (picked up, tilted, a blow), else empty.
    notes: what a person should know and that costs no speed, sentences.
    """

    undervoltage: bool = False
    overheated: bool = False
    stale_sensors: tuple[str, ...] = ()
    battery: BatteryLevel = BatteryLevel.FINE
    stalled: bool = False
    upset: str = ""
    notes: tuple[str, ...] = ()


HEALTHY = Health()


@dataclass(frozen=True, slots=True)
class Verdict:
    """speed_fraction: how much of the allowed speed is left. warnings: what is not well, sentences.

    stop: why the drive must end; None when it may go on. upset: the same, for whoever does not hold the car in
    their hands; while calibrating, that is how it should be. dip_at_s: when the supply last dipped.
    dipping: whether it does now.
    """

    speed_fraction: float = 1.0
    warnings: tuple[str, ...] = ()
    stop: str | None = None
    upset: str | None = None
    dip_at_s: float | None = None
    dipping: bool = False


def judged(last: Verdict, health: Health, now_s: float) -> Verdict:
    """The verdict that follows the last one."""
    dips_anew = health.undervoltage and not last.dipping
    repeats = dips_anew and last.dip_at_s is not None and now_s - last.dip_at_s <= DIP_WINDOW_S
    slowing = _slowing(health)
    low = ("the battery is low; charge it soon",) if health.battery is BatteryLevel.LOW else ()
    return Verdict(
        speed_fraction=REDUCED_FRACTION if slowing else 1.0,
        warnings=(*slowing, *low, *health.notes),
        stop=_stop(health, repeats),
        upset=health.upset or None,
        dip_at_s=now_s if dips_anew else last.dip_at_s,
        dipping=health.undervoltage,
    )


def _slowing(health: Health) -> tuple[str, ...]:
    """What costs half of the speed."""
    sentences = []
    if health.undervoltage:
        sentences.append("the supply voltage is low")
    if health.overheated:
        sentences.append("the computer is too hot")
    if health.stale_sensors:
        sentences.append(f"nothing is heard of {', '.join(health.stale_sensors)}")
    if health.battery >= BatteryLevel.VERY_LOW:
        sentences.append("the battery is almost empty; charge it now")
    return tuple(sentences)


def _stop(health: Health, dips_repeat: bool) -> str | None:
    if dips_repeat:
        return "the supply voltage dipped twice in ten seconds; charge the battery"
    if health.battery is BatteryLevel.EMPTY:
        return "the battery is empty; charge it"
    if health.stalled:
        return "the motor draws the current of one that is stuck; look at the wheels"
    return None
