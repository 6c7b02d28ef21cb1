"""The answer page: one word for one service in one country, and only where several probes agree on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from balise_collector.incidents.model import (
    Incident,
    IncidentKind,
    IncidentScope,
    IncidentState,
    Interval,
    MechanismShare,
)
from balise_collector.judge.verdict import Verdict, VerdictState
from balise_collector.pages.operator.app import create_app
from balise_collector.pages.views import answer
from balise_collector.pages.views.answer import AnswerReason, AnswerWord, decide
from balise_collector.pages.views.read_model import View
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


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/PK/twitter", "Reachable"),
        ("/PK/twitter?at=2020-05-17T17:30Z", "Blocked"),
        ("/PK/twitter?at=2020-05-17T16:30Z", "Reachable"),
        ("/PK/twitter?at=2020-05-17T09:00Z", "We cannot tell"),
        ("/PK/whatsapp", "We cannot tell"),
        ("/PK/periscope", "Blocked"),
        ("/PK/zoom?at=2020-05-17T14:00Z", "We cannot tell"),
    ],
)
def test_the_day_in_words(shown: Callable[[str], str], path: str, word: str) -> None:
    """Before, during and after; one probe's word is none; a service's own fault is never called blocked."""
    html = shown(path)
    assert f"</span> {word}</span></h1>" in html


def test_the_page_says_n_coverage_places_and_what_is_not_known(
    shown: Callable[[str], str], read: Callable[[str], Any]
) -> None:
    """A word without its n, its time and its limits is a rumour."""
    text = " ".join(" ".join(read(shown("/PK/twitter?at=2020-05-17T17:30Z")).text).split())
    for fact in (
        "As of 17 May 2020 22:30 Asia/Karachi (17:30 UTC) .",
        "n = 54 measurements by 9 probes on 4 providers. 4 of 4 providers that we know of there were measured.",
        "Interference measured on 3 of 4 providers; controls on the same lines worked.",
        "Local: no international outage.",
        "Who or what causes it, or why.",
        "forged DNS answers",
    ):
        assert fact in text, fact


def test_the_quote_has_a_permanent_link_and_the_rules(shown: Callable[[str], str]) -> None:
    """What is copied says where it can be checked, as of when, and by which rules it was made."""
    html = shown("/PK/twitter?at=2020-05-17T17:30Z")
    assert (
        "Twitter in Pakistan: blocked, as of 17 May 2020 22:30 Asia/Karachi (17:30 UTC). "
        "Interference measured on 3 of 4 providers;"
    ) in html
    assert "balise, rules 3-5f2c9a10, http://127.0.0.1:8484/PK/twitter?at=2020-05-17T17:30Z" in html


def test_what_we_said_before_stays_also_when_it_was_withdrawn(shown: Callable[[str], str]) -> None:
    """An answer that was wrong is shown as such, with when it was given."""
    html = shown("/PK/whatsapp")
    said_then = html[html.index('id="said"') :]
    assert "withdrawn" in said_then
    assert "seen by one probe, not confirmed" in said_then


def test_spelling_does_not_matter(client: TestClient) -> None:
    """Whoever types an address by hand arrives, and at the one address that is quoted."""
    answered = client.get("/pk/Twitter?at=2020-05-17T17:30Z", follow_redirects=False)
    assert (answered.status_code, answered.headers["location"]) == (308, "/PK/twitter?at=2020-05-17T17%3A30Z")


@pytest.mark.parametrize("path", ["/DE/twitter", "/PK/facebook", "/XX/y", "/nowhere/else", "/PK/internet", "/**/zoom"])
def test_what_we_do_not_measure_is_said_with_what_we_do(client: TestClient, path: str) -> None:
    """A dead end that leads on: 404, and every answer there is."""
    answered = client.get(path)
    assert answered.status_code == 404
    assert 'href="/PK/twitter"' in answered.text


def test_an_old_store_gives_the_last_answer_as_of_then(look_at: Callable[..., View]) -> None:
    """A page that nobody feeds must not pretend to know the present."""
    late = TestClient(create_app(lambda: look_at(look_at().now + 7 * 86400)), base_url="http://127.0.0.1")
    html = late.get("/PK/twitter").text
    assert "Nothing has arrived since" in html
    assert "18 May 2020 02:2" in html


def test_the_first_page_and_the_matrix_lead_to_each_answer(shown: Callable[[str], str]) -> None:
    """The pages that people look for are one step away."""
    for path in ("/", "/matrix"):
        for service in ("twitter", "periscope", "zoom", "whatsapp"):
            assert f'href="/PK/{service}"' in shown(path)


def test_every_reason_is_said_in_a_sentence(look_at: Callable[..., View]) -> None:
    """No reason without words."""
    assert all(answer.because(look_at(), reason, [told()]).endswith((".", "interference.")) for reason in AnswerReason)
