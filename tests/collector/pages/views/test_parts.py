"""Each part of a service by itself: text may work while calls fail, and not measured is neither."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest

from balise_collector.detect.interval import Interval
from balise_collector.incidents.model import Incident, IncidentKind, IncidentState, MechanismShare
from balise_collector.incidents.parts import Part, PartWord
from balise_collector.judge.verdict import Verdict, VerdictState
from balise_collector.pages.views.parts import CHALLENGE, parts_of
from balise_collector.pages.views.read_model import ReadStore, View
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Experiment, TargetRole
from tests.collector.pages.views.test_decision import AT, BLOCKED, OK, UNSURE, said, told

REFUSED = VerdictState.SERVER_SIDE
CHAT, CALL, IMAGE, WEB = TargetRole.CHAT, TargetRole.CALL_MEDIA, TargetRole.MEDIA_IMAGE, TargetRole.WEB


def shown(held: list[Verdict], *incidents: Incident) -> dict[TargetRole, Part]:
    """Return the parts of a service that has four."""
    view = View(
        store=cast("ReadStore", None),  # nothing is asked of it
        now=AT,
        services={"twitter": "Twitter"},
        roles={"twitter": (WEB, IMAGE, CHAT, CALL)},
        confidence={"twitter": {"web": "high", "chat": "low"}},
    )
    return {one.role: one for one in parts_of(view, ("PK", "twitter"), AT, held, incidents)}


def pages(*states: VerdictState, rule: str = "x") -> list[Verdict]:
    """Return what one probe each said of pages of the part; what is no trouble and not well goes by a rule."""
    return [
        msgspec.structs.replace(one, layer=Experiment.HTTP, rule=rule if one.state is UNSURE else "x")
        for one in said(*states, roles=(CALL,))
    ]


def call_block(**changes: Any) -> Incident:
    """Return an incident of calls alone."""
    return told(**{"roles": (CALL,), "grade": "B", **changes})


HELD = [*said(OK, OK, roles=(CHAT, IMAGE)), *said(BLOCKED, BLOCKED, roles=(CALL,))]


def test_text_works_and_calls_fail() -> None:
    """S19: one service, a word for each part, and since when."""
    found = shown(HELD, call_block())
    assert {role: one.word for role, one in found.items()} == {
        WEB: PartWord.NOT_MEASURED, IMAGE: PartWord.WORKS, CHAT: PartWord.WORKS, CALL: PartWord.BLOCKED,
    }  # fmt: skip
    assert found[CALL].since == Interval(earliest=AT - 900, latest=AT - 600)
    assert found[CALL].incident == "0123456789ab"
    assert (found[CHAT].since, found[CHAT].incident, found[CHAT].confidence) == (None, "", "low")


def test_a_part_is_dated_by_its_own_share() -> None:
    """One incident may hold a blocked part and another that was slowed later."""
    later = Interval(earliest=AT - 300, latest=AT - 200)
    shares = (
        MechanismShare(mechanism=Mechanism.SNI_DROP, asns=(64500,), roles=(CALL,), verdicts=3),
        MechanismShare(mechanism=Mechanism.RATE_POLICE, asns=(64500,), roles=(IMAGE,), verdicts=3, onset=later),
    )
    both = told(roles=(CALL, IMAGE), grade="B", mechanisms=shares)
    slow = [msgspec.structs.replace(one, state=VerdictState.THROTTLED) for one in said(OK, OK, roles=(IMAGE,))]
    found = shown([*said(BLOCKED, BLOCKED, roles=(CALL,)), *slow], both)
    assert (found[CALL].word, found[CALL].since) == (PartWord.BLOCKED, both.onset)
    assert (found[IMAGE].word, found[IMAGE].since) == (PartWord.SLOWED, later)


def test_what_works_again_has_its_end_and_its_count() -> None:
    """Recurrence is counted for each part, of what may be told alone."""
    ends = [Interval(earliest=AT - hours * 3_600, latest=AT - hours * 3_600 + 60) for hours in (9, 5)]
    past = [
        call_block(id=f"{n}" * 12, state=IncidentState.CLOSED, onset=Interval(earliest=0.0, latest=60.0), end=end)
        for n, end in enumerate(ends)
    ]
    alone = call_block(id="f" * 12, state=IncidentState.CLOSED, witnesses=1, end=ends[0], onset=ends[0])
    found = shown(said(OK, OK, roles=(CALL, CHAT)), *past, alone)
    assert (found[CALL].word, found[CALL].since, found[CALL].times) == (PartWord.WORKS, ends[1], 2)
    assert (found[CHAT].word, found[CHAT].since, found[CHAT].times) == (PartWord.WORKS, None, 0)


@pytest.mark.parametrize(
    ("held", "incidents", "word"),
    [
        (said(BLOCKED, OK, roles=(CALL,)), (), PartWord.UNKNOWN),
        (said(OK, roles=(CALL,)), (), PartWord.UNKNOWN),
        (said(OK, OK, roles=(CALL,)), (call_block(),), PartWord.UNKNOWN),
        (said(BLOCKED, BLOCKED, roles=(CALL,)), (call_block(grade="C"),), PartWord.FAILING),
        (said(REFUSED, roles=(CALL,)), (told(roles=(CALL,), kind=IncidentKind.SERVER_SIDE),), PartWord.REFUSED),
        (said(OK, OK, roles=(CALL,)), (told(service="internet", kind=IncidentKind.OUTAGE),), PartWord.UNKNOWN),
        ([], (call_block(),), PartWord.NOT_MEASURED),
        (pages(REFUSED, REFUSED, OK), (), PartWord.REFUSED),
        (pages(REFUSED, OK), (), PartWord.UNKNOWN),
        (pages(UNSURE, UNSURE, OK, rule=CHALLENGE), (), PartWord.CHALLENGED),
        (pages(UNSURE, UNSURE, OK), (), PartWord.UNKNOWN),
        (pages(BLOCKED, UNSURE, UNSURE, rule=CHALLENGE), (call_block(),), PartWord.BLOCKED),
    ],
)  # fmt: skip
def test_the_rule_is_that_of_the_whole_service(
    held: list[Verdict], incidents: tuple[Incident, ...], word: PartWord
) -> None:
    """One probe, a thin sample, a fault that hides all else: we cannot tell; nothing measured is not that either."""
    assert shown(held, *incidents)[CALL].word is word
