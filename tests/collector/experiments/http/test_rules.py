"""The HTTP rules: a page nobody abroad gets, for one Host only; and the server's own refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from balise_collector.conclude.judgement import note
from balise_collector.judge import VerdictState, read_fingerprints
from balise_wire.failures import Failure
from balise_wire.measurement import read_measurement
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


def test_a_page_in_clear_waits_for_the_first_pages_of_references(case: Case) -> None:
    """They are there and have not fetched it yet: a block page of the first minutes was in order, and stayed so.

    Over verified TLS it is the service's whatever they get; where they never fetch it, it is taken as it is.
    """
    assert case.judged(_paired(case, case.page(**BLOCKED))).rule == "http.ok"
    case.abroad(case.hello())
    assert case.judged(_paired(case, case.page())).rule == "http.waits"
    assert case.judged(_paired(case, case.page(**BLOCKED))).rule == "http.waits"
    assert case.judged(_paired(case, case.page(tls=True, tls_verified=True))).rule == "http.ok"
    late = case.measured(case.page(at=case.now + 7_200.0), started=case.now + 7_200.0, ended=case.now + 7_210.0)
    assert case.judged(late, line_seconds=9_000.0).rule == "http.ok"
    case.abroad(case.page(at=case.now + 240.0), started=case.now + 240.0, ended=case.now + 241.0)
    assert case.judged(_paired(case, case.page())).rule == "http.ok"
    assert case.judged(_paired(case, case.page(**BLOCKED))).rule == "http.blockpage"


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


def test_a_robot_test_over_verified_tls_is_the_servers_own(case: Case) -> None:
    """In clear nobody knows who wrote it; over TLS it is the service, which is told of the part and blocks nobody."""
    tls: dict[str, Any] = {"tls": True, "tls_verified": True, "port": 443}
    case.abroad(case.page(**tls))
    verdict = case.judged(_paired(case, case.page(403, title="Just a moment...", **tls)))
    assert (verdict.rule, verdict.state) == ("server.challenge", VerdictState.INSUFFICIENT)
    assert case.judged(_paired(case, case.page(403, title="Just a moment..."))).rule == "http.robot_test"


def test_a_robot_test_of_everybody_is_no_dead_server(case: Case) -> None:
    """Fronts show it with 403, 429 or 503: a reference that meets it has been answered."""
    page = case.page(503, title="Just a moment...", robot_test=True, tls=True, tls_verified=True, port=443)
    told = _paired(case, page)
    assert case.judged(told, reference=True).rule == "http.robot_test"
    case.abroad(page)
    assert case.judged(told).rule == "http.same_everywhere"


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


# --- a page that differs is not yet a page of somebody else's ---------------------------------------------------------

NGINX = (("server", "nginx"),)
BOX = (("server", "box"),)
TLS: dict[str, Any] = {"tls": True, "tls_verified": True, "port": 443}


@pytest.mark.parametrize(
    ("page", "rule"),
    [
        ({"title": "Access Denied", "headers": BOX}, "http.blockpage"),
        ({"title": "Access Denied", "headers": BOX, "body_bytes": 19_000}, "http.blockpage"),
        ({"title": "Bienvenue", "headers": NGINX}, "http.other_page"),
        ({"title": "Bienvenue", "headers": (("server", "cloudflare"),)}, "http.other_page"),
        ({"title": "Bienvenue", "headers": ()}, "http.other_page"),
        ({"title": "Just a moment...", "headers": BOX}, "http.robot_test"),
    ],
)
def test_whose_marks_a_page_bears_decides(case: Case, page: dict[str, Any], rule: str) -> None:
    """Titles that differ make two pages, of whatever length; the service's own front bears its own name."""
    case.abroad(case.page(headers=NGINX))
    told = _paired(case, case.page(body_sha256="other", **page), control=case.page(arm=Arm.NEIGHBOUR, headers=NGINX))
    assert case.judged(told).rule == rule


