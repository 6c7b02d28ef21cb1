"""What one HTTP measurement shows: block pages, forged redirects, cuts by Host, refusals of the server itself. Pure.

In clear a refusal is never called the server's: anybody on the way could have written it. Must not live here: what
follows from the facts (rules.py), or TLS failures below HTTP (the TLS layer tells).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from balise_collector.experiments.http.references import Page, backed, pages_of
from balise_collector.judge.context import Context
from balise_collector.judge.injection import FORGED, is_whole, series_score
from balise_collector.judge.limits import limited
from balise_collector.judge.references import Seen
from balise_collector.judge.rules import MIN_TRIALS, Facts, common, spread_out
from balise_collector.judge.trials import began, ended, seen_of_target, subjects, trials_of
from balise_collector.judge.witnesses import ENOUGH
from balise_wire.experiments.http import HttpObservation
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.words import Arm

LENGTH_RATIO: Final = 0.7
"""Bodies whose lengths differ by more are different pages (Jones et al. 2014: 95 % of block pages, 98.6 % of good)."""
_FRESH: Final = 900.0
"""Seconds for which a reference's page says what the page is."""
_REFUSALS: Final = frozenset({403, 451})
_ROBOT_TESTS: Final = ("captcha", "attention required", "just a moment", "are you a robot", "access denied")
_ROBOT_HEADERS: Final = frozenset({"cf-mitigated", "cf-chl-bypass", "x-amzn-waf-action"})


def answered(trial: HttpObservation) -> bool:
    """Tell whether an HTTP response came back."""
    return trial.status is not None


def location(trial: HttpObservation) -> str:
    """Return where a redirect leads, else empty."""
    if trial.status is None or not 300 <= trial.status < 400:
        return ""
    return next((value for name, value in trial.headers if name.lower() == "location"), "")


def destination(url: str, host: str) -> str:
    """Return the host a redirect leads to; a relative or unreadable one stays where it is."""
    try:
        return urlsplit(url).hostname or host
    except ValueError:
        return url


def _same_length(a: int, b: int) -> bool:
    """Tell whether two body lengths are within LENGTH_RATIO of each other."""
    return a == b or min(a, b) >= LENGTH_RATIO * max(a, b)


def _status(status: int | None) -> int | None:
    """Return a status with 206 read as 200: a server may honour or ignore the Range we send (RFC 9110 14.2)."""
    return 200 if status == 206 else status


def same_page(trial: HttpObservation, page: Page) -> bool:
    """Tell whether a response is the page a reference got, allowing for what changes between two visits."""
    if location(trial) and page.location:
        return destination(location(trial), trial.host) == destination(page.location, trial.host)
    if _status(trial.status) != _status(page.status):
        return False
    if trial.body_sha256 and trial.body_sha256 == page.sha256:
        return True
    if trial.body_redacted_sha256 and trial.body_redacted_sha256 == page.redacted_sha256:
        return True
    return _same_length(trial.body_bytes, page.body_bytes) or (bool(trial.title) and trial.title == page.title)


def same_response(a: HttpObservation, b: HttpObservation) -> bool:
    """Tell whether two responses of one measurement are one page, whatever Host was asked for."""
    if a.status != b.status:
        return False
    return _same_body(a, b) and location(a) == location(b)


