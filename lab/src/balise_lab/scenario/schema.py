"""The scenario as frozen types: everything a file says, resolved and checked, with times as offsets.

Lives here: types only. A moment is a float: virtual seconds since the scenario's start, so that nothing downstream has
to know time zones; ``Scenario.unix`` and ``Scenario.local`` turn it back. Must not live here: YAML, defaults that need
thought (load), or anything that touches the world.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain, repeat
from zoneinfo import ZoneInfo

from balise_lab.boxes.engine.setting import Value
from balise_lab.counterparts.engine.registry import USUAL
from balise_wire.experiments.traits import Parameters
from balise_wire.words import Access, Experiment, ProbeRole, TargetRole

DEFAULT_SCALE = 60.0
"""Virtual seconds in a real one: 21:30 to 02:00 takes four and a half minutes."""


@dataclass(frozen=True, slots=True)
class Isp:
    """One provider with its probes."""

    name: str
    asn: int
    probes: int
    access: Access = Access.FIXED
    label: str = ""
    """Name for people; empty: the scenario's own word."""
    clocks: tuple[float, ...] = ()
    """Seconds by which the clocks of its first probes are wrong while they claim to be synchronised."""
    resolvers: int = 1
    """How many it gives its homes, in this order."""
    routers: int = 0
    """So many of its first probes stand behind a router of their home, which translates and resolves for them."""
    ipv6: bool = False
    """Its homes have both IP versions, those behind a router excepted."""


@dataclass(frozen=True, slots=True)
class Abroad:
    """Reference probes in one other country."""

    code: str
    probes: int
    asn: int


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe or reference as the lab starts it."""

    id: str
    """Also what a scenario calls it: ``asn64501p1``, ``refde1``."""
    isp: str
    """Name of its provider; for references ``ref<code>``."""
    asn: int
    country: str
    role: ProbeRole
    access: Access = Access.FIXED
    clock: float = 0.0
    """Seconds by which its clock is wrong while it claims to be synchronised: a time server lied to it."""
    ipv6: bool = False
    """Whether its line has both IP versions."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One service in one role."""

    service: str
    role: TargetRole
    host: str
    port: int = 443
    body_bytes: int = 0
    """Size of what ``path`` serves; 0: a small page of the role's kind."""
    shares: str = ""
    """Host of another endpoint, of whatever service, whose addresses serve this one too."""
    addresses: int = 1
    """So many machines answer to its name, each with an address of its own."""
    edge: bool = False
    """The country is told other addresses than the rest of the world."""
    catalogued: str = "all"
    """Which of its addresses the catalogue names: ``all``, ``first`` or ``none``."""
    experiments: tuple[Experiment, ...] = USUAL
    parameters: tuple[Parameters, ...] = ()
    """What it says to each experiment that may be asked of it."""


@dataclass(frozen=True, slots=True)
class Service:
    """One service people know by name."""

    id: str
    name: str
    endpoints: tuple[Endpoint, ...]
    hoster: str = ""
    """Who hosts it; services with one word are in one autonomous system."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """A box that censors or a fault that happens, while it is on."""

    id: str
    kind: str
    """One word of ``boxes.engine.registry.KINDS``, e.g. ``sni.drop`` or ``loss``."""
    where: str
    """``gateway``, ``exchange``, an ISP's name or a probe's id."""
    isps: tuple[str, ...]
    """Whose traffic it touches, where it stands at the gateway or the exchange."""
    probes: tuple[str, ...] = ()
    """Ids of the only probes that it touches; empty: every client of those providers."""
    hosts: tuple[str, ...] = ()
    """Names or patterns (``*.twimg.lab``) it looks for; services and roles are already turned into their hosts."""
    addresses: tuple[str, ...] = ()
    """Literal addresses or networks it looks for."""
    family: int = 0
    """The only IP version that it touches, 4 or 6; 0: both, where there are both."""
    settings: Mapping[str, Value] = field(default_factory=dict)
    """The kind's own parameters that the file gives, sorted by name."""
    line: int = 0
    """Line of the file, for messages."""


BEFORE = -86_400.0
"""The moment of what was in force before the first measurement: a day before the start."""


@dataclass(frozen=True, slots=True)
class Start:
    """A disturbance begins."""

    at: float
    disturbance: Disturbance
    line: int = 0


@dataclass(frozen=True, slots=True)
class Stop:
    """A disturbance ends."""

    at: float
    id: str
    line: int = 0


class Changed(StrEnum):
    """What can be otherwise from a moment on."""

    VERSION = "version"
    """The agent that probes run: they start again."""
    PROVIDER = "provider"
    """Where probes stand; their operator writes it down."""
    ADDRESSES = "addresses"
    """Those of a host, in DNS and in the catalogue; servers answer at both."""
    CATALOGUED = "catalogued"
    """Whether a host is in the catalogue."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something of the fleet, of a service or of the catalogue is otherwise from a moment on."""

    at: float
    kind: Changed
    probes: tuple[str, ...] = ()
    host: str = ""
    to: str = ""
    """What it is from then on: a version, a provider's name, ``new``, ``yes`` or ``no``."""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Catalogued:
    """What of a scenario's hosts the catalogue and DNS say at one moment."""

    without: frozenset[str] = frozenset()
    """Hosts that are not in the catalogue."""
    moved: frozenset[str] = frozenset()
    """Hosts that have their new addresses."""


