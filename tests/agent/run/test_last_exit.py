"""Why it died: each trace leads to one cause in words, and the last warnings come home without anybody's address."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from balise_agent.run import exit_traces
from balise_agent.run.last_exit import Traces, story

SAME = Traces(boot="b2", boot_before="b2", ended=False)
OTHER = Traces(boot="b2", boot_before="b1", ended=False, uptime_s=42.0)


@pytest.mark.parametrize(
    ("traces", "anew", "told"),
    [
        (replace(SAME, boot_before=""), False, ""),
        (replace(SAME, ended=True), False, "stopped and started again"),
        (SAME, False, "killed, crashed, or out of memory"),
        (replace(SAME, boot=""), False, "without a goodbye"),
        (OTHER, True, "42 s ago: its power was cut, or it crashed"),
        (replace(OTHER, ended=True), True, "shut down in order"),
        (replace(OTHER, panic=True), True, "the kernel had crashed"),
        (replace(OTHER, panic=True, ended=True), True, "the kernel had crashed"),
        (replace(OTHER, watchdog=0x20), True, "it had hung"),
        (replace(OTHER, watchdog=0x21), True, "for heat"),
        (replace(OTHER, watchdog=0x10), True, "too little power"),
        (replace(OTHER, reset=0x1000), True, "its power had been cut"),
        (replace(OTHER, reset=0x20), True, "a crash, a hang, or the reset line"),
        (replace(OTHER, reset=0x1000, ended=True), True, "shut down in order"),
    ],
)
def test_each_trace_leads_to_one_cause(traces: Traces, anew: bool, told: str) -> None:
    """The strongest evidence first: a kernel's own record, our goodbye, the watchdog, the firmware."""
    found = story(traces)
    assert found[0] is anew
    assert told in found[1]


def test_the_traces_are_read_below_a_root(tmp_path: Path) -> None:
    """A recorded tree of any board is a test; a board without any of it is one as well."""
    assert exit_traces.read("b2", "b1", ended=False, uptime_s=42.0, root=tmp_path) == OTHER
    for name, content in (
        ("sys/fs/pstore/dmesg-ramoops-0", b"Oops"),
        ("sys/class/watchdog/watchdog0/bootstatus", b"32\n"),
        ("sys/class/watchdog/watchdog1/bootstatus", b"nonsense\n"),
        ("proc/device-tree/chosen/bootloader/rsts", b"\0\0\x10\0"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    found = exit_traces.read("b2", "b1", ended=False, uptime_s=42.0, root=tmp_path)
    assert (found.panic, found.watchdog, found.reset) == (True, 0x20, 0x1000)


def log(handler: logging.Handler, level: int, message: str) -> None:
    """Log one line."""
    handler.handle(logging.LogRecord("balise_agent.delivery.publisher", level, "", 0, message, (), None))


def test_the_last_warnings_are_kept_without_addresses(tmp_path: Path) -> None:
    """Scrubbed before they touch the disk, bounded, each once, and read by the next run."""
    path = tmp_path / "warnings"
    first = exit_traces.Warnings(path)
    assert first.before == ()
    for number in range(30):
        log(first, logging.WARNING, f"broker {'x' * number}: connect 192.168.1.7 failed")
        log(first, logging.WARNING, f"broker {'x' * number}: connect 192.168.1.7 failed")
    first.setLevel(logging.WARNING)
    first.keep()
    before = exit_traces.Warnings(path).before
    assert len(before) == exit_traces.MOST_WARNINGS
    assert "192.168" not in path.read_text()
    assert before[-1].startswith("publisher: broker xxx")


def test_warnings_are_written_only_when_there_are_new_ones(tmp_path: Path) -> None:
    """Each write costs the card."""
    path = tmp_path / "warnings"
    handler = exit_traces.Warnings(path)
    log(handler, logging.ERROR, "one")
    handler.keep()
    path.unlink()
    log(handler, logging.ERROR, "one")
    handler.keep()
    assert not path.exists()


def test_a_file_of_nonsense_is_read_as_text(tmp_path: Path) -> None:
    """A card that lost a block says what it still can."""
    path = tmp_path / "warnings"
    path.write_bytes(b"\xff\xfe\n\n" + b"a" * 5000)
    assert all(len(line) <= 200 for line in exit_traces.Warnings(path).before)
