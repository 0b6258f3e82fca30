"""What a computer or sensor that is not well does to the speed: half of it, or the end of the drive. Pure."""

from __future__ import annotations

from dataclasses import dataclass

REDUCED_FRACTION = 0.5
DIP_WINDOW_S = 10.0  # a second dip of the supply within this time is a battery that gives up under load


@dataclass(frozen=True, slots=True)
class Health:
    """What is so now. stale_sensors: names of those that have said nothing for too long."""

    undervoltage: bool = False
    overheated: bool = False
    stale_sensors: tuple[str, ...] = ()


HEALTHY = Health()


@dataclass(frozen=True, slots=True)
class Verdict:
    """speed_fraction: how much of the allowed speed is left. warning: why not all of it, else empty.

    stop: why the drive must end; None when it may go on. dip_at_s: when the supply last dipped.
    dipping: whether it does now.
    """

    speed_fraction: float = 1.0
    warning: str = ""
    stop: str | None = None
    dip_at_s: float | None = None
    dipping: bool = False


def judged(last: Verdict, health: Health, now_s: float) -> Verdict:
    """The verdict that follows the last one."""
    dips_anew = health.undervoltage and not last.dipping
    repeats = dips_anew and last.dip_at_s is not None and now_s - last.dip_at_s <= DIP_WINDOW_S
    warnings = []
    if health.undervoltage:
        warnings.append("the supply voltage is low")
    if health.overheated:
        warnings.append("the computer is too hot")
    if health.stale_sensors:
        warnings.append(f"nothing is heard of {', '.join(health.stale_sensors)}")
    return Verdict(
        speed_fraction=REDUCED_FRACTION if warnings else 1.0,
        warning="; ".join(warnings),
        stop="the supply voltage dipped twice in ten seconds; charge the battery" if repeats else None,
        dip_at_s=now_s if dips_anew else last.dip_at_s,
        dipping=health.undervoltage,
    )
