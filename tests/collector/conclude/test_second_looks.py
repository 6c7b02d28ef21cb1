"""Rows wait for what references say, are looked at where something new was said, and nobody holds all of them."""

from __future__ import annotations

from typing import Any, Final

import pytest

from balise_collector.conclude import second_looks
from balise_collector.conclude.second_looks import AROUND, MOST, PER_BIN, SECOND_LOOK, SecondLooks
from balise_collector.journal import JournalRow
from balise_collector.judge import Level, Verdict, VerdictState
from balise_wire.measurement import Measurement, Network
from balise_wire.words import ClockState, Design, Experiment, TargetRole

START: Final = 1_589_673_600.0
STEP: Final = 60.0


def _row(seq: int, probe: str = "pk01", at: float = START, host: str = "twitter.com") -> tuple[JournalRow, Verdict]:
    """Return a row that nobody could decide, and its verdict."""
    usual: dict[str, Any] = {
        "service": "twitter", "role": TargetRole.WEB, "target": f"twitter/web/{host}/4",
        "network": Network(country="PK", asn=64501), "design": Design.PAIRED,
    }  # fmt: skip
    measurement = Measurement(
        id=f"{seq:032x}", experiment=Experiment.TLS, host=host, started=at, ended=at + 1.0, catalogue="c",
        software="1", **usual,
    )  # fmt: skip
    row = JournalRow(
        seq=seq, received_at=at, probe=probe, sent_at=at, clock_state=ClockState.SYNCED, historical=False,
        measurement=measurement,
    )  # fmt: skip
    verdict = Verdict(
        measurement=measurement.id, probe=probe, layer=Experiment.TLS, at=at, since=at,
        state=VerdictState.INSUFFICIENT, rule="tls.anomaly", level=Level.NONE, **usual,
    )  # fmt: skip
    return row, verdict


def _looks(held: SecondLooks, until: float, reports: dict[float, str]) -> list[float]:
    """Return the ages at which anything was looked at, where references reported at such ages."""
    found, age = [], 0.0
    while age < until:
        age += STEP
        for when, reference in reports.items():
            if age - STEP <= when < age:
                held.reported(*_row(900, reference, START + when))
        found += [age for _ in held.due(START + age)]
    return found


def test_a_row_is_looked_at_when_a_reference_says_something_new() -> None:
    """Nothing is judged while nobody spoke, and again with each reference that speaks."""
    held = SecondLooks()
    held.wait(*_row(1))
    assert _looks(held, 900.0, {100.0: "de01", 400.0: "sg01"}) == [120.0, 420.0]


def test_a_reference_that_said_its_word_is_heard_no_more() -> None:
    """What a reference says long after a window says nothing new of it: an hour of reports costs no hour of looks."""
    held = SecondLooks()
    held.wait(*_row(1))
    reports = {60.0 * n + 1: "de01" for n in range(55)}
    ages = _looks(held, SECOND_LOOK - STEP, reports)
    assert ages
    assert len(ages) <= 6
    assert max(ages) <= AROUND + 4 * STEP


def test_looks_grow_rarer_and_the_last_one_is_not_left_out() -> None:
    """Each new reference is heard, at the next look at the latest; what was said last is still looked at."""
    held = SecondLooks()
    held.wait(*_row(1))
    ages = _looks(held, SECOND_LOOK + 2 * STEP, {60.0 * n + 1: f"ref{n}" for n in range(60)})
    assert len(ages) <= 12
    assert ages[-1] > SECOND_LOOK
    assert len(held) == 0


def test_one_target_in_one_bin_waits_in_its_turn() -> None:
    """A probe that says the same thing a hundred times in five minutes waits with two rows."""
    held = SecondLooks()
    for seq in range(100):
        held.wait(*_row(seq, at=START + seq))
    assert len(held) == PER_BIN
    held.settle(0)
    held.wait(*_row(100, at=START + 100.0))
    assert held.places() == [1, 100]


def test_who_holds_most_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no more rows may wait, whoever holds most lets its oldest go; nobody is shut out by another."""
    monkeypatch.setattr(second_looks, "MOST", 10)
    held = SecondLooks()
    for seq in range(20):
        held.wait(*_row(seq, "flood", host=f"{seq}.example"))
    assert held.places() == list(range(10))
    for seq in range(20, 24):
        held.wait(*_row(seq, "pk01", host=f"{seq}.example"))
    assert held.places() == [*range(4, 10), 20, 21, 22, 23]
    assert MOST > 10


def test_what_a_look_changes_may_go_on_waiting() -> None:
    """A row with a new verdict waits on, once; one that is settled does not come back."""
    held = SecondLooks()
    row, verdict = _row(1)
    held.wait(row, verdict)
    held.wait(*_row(2, host="api.twitter.com"))
    held.reported(*_row(900, "de01", START + 10.0))
    for waiting in held.due(START + STEP):
        held.wait(waiting.row, waiting.verdict)
    assert held.places() == [1, 2]
    held.settle(1)
    held.settle(1)
    assert held.places() == [2]
