"""The addresses that a probe is given and references are not: which names share one, and which ever served. Pure.

One address for names that share none anywhere else is how forged answers look (OONI; Satellite, Scott et al. 2016); a
content network's own node, a provider's cache, a service that moved have shown a certificate. What accuses is a probe's
own history, so that no other probe's lie makes a verdict of it; what excuses may come from two keepers' boards, too.
Must not live here: what follows from it (facts.py, rules.py), or what references were given (judge/references.py).
"""

import ipaddress
from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

import msgspec

from balise_collector.experiments.dns.answers import resolved
from balise_collector.judge.references import ReferenceTable, Report
from balise_collector.judge.witnesses import ENOUGH
from balise_wire.experiments.dns import DnsObservation
from balise_wire.measurement import Measurement
from balise_wire.words import Experiment, Proof, Resolver

_DAY: Final = 86_400.0
HELD: Final = 2 * _DAY
"""Seconds for which an answer that held tells how the name was answered before."""
_APART: Final = HELD / 8
"""Least seconds between two answers that held of which both are remembered: this is kept with each step."""
TOGETHER: Final = 3_600.0
"""Seconds within which two names are given one address at one time: two looks of the slowest timetable."""
_TIMES: Final = 9
_NAMES: Final = 256
_PLACES: Final = 64
_PROVEN: Final = 256
"""What is remembered of a name, of names, of a name's strange addresses and of proven ones for each probe, at most."""


class Name(msgspec.Struct):
    """What one probe was told of a name by its provider's resolver; times are UNIX seconds on the collector's clock."""

    service: str
    held: list[float] = msgspec.field(default_factory=list)
    """When it was given an address that others are given, or one that showed the name's certificate."""
    strange: dict[str, float] = msgspec.field(default_factory=dict)
    """Each other address, and when it was last given."""


class Told(msgspec.Struct):
    """What one probe was told."""

    names: dict[str, Name] = msgspec.field(default_factory=dict)
    proven: dict[str, float] = msgspec.field(default_factory=dict)
    """Addresses that showed it a certificate valid for some name, and when last."""


class Company(NamedTuple):
    """The names that are given one address, and no common one anywhere else."""

    names: int
    services: int


class Strangers:
    """By probe, what it was told."""

    def __init__(self) -> None:
        """Know nothing."""
        self.told: dict[str, Told] = {}

    def forget(self, before: float) -> None:
        """Let go of what was not told anew since ``before`` (UNIX seconds)."""
        for probe, told in list(self.told.items()):
            told.proven = {address: at for address, at in told.proven.items() if at >= before}
            for host, name in list(told.names.items()):
                name.held = [at for at in name.held if at >= before]
                name.strange = {address: at for address, at in name.strange.items() if at >= before}
                if not name.held and not name.strange:
                    del told.names[host]
            if not told.names and not told.proven:
                del self.told[probe]


def note(table: ReferenceTable, report: Report, trial: DnsObservation) -> None:
    """Take in what the provider's resolver told a probe of its target's name."""
    given, host = resolved(trial), report.measurement.host
    if trial.carried or trial.resolver is not Resolver.PROVIDER or trial.name != host or not given:
        return
    at = report.at(trial)
    told = table.memory(Strangers).told.setdefault(report.verdict.probe, Told())
    proven = trial.tls_proof is Proof.VERIFIED and bool(trial.tls_address)
    if proven:
        _keep(told.proven, trial.tls_address, at, _PROVEN)
    if host not in told.names and len(told.names) >= _NAMES:
        return
    name = told.names.setdefault(host, Name(report.measurement.service))
    if proven or not given.isdisjoint(known(table, host, given, at)):
        if not any(abs(at - before) < _APART for before in name.held):
            name.held = sorted([*name.held, at])[-_TIMES:]
        return
    for address in given:
        _keep(name.strange, address, at, _PLACES)


def known(table: ReferenceTable, host: str, like: Iterable[str], at: float) -> frozenset[str]:
    """Return the addresses that references were given for a name in the day before, of the families of ``like``."""
    families = {6 if ":" in address else 4 for address in like}
    return frozenset().union(*(table.answers(host, family, at - _DAY) for family in families))


def is_proven(table: ReferenceTable, addresses: Collection[str], probe: str) -> bool:
    """Tell whether one of some addresses ever served: it showed a certificate to this probe, or to two keepers' boards.

    A board without a label is nobody's: how many such boards are one person's is not known.
    """
    keepers: set[str] = set()
    for other, told in table.memory(Strangers).told.items():
        if any(address in told.proven for address in addresses):
            if other == probe:
                return True
            keepers.add(table.stand(other).host)
    return len(keepers - {""}) >= ENOUGH


def has_turned(table: ReferenceTable, probe: str, host: str, since: float) -> bool:
    """Tell whether this probe's resolver gave an answer for the name that held, in the two days before ``since``."""
    told = table.memory(Strangers).told.get(probe, Told()).names.get(host)
    return told is not None and any(since - HELD <= at < since for at in told.held)


def company(
    table: ReferenceTable, probe: str, measurement: Measurement, addresses: frozenset[str], at: float
) -> Company:
    """Return how many names, of how many services, a probe is led to one place for that share none elsewhere.

    Args:
        table: what references were given.
        probe: whose resolver is looked at.
        measurement: of the name that is judged; it counts.
        addresses: what it was given.
        at: UNIX seconds of that.
    """
    host, service = measurement.host, measurement.service
    own = known(table, host, addresses, at)
    places, services = [own], {service}
    names = table.memory(Strangers).told.get(probe, Told()).names
    for other, name in names.items():
        shared = {address for address in addresses if abs(name.strange.get(address, -TOGETHER) - at) <= TOGETHER}
        theirs = known(table, other, addresses, at) if shared and other != host else frozenset()
        if theirs and shared.isdisjoint(theirs) and all(theirs.isdisjoint(place) for place in places):
            places.append(theirs)
            services.add(name.service)
    return Company(len(places), len(services)) if own else Company(0, 0)


def served(table: ReferenceTable, probe: str, measurement: Measurement, since: float, until: float) -> bool:
    """Tell whether the same line reached the target by its name around some questions, where others are led.

    Args:
        table: what probes saw of their targets.
        probe: whose line.
        measurement: of the questions.
        since: UNIX seconds of the first.
        until: of the last.
    """
    place = measurement.network.country, measurement.target
    return any(table.own_word(probe, *place, layer, since, until) for layer in (Experiment.TLS, Experiment.HTTP))


def is_of_family(addresses: Iterable[str], family: int) -> bool:
    """Tell whether all addresses are of one IP version."""
    try:
        return all(ipaddress.ip_address(address).version == family for address in addresses)
    except ValueError:
        return False


def _keep(held: dict[str, float], key: str, at: float, most: int) -> None:
    """Put a time into a table of the latest."""
    held[key] = max(at, held.pop(key, at))
    while len(held) > most:
        del held[next(iter(held))]


def saved(table: ReferenceTable) -> bytes:
    """Return what a restart needs."""
    return msgspec.json.encode(table.memory(Strangers).told)


def restore(table: ReferenceTable, memory: bytes | None) -> None:
    """Go on where ``memory`` was taken.

    Raises:
        msgspec.DecodeError: the memory is of another version.
    """
    if memory:
        table.memory(Strangers).told = msgspec.json.decode(memory, type=dict[str, Told])
