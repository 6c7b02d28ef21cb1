"""The same conclusions as JSON: ``/api/v1/incidents``, ``/verdicts``, ``/matrix``, ``/events`` and ``/status``.

Lives here: questions in a URL, answers from the store, errors that say the mend. Must not live here: conclusions, HTML,
or anything that writes.
"""

import math
from collections.abc import Callable
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from balise_collector.conclude.store import Store
from balise_collector.incidents import Incident, as_json
from balise_collector.journal.interface import Journal
from balise_collector.judge import VerdictState
from balise_wire.topics import is_probe_id

_MOST: Final = 10_000
"""Verdicts in one answer."""
_EVENTS: Final = 1_000
"""Events of a probe in one answer."""
_REFUSALS: Final = 20
"""Refused messages, and things set aside, in one answer."""


class Refusal(msgspec.Struct, frozen=True):
    """One message that went to the quarantine."""

    at: float
    """UNIX seconds."""
    probe: str
    topic: str
    reason: str


class BadQuestionError(ValueError):
    """The URL asks for something that cannot be; the message says what can."""


def api_routes(
    store: Callable[[], Store],
    journal: Callable[[], Journal],
    now: Callable[[], float],
    live: Callable[[], dict[str, Any]],
) -> list[Route]:
    """Return the routes of the JSON interface.

    Args:
        store: the calling thread's store.
        journal: its journal.
        now: UNIX seconds on the collector's clock.
        live: what only the running collector knows: connections, the fleet, its health.
    """

    def incidents(_request: Request) -> Any:
        return {"incidents": [as_json(one) for one in store().incidents()], "generated": now()}

    def incident(request: Request) -> Any:
        found = store().revisions(request.path_params["id"])
        if not found:
            return None
        newest: Incident = found[-1][1]
        revisions = [{"noted_at": noted_at, "incident": as_json(one)} for noted_at, one in found]
        verdicts = [verdict for verdict in map(store().verdict, newest.evidence) if verdict is not None]
        return {"incident": as_json(newest), "revisions": revisions, "evidence": verdicts, "generated": now()}

    def verdicts(request: Request) -> Any:
        asked = request.query_params
        found = store().verdicts(
            _number(asked.get("since"), "since"),
            _number(asked.get("until"), "until"),
            asked.get("probe"),
            asked.get("service"),
            country=asked.get("country"),
            state=_state(asked.get("state")),
            most=_MOST,
        )
        return {"verdicts": found, "generated": now()}

    def matrix(request: Request) -> Any:
        at = _number(request.query_params.get("at"), "at") or now()
        return {"at": at, "cells": store().matrix(at), "generated": now()}

    def events(request: Request) -> Any:
        probe = request.query_params.get("probe", "")
        if not is_probe_id(probe):
            raise BadQuestionError("give ?probe= with the id of a probe")
        return {"events": journal().events_of(probe, _EVENTS), "generated": now()}

    def status(_request: Request) -> Any:
        return {**status_of(store(), journal()), **live(), "generated": now()}

    questions = (
        ("/api/v1/incidents", incidents),
        ("/api/v1/incidents/{id}", incident),
        ("/api/v1/verdicts", verdicts),
        ("/api/v1/matrix", matrix),
        ("/api/v1/events", events),
        ("/api/v1/status", status),
    )
    return [Route(path, _answering(question), methods=["GET"]) for path, question in questions]


def status_of(store: Store, journal: Journal) -> dict[str, Any]:
    """Return what the files say of the collector's state: counts, cursors, quarantine, the detector's cells."""
    cells = store.memory("cells")
    return {
        "journal": journal.counts(),
        "progress": store.progress(),
        "verdicts": store.count_by_state(),
        "refused": [Refusal(*refused) for refused in journal.quarantine(_REFUSALS)],
        "set_aside": journal.asides(_REFUSALS),
        "cells": msgspec.Raw(cells) if cells else {"open": [], "suspect": []},
    }


def _answering(question: Callable[[Request], Any]) -> Callable[[Request], Response]:
    """Wrap a question: its answer becomes JSON, ``None`` a 404, a bad question a 400 with its reason."""

    def answer(request: Request) -> Response:
        try:
            found = question(request)
        except BadQuestionError as error:
            return _json({"error": str(error)}, 400)
        if found is None:
            return _json({"error": "there is no such thing here; see /api/v1/incidents"}, 404)
        return _json(found, 200)

    return answer


def _json(content: Any, status: int) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def _number(text: str | None, name: str) -> float | None:
    """Read a time in UNIX seconds (BadQuestionError)."""
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    # Not a number compares with nothing, and infinity is no moment: both would be answered with null.
    if not math.isfinite(number):
        raise BadQuestionError(f"{name}={text[:40]!r} is no time; give UNIX seconds, e.g. {name}=1589733000")
    return number


def _state(text: str | None) -> str | None:
    """Read one of the verdict states (BadQuestionError)."""
    if text is not None and text not in set(VerdictState):
        raise BadQuestionError(f"state={text!r} is none of {', '.join(VerdictState)}")
    return text
