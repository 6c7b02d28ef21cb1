"""What one HTTP measurement shows: block pages, forged redirects, cuts by Host, refusals of the server itself. Pure.

In clear a refusal is never called the server's: anybody on the way could have written it. Must not live here: what
follows from the facts (rules.py), or TLS failures below HTTP (the TLS layer tells).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from balise_collector.experiments.http.references import (
    Page,
    authentic_aims,
    authentic_title,
    backed,
    header,
    is_new,
    pages_of,
    whole_bytes,
)
from balise_collector.judge.context import Context
from balise_collector.judge.injection import FORGED, is_whole, series_score
from balise_collector.judge.limits import limited
from balise_collector.judge.references import Seen
from balise_collector.judge.rules import MIN_TRIALS, Facts, common, spread_out
from balise_collector.judge.sites import same_site, site
from balise_collector.judge.trials import began, ended, seen_of_target, subjects, trials_of
from balise_collector.judge.witnesses import ENOUGH
from balise_wire.experiments.http import HttpObservation
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.words import Arm

LENGTH_RATIO: Final = 0.7
"""Bodies whose lengths differ by more are different pages (Jones et al. 2014: 95 % of block pages, 98.6 % of good)."""
_TURN: Final = 3900.0
"""Seconds in which a reference fetches a page again, on the slowest timetable that references have."""
_AUTHENTIC: Final = 6 * 3600.0
"""Seconds for which what the service itself said over TLS says what is its own."""
_REFUSALS: Final = frozenset({403, 451})
_TOO_MANY: Final = 429
_UNAVAILABLE: Final = 503
_ROBOT_TESTS: Final = ("captcha", "attention required", "just a moment", "are you a robot")
_ROBOT_HEADERS: Final = frozenset({"cf-mitigated", "cf-chl-bypass", "x-amzn-waf-action"})
_FRONTS: Final = (
    "cloudflare",
    "akamai",
    "cloudfront",
    "varnish",
    "fastly",
    "gws",
    "sffe",
    "esf",
    "ecs",
    "ecacc",
    "awselb",
)
"""How the fronts of content networks begin their name: another one than abroad is no box on the way."""
_UNREAD: Final = frozenset({Failure.HTTP_MALFORMED, Failure.TOO_LARGE})
"""An answer came, and our reader did not understand it."""
_IDLE_MS: Final = 3_000.0
"""Milliseconds without a byte behind which a transfer stands still; a line of 60 kb/s brings a segment every 0.2 s."""
FREEZE_LEAST: Final = 8_000
FREEZE_MOST: Final = 64_000
"""TCP payload bytes after which a connection that freezes was let begin (15 to 20 KB in Russia since 2025)."""


def answered(trial: HttpObservation) -> bool:
    """Tell whether an HTTP response came back."""
    return trial.status is not None


def location(trial: HttpObservation) -> str:
    """Return where a redirect leads, else empty."""
    if trial.status is None or not 300 <= trial.status < 400:
        return ""
    return header(trial, "location")


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


def likeness(trial: HttpObservation, page: Page) -> bool | None:
    """Tell whether a response is the page a reference got, allowing for what changes between two visits.

    Titles that differ make two pages, whatever their lengths; a length that was cut says nothing. ``None`` where
    nothing tells.
    """
    if location(trial) and page.location:
        return same_site(destination(location(trial), trial.host), destination(page.location, trial.host))
    if _status(trial.status) != _status(page.status):
        return False
    if trial.body_sha256 and trial.body_sha256 == page.sha256:
        return True
    if trial.body_redacted_sha256 and trial.body_redacted_sha256 == page.redacted_sha256:
        return True
    if trial.title and page.title:
        return trial.title == page.title
    length = whole_bytes(trial)
    return None if length is None or page.whole_bytes is None else _same_length(length, page.whole_bytes)


def same_page(trial: HttpObservation, page: Page) -> bool:
    """Tell whether a response is known to be the page a reference got."""
    return likeness(trial, page) is True


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
    unread: bool
    """What failed were answers that our reader did not understand."""
    cut: bool
    """All trials were reset, closed or left silent after the request; often enough and spread in time."""
    reset: bool
    frozen: bool
    """All trials brought some kilobytes and then nothing more; no name on the address brought more."""
    refused: bool
    """Every own trial got 403 or 451."""
    robot_test: bool
    too_many: bool
    """Every own trial got 429, or 503 with a time to come back at: the server asks for patience."""
    server_error: bool
    """Every own trial got a status from 500 on."""
    control_answers: bool
    control_same: bool
    """Another Host on the same address gets the very same response."""
    printed: bool
    pages: int
    """Witnesses among the references that have a page (witnesses.py)."""
    differs: bool
    """Enough references got another page and agree among themselves, and not enough of them this one."""
    foreign: bool
    """The page's own marks are not the service's: its server has a name that nobody knows it by, or where no server is
    named title and length both differ."""
    own_page: bool
    """The service itself shows this page over verified TLS."""
    like_references: bool
    references_refused: bool
    references_welcome: bool
    """At least two references got 2xx or 3xx."""
    foreign_redirect: bool
    """Leads to a site where neither references nor controls nor the service itself lead, and that is not its own."""
    awaits_pages: bool
    """The answer looks strange beside older pages of references; too few of them were fetched since it first came."""
    references: Seen

    @property
    def proved(self) -> bool:
        """A sign is there that no server, edge or limiter can produce."""
        return "forged_packet" in self.signs


def _robot(trials: Sequence[HttpObservation]) -> bool:
    """Tell whether a response is a test for robots."""
    return any(
        t.robot_test is True
        or any(word in t.title.lower() for word in _ROBOT_TESTS)
        or any(n.lower() in _ROBOT_HEADERS for n, _ in t.headers)
        for t in trials
    )


def _cut(trial: HttpObservation) -> bool:
    """Tell whether a connection died after the request was sent."""
    ends = {Failure.CONNECTION_RESET, Failure.EOF, Failure.CONNECTION_ABORTED, Failure.GENERIC_TIMEOUT}
    sent = trial.connect_ms is not None and (not trial.tls or trial.tls_verified is not None)
    return trial.status is None and sent and trial.failure in ends


def _frozen(trial: HttpObservation) -> bool:
    """Tell whether a transfer brought some kilobytes and then nothing more."""
    brought = trial.wire_bytes
    stopped = trial.failure is Failure.GENERIC_TIMEOUT and brought is not None and _is_idle(trial)
    return stopped and brought is not None and FREEZE_LEAST <= brought <= FREEZE_MOST


def _is_idle(trial: HttpObservation) -> bool:
    """Tell whether nothing came any more; where that was not told, a transfer that ran out of time counts.

    Seconds without a byte, or half of the trial: a probe with short time-outs waits less, and one whose line goes on
    bringing bytes has had the last of them just now.
    """
    return trial.idle_ms is None or trial.idle_ms >= _IDLE_MS or 2 * trial.idle_ms >= (trial.elapsed_ms or 0.0) > 0.0


def _too_many(trial: HttpObservation) -> bool:
    """Tell whether a server asks for patience (RFC 6585 4, RFC 9110 10.2.3)."""
    return trial.status == _TOO_MANY or (trial.status == _UNAVAILABLE and trial.retry_after is not None)


def _good(trial: HttpObservation) -> bool:
    """Tell whether a response is one a visitor would call working."""
    if trial.status is None or trial.status in _REFUSALS or trial.status == _TOO_MANY or trial.status >= 500:
        return False
    return trial.failure is not Failure.GENERIC_TIMEOUT


def _others(got: Sequence[HttpObservation], pages: Sequence[Page], least: int) -> bool:
    """Tell whether ``least`` witnesses got another page, and more than got this one, which not enough of them did.

    One is enough to doubt, never to accuse, and its word for this page excuses nobody against two.
    """
    same = [page for page in pages if any(same_page(trial, page) for trial in got)]
    other = backed(page for page in pages if got and all(likeness(trial, page) is False for trial in got))
    like = backed(same)
    return bool(got) and other >= least and other > like and like < ENOUGH


def _agree(pages: Sequence[Page]) -> bool:
    """Tell whether enough references got one status, and no more than one witness got any other."""
    counts = {status: backed(p for p in pages if _status(p.status) == status) for status in map(_page_status, pages)}
    most = max(counts, key=lambda status: counts[status], default=None)
    return bool(counts) and counts[most] >= ENOUGH > backed(p for p in pages if _status(p.status) != most)


def _page_status(page: Page) -> int | None:
    return _status(page.status)


def _foreign(got: Sequence[HttpObservation], others: Sequence[HttpObservation], pages: Sequence[Page]) -> bool:
    """Tell whether pages that differ bear marks that are not the service's.

    The service's own front says another thing to a country now and then, under its own name. Where nobody names a
    server, both title and length must be others.
    """
    servers = {header(t, "server").lower() for t in got} - {""}
    usual = {page.server for page in pages} | {header(t, "server").lower() for t in others}
    if servers:
        return not servers & usual and not any(name.startswith(_FRONTS) for name in servers)
    if usual - {""}:
        return False
    return all(_both_differ(trial, page) for trial in got for page in pages)


def _both_differ(trial: HttpObservation, page: Page) -> bool:
    """Tell whether title and whole length are both known, and both others."""
    length, theirs = whole_bytes(trial), page.whole_bytes
    known = length is not None and theirs is not None
    return known and bool(page.title) and trial.title != page.title and not _same_length(length or 0, theirs or 0)


def _led(pages: Sequence[Page], host: str) -> set[str]:
    """Return the hosts that references are led to: by enough of them, or by no fewer than are led elsewhere."""
    aims = {destination(page.location, host) for page in pages if page.location}
    counts = {aim: backed(p for p in pages if p.location and destination(p.location, host) == aim) for aim in aims}
    return {aim for aim, count in counts.items() if count >= ENOUGH or count * 2 >= backed(pages)}


def _stays(
    got: Sequence[HttpObservation], others: Sequence[HttpObservation], pages: Sequence[Page], ours: Iterable[str]
) -> bool | None:
    """Tell whether redirects lead to the service's own sites, or where others are led; ``None`` without a redirect."""
    aims = {(t.host, destination(location(t), t.host)) for t in got if location(t)}
    if not aims:
        return None
    hosts = {host for host, _ in aims}
    known = {site(host) for host in ours}
    for host in hosts:
        known |= {site(aim) for aim in _led(pages, host)}
        known |= {site(destination(location(t), host)) for t in others if location(t)}
    return any(same_site(host, aim, ours) or site(aim) in known for host, aim in aims)


