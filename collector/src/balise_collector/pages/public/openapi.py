"""The public interface described in OpenAPI 3.1, written by hand: what a program may rely on in version 1.

A table. A test compares it with the real routes, and real answers with its schemas. Must not live here: code that
answers (api.py).
"""

from typing import Any, Final

from balise_collector.fleet.catalogue import Confidence
from balise_collector.incidents.model import IncidentKind, IncidentState, Locality
from balise_collector.incidents.parts import PartWord
from balise_collector.judge.verdict import VerdictState
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Experiment, TargetRole

_TIME: Final = {"type": "number", "description": "UNIX seconds, on a boundary of five minutes."}
_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_YES: Final = {"type": "boolean"}
_NUMBER: Final = {"type": "number", "minimum": 0}
_COUNTRY: Final = {"type": "string", "pattern": "^([A-Z]{2}|[*][*])$", "description": "ISO 3166-1; ** is everywhere."}
_ASN: Final = {"type": "integer", "minimum": 0, "description": "AS number; 0 for references, which count by country."}
_ID: Final = {"type": "string", "pattern": "^[0-9a-f]{12}$"}


def _words(values: Any) -> dict[str, Any]:
    return {"type": "string", "enum": [value.value for value in values]}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(description: str, **properties: Any) -> dict[str, Any]:
    """Return an object all of whose properties are always there."""
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _get(summary: str, schema: str, refusals: tuple[str, ...], *parameters: dict[str, Any]) -> dict[str, Any]:
    """Return one question."""
    why = {"400": "The question cannot be answered.", "404": "There is no such incident."}
    answers: dict[str, Any] = {
        "200": {"description": summary, "content": {"application/json": {"schema": _ref(schema)}}},
        "304": {"description": "Unchanged since the ETag that was sent."},
    }
    for status in refusals:
        answers[status] = {"description": why[status], "content": {"application/json": {"schema": _ref("Error")}}}
    return {"get": {"summary": summary, "parameters": list(parameters), "responses": answers}}


