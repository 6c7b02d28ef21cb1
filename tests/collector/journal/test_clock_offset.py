"""The probes' clocks: nobody's word on a clock is taken, and a slow way is not a slow clock."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from balise_collector.journal.clock_offset import RIGHT, Dating, ProbeClocks
from balise_wire.envelope import Envelope, Kind
from balise_wire.words import ClockState

NOW = 1_590_000_000.0
LIES = [7200.0, -7200.0, 31 * 86_400.0, -300 * 86_400.0]


def envelope(sent_at: float, *, state: ClockState = ClockState.SYNCED, **changes: Any) -> Envelope:
    """Return an envelope of a probe."""
    return Envelope(
        kind=Kind.MEASUREMENT, id="0" * 32, probe="k7m2q9xd", stream="s", sent_at=sent_at, clock_state=state,
        body=msgspec.Raw(b"[]"), **changes,
    )  # fmt: skip


@pytest.fixture
def clocks() -> ProbeClocks:
    """Return an empty memory."""
    return ProbeClocks()


@pytest.mark.parametrize("lie", LIES)
def test_a_clock_that_claims_to_be_synchronised_is_corrected(clocks: ProbeClocks, lie: float) -> None:
    """Receive minus send time corrects a live batch, whatever a time server made the probe believe."""
    first = clocks.date(envelope(NOW + lie), NOW + 2.0)
    assert first.offset == pytest.approx(lie, abs=5.0) if lie > 0 else first.doubtful
    second = clocks.date(envelope(NOW + 60.0 + lie), NOW + 61.0)
    assert second.offset == pytest.approx(lie, abs=5.0)
    assert not second.doubtful


@pytest.mark.parametrize("lie", LIES)
def test_a_run_of_the_machine_dates_what_waited(clocks: ProbeClocks, lie: float) -> None:
    """A batch that was sealed in a shutdown arrives with the time that its machine's run says."""
    clocks.date(envelope(NOW + lie, uptime=1000.0, boot="b1"), NOW + 1.0)
    clocks.date(envelope(NOW + 60.0 + lie, uptime=1060.0, boot="b1"), NOW + 61.0)
    waited = clocks.date(envelope(NOW - 500.0 + lie, uptime=500.0, historical=True, boot="b1"), NOW + 62.0)
    assert waited.offset == pytest.approx(lie, abs=5.0)


def test_what_nobody_vouches_for_is_corrected_at_once(clocks: ProbeClocks) -> None:
    """A board without a clock battery says so: its first live batch is dated by its receipt."""
    then, unsynced = NOW - 86_400 * 3, ClockState.UNSYNCED
    assert clocks.date(envelope(then, state=unsynced), NOW) == Dating(-86_400.0 * 3)
    newer = ProbeClocks().date(envelope(then, state=ClockState.UNKNOWN), NOW)
    assert newer.offset == -86_400.0 * 3, "a word of tomorrow vouches for nothing"
    assert ProbeClocks().date(envelope(then, state=unsynced, historical=True), NOW) == RIGHT
    assert ProbeClocks().date(envelope(NOW - 5, state=ClockState.UNSYNCED), NOW) == RIGHT


def test_a_slow_way_is_not_a_slow_clock(clocks: ProbeClocks) -> None:
    """A stalled connection delivers ten minutes late what was sealed live: that corrects no honest clock."""
    clocks.date(envelope(NOW, uptime=10.0, boot="b1"), NOW + 1.0)
    assert clocks.date(envelope(NOW + 60.0, uptime=70.0, boot="b1"), NOW + 660.0) == RIGHT
    other = ProbeClocks()
    other.date(envelope(NOW), NOW + 1.0)
    late = other.date(envelope(NOW + 60.0), NOW + 660.0)
    assert late.offset == 0.0
    assert late.doubtful, "an older probe does not say how long its machine runs: this may be a step of its clock"
    assert other.date(envelope(NOW + 700.0), NOW + 701.0) == RIGHT


def test_a_first_batch_that_comes_late_is_in_doubt(clocks: ProbeClocks) -> None:
    """One message cannot tell a slow clock from a slow way; all that a stalled connection held comes at one moment."""
    for sealed in range(3):
        dating = clocks.date(envelope(NOW - 3600.0 + sealed * 5.0), NOW)
        assert dating == Dating(0.0, doubtful=True)


def test_a_checked_clock_is_not_corrected_by_a_slow_way(clocks: ProbeClocks) -> None:
    """Our own signed answer bounds it: who delays every message of a probe moves none of its dates."""
    for minute in range(5):
        sent = NOW + 60.0 * minute
        late = clocks.date(envelope(sent, uptime=60.0 * minute, boot="b1", checked=3.0), sent + 7200.0)
        assert late == RIGHT


def test_a_checked_clock_that_is_in_our_future_is_corrected(clocks: ProbeClocks) -> None:
    """No delay explains a message from the future, whatever its sender says of its clock."""
    assert clocks.date(envelope(NOW + 900.0, uptime=1.0, boot="b1", checked=1.0), NOW).offset == pytest.approx(900.0)


def test_a_step_of_an_older_probes_clock_is_followed(clocks: ProbeClocks) -> None:
    """A time server begins to lie, and is mended: two messages half a minute apart bear it out."""
    clocks.date(envelope(NOW), NOW + 1.0)
    clocks.date(envelope(NOW + 60.0), NOW + 61.0)
    assert clocks.date(envelope(NOW + 120.0 - 7200.0), NOW + 121.0).doubtful
    assert clocks.date(envelope(NOW + 180.0 - 7200.0), NOW + 181.0).offset == pytest.approx(-7200.0, abs=5.0)
    assert clocks.date(envelope(NOW + 240.0), NOW + 241.0) == RIGHT
    assert clocks.date(envelope(NOW + 300.0), NOW + 301.0) == RIGHT


def test_what_waited_at_a_probe_whose_clock_was_wrong_is_in_doubt(clocks: ProbeClocks) -> None:
    """An older probe's batch from a shutdown cannot be dated where its clock is known to lie."""
    clocks.date(envelope(NOW + 7200.0), NOW)
    assert clocks.date(envelope(NOW - 86_400.0, historical=True), NOW + 10.0).doubtful
    assert ProbeClocks().date(envelope(NOW - 86_400.0, historical=True), NOW + 10.0) == RIGHT


def test_memory_does_not_grow_with_runs(clocks: ProbeClocks) -> None:
    """A probe that names a new run in each message keeps no more than a few of them."""
    for number in range(1000):
        clocks.date(envelope(NOW + number, uptime=1.0, boot=f"b{number}"), NOW + number)
    assert len(clocks._probes["k7m2q9xd"].runs) <= 4


def test_the_laboratorys_clock_is_nobodys_lie(clocks: ProbeClocks) -> None:
    """At scale 60 a second of transit is a minute; one clock drives every program there."""
    here = ProbeClocks(laboratory=True)
    assert here.date(envelope(NOW - 600.0, state=ClockState.LABORATORY), NOW) == RIGHT
    assert clocks.date(envelope(NOW + 600.0, state=ClockState.LABORATORY), NOW).offset == pytest.approx(600.0)
