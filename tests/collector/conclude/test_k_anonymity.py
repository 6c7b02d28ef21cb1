"""Counting probes behind places: what is enough, what is kept, and that nothing can be written."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from balise_collector.conclude.k_anonymity import FULL, CachedCounts, CachedWitnessCounts, CountPlace, WitnessCounts
from balise_collector.conclude.store import Store
from balise_collector.conclude.store.sqlite import SqliteStore
from balise_collector.judge.verdict import Verdict, VerdictState
from balise_collector.system.errors import JournalError
from balise_wire.measurement import Network
from balise_wire.words import Design, Experiment, TargetRole

START = 1_589_733_000.0
WEB = ("x", "web", "dns")


def verdict(probe: str, at: float, asn: int = 64501, country: str = "PK", *, reference: bool = False) -> Verdict:
    """Return a verdict of ok."""
    return Verdict(
        measurement="", probe=probe, network=Network(country=country, asn=asn), reference=reference, service="x",
        role=TargetRole.WEB, target="x/web/x/4", layer=Experiment.DNS, design=Design.SENTINEL, at=START + at,
        since=START + at, state=VerdictState.OK, rule="dns.ok",
    )  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return an empty store."""
    with closing(SqliteStore(tmp_path / "derived.sqlite")) as opened:
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
    with closing(WitnessCounts(store.path)) as witness_counts:
        found = witness_counts.masks(START, START + 600, 2)
        assert found == {CountPlace("PK", 64501, False, *WEB): FULL << 32, CountPlace("DE", 0, True, *WEB): FULL}
        assert witness_counts.masks(START, START + 600, 3) == {}
        assert witness_counts.by_provider(START, START + 600, "x", "PK") == {("PK", 64501): 2}


def test_boards_of_one_host_are_one_witness(store: Store) -> None:
    """Whoever keeps three boards on a provider is one person to find."""
    held = [verdict("a", 10), verdict("b", 20), verdict("c", 310), verdict("d", 320)]
    store.save_verdicts(enumerate(held, 1))
    with closing(WitnessCounts(store.path, lambda: {"a": "someone", "b": "someone"})) as witness_counts:
        assert witness_counts.masks(START, START + 600, 2) == {CountPlace("PK", 64501, False, *WEB): FULL << 32}
        assert witness_counts.by_provider(START, START + 600, "x") == {("PK", 64501): 3}
        rows = witness_counts.rows(START, START + 600, "x")
        assert {row.witness for row in rows[CountPlace("PK", 64501, False, *WEB)]} == {
            "someone", "c", "d",
        }  # fmt: skip
        assert witness_counts.newest(START + 300, 2) is None


def test_the_newest_result_is_the_newest_of_several(store: Store) -> None:
    """A fleet of which one probe still measures tells nobody when it does."""
    held = [verdict("a", 10), verdict("b", 20), verdict("a", 610), verdict("a", -2 * 86_400), verdict("b", -2 * 86_400)]
    store.save_verdicts(enumerate(held, 1))
    with closing(WitnessCounts(store.path)) as witness_counts:
        assert witness_counts.newest(START + 900, 2) == START
        assert witness_counts.newest(START, 2) == START - 2 * 86_400
        assert witness_counts.newest(START + 900, 3) is None


def test_answers_are_kept_for_a_horizon_and_no_longer(store: Store) -> None:
    """A second probe that comes late shows with the next horizon, not in the middle of one."""
    store.save_verdicts([(1, verdict("a", 10))])
    question = (START, START + 300, 2)
    kept = CachedCounts(lambda: 0.0)
    first, second = START + 300, START + 600
    with closing(WitnessCounts(store.path)) as witness_counts:
        assert CachedWitnessCounts(witness_counts, kept, first).masks(*question) == {}
        store.save_verdicts([(2, verdict("b", 20))])
        assert CachedWitnessCounts(witness_counts, kept, first).masks(*question) == {}
        assert CachedWitnessCounts(witness_counts, kept, second).masks(*question)


def test_a_day_that_is_over_is_counted_once_an_hour(store: Store) -> None:
    """Whoever asks for one moment of it after the other is answered from one count, which late results enter later."""
    now = [0.0]
    kept = CachedCounts(lambda: now[0])
    later = START + 3 * 86_400
    with closing(WitnessCounts(store.path)) as witness_counts:
        store.save_verdicts([(1, verdict("a", 10))])
        assert CachedWitnessCounts(witness_counts, kept, later).masks(START, START + 300, 2) == {}
        store.save_verdicts([(2, verdict("b", 20))])
        assert CachedWitnessCounts(witness_counts, kept, later).masks(START, START + 600, 2) == {}
        now[0] = 3_600.0
        assert CachedWitnessCounts(witness_counts, kept, later + 300).masks(START - 300, START + 900, 2) == {
            CountPlace("PK", 64501, False, *WEB): FULL << 32
        }  # fmt: skip


def test_whole_days_and_parts_of_them_say_the_same(store: Store) -> None:
    """A window over midnight is put together from two days, and nothing after the horizon is in it."""
    midnight = (int(START) // 86_400 + 1) * 86_400 - START
    held = [verdict(probe, midnight + at) for probe in "ab" for at in (-310, -10, 10, 310, 610)]
    store.save_verdicts(enumerate(held, 1))
    since, horizon = START + midnight - 900, START + midnight + 600
    with closing(WitnessCounts(store.path)) as witness_counts:
        whole = witness_counts.masks(since, horizon, 2)
        assert (
            CachedWitnessCounts(witness_counts, CachedCounts(lambda: 0.0), horizon).masks(since, horizon + 9000, 2)
            == whole
        )
        assert len(whole) == 1


def test_nothing_can_be_written_through_it(store: Store) -> None:
    """The public view's connection is for reading, whatever a fault above it asks."""
    with (
        closing(WitnessCounts(store.path)) as witness_counts,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        witness_counts._db.execute("DELETE FROM verdict")


def test_a_store_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The message says what makes it."""
    with pytest.raises(JournalError, match="balise-collector run"):
        WitnessCounts(tmp_path / "none.sqlite")


def test_who_asks_the_same_waits_and_who_asks_else_does_not() -> None:
    """A count that takes a second holds back nobody who asks for another one; one that fails is asked again."""
    kept = CachedCounts(lambda: 0.0)
    going, gone = threading.Event(), threading.Event()
    asked: list[str] = []

    def slowly() -> str:
        asked.append("slow")
        going.set()
        gone.wait(10)
        if len(asked) == 1:
            raise ValueError("once")
        return "slow"

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(kept.while_it_stands, 1.0, "slow", slowly)
        assert going.wait(10)
        others = [pool.submit(kept.while_it_stands, 1.0, "slow", slowly) for _ in range(2)]
        assert kept.while_it_stands(1.0, "other", lambda: "other") == "other"
        assert kept.of_the_past("slow", lambda: "past", 5) == "past"
        gone.set()
        with pytest.raises(ValueError, match="once"):
            first.result(10)
        assert [one.result(10) for one in others] == ["slow", "slow"]
    assert asked == ["slow", "slow"]
    assert kept._asking == {}