class _Abroad:
    """What references got, held against what came here."""

    def __init__(self, got: Sequence[HttpObservation], near: Sequence[Page], pages: Sequence[Page]) -> None:
        self.near, self.pages = near, pages
        ended_well = bool(got) and not any(t.failure is Failure.GENERIC_TIMEOUT for t in got)
        self.like = ended_well and all(backed(page for page in near if same_page(t, page)) >= ENOUGH for t in got)
        self.alone = _others(got, near, least=1)
        self.others = [p for p in pages if not any(same_page(t, p) for t in got)]
        """Without who got this very page: too few of them to excuse it must not lend it their marks either."""
        self.differs = _others(got, pages, least=ENOUGH) and _agree(self.others)
        self.welcome = backed(page for page in pages if page.status is not None and page.status < 400)
        self.turned_away = backed(page for page in near if page.status in _REFUSALS)
        self.refused = self.turned_away >= ENOUGH and self.turned_away > backed(
            page for page in near if page.status not in _REFUSALS
        )


def facts(measurement: Measurement, context: Context) -> HttpFacts:
    """Gather what the rules ask from one measurement."""
    trials = trials_of(measurement, HttpObservation)
    subject = subjects(trials)
    own = [t for t in subject if not t.carried]
    got = [t for t in own if answered(t)]
    beside = [t for t in trials if t.arm in {Arm.NEIGHBOUR, Arm.CONTROL, Arm.SCRAMBLED} and not t.carried]
    others = [t for t in beside if answered(t)]
    offset, table, target = context.clock_offset, context.references, measurement.target
    near = pages_of(table, target, measurement.started - offset - _TURN, measurement.ended - offset)
    # Where none of them had fetched it before, what they get first tells.
    near = near or pages_of(table, target, measurement.started - offset, measurement.ended - offset + _TURN)
    printed = any(context.fingerprints.page(t.title, t.headers) is not None for t in got)
    bad = [t for t in subject if not _good(t) or printed]
    first = _Abroad(got, near, ())
    bad = list(subject) if first.alone else bad
    since, until = began(bad, measurement), ended(bad, measurement)
    control = next((t.packets for t in others if t.packets), ())
    score = series_score((t.packets for t in own if t.packets), (control,))
    # Each reference's page of that time, by its own timetable.
    pages = pages_of(table, target, since - offset - _TURN, until - offset + _TURN)
    # Accusing takes their pages since then: what the service changed for everybody, whoever meets it first accuses.
    # A forged packet needs nobody's word.
    signs = _signs(measurement, context, others, score, printed=printed)
    fresh = backed(pages_of(table, target, since - offset, until - offset + _TURN))
    spoken = fresh >= ENOUGH or "forged_packet" in signs
    abroad = _Abroad(got, near, pages)
    long_ago = since - offset - _AUTHENTIC
    itself = {destination(url, measurement.host) for url in authentic_aims(table, measurement.host, long_ago)}
    stays = _stays(got, others, pages, (*context.names, *itself))
    strange = stays is False and backed(pages) >= ENOUGH
    own_page = bool(got) and all(
        not t.tls and _good(t) and authentic_title(table, t.host, t.title, long_ago) for t in got
    )
    whole = len(got) == len(own) > 0
    # In clear anybody can have written a page; before any reference had its turn nobody can say whose it is.
    unseen = not all(t.tls for t in got) and not context.reference and is_new(table, target, since - offset, _TURN)
    suspect = printed or strange or (abroad.alone and not (abroad.like or own_page or stays))
    return HttpFacts(
        **common(
            measurement,
            context,
            failed=bool(own) and not any(_good(t) for t in own),
            passed=whole and all(_good(t) for t in got) and not suspect and not unseen,
            failing=(since, until),
            score=score,
            signs=signs,
        ),
        trials=len(own),
        tls=any(t.tls for t in own),
        authentic=bool(own) and all(t.tls and t.tls_verified is True for t in own),
        below=bool(own) and all(t.connect_ms is None or (t.tls and t.tls_verified is None) for t in own),
        unread=bool(own) and not got and all(t.failure in _UNREAD for t in own),
        cut=len(subject) >= MIN_TRIALS and all(_cut(t) for t in subject) and spread_out([t.at for t in subject]),
        reset=sum(t.failure is not Failure.GENERIC_TIMEOUT for t in subject) * 2 > len(subject),
        frozen=_all_frozen(subject, beside),
        refused=whole and all(t.status in _REFUSALS for t in own),
        robot_test=_robot(got),
        too_many=whole and all(_too_many(t) for t in own),
        server_error=whole and all(t.status is not None and t.status >= 500 for t in own),
        control_answers=bool(others),
        control_same=any(same_response(t, o) for t in got for o in others),
        printed=printed,
        pages=backed(pages),
        differs=abroad.differs and not stays and spoken,
        foreign=_foreign(got, others, abroad.others),
        own_page=own_page and whole,
        like_references=abroad.like and whole,
        references_refused=abroad.refused,
        references_welcome=abroad.welcome >= ENOUGH,
        foreign_redirect=strange and spoken,
        awaits_pages=(suspect and not spoken) or unseen,
        references=seen_of_target(measurement, context, since, until),
    )


def _all_frozen(subject: Sequence[HttpObservation], beside: Sequence[HttpObservation]) -> bool:
    """Tell whether every transfer from the address froze after some kilobytes, and no other name's brought more."""
    enough = len(subject) >= MIN_TRIALS and spread_out([t.at for t in subject])
    brought = max((t.wire_bytes or 0 for t in subject), default=0)
    return enough and all(_frozen(t) for t in subject) and all((t.wire_bytes or 0) <= brought * 2 for t in beside)


def _signs(
    measurement: Measurement, context: Context, others: Sequence[HttpObservation], score: float, *, printed: bool
) -> frozenset[str]:
    """Return the signs of a series."""
    control = next((t.packets for t in others if t.packets), ())
    signs = {"artefact"} if printed else set()
    if score >= FORGED and (is_whole(control) or not limited(measurement, context.no_limits)):
        signs.add("forged_packet")
    if any(t.arm is Arm.NEIGHBOUR and _good(t) for t in others):
        signs.add("neighbour_ok")
    return frozenset(signs)
