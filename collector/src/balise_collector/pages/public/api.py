"""The public JSON interface, version 1: the same that the public pages say, for programs. Read-only.

Lives here: the shapes of the answers, which openapi.py describes and the tests compare. Must not live here: what may be
seen (filter.py has decided that before), HTML. Times are UNIX seconds on boundaries of five minutes.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from balise_collector.conclude.together import WINDOW
from balise_collector.incidents.findings import Finding
from balise_collector.incidents.lengths import past
from balise_collector.incidents.model import Incident, IncidentKind, Interval, RateShare
from balise_collector.judge.verdict import Verdict
from balise_collector.pages.public.filter import PublicView, window
from balise_collector.pages.public.openapi import OPENAPI
from balise_collector.pages.public.sanitised import Sanitised
from balise_collector.pages.views import answer, formatting, request_parameters
from balise_collector.pages.views.parts import parts
from balise_wire.bins import BIN

_EARLIEST: Final = 946_684_800.0
"""2000-01-01T00:00:00Z: nothing was measured before."""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A moment known as an interval."""

    earliest: float | None
    latest: float
    staggered: bool
    masked: bool


class Providers(msgspec.Struct, frozen=True, kw_only=True):
    """How far it reaches: AS numbers of providers that enough probes stand on."""

    affected: tuple[int, ...]
    clean: tuple[int, ...]
    not_measured: tuple[int, ...]
    withheld: tuple[str, ...]
    affected_probes: int | None
    measured_probes: int | None


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """How fast slowed transfers were."""

    kbps: float
    control_kbps: float
    ratio: float
    low: float | None
    high: float | None
    up: bool


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One mechanism."""

    mechanism: str
    asns: tuple[int, ...]
    roles: tuple[str, ...]
    onset: Moment | None
    end: Moment | None
    rate: Rate | None


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """An interruption beside the earlier ones of the same service in the same country."""

    seconds: float
    earlier: int
    dated: int
    shorter: int
    percentile: float | None
    baseline: bool


class References(msgspec.Struct, frozen=True, kw_only=True):
    """What the references abroad saw."""

    ok: int
    failed: int
    countries_ok: tuple[str, ...]


class PublicIncident(msgspec.Struct, frozen=True, kw_only=True):
    """One incident."""

    id: str
    revision: int
    sentence: str
    kind: str
    state: str
    country: str
    service: str
    roles: tuple[str, ...]
    layers: tuple[str, ...]
    onset: Moment
    end: Moment | None
    scope: Providers
    mechanisms: tuple[Way, ...]
    locality: str
    references: References
    grade: str
    group: str
    recurrences: int
    beside: Beside | None
    duty_cycle: float | None
    rules_version: str


class PublicCell(msgspec.Struct, frozen=True, kw_only=True):
    """What the newest measurements of a provider say of one role and layer of a service."""

    country: str
    asn: int
    reference: bool
    service: str
    role: str
    layer: str
    states: dict[str, int]
    probes: int


class PublicPart(msgspec.Struct, frozen=True, kw_only=True):
    """How one part of a service does."""

    role: str
    word: str
    since: Moment | None
    incident: str
    times: int
    confidence: str


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of an incident, and when it was noted."""

    noted_at: float
    incident: PublicIncident


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown of the measurements behind an incident."""

    released: bool
    measurements: tuple[Sanitised, ...]


class IncidentsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``GET /api/v1/incidents``."""

    generated: float
    incidents: tuple[PublicIncident, ...]
    withdrawn: tuple[PublicIncident, ...]


class IncidentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``GET /api/v1/incidents/{id}``."""

    generated: float
    incident: PublicIncident
    revisions: tuple[Said, ...]
    evidence: Evidence


class MatrixAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``GET /api/v1/matrix``."""

    generated: float
    at: float
    cells: tuple[PublicCell, ...]


class PartsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``GET /api/v1/parts``."""

    generated: float
    at: float
    country: str
    service: str
    parts: tuple[PublicPart, ...]


class ErrorAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Every answer above 399."""

    error: str


Question = Callable[[PublicView, Request], msgspec.Struct]


def incidents(view: PublicView, _request: Request) -> IncidentsAnswer:
    """Return every incident that may be seen, by onset, and every one that was told and taken back."""
    found = tuple(_incident(one, view) for one in view.store.incidents())
    gone = tuple(_incident(one, view) for one in view.store.withdrawn())
    return IncidentsAnswer(generated=view.now, incidents=found, withdrawn=gone)


def incident(view: PublicView, request: Request) -> IncidentAnswer:
    """Return one incident with all that was said of it (HTTPException 404)."""
    name = request_parameters.incident_id(request.path_params["id"])
    told = view.store.revisions(name)
    if not told:
        raise HTTPException(404, "there is no such incident; see /api/v1/incidents")
    return IncidentAnswer(
        generated=view.now,
        incident=_incident(told[-1][1], view),
        revisions=tuple(Said(noted_at=at, incident=_incident(one, view)) for at, one in told),
        evidence=Evidence(released=view.seen.is_released(name), measurements=view.seen.exhibits(name)),
    )


