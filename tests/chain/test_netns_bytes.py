"""What each run sends and gets, by a tap of its own: as the document says, within the bound, as the probe counts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chain.bytes_cases import ANSWERED, Kind, Spent, kinds
from tests.chain.bytes_table import DOCUMENT, figures, measured, read, rendered, usual_situation

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

KINDS = {kind.name: kind for kind in kinds()}
NEAR = 0.1
"""A tenth of what the tap sees."""
UNCOUNTED = 150
"""Bytes behind the end of a flow that the probe may have missed: a last acknowledgement each way."""
LAST = {4: 2 * 40, 6: 2 * 60}
"""The same of each connection, by IP version: beside other work a server's last word comes when nobody listens."""


@pytest.fixture(scope="module")
def found(namespace_wrapper: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> list[Spent]:
    """Play everything once."""
    return measured(namespace_wrapper, tmp_path_factory.mktemp("bytes"))


def kind_of(one: Spent) -> Kind:
    """Return the kind of a run."""
    return KINDS[one.kind]


def test_every_run_was_carried_out_and_heard_in_full(found: list[Spent]) -> None:
    """A run that broke, or a tap that lost packets, would show small figures."""
    assert not [one for one in found if one.failure or one.lost]
    assert {(one.kind, one.family) for one in found if one.situation == ANSWERED} == {
        (name, family) for name in KINDS for family in (4, 6)
    }


def test_what_is_usual_is_what_the_tap_sees(found: list[Spent]) -> None:
    """Within a tenth, in both families."""
    usual = [one for one in found if one.situation == usual_situation(kind_of(one))]
    far = [
        (one, said) for one in usual
        if abs(one.once - (said := figures(kind_of(one)).usual[one.family])) > NEAR * one.once
    ]  # fmt: skip
    assert not far


def test_no_run_costs_more_than_its_bound(found: list[Spent]) -> None:
    """Whether it is answered, not answered, or cut in the middle."""
    assert not [one for one in found if one.whole > one.at_most]


def test_the_probe_counts_what_the_tap_sees(found: list[Spent]) -> None:
    """The day's account is what keeps the cap: also what the kernel sends by itself is on it."""
    missed = [(one, max(UNCOUNTED, LAST[one.family] * one.connections)) for one in found]
    assert not [one for one, bytes_ in missed if one.counted < 0.97 * one.whole - bytes_]


def test_the_document_is_what_is_measured(found: list[Spent], record_property: Callable[[str, object], None]) -> None:
    """``make bytes`` wrote it; what is answered costs the same each time."""
    record_property("table", rendered(found))
    document = read(DOCUMENT.read_text(encoding="utf-8"))
    for one in found:
        if one.situation == ANSWERED:
            (told,) = document[one.kind][0 if one.family == 4 else 2]
            assert abs(one.once - told) <= NEAR * told, one
