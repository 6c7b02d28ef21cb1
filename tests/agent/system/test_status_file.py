"""The status files: written soon, seldom to the card, whole, and never at the cost of measuring."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from balise_agent.system.problems import ProblemId, Trouble
from balise_agent.system.status import Status, for_card, for_terminal, state_words
from balise_agent.system.status_file import StatusFile, read
from balise_wire.words import ClockState, Lifecycle

GOOD = Status(
    at=1_795_300_000.0,
    clock_state=ClockState.SYNCED,
    state=Lifecycle.READY,
    since=1_795_200_000.0,
    software="0.1.0",
    probe="k7m2q9xd",
    enrolled=True,
    certificate_until=1_803_000_000.0,
    broker="broker.example:443",
    connected=True,
    waiting=12,
    last_receipt=1_795_299_990.0,
    sent_today=3_000_000,
    received_today=1_200_000,
    bytes_cap=20_000_000,
    line_ok=True,
    next_due=1_795_300_030.0,
)
BAD = msgspec.structs.replace(
    GOOD, connected=False, troubles=(Trouble(id=ProblemId.BROKER_UNREACHABLE, detail="broker.example: refused"),)
)


def text(folder: Path) -> str:
    """Return the text for the card."""
    return (folder / "status.txt").read_text()


def test_the_text_is_neutral() -> None:
    """No product, no service, no broker, no address, no whole id; state, line, queue, problem and mend."""
    told = for_card(BAD)
    assert "state: working since 2026-11-20" in told
    assert "line: ok" in told
    assert "waiting to deliver: 12" in told
    assert "problem: " in told
    assert "what to do: " in told
    assert "label: k7m2\n" in told
    for word in ("balise", "broker", "k7m2q9xd", "example", "twitter", "censor"):
        assert word not in told.lower()
    assert "problem: none" in for_card(GOOD)


def test_figures_wait_for_an_hour_and_words_for_a_minute(tmp_path: Path) -> None:
    """Each new text costs the card a write: 24 a day where nothing happens."""
    files = StatusFile(tmp_path)
    files.write(GOOD, 0.0)
    first = text(tmp_path)
    files.write(msgspec.structs.replace(GOOD, waiting=13), 120.0)
    assert text(tmp_path) == first
    files.write(BAD, 121.0)
    assert "problem: none" not in text(tmp_path)
    files.write(GOOD, 130.0)
    assert "problem: none" not in text(tmp_path)
    files.write(GOOD, 182.0)
    assert "problem: none" in text(tmp_path)
    files.write(msgspec.structs.replace(GOOD, waiting=14), 182.0 + 3600.0)
    assert "waiting to deliver: 14" in text(tmp_path)


def test_the_record_follows_each_word(tmp_path: Path) -> None:
    """It lives in memory; ``status`` and ``doctor`` read it."""
    files = StatusFile(tmp_path)
    files.write(GOOD, 0.0)
    files.write(BAD, 6.0)
    assert read(tmp_path) == BAD
    assert not files.due(7.0)
    assert files.due(11.0)


def test_a_folder_that_refuses_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Measuring goes on."""
    (tmp_path / "file").write_text("")
    files = StatusFile(tmp_path / "file")
    files.write(GOOD, 0.0)
    files.write(GOOD, 100.0)
    assert len(caplog.records) == 1
    assert read(tmp_path / "file") is None


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff"])
def test_nonsense_is_no_status(tmp_path: Path, content: bytes) -> None:
    """A file of another version is not believed."""
    (tmp_path / "status.json").write_bytes(content)
    assert read(tmp_path) is None


def test_the_terminal_gets_everything() -> None:
    """With ages, in words of time."""
    told = for_terminal(BAD, BAD.at + 90.0)
    assert "working since 2026-11-20 18:40 UTC (1 d 3 h)" in told
    assert "1 min 30 s ago" in told
    assert "4.2 MB of 20.0 MB" in told
    assert "broker-unreachable: " in told
    assert "no problem" in for_terminal(GOOD, GOOD.at)


@pytest.mark.parametrize(
    ("state", "trouble", "word"),
    [
        (Lifecycle.READY, None, "working"),
        (Lifecycle.INIT, None, "starting"),
        (Lifecycle.INIT, ProblemId.TOKEN_MISSING, "waiting"),
        (Lifecycle.SLEEPING, ProblemId.HALTED, "resting"),
        (Lifecycle.SLEEPING, ProblemId.PAUSED, "paused"),
        (Lifecycle.DISCONNECTED, None, "stopped"),
    ],
)
def test_the_state_is_one_word(state: Lifecycle, trouble: ProblemId | None, word: str) -> None:
    """A pause has its own, because the host asked for it."""
    troubles = (Trouble(id=trouble),) if trouble else ()
    assert state_words(msgspec.structs.replace(GOOD, state=state, troubles=troubles)) == word
