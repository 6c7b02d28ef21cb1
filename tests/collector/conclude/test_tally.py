"""The tally: packed counts are the counts, whatever came late, twice or was judged anew."""

from __future__ import annotations

import logging
import sqlite3
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_collector.conclude import tally
from balise_collector.conclude.history import bins, packed_bins
from balise_collector.conclude.store import HistoryCell, Store
from balise_collector.conclude.store.sqlite import SqliteStore
from balise_collector.judge.verdict import Verdict, VerdictState
from balise_wire.bins import BIN
from balise_wire.measurement import Network
from balise_wire.words import Design, Experiment, TargetRole

DAY = 18_399
"""2020-05-17."""
START = DAY * tally.DAY + 15 * 3600.0
COLUMNS = 200
"""Sixteen hours and more: they lie on two days."""
counts = st.dictionaries(st.integers(0, COLUMNS - 1), st.integers(1, 2**20), max_size=30)


def verdict(chance: Random, number: int) -> Verdict:
    """A verdict somewhere in two days, of one of a few parts."""
    at = START + chance.uniform(-9 * 3600.0, 26 * 3600.0)
    return Verdict(
        measurement=f"{number:032x}", probe=f"p{chance.randrange(3)}",
        network=Network(country=chance.choice(("PK", "DE")), asn=64_500 + chance.randrange(2)),
        reference=chance.random() < 0.2, service=chance.choice(("zoom", "twitter")), role=TargetRole.WEB,
        target="zoom/web/zoom.us/4", layer=chance.choice((Experiment.DNS, Experiment.TLS)), design=Design.SENTINEL,
        at=at, since=at, state=chance.choice(list(VerdictState)), rule="tls.ok",
    )  # fmt: skip


def counted(verdicts: list[Verdict], service: str | None = None) -> Counter[tuple[object, ...]]:
    """Count a window's verdicts one by one."""
    return Counter(
        (v.network.country, v.network.asn, v.reference, v.service, v.role, v.layer, v.state, place)
        for v in verdicts
        if 0 <= (place := int((v.at - START) // BIN)) < COLUMNS and service in {None, v.service}
    )


def told(store: Store, service: str | None = None) -> Counter[tuple[object, ...]]:
    """Return the same from the tally."""
    return Counter(
        {
            (s.country, s.asn, s.reference, s.service, s.role, s.layer, state, place): count
            for s in store.series(START, COLUMNS, service)
            for state, packed in s.counts.items()
            for place, count in enumerate(tally.unpack(packed, COLUMNS))
            if count
        }
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_the_tally_is_the_count_of_the_verdicts_that_stand(tmp_path: Path, seed: int) -> None:
    """Late ones count, a replaced one does not count twice, also within one batch; a cleared store counts nothing."""
    chance = Random(seed)
    store = SqliteStore(tmp_path / "derived.sqlite")
    for number in range(60):
        batch = [(chance.randrange(1, 40 + 20 * number), verdict(chance, number)) for _ in range(chance.randrange(40))]
        store.save_verdicts(batch)
    standing = store.verdicts()
    assert told(store) == counted(standing)
    assert told(store, "zoom") == counted(standing, "zoom")
    for wide in (1, 3):
        until = START + COLUMNS // wide * wide * BIN
        step = float(wide * BIN)
        whole = set(store.history(START, until, step))
        direct = set(store._history_counted(START, until, step, None))  # the slow way, as the standard
        assert whole == direct
    store.clear()
    assert not store.series(START, COLUMNS)
    store.close()


def test_a_file_of_before_is_counted_once_when_it_is_opened(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An upgrade needs no replay: what is there is counted, said in the log, and not done again."""
    chance = Random(7)
    file = tmp_path / "derived.sqlite"
    store = SqliteStore(file)
    store.save_verdicts((number, verdict(chance, number)) for number in range(1, 400))
    store.close()
    with sqlite3.connect(file) as old:
        old.execute("DROP TABLE tally")
        old.execute("PRAGMA user_version = 0")
    old.close()
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            store = SqliteStore(file)
            assert told(store) == counted(store.verdicts())
            store.close()
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "counted 399 verdicts of an earlier version"
    ]


def test_a_replay_brings_its_tally_along(tmp_path: Path) -> None:
    """What is swapped in is counted with it."""
    chance = Random(8)
    live, fresh = SqliteStore(tmp_path / "derived.sqlite"), SqliteStore(tmp_path / "fresh.sqlite")
    live.save_verdicts((number, verdict(chance, number)) for number in range(1, 50))
    fresh.save_verdicts((number, verdict(chance, number)) for number in range(1, 90))
    live.replace_with(fresh)
    assert told(live) == counted(fresh.verdicts())
    live.close()
    fresh.close()


@given(counts)
def test_packing_loses_nothing(given_counts: dict[int, int]) -> None:
    """Counts come back as they were, also from their bytes."""
    packed = tally.from_bytes(tally.to_bytes(tally.pack(given_counts)))
    assert {place: n for place, n in enumerate(tally.unpack(packed, COLUMNS)) if n} == given_counts


@given(
    st.dictionaries(
        st.tuples(
            st.sampled_from(("web", "chat")), st.sampled_from(("dns", "tls")), st.sampled_from(list(VerdictState))
        ),
        st.dictionaries(st.integers(0, 19), st.integers(1, 3), max_size=12),
        max_size=8,
    )
)
def test_a_packed_strip_is_the_strip(given_counts: dict[tuple[str, str, VerdictState], dict[int, int]]) -> None:
    """The fast way shows what the plain way shows: the worst first, doubt not as reachable, held for ten minutes."""
    usual: dict[str, Any] = {"country": "PK", "asn": 64501, "reference": False, "service": "zoom"}
    cells = [
        HistoryCell(**usual, role=role, layer=layer, bin=place, state=state, verdicts=n)
        for (role, layer, state), places in given_counts.items()
        for place, n in places.items()
    ]
    parts: dict[tuple[str, str], dict[str, int]] = {}
    for (role, layer, state), places in given_counts.items():
        if places:
            parts.setdefault((role, layer), {})[state] = tally.pack(places)
    series = [tally.TallySeries(**usual, role=role, layer=layer, counts=held) for (role, layer), held in parts.items()]
    assert packed_bins(series, 20) == bins(cells, 20)