@dataclass(frozen=True, slots=True)
class IncidentExpectation:
    """The incidents there must be: one for each service."""

    services: tuple[str, ...]
    kind: str = "interference"
    onset: float | None = None
    end: float | None = None
    within: float = 600.0
    """Seconds that both edges of the found interval may lie from the truth."""
    affected: tuple[int, ...] | None = None
    clean: tuple[int, ...] | None = None
    mechanisms: tuple[str, ...] = ()
    """All of these must be named; others must not."""
    locality: str = ""
    roles: tuple[TargetRole, ...] = ()
    """Roles that must be among the incident's."""
    still_open: bool = False
    """``end: open``: not ended when the scenario ends."""
    contains: bool = False
    """The found intervals of onset and end must hold the truth, and not merely lie near it."""
    opened_within: float | None = None
    """Seconds from the true onset within which the detector must have opened it."""
    grades: tuple[str, ...] = ()
    """It must have one of these."""
    standing: bool | None = None
    """Whether it began before the first measurement."""
    staggered: bool | None = None
    """Whether it is told as a roll-out."""
    masked: bool | None = None
    """Whether another fault is said to hide its onset."""
    duty_cycle: tuple[float, float] | None = None
    """Between which shares of bins it failed."""
    providers: tuple[tuple[int, float | None, float | None], ...] = ()
    """AS number, onset and end of the block on each provider."""
    hypothesis: str = ""
    """What most probably happened, in a word of the collector's."""
    family: str = ""
    """Over which IP version alone it must be told: ``4`` or ``6``; ``both``: over no one alone."""
    rate: tuple[float, float] | None = None
    """Kilobits a second that must be told of what is slowed, and the share by which it may differ."""
    through: tuple[tuple[TargetRole, str], ...] = ()
    """What must be told of a part by way of a proxy: ``works``, ``fails`` or ``unknown`` (nothing)."""
    line: int = 0


@dataclass(frozen=True, slots=True)
class VerdictExpectation:
    """What the judge must say of one probe and target in a window."""

    probes: tuple[str, ...]
    """Ids: the file may name a whole provider."""
    target: str
    """Target id, ``service/role``, host or service, as the file says it."""
    since: float
    until: float
    state: str
    layer: str = ""
    rule: str = ""
    mechanism: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Expect:
    """What balise must say, or the run fails."""

    incidents: tuple[IncidentExpectation, ...] = ()
    verdicts: tuple[VerdictExpectation, ...] = ()
    quiet: tuple[str, ...] = ()
    """Services of which no incident may be opened and nothing may be judged blocked."""
    nothing: bool = False
    """``incidents: []``: there must be no incident at all."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario, whole."""

    name: str
    summary: str
    path: str
    scale: float
    country: str
    zone: str
    """IANA name of the country's time zone."""
    starts: float
    """UNIX seconds of the start."""
    ends: float
    isps: tuple[Isp, ...]
    abroad: tuple[Abroad, ...]
    services: tuple[Service, ...]
    timeline: tuple[Start | Stop, ...]
    """In the order they happen."""
    expect: Expect | None = None
    changes: tuple[Change, ...] = ()
    """In the order they happen."""
    proxies: tuple[str, ...] = ()
    """What the operator's proxies speak, by way of which probes ask what fails once more."""
    slowed: float = 1.0
    """How many times slower than the file says it is played, because the machine has other work (run/speed.py)."""
    warnings: tuple[str, ...] = ()
    """Oddities that do not stop a run: ``file:line: what; mend``."""

    @property
    def ipv6(self) -> bool:
        """Whether a provider has IPv6."""
        return any(isp.ipv6 for isp in self.isps)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Every endpoint, in the file's order."""
        return tuple(endpoint for service in self.services for endpoint in service.endpoints)

    @property
    def probes(self) -> tuple[Probe, ...]:
        """Every probe and reference, in the file's order."""
        return probes_of(self.country, self.isps, self.abroad)

    def catalogued(self, moment: float) -> Catalogued:
        """Return what the catalogue says from a moment on; a host that is added later is not in it before."""
        told = [one for one in self.changes if one.kind is Changed.CATALOGUED]
        first = {one.host: one.to == "no" for one in reversed(told)}
        now = {**first, **{one.host: one.to == "yes" for one in told if one.at <= moment}}
        moved = (one.host for one in self.changes if one.kind is Changed.ADDRESSES and one.at <= moment)
        return Catalogued(frozenset(host for host, there in now.items() if not there), frozenset(moved))

    def unix(self, moment: float) -> float:
        """Return UNIX seconds of a moment of the scenario."""
        return self.starts + moment

    def local(self, moment: float) -> datetime:
        """Return the country's local time of a moment of the scenario."""
        return datetime.fromtimestamp(self.starts + moment, tz=UTC).astimezone(ZoneInfo(self.zone))


def stem(isp: str) -> str:
    """Return what the ids of a provider's probes begin with: ids have letters and digits only (wire topics)."""
    return "".join(letter for letter in isp if letter.isalnum())


def probes_of(country: str, isps: tuple[Isp, ...], abroad: tuple[Abroad, ...]) -> tuple[Probe, ...]:
    """Return the probes that providers and countries abroad get, with the ids a scenario calls them by."""
    inside = [
        Probe(
            f"{stem(isp.name)}p{n}",
            isp.name,
            isp.asn,
            country,
            ProbeRole.PROBE,
            isp.access,
            clock,
            ipv6=isp.ipv6 and n > isp.routers,
        )
        for isp in isps
        for n, clock in zip(range(1, isp.probes + 1), chain(isp.clocks, repeat(0.0)), strict=False)
    ]
    outside = [
        Probe(
            f"ref{place.code.lower()}{n}",
            f"ref{place.code.lower()}",
            place.asn,
            place.code,
            ProbeRole.REFERENCE,
            ipv6=any(isp.ipv6 for isp in isps),
        )
        for place in abroad
        for n in range(1, place.probes + 1)
    ]
    return (*inside, *outside)