def test_a_length_that_was_cut_says_nothing(case: Case) -> None:
    """The whole may be of any length: neither the same page nor another."""
    case.abroad(case.page(title="", body_sha256="a"))
    cut = case.page(title="", body_sha256="b", body_bytes=300, truncated=True)
    assert case.judged(_paired(case, cut)).state is not VerdictState.BLOCKED
    whole = case.page(title="", body_sha256="b", body_bytes=300, truncated=True, whole_bytes=20_100)
    assert case.judged(_paired(case, whole)).state is VerdictState.OK


@pytest.mark.parametrize(
    ("aim", "rule"),
    [
        ("https://pk.twitter.com/", "http.ok"),
        ("https://www.twitter.com.pk/", "http.ok"),
        ("https://x.com/", "http.ok"),
        ("http://blocked.isp.example/", "http.redirect"),
    ],
)
def test_a_redirect_within_the_services_own_sites_is_its_own(case: Case, aim: str, rule: str) -> None:
    """A sub-domain, a national domain, another host of the catalogue's; references are led to the service elsewhere."""
    case.abroad(case.page(301, headers=(("location", f"https://www.{case.host}/"),)))
    told = _paired(case, case.page(302, headers=(("location", aim),)))
    assert case.judged(told, names=frozenset({"x.com", case.host})).rule == rule


def test_where_the_service_itself_leads_over_tls_is_its_own(case: Case) -> None:
    """The same redirect over a verified connection: nobody on the way wrote it."""
    case.abroad(case.page(301, headers=(("location", f"https://{case.host}/"),)))
    led = _paired(case, case.page(302, headers=(("location", "https://login.example.net/"),)))
    assert case.judged(led).rule == "http.redirect"
    other = case.measured(
        case.page(302, headers=(("location", "https://login.example.net/"),), **TLS), design=Design.SENTINEL
    )
    note(case.references, case.judged(other), other)
    assert case.judged(led).state is VerdictState.OK


def test_a_page_that_the_service_itself_shows_over_tls_is_its_own(case: Case) -> None:
    """A country's own front page, in clear as over TLS."""
    case.abroad(case.page())
    mine: dict[str, Any] = {"title": "Khush amdeed", "body_sha256": "pk", "body_bytes": 900}
    told = _paired(case, case.page(**mine))
    assert case.judged(told).rule == "http.blockpage"
    other = case.measured(case.page(**mine, **TLS), design=Design.SENTINEL)
    note(case.references, case.judged(other), other)
    assert case.judged(told).state is VerdictState.OK


@pytest.mark.parametrize(
    ("page", "clear", "over_tls"),
    [
        ({"status": 503, "title": "503"}, "http.server_error", "server.error"),
        ({"status": 522, "title": "Connection timed out"}, "http.server_error", "server.error"),
        ({"status": 429, "title": "Too many requests"}, "http.busy", "server.busy"),
        ({"status": 503, "title": "503", "retry_after": 60}, "http.busy", "server.busy"),
        ({"status": 403, "title": "Forbidden"}, "http.refused_in_clear", "server.geo"),
        ({"status": 451, "title": "Unavailable"}, "http.refused_in_clear", "server.geo"),
    ],
)
def test_what_a_server_says_of_itself_is_no_block_page(
    case: Case, page: dict[str, Any], clear: str, over_tls: str
) -> None:
    """In clear nobody vouches for who wrote it; over verified TLS the server did."""
    case.abroad(case.page())
    assert case.judged(_paired(case, case.page(body_sha256="x", body_bytes=209, **page))).rule == clear
    other = Case()
    other.abroad(other.page(**TLS))
    verdict = other.judged(_paired(other, other.page(body_sha256="x", body_bytes=209, **page, **TLS)))
    assert (verdict.rule, verdict.state) == (over_tls, VerdictState.SERVER_SIDE)


def test_an_answer_that_nobody_here_can_read_says_nothing(case: Case) -> None:
    """Neither of the way nor, at a reference, of the server."""
    odd = case.page(None, failure=Failure.HTTP_MALFORMED)
    case.abroad(odd)
    verdict = case.judged(_paired(case, odd))
    assert (verdict.state, verdict.rule) == (VerdictState.INSUFFICIENT, "http.unread")
    dead = case.judged(_paired(case, case.page(None)))
    assert dead.rule == "http.rst"


