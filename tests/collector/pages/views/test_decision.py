"""The word for a service or a part of it is conservative: several probes that agree, or "We cannot tell"."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from balise_collector.incidents.model import (
    Incident,
    IncidentKind,
    IncidentScope,
    IncidentState,
    Interval,
    MechanismShare,
)
from balise_collector.judge.verdict import Verdict, VerdictState
from balise_collector.pages.views.decision import AnswerReason, AnswerWord, decide
from balise_wire.measurement import Network
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Design, Experiment, TargetRole

AT = 1_589_734_800.0
ROLES = (TargetRole.WEB, TargetRole.MEDIA_IMAGE)


def said(*states: VerdictState, roles: tuple[TargetRole, ...] = ROLES) -> list[Verdict]:
    """What one probe each said of every part, one state for each probe."""
    return [
        Verdict(
            measurement=f"{number}-{role}", probe=f"p{number}", network=Network(country="PK", asn=64500 + number),
            service="twitter", role=role, target=f"twitter/{role}/x/4", layer=Experiment.TLS, design=Design.SENTINEL,
            at=AT, since=AT, state=state, rule="x",
        )
        for number, state in enumerate(states)
        for role in roles
    ]  # fmt: skip


def told(**changes: Any) -> Incident:
    """An incident that goes on, on the first provider."""
    usual: dict[str, Any] = {
        "id": "0123456789ab", "kind": IncidentKind.INTERFERENCE, "state": IncidentState.OPEN, "country": "PK",
        "service": "twitter", "roles": ROLES, "onset": Interval(earliest=AT - 900, latest=AT - 600),
        "scope": IncidentScope(affected=(64500,)), "witnesses": 2,
    }  # fmt: skip
    return Incident(**{**usual, **changes})


SLOW = (MechanismShare(mechanism=Mechanism.RATE_POLICE, asns=(64500,), roles=ROLES, verdicts=3),)
OK, BLOCKED, DOWN, UNSURE = VerdictState.OK, VerdictState.BLOCKED, VerdictState.DOWN, VerdictState.INSUFFICIENT


@pytest.mark.parametrize(
    ("held", "incidents", "word", "reason"),
    [
        ([], [], AnswerWord.UNKNOWN, AnswerReason.NOTHING),
        ([], [told()], AnswerWord.UNKNOWN, AnswerReason.NOTHING),
        (said(OK), [], AnswerWord.UNKNOWN, AnswerReason.FEW),
        (said(OK, OK), [], AnswerWord.REACHABLE, AnswerReason.CLEAN),
        (said(OK, OK, UNSURE), [], AnswerWord.REACHABLE, AnswerReason.CLEAN),
        (said(OK, OK, UNSURE, UNSURE), [], AnswerWord.UNKNOWN, AnswerReason.FEW),
        (said(UNSURE, UNSURE, UNSURE), [], AnswerWord.UNKNOWN, AnswerReason.FEW),
        ([*said(OK, OK), *said(OK, roles=(TargetRole.API,))], [], AnswerWord.UNKNOWN, AnswerReason.FEW),
        (said(OK, OK, BLOCKED), [], AnswerWord.UNKNOWN, AnswerReason.UNCONFIRMED),
        (said(BLOCKED, BLOCKED, BLOCKED), [], AnswerWord.UNKNOWN, AnswerReason.UNCONFIRMED),
        (
            said(BLOCKED, OK, OK),
            [told(state=IncidentState.UNCONFIRMED, witnesses=1)],
            AnswerWord.UNKNOWN,
            AnswerReason.UNCONFIRMED,
        ),
        (
            said(BLOCKED, OK, OK),
            [told(state=IncidentState.STANDING, witnesses=1)],
            AnswerWord.UNKNOWN,
            AnswerReason.UNCONFIRMED,
        ),
        (
            said(BLOCKED, OK, OK),
            [told(state=IncidentState.CLOSED, witnesses=1)],
            AnswerWord.UNKNOWN,
            AnswerReason.UNCONFIRMED,
        ),
        (
            said(OK, OK, OK),
            [told(kind=IncidentKind.OUTAGE, state=IncidentState.STANDING, witnesses=1)],
            AnswerWord.REACHABLE,
            AnswerReason.CLEAN,
        ),
        (said(BLOCKED, OK, OK), [told(grade="B")], AnswerWord.BLOCKED, AnswerReason.INCIDENT),
        (
            said(BLOCKED, OK, OK),
            [told(state=IncidentState.STANDING, grade="A")],
            AnswerWord.BLOCKED,
            AnswerReason.INCIDENT,
        ),
        (
            said(VerdictState.THROTTLED, OK),
            [told(mechanisms=SLOW, grade="B")],
            AnswerWord.SLOWED,
            AnswerReason.INCIDENT,
        ),
        (said(BLOCKED, OK, OK), [told(grade="C")], AnswerWord.FAILING, AnswerReason.DOUBTFUL),
        (said(BLOCKED, OK, OK), [told(), told(grade="B")], AnswerWord.BLOCKED, AnswerReason.INCIDENT),
        (said(VerdictState.THROTTLED, OK), [told(mechanisms=SLOW)], AnswerWord.SLOWED, AnswerReason.DOUBTFUL),
        (said(OK, OK, OK), [told()], AnswerWord.UNKNOWN, AnswerReason.VANISHED),
        (said(OK, BLOCKED), [told()], AnswerWord.UNKNOWN, AnswerReason.VANISHED),
        (said(DOWN, DOWN), [told(kind=IncidentKind.SERVICE_FAULT)], AnswerWord.UNKNOWN, AnswerReason.SERVICE_FAULT),
        (said(DOWN, DOWN), [told(kind=IncidentKind.EDGE_FAULT)], AnswerWord.UNKNOWN, AnswerReason.EDGE_FAULT),
        (said(UNSURE, OK), [told(kind=IncidentKind.OUTAGE)], AnswerWord.UNKNOWN, AnswerReason.OUTAGE),
        (
            said(VerdictState.SERVER_SIDE),
            [told(kind=IncidentKind.SERVER_SIDE)],
            AnswerWord.UNKNOWN,
            AnswerReason.SERVER_SIDE,
        ),
        (said(DOWN, OK, OK), [], AnswerWord.UNKNOWN, AnswerReason.UNCONFIRMED),
    ],
)
def test_the_word_is_conservative(
    held: list[Verdict], incidents: list[Incident], word: AnswerWord, reason: AnswerReason
) -> None:
    """Reachable needs two probes on every part; blocked needs an incident that fresh measurements still show."""
    assert decide(held, incidents) == (word, reason)


def test_a_layer_in_doubt_is_not_reachable() -> None:
    """A probe whose name lookup worked and whose greeting says nothing has not seen it work."""
    held = said(OK, OK)
    half = [msgspec.structs.replace(one, layer=Experiment.DNS, state=UNSURE) for one in held if one.probe == "p1"]
    assert decide([*held, *half], []) == (AnswerWord.UNKNOWN, AnswerReason.FEW)
