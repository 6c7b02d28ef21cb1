"""What one probe is asked beside its timetable, and what became of it. Pure.

Lives here: making a request from the operator's words, whether a probe can be asked at all, and which requests are
open. Must not live here: where they are kept (registry), how they are sent (intake/answers.py), or the probe's limits.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from balise_collector.fleet.assignment import targets_of
from balise_collector.fleet.catalogue import Catalogue
from balise_collector.fleet.members import Fleet
from balise_collector.system.errors import ConfigError
from balise_wire.assignment import Target
from balise_wire.request import LONGEST_SECONDS, MOST_OPEN, Answer, Outcome, Reason, Request
from balise_wire.skills import REQUESTS, skill
from balise_wire.words import TargetRole

KEPT_MOST: Final = 1_000
"""Requests that are remembered; the oldest go first."""
DETAIL_MOST: Final = 400
"""Characters of a probe's own words about one."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One request, and the newest that its probe said of it."""

    probe: str
    request: Request
    outcome: Outcome | None = None
    """``None`` before any answer."""
    reason: Reason | None = None
    measurement: str = ""
    detail: str = ""
    at: float | None = None
    """UNIX seconds on the collector's clock at which that arrived."""

    def is_open(self, now: float) -> bool:
        """Whether the probe is still to be told of it: not over, and no last word said."""
        return now < self.request.expires and not (self.outcome is not None and self.outcome.last)


class Answered(msgspec.Struct, frozen=True):
    """What a verified event says of a request."""

    probe: str
    answer: Answer
    detail: str
    at: float


def hindrance(fleet: Fleet, probe: str, request: Request, open_now: int) -> str:
    """Say why a probe cannot be asked; empty where it can."""
    member = fleet.members.get(probe)
    if member is None or not member.speaks:
        return f"{probe}: no probe that may speak; see balise-collector fleet list"
    halt = fleet.halted().get(member.network.country)
    if halt is not None:
        return f"{probe}: {member.network.country} is halted; let it go on first (fleet halt --undo)"
    able = fleet.order_of(probe).able
    if able is None or REQUESTS not in able.skills:
        return f"{probe}: its software carries out no requests; update it"
    if skill(request.experiment) not in able.skills:
        return f"{probe}: its software has no experiment {request.experiment}; update it, or take another"
    if open_now >= MOST_OPEN:
        return f"{probe}: {open_now} requests are open already; wait for its answers: balise-collector requests"
    return ""


def target_named(text: str, catalogue: Catalogue, learned: Mapping[tuple[str, int], tuple[str, ...]]) -> Target | None:
    """Return the target of the catalogue with an id; ``None`` where there is none."""
    for service in catalogue.services:
        for entry in service.targets:
            for target in targets_of(service.id, entry, learned, service.authorities):
                if target.id == text:
                    return target
    return None


def unlisted(text: str, addresses: tuple[str, ...], port: int) -> Target:
    """Return a target that no catalogue names, from an id of the usual form (ConfigError).

    Args:
        text: ``<service>/<role>/<host>/<family>``, by which its results are known.
        addresses: to test; empty for what the probe's resolver answers to a DNS experiment.
        port: of the endpoint.
    """
    pieces = text.split("/")
    if len(pieces) != 4 or not all(pieces) or pieces[3] not in {"4", "6"}:
        raise ConfigError(f"{text!r}: in no catalogue; to ask for it all the same, name it service/role/host/4 (or /6)")
    service, role, host, _ = pieces
    try:
        known = TargetRole.exact(role)
    except ValueError as error:
        raise ConfigError(f"{text!r}: role: {error}") from None
    return Target(id=text, service=service, role=known, host=host, addresses=addresses, port=port)


def made(request: Request, id: str, now: float, within: float) -> Request:
    """Return a request with an id (32 hex digits), made now, to begin within so many seconds (ConfigError)."""
    if not 0 < within <= LONGEST_SECONDS:
        raise ConfigError(f"--within {within:g}: use 1 to {LONGEST_SECONDS:.0f} seconds")
    return msgspec.structs.replace(request, id=id, made=now, expires=now + within)
