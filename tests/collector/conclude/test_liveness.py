"""How a probe stands, and why it is silent."""

from __future__ import annotations

import pytest

from balise_collector.conclude.liveness import Liveness, liveness_of
from balise_collector.journal import HealthRow, PresenceRow
from balise_wire.status import Health
from balise_wire.words import ClockState, Lifecycle

NOW = 1_589_733_000.0


def stands(state: Lifecycle | None, ago: float | None, measured: float | None = None) -> Liveness:
    """Return how a probe stands whose last word came ``ago`` seconds ago."""
    said = None if state is None or ago is None else PresenceRow(at=NOW - ago, probe="p", state=state)
    return liveness_of(said, measured, None, NOW, 900.0)


@pytest.mark.parametrize(
    ("state", "ago", "alive", "why"),
    [
        (Lifecycle.READY, 60.0, True, ""),
        (Lifecycle.READY, 3600.0, False, "nothing came for 60 minutes"),
        (Lifecycle.DISCONNECTED, 5.0, False, "good-bye"),
        (Lifecycle.LOST, 5.0, False, "without a good-bye"),
        (None, None, False, "never heard"),
        (Lifecycle.UNKNOWN, 60.0, True, ""),
        (Lifecycle.UNKNOWN, 3600.0, False, "newer than this collector"),
    ],
)
def test_a_silence_has_its_reason_in_words(state: Lifecycle | None, ago: float | None, alive: bool, why: str) -> None:
    """An operator reads why, not a code; a probe that is alive has no reason."""
    found = stands(state, ago)
    assert found.alive is alive
    assert why in found.why
    assert bool(found.why) is not alive


@pytest.mark.parametrize(
    ("excuse", "why"), [("halted", "halted"), ("retired", "nobody waits"), ("revoked", "nothing that it sends")]
)
def test_who_is_not_expected_has_that_reason(excuse: str, why: str) -> None:
    """No power or line is to blame where the operator stopped it; alive or not is told all the same."""
    lost = liveness_of(PresenceRow(at=NOW - 9000.0, probe="p", state=Lifecycle.LOST), None, None, NOW, 900.0, excuse)
    assert (lost.alive, why in lost.why) == (False, True)
    asleep = liveness_of(PresenceRow(at=NOW - 9.0, probe="p", state=Lifecycle.SLEEPING), None, None, NOW, 900.0, excuse)
    assert (asleep.alive, why in asleep.why) == (True, True)


def test_a_pause_is_told_as_one() -> None:
    """A host who paused the box and unplugged it is not a fault."""
    found = liveness_of(PresenceRow(at=NOW - 3600.0, probe="p", state=Lifecycle.SLEEPING), None, None, NOW, 900.0)
    assert "paused" in found.why


def test_a_measurement_is_a_sign_of_life() -> None:
    """Connected long ago, measuring now: alive."""
    assert stands(Lifecycle.READY, 90_000.0, NOW - 30.0).alive


@pytest.mark.parametrize(
    ("ahead", "state", "wrong"),
    [
        (2.0, ClockState.SYNCED, False),
        (3600.0, ClockState.SYNCED, True),
        (0.0, ClockState.UNSYNCED, True),
        (0.0, ClockState.UNKNOWN, True),
    ],
)
def test_a_wrong_clock_is_seen(ahead: float, state: ClockState, wrong: bool) -> None:
    """Far off, or vouched for by nobody."""
    report = HealthRow(no=1, received_at=NOW, probe="p", health=Health(at=NOW + ahead, clock_state=state))
    found = liveness_of(None, NOW, report, NOW, 900.0)
    assert found.clock_wrong is wrong
    assert found.clock_skew == ahead
