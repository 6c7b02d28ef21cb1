"""The incident: the product. Everything a page, a report or a sink says comes from these structures or from cells.

Here live frozen types only. How an incident opens, grows and closes is in book.py; how it is worded is in
``wording`` modules; how it is stored is the store's business.
"""

from enum import StrEnum
from typing import Any, Final

import msgspec

from balise_collector.detect.interval import Interval
from balise_wire.mechanisms import Mechanism
from balise_wire.words import TargetRole

__all__ = [
    "UNTOLD",
    "WITNESSES",
    "Incident",
    "IncidentKind",
    "IncidentScope",
    "IncidentState",
    "Interval",
    "Locality",
    "MechanismShare",
    "OtherPath",
    "ProviderTimes",
    "Reason",
    "ReferenceCount",
    "Weighed",
    "as_json",
]


WITNESSES: Final = 2
"""Independent witnesses that confirm: probes of that many operators. Boards of one operator are one witness."""
ROLL_OUT: Final = 600.0
"""Seconds between the end of one provider's beginning and the start of another's from which it is a roll-out."""
UNTOLD: Final = -1
"""Witnesses of what an earlier version kept, of which it cannot be known any more."""


class IncidentKind(StrEnum):
    """What sort of event it is."""

    INTERFERENCE = "interference"
    """Blocked or throttled for probes in the country while references reach it."""
    SERVICE_FAULT = "service_fault"
    """Unreachable for the references too: the service's own fault, everywhere."""
    EDGE_FAULT = "edge_fault"
    """The addresses that serve this region are dead from abroad as well, the service elsewhere is not."""
    OUTAGE = "outage"
    """The network itself: probes silent, or their lines dead behind a living gateway."""
    SERVER_SIDE = "server_side"
    """The authentic server refuses this country and accepts others."""
    OWN_FAULT = "own_fault"
    """On our own side, or the homes': boards, electricity, routers, filters, our program. Nothing of the network, and
    never published."""


class Locality(StrEnum):
    """Local or global, by the references (mission.md S5)."""

    LOCAL = "local"
    """References in at least two other countries reached the same endpoints in the same window, more than failed."""
    GLOBAL = "global"
    """References in two countries failed too; only faults of the service and of its edges can be."""
    UNKNOWN = "unknown"
    """Too few references to say."""


class IncidentState(StrEnum):
    """Where an incident stands."""

    UNCONFIRMED = "unconfirmed"
    """Going on, and one witness only. What has ended or stands may be unconfirmed too: ask ``Incident.confirmed``."""
    OPEN = "open"
    CLOSED = "closed"
    STANDING = "standing"
    """Began before our first measurement: known, no alarm; its end is an event."""
    WITHDRAWN = "withdrawn"
    """Late data do not bear it out; only its revisions tell of it."""


