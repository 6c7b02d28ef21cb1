"""What a situation is: who measures, what happens, and what must be said of it. Frozen types only.

Lives here: every key of a situation file, with its default and its bounds (docs/field.md has them in words). Times are
seconds from the situation's start. Must not live here: reading YAML (load.py), playing (play.py), what is right
(expect.py).
"""

from typing import Annotated, Any, Literal

import msgspec

from balise_collector.incidents.model import IncidentKind, Locality
from balise_collector.judge.verdict import VerdictState
from balise_wire.words import Access, Experiment, Profile

Seconds = Annotated[float, msgspec.Meta(title="time")]
"""A time of the file: minutes from the start, ``HH:MM`` of the situation's zone, or ``2d03:15``."""
Length = Annotated[float, msgspec.Meta(title="length")]
"""A length of the file: minutes, or ``90 s``, ``2 h``, ``3 d``."""
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Asn = Annotated[int, msgspec.Meta(ge=1, le=2**32 - 1)]
Country = Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")]
ProxyWord = Annotated[str, msgspec.Meta(pattern="^(socks5|http-connect|whatsapp-chat|whatsapp-media)$")]
Grade = Literal["A", "B", "C", ""]


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that a file says."""


class Probes(Record, frozen=True, kw_only=True):
    """Boards that are alike; ``PK 64501 x3 lean`` is the same in short."""

    country: Country
    provider: Asn
    count: Count = 1
    profile: Profile = Profile.STANDARD
    access: Access = Access.FIXED
    version: str = "0.1.0"
    region: str = ""
    district: str = ""
    host: str = ""
    """The operator's label of who keeps them; empty: each has its own."""
    id: str = ""
    """Empty: country, provider and number, ``pk64501n1``; several boards of an id have the number behind it."""
    home: dict[str, Any] = {}
    """What the network model is to know of the home: see there."""


class Event(Record, frozen=True, kw_only=True):
    """Something that happens: to boards, or in the network."""

    kind: str
    at: Seconds = 0.0
    until: Seconds | None = None
    """Left out: to the end."""
    probes: tuple[str, ...] = ()
    """Ids, or patterns such as ``pk64501*``; empty, with the other words of where: everybody."""
    providers: tuple[Asn, ...] = ()
    countries: tuple[Country, ...] = ()
    districts: tuple[str, ...] = ()
    duty: tuple[Length, ...] = ()
    """On and off: ``[5, 5]``."""
    extra: dict[str, Any] = {}
    """Everything else that is said: of the network's kinds, or of those in ``boards.py``."""


class CatalogueChange(Record, frozen=True, kw_only=True):
    """The catalogue from a time on, in terms of the one before it."""

    at: Seconds = 0.0
    without: tuple[str, ...] = ()
    """Services that are taken out."""
    add: tuple[dict[str, Any], ...] = ()
    """Whole service files, as their TOML says it; one of a service that is there takes its place."""
    set: dict[str, dict[str, Any]] = {}
    """Host name -> fields of its entries, or of its control, that are changed."""


class Watched(Record, frozen=True, kw_only=True):
    """The operator has some services looked at more often for a time."""

    at: Seconds
    until: Seconds
    services: tuple[str, ...]
    country: Country = "PK"
    interval: Annotated[int, msgspec.Meta(ge=300, le=86_400)] = 300
    """Seconds between two looks."""


class When(Record, frozen=True, kw_only=True):
    """An interval that must contain the truth."""

    contains: Seconds
    width: Length | None = None
    """No wider than this."""


class Span(Record, frozen=True, kw_only=True):
    """When it began and ended on one provider."""

    onset: When | None = None
    end: When | None = None


class Wanted(Record, frozen=True, kw_only=True):
    """One incident that must be said."""

    kind: IncidentKind
    country: str = ""
    """``**`` is the world."""
    services: tuple[str, ...] = ()
    """One incident each; empty: of whatever service, and one is enough."""
    mechanisms: tuple[str, ...] = ()
    """One of these must be named."""
    not_mechanisms: tuple[str, ...] = ()
    affected: tuple[Asn, ...] | None = None
    """Exactly these providers."""
    clean: tuple[Asn, ...] = ()
    """These among the clean ones."""
    locality: tuple[Locality, ...] = ()
    grade: tuple[Grade, ...] = ()
    """One of these; see also the two below."""
    grade_at_most: Grade | None = None
    grade_at_least: Grade | None = None
    onset: When | None = None
    end: When | None = None
    ended: bool | None = None
    opened_within: Length | None = None
    """After ``onset.contains``, published."""
    kbps: Annotated[float, msgspec.Meta(gt=0.0)] | None = None
    """The rate that is told of what is slowed, within 15 %."""
    per_provider: dict[str, Span] = {}
    staggered: bool | None = None
    standing: bool | None = None
    published: bool = True
    """Seen by witnesses enough to be told; false: it must not be published."""


