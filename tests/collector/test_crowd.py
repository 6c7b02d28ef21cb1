"""Counting probes behind places: what is enough, what is kept, and that nothing can be written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from balise_collector.crowd import Crowd, Kept, KeptCrowd, Place
from balise_collector.errors import JournalError
from balise_collector.judge.verdict import State, Verdict
from balise_collector.store import Store
from balise_wire.measurement import Network
from balise_wire.words import Design, Experiment, TargetRole

START = 1_589_733_000.0
WEB = ("x", "web", "dns")


def verdict(probe: str, at: float, asn: int = 64501, country: str = "PK", *, reference: bool = False) -> Verdict:
    """Return a verdict of ok."""
    return Verdict(
        measurement="", probe=probe, network=Network(country=country, asn=asn), reference=reference, service="x",
        role=TargetRole.WEB, target="x/web/x/4", layer=Experiment.DNS, design=Design.SENTINEL, at=START + at,
        since=START + at, state=State.OK, rule="dns.ok",
    )  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return an empty store."""
    with closing(Store(tmp_path / "derived.sqlite")) as opened:
        yield opened


def test_a_bin_counts_each_probe_once(store: Store) -> None:
    """One probe that measures twice is one probe; references count by country, over providers."""
    held = [
        verdict("a", 10),
        verdict("a", 20),
        verdict("a", 310),
        verdict("b", 320),
        verdict("c", 30, 64601, "DE", reference=True),
        verdict("d", 40, 64602, "DE", reference=True),
    ]
    store.save_verdicts(enumerate(held, 1))
    with closing(Crowd(store.path)) as crowd:
        found = crowd.crowded(START, START + 600, 300.0, 2)
        assert found == {Place("PK", 64501, False, *WEB): {1}, Place("DE", 0, True, *WEB): {0}}
        assert crowd.crowded(START, START + 600, 300.0, 3) == {}
        assert crowd.by_provider(START, START + 600, "x", "PK") == {("PK", 64501): 2}
        assert crowd.newest(START + 320) == START + 310


def test_answers_are_kept_for_a_horizon_and_no_longer(store: Store) -> None:
    """A second probe that comes late shows with the next horizon, not in the middle of one."""
    store.save_verdicts([(1, verdict("a", 10))])
    question = (START, START + 300, 300.0, 2)
    kept = Kept()
    with closing(Crowd(store.path)) as crowd:
        assert KeptCrowd(crowd, kept, 1.0).crowded(*question) == {}
        store.save_verdicts([(2, verdict("b", 20))])
        assert KeptCrowd(crowd, kept, 1.0).crowded(*question) == {}
        assert KeptCrowd(crowd, kept, 2.0).crowded(*question)


def test_nothing_can_be_written_through_it(store: Store) -> None:
    """The public view's connection is for reading, whatever a fault above it asks."""
    with closing(Crowd(store.path)) as crowd, pytest.raises(sqlite3.OperationalError, match="readonly"):
        crowd._db.execute("DELETE FROM verdict")


def test_a_store_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The message says what makes it."""
    with pytest.raises(JournalError, match="balise-collector run"):
        Crowd(tmp_path / "none.sqlite")