class IncidentScope(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Three counts, always together: who is affected, who was measured and is clean, who was not measured."""

    affected: tuple[int, ...] = ()
    """Autonomous systems."""
    clean: tuple[int, ...] = ()
    not_measured: tuple[int, ...] = ()
    affected_probes: int = 0
    measured_probes: int = 0
    """0 where even the sum is not told."""
    withheld: tuple[str, ...] = ()
    """Only in what the public sees: which of ``affected``, ``clean`` and ``not_measured`` have more providers than are
    told, because too few probes stand on those (pages/public.py)."""


class RateShare(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How fast the transfers were that a mechanism held down; medians over the evidence."""

    ratio: float
    """Subject to control on the same server and path."""
    low: float | None = None
    high: float | None = None
    """Of the 95 % interval; ``None`` where no series had one."""
    kbps: float
    least_kbps: float
    most_kbps: float
    """Of single probes' medians, kilobits a second."""
    control_kbps: float
    up: bool = False
    """Uploads alone."""
    spread: float | None = None
    """Coefficient of variation of the providers' rates; ``None`` of one provider."""


class FlowShare(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Which share of the connections a mechanism acts on."""

    share: float
    low: float
    high: float
    """95 % interval."""
    series: int
    """Series of connections that it rests on."""


class MechanismShare(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One mechanism seen in an incident, and where."""

    mechanism: Mechanism
    asns: tuple[int, ...]
    roles: tuple[TargetRole, ...]
    verdicts: int
    onset: Interval | None = None
    end: Interval | None = None
    witnesses: int = 0
    """Independent witnesses of this mechanism; 0 in what an earlier version kept: not known."""
    rate: RateShare | None = None
    """Of what holds a rate down; ``None`` of anything else."""
    flows: FlowShare | None = None
    """Of what acts on a share of the connections; ``None`` where all of every series failed, or none were counted."""


class OtherPath(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What became of one part by way of a proxy, in the minutes in which it failed directly."""

    role: TargetRole
    works: bool
    """Whether two witnesses reached it so; else two did not, by way of a proxy that works."""


class ReferenceCount(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What the references saw of the same endpoints in the incident's window."""

    ok: int = 0
    failed: int = 0
    countries_ok: tuple[str, ...] = ()
    witnesses_ok: int = 0
    witnesses_failed: int = 0
    """Of these, those that no common network or host makes one (witnesses.py); 0 in what an earlier version kept."""
    countries_failed: tuple[str, ...] = ()
    """Where references failed and none reached it."""
    countries_dark: tuple[str, ...] = ()
    """Where we have references of which nothing came in the window."""
    countries_withheld: bool = False
    """There are others, which the public view does not name."""


class ProviderTimes(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """When an incident began and ended on one provider."""

    asn: int
    onset: Interval
    end: Interval | None = None
    witnesses: int = 0


class Weighed(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One hypothesis with its probability; for the operator."""

    hypothesis: str
    """A word of hypotheses.Hypothesis; text, so that what a newer version weighed can be read."""
    probability: float


class Reason(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What one group of results said of the first hypothesis against the second; for the operator."""

    group: str
    ok: float
    n: float
    """Effective numbers."""
    nats: float


class Incident(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One event on one service in one country (``**`` for the world)."""

    id: str
    """Stable: derived from kind, country, service and onset."""
    kind: IncidentKind
    state: IncidentState
    country: str
    service: str
    roles: tuple[TargetRole, ...]
    layers: tuple[str, ...] = ()
    onset: Interval
    end: Interval | None = None
    scope: IncidentScope = IncidentScope()
    mechanisms: tuple[MechanismShare, ...] = ()
    locality: Locality = Locality.UNKNOWN
    references: ReferenceCount = ReferenceCount()
    grade: str = ""
    """A, B, C or empty (attribution.md 2.5)."""
    score: float = 0.0
    """Largest log R of its episodes (detect/evalue.py), in nats: log odds of a block against chance."""
    evidence: tuple[str, ...] = ()
    """Measurement ids, strongest first, at most 20."""
    group: str = ""
    """Id shared by incidents whose onsets coincide (attribution.md 2.6)."""
    group_llr: float | None = None
    opened_at: float = 0.0
    """When the detector opened it, on the collector's clock."""
    closed_at: float | None = None
    recurrences: int = 0
    duty_cycle: float | None = None
    """Share of bins that failed, where the block went on and off."""
    rules_version: str = ""
    revision: int = 1
    """Grows with each change; what was said before is kept."""
    witnesses: int = 0
    """Independent witnesses: operators whose probes saw it where at least two did, else 1. What an earlier version kept
    has 0 until the store has asked what can be known of it, and UNTOLD where that is nothing."""
    families: tuple[int, ...] = ()
    """IP versions over which it failed; empty in what an earlier version kept: not known."""
    spared_family: bool = False
    """The same parts worked over the other IP version meanwhile."""
    providers: tuple[ProviderTimes, ...] = ()
    """Beginning and end on each affected provider, the first first; empty in what an earlier version kept."""
    claimed: bool = True
    """Whether, all hypotheses weighed, enough speaks for it to be told: not what is our own side's, nor what of a
    service is the line's (whose own incident tells it), nor a silence that electricity explains as well."""
    other_path: tuple[OtherPath, ...] = ()
    """The parts that were asked by way of a proxy; of one that is not among them nobody knows."""
    forged: bool = False
    """Two witnesses' evidence holds a packet or an answer that the service cannot have sent."""
    hypotheses: tuple[Weighed, ...] = ()
    """The two likeliest of what may have happened."""
    reasons: tuple[Reason, ...] = ()
    """What told the first from the second, the strongest first."""

    @property
    def rolled_out(self) -> bool:
        """Whether it reached its providers one after another: no one moment is in all of their beginnings."""
        begun = [one.onset for one in self.providers if one.onset.earliest is not None]
        if len(begun) < 2:
            return False
        return max(one.earliest or 0.0 for one in begun) - min(one.latest for one in begun) > ROLL_OUT

    @property
    def doubtful(self) -> bool:
        """Whether something fails and it is not known whether the network or the service does it.

        Only of interference; *blocked*, and *interference measured*, are words for grades A and B.
        """
        return self.kind is IncidentKind.INTERFERENCE and self.grade not in {"A", "B"}

    @property
    def confirmed(self) -> bool:
        """Whether independent witnesses confirm it, going on, standing or ended: nothing else is told to anybody.

        What several saw and hypotheses do not bear out is no finding either.
        """
        return self.witnesses >= WITNESSES and self.claimed and self.kind is not IncidentKind.OWN_FAULT


def as_json(one: Incident) -> dict[str, Any]:
    """Return an incident for a program, with its answer to ``confirmed``."""
    return {**msgspec.to_builtins(one), "confirmed": one.confirmed}
