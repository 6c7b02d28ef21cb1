"""The HTTP rules: a page nobody abroad gets, for one Host only; and the server's own refusal."""

from __future__ import annotations

from typing import Any

import pytest

from balise_collector.judge import VerdictState, read_fingerprints
from balise_wire.failures import Failure
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Arm, Design
from tests.testbed.cases import Case

BLOCKED: dict[str, Any] = {"body_bytes": 300, "body_sha256": "blocked", "title": "Blocked"}


def _paired(case: Case, *subject: Any, control: Any = None) -> Any:
    """The paired HTTP plan: the failing sentinel carried, neighbour, scrambled, subject twice."""
    return case.measured(
        subject[0].__class__(**{**_fields(subject[0]), "at": case.earlier, "carried": True}),
        control or case.page(arm=Arm.NEIGHBOUR),
        case.page(404, arm=Arm.SCRAMBLED),
        *subject,
        *(subject if len(subject) == 1 else ()),
    )


def _fields(trial: Any) -> dict[str, Any]:
    return {name: getattr(trial, name) for name in trial.__struct_fields__}


def test_a_page_that_nobody_abroad_gets_is_a_block_page(case: Case) -> None:
    """Short, with another title, for this Host only; references agree on the true page."""
    case.abroad(case.page())
    verdict = case.judged(_paired(case, case.page(**BLOCKED)))
    assert (verdict.state, verdict.mechanism) == (VerdictState.BLOCKED, Mechanism.HTTP_BLOCKPAGE)


def test_a_range_that_is_ignored_is_the_same_page(case: Case) -> None:
    """206 and 200 are one page: a server may ignore our Range."""
    case.abroad(case.page(206))
    assert case.judged(_paired(case, case.page(200, body_sha256="elsewhere"))).state is VerdictState.OK


def test_one_reference_is_too_few_to_accuse(case: Case) -> None:
    """A broken reference must not make a block page of the truth."""
    case.abroad(case.page(), probes=("de01",))
    assert case.judged(_paired(case, case.page(**BLOCKED))).state is VerdictState.INSUFFICIENT


def test_a_known_block_page_needs_no_reference(case: Case) -> None:
    """A fingerprint is an artefact: proof by itself, with a control that gets another page."""
    prints = read_fingerprints(
        [
            "name,scope,other_names,location_found,pattern_type,pattern,confidence_no_fp,expected_countries,source,exp_url,notes",
            "x,nat,,body,contains,<title>Surf Safely,5,PK,ours,,",
        ]
    )
    verdict = case.judged(_paired(case, case.page(title="Surf Safely!", body_sha256="x")), fingerprints=prints)
    assert verdict.rule == "http.blockpage"
    assert "artefact" in verdict.proof


def test_a_portal_that_answers_for_every_name_is_no_block_page(case: Case) -> None:
    """The control gets the very same page: the probe's own network."""
    case.abroad(case.page())
    verdict = case.judged(_paired(case, case.page(**BLOCKED), control=case.page(arm=Arm.NEIGHBOUR, **BLOCKED)))
    assert (verdict.state, verdict.rule) == (VerdictState.INSUFFICIENT, "http.portal")


def test_a_redirect_to_where_nobody_else_is_led_is_forged(case: Case) -> None:
    """302 to the provider's host, where references are led to the service's own."""
    case.abroad(case.page(301, headers=(("location", f"https://{case.host}/"),)))
    verdict = case.judged(_paired(case, case.page(302, headers=(("location", "http://blocked.lab/"),))))
    assert (verdict.rule, verdict.mechanism) == ("http.redirect", Mechanism.HTTP_REDIRECT)


@pytest.mark.parametrize(
    ("failure", "rule"),
    [(Failure.CONNECTION_RESET, "http.rst"), (Failure.EOF, "http.rst"), (Failure.GENERIC_TIMEOUT, "http.drop")],
)
def test_a_host_that_cuts_the_connection_is_blocked(case: Case, failure: Failure, rule: str) -> None:
    """Three requests over two bins die, and another Host on the same address is answered."""
    assert case.judged(_paired(case, case.page(None, failure=failure))).rule == rule


def test_a_refusal_of_the_authentic_server_is_its_own(case: Case) -> None:
    """Verified TLS, 403 here and 200 for the references: server-side, never network interference."""
    tls: dict[str, Any] = {"tls": True, "tls_verified": True, "port": 443}
    case.abroad(case.page(**tls))
    verdict = case.judged(_paired(case, case.page(403, **tls)))
    assert (verdict.state, verdict.mechanism) == (VerdictState.SERVER_SIDE, Mechanism.SERVER_REFUSES)


def test_a_refusal_in_clear_is_never_claimed_to_be_the_servers(case: Case) -> None:
    """Anybody on the way can write 403."""
    case.abroad(case.page())
    verdict = case.judged(_paired(case, case.page(403, body_bytes=200, body_sha256="no", title="Forbidden")))
    assert (verdict.state, verdict.rule) == (VerdictState.INSUFFICIENT, "http.refused_in_clear")


def test_a_refusal_everywhere_is_not_blocked(case: Case) -> None:
    """Firewalls against robots refuse references too."""
    case.abroad(case.page(403))
    assert case.judged(_paired(case, case.page(403))).state is VerdictState.OK


def test_a_robot_test_is_not_blocked(case: Case) -> None:
    """A CAPTCHA for this network and none for the references: the server suspects the address, not the country."""
    tls: dict[str, Any] = {"tls": True, "tls_verified": True, "port": 443}
    case.abroad(case.page(**tls))
    assert (
        case.judged(_paired(case, case.page(403, title="Just a moment...", **tls))).state is VerdictState.INSUFFICIENT
    )


def test_tls_that_failed_is_left_to_the_tls_layer(case: Case) -> None:
    """Over TLS a request that was never sent tells nothing of HTTP."""
    dead = case.page(None, tls=True, port=443, failure=Failure.GENERIC_TIMEOUT)
    assert case.judged(_paired(case, dead)).rule == "http.below"


def test_a_sentinel_that_fails_waits(case: Case) -> None:
    """One strange page is an anomaly."""
    case.abroad(case.page())
    assert case.judged(case.measured(case.page(**BLOCKED), design=Design.SENTINEL)).rule == "http.anomaly"


def test_a_page_down_for_references_is_down(case: Case) -> None:
    """500 or silence for everybody."""
    case.abroad(case.page(None))
    assert case.judged(_paired(case, case.page(None))).state is VerdictState.DOWN
