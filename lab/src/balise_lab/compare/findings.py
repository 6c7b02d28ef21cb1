"""What the collector said, as far as a scenario asks: incidents and verdicts decoded from its JSON.

Lives here: the fields that expectations and results read, with the collector's own names (its JSON is the seam: the lab
imports neither agent nor collector). Fields this file does not name are passed on untouched in the result. Must not
live here: comparison (expect) or asking (runner).
"""

from typing import Final

import msgspec

OWN_FAULT: Final = "own_fault"
UNPUBLISHED: Final = frozenset({"unconfirmed", "withdrawn"})
"""States of incidents that are no finding: one probe only, or taken back by late data."""


class FoundInterval(msgspec.Struct, frozen=True, kw_only=True):
    """A moment between two observations, UNIX seconds."""

    earliest: float | None = None
    latest: float
    staggered: bool = False
    masked: bool = False


class FoundProvider(msgspec.Struct, frozen=True, kw_only=True):
    """When it began and ended on one provider."""

    asn: int
    onset: FoundInterval
    end: FoundInterval | None = None


class FoundScope(msgspec.Struct, frozen=True, kw_only=True):
    """AS numbers affected, clean and not measured."""

    affected: tuple[int, ...] = ()
    clean: tuple[int, ...] = ()
    not_measured: tuple[int, ...] = ()


class FoundRate(msgspec.Struct, frozen=True, kw_only=True):
    """At what rate what is slowed comes."""

    kbps: float


class FoundMechanism(msgspec.Struct, frozen=True, kw_only=True):
    """One mechanism of an incident."""

    mechanism: str
    asns: tuple[int, ...] = ()
    roles: tuple[str, ...] = ()
    verdicts: int = 0
    rate: FoundRate | None = None


class FoundHypothesis(msgspec.Struct, frozen=True, kw_only=True):
    """What may have happened, in a word of the collector's."""

    hypothesis: str


class FoundPath(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one part by way of a proxy."""

    role: str
    works: bool


class FoundIncident(msgspec.Struct, frozen=True, kw_only=True):
    """One incident."""

    id: str
    kind: str
    state: str
    country: str
    service: str
    roles: tuple[str, ...] = ()
    onset: FoundInterval
    end: FoundInterval | None = None
    scope: FoundScope = FoundScope()
    mechanisms: tuple[FoundMechanism, ...] = ()
    locality: str = "unknown"
    grade: str = ""
    opened_at: float = 0.0
    """UNIX seconds on the collector's clock."""
    duty_cycle: float | None = None
    families: tuple[int, ...] = ()
    """IP versions over which it failed."""
    spared_family: bool = False
    """The same parts worked over the other one."""
    providers: tuple[FoundProvider, ...] = ()
    other_path: tuple[FoundPath, ...] = ()
    confirmed: bool = True
    """Whether independent witnesses confirm it. An earlier collector does not say it."""
    hypotheses: tuple[FoundHypothesis, ...] = ()
    """The likeliest first."""

    @property
    def likeliest(self) -> str:
        """The word of what most probably happened; empty where nothing is told of it."""
        return self.hypotheses[0].hypothesis if self.hypotheses else ""

    @property
    def told(self) -> bool:
        """Whether anybody is told: what is our own side's fault the operator alone is, and nobody confirms it."""
        return self.state not in UNPUBLISHED and (self.confirmed or self.kind == OWN_FAULT)

    @property
    def family(self) -> str:
        """Over which IP version alone it is told: ``4`` or ``6``; ``both``: over no one alone."""
        return str(self.families[0]) if len(self.families) == 1 and self.spared_family else "both"


class FoundNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """Where a probe's line stands."""

    country: str = ""
    asn: int = 0


class FoundVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict."""

    probe: str
    network: FoundNetwork = FoundNetwork()
    reference: bool = False
    service: str
    role: str
    target: str
    layer: str
    design: str = ""
    at: float
    since: float
    state: str
    rule: str = ""
    mechanism: str | None = None
    reason: str = ""


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found."""

    incidents: tuple[FoundIncident, ...] = ()
    verdicts: tuple[FoundVerdict, ...] = ()


_decoder = msgspec.json.Decoder(Findings)


def decode_findings(data: bytes) -> Findings:
    """Read what ``balise-collector incidents --json --verdicts`` printed.

    Raises:
        msgspec.DecodeError: the collector printed something else.
    """
    return _decoder.decode(data)
