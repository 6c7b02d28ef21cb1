"""From catalogue, settings and a probe's network to the probe's assignment: pure.

Lives here: which targets and controls a probe is given, and whether what it has is still what it should have. Must not
live here: sealing, publishing (writer.py), the version counter's storage (fleet.py), limits (only the probe has those).
"""

import hashlib
from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from balise_collector.fleet.catalogue import Catalogue, Entry, family_of
from balise_collector.fleet.claims import given
from balise_collector.fleet.members import AT_RISK, Member
from balise_wire.assignment import Assignment, Budget, Control, StunServer, Target, Timetable
from balise_wire.experiments import REGISTRY
from balise_wire.words import Experiment, Scope

LASTS: Final = 30 * 86_400.0
"""Seconds until an assignment expires: a probe that lost us stops after a month."""
_RENEW_BELOW: Final = 15 * 86_400.0
"""Renewed when less than half of that is left, so that only a long silence lets it run out."""


class Issued(msgspec.Struct, frozen=True):
    """The last assignment that a probe was given."""

    version: int = 0
    digest: str = ""
    """Of everything in it but version and expiry."""
    expires: float = 0.0
    interval: int = 0
    """Seconds between two runs of a target; how long a silence of the probe may last follows from it."""
    halted: bool = False
    turned: int = 0
    """The first version since it is a halt, or since it is none."""
    left_out: Mapping[str, int] = {}
    """Skill that the probe lacks, and how many targets or controls were left out for it (orders.py)."""


NO_AUTHORITIES: Final[Mapping[str, str]] = {}
REFERENCES_EVERY: Final = 3
"""In which n-th interval references move bytes, ..."""
REFERENCES_HOURLY: Final = 12
"""... and in which they ask what probes ask once a day: their word counts for an hour (judge/references.py)."""


def assignment_for(
    member: Member,
    catalogue: Catalogue,
    timetable: Timetable,
    budget: Budget,
    learned: Mapping[tuple[str, int], tuple[str, ...]],
    dangerous: Collection[str] = (),
) -> Assignment:
    """Return what a probe is asked to do, without version and expiry (0).

    Args:
        member: the probe; its country decides about the domestic controls.
        catalogue: what is measured.
        timetable: how often.
        budget: what the operator allows.
        learned: addresses that references found, by (host, family), for entries that name none.
        dangerous: countries in which measuring may cost hosts much (``[burst] risk``, high): nothing risky is asked
            there (``Traits.risky``), nor of a board whose host is at risk.
    """
    spared = not member.reference and (member.network.country in dangerous or AT_RISK in member.tags)
    known = widened(learned) if member.reference else learned
    figures = {name: getattr(timetable, name) for name in Timetable.__struct_fields__}
    # What any probe was given is measured abroad as well: each address has its own turn.
    figures["all_addresses"] = timetable.all_addresses or member.reference
    if member.reference:
        # A rate is compared with theirs of the same quarter of an hour, and nobody's line is used up there.
        figures["throughput_every"] = min(timetable.throughput_every, REFERENCES_EVERY)
        figures["clienthello_every"] = min(timetable.clienthello_every, REFERENCES_HOURLY)
    return Assignment(
        version=0,
        catalogue=catalogue.version,
        expires=0.0,
        targets=tuple(
            target
            for service in catalogue.services
            for entry in service.targets
            for whole in targets_of(service.id, entry, known, service.authorities)
            if (target := _without_risk(whole) if spared else whole) is not None
        ),
        controls=tuple(
            Control(
                name=control.name,
                addresses=control.addresses or _either(control.name, learned),
                port=control.port,
                scope=control.scope,
                page=control.page or None,
                quic=bool(control.quic),
            )
            for control in catalogue.controls
            if control.scope is Scope.INTERNATIONAL or control.country == member.network.country
        ),
        stun_servers=_stun_servers(catalogue),
        public_resolvers=catalogue.dns.public_resolvers,
        silent_addresses=catalogue.dns.silent_addresses,
        control_name=catalogue.dns.control_name,
        provider_resolvers=() if (provider := catalogue.provider(member.network.asn)) is None else provider.resolvers,
        timetable=Timetable(**figures),
        budget=Budget(**{name: getattr(budget, name) for name in Budget.__struct_fields__}),
    )


def _without_risk(target: Target) -> Target | None:
    """Return a target with the experiments that nobody is blamed for; ``None`` where it has no other."""
    kept = tuple(word for word in target.experiments if word not in REGISTRY or not REGISTRY[word].risky)
    return msgspec.structs.replace(target, experiments=kept) if kept else None


