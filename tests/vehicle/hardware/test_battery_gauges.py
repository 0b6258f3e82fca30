"""The three gauges on the wire: volts and amperes come out right, and a gauge that fails says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from shared.errors import HardwareError
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.faulty_chip import ChipFault
from vehicle.emulated.i2c import LocalI2C
from vehicle.hardware.ads1115 import Ads1115Battery
from vehicle.hardware.deepracer_gauge import LEVELS, DeepRacerBattery
from vehicle.hardware.i2c_bus import I2CBus
from vehicle.hardware.ina219 import Ina219Battery
from vehicle.hardware.protocols import BusDevice

GAUGES: dict[str, Callable[[I2CBus], BusDevice]] = {
    "ads1115": Ads1115Battery,
    "ina219": Ina219Battery,
    "deepracer": DeepRacerBattery,
}


def settled(gauge: BusDevice, clock: Any) -> dict[str, float]:
    """The third reading, as the actuator would take it."""
    for _ in range(2):
        clock.sleep(gauge.every_s)
        gauge.read()
    clock.sleep(gauge.every_s)
    return dict(gauge.read())


@pytest.mark.parametrize("voltage_v", [5.8, 6.6, 7.4, 8.4])
def test_the_converter_gives_the_volts_before_its_divider(board: EmulatedBoard, clock: Any, voltage_v: float) -> None:
    board.set_battery_v(voltage_v)
    values = settled(Ads1115Battery(LocalI2C(board.wire), divider=3.0), clock)
    assert values == {"voltage_v": pytest.approx(voltage_v, abs=3 * 4.096 / 32768)}


def test_the_converter_reads_the_input_it_was_told(board: EmulatedBoard, clock: Any) -> None:
    board.ads1115.inputs_v[:] = [1.0, 2.0, 3.0, -0.5]
    gauges = [Ads1115Battery(LocalI2C(board.wire), adc_input=n, divider=1.0) for n in range(4)]
    assert [round(settled(gauge, clock)["voltage_v"], 3) for gauge in gauges] == [1.0, 2.0, 3.0, -0.5]


def test_a_converter_that_was_reset_is_set_up_again_and_gives_no_stale_value(board: EmulatedBoard, clock: Any) -> None:
    gauge = Ads1115Battery(LocalI2C(board.wire))
    settled(gauge, clock)
    board.ads1115.reset()
    assert gauge.read() == {}
    clock.sleep(gauge.every_s)
    assert gauge.read()["voltage_v"] == pytest.approx(7.9, abs=0.01)


def test_a_converter_that_stands_still_is_found_out(board: EmulatedBoard, clock: Any) -> None:
    gauge = Ads1115Battery(LocalI2C(board.wire))
    settled(gauge, clock)
    board.ads1115.standing_still = True
    clock.sleep(gauge.every_s)
    with pytest.raises(HardwareError, match="does not finish"):
        gauge.read()


def test_the_chip_gives_volts_and_the_current_over_its_shunt(board: EmulatedBoard, clock: Any) -> None:
    board.set_battery_v(7.112)
    for current_a in (2.5, 0.0, -0.8):
        board.ina219.current_a = current_a
        values = settled(Ina219Battery(LocalI2C(board.wire)), clock)
        assert values == {"voltage_v": pytest.approx(7.112), "current_a": pytest.approx(current_a)}
    tenfold = Ina219Battery(LocalI2C(board.wire), shunt_ohm=0.01)
    assert settled(tenfold, clock)["current_a"] == pytest.approx(-8.0)


def test_a_chip_that_measures_no_more_is_found_out(board: EmulatedBoard, clock: Any) -> None:
    gauge = Ina219Battery(LocalI2C(board.wire))
    settled(gauge, clock)
    board.ina219.standing_still = True
    with pytest.raises(HardwareError, match="measured nothing"):
        settled(gauge, clock)


@pytest.mark.parametrize(
    ("level_byte", "percent"),
    [(0x8C, 0), (0xB3, 0), (0xB4, 10), (0xC5, 40), (0xC7, 40), (0xC8, 50), (0xD9, 90), (0xE0, 100), (0xEC, 100)],
)
def test_deepracers_gauge_gives_the_level_that_its_console_shows(
    board: EmulatedBoard, level_byte: int, percent: float
) -> None:
    board.deepracer_gauge.level_byte = level_byte
    assert DeepRacerBattery(LocalI2C(board.wire)).read() == {"charge_percent": percent}


@pytest.mark.parametrize("level_byte", [0x00, LEVELS[0] - 1, 0xFF])
def test_deepracers_gauge_without_a_battery_says_so(board: EmulatedBoard, level_byte: int) -> None:
    board.deepracer_gauge.level_byte = level_byte
    with pytest.raises(HardwareError, match="no battery"):
        DeepRacerBattery(LocalI2C(board.wire)).read()


@pytest.mark.parametrize("name", GAUGES)
@pytest.mark.parametrize("fault", sorted(set(ChipFault) - {ChipFault.NONE}))
def test_no_fault_of_a_gauge_passes_for_a_battery(
    board: EmulatedBoard, clock: Any, name: str, fault: ChipFault
) -> None:
    """Nothing, an error, or no volts; only a level that is stuck cannot be told from a true one."""
    gauge = GAUGES[name](LocalI2C(board.wire))
    settled(gauge, clock)
    board.chips[name].fault = fault
    if (name, fault) == ("deepracer", ChipFault.STUCK):
        assert gauge.read() == {"charge_percent": 100.0}
        return
    for _ in range(5):
        clock.sleep(gauge.every_s)
        try:
            values = gauge.read()
        except OSError:
            continue
        assert values.get("voltage_v", 0.0) == 0.0


@pytest.mark.parametrize("name", GAUGES)
def test_a_gauge_that_is_plugged_in_again_goes_on(board: EmulatedBoard, clock: Any, name: str) -> None:
    gauge = GAUGES[name](LocalI2C(board.wire))
    before = settled(gauge, clock)
    board.chips[name].fault = ChipFault.ABSENT
    with pytest.raises(OSError, match="Remote I/O"):
        gauge.read()
    board.chips[name].fault = ChipFault.NONE
    assert settled(gauge, clock) == before
