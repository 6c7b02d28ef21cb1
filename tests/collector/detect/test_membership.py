"""Membership is earned as the opening is, and lost again."""

from __future__ import annotations

from balise_collector.detect.cell import Cell, CellHistory
from balise_collector.detect.membership import affected
from balise_collector.detect.model import CellKey
from balise_collector.detect.participants import Participants
from balise_collector.detect.walk_state import Span

KEY = CellKey(country="PK", service="twitter", role="web", layer="tls")


def _participants(*asns: int, operators: dict[str, str] | None = None) -> Participants:
    series = [CellHistory(f"p{n}", "PK", asn, Cell(KEY)) for n, asn in enumerate(asns)]
    return Participants(series, [], operators or {}, [])


def _span(failing: int, *, initial: bool = False, calm: int = 0) -> Span:
    return Span(
        last_ok=0,
        first_fail=300,
        last_fail=300 * failing,
        last_fail_bin=failing,
        failing=failing,
        longest=failing,
        calm=calm,
        initial=initial,
    )


def test_those_that_opened_are_affected_at_once() -> None:
    """With one verdict each: the opening itself has earned it."""
    assert set(affected(_participants(1, 1, 1), {0: _span(1, initial=True), 1: _span(1, initial=True)})) == {0, 1}


def test_one_verdict_beside_others_that_go_on_is_lost() -> None:
    """It failed once as the others began, and is well since: it is none of them."""
    spans = {0: _span(20, initial=True), 1: _span(20, initial=True), 2: _span(1, initial=True, calm=15)}
    assert set(affected(_participants(1, 1, 2), spans)) == {0, 1}


def test_a_clean_provider_needs_two_witnesses_or_half_an_hour() -> None:
    """Two boards of one person are one; a provider's only witness must outlast an ordinary trouble."""
    opened = {0: _span(20, initial=True), 1: _span(20, initial=True)}
    assert set(affected(_participants(1, 1, 2, 2), {**opened, 2: _span(3)})) == {0, 1}
    assert set(affected(_participants(1, 1, 2, 2), {**opened, 2: _span(3), 3: _span(2)})) == {0, 1, 2, 3}
    same = _participants(1, 1, 2, 2, operators={"p2": "ali", "p3": "ali"})
    assert set(affected(same, {**opened, 2: _span(3), 3: _span(2)})) == {0, 1}
    assert set(affected(_participants(1, 1, 2), {**opened, 2: _span(3)})) == {0, 1}
    assert set(affected(_participants(1, 1, 2), {**opened, 2: _span(6)})) == {0, 1, 2}


def test_a_neighbour_in_an_affected_provider_needs_two_bins() -> None:
    """One false verdict makes nobody affected there either."""
    opened = {0: _span(20, initial=True), 1: _span(20, initial=True)}
    assert set(affected(_participants(1, 1, 1), {**opened, 2: _span(1)})) == {0, 1}
    assert set(affected(_participants(1, 1, 1), {**opened, 2: _span(2)})) == {0, 1, 2}
