"""What may be told together: whatever two public answers differ by comes from k witnesses, or is nothing."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from balise_collector.conclude.k_anonymity import WitnessCounts
from balise_collector.conclude.store import Store
from balise_collector.conclude.store.sqlite import SqliteStore
from balise_collector.conclude.together import WIDTHS, WINDOW, SeenRow, told_together, width_for
from balise_collector.fleet.members import Member
from balise_collector.judge.verdict import Verdict, VerdictState
from balise_collector.pages.public.filter import Policy, PublicStore, members_by, shown_members
from balise_wire.measurement import Network
from balise_wire.words import Design, Experiment, TargetRole

START = 1_589_731_200.0
"""2020-05-17T16:00:00Z, on a boundary of every width up to two hours."""
SPAN = 7200
rows_of = st.lists(st.tuples(st.integers(0, SPAN - 1), st.sampled_from("abcde")), max_size=60)


@given(rows_of, st.integers(2, 3))
def test_every_group_has_enough_witnesses_and_no_row_is_in_two(found: list[tuple[int, str]], least: int) -> None:
    """Wider answers hold the narrower ones, and what they hold beyond them comes from k witnesses in each bin."""
    rows = [SeenRow(START + at, who, number) for number, (at, who) in enumerate(found)]
    before: set[object] = set()
    for width in WIDTHS[:4]:
        told = told_together(rows, width, least)
        assert len(told) == len({row.what for row in told})
        assert before <= {row.what for row in told}
        fresh: dict[int, set[object]] = {}
        for row in told:
            if row.what not in before:
                fresh.setdefault(int(row.at // width), set()).add(row.witness)
        assert all(len(witnesses) >= least for witnesses in fresh.values())
        before = {row.what for row in told}


def test_widths_divide_each_other() -> None:
    """Else a group would lie in two bins of the next width."""
    assert all(wide % narrow == 0 for narrow, wide in itertools.pairwise(WIDTHS))
    assert width_for(86_400.0 * 20, 288) in WIDTHS
    assert width_for(86_400.0 * 10_000, 288) % WIDTHS[-1] == 0


# ---------------------------------------------------------------- the view


def verdict(probe: str, at: float, state: VerdictState = VerdictState.OK) -> Verdict:
    """Return a verdict of one place."""
    return Verdict(
        measurement="", probe=probe, network=Network(country="PK", asn=64501), reference=False, service="x",
        role=TargetRole.WEB, target="x/web/x/4", layer=Experiment.DNS, design=Design.SENTINEL, at=at, since=at,
        state=state, rule="dns.ok",
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Return a folder with an empty store."""
    SqliteStore(tmp_path / "derived.sqlite").close()
    yield tmp_path  # noqa: PT022 - as the others do


def seen(
    folder: Path, verdicts: Iterable[Verdict], now: float, least: int = 2
) -> tuple[Store, WitnessCounts, PublicStore]:
    """Return the public view of some verdicts."""
    store = SqliteStore(folder / "derived.sqlite")
    store.clear()
    store.save_verdicts(enumerate(verdicts, 1))
    witness_counts = WitnessCounts(folder / "derived.sqlite")
    policy = Policy(least=least, delay=0.0, secret=b"x")
    return store, witness_counts, PublicStore(store=store, witness_counts=witness_counts, policy=policy, now=now)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows_of)