_SCHEMAS: Final = {
    "Error": _object("Why a question was refused.", error=_TEXT),
    "Interval": _object(
        "A moment known to lie between two observations, rounded outward to five minutes.",
        earliest=_or_null(_TIME),
        latest=_TIME,
        staggered={**_YES, "description": "The probes' own intervals do not intersect."},
        masked={**_YES, "description": "Another fault hid the moment."},
    ),
    "Scope": _object(
        "Providers that at least k probes stand on. Words in withheld name lists that are not complete; where the sum "
        "of probes would give one away it is null.",
        affected=_list(_ASN),
        clean=_list(_ASN),
        not_measured=_list(_ASN),
        withheld=_list({"type": "string", "enum": ["affected", "clean", "not_measured"]}),
        affected_probes=_or_null(_COUNT),
        measured_probes=_or_null(_COUNT),
    ),
    "Rate": _object(
        "How fast transfers were that were held down, beside a control's on the same server: kilobits a second, their "
        "ratio with its 95 % interval, and whether uploads alone were.",
        kbps=_NUMBER,
        control_kbps=_NUMBER,
        ratio=_NUMBER,
        low=_or_null(_NUMBER),
        high=_or_null(_NUMBER),
        up={"type": "boolean"},
    ),
    "Mechanism": _object(
        "One mechanism, and where it was measured; no provider: not published.",
        mechanism=_words(Mechanism),
        asns=_list(_ASN),
        roles=_list(_words(TargetRole)),
        onset=_or_null(_ref("Interval")),
        end=_or_null(_ref("Interval")),
        rate=_or_null(_ref("Rate")),
    ),
    "References": _object(
        "What probes abroad saw of the same endpoints.", ok=_COUNT, failed=_COUNT, countries_ok=_list(_COUNTRY)
    ),
    "Incident": _object(
        "One event on one service in one country, confirmed by at least two independent witnesses.",
        id=_ID,
        revision=_COUNT,
        sentence={**_TEXT, "description": "The incident in one English sentence."},
        kind=_words(IncidentKind),
        state=_words(state for state in IncidentState if state is not IncidentState.UNCONFIRMED),
        country=_COUNTRY,
        service=_TEXT,
        roles=_list(_words(TargetRole)),
        layers=_list(_words(Experiment)),
        onset=_ref("Interval"),
        end=_or_null(_ref("Interval")),
        scope=_ref("Scope"),
        mechanisms=_list(_ref("Mechanism")),
        locality=_words(Locality),
        references=_ref("References"),
        grade={"type": "string", "enum": ["A", "B", "C", ""]},
        group={**_TEXT, "description": "Shared by incidents whose beginnings coincide; may be empty."},
        recurrences=_COUNT,
        beside=_or_null(_ref("Beside")),
        duty_cycle=_or_null({"type": "number", "minimum": 0, "maximum": 1}),
        rules_version=_TEXT,
    ),
    "Beside": _object(
        "An interruption beside the earlier ones of the same service in the same country; null of other incidents.",
        seconds={**_NUMBER, "description": "How long it lasted, or has lasted, at least."},
        earlier={**_COUNT, "description": "Earlier ones, which ended before it began."},
        dated={**_COUNT, "description": "Of these, those whose beginning and end are known."},
        shorter={**_COUNT, "description": "Of the dated, those that were surely shorter."},
        percentile=_or_null({"type": "number", "minimum": 0, "maximum": 100, "description": "Null of too few."}),
        baseline={**_YES, "description": "It began before our first measurement: the usual state there."},
    ),
    "Part": _object(
        "How one part of a service does in a country.",
        role=_words(TargetRole),
        word=_words(PartWord),
        since=_or_null(_ref("Interval")),
        incident={**_TEXT, "description": "Id of the incident that the word rests on; may be empty."},
        times={**_COUNT, "description": "Earlier confirmed interruptions of it."},
        confidence={"type": "string", "enum": [*(one.value for one in Confidence), ""], "description": "Of its hosts."},
    ),
    "Packet": _object(
        "One packet, redrawn.",
        after_ms={"type": "integer", "description": "Since the trial began; to 500 below 2000, else 2000."},
        direction={"type": "string", "enum": ["sent", "came", "unclear"]},
        what=_TEXT,
        ttl={"type": "string", "enum": ["like the server's", "unlike the server's", "-"]},
        length={**_TEXT, "description": "Bytes of payload, as a class."},
        marked={**_YES, "description": "It bears signs of forgery."},
    ),
    "Trial": _object(
        "One trial, redrawn.",
        number=_COUNT,
        arm=_TEXT,
        subject=_YES,
        after_s={"type": "integer", "description": "Since the first trial, to 10 s."},
        result=_TEXT,
        took_ms=_COUNT,
        packets=_list(_ref("Packet")),
    ),
    "Measurement": _object(
        "One measurement, redrawn: nothing in it leads to a probe.",
        provider=_TEXT,
        part=_TEXT,
        layer=_TEXT,
        state=_words(VerdictState),
        rule=_TEXT,
        reason=_TEXT,
        trials=_list(_ref("Trial")),
    ),
    "Evidence": _object(
        "Empty until the operator released it, and a measurement is a day old.",
        released=_YES,
        measurements=_list(_ref("Measurement")),
    ),
    "Revision": _object("What was said once.", noted_at=_TIME, incident=_ref("Incident")),
    "Cell": _object(
        "What at least k probes measured of one role and layer of a service on one provider.",
        country=_COUNTRY,
        asn=_ASN,
        reference=_YES,
        service=_TEXT,
        role=_words(TargetRole),
        layer=_words(Experiment),
        states={
            "type": "object",
            "description": "Measurements by state.",
            "propertyNames": _words(VerdictState),
            "additionalProperties": _COUNT,
        },
        probes=_COUNT,
    ),
    "IncidentsAnswer": _object(
        "All incidents. What was told once and is not confirmed any more stays to be found, as withdrawn.",
        generated=_TIME,
        incidents=_list(_ref("Incident")),
        withdrawn=_list(_ref("Incident")),
    ),
    "IncidentAnswer": _object(
        "One incident.",
        generated=_TIME,
        incident=_ref("Incident"),
        revisions=_list(_ref("Revision")),
        evidence=_ref("Evidence"),
    ),
    "PartsAnswer": _object(
        "Each part of a service in a country.",
        generated=_TIME,
        at=_TIME,
        country=_COUNTRY,
        service=_TEXT,
        parts=_list(_ref("Part")),
    ),
    "MatrixAnswer": _object("All cells.", generated=_TIME, at=_TIME, cells=_list(_ref("Cell"))),
}

OPENAPI: Final[dict[str, Any]] = {
    "openapi": "3.1.0",
    "info": {
        "title": "balise, public view",
        "version": "1.0.0",
        "description": "What was measured, how and where; not who or what caused it, or why. Delayed, only where at "
        "least k probes measured, and with times rounded to five minutes. Read-only; answers carry an ETag.",
    },
    "paths": {
        "/api/v1/incidents": _get("Every incident that may be seen, by onset.", "IncidentsAnswer", ()),
        "/api/v1/incidents/{id}": _get(
            "One incident, all that was said of it, and its redrawn evidence.",
            "IncidentAnswer",
            ("404",),
            {"name": "id", "in": "path", "required": True, "schema": _ID},
        ),
        "/api/v1/parts": _get(
            "How each part of a service does in a country: text, media and calls apart.",
            "PartsAnswer",
            ("400", "404"),
            {"name": "country", "in": "query", "required": True, "schema": _COUNTRY},
            {"name": "service", "in": "query", "required": True, "schema": _TEXT},
            {
                "name": "at",
                "in": "query",
                "required": False,
                "schema": {"type": "number"},
                "description": "UNIX seconds since 2000; moved down to five minutes, and not later than now.",
            },
        ),
        "/api/v1/matrix": _get(
            "What the quarter of an hour up to a moment says of each provider.",
            "MatrixAnswer",
            ("400",),
            {
                "name": "at",
                "in": "query",
                "required": False,
                "schema": {"type": "number"},
                "description": "UNIX seconds since 2000; moved down to five minutes, and not later than now.",
            },
        ),
    },
    "components": {"schemas": _SCHEMAS},
}