def matrix(view: PublicView, request: Request) -> MatrixAnswer:
    """Return what the last whole quarter of an hour before a moment says of each place (HTTPException 400)."""
    at = window(min(moment(request.query_params, view.now), view.now))
    places: defaultdict[tuple[str, int, bool, str, str, str], list[Verdict]] = defaultdict(list)
    for one in view.store.verdicts(at - WINDOW, at):
        network = one.network
        key = (network.country, network.asn, one.reference, one.service, one.role.value, one.layer.value)
        places[key].append(one)
    cells = tuple(
        PublicCell(
            country=country,
            asn=asn,
            reference=reference,
            service=service,
            role=role,
            layer=layer,
            states=dict(sorted(Counter(one.state.value for one in held).items())),
            probes=len({one.probe for one in held}),
        )
        for (country, asn, reference, service, role, layer), held in sorted(places.items())
    )
    return MatrixAnswer(generated=view.now, at=at, cells=cells)


def service_parts(view: PublicView, request: Request) -> PartsAnswer:
    """Return how each part of a service does in a country (HTTPException 400, 404)."""
    asked = request.query_params
    country, service = (request_parameters.country(asked.get("country", "")), asked.get("service", ""))
    if not country or not service:
        raise HTTPException(400, "give ?country= and &service=, e.g. ?country=PK&service=twitter")
    if service not in view.services or country not in answer.countries(view):
        raise HTTPException(404, "that service is not measured there; see /api/v1/matrix")
    at = window(min(moment(asked, view.now), view.now))
    return PartsAnswer(
        generated=view.now,
        at=at,
        country=country,
        service=service,
        parts=tuple(
            PublicPart(
                role=one.role.value,
                word=one.word.value,
                since=_moment(one.since) if one.since else None,
                incident=one.incident,
                times=one.times,
                confidence=one.confidence,
            )
            for one in parts(view, country, service, at)
        ),
    )


QUESTIONS: Final[Mapping[str, Question]] = {
    "/api/v1/incidents": incidents,
    "/api/v1/incidents/{id}": incident,
    "/api/v1/matrix": matrix,
    "/api/v1/parts": service_parts,
}


def moment(asked: Mapping[str, str], now: float) -> float:
    """Return the moment asked for as ``at``, in UNIX seconds; ``now`` where none is (HTTPException 400)."""
    text = asked.get("at")
    if text is None:
        return now
    try:
        at = float(text)
    except ValueError:
        at = math.nan
    if not math.isfinite(at) or at < _EARLIEST:
        raise HTTPException(400, f"at={text[:40]!r} is no time; give UNIX seconds, e.g. at={int(now // BIN * BIN)}")
    return at


def answering(look: Callable[[], PublicView], question: Question) -> Callable[[Request], Response]:
    """Wrap a question: its answer, or its refusal, becomes JSON."""

    def answer(request: Request) -> Response:
        try:
            return _json(question(look(), request), 200)
        except HTTPException as error:
            return refusal(error)

    return answer


def refusal(error: HTTPException) -> Response:
    """Return a refusal as JSON."""
    return _json(ErrorAnswer(error=error.detail), error.status_code)


def description(_request: Request) -> Response:
    """Answer ``/api/v1/openapi.json``."""
    return Response(msgspec.json.encode(OPENAPI), media_type="application/json")


def _json(content: msgspec.Struct, status: int) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def _moment(one: Interval) -> Moment:
    return Moment(earliest=one.earliest, latest=one.latest, staggered=one.staggered, masked=one.masked)


def _incident(one: Incident, view: PublicView) -> PublicIncident:
    """Return an incident as the interface tells it; nothing but findings gets this far (TypeError)."""
    if not isinstance(one, Finding):
        raise TypeError(f"{one.id}: no finding, and about to be published")
    scope, hidden = one.scope, bool(one.scope.withheld) and not one.scope.measured_probes
    return PublicIncident(
        id=one.id,
        revision=one.revision,
        sentence=formatting.sentence(one, view),
        kind=one.kind.value,
        state=one.state.value,
        country=one.country,
        service=one.service,
        roles=tuple(role.value for role in one.roles),
        layers=one.layers,
        onset=_moment(one.onset),
        end=_moment(one.end) if one.end else None,
        scope=Providers(
            affected=scope.affected,
            clean=scope.clean,
            not_measured=scope.not_measured,
            withheld=scope.withheld,
            affected_probes=None if hidden else scope.affected_probes,
            measured_probes=None if hidden else scope.measured_probes,
        ),
        mechanisms=tuple(
            Way(
                mechanism=share.mechanism.value,
                asns=share.asns,
                roles=tuple(role.value for role in share.roles),
                onset=_moment(share.onset) if share.onset else None,
                end=_moment(share.end) if share.end else None,
                rate=_rate(share.rate) if share.rate is not None else None,
            )
            for share in one.mechanisms
        ),
        locality=one.locality.value,
        references=References(
            ok=one.references.ok, failed=one.references.failed, countries_ok=one.references.countries_ok
        ),
        grade=one.grade,
        group=one.group,
        recurrences=one.recurrences,
        beside=_beside(one, view),
        duty_cycle=one.duty_cycle,
        rules_version=one.rules_version,
    )


def _beside(one: Incident, view: PublicView) -> Beside | None:
    """Return how an interruption compares with those before it; ``None`` of any other incident."""
    if one.kind is not IncidentKind.INTERFERENCE:
        return None
    known = past(one, view.store.incidents(), view.now)
    return Beside(
        seconds=known.least,
        earlier=known.earlier,
        dated=known.dated,
        shorter=known.shorter,
        percentile=known.percentile,
        baseline=known.baseline,
    )


def _rate(seen: RateShare) -> Rate:
    return Rate(
        kbps=seen.kbps,
        control_kbps=seen.control_kbps,
        ratio=seen.ratio,
        low=seen.low,
        high=seen.high,
        up=seen.up,
    )