def _same_body(a: HttpObservation, b: HttpObservation) -> bool:
    """Tell whether two bodies are known to be one: empty both, or one digest of them, as they came or redacted.

    A probe tells no digest of what names its reader, and none of what it could not look at: that is no equality.
    """
    if a.body_bytes == 0 and b.body_bytes == 0:
        return True
    pairs = ((a.body_sha256, b.body_sha256), (a.body_redacted_sha256, b.body_redacted_sha256))
    return any(one and one == other for one, other in pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpFacts(Facts):
    """What one HTTP measurement shows."""

    trials: int
    tls: bool
    authentic: bool
    """Over TLS, with a chain that verified for the name, in every own trial."""
    below: bool
    """No own trial got as far as HTTP: no connection, or TLS did not come about."""
    cut: bool
    """All trials were reset, closed or left silent after the request; often enough and spread in time."""
    reset: bool
    refused: bool
    """Every own trial got 403 or 451."""
    robot_test: bool
    control_answers: bool
    control_same: bool
    """Another Host on the same address gets the very same response."""
    printed: bool
    pages: int
    """Witnesses among the references that have a page (witnesses.py)."""
    differs: bool
    """Enough references got another page and agree among themselves, and not enough of them this one."""
    like_references: bool
    references_refused: bool
    references_welcome: bool
    """At least two references got 2xx or 3xx."""
    foreign_redirect: bool
    """Leads to a host where neither references nor controls are led."""
    references: Seen


def _robot(trials: Sequence[HttpObservation]) -> bool:
    """Tell whether a response is a test for robots."""
    return any(
        any(word in t.title.lower() for word in _ROBOT_TESTS) or any(n.lower() in _ROBOT_HEADERS for n, _ in t.headers)
        for t in trials
    )


def _cut(trial: HttpObservation) -> bool:
    """Tell whether a connection died after the request was sent."""
    ends = {Failure.CONNECTION_RESET, Failure.EOF, Failure.CONNECTION_ABORTED, Failure.GENERIC_TIMEOUT}
    sent = trial.connect_ms is not None and (not trial.tls or trial.tls_verified is not None)
    return trial.status is None and sent and trial.failure in ends


def _good(trial: HttpObservation) -> bool:
    """Tell whether a response is one a visitor would call working."""
    return trial.status is not None and trial.status not in _REFUSALS and trial.status < 500


def _others(got: Sequence[HttpObservation], pages: Sequence[Page], least: int) -> bool:
    """Tell whether ``least`` witnesses got another page, and more than got this one, which not enough of them did.

    One is enough to doubt, never to accuse, and its word for this page excuses nobody against two.
    """
    same = [page for page in pages if any(same_page(trial, page) for trial in got)]
    other, like = backed(page for page in pages if page not in same), backed(same)
    return bool(got) and other >= least and other > like and like < ENOUGH


def _agree(pages: Sequence[Page]) -> bool:
    """Tell whether enough references got one status, and no more than one witness got any other."""
    counts = {status: backed(p for p in pages if _status(p.status) == status) for status in map(_page_status, pages)}
    most = max(counts, key=lambda status: counts[status], default=None)
    return bool(counts) and counts[most] >= ENOUGH > backed(p for p in pages if _status(p.status) != most)


def _page_status(page: Page) -> int | None:
    return _status(page.status)


def _led(pages: Sequence[Page], host: str) -> set[str]:
    """Return the hosts that references are led to: by enough of them, or by no fewer than are led elsewhere."""
    aims = {destination(page.location, host) for page in pages if page.location}
    counts = {aim: backed(p for p in pages if p.location and destination(p.location, host) == aim) for aim in aims}
    return {aim for aim, count in counts.items() if count >= ENOUGH or count * 2 >= backed(pages)}


def facts(measurement: Measurement, context: Context) -> HttpFacts:
    """Gather what the rules ask from one measurement."""
    trials = trials_of(measurement, HttpObservation)
    subject = subjects(trials)
    own = [t for t in subject if not t.carried]
    got = [t for t in own if answered(t)]
    others = [
        t for t in trials if t.arm in {Arm.NEIGHBOUR, Arm.CONTROL, Arm.SCRAMBLED} and not t.carried and answered(t)
    ]
    offset = context.clock_offset
    near = pages_of(
        context.references, measurement.target, measurement.started - offset - _FRESH, measurement.ended - offset
    )
    like = bool(got) and all(backed(page for page in near if same_page(t, page)) >= ENOUGH for t in got)
    alone = _others(got, near, least=1)
    printed = next((p for t in got if (p := context.fingerprints.page(t.title, t.headers)) is not None), None)
    bad = [t for t in subject if not _good(t) or alone or printed is not None]
    since, until = began(bad, measurement), ended(bad, measurement)
    # Accusing takes pages from the very time: a redesign or a maintenance page must not become a block page.
    pages = pages_of(context.references, measurement.target, since - offset, until - offset)
    differs = _others(got, pages, least=ENOUGH) and _agree([p for p in pages if not any(same_page(t, p) for t in got)])
    led = _led(pages, measurement.host)
    led |= {destination(location(t), measurement.host) for t in others if location(t)}
    aims = {destination(location(t), measurement.host) for t in got if location(t)}
    strange = bool(aims) and not aims & led and measurement.host not in aims and backed(pages) >= ENOUGH
    welcome = backed(page for page in pages if page.status is not None and page.status < 400)
    turned_away = backed(page for page in near if page.status in _REFUSALS)
    whole = len(got) == len(own) > 0
    suspect = printed is not None or strange or (alone and not like)
    passed = whole and all(_good(t) for t in got) and not suspect
    control = next((t.packets for t in others if t.packets), ())
    score = series_score((t.packets for t in own if t.packets), (control,))
    signs = {"artefact"} if printed is not None else set()
    if score >= FORGED and (is_whole(control) or not limited(measurement, context.no_limits)):
        signs.add("forged_packet")
    if any(t.arm is Arm.NEIGHBOUR and _good(t) for t in others):
        signs.add("neighbour_ok")
    return HttpFacts(
        **common(
            measurement,
            context,
            failed=bool(own) and not any(_good(t) for t in own),
            passed=passed,
            since=since,
            score=score,
            signs=frozenset(signs),
        ),
        trials=len(own),
        tls=any(t.tls for t in own),
        authentic=bool(own) and all(t.tls and t.tls_verified is True for t in own),
        below=bool(own) and all(t.connect_ms is None or (t.tls and t.tls_verified is None) for t in own),
        cut=len(subject) >= MIN_TRIALS and all(_cut(t) for t in subject) and spread_out([t.at for t in subject]),
        reset=sum(t.failure is not Failure.GENERIC_TIMEOUT for t in subject) * 2 > len(subject),
        refused=whole and all(t.status in _REFUSALS for t in own),
        robot_test=_robot(got),
        control_answers=bool(others),
        control_same=any(same_response(t, o) for t in got for o in others),
        printed=printed is not None,
        pages=backed(pages),
        differs=differs,
        like_references=like,
        references_refused=turned_away >= ENOUGH
        and turned_away > backed(page for page in near if page.status not in _REFUSALS),
        references_welcome=welcome >= ENOUGH,
        foreign_redirect=strange,
        references=seen_of_target(measurement, context, since, until),
    )
