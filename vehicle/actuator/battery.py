"""What a battery gauge's readings mean for the drive. Pure.

A voltage dips whenever the motor pulls, so a limit counts only where every reading of a second was below it, and
is left only by a clear margin.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum, auto
from itertools import pairwise
from typing import Self

from pydantic import Field, model_validator

from shared.settings import Settings

LASTING_S = 1.0
MARGIN_CELL_V, MARGIN_PERCENT = 0.05, 5.0
LOWEST_CELL_V, HIGHEST_CELL_V = 2.0, 4.5  # beyond, it is not a battery that is being measured
# Of a lithium-polymer cell at rest, the usual table in short; under load it reads a little low, which is the safe side.
CHARGE_PERCENT = ((3.27, 0.0), (3.61, 5.0), (3.73, 20.0), (3.80, 40.0), (3.87, 60.0), (4.02, 80.0), (4.20, 100.0))
# For a gauge that knows no volts: a warning where the DeepRacer's console gives one.
WARN_PERCENT, SLOW_PERCENT, STOP_PERCENT = 40.0, 20.0, 10.0


class BatteryLimits(Settings):
    """When the battery's voltage costs speed, and when it ends the drive."""

    cells: int = Field(2, ge=1, le=6, description="Cells in series; two make 7.4 V.")
    warn_cell_v: float = Field(3.6, ge=0.8, le=4.2, description="Volts of a cell at which a warning is given.")
    slow_cell_v: float = Field(3.5, ge=0.8, le=4.2, description="Volts of a cell at which the speed is halved.")
    stop_cell_v: float = Field(3.3, ge=0.8, le=4.2, description="Volts of a cell at which the drive ends.")
    stall_current_a: float | None = Field(
        None,
        gt=0,
        le=100,
        description="Current that, for two seconds, means a stuck motor; left out: none does.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.stop_cell_v < self.slow_cell_v < self.warn_cell_v:
            raise ValueError("stop_cell_v, slow_cell_v and warn_cell_v must rise in this order")
        return self


class BatteryLevel(IntEnum):
    """How far it is down."""

    FINE = auto()
    LOW = auto()
    VERY_LOW = auto()
    EMPTY = auto()


@dataclass(frozen=True, slots=True)
class BatteryState:
    """level: what is certain. below_since_s: since when LOW, VERY_LOW and EMPTY have each held; None: they do not.

    unknown: why nothing is known, else empty. charge_percent: None where it cannot be told.
    stall_since_s: since when the current has been that of a motor that is stuck.
    """

    level: BatteryLevel = BatteryLevel.FINE
    below_since_s: tuple[float | None, float | None, float | None] = (None, None, None)
    unknown: str = ""
    charge_percent: float | None = None
    stall_since_s: float | None = None


def battery_after(last: BatteryState, values: Mapping[str, float], limits: BatteryLimits, now_s: float) -> BatteryState:
    """The state that follows a reading: voltage_v, or charge_percent where the gauge knows no volts; current_a."""
    voltage_v, percent = values.get("voltage_v"), values.get("charge_percent")
    if voltage_v is not None:
        cell_v = voltage_v / limits.cells
        if not LOWEST_CELL_V <= cell_v <= HIGHEST_CELL_V:
            return BatteryState(unknown=f"it seems to have {voltage_v:.1f} V; is it connected, and switched on?")
        bounds = (limits.warn_cell_v, limits.slow_cell_v, limits.stop_cell_v)
        fallen = _fallen(last, cell_v, bounds, MARGIN_CELL_V, now_s)
        percent = charge_percent(cell_v)
    elif percent is not None and math.isfinite(percent):
        fallen = _fallen(last, percent, (WARN_PERCENT, SLOW_PERCENT, STOP_PERCENT), MARGIN_PERCENT, now_s)
    else:
        return BatteryState(unknown="it has not been measured yet")
    draws = limits.stall_current_a is not None and values.get("current_a", 0.0) >= limits.stall_current_a
    stall_since_s = (now_s if last.stall_since_s is None else last.stall_since_s) if draws else None
    return replace(fallen, charge_percent=percent, stall_since_s=stall_since_s)


def charge_percent(cell_v: float) -> float:
    """How full a cell of this voltage is."""
    for (low_v, low), (high_v, high) in pairwise(CHARGE_PERCENT):
        if cell_v <= high_v:
            return max(0.0, low + (high - low) * (cell_v - low_v) / (high_v - low_v))
    return 100.0


def _fallen(
    last: BatteryState, value: float, bounds: tuple[float, float, float], margin: float, now_s: float
) -> BatteryState:
    since: list[float | None] = []
    level = BatteryLevel.FINE
    for step, bound, since_s in zip(list(BatteryLevel)[1:], bounds, last.below_since_s, strict=True):
        is_below = value <= bound + (margin if last.level >= step else 0.0)
        begun_s = (now_s if since_s is None else since_s) if is_below else None
        since.append(begun_s)
        if begun_s is not None and now_s - begun_s >= LASTING_S:
            level = step
    return BatteryState(level, (since[0], since[1], since[2]))
