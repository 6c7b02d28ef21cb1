"""What the collector said, as far as a scenario asks: incidents and verdicts decoded from its JSON.

Lives here: the fields that expectations and results read, with the collector's own names (its JSON is the seam: the lab
imports neither agent nor collector). Fields this file does not name are passed on untouched in the result. Must not
live here: comparison (expect) or asking (runner).
"""

import msgspec


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


class FoundMechanism(msgspec.Struct, frozen=True, kw_only=True):
    """One mechanism of an incident."""

    mechanism: str
    asns: tuple[int, ...] = ()
    roles: tuple[str, ...] = ()
    verdicts: int = 0


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
    providers: tuple[FoundProvider, ...] = ()
    confirmed: bool = True
    """Whether independent witnesses confirm it. An earlier collector does not say it."""


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
