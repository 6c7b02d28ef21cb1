"""The vocabulary of detection: cells, their levels, episodes, and the events that tell of them.

Frozen types only. How an episode opens and closes is in cell_walk.py; what people are told of it is the incident's
business.
"""

from collections.abc import Collection
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from balise_collector.detect.interval import Interval
from balise_collector.judge.verdict import Flows, RateRatio, VerdictState
from balise_wire.mechanisms import Mechanism


class Scale(StrEnum):
    """How much of the world a cell covers."""

    ASN = "asn"
    COUNTRY = "country"
    WORLD = "world"


WORLD = "**"
"""Country code of world cells."""
INTERNET: Final = "internet"
"""The pseudo-service whose cells hold outages."""


class CellKey(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """What a cell is about. Country cells have asn 0 and no access; world cells also country ``**``."""

    country: str
    asn: int = 0
    access: str = ""
    service: str
    role: str
    family: int = 4
    layer: str

    @property
    def scale(self) -> Scale:
        """Return the level of the cell."""
        if self.country == WORLD:
            return Scale.WORLD
        return Scale.ASN if self.asn else Scale.COUNTRY


class Note(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One failing verdict worth showing."""

    measurement: str
    at: float
    rule: str
    score: float = 0.0
    proof: tuple[str, ...] = ()
    rate: RateRatio | None = None
    """Of a verdict on a rate."""
    flows: Flows | None = None
    """Of a verdict that counts connections."""
    probe: str = ""
    """Whose it is, where notes of several probes are told together."""


class RuleCount(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How many bins of an episode one rule stands for."""

    rule: str
    state: VerdictState
    mechanism: Mechanism | None = None
    bins: int


class AffectedProbe(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One affected probe of an episode."""

    probe: str
    country: str
    asn: int
    onset: Interval
    end: Interval | None = None
    rules: tuple[RuleCount, ...] = ()
    failing_bins: int = 0
    observed_bins: int = 0
    passed_bins: int = 0
    """Bins up to its last failure in which some flows passed."""


class ProviderSpan(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """When an episode began and ended on one provider: a roll-out reaches them one after another."""

    asn: int
    onset: Interval
    end: Interval | None = None
    """``None`` while one of its affected probes goes on failing, or was last seen failing."""
    probes: tuple[str, ...] = ()
    witnesses: int = 0
    """Independent witnesses among its affected probes."""


class Episode(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One span of trouble in one cell."""

    id: str
    key: CellKey
    standing: bool = False
    """No affected probe ever saw it ok before: began before our first measurement."""
    confirmed: bool = True
    """At least two distinct probes are affected."""
    onset: Interval
    end: Interval | None = None
    members: tuple[AffectedProbe, ...] = ()
    providers: tuple[ProviderSpan, ...] = ()
    """By AS number; empty in what an earlier version kept."""
    score: float = 0.0
    """log R of the e-detector, in nats: a year of chance reaches ``threshold`` in one cell of forty at most."""
    threshold: float = 0.0
    opened_bin: int = 0
    closed_bin: int | None = None
    reopened: int = 0
    """How often it came back within two hours."""

    @property
    def scale(self) -> Scale:
        """Return the level of the episode's cell."""
        return self.key.scale


class CellEventKind(StrEnum):
    """What has happened to an episode."""

    OPENED = "opened"
    GREW = "grew"
    """Another probe, rule or bracket joined."""
    CLOSED = "closed"
    REOPENED = "reopened"
    WITHDRAWN = "withdrawn"
    """Late data have shown that it never was."""


class CellEvent(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One change of one episode."""

    kind: CellEventKind
    episode: Episode
    at: float
    """UNIX seconds on the collector's clock."""


class Parts(NamedTuple):
    """Which parts of a service count, whoever looks."""

    roles: Collection[str]
    families: Collection[int]
    """IP versions: who reaches it over another one says nothing."""
    layers: Collection[str]

    def hold(self, role: str, family: int, layer: str) -> bool:
        """Tell whether a cell is of these parts."""
        return role in self.roles and family in self.families and layer in self.layers


class Coverage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What one probe saw of a service in a window."""

    probe: str
    country: str
    asn: int
    ok: int
    """Bins that were ok."""
    failed: int
    """Bins that failed."""
    witness: str = ""
    """Whom it counts as: boards of one host, and references of one network, are one; empty: for itself."""


class Sight(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What one probe saw in one cell in a window, with the rules of what was not ok."""

    probe: str
    country: str
    asn: int
    """The probe's own, in world cells too."""
    service: str
    role: str
    family: int
    layer: str
    ok: int
    """Bins that were ok."""
    failed: int
    """Bins that failed."""
    rules: tuple[RuleCount, ...] = ()
    """Of all that were not ok, those included that count for nothing (the probe's own line)."""