def test_no_difference_of_two_answers_is_one_probes(folder: Path, found: list[tuple[int, str]]) -> None:
    """Windows at each five minutes, bins and hours: every sum that can be formed is of groups of two witnesses."""
    store, witness_counts, public = seen(folder, [verdict(who, START + at) for at, who in found], START + SPAN)
    with closing(store), closing(witness_counts):
        fine = Counter({cell.bin: cell.verdicts for cell in public.history(START, START + SPAN, 300.0, "x")})
        windows = {
            at: len(public.verdicts(at - WINDOW, at)) for at in (START + 300 * n for n in range(3, SPAN // 300 + 1))
        }
        hours = {cell.bin: cell.verdicts for cell in public.history(START, START + SPAN, 3600.0, "x")}
    witnesses = [{who for at, who in found if at // 300 == bin_} for bin_ in range(SPAN // 300)]
    counts = [sum(at // 300 == bin_ for at, _ in found) for bin_ in range(SPAN // 300)]
    for bin_, count in fine.items():
        assert (count, len(witnesses[bin_]) >= 2) == (counts[bin_], True)
    for at, count in windows.items():
        last = int((at - START) // WINDOW * WINDOW // 300)
        inside = range(last - WINDOW // 300, last)
        rest = count - sum(fine[bin_] for bin_ in inside)
        hidden = set().union(*(witnesses[bin_] for bin_ in inside if bin_ not in fine))
        assert rest == (sum(counts[bin_] for bin_ in inside if bin_ not in fine) if len(hidden) >= 2 else 0)
    for hour in range(SPAN // 3600):
        told = sum(windows[START + hour * 3600 + at] for at in (900, 1800, 2700, 3600))
        rest = hours.get(hour, 0) - told
        assert rest == 0 or rest >= 2


def test_windows_that_slide_give_nothing_away(folder: Path) -> None:
    """The attack as it was: two windows of a quarter of an hour, five minutes apart, around one probe's measurement."""
    alone = verdict("a", START + 1000, VerdictState.BLOCKED)
    others = [verdict(who, START + at) for who in "ab" for at in (100, 1300, 2000)]
    store, witness_counts, public = seen(folder, [alone, *others], START + SPAN)
    with closing(store), closing(witness_counts):
        for at in range(300, SPAN, 300):
            shown = public.verdicts(START + at - WINDOW, START + at)
            assert not [one for one in shown if one.state is VerdictState.BLOCKED], at
        assert [cell for cell in public.history(START, START + SPAN, 3600.0, "x") if cell.state == "blocked"] == []


def test_a_bin_that_is_not_over_is_not_told(folder: Path) -> None:
    """Growing from one answer to the next, it would tell each measurement apart."""
    found = [verdict(who, START + at) for who, at in (("a", 10), ("b", 20), ("c", 1900), ("b", 3000))]
    store, witness_counts, public = seen(folder, found, START + 3300)
    with closing(store), closing(witness_counts):
        assert public.verdicts(START + 2400, START + 3300) == []
        assert public.history(START, START + SPAN, 3600.0, "x") == []
        assert [cell.bin for cell in public.history(START, START + SPAN, 300.0, "x")] == [0]
    store, witness_counts, public = seen(folder, found, START + 3600)
    with closing(store), closing(witness_counts):
        assert sum(cell.verdicts for cell in public.history(START, START + SPAN, 3600.0, "x")) == 4


def test_other_widths_and_all_services_at_once_are_not_answered(folder: Path) -> None:
    """What cannot be counted in groups is not counted."""
    store, witness_counts, public = seen(folder, [verdict(who, START + 10) for who in "ab"], START + SPAN)
    with closing(store), closing(witness_counts):
        assert public.history(START, START + SPAN, 600.0, "x") == []
        assert public.history(START, START + SPAN, 900.0) == []
        assert public.history(START, START + SPAN, 900.0, "x")


def test_boards_of_one_host_are_one_witness(folder: Path) -> None:
    """In windows, and in the list of providers that probes stand on."""
    store, witness_counts, public = seen(folder, [verdict(who, START + 10) for who in "ab"], START + SPAN)
    with closing(store), closing(witness_counts):
        assert public.verdicts(START, START + WINDOW)
        public.hosts = {"a": "someone", "b": "someone"}
        assert public.verdicts(START, START + WINDOW) == []
    members = [
        Member(id=name, public_key="", network=Network(country="PK", asn=64501), host="someone") for name in "ab"
    ]
    assert shown_members(members, 2) == ()
    assert len(shown_members([*members, Member(id="c", public_key="", network=members[0].network)], 2)) == 3


def test_who_joins_shows_no_sooner_than_what_is_measured() -> None:
    """The number of probes on the front page would tell the minute in which somebody plugged one in."""
    joined = Member(id="a", public_key="", network=Network(country="PK", asn=64501), approved_at=START + 10)
    again = Member(
        id="b", public_key="", network=Network(country="PK", asn=64501), approved_at=START, enrolled_at=START + 10
    )
    assert members_by([joined, again], START) == ()
    assert members_by([joined, again], START + 300) == (joined, again)