def _freezing(case: Case, brought: int, control: int) -> Any:
    stalled: dict[str, Any] = {"failure": Failure.GENERIC_TIMEOUT, "asked_bytes": 65_536, **TLS}
    one = case.page(None, wire_bytes=brought, **stalled)
    return _paired(case, one, control=case.page(None, Arm.NEIGHBOUR, wire_bytes=control, **stalled))


def test_transfers_that_freeze_whatever_the_name_are_told(case: Case) -> None:
    """16 KB and silence from here, the whole page abroad, at the very same address: at most C."""
    assert case.judged(_freezing(case, 16_500, 17_000)).state is VerdictState.INSUFFICIENT
    case.abroad(case.page(**TLS))
    verdict = case.judged(_freezing(case, 16_500, 17_000))
    assert (verdict.rule, verdict.mechanism) == ("http.freeze", Mechanism.TCP_FREEZE)
    assert case.judged(_freezing(case, 300, 300)).state is VerdictState.INSUFFICIENT


def test_a_page_that_never_ended_is_not_whole(case: Case) -> None:
    """Status and title came, and then nothing: not ok."""
    stalled = case.page(200, failure=Failure.GENERIC_TIMEOUT, wire_bytes=16_000, asked_bytes=65_536)
    assert case.judged(case.measured(stalled, design=Design.SENTINEL)).rule == "http.anomaly"


def test_a_page_like_everybodys_excuses_no_trial_that_died(case: Case) -> None:
    """A block that begins between two trials of a series: the first one's page says nothing of the second."""
    case.abroad(case.page(200, **TLS))
    both = case.page(200, **TLS), case.page(None, failure=Failure.CONNECTION_RESET, body_sha256="", title="", **TLS)
    assert case.judged(case.measured(both[0], both[0])).state is VerdictState.OK
    assert case.judged(case.measured(*both)).state is VerdictState.INSUFFICIENT


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("http_ok", "http.ok"),
        ("http_geo_pk", "http.ok"),
        ("http_edge503", "http.server_error"),
        ("http_err522", "http.server_error"),
        ("http_r429", "http.busy"),
        ("http_fold", "http.unread"),
    ],
)
def test_pages_fetched_in_a_namespace(case: Case, shared_data: Path, name: str, rule: str) -> None:
    """A front's errors, a national domain, a head that an older reader did not understand."""
    lines = (shared_data / "field" / "measurements" / f"{name}.jsonl").read_bytes().splitlines()
    assert case.judged(read_measurement(lines[-1])[0]).rule == rule


def test_references_have_their_own_timetable(case: Case) -> None:
    """A page an hour: what each of them gets first after a strange answer is the page of that time."""
    at = case.earlier - 3000
    case.abroad(case.page(at=at), started=at, ended=at + 1)
    assert case.judged(_paired(case, case.page(**BLOCKED))).rule == "http.waits"
    at = case.earlier + 3000
    case.abroad(case.page(at=at), started=at, ended=at + 1)
    assert case.judged(_paired(case, case.page(**BLOCKED))).rule == "http.blockpage"
    other = Case()
    at = other.earlier - 9000
    other.abroad(other.page(at=at), started=at, ended=at + 1)
    assert other.judged(_paired(other, other.page(**BLOCKED))).state is not VerdictState.BLOCKED


def test_who_meets_a_new_page_first_accuses_nobody(case: Case) -> None:
    """A service that leads everybody elsewhere from now on: references' older pages are none of these minutes."""
    at = case.earlier - 1200
    case.abroad(case.page(at=at), started=at, ended=at + 1)
    led = case.page(status=302, headers=(("location", "https://elsewhere.example.org/"),))
    assert case.judged(_paired(case, led)).rule == "http.waits"
    at = case.earlier + 60
    moved = case.page(at=at, status=302, headers=(("location", "https://elsewhere.example.org/"),))
    case.abroad(moved, started=at, ended=at + 1)
    assert case.judged(_paired(case, led)).state is VerdictState.OK
