"""The gate: what one witness saw is told to nobody, and what was told never goes away without a word."""

from __future__ import annotations

import ast
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_collector.incidents import Incident, IncidentKind, IncidentState, Interval
from balise_collector.incidents.findings import Finding, finding, findings, told
from balise_collector.incidents.model import UNTOLD, IncidentScope
from balise_wire.words import TargetRole

ALONE = (UNTOLD, 0, 1)
GONE = IncidentState.WITHDRAWN
revisions = st.lists(st.tuples(st.sampled_from(IncidentState), st.integers(UNTOLD, 4)), max_size=8)


def incident(revision: int = 1, **changes: Any) -> Incident:
    """Return a revision of an incident."""
    usual: dict[str, Any] = {
        "id": "abc", "kind": IncidentKind.INTERFERENCE, "state": IncidentState.OPEN, "country": "PK",
        "service": "twitter", "roles": (TargetRole.WEB,), "onset": Interval(earliest=0.0, latest=300.0),
        "scope": IncidentScope(affected=(64500 + revision,)), "revision": revision, "witnesses": 2, "group": "g1",
    }  # fmt: skip
    return Incident(**{**usual, **changes})


def history(*states: tuple[IncidentState, int]) -> list[tuple[float, Incident]]:
    """Return revisions of one incident, each (state, witnesses), with when they were noted."""
    return [(600.0 * n, incident(n, state=state, witnesses=w)) for n, (state, w) in enumerate(states, 1)]


def test_one_witness_is_no_finding_whatever_it_is_and_wherever_it_stands() -> None:
    """At a430c09 one probe's incident was published once it closed, once it was standing, and as an outage."""
    for kind, state, witnesses in product(IncidentKind, IncidentState, ALONE):
        one = incident(kind=kind, state=state, witnesses=witnesses)
        assert not one.confirmed
        assert finding(one) is None
        assert findings([one]) == []
        assert told([(1.0, one)]) == []


def test_two_witnesses_are_a_finding_until_it_is_withdrawn() -> None:
    """Open, standing or ended; what is our own side's, or is not borne out, is told to nobody."""
    for kind, state in product(IncidentKind, IncidentState):
        one = incident(kind=kind, state=state)
        assert (finding(one) is None) is (state is GONE or kind is IncidentKind.OWN_FAULT)
        assert finding(incident(kind=kind, state=state, claimed=False)) is None


def test_what_was_seen_by_one_before_is_not_told_with_what_two_see_later() -> None:
    """The first revisions of a finding that began as one probe's word stay inside."""
    said = told(history((IncidentState.UNCONFIRMED, 1), (IncidentState.OPEN, 2), (IncidentState.CLOSED, 3)))
    assert [(one.revision, one.state) for _, one in said] == [(2, IncidentState.OPEN), (3, IncidentState.CLOSED)]


def test_what_loses_its_second_witness_is_taken_back_and_says_nothing_new() -> None:
    """A line of its own, dated, with the words that were said: not what the one probe goes on seeing."""
    said = told(history((IncidentState.OPEN, 2), (IncidentState.UNCONFIRMED, 1), (IncidentState.CLOSED, 1)))
    assert [(at, one.revision, one.state) for at, one in said] == [
        (600.0, 1, IncidentState.OPEN),
        (1200.0, 2, GONE),
    ]
    assert said[-1][1].scope.affected == (64501,)
    assert (said[-1][1].closed_at, said[-1][1].group) == (1200.0, "")


def test_what_is_confirmed_again_is_told_again() -> None:
    """Withdrawn, then open once more: both lines stand."""
    said = told(history((IncidentState.OPEN, 2), (IncidentState.UNCONFIRMED, 1), (IncidentState.OPEN, 2), (GONE, 2)))
    assert [one.state for _, one in said] == [IncidentState.OPEN, GONE, IncidentState.OPEN, GONE]


@given(revisions)
def test_any_history_keeps_both_promises(states: list[tuple[IncidentState, int]]) -> None:
    """Nothing unconfirmed is told; whatever was told is either told still or taken back in the last line."""
    known = history(*states)
    said = told(known)
    by_revision = {one.revision: one for _, one in known}
    for _, one in said:
        assert isinstance(one, Finding)
        assert one.confirmed
        if one.state is not GONE:
            assert msgspec.structs.asdict(one) == msgspec.structs.asdict(by_revision[one.revision])
    assert bool(said) is any(finding(one) is not None for _, one in known)
    if said:
        assert (said[-1][1].state is GONE) is (finding(known[-1][1]) is None)
        assert [one.revision for _, one in said] == sorted({one.revision for _, one in said})


@pytest.mark.slow
def test_only_the_gate_makes_findings(repo_root: Path) -> None:
    """Whoever could make one elsewhere could publish what one probe saw."""
    source = repo_root / "collector" / "src" / "balise_collector"
    makers = {
        str(path.relative_to(source))
        for path in source.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding"
    }
    assert makers == {"incidents/findings.py"}