def _stun_servers(catalogue: Catalogue) -> tuple[StunServer, ...]:
    """Return the other operators' servers of STUN, where any call server is asked at all."""
    entries = [entry for service in catalogue.services for entry in service.targets]
    if not any(Experiment.STUN in entry.experiments for entry in entries):
        return ()
    return tuple(StunServer(name=one.name, addresses=one.addresses, port=one.port) for one in catalogue.stun)


def _either(name: str, learned: Mapping[tuple[str, int], tuple[str, ...]]) -> tuple[str, ...]:
    """Return what references found of a name in both families; empty: the probe looks it up itself."""
    return (*learned.get((name, 4), ()), *learned.get((name, 6), ()))


def widened(learned: Mapping[tuple[str, int], tuple[str, ...]]) -> dict[tuple[str, int], tuple[str, ...]]:
    """Return what references are sent to: what they found, and what probes were given."""
    hosts = {(host.removesuffix(given("")), family) for host, family in learned}
    return {
        (host, family): tuple(
            dict.fromkeys((*learned.get((host, family), ()), *learned.get((given(host), family), ())))
        )
        for host, family in hosts
    }


def stopped(catalogue: str, reason: str, interval: int) -> Assignment:
    """Return a halt: nothing but the head and the timetable is in it.

    The first probes read the whole message or nothing: what is not there cannot hold their halt up.

    Args:
        catalogue: version of the catalogue in force.
        reason: a few neutral words.
        interval: seconds between two runs of a target before: how long a silence may last does not change.
    """
    return Assignment(
        version=0, catalogue=catalogue, expires=0.0, targets=(), halt=reason, timetable=Timetable(interval=interval)
    )


def targets_of(
    service: str,
    entry: Entry,
    learned: Mapping[tuple[str, int], tuple[str, ...]],
    authorities: Mapping[str, str] = NO_AUTHORITIES,
) -> tuple[Target, ...]:
    """Return one target a family: ``<service>/<role>/<host>/<family>``; a rate is measured over the first alone.

    Args:
        service: its id.
        entry: the endpoint.
        learned: as above.
        authorities: the service's own, by name: certificates, DER in base64.
    """
    families = entry.families or tuple(sorted({family_of(address) or 4 for address in entry.addresses})) or (4,)
    return tuple(
        Target(
            id=f"{service}/{entry.role}/{entry.host}/{family}",
            service=service,
            role=entry.role,
            host=entry.host,
            port=entry.port,
            addresses=tuple(a for a in entry.addresses if family_of(a) == family)
            or learned.get((entry.host, family), ()),
            neighbour=entry.neighbour,
            sibling=entry.sibling if family_of(entry.sibling) == family else "",
            other_port=entry.other_port,
            experiments=tuple(
                word for word in entry.experiments if family == families[0] or not REGISTRY[word].exclusive
            ),
            path=entry.path,
            http_port=entry.http_port,
            fetch_bytes=entry.fetch_bytes,
            spki=entry.spki,
            authorities=tuple(authorities[name] for name in entry.authorities or ()),
        ).saying(*entry.records())
        for family in families
    )


def digest(assignment: Assignment) -> str:
    """Return the digest of what an assignment asks, whatever its version and expiry."""
    bare = msgspec.structs.replace(assignment, version=0, expires=0.0)
    return hashlib.sha256(msgspec.json.encode(bare)).hexdigest()[:32]


def due(assignment: Assignment, last: Issued, now: float, left_out: Mapping[str, int] | None = None) -> Issued | None:
    """Return the next version where the last one asks something else or nears its end; ``None`` where it holds.

    Args:
        assignment: what the probe is to do now.
        last: what it was given last.
        now: UNIX seconds.
        left_out: what was left out because the probe is too old for it.
    """
    left_out = left_out or {}
    if (digest(assignment), left_out) == (last.digest, last.left_out) and last.expires - now > _RENEW_BELOW:
        return None
    version, halted = last.version + 1, bool(assignment.halt)
    return Issued(
        version,
        digest(assignment),
        now + LASTS,
        heard_every(assignment),
        halted,
        last.turned if last.turned and halted == last.halted else version,
        left_out,
    )


def heard_every(assignment: Assignment) -> int:
    """Return the seconds between two results of a probe by its timetable: rare experiments alone leave it silent.

    What is asked in each n-th interval is told as rarely, where nothing else is asked.
    """
    timetable = assignment.timetable
    words = {word for target in assignment.targets for word in target.experiments}
    return timetable.interval * min((timetable.every(word) for word in words), default=1)


def dated(assignment: Assignment, issued: Issued) -> Assignment:
    """Return the assignment as it goes out: with its version and expiry."""
    return msgspec.structs.replace(assignment, version=issued.version, expires=issued.expires)