class Never(Record, frozen=True, kw_only=True):
    """Incidents that must not be published, at any time; every key that is given must fit."""

    kind: IncidentKind | None = None
    country: str = ""
    services: tuple[str, ...] = ()
    mechanisms: tuple[str, ...] = ()
    """Names one of these."""
    affected: tuple[Asn, ...] = ()
    """Names one of these as affected."""
    grade: tuple[Grade, ...] = ()
    locality: tuple[Locality, ...] = ()


class VerdictRule(Record, frozen=True, kw_only=True):
    """How many verdicts of a sort there may be."""

    state: VerdictState | None = None
    rule: str = ""
    """Id, or its beginning with a ``*``."""
    layer: Experiment | None = None
    services: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()
    providers: tuple[Asn, ...] = ()
    design: str = ""
    at: Seconds | None = None
    until: Seconds | None = None
    at_least: int = 0
    at_most: int | None = None


class Expect(Record, frozen=True, kw_only=True):
    """What must be said, and what must not."""

    incidents: tuple[Wanted, ...] = ()
    may: tuple[str, ...] = ()
    """Kinds of incident that may be published beside them, ``*`` is all; else every other published one is false."""
    never: tuple[Never, ...] = ()
    """Not even where ``may`` allows them, or where they are of those that must be said."""
    grade_at_most: Grade | None = None
    """Of whatever is published."""
    unconfirmed: bool = True
    """Whether incidents of one witness may be kept beside them (they are never published)."""
    verdicts: tuple[VerdictRule, ...] = ()
    rules: tuple[str, ...] = ()
    """Rule ids of which each must have decided something; ``sni.*`` is any of a beginning."""
    not_rules: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    """Each must stand in the English report, in whatever case."""
    not_says: tuple[str, ...] = ()
    discarded_at_most: Share | None = None
    """Share of the paired verdicts of sound lines that were set aside."""


class Situation(Record, frozen=True, kw_only=True):
    """One situation."""

    id: str
    title: str
    covers: str = ""
    """What of the design it is an instance of, in a few words."""
    start: str = "2026-11-10T06:00:00Z"
    """UTC."""
    zone: str = ""
    """Of times of day; empty: that of the first probe's country."""
    lasts: Length = 5400.0
    probes: tuple[Probes, ...]
    references: tuple[Probes, ...] = (
        Probes(country="DE", provider=64901),
        Probes(country="US", provider=64902),
        Probes(country="JP", provider=64903),
    )
    services: tuple[str, ...] = ()
    """Of the shipped catalogue; empty: all of it."""
    hosts: tuple[str, ...] = ()
    """Of each service that has one of these only these are measured; empty: all of them."""
    catalogue: tuple[CatalogueChange, ...] = ()
    interval: Annotated[int, msgspec.Meta(ge=60, le=86_400)] = 300
    """The operator's, in seconds."""
    daily: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 288
    """In which n-th interval that has a turn which is asked once a day."""
    watches: tuple[Watched, ...] = ()
    """Watch windows, told to every probe from the beginning."""
    observed: bool = False
    """The operator looks up from which network a probe connects."""
    risk: dict[str, Literal["low", "medium", "high"]] = {}
    """``[burst] risk`` of the collector, by country; ``medium`` for those not named."""
    helpers: tuple[str, ...] = ()
    """``[catalogue] helpers`` of the collector: addresses of ``world`` that answer every name."""
    proxies: tuple[ProxyWord, ...] = ()
    """What the operator's proxies speak, by way of which probes ask what fails once more; at ``45.41.0.30``."""
    silent: tuple[str, ...] = ()
    """``[catalogue] silent_addresses`` of the collector: addresses that run no resolver."""
    world: dict[str, Any] = {}
    """What the network model is to know of hosts: name -> see there."""
    events: tuple[Event, ...] = ()
    expect: Expect = Expect()
    seed: int = 1
