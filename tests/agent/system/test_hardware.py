"""What a board tells of itself, from recorded trees; unknown is None, never zero."""

from __future__ import annotations

from pathlib import Path

from balise_agent.system import hardware
from balise_agent.system.hardware import Processor

TREES = Path(__file__).parent / "hardware"


def test_a_hot_underpowered_pi_4_says_so() -> None:
    """Temperature, throttling and under-voltage limit what it measures, and the card's writes are counted once."""
    reading = hardware.read(TREES / "pi4-hot")
    assert reading.model == "Raspberry Pi 4 Model B Rev 1.4"
    assert reading.temperature_c == 83.277
    assert (reading.throttled, reading.undervoltage) == (True, True)
    assert reading.uptime_s == 350735.47
    assert reading.disk_written_bytes == 3401234 * 512
    assert reading.memory_free_bytes == 3310472 * 1024
    assert hardware.limited_by(reading, None) == ("temperature", "undervoltage")


def test_a_zero_2_w_has_no_undervoltage_detector() -> None:
    """What nobody measures is unknown, not fine."""
    reading = hardware.read(TREES / "zero2w")
    assert reading.undervoltage is None
    assert reading.throttled is None
    assert reading.temperature_c == 48.312
    assert hardware.limited_by(reading, None) == ()


def test_stolen_time_limits_a_virtual_machine() -> None:
    """A hypervisor that takes a quarter of the processor makes our times its own."""
    reading = hardware.read(TREES / "virtual")
    before = hardware.Reading(**{**reading.__dict__, "processor": Processor(busy=0, idle=0, steal=0)})
    assert hardware.share_stolen(reading, before) == 0.25
    assert hardware.cpu_percent(reading, before) == 40.0
    assert hardware.limited_by(reading, before) == ("cpu",)


def test_nonsense_in_every_file_is_unknown() -> None:
    """A torn or foreign file never raises."""
    reading = hardware.read(TREES / "spoilt")
    told = {name: value for name, value in reading.__dict__.items() if value is not None}
    assert told == {"model": ""}


def test_an_empty_machine_is_unknown(tmp_path: Path) -> None:
    """No /proc, no /sys: a container of the strangest kind."""
    assert hardware.limited_by(hardware.read(tmp_path), None) == ()
    assert hardware.read(tmp_path).processor is None


def test_this_machine_can_be_read() -> None:
    """On any Linux the program knows its own memory."""
    reading = hardware.read()
    assert reading.memory_bytes is not None
    assert reading.memory_bytes > 1_000_000
    assert hardware.disk_free(Path("/")) is not None
    assert hardware.disk_free(Path("/nowhere/at/all")) is None
